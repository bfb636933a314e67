"""What the tests of the Sage 300 books share: a clean bench for each, and documents in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import RemoteRef
from consumers.systems.sage_300.markers import marker
from ops.sandbox.sage_300 import Options, default_company
from schemas.records import Account, Invoice
from tests.contracts.conformance_sage_300 import ACCOUNTS, COMPANY, USER, Sage300Bench
from tests.contracts.conformance_world import (
    Delivery,
    Steps,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
)

INVOICES = "ARInvoiceBatches"
RECEIPTS = "ARReceiptAndAdjustmentBatches"
JOURNALS = "GLJournalBatches"
STATUSES = ((INVOICES, "BatchStatus"), (RECEIPTS, "BatchStatus"), (JOURNALS, "Status"))
LIVE = ("Open", "ReadyToPost", "PostInProgress")


@dataclass
class Meanwhile(Steps):
    """Steps between which somebody does something in Sage 300: `then` runs once the first step is
    remembered."""

    then: Callable[[], object] | None = None

    def remember(self, name: str, value: str) -> None:
        super().remember(name, value)
        if self.then is not None:
            then, self.then = self.then, None
            then()


@contextmanager
def clean(shared: Sage300Bench) -> Iterator[Sage300Bench]:
    """The shared sandbox for one test: everything a test may change is put back, and no bad
    manners were seen."""
    shared.restarted()
    before = len(shared.sandbox.offences.all())
    yield shared
    shared.sandbox.faults.clear()
    shared.options.change(vars(Options()))
    shared.accounts = ACCOUNTS
    shared.accountant(closed_until=None, locked_period="Error", users=[USER], rights={})
    shared.accountant(required_customer_fields=[])
    delete_live(shared)
    for held in list(books(shared).state.get("held", [])):
        shared.accountant(release=held)
    seed = default_company("Association des Érables")
    shared.sandbox.companies.seed({COMPANY: {**seed, "ARCustomers": []}})
    shared.close()
    assert shared.sandbox.offences.all()[before:] == [], shared.sandbox.offences.all()[before:]


def books(bench: Sage300Bench) -> Any:
    return bench.sandbox.companies.books(COMPANY)


def customer_of(bench: Sage300Bench, account: Account) -> RemoteRef:
    return bench.system.transfer(Delivery(account).task()).ref


def to_bill(bench: Sage300Bench, *nets: str, **values: Any) -> Delivery:
    """An invoice of a new customer, on its way."""
    account = an_account()
    return Delivery(an_invoice(account, *nets, **values), customer_of(bench, account))


def billed(bench: Sage300Bench, *nets: str) -> tuple[RemoteRef, Invoice, RemoteRef]:
    """(customer, invoice, its document)."""
    delivery = to_bill(bench, *nets)
    assert isinstance(delivery.record, Invoice)
    assert delivery.customer is not None
    return delivery.customer, delivery.record, bench.system.transfer(delivery.task()).ref


def batches(bench: Sage300Bench, resource: str, description: str) -> list[dict[str, Any]]:
    """The batches of that description, oldest first."""
    found = [row for row in bench.rows(resource) if row["Description"] == description]
    return sorted(found, key=lambda row: int(row["BatchNumber"]))


def delete_live(bench: Sage300Bench) -> None:
    """What a test left in batches that are not posted."""
    for resource, status in STATUSES:
        for row in bench.rows(resource):
            if row[status] in ("Open", "ReadyToPost"):
                key = [row[name] for name in ("BatchRecordType", "BatchNumber") if name in row]
                bench.accountant(batch={"resource": resource, "key": key, "action": "delete"})


def live(bench: Sage300Bench) -> list[str]:
    """What anybody could still post, in words."""
    return [
        f"{resource} {row['BatchNumber']} {row[status]} {row['Description']}"
        for resource, status in STATUSES
        for row in bench.rows(resource)
        if row[status] in LIVE
    ]


def own(bench: Sage300Bench, delivery: Delivery) -> list[dict[str, Any]]:
    """The batches of an invoice or a credit note."""
    return batches(bench, INVOICES, marker("invoice", delivery.record.id))


def left_at(bench: Sage300Bench, delivery: Delivery, step: str) -> None:
    """A try that stopped before its batch was made ready, or before it was posted."""
    methods = {"ready": ("PATCH", INVOICES), "post": ("POST", "process")}
    method, path = methods[step]
    bench.sandbox.faults.arm(kind="drop_before", method=method, path=path)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())


def paid_by_hand(bench: Sage300Bench, delivery: Delivery, amount: str) -> None:
    """A person enters a receipt on the invoice of that payment or credit note."""
    (ref,) = delivery.documents.values()
    applied = {"DocumentNumber": ref.reference, "CustomerReceiptAmount": Decimal(amount)}
    receipt = {
        "BankCode": "BNC",
        "CustomerNumber": delivery.customer.remote_id,  # type: ignore[union-attr]  # to_pay gives one
        "CheckReceiptNumber": "CH-1",
        "BankReceiptAmount": Decimal(amount),
        "AppliedReceiptsAdjustments": [applied],
    }
    bench.accountant(receipt=receipt)


def to_enter() -> Delivery:
    account = an_account()
    return Delivery(a_journal_entry(account, an_invoice(account)))


def to_pay(bench: Sage300Bench, part: str = "14.98") -> Delivery:
    customer, invoice, ref = billed(bench, "100.00")
    return Delivery(a_payment(invoice.account, (invoice, part)), customer, {invoice.id: ref})


def to_credit(bench: Sage300Bench) -> Delivery:
    """A credit note of 114.98 on an invoice that owes 14.98 any more."""
    customer, invoice, ref = billed(bench, "100.00")
    delivery = Delivery(a_credit_note(invoice, "100.00"), customer, {invoice.id: ref})
    paid_by_hand(bench, delivery, "100.00")
    return delivery
