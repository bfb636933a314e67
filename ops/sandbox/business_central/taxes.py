"""Sales taxes as the system computes them (business-central.md, section 9).

In: a document and its lines. Out: the same with taxes and totals, never taken from the client. Tax
needs all three: a liable customer, an area, a group that has a rate in a jurisdiction of the area.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.values import ZERO, amount, cents
from ops.sandbox.kernel.store import Document


def rates(books: Books, header: Document, group: str) -> dict[str, Decimal]:
    """Jurisdiction → percent, for one tax group of that document."""
    area = books.get("taxAreas", header.get("_taxAreaId", "")) if header["_taxLiable"] else None
    found = books.named("taxGroups", group)
    if area is None or found is None:
        return {}
    return {
        name: Decimal(found["_rates"][name])
        for name in area["_jurisdictions"]
        if name in found["_rates"]
    }


def priced(line: Document) -> Document:
    """The line's amount before tax, after its own discount."""
    if line["lineType"] == "Comment":
        return {
            **line, "quantity": "0", "unitPrice": "0", "discountAmount": "0",
            "discountPercent": "0", "amountExcludingTax": "0",
        }  # fmt: skip
    gross = cents(amount(line, "quantity") * amount(line, "unitPrice"))
    if amount(line, "discountPercent"):
        discount = cents(gross * amount(line, "discountPercent") / 100)
    else:
        discount = cents(amount(line, "discountAmount"))
    return {**line, "discountAmount": str(discount), "amountExcludingTax": str(gross - discount)}


def _allocated(discount: Decimal, lines: Sequence[Document]) -> list[Decimal]:
    """The document's discount on its lines, in proportion, the last one taking the rest."""
    whole = sum((amount(line, "amountExcludingTax") for line in lines), ZERO)
    shares = [
        cents(discount * amount(line, "amountExcludingTax") / whole) if whole else ZERO
        for line in lines
    ]
    if shares and whole:
        shares[-1] += discount - sum(shares, ZERO)
    return shares


def taxed(
    books: Books, header: Document, lines: Sequence[Document]
) -> tuple[Document, list[Document]]:
    """The header and lines with what the system computes; `_taxes` holds each jurisdiction's."""
    lines = [priced(line) for line in lines]
    shares = _allocated(amount(header, "discountAmount"), lines)
    bases: dict[str, Decimal] = {}
    by_line: dict[str, Decimal] = {}
    percents: dict[str, Decimal] = {}
    done: list[Document] = []
    for line, share in zip(lines, shares, strict=True):
        net = amount(line, "amountExcludingTax") - share
        own = rates(books, header, line["taxCode"])
        percents |= own
        for name, percent in own.items():
            bases[name] = bases.get(name, ZERO) + net
            by_line[name] = by_line.get(name, ZERO) + cents(net * percent / 100)
        tax = sum((cents(net * percent / 100) for percent in own.values()), ZERO)
        done.append({**line, **_line_figures(net, share, tax, sum(own.values(), ZERO))})
    taxes = by_line
    if books.options.tax_rounding == "document":
        taxes = {name: cents(base * percents[name] / 100) for name, base in bases.items()}
    return {**header, **_totals(done, taxes)}, done


def _line_figures(net: Decimal, share: Decimal, tax: Decimal, percent: Decimal) -> Document:
    return {
        "taxPercent": str(percent),
        "totalTaxAmount": str(tax),
        "amountIncludingTax": str(net + share + tax),
        "invoiceDiscountAllocation": str(share),
        "netAmount": str(net),
        "netTaxAmount": str(tax),
        "netAmountIncludingTax": str(net + tax),
    }


def _totals(lines: Sequence[Document], taxes: dict[str, Decimal]) -> Document:
    net = sum((amount(line, "netAmount") for line in lines), ZERO)
    tax = sum(taxes.values(), ZERO)
    return {
        "totalAmountExcludingTax": str(net),
        "totalTaxAmount": str(tax),
        "totalAmountIncludingTax": str(net + tax),
        "_taxes": {name: str(value) for name, value in taxes.items()},
    }
