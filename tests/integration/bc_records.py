"""What the tests of the Business Central books share: a clean bench for each, and records on
their way to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from consumers.system import Receipt, RemoteRef
from consumers.systems.business_central.connector import BusinessCentral
from ops.sandbox.business_central import Options
from ops.sandbox.business_central.company import DUES, EVENTS, TAXABLE
from schemas.records import Account, Invoice, Record
from tests.contracts.conformance_business_central import ACCOUNTS, BusinessCentralBench
from tests.contracts.conformance_world import DAY, Delivery, a_payment, an_account, an_invoice


def sent(
    system: BusinessCentral,
    record: Record,
    customer: RemoteRef | None = None,
    documents: Mapping[str, RemoteRef] | None = None,
) -> Receipt:
    """One attempt, as the engine makes it."""
    return Delivery(record, customer, documents or {}).attempt(system)


def a_customer(bench: BusinessCentralBench, **values: object) -> tuple[Account, RemoteRef]:
    account = an_account(**values)
    return account, sent(bench.system, account).ref


def billed(
    bench: BusinessCentralBench, *nets: str, **values: object
) -> tuple[Account, RemoteRef, Invoice, RemoteRef]:
    account, customer = a_customer(bench)
    invoice = an_invoice(account, *nets, **values)
    return account, customer, invoice, sent(bench.system, invoice, customer).ref


def row(bench: BusinessCentralBench, resource: str, remote_id: str) -> dict[str, Any]:
    """One record of the sandbox, as kept."""
    (found,) = [one for one in bench.dump()[resource] if one["id"] == remote_id]
    return found  # type: ignore[no-any-return]  # a dump is plain JSON


def lines_of(bench: BusinessCentralBench, resource: str, remote_id: str) -> list[dict[str, Any]]:
    found = [one for one in bench.dump()[resource] if one["documentId"] == remote_id]
    return sorted(found, key=lambda one: int(one["sequence"]))


@contextmanager
def clean(
    shared: BusinessCentralBench, *, excused: Collection[str] = ()
) -> Iterator[BusinessCentralBench]:
    """The shared sandbox for one test: everything a test may change is put back, and no bad
    manners were seen but those `excused`."""
    shared.restarted()
    yield shared
    shared.accounts = ACCOUNTS
    shared.options.change(vars(Options()))
    no_date = "0001-01-01"
    shared.accountant(closed_until="", allow_posting_to=no_date, user_from=no_date)
    shared.accountant(tax_group=TAXABLE, rates={"CA": "5", "CAQC": "9.975", "CAON": "13"})
    shared.accountant(account=DUES, set={"blocked": False, "directPosting": True})
    shared.sandbox.faults.clear()
    shared.close()
    assert [one for one in shared.sandbox.offences.all() if one["code"] not in excused] == []


def refused(
    bench: BusinessCentralBench,
    message: str,
    code: str = "Application_DialogException",
    **where: Any,
) -> None:
    """The next request there is refused with that text."""
    body = json.dumps({"error": {"code": code, "message": message}})
    given = {"kind": "status", "status": 400, "body": body, **where}
    bench.sandbox.faults.arm(**given)


def batches(bench: BusinessCentralBench) -> set[str]:
    """Codes of the journal batches that are not the company's own."""
    return {one["code"] for one in bench.dump()["_batches"]} - {"DEFAULT", "ENCAISS"}


def by_hand(
    bench: BusinessCentralBench, number: str, customer: RemoteRef, price: int = 100, **order: Any
) -> str:
    """A document that somebody makes in Business Central; its id."""
    line = {
        "lineType": "Account",
        "lineObjectNumber": EVENTS,
        "quantity": 1,
        "unitPrice": price,
        "taxCode": TAXABLE,
    }
    day = DAY.isoformat()
    body = {
        "customerId": customer.remote_id,
        "externalDocumentNumber": number,
        "invoiceDate": day,
        "postingDate": day,
        "salesInvoiceLines": [line],
    }
    return str(bench.accountant(invoice=body, **order)["id"])


def a_delivery(bench: BusinessCentralBench, paid: str = "14.98") -> tuple[Delivery, Invoice]:
    """A payment by cheque on an invoice of 114.98 in the books."""
    account, customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(account, (invoice, paid), method="cheque")
    return Delivery(payment, customer, {invoice.id: ref}), invoice


def intervened(
    bench: BusinessCentralBench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    work: Callable[[], object],
) -> None:
    """Lets something happen in the books just before the next such request arrives there."""
    faults = bench.sandbox.faults
    faults.arm(kind="latency", path="nowhere")  # so that requests pass by here at all
    waiting = [work]

    def take(asked: str, url: str, _: bytes) -> None:
        if waiting and asked == method and path in url:
            waiting.pop()()

    monkeypatch.setattr(faults, "take", take)
