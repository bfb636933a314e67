"""Sales taxes: a group's authorities, each at its rate by customer class and line class.

In: an invoice's header and lines. Out: bases, tax by authority, totals, written into them. Rounded
once by document or line by line, as the group says; a surtax is also on the taxes before it.
sage-300.md, section 9.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.answers import field_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.fields import ZERO, cents, decimal
from ops.sandbox.sage_300.properties import AUTHORITIES


def compute(books: Books, header: Document, lines: list[Document], sent: set[str]) -> None:
    """`sent`: the header's properties that the client sent: tax amounts stick where the company
    has taxes entered by hand. Raises Refusal on an unknown group or class."""
    group = books.get("TXTaxGroups", header["TaxGroup"], "Sales")
    if group is None:
        raise field_invalid(f"Tax group {header['TaxGroup']} does not exist.")
    by_line = group.get("TaxCalculationMethod") == "CalculateTaxByDetail"
    manual = books.options.manual_tax
    net = sum((_net(books, group, header, line) for line in lines), ZERO)
    total = ZERO
    for n in AUTHORITIES:
        base, tax = _authority(books, group, header, lines, n, by_line=by_line)
        if manual and any(f"TaxAmount{n}" in line["_sent"] for line in lines):
            tax = sum((decimal(line, f"TaxAmount{n}") for line in lines), ZERO)
        elif manual and f"TaxAmount{n}" in sent:
            tax = decimal(header, f"TaxAmount{n}")
        header[f"TaxBase{n}"], header[f"TaxAmount{n}"] = base, tax
        total += tax
    for line in lines:
        taxes = (decimal(line, f"TaxAmount{n}") for n in AUTHORITIES)
        line["TaxTotal"] = sum(taxes, ZERO)
    header["TaxTotal"] = total
    header["DocumentTotalBeforeTax"] = net
    header["DocumentTotalIncludingTax"] = net + total


def _authority(
    books: Books,
    group: Document,
    header: Document,
    lines: list[Document],
    n: int,
    *,
    by_line: bool,
) -> tuple[Decimal, Decimal]:
    """(base, tax) of the n-th authority, written into the lines too."""
    base = exact = rounded = ZERO
    for line in lines:
        rate = _rate(books, group, header, line, n)
        taxable = decimal(line, "ExtendedAmountWithoutTIP")
        if rate is None:
            taxable = tax = ZERO
        else:
            if group.get(f"Surtax{n}") == "Yes":
                taxable += sum((decimal(line, f"TaxAmount{m}") for m in range(1, n)), ZERO)
            tax = taxable * rate / 100
        line[f"TaxBase{n}"] = taxable
        if not (books.options.manual_tax and f"TaxAmount{n}" in line["_sent"]):
            line[f"TaxAmount{n}"] = cents(tax)
        base, exact, rounded = base + taxable, exact + tax, rounded + cents(tax)
    return base, rounded if by_line else cents(exact)


def _rate(
    books: Books, group: Document, header: Document, line: Document, n: int
) -> Decimal | None:
    """In percent; None when the group has no such authority."""
    authority = group.get(f"TaxAuthority{n}")
    if not authority:
        return None
    buyer, item = int(header[f"TaxClass{n}"]), int(line[f"TaxClass{n}"])
    rates = books.get("TXTaxRates", authority, "Sales", buyer)
    if rates is None or f"ItemRate{item}" not in rates:
        raise field_invalid(f"Tax class {buyer}/{item} of authority {authority} does not exist.")
    return Decimal(str(rates[f"ItemRate{item}"]))


def _net(books: Books, group: Document, header: Document, line: Document) -> Decimal:
    """The line without what its price includes of tax, written into it."""
    given = decimal(line, "ExtendedAmountWithTIP")
    included = ZERO
    for n in AUTHORITIES:
        if line.get(f"TaxIncluded{n}") == "Yes":
            included += _rate(books, group, header, line, n) or ZERO
    net = cents(given * 100 / (100 + included))
    line["ExtendedAmountWithoutTIP"] = net
    return net
