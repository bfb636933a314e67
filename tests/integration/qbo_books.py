"""What the tests of the QuickBooks books share: a clean bench for each, and documents in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from consumers.system import RemoteRef
from schemas.records import Invoice, Line
from tests.contracts.conformance_qbo import ACCOUNTS, QuickBooksBench
from tests.contracts.conformance_world import Delivery, an_account, an_invoice


@contextmanager
def clean(shared: QuickBooksBench) -> Iterator[QuickBooksBench]:
    """The shared sandbox for one test: everything a test may change is put back, and no bad
    manners were seen."""
    shared.restarted()
    before = len(shared.sandbox.offences.all())
    yield shared
    shared.sandbox.faults.clear()
    shared.accounts = ACCOUNTS
    shared.sandbox.options.change({"tax_rounding": "rate"})
    sales = {"CustomTxnNumbers": True, "AutoApplyCredit": False}
    currency = {"MultiCurrencyEnabled": False}
    shared.accountant(
        BookCloseDate=None,
        read_only=False,
        preferences={
            "SalesFormsPrefs": sales,
            "TaxPrefs": {"UsingSalesTax": True},
            "CurrencyPrefs": currency,
        },
    )
    shared.close()
    assert shared.sandbox.offences.all()[before:] == []


def customer_of(bench: QuickBooksBench, account: Any) -> RemoteRef:
    return bench.system.transfer(Delivery(account).task()).ref


def billed(bench: QuickBooksBench, *nets: str) -> tuple[RemoteRef, Invoice, RemoteRef]:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = an_invoice(account, *nets)
    return customer, invoice, bench.system.transfer(Delivery(invoice, customer).task()).ref


def row(bench: QuickBooksBench, kind: str, ref: RemoteRef) -> dict[str, Any]:
    (found,) = [r for r in bench.rows(kind) if r["Id"] == ref.remote_id]
    return found


def by_line(account: Any, **values: Any) -> Invoice:
    """By line TPS is 1.53 and TVQ 3.03; on the sum 1.52 and 3.02 (reference page, section 8)."""
    line = Line(amount=Decimal("10.10"), gst=Decimal("0.51"), qst=Decimal("1.01"), taxable=True)
    figures = {"gst": "1.53", "qst": "3.03", "total": "34.86", "lines": (line,) * 3}
    return an_invoice(account, **{**figures, **values})
