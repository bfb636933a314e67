"""What Sage 300 makes otherwise than Membri is set aside, and what breaks down is told.

Pitfalls of the reference page, sections 2, 5, 9 and 11.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown, Rejected
from consumers.systems._keys import entry_number
from consumers.systems.sage_300.markers import marker, set_aside_mark
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from tests.contracts.conformance_sage_300 import Sage300Bench
from tests.contracts.conformance_world import Delivery, rejected
from tests.integration.sage_300_books import (
    INVOICES,
    JOURNALS,
    RECEIPTS,
    Meanwhile,
    batches,
    books,
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


def off_by_one(delivery: Delivery) -> Delivery:
    record = delivery.record
    assert isinstance(record, Invoice)
    cent = Decimal("0.01")
    wrong = {"qst": record.qst + cent, "total": record.total + cent}
    delivery.record = record.model_copy(update=wrong)
    return delivery


def test_other_taxes_are_never_posted_and_their_batch_is_deleted(bench: Sage300Bench) -> None:
    delivery = off_by_one(to_bill(bench, "100.00"))
    with rejected(Reason.TAX_MISMATCH) as refusal:
        bench.system.transfer(delivery.task())
    for figure in ("114.98", "114.99", "14.98", "14.99", "TPS", "TVQ"):
        assert figure in refusal[0].detail
    (batch,) = own(bench, delivery)
    assert batch["BatchStatus"] == "Deleted"
    assert f"batch {batch['BatchNumber']} of Sage 300 was deleted" in refusal[0].detail
    assert live(bench) == []


def test_a_batch_that_cannot_be_deleted_is_renamed_so_that_nobody_posts_it(
    bench: Sage300Bench,
) -> None:
    bench.options.delete_by_status = False
    delivery = off_by_one(to_bill(bench, "100.00"))
    with rejected(Reason.TAX_MISMATCH) as refusal:
        bench.system.transfer(delivery.task())
    renamed = set_aside_mark(marker("invoice", delivery.record.id))
    assert own(bench, delivery) == []
    (batch,) = batches(bench, INVOICES, renamed)
    assert batch["BatchStatus"] == "Open"
    assert renamed in refusal[0].detail
    with rejected(Reason.REFUSED_BY_SYSTEM) as again:  # beside it, nothing is made
        delivery.attempt(bench.restarted())
    assert f"batch {batch['BatchNumber']}" in again[0].detail
    assert "delete it" in again[0].detail
    bench.options.delete_by_status = True
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": "delete"}
    bench.accountant(batch=order)


def test_an_error_batch_that_cannot_be_deleted_is_renamed_and_waits_for_a_person(
    bench: Sage300Bench,
) -> None:
    bench.options.delete_by_status = False
    delivery = to_enter()
    march = {"modules": ["GL"], "year": "2026", "periods": [3]}
    delivery.steps = Meanwhile(then=lambda: bench.accountant(lock=march))
    with rejected(Reason.CLOSED_PERIOD):
        bench.system.transfer(delivery.task())
    bench.accountant(closed_until=None)
    renamed = set_aside_mark(marker("journal_entry", delivery.record.id))
    (batch,) = batches(bench, JOURNALS, renamed)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        delivery.attempt(bench.restarted())
    assert f"batch {batch['BatchNumber']}" in refusal[0].detail
    order = {"resource": JOURNALS, "key": [batch["BatchNumber"]], "action": "post"}
    bench.accountant(batch=order)  # a person posts it all the same
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
    number = entry_number(delivery.record.id)
    rows = bench.rows("GLPostedTransactions")
    assert sum(row["JournalDetailReference"] == number for row in rows) == 2  # debit and credit


@pytest.mark.parametrize("what", ["payment", "application"])
def test_nothing_takes_the_place_of_a_batch_that_cannot_be_deleted(
    bench: Sage300Bench, what: str
) -> None:
    """Both could be posted, and Sage 300 takes the same receipt twice."""
    delivery = to_pay(bench) if what == "payment" else to_credit(bench)
    bench.sandbox.faults.arm(kind="drop_before", method="PATCH", path=RECEIPTS)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    bench.options.delete_by_status = False
    if what == "payment":
        later = dt.date(2026, 5, 29)
        delivery.record = delivery.record.model_copy(update={"date": later})
    else:
        paid_by_hand(bench, delivery, "14.98")
    (batch,) = batches(bench, RECEIPTS, marker(what, delivery.record.id))
    for _ in range(2):
        with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
            delivery.attempt(bench.restarted())
        assert f"batch {batch['BatchNumber']} stands open in Sage 300" in refusal[0].detail
        assert "delete it" in refusal[0].detail
        assert batches(bench, RECEIPTS, marker(what, delivery.record.id)) == [batch]
    key = [batch["BatchRecordType"], batch["BatchNumber"]]
    bench.accountant(batch={"resource": RECEIPTS, "key": key, "action": "delete"})
    delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 1
    assert live(bench) == []


def test_a_kill_between_the_comparison_and_the_setting_aside_leaves_nothing(
    bench: Sage300Bench,
) -> None:
    delivery = off_by_one(to_bill(bench, "100.00"))
    bench.sandbox.faults.arm(kind="drop_before", method="PATCH", path="ARInvoiceBatches")
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    assert len(live(bench)) == 1
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert live(bench) == []


@pytest.mark.parametrize("stick", [True, False])
def test_taxes_that_we_send_stick_or_are_compared(bench: Sage300Bench, stick: bool) -> None:
    bench.options.manual_tax = stick
    delivery = off_by_one(to_bill(bench, "33.33", "20.00", "33.33"))
    system = bench.connector(send_tax_amounts=True)
    if stick:
        system.transfer(delivery.task())
        assert bench.held(delivery.record).total == delivery.record.total  # type: ignore[union-attr]  # an invoice
        return
    with rejected(Reason.TAX_MISMATCH):
        system.transfer(delivery.task())
    assert live(bench) == []


def refusing(bench: Sage300Bench, words: str, *, times: int = 1) -> None:
    """The next changes of invoice batches are refused in these words."""
    message = {"lang": "en-US", "value": words}
    body = json.dumps({"error": {"code": "General", "message": message}})
    order = {"kind": "status", "status": 409, "method": "PATCH", "path": INVOICES}
    bench.sandbox.faults.arm(**order, body=body, times=times)


def test_a_batch_that_can_neither_be_deleted_nor_renamed_stands_and_gets_no_double(
    bench: Sage300Bench,
) -> None:
    delivery = off_by_one(to_bill(bench, "100.00"))
    refusing(bench, "No.", times=2)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    assert f"batch {batch['BatchNumber']} stands open" in refusal[0].detail
    refusing(bench, "No.")
    with rejected(Reason.DIFFERS_FROM_BOOKS) as again:
        delivery.attempt(bench.restarted())
    assert f"batch {batch['BatchNumber']} stands open" in again[0].detail
    assert len(own(bench, delivery)) == 1
    with rejected(Reason.TAX_MISMATCH):  # once it can be deleted
        delivery.attempt(bench.restarted())
    assert live(bench) == []


def test_a_lock_on_what_is_to_be_set_aside_passes(bench: Sage300Bench) -> None:
    delivery = off_by_one(to_bill(bench, "100.00"))
    refusing(bench, "The batch is locked by another user.")
    with pytest.raises(OutcomeUnknown) as info:
        bench.system.transfer(delivery.task())
    assert "locked by another user" in info.value.detail
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert live(bench) == []


def test_a_batch_that_is_posted_without_error_and_without_its_document_needs_a_person(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    (batch,) = own(bench, delivery)
    books(bench).put(INVOICES, {**batch, "BatchStatus": "Posted"})
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.restarted().transfer(delivery.task())
    assert f"batch {batch['BatchNumber']} is posted" in refusal[0].detail
    assert "not in the books" in refusal[0].detail


def test_answers_that_lack_what_the_next_step_needs_conclude_nothing(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    order = {"kind": "status", "status": 201, "method": "POST", "path": INVOICES}
    bench.sandbox.faults.arm(**order, body='{"Description": "x"}')
    with pytest.raises(OutcomeUnknown) as info:
        bench.system.transfer(delivery.task())
    assert "without its number" in info.value.detail
    gone = json.dumps({"error": {"code": "RecordNotFound", "message": {"value": "Gone."}}})
    order = {"kind": "status", "status": 404, "method": "GET", "path": rf"{INVOICES}\("}
    bench.sandbox.faults.arm(**order, body=gone)
    with pytest.raises(OutcomeUnknown) as info:
        delivery.attempt(bench.restarted())
    assert "not there after posting" in info.value.detail
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_a_remembered_batch_that_is_gone_is_no_batch(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    delivery.steps.remember("batch", "999999")
    assert bench.system.transfer(delivery.task()).action is Action.CREATED


def test_a_status_that_nobody_expects_stops(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    (batch,) = own(bench, delivery)
    books(bench).put(INVOICES, {**batch, "BatchStatus": "Strange"})
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        delivery.attempt(bench.restarted())
    assert "Strange" in refusal[0].detail
    books(bench).put(INVOICES, {**batch, "BatchStatus": "Deleted"})


def test_one_transfer_at_a_time_writes_in_a_company(bench: Sage300Bench) -> None:
    system = bench.system
    delivery, to_bill_later = to_bill(bench), to_bill(bench)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(10)

    delivery.steps = Meanwhile(then=hold)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(system.transfer, delivery.task())
        assert entered.wait(10)
        second = pool.submit(system.transfer, to_bill_later.task())
        before = len(bench.rows(INVOICES))
        assert not second.done()
        leave.set()
        assert first.result(10).action is Action.CREATED
        assert second.result(10).action is Action.CREATED
    assert len(bench.rows(INVOICES)) == before + 1


def test_a_broken_server_is_asked_three_times_and_then_a_person(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    order = {"kind": "status", "status": 500, "method": "POST", "path": "ARInvoiceBatches"}
    bench.sandbox.faults.arm(**order, times=3)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            delivery.attempt(bench.restarted())
    with pytest.raises(Rejected) as info:
        delivery.attempt(bench.restarted())
    assert info.value.reason is Reason.REFUSED_BY_SYSTEM
    assert "3 ×" in info.value.detail
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
