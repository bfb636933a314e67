"""Journal entries of deferred revenue in the sandbox's books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.system import Lookup, RemoteRef
from consumers.systems._keys import entry_number
from consumers.systems.sage_accounting.markers import marker
from ops.sandbox.sage_accounting.company import DEFERRED, DUES, EVENTS, RECEIVABLE
from schemas.reasons import Reason
from schemas.records import Account, Invoice
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench
from tests.contracts.conformance_world import (
    Delivery,
    a_journal_entry,
    an_account,
    an_invoice,
    rejected,
)

pytest_plugins = ["tests.fixtures_sage_accounting"]


def billed(bench: SageBench, net: str = "100.00") -> tuple[Account, RemoteRef, Invoice, RemoteRef]:
    account = an_account()
    customer = Delivery(account).attempt(bench.system).ref
    invoice = an_invoice(account, net)
    return account, customer, invoice, Delivery(invoice, customer).attempt(bench.system).ref


def row(bench: SageBench, resource: str, ref: RemoteRef) -> dict[str, Any]:
    (found,) = [one for one in bench.rows(resource) if one["id"] == ref.remote_id]
    return found


def test_an_entry_has_both_sides_on_every_line(bench: SageBench) -> None:
    account, customer, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice)
    made = Delivery(entry, customer).attempt(bench.system).ref
    held = row(bench, "journals", made)
    assert held["reference"] == made.reference == entry_number(entry.id)
    assert held["description"] == f"{invoice.number} 1/12 {marker('journal_entry', entry.id)}"
    debit, credit = held["journal_lines"]
    assert (debit["ledger_account"]["id"], debit["debit"], debit["credit"]) == (
        *(DEFERRED, "8.33"),
        "0.0",
    )
    assert (credit["ledger_account"]["id"], credit["debit"], credit["credit"]) == (
        *(DUES, "0.0"),
        "8.33",
    )
    assert not debit["include_on_tax_return"]
    assert debit["details"] == f"{invoice.number} 1/12"


def test_earned_revenue_may_have_its_own_account(bench: SageBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"earned_revenue": "4010"})
    bench.restarted()
    account, customer, invoice, _ = billed(bench)
    made = Delivery(a_journal_entry(account, invoice), customer).attempt(bench.system).ref
    assert row(bench, "journals", made)["journal_lines"][1]["ledger_account"]["id"] == EVENTS


def test_a_long_description_never_cuts_our_marker(bench: SageBench) -> None:
    account, customer, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice).model_copy(
        update={"id": "e" * 64, "description": "Cotisation " * 30}
    )
    delivery = Delivery(entry, customer)
    made = delivery.attempt(bench.system).ref
    held = row(bench, "journals", made)
    assert len(held["description"]) <= 200
    assert held["description"].endswith(marker("journal_entry", "e" * 64))
    found = delivery.look(bench.restarted())
    assert found is not None
    assert found.by_marker


def test_an_entry_is_found_by_id_by_typed_id_and_by_paging(bench: SageBench) -> None:
    account, customer, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice)
    made = Delivery(entry, customer).attempt(bench.system).ref
    for lookup in (
        Lookup(entry.entity, entry.id),
        Lookup(entry.entity, entry.id, record=entry),
        Lookup(entry.entity, "x", remote_id=made.remote_id),
        Lookup(entry.entity, "x", reference=made.remote_id, record=entry),
    ):
        found = bench.system.find(lookup)
        assert found is not None
        assert found.ref == made
        assert found.differences == ()
    assert bench.system.find(Lookup(entry.entity, "x", record=entry)) is None
    other = entry.model_copy(update={"amount": Decimal("9.00")})
    differing = bench.system.find(Lookup(entry.entity, entry.id, record=other))
    assert differing is not None
    assert differing.differences == ("total: Sage 8.33 ≠ Membri 9.00",)


def test_an_entry_that_comes_out_wrong_is_deleted(bench: SageBench) -> None:
    account, customer, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice)
    made = Delivery(entry, customer).attempt(bench.system).ref
    answer = (
        f'{{"id": "{made.remote_id}", "created_at": "2100-01-01T00:00:00Z", "journal_lines":'
        ' [{"debit": "8.33", "credit": "0.0"}, {"debit": "0.0", "credit": "8.30"}]}'
    )
    bench.sandbox.faults.arm(kind="status", method="POST", path="journals", status=201, body=answer)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(entry, customer).task())
    assert "0.03 ≠ Membri 8.33; the Sage journal was deleted again" in refusal[0].detail
    assert bench.held(entry).count == 0


def test_a_refused_entry_keeps_sages_words(bench: SageBench) -> None:
    bench.options.change({"future_journals": "refuse"})
    account, customer, invoice, _ = billed(bench)
    tomorrow = bench.time.now().date().replace(year=bench.time.now().year + 1)
    entry = a_journal_entry(account, invoice).model_copy(update={"date": tomorrow})
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(Delivery(entry, customer).task())
    assert refusal[0].field == "date"
    bench.options.change({"future_journals": "accept"})
    Delivery(entry, customer).attempt(bench.system)
    assert bench.held(entry).count == 1


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ({"deferred_revenue": ""}, "accounts.deferred_revenue = ''"),
        ({"deferred_revenue": RECEIVABLE}, "it is a control account"),
        ({"default_income": "nope"}, "accounts.default_income = 'nope'"),
        ({"earned_revenue": "1060"}, "accounts.earned_revenue = '1060'"),
    ],
)
def test_accounts_that_journals_may_not_use_are_told(
    bench: SageBench, accounts: dict[str, Any], words: str
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    entry = a_journal_entry(an_account(), an_invoice(an_account()))
    (problem,) = bench.restarted().check(entry)
    assert problem.reason is Reason.UNKNOWN_ACCOUNT
    assert words in problem.detail


def test_an_entry_of_nothing_is_told(bench: SageBench) -> None:
    entry = a_journal_entry(an_account(), an_invoice(an_account()))
    nothing = entry.model_copy(update={"amount": Decimal("0.00"), "currency": "USD"})
    assert [p.field for p in bench.system.check(nothing)] == ["currency", "amount"]
