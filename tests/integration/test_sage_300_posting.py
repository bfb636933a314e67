"""Batches on the simulated Sage 300: made ready, posted alone, verified, taken up again.

Pitfalls of the reference page, sections 5, 8, 10 and 12.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown, Transient
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from tests.contracts.conformance_sage_300 import Sage300Bench
from tests.contracts.conformance_world import DAY, Delivery, rejected
from tests.integration.sage_300_books import (
    INVOICES,
    Meanwhile,
    billed,
    books,
    left_at,
    live,
    own,
    to_bill,
)

pytest_plugins = ["tests.fixtures_sage_300"]


def by_person(bench: Sage300Bench, delivery: Delivery, action: str) -> None:
    (batch,) = own(bench, delivery)
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "action": action}
    bench.accountant(batch=order)


def test_one_document_goes_in_one_batch_named_after_it(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    assert (batch["NumberOfEntries"], batch["BatchStatus"]) == (1, "Posted")
    assert delivery.steps.held["batch"] == str(batch["BatchNumber"])


def test_the_due_date_of_membri_wins_over_the_terms(bench: Sage300Bench) -> None:
    due = DAY.replace(day=20)
    delivery = to_bill(bench, due_date=due)
    bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    entry = batch["Invoices"][0]  # type: ignore[index]  # a dump is plain JSON
    assert (entry["Terms"], entry["DueDate"]) == ("N30", due.isoformat())


def test_what_others_made_ready_is_never_posted(bench: Sage300Bench) -> None:
    customer = to_bill(bench).customer
    assert customer is not None
    entry = {
        "CustomerNumber": customer.remote_id,
        "DocumentNumber": "MAIN-1",
        "InvoiceDetails": [{"RevenueAccount": "4200", "ExtendedAmountWithTIP": Decimal(10)}],
        "post": False,
    }
    theirs = bench.accountant(invoice=entry)["BatchNumber"]
    bench.accountant(batch={"resource": INVOICES, "key": [theirs], "action": "ready"})
    billed(bench)
    assert books(bench).get(INVOICES, theirs)["BatchStatus"] == "ReadyToPost"
    bench.accountant(batch={"resource": INVOICES, "key": [theirs], "action": "delete"})


@pytest.mark.parametrize("step", ["ready", "post"])
def test_a_batch_is_taken_up_where_it_stands(bench: Sage300Bench, step: str) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, step)
    found = delivery.look(bench.restarted())
    assert found is not None
    assert (found.unfinished, found.by_marker) == (True, True)
    receipt = delivery.attempt(bench.restarted())
    assert receipt.action is Action.ADOPTED
    assert len(own(bench, delivery)) == 1
    assert bench.held(delivery.record).count == 1


def test_what_a_person_posted_in_the_meantime_is_adopted(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "post")
    by_person(bench, delivery, "post")
    bench.restarted().transfer(delivery.task())
    assert len(own(bench, delivery)) == 1
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_what_a_person_deleted_stops_once_and_is_sent_anew_when_asked_again(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    by_person(bench, delivery, "delete")
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        delivery.attempt(bench.restarted())
    assert "deleted" in refusal[0].detail
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_a_batch_that_a_person_changed_is_not_posted(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    (batch,) = own(bench, delivery)
    extra = {
        "UpdateOperation": "Insert",
        "CustomerNumber": delivery.customer.remote_id,  # type: ignore[union-attr]  # to_bill gives one
        "InvoiceDetails": [{"RevenueAccount": "4200", "ExtendedAmountWithTIP": Decimal(1)}],
    }
    order = {"resource": INVOICES, "key": [batch["BatchNumber"]], "set": {"Invoices": [extra]}}
    bench.accountant(edit=order)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.restarted())
    assert f"batch {batch['BatchNumber']}" in refusal[0].detail
    assert len(live(bench)) == 1
    by_person(bench, delivery, "delete")


@pytest.mark.parametrize("step", ["ready", "post"])
def test_an_unposted_batch_of_an_earlier_version_is_replaced(
    bench: Sage300Bench, step: str
) -> None:
    delivery = to_bill(bench, "100.00")
    left_at(bench, delivery, step)
    record = delivery.record
    assert isinstance(record, Invoice)
    lines = tuple(line.model_copy(update={"amount": Decimal("200.00")}) for line in record.lines)
    figures = {"gst": Decimal("10.00"), "qst": Decimal("19.95"), "total": Decimal("229.95")}
    delivery.record = record.model_copy(update={"lines": lines, **figures})
    delivery.attempt(bench.restarted())
    assert [batch["BatchStatus"] for batch in own(bench, delivery)] == ["Deleted", "Posted"]
    assert bench.held(delivery.record).total == Decimal("229.95")


def test_two_batches_of_one_record_are_a_person_s_to_settle(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "ready")
    (batch,) = own(bench, delivery)
    copy = {"CustomerNumber": "", "post": False, "Description": batch["Description"]}
    copy |= {name: batch["Invoices"][0][name] for name in ("CustomerNumber", "DocumentNumber")}  # type: ignore[index]  # a dump is plain JSON
    line = {"RevenueAccount": "4200", "ExtendedAmountWithTIP": Decimal(100)}
    bench.accountant(invoice={**copy, "InvoiceDetails": [line]})
    delivery.steps.held.clear()
    with rejected(Reason.AMBIGUOUS) as refusal:
        delivery.attempt(bench.restarted())
    for one in own(bench, delivery):
        assert str(one["BatchNumber"]) in refusal[0].detail
        order = {"resource": INVOICES, "key": [one["BatchNumber"]], "action": "delete"}
        bench.accountant(batch=order)


# --- posting ------------------------------------------------------------------------------------


def test_a_posting_that_lasts_is_waited_for(bench: Sage300Bench) -> None:
    bench.options.post_in_progress_s = 10.0
    delivery = to_bill(bench)
    assert bench.system.transfer(delivery.task()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_a_posting_that_lasts_too_long_comes_back_later(bench: Sage300Bench) -> None:
    bench.options.post_in_progress_s = 150.0
    delivery = to_bill(bench)
    with pytest.raises(OutcomeUnknown) as first:
        bench.system.transfer(delivery.task())
    assert "Post in Progress" in first.value.detail
    with pytest.raises(Transient) as again:  # this time nothing of ours was written
        delivery.attempt(bench.restarted())
    assert again.value.retry_after_s == 60.0
    assert delivery.carry(bench).action is Action.ADOPTED
    assert len(own(bench, delivery)) == 1


def test_somebody_s_lock_passes(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    left_at(bench, delivery, "post")
    bench.accountant(hold=["ARPostInvoices"])
    with pytest.raises(Transient) as info:
        delivery.attempt(bench.restarted())
    assert info.value.retry_after_s == 60.0
    assert "Processing conflict" in info.value.detail
    bench.accountant(release=["ARPostInvoices"])
    delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 1


def typed(delivery: Delivery, net: str) -> dict[str, object]:
    """An invoice that a person enters under the same number, without taxes."""
    line = {"RevenueAccount": "4300", "ExtendedAmountWithTIP": Decimal(net)}
    return {
        "CustomerNumber": delivery.customer.remote_id,  # type: ignore[union-attr]  # to_bill gives one
        "DocumentNumber": delivery.record.number,  # type: ignore[union-attr]  # an invoice
        "DocumentDate": "2026-02-01",
        "PostingDate": "2026-02-01",
        "InvoiceDetails": [{**line, "TaxClass1": 2, "TaxClass2": 2}],
    }


def test_a_number_that_is_taken_is_refused_before_anything_is_sent(bench: Sage300Bench) -> None:
    delivery = to_bill(bench, "100.00")
    bench.accountant(invoice=typed(delivery, "7"))
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        bench.system.transfer(delivery.task())
    assert "7.00" in refusal[0].detail
    assert "114.98" in refusal[0].detail
    assert own(bench, delivery) == []


def posting_fails(
    bench: Sage300Bench, delivery: Delivery, reason: Reason, then: Callable[[], object]
) -> str:
    """The refusal of what a posting moves to an error batch because of what somebody did just
    before; nothing stands that anybody could post."""
    delivery.steps = Meanwhile(then=then)
    with rejected(reason) as refusal:
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    assert (batch["BatchStatus"], batch["NumberOfErrors"]) == ("Posted", 1)
    errors = [row for row in bench.rows(INVOICES) if row.get("_errors_of") == batch["BatchNumber"]]
    assert [row["BatchStatus"] for row in errors] == ["Deleted"]
    assert f"error batch {errors[0]['BatchNumber']}" in refusal[0].detail
    assert bench.held(delivery.record).count == 0
    assert live(bench) == []
    return refusal[0].detail


def test_a_number_taken_meanwhile_is_explained_and_its_error_batch_named(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench, "100.00")
    detail = posting_fails(
        *(bench, delivery, Reason.DUPLICATE_NUMBER),
        lambda: bench.accountant(invoice=typed(delivery, "7")),
    )
    assert "7.00" in detail
    assert "114.98" in detail


def test_a_ledger_locked_meanwhile_is_explained_and_goes_once_reopened(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    march = {"modules": ["GL"], "year": "2026", "periods": [3]}
    detail = posting_fails(
        bench, delivery, Reason.CLOSED_PERIOD, lambda: bench.accountant(lock=march)
    )
    assert "General Ledger" in detail
    bench.accountant(closed_until=None)
    assert delivery.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_an_account_closed_meanwhile_is_explained(bench: Sage300Bench) -> None:
    posting_fails(
        *(bench, to_bill(bench), Reason.UNKNOWN_ACCOUNT),
        lambda: bench.alter("GLAccounts", "4200", Status="Inactive"),
    )


def test_an_error_that_nothing_explains_is_told_as_it_is(bench: Sage300Bench) -> None:
    # Only A/R is locked and the company lets that pass at entry: posting refuses all the same.
    bench.accountant(locked_period="None")
    march = {"modules": ["AR"], "year": "2026", "periods": [3]}
    detail = posting_fails(
        *(bench, to_bill(bench), Reason.REFUSED_BY_SYSTEM),
        lambda: bench.accountant(lock=march),
    )
    assert "posting errors report" in detail


def test_a_batch_whose_listing_must_be_printed_says_so_and_is_adopted_once_posted(
    bench: Sage300Bench,
) -> None:
    bench.options.force_listing = "skip"
    delivery = to_bill(bench)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "Force Listing" in refusal[0].detail
    by_person(bench, delivery, "post")
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_a_batch_that_cannot_be_made_ready_stands_and_says_so(bench: Sage300Bench) -> None:
    bench.options.force_listing = "refuse"
    delivery = to_bill(bench)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    assert f"batch {batch['BatchNumber']} stands, not posted" in refusal[0].detail
    bench.options.force_listing = "off"
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_the_switch_of_a_newer_version_that_posts_nothing_is_not_believed(
    bench: Sage300Bench,
) -> None:
    delivery = to_bill(bench)
    bench.sandbox.faults.arm(kind="status", status=200, method="POST", path="process")
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "was not posted" in refusal[0].detail
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
