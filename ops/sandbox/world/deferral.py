"""Which journal entries a paid membership fee makes: domain, rule 11, by hand.

In: a chapter's settings, a dues invoice and its payments. Out: the entries of one of them. Shares
nothing with the programs under test.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ops.sandbox.world.expected import ExpectedEntry
from ops.sandbox.world.membri_rows import Row
from ops.sandbox.world.taxes import CENT, ZERO, cents


def entries(
    settings: Mapping[str, Any], invoice: Row, payments: Sequence[Row], payment: Row
) -> list[ExpectedEntry]:
    """The entries of `payment`, one of the `payments` of that invoice, in order of their days."""
    amount = _deferred(invoice, payments, payment)
    periods = int(settings["deferral_periods"])
    if amount <= ZERO:
        return []
    share = (amount / periods).quantize(CENT, rounding=ROUND_DOWN)
    shares = [share] * (periods - 1) + [amount - share * (periods - 1)]
    first = dt.date.fromisoformat(payment["membri_paymentdate"])
    days = [_last_day(first, number) for number in range(periods)]
    return [ExpectedEntry(day, part) for day, part in zip(days, shares, strict=True) if part]


def _deferred(invoice: Row, payments: Sequence[Row], payment: Row) -> Decimal:
    """The payment's part of the fee before taxes; all payments together make it whole."""
    paid_before = paid = ZERO
    for one in sorted(payments, key=lambda p: (p["membri_paymentdate"], p["membri_paymentid"])):
        paid_before, paid = paid, paid + one["membri_amount"]
        if one is payment:
            break
    total, net = invoice["totalamount"], invoice["totallineitemamount"]
    if not total:
        return ZERO
    part: Decimal = cents(net * paid / total) - cents(net * paid_before / total)
    return part


def _last_day(first: dt.date, months: int) -> dt.date:
    """The last day of the month that comes so many months after."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1])
