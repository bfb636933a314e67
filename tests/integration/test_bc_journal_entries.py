"""Journal entries of Business Central: on their own date, posted once."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown, Rejected
from consumers.system import Lookup
from consumers.systems.business_central.faults import Bug
from consumers.systems.business_central.keys import batch_code, entry_number
from ops.sandbox.business_central.company import DEFERRED, DUES
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import (
    Delivery,
    a_journal_entry,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.bc_records import batches, billed, refused, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_an_entry_debits_the_deferred_account_on_its_own_date(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice)
    later = entry.model_copy(update={"id": f"{entry.id}-2", "date": dt.date(2026, 4, 30)})
    for one in (entry, later):
        ref = sent(bench.system, one, customer).ref
        assert ref.reference == entry_number(one.id)
    booked = {one.number: one for one in bench.books().entries}
    for one in (entry, later):
        held = booked[entry_number(one.id)]
        assert held.day == one.date
        assert held.lines == {DEFERRED: Decimal("8.33"), DUES: Decimal("-8.33")}
        assert held.note == f"{invoice.number} 1/12"
    assert batches(bench) == set()


def test_an_entry_whose_period_is_not_open_leaves_nothing_behind(
    bench: BusinessCentralBench,
) -> None:
    account, _, invoice, _ = billed(bench)
    bench.accountant(allow_posting_to="2026-03-31")
    entry = a_journal_entry(account, invoice).model_copy(update={"date": dt.date(2026, 5, 31)})
    problems = bench.restarted().check(entry)
    assert [(p.reason, p.field) for p in problems] == [(Reason.PERIOD_NOT_OPEN, "date")]
    with rejected(Reason.PERIOD_NOT_OPEN) as refusal:
        bench.system.transfer(Delivery(entry).task())
    assert "allowed posting dates" in refusal[0].detail
    assert batches(bench) == set()
    bench.accountant(closed_until="2026-05-31", allow_posting_to="0001-01-01")
    with rejected(Reason.CLOSED_PERIOD):
        bench.restarted().transfer(Delivery(entry).task())


def test_batches_of_a_template_are_made_and_found_there(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    system = bench.connector(journal_template="general")
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(system)
    (batch,) = [
        one for one in bench.dump()["_batches"] if one["code"] == batch_code(delivery.record.id)
    ]
    assert batch["templateDisplayName"] == "GENERAL"
    found = bench.connector(journal_template="GENERAL").find(delivery.lookup)
    assert found is not None
    assert found.unfinished
    assert delivery.attempt(system).action is Action.CREATED
    assert batches(bench) == set()
    with rejected(Reason.UNKNOWN_ACCOUNT) as refusal:
        sent(bench.connector(journal_template="NONE"), a_journal_entry(account, invoice))
    assert "journal_template" in refusal[0].detail


def test_a_process_killed_before_the_tidying_tidies_up_later(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    bench.sandbox.faults.arm(kind="drop_before", method="DELETE")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    assert batches(bench) == {batch_code(delivery.record.id)}
    found = bench.restarted().find(delivery.lookup)
    assert found is not None
    assert found.unfinished
    assert delivery.attempt(bench.system).action is Action.ADOPTED
    assert batches(bench) == set()


def test_after_a_yes_to_posting_no_line_is_ever_written_again(bench: BusinessCentralBench) -> None:
    """An empty batch and an empty ledger: another server node answers from an older state."""
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    empty = '{"value": []}'
    bench.sandbox.faults.arm(
        kind="status", status=200, body=empty, path="generalLedgerEntries", skip=2
    )
    with pytest.raises(OutcomeUnknown, match="does not show it yet"):
        delivery.attempt(bench.system)
    bench.sandbox.faults.arm(
        kind="status", status=200, body=empty, path="generalLedgerEntries", times=2
    )
    with pytest.raises(OutcomeUnknown, match="does not show it yet"):
        bench.restarted().transfer(delivery.task())
    bench.sandbox.faults.clear()
    assert delivery.attempt(bench.system).action is Action.ADOPTED
    assert bench.held(delivery.record).count == 1


def test_nothing_to_post_means_that_an_earlier_try_is_posting(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    refused(bench, "There is nothing to post.", path="NAV.post")
    with pytest.raises(OutcomeUnknown, match="nothing to post"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_an_entry_that_somebody_reversed_differs(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    ref = delivery.attempt(bench.system).ref
    books = bench.sandbox.companies.books(bench.connection().company_id)
    for line in books.find("generalLedgerEntries", "documentNumber", ref.reference):
        mirrored = {
            **{k: v for k, v in line.items() if k not in ("id", "@odata.etag")},
            "debitAmount": line["creditAmount"],
            "creditAmount": line["debitAmount"],
        }
        books.insert("generalLedgerEntries", mirrored)
    with pytest.raises(Rejected) as info:
        delivery.attempt(bench.system)
    assert info.value.reason is Reason.DIFFERS_FROM_BOOKS
    assert "0.00 ≠ Membri 8.33" in info.value.detail


def test_an_entry_is_found_by_its_number_typed_or_ours(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    entry = a_journal_entry(account, invoice)
    ref = sent(bench.system, entry).ref
    for lookup, mine in (
        (Lookup(entry.entity, "other", reference=ref.reference, record=entry), False),
        (Lookup(entry.entity, entry.id), True),
        (Lookup(entry.entity, entry.id, reference=ref.reference, record=entry), True),
    ):
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.by_marker) == (ref, mine)
    assert bench.system.find(Lookup(entry.entity, "other")) is None


def test_an_entry_needs_an_amount_and_two_accounts(bench: BusinessCentralBench) -> None:
    account = an_account()
    entry = a_journal_entry(account, an_invoice(account))
    nothing = entry.model_copy(update={"amount": Decimal(0), "currency": "USD"})
    reasons = [p.reason for p in bench.system.check(nothing)]
    assert reasons == [Reason.CURRENCY_NOT_SUPPORTED, Reason.AMOUNT_NOT_POSITIVE]
    kept = bench.accounts
    bench.accounts = kept.model_copy(update={"deferred_revenue": ""})
    try:
        (problem,) = bench.restarted().check(entry)
    finally:
        bench.accounts = kept
    assert problem.reason is Reason.UNKNOWN_ACCOUNT
    assert "accounts.deferred_revenue" in problem.detail


def test_an_entry_from_an_account_to_itself_is_refused_before_it_is_posted(
    bench: BusinessCentralBench,
) -> None:
    account = an_account()
    entry = a_journal_entry(account, an_invoice(account))
    kept = bench.accounts
    bench.accounts = kept.model_copy(update={"earned_revenue": DEFERRED})
    try:
        (problem,) = bench.restarted().check(entry)
        (told,) = [one for one in bench.system.check_settings() if one.reason and one.blocking]
    finally:
        bench.accounts = kept
    assert problem.reason is Reason.UNKNOWN_ACCOUNT
    assert DEFERRED in problem.detail
    assert (told.setting, told.value) == ("accounts.earned_revenue", DEFERRED)


def test_a_batch_made_by_a_try_whose_answer_was_lost_is_used(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    body = {"error": {"code": "Internal_EntityWithSameKeyExists", "message": "exists"}}
    bench.sandbox.faults.arm(
        kind="status_after", status=400, method="POST", path="/journals$", body=json.dumps(body)
    )
    assert delivery.attempt(bench.system).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


@pytest.mark.parametrize("path", ["/journals$", "journalLines$"])
def test_a_step_that_is_refused_leaves_nothing_behind(
    bench: BusinessCentralBench, path: str
) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    refused(bench, "You do not have this permission here", method="POST", path=path)
    with rejected(Reason.REFUSED_BY_SYSTEM):
        delivery.attempt(bench.system)
    assert batches(bench) == set()


def test_a_posting_refused_as_our_own_bug_takes_the_batch_back(
    bench: BusinessCentralBench,
) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    refused(bench, "no", "BadRequest_InvalidRequestUrl", path="NAV.post")
    with pytest.raises(Bug):
        delivery.attempt(bench.system)
    assert batches(bench) == set()
