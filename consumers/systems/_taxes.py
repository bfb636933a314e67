"""How a line of Membri is taxed: Canada's and Québec's sales taxes, whatever the system.

What comes in: an invoice with the taxes that Membri computed. What goes out: a treatment for each
line, to which a connector finds its own tax code, rate or group.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from schemas.money import cents
from schemas.records import Invoice, Line

GST = Decimal(5)
QST = Decimal("9.975")
HUNDRED = Decimal(100)


class Treatment(StrEnum):
    """How a line is taxed; the keys of `[chapters.accounts] tax_codes`."""

    TAXABLE = "taxable"
    GST_ONLY = "gst_only"
    QST_ONLY = "qst_only"
    EXEMPT = "exempt"
    ZERO_RATED = "zero_rated"


RATES: dict[Treatment, tuple[Decimal, ...]] = {
    Treatment.TAXABLE: (GST, QST),
    Treatment.GST_ONLY: (GST,),
    Treatment.QST_ONLY: (QST,),
    Treatment.EXEMPT: (),
    Treatment.ZERO_RATED: (),
}
"""The percentages that a treatment is made of, both on the net amount."""
_UNTAXED_WORDS = {
    Treatment.EXEMPT: ("exempt", "exon"),
    Treatment.ZERO_RATED: ("zero", "zéro", "détax", "detax"),
}


def named_like(name: str, treatment: Treatment) -> bool:
    """Whether a code's name says that it exempts, or taxes at zero. Both have no percentage, and
    differ only on the tax return: here a name must help."""
    return any(word in name.casefold() for word in _UNTAXED_WORDS[treatment])


def treatments(invoice: Invoice) -> list[Treatment]:
    """How each line of the invoice is taxed.

    Membri may hold the taxes by line, or on the invoice alone with a taxable flag on its lines.
    """
    by_line = any(line.gst or line.qst for line in invoice.lines)
    flagged = any(line.taxable for line in invoice.lines)
    found = []
    for line in invoice.lines:
        if by_line or not (invoice.gst or invoice.qst):
            found.append(_treatment(line.gst, line.qst, line))
        elif line.taxable or not flagged:
            found.append(_treatment(invoice.gst, invoice.qst, line))
        else:
            found.append(Treatment.EXEMPT)
    return found


def _treatment(gst: Decimal, qst: Decimal, line: Line) -> Treatment:
    if gst and qst:
        return Treatment.TAXABLE
    if not line.taxable and not (gst or qst):
        return Treatment.EXEMPT
    # Taxable, with one tax or both absent: so small an amount that it rounds to nothing?
    no_gst = not gst and cents(line.amount * GST / HUNDRED)
    no_qst = not qst and cents(line.amount * QST / HUNDRED)
    if gst:
        return Treatment.GST_ONLY if no_qst else Treatment.TAXABLE
    if qst:
        return Treatment.QST_ONLY if no_gst else Treatment.TAXABLE
    return Treatment.ZERO_RATED if no_gst or no_qst else Treatment.TAXABLE
