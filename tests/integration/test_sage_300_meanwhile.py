"""Crashes, second versions and people at work between two steps on the simulated Sage 300.

Whatever happens meanwhile, nothing is in the books twice, nothing is lost, nothing of ours stands
that anybody could post (reference page, sections 5, 6, 7 and 10).
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import RemoteRef
from consumers.systems._keys import entry_number
from consumers.systems.sage_300.markers import marker
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice, Record
from tests.contracts.conformance_sage_300 import ACCOUNTS, Sage300Bench
from tests.contracts.conformance_world import Delivery, Killed, rejected
from tests.integration.sage_300_books import (
    INVOICES,
    JOURNALS,
    RECEIPTS,
    Meanwhile,
    batches,
    books,
    delete_live,
    left_at,
    live,
    own,
    paid_by_hand,
    to_bill,
    to_credit,
    to_enter,
    to_pay,
)

pytest_plugins = ["tests.fixtures_sage_300"]
LATER = dt.date(2026, 5, 29)
MARCH = {"modules": ["GL"], "year": "2026", "periods": [3]}


def locking(bench: Sage300Bench, path: str) -> None:
    """Somebody holds what is changed next there, after one more change of ours."""
    message = {"lang": "en-US", "value": "The batch is locked by another user."}
    body = json.dumps({"error": {"code": "General", "message": message}})
    order = {"kind": "status", "status": 409, "method": "PATCH", "path": path}
    bench.sandbox.faults.arm(**order, body=body, skip=1)


# --- error batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["locked", "killed before", "killed after"])
def test_an_error_batch_that_was_not_set_aside_yet_is_met_again_before_anything_is_sent(
    bench: Sage300Bench, how: str
) -> None:
    delivery = to_enter()

    def meanwhile() -> None:
        bench.accountant(lock=MARCH)
        if how == "locked":
            locking(bench, JOURNALS)
        else:  # when it is forgotten that the batch failed
            delivery.steps.dies_at, delivery.steps.kept = 0, how == "killed after"

    delivery.steps = Meanwhile(then=meanwhile)
    with pytest.raises((OutcomeUnknown, Killed)):
        bench.system.transfer(delivery.task())
    bench.accountant(closed_until=None)
    if how != "killed after":
        with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
            delivery.attempt(bench.restarted())
        assert "error batch" in refusal[0].detail
        assert "delete it" not in refusal[0].detail  # nothing is left to do there
    assert live(bench) == []
    assert bench.held(delivery.record).count == 0
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_a_batch_that_a_person_typed_meanwhile_is_not_taken_for_the_error_batch(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench, "100.00")
    line = {"RevenueAccount": "4300", "ExtendedAmountWithTIP": Decimal(7)}
    typed = {
        "CustomerNumber": delivery.customer.remote_id,  # type: ignore[union-attr]  # to_bill gives one
        "DocumentNumber": delivery.record.number,  # type: ignore[union-attr]  # an invoice
        "InvoiceDetails": [line],
        "post": False,
    }
    theirs: list[Any] = []

    def meanwhile() -> None:
        theirs.append(bench.accountant(invoice=typed)["BatchNumber"])
        bench.accountant(lock=MARCH)

    delivery.steps = Meanwhile(then=meanwhile)
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(delivery.task())
    assert books(bench).get(INVOICES, theirs[0])["BatchStatus"] == "Open"
    (batch,) = own(bench, delivery)
    (error,) = [r for r in bench.rows(INVOICES) if r.get("_errors_of") == batch["BatchNumber"]]
    assert error["BatchStatus"] == "Deleted"
    assert f"error batch {error['BatchNumber']}" in refusal[0].detail


def test_where_two_batches_may_be_the_error_batch_none_is_touched_and_both_are_named(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench, "100.00")
    line = {"RevenueAccount": "4100", "ExtendedAmountWithTIP": Decimal(100)}
    typed = {
        "CustomerNumber": delivery.customer.remote_id,  # type: ignore[union-attr]  # to_bill gives one
        "DocumentNumber": delivery.record.number,  # type: ignore[union-attr]  # an invoice
        "InvoiceDetails": [line],
        "post": False,
    }

    def meanwhile() -> None:
        bench.accountant(invoice=typed)
        bench.accountant(lock=MARCH)

    delivery.steps = Meanwhile(then=meanwhile)
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(delivery.task())
    standing = [row for row in bench.rows(INVOICES) if row["BatchStatus"] == "Open"]
    assert len(standing) == 2
    for row in standing:
        assert str(row["BatchNumber"]) in refusal[0].detail
    delete_live(bench)


def test_an_error_batch_that_a_person_made_ready_is_found_too(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)

    delivery.steps = Meanwhile(then=lambda: bench.accountant(lock=MARCH))
    locking(bench, INVOICES)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    (error,) = [r for r in bench.rows(INVOICES) if r.get("_errors_of") == batch["BatchNumber"]]
    order = {"resource": INVOICES, "key": [error["BatchNumber"]], "action": "ready"}
    bench.accountant(batch=order)
    with rejected(Reason.CLOSED_PERIOD):
        delivery.attempt(bench.restarted())
    assert live(bench) == []


def test_what_a_person_adds_to_our_entry_s_batch_is_not_compared_with_it(
    bench: Sage300Bench,
) -> None:
    delivery = to_enter()
    bench.sandbox.faults.arm(kind="drop_before", method="POST", path="process")
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    (batch,) = batches(bench, JOURNALS, marker("journal_entry", delivery.record.id))
    key = [batch["BatchNumber"]]
    bench.accountant(batch={"resource": JOURNALS, "key": key, "action": "open"})
    lines = [
        {"AccountNumber": account, "Amount": Decimal(amount), "Reference": "À LA MAIN"}
        for account, amount in (("4100", "5.00"), ("4200", "-5.00"))
    ]
    header = {"SourceLedger": "GL", "SourceType": "JE", "JournalDetails": lines}
    header |= {"PostingDate": "2026-03-14", "UpdateOperation": "Insert"}
    bench.accountant(edit={"resource": JOURNALS, "key": key, "set": {"JournalHeaders": [header]}})
    bench.accountant(batch={"resource": JOURNALS, "key": key, "action": "post"})
    ref = RemoteRef(batch["BatchNumber"], entry_number(delivery.record.id))
    assert delivery.attempt(bench.restarted()).ref == ref
    known = delivery.lookup
    found = bench.system.find(type(known)(**{**vars(known), "remote_id": ref.remote_id}))
    assert found is not None
    assert (found.ref, found.by_marker, found.differences) == (ref, True, ())


# --- second versions ----------------------------------------------------------------------------


def changed(delivery: Delivery, **values: Any) -> Record:
    return delivery.record.model_copy(update=values)


@pytest.mark.parametrize("values", [{"date": LATER}, {"type": "membership"}], ids=["date", "type"])
def test_an_unposted_invoice_of_an_earlier_date_or_account_is_replaced(
    bench: Sage300Bench, values: dict[str, Any]
) -> None:
    delivery = to_bill(bench, "100.00")
    left_at(bench, delivery, "ready")
    delivery.record = changed(delivery, **values)
    delivery.attempt(bench.restarted())
    assert [batch["BatchStatus"] for batch in own(bench, delivery)] == ["Deleted", "Posted"]
    (entry,) = own(bench, delivery)[-1]["Invoices"]
    invoice = delivery.record
    assert isinstance(invoice, Invoice)
    account = ACCOUNTS.income_for(invoice.type)
    assert entry["DocumentDate"] == entry["PostingDate"] == invoice.date.isoformat()
    assert entry["InvoiceDetails"][0]["RevenueAccount"] == account
    assert bench.held(invoice).count == 1


def test_an_unposted_receipt_of_an_earlier_date_is_replaced(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    bench.sandbox.faults.arm(kind="drop_before", method="PATCH", path=RECEIPTS)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    delivery.record = changed(delivery, date=LATER)
    delivery.attempt(bench.restarted())
    kept = batches(bench, RECEIPTS, marker("payment", delivery.record.id))
    assert [batch["BatchStatus"] for batch in kept] == ["Deleted", "Posted"]
    assert kept[-1]["ReceiptsAdjustments"][0]["PostingDate"] == LATER.isoformat()
    assert bench.held(delivery.record).count == 1


@pytest.mark.parametrize(
    ("what", "history"),
    # An invoice whose batch was cleared bears no sign of ours any more.
    [("invoice", "kept"), *((w, h) for w in ("payment", "entry") for h in ("kept", "cleared"))],
)
def test_what_was_posted_with_an_earlier_date_differs_and_is_not_sent_twice(
    bench: Sage300Bench, what: str, history: str
) -> None:
    made = {"invoice": to_bill, "payment": to_pay, "entry": lambda _: to_enter()}
    delivery = made[what](bench)
    bench.system.transfer(delivery.task())
    posted = len(bench.rows(_POSTED[what]))
    bench.accountant(clear_history=history == "cleared")
    delivery.record = changed(delivery, date=LATER)
    for attempt in (
        lambda: delivery.attempt(bench.restarted()),
        lambda: bench.system.transfer(delivery.task()),
    ):
        with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
            attempt()
        assert "2026-03-14" in refusal[0].detail
        assert LATER.isoformat() in refusal[0].detail
    assert len(bench.rows(_POSTED[what])) == posted
    assert live(bench) == []


_POSTED = {
    "invoice": "ARPostedDocuments",
    "payment": "ARPostedReceipts",
    "entry": "GLPostedTransactions",
}


def test_an_unposted_invoice_of_an_earlier_number_says_what_to_do_and_goes_after_it(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    (batch,) = own(bench, delivery)
    delivery.record = changed(delivery, number="F-AUTRE")
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.restarted())
    assert f"batch {batch['BatchNumber']}" in refusal[0].detail
    assert "delete it in Sage 300, then send again" in refusal[0].detail
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": "delete"}
    bench.accountant(batch=order)
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_a_batch_deleted_just_before_it_is_posted_is_told_once(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "post")
    (batch,) = own(bench, delivery)
    nothing = {"kind": "status", "status": 200, "method": "POST", "path": "process"}
    bench.sandbox.faults.arm(**nothing)  # says yes, as always, and posts nothing
    gone = json.dumps({**_plain(batch), "BatchStatus": "Deleted"})
    look = {"kind": "status", "status": 200, "method": "GET", "path": rf"{INVOICES}\("}
    bench.sandbox.faults.arm(**look, body=gone, skip=1)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.restarted().transfer(delivery.task())
    assert "Deleted" in refusal[0].detail
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": "delete"}
    bench.accountant(batch=order)
    assert delivery.attempt(bench.restarted()).action is Action.CREATED


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(row, default=str))  # type: ignore[no-any-return]  # plain JSON


@pytest.mark.parametrize("what", ["invoice", "payment", "entry"])
def test_a_person_s_posting_between_two_steps_is_as_good_as_ours(
    bench: Sage300Bench, what: str
) -> None:
    made = {"invoice": to_bill, "payment": to_pay, "entry": lambda _: to_enter()}
    delivery = made[what](bench)

    def by_hand() -> None:
        resource = {"invoice": INVOICES, "payment": RECEIPTS, "entry": JOURNALS}[what]
        (batch,) = [row for row in bench.rows(resource) if row["Description"] == mark]
        key = [batch[name] for name in ("BatchRecordType", "BatchNumber") if name in batch]
        bench.accountant(batch={"resource": resource, "key": key, "action": "post"})

    mark = marker("journal_entry" if what == "entry" else what, delivery.record.id)
    delivery.steps = Meanwhile(then=by_hand)
    assert bench.system.transfer(delivery.task()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1
    assert live(bench) == []


def test_a_person_s_deletion_between_two_steps_is_told_once(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)

    def by_hand() -> None:
        (batch,) = own(bench, delivery)
        order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": "delete"}
        bench.accountant(batch=order)

    delivery.steps = Meanwhile(then=by_hand)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "is Deleted and was not posted" in refusal[0].detail
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


# --- credit notes -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["open", "ready"])
def test_an_application_that_nothing_is_left_for_is_cleared_away(
    bench: Sage300Bench, step: str
) -> None:
    delivery = to_credit(bench)
    method, path = {"open": ("PATCH", RECEIPTS), "ready": ("POST", "ARPostReceipts")}[step]
    bench.sandbox.faults.arm(kind="drop_before", method=method, path=path)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    assert len(live(bench)) == 1
    paid_by_hand(bench, delivery, "14.98")
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
    assert live(bench) == []
    assert bench.held(delivery.record).balance == Decimal("114.98")
    assert bench.applications(delivery.record) == 0


def test_what_an_application_needs_is_looked_at_before_the_credit_is_posted(
    bench: Sage300Bench,
) -> None:
    delivery = to_credit(bench)
    bench.accounts = ACCOUNTS.model_copy(update={"deposit": ""})
    with rejected(Reason.UNKNOWN_ACCOUNT):
        bench.restarted().transfer(delivery.task())
    bench.accounts = ACCOUNTS
    bench.accountant(lock={**MARCH, "modules": ["BK"]})
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.restarted().transfer(delivery.task())
    assert "Bank Services" in refusal[0].detail
    assert own(bench, delivery) == []


# --- what a version may not name ----------------------------------------------------------------


def test_a_version_whose_posted_documents_do_not_name_their_batch_is_no_duplicate(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "post")
    (batch,) = own(bench, delivery)
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": "post"}
    bench.accountant(batch=order)
    invoice = delivery.record
    assert isinstance(invoice, Invoice)
    key = (batch["Invoices"][0]["CustomerNumber"], invoice.number)
    row = {**books(bench).get("ARPostedDocuments", *key)}
    answer = json.dumps({"value": [{n: v for n, v in _plain(row).items() if n != "BatchNumber"}]})
    nothing = json.dumps({"value": []})
    order = {"kind": "status", "status": 200, "method": "GET", "path": "ARPostedDocuments"}
    bench.sandbox.faults.arm(**order, body=nothing)
    bench.sandbox.faults.arm(**order, body=answer)
    assert bench.restarted().transfer(delivery.task()).ref.reference == invoice.number
