"""Taxes of one line by component, as the service computes and checks them.

In: a net amount, a tax rate, and the tax that the client computed. Out: the tax and its breakdown
(sage-accounting.md, sections 6 and 9). Refuses a tax too far from its own, as the options say.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.amounts import CENT, ZERO, cents, money, shown
from ops.sandbox.sage_accounting.answers import reference
from ops.sandbox.sage_accounting.books import Books


def percentage(rate: Document) -> Decimal:
    return Decimal(str(rate["percentage"]))


def is_valid_for(rate: Document, region: str) -> bool:
    return not rate["regions"] or region in rate["regions"]


def components(books: Books, rate: Document) -> list[Document]:
    """The rates that make up a rate: its components, or itself."""
    numbers = rate["components"] or [rate["id"]]
    return [books.existing("tax_rates", number) for number in numbers]


def own_tax(books: Books, rate: Document, net: Decimal) -> Decimal:
    """The sum of the components, each to the cent."""
    return sum((_part(one, net) for one in components(books, rate)), ZERO)


def _part(rate: Document, net: Decimal) -> Decimal:
    return cents(net * percentage(rate) / 100)


def accepted(books: Books, rate: Document, net: Decimal, claimed: Decimal) -> Decimal | None:
    """The tax that is booked for a claimed one; None when it is refused."""
    own = own_tax(books, rate, net)
    whole = _part(rate, net)  # the combined percentage, rounded once, is as good
    if claimed in (own, whole):
        return claimed
    if abs(claimed - own) <= books.options.tax_tolerance_cents * CENT:
        return claimed
    if books.options.tax_amount_off == "recompute":
        return own
    return claimed if books.options.tax_amount_off == "accept" else None


def breakdown(books: Books, rate: Document, net: Decimal, tax: Decimal) -> list[Document]:
    """The booked tax by component; the largest takes the cents that rounding leaves over."""
    parts = components(books, rate)
    amounts = [_part(one, net) for one in parts]
    largest = max(range(len(parts)), key=lambda place: percentage(parts[place]))
    amounts[largest] += tax - sum(amounts, ZERO)
    return [
        {
            "tax_rate": reference("tax_rates", one["id"], one["displayed_as"]),
            "percentage": shown(percentage(one)),
            "amount": shown(amount),
        }
        for one, amount in zip(parts, amounts, strict=True)
    ]


def analysis(lines: Iterable[Document]) -> list[Document]:
    """The tax of a document by component, from the breakdown of its lines."""
    found: dict[str, Document] = {}
    for line in lines:
        for part in line["tax_breakdown"]:
            kept = found.setdefault(
                part["tax_rate"]["id"],
                {
                    "tax_rate": part["tax_rate"],
                    "percentage": part["percentage"],
                    "net_amount": ZERO,
                    "tax_amount": ZERO,
                },
            )
            kept["net_amount"] += money(line, "net_amount")
            kept["tax_amount"] += money(part, "amount")
    return [
        {
            **one,
            "net_amount": shown(one["net_amount"]),
            "tax_amount": shown(one["tax_amount"]),
            "total_amount": shown(one["net_amount"] + one["tax_amount"]),
        }
        for one in found.values()
    ]
