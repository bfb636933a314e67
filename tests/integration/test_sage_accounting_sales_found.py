"""Which document of the sandbox's books is a Membri invoice, and what is told before sending."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Found, Lookup, RemoteRef
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    an_account,
    an_invoice,
    rejected,
    unique,
)
from tests.integration.sage_accounting_books import billed, by_hand, customer, lines, row

pytest_plugins = ["tests.fixtures_sage_accounting"]


def test_an_invoice_made_by_hand_with_the_same_amounts_is_adopted(bench: SageBench) -> None:
    account, ref = customer(bench)
    invoice = an_invoice(account, "100.00")
    made = by_hand(bench, ref, invoice.number)
    receipt = bench.system.transfer(Delivery(invoice, ref).task())
    assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, made)


def test_two_documents_of_one_number_are_ambiguous(bench: SageBench) -> None:
    account, ref = customer(bench)
    number = f"D-{unique()}"
    ids = [by_hand(bench, ref, number) for _ in range(2)]
    lookup = Lookup(an_invoice(account).entity, "x", number=number, customer=ref)
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(lookup)
    assert all(one in refusal[0].detail for one in ids)
    with rejected(Reason.DUPLICATE_NUMBER):
        bench.system.transfer(Delivery(an_invoice(account, number=number), ref).task())


def test_the_number_of_another_membri_invoice_is_refused_and_named(bench: SageBench) -> None:
    ref, invoice, _ = billed(bench, "100.00")
    twin = an_invoice(invoice.account, "100.00", number=invoice.number)
    with rejected(Reason.DUPLICATE_NUMBER):
        bench.system.transfer(Delivery(twin, ref).task())
    found = bench.system.find(Delivery(twin, ref).lookup)
    assert found is not None
    assert found.differences == (f"it is the Membri invoice {invoice.id}",)


def test_a_number_corrected_while_the_answer_was_lost_makes_no_second_invoice(
    bench: SageBench,
) -> None:
    account, ref = customer(bench)
    invoice = an_invoice(account, "100.00")
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="sales_invoices")
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, ref).attempt(bench.system)
    corrected = invoice.model_copy(
        update={"number": f"{invoice.number}-B", "date": invoice.date.replace(day=20)}
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(corrected, ref).attempt(bench.restarted())
    assert f"number: Sage {invoice.number} ≠ Membri {corrected.number}" in refusal[0].detail
    assert "date: Sage 2026-03-14 ≠ Membri 2026-03-20" in refusal[0].detail
    assert bench.held(invoice).count == 1


def test_another_customers_number_is_no_obstacle(bench: SageBench) -> None:
    _, invoice, _ = billed(bench)
    account, ref = customer(bench)
    receipt = bench.system.transfer(
        Delivery(an_invoice(account, number=invoice.number), ref).task()
    )
    assert receipt.action is Action.CREATED


def test_void_documents_and_drafts_are_not_there(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    bench.accountant(resource="sales_invoices", id=made.remote_id, action="void", reason="x")
    for lookup in (
        Delivery(invoice, ref).lookup,
        Lookup(invoice.entity, invoice.id, remote_id=made.remote_id),
        Lookup(invoice.entity, invoice.id, reference=invoice.number, customer=ref),
    ):
        assert bench.system.find(lookup) is None
    by_hand(bench, ref, "BROUILLON")
    (draft,) = [one for one in bench.rows("sales_invoices") if one["reference"] == "BROUILLON"]
    store = bench.sandbox.store
    kept = store.get(bench.books.kind("sales_invoices"), draft["id"])
    store.put(bench.books.kind("sales_invoices"), draft["id"], {**kept, "state": "DRAFT"})
    lookup = Lookup(invoice.entity, "x", number="BROUILLON", customer=ref)
    assert bench.system.find(lookup) is None


def test_sages_own_number_or_id_may_be_typed(bench: SageBench) -> None:
    account, ref = customer(bench)
    made = by_hand(bench, ref, "")
    number = row(bench, RemoteRef(made, ""))["invoice_number"]
    record = an_invoice(account, "100.00")

    def found(reference: str, holder: RemoteRef | None) -> Found | None:
        lookup = Lookup(
            record.entity, record.id, reference=reference, record=record, customer=holder
        )
        return bench.system.find(lookup)

    for typed in (number, made):
        linked = found(typed, ref)
        assert linked is not None
        assert linked.ref == RemoteRef(made, number)
        assert (linked.by_marker, linked.differences) == (False, ())
    by_id = found(made, None)
    assert by_id is not None
    assert found("SI-999999", ref) is None
    assert found("SI-999999", None) is None


def test_an_invoice_of_somebody_else_differs(bench: SageBench) -> None:
    _, invoice, made = billed(bench)
    _, other = customer(bench)
    lookup = Lookup(
        invoice.entity, invoice.id, remote_id=made.remote_id, record=invoice, customer=other
    )
    found = bench.system.find(lookup)
    assert found is not None
    assert other.remote_id in found.differences[0]


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"number": "n" * 26}, Reason.TOO_LONG, "number"),
        ({"description": "d" * 1801}, Reason.TOO_LONG, "description"),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        ({"lines": (), "total": "14.98"}, Reason.MISSING_FIELD, "lines"),
        ({"date": "2014-12-31"}, Reason.CLOSED_PERIOD, "date"),
        (
            lines({"amount": "-1.00"}, gst="0", qst="0"),
            Reason.AMOUNT_NOT_POSITIVE,
            "total",
        ),
        (
            lines({"amount": "1.00", "gst": "1.00"}, {"amount": "1.00"}, gst="1.00", qst="2.00"),
            Reason.TOTALS_DIFFER,
            "qst",
        ),
    ],
)
def test_what_sage_would_refuse_is_told_before(
    bench: SageBench, values: dict[str, Any], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_invoice(an_account(), **values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_a_date_before_the_accounts_start_tells_both(bench: SageBench) -> None:
    (problem,) = bench.system.check(an_invoice(an_account(), date="2014-12-31"))
    assert "2014-12-31 < 2015-01-01" in problem.detail


@pytest.mark.parametrize(
    ("accounts", "reason", "words"),
    [
        ({"default_income": ""}, Reason.UNKNOWN_ACCOUNT, "set accounts.default_income"),
        ({"default_income": "9999"}, Reason.UNKNOWN_ACCOUNT, "accounts.default_income = '9999'"),
        ({"tax_codes": {"taxable": "x"}}, Reason.UNKNOWN_TAX, "tax_codes.taxable = 'x'"),
    ],
)
def test_what_the_settings_name_wrongly_is_told(
    bench: SageBench, accounts: dict[str, Any], reason: Reason, words: str
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    problems = bench.restarted().check(an_invoice(an_account()))
    assert [p.reason for p in problems] == [reason]
    assert words in problems[0].detail


def test_accounts_may_be_named_by_code_or_name(bench: SageBench) -> None:
    for value in ("4000", "Cotisations", "Cotisations (4000)"):
        bench.accounts = ACCOUNTS.model_copy(update={"default_income": value})
        assert list(bench.restarted().check(an_invoice(an_account()))) == []


def test_a_correction_in_the_books_is_seen_within_half_a_minute(bench: SageBench) -> None:
    bench.close_until(DAY)
    invoice = an_invoice(an_account())
    assert [p.reason for p in bench.system.check(invoice)] == [Reason.CLOSED_PERIOD]
    bench.accountant(closed_until=None)
    bench.time.sleep(31)
    assert list(bench.system.check(invoice)) == []
