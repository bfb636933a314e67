"""What tests of Sage Comptabilité ask of the sandbox's books, and put there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from consumers.system import RemoteRef
from ops.sandbox.sage_accounting.company import (
    DUES,
    TAX_GST_QST,
)
from schemas.records import Account, Invoice, Line
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    an_account,
    an_invoice,
)


def customer(bench: SageBench) -> tuple[Account, RemoteRef]:
    account = an_account()
    return account, Delivery(account).attempt(bench.system).ref


def billed(bench: SageBench, *nets: str, **values: Any) -> tuple[RemoteRef, Invoice, RemoteRef]:
    account, ref = customer(bench)
    invoice = an_invoice(account, *nets, **values)
    return ref, invoice, Delivery(invoice, ref).attempt(bench.system).ref


def row(bench: SageBench, ref: RemoteRef, resource: str = "sales_invoices") -> dict[str, Any]:
    (found,) = [
        one for one in bench.sandbox.dump()["b" * 32][resource] if one["id"] == ref.remote_id
    ]
    return found


def lines(*values: dict[str, Any], gst: str, qst: str) -> dict[str, Any]:
    """Lines and totals of an invoice."""
    made = tuple(Line.model_validate(one) for one in values)
    total = sum((one.amount for one in made), Decimal(gst) + Decimal(qst))
    return {"lines": made, "gst": gst, "qst": qst, "total": total}


def by_hand(bench: SageBench, ref: RemoteRef, number: str, price: str = "100.00") -> str:
    line = {
        "description": "Cotisation",
        "ledger_account_id": DUES,
        "unit_price": price,
        "tax_rate_id": TAX_GST_QST,
    }
    body = {"contact_id": ref.remote_id, "date": DAY.isoformat(), "reference": number}
    made = bench.accountant(resource="sales_invoices", create={**body, "invoice_lines": [line]})
    return str(made["id"])
