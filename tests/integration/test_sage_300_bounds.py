"""What is sent to the simulated Sage 300, what an accountant reads of it, how long a call lasts.

Pitfalls of the reference page, sections 2, 5, 6, 7 and 12.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.systems.sage_300.client import Client
from schemas.reasons import Reason, explain
from schemas.records import Invoice, Payment
from tests.contracts.conformance_sage_300 import Sage300Bench
from tests.contracts.conformance_world import Delivery, an_account, rejected
from tests.integration.sage_300_books import (
    INVOICES,
    JOURNALS,
    RECEIPTS,
    Meanwhile,
    delete_live,
    left_at,
    own,
    to_bill,
    to_credit,
    to_enter,
    to_pay,
)

pytest_plugins = ["tests.fixtures_sage_300"]
LATER = dt.date(2026, 5, 29)


def test_no_change_of_ours_holds_details(
    bench: Sage300Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`UpdateOperation` is for details (section 2), and no PATCH of ours has any, on no way."""
    changes: list[tuple[str, dict[str, Any]]] = []
    real = Client.change

    def seen(client: Client, path: str, body: dict[str, Any]) -> None:
        changes.append((path.split("/")[1].split("(", maxsplit=1)[0], body))
        real(client, path, body)

    monkeypatch.setattr(Client, "change", seen)
    account = an_account(email="a@example.org")
    ref = bench.connector(customer_optional_fields={"REGION": "06"}).transfer(
        Delivery(account).task()
    )
    moved = account.model_copy(update={"email": "b@example.org", "phone": "514 555-0100"})
    bench.connector(customer_optional_fields={"REGION": "07"}).transfer(
        Delivery(moved).task(ref.ref.remote_id)
    )
    for delivery in (to_pay(bench), to_credit(bench), to_enter()):
        bench.system.transfer(delivery.task())
    bench.options.delete_by_status = False  # the longest way: ready, open, deleted, renamed
    delivery = to_bill(bench)
    left_at(bench, delivery, "post")
    total = delivery.record.total  # type: ignore[union-attr]  # an invoice
    values = {"qst": total, "total": total + total}
    delivery.record = delivery.record.model_copy(update=values)
    with rejected(Reason.DIFFERS_FROM_BOOKS):  # ready, open again, and nothing can delete it
        delivery.attempt(bench.restarted())
    delete_live(bench)
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    names = {(resource, name) for resource, body in changes for name in body}
    assert names == {
        *(("ARCustomers", "Email"), ("ARCustomers", "PhoneNumber")),
        *((INVOICES, "BatchStatus"), (INVOICES, "Description")),
        *((RECEIPTS, "BatchStatus"), (JOURNALS, "ReadyToPost")),
    }
    assert all(isinstance(value, str) for _, body in changes for value in body.values())
    bench.options.delete_by_status = True
    delete_live(bench)


ORDER = {
    "invoice": [
        *("CustomerNumber", "DocumentNumber", "DocumentType", "InvoiceType", "DocumentDate"),
        *("PostingDate", "Terms", "DueDate", "InvoiceDescription", "TaxGroup", "InvoiceDetails"),
    ],
    "payment": [
        *("BatchType", "CustomerNumber", "ReceiptDateAdjustmentDate", "PostingDate"),
        *("ReceiptTransactionType", "PaymentCode", "CheckReceiptNumber", "BankReceiptAmount"),
        *("EntryDescription", "EntryReference", "AppliedReceiptsAdjustments"),
    ],
    "entry": [
        *("SourceLedger", "SourceType", "Description", "DocumentDate", "PostingDate"),
        "JournalDetails",
    ],
}


@pytest.mark.parametrize("what", ORDER)
def test_properties_stand_in_the_order_in_which_they_must_be_put(
    bench: Sage300Bench, what: str
) -> None:
    payment = to_pay(bench)
    assert isinstance(payment.record, Payment)
    payment.record = payment.record.model_copy(update={"method": "cheque"})
    made = {
        "invoice": to_bill(bench, due_date=LATER, description="Note"),
        "payment": payment,
        "entry": to_enter(),
    }
    (_, body), *_ = bench.system.draft(made[what].task()).requests
    *before, entries = body
    assert entries in ("Invoices", "ReceiptsAdjustments", "JournalHeaders")
    assert before
    assert list(body[entries][0]) == ORDER[what]


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("deleted", [True, False])
def test_an_accountant_reads_the_batch_and_both_figures_whatever_sage_says(
    bench: Sage300Bench, lang: str, deleted: bool
) -> None:
    bench.options.delete_by_status = deleted
    delivery = to_bill(bench, "100.00")
    record = delivery.record
    assert isinstance(record, Invoice)
    cent = Decimal("0.01")
    wrong = {"qst": record.qst + cent, "total": record.total + cent}
    delivery.record = record.model_copy(update=wrong)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        bench.system.transfer(delivery.task())
    text = explain(refusal[0].reason, lang, refusal[0].field, refusal[0].detail)
    batch = max(bench.rows(INVOICES), key=lambda row: int(row["BatchNumber"]))
    action = "was deleted" if deleted else "delete it, do not post it"
    for words in (f"batch {batch['BatchNumber']}", action, "114.98", "114.99", "14.98", "14.99"):
        assert words in text
    bench.options.delete_by_status = True
    delete_live(bench)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_long_words_of_sage_do_not_hide_the_batch_that_stands(
    bench: Sage300Bench, lang: str
) -> None:
    delivery = to_bill(bench)
    message = {"lang": "en-US", "value": "The batch listing has to be printed.\n" * 30}
    body = json.dumps({"error": {"code": "General", "message": message}})
    order = {"kind": "status", "status": 409, "method": "PATCH", "path": INVOICES}
    bench.sandbox.faults.arm(**order, body=body)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    text = explain(refusal[0].reason, lang, refusal[0].field, refusal[0].detail)
    assert f"batch {batch['BatchNumber']} stands, not posted" in text
    assert "The batch listing" in text


def test_a_poll_sleeps_no_longer_than_its_call_may_last(bench: Sage300Bench) -> None:
    bench.options.post_in_progress_s = 1000.0
    system = bench.connector(timeout_s=5, posting_poll_s=60)
    delivery = to_bill(bench)
    before = bench.time.slept_s
    with pytest.raises(OutcomeUnknown):
        system.transfer(delivery.task())
    assert 0 < bench.time.slept_s - before <= 3 * 5
    bench.time.sleep(1000)


def test_a_wait_for_another_transfer_counts_in_the_length_of_a_call(
    bench: Sage300Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, later = to_bill(bench), to_bill(bench)
    real, waiting, leave = bench.time.monotonic, threading.Event(), threading.Event()

    def watched() -> float:
        if threading.current_thread().name.startswith("later"):
            waiting.set()
        return real()

    monkeypatch.setattr(bench.time, "monotonic", watched)
    system = bench.connector()
    entered = threading.Event()

    def hold() -> None:
        entered.set()
        assert leave.wait(10)

    delivery.steps = Meanwhile(then=hold)
    with (
        ThreadPoolExecutor(1) as pool,
        ThreadPoolExecutor(1, thread_name_prefix="later") as pool_later,
    ):
        first = pool.submit(system.transfer, delivery.task())
        assert entered.wait(10)
        second = pool_later.submit(system.transfer, later.task())
        assert waiting.wait(10)  # its budget runs
        bench.time.sleep(system.declaration.longest_call_s)
        leave.set()
        with pytest.raises((OutcomeUnknown, Transient)):
            first.result(10)  # time passed for it too
        with pytest.raises(Transient) as info:
            second.result(10)
    assert "out of time" in info.value.detail
    assert own(bench, later) == []
