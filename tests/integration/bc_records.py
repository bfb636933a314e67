"""A Business Central sandbox for each test, and records on their way to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consumers.system import Receipt, RemoteRef
from consumers.systems.business_central.connector import BusinessCentral
from schemas.records import Account, Invoice, Record
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import Delivery, an_account, an_invoice


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
