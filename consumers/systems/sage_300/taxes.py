"""Sales taxes: which class each line needs, under which authority of the tax group.

What comes in: an invoice with the taxes that Membri computed; the group and its rates. What goes
out: a class for each line and authority, and Membri's own amounts by line. Refused: a group without
GST or QST, a line without tax where no exempt class is configured.

An authority is known by its rate for the customer's class and the taxable class, never by its name;
the order in a group is the company's (reference page, section 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from consumers.systems.sage_300.faults import Json
from schemas.money import ZERO, cents
from schemas.records import Invoice, Line
from schemas.sentences import say

GST = Decimal(5)
QST = Decimal("9.975")
SLOTS = (1, 2, 3, 4, 5)
TAXABLE, EXEMPT = "taxable", "exempt"
_HUNDRED = Decimal(100)
_DEFAULT_TAXABLE = 1


class UnknownTax(Exception):
    """The message says what the group has and what to set."""


@dataclass(frozen=True)
class Authority:
    """One of the five places of a tax group. `rates`: item tax class → percentage."""

    slot: int
    name: str
    surtax: bool
    rates: Mapping[int, Decimal]


@dataclass(frozen=True)
class Taxes:
    """The places of GST and QST in the group, None for one that it has not, and the classes."""

    gst: Authority | None
    qst: Authority | None
    others: tuple[Authority, ...]
    taxable: int
    exempt: int | None

    @property
    def authorities(self) -> tuple[Authority, ...]:
        return tuple(one for one in (self.gst, self.qst, *self.others) if one is not None)


def classes(configured: Mapping[str, str]) -> tuple[int, int | None]:
    """(taxable, exempt) of `accounts.tax_codes`; taxable is 1 unless it says otherwise, exempt is
    the company's own and has no default. Raises UnknownTax."""
    found: dict[str, int | None] = {TAXABLE: _DEFAULT_TAXABLE, EXEMPT: None}
    for name, value in configured.items():
        if name not in found:
            raise UnknownTax(say("tax_codes.{name}: known names are taxable, exempt", name=name))
        if not (value.isdigit() and 1 <= int(value) <= 10):
            raise UnknownTax(
                say(
                    "tax_codes.{name} = {value} is no item tax class (1 to 10)",
                    name=name,
                    value=repr(value),
                )
            )
        found[name] = int(value)
    return found[TAXABLE] or _DEFAULT_TAXABLE, found[EXEMPT]


def read_taxes(
    group: Json, rates: Mapping[str, Sequence[Json]], buyer: int, configured: Mapping[str, str]
) -> Taxes:
    """`rates`: authority → its rows. `buyer`: the customers' tax class. Raises UnknownTax."""
    taxable, exempt = classes(configured)
    found = []
    for slot in SLOTS:
        name = str(group.get(f"TaxAuthority{slot}") or "").strip()
        if name:
            surtax = str(group.get(f"Surtax{slot}") or "No") == "Yes"
            found.append(Authority(slot, name, surtax, _rates(rates.get(name, ()), buyer)))
    gst = next((one for one in found if one.rates.get(taxable) == GST), None)
    qst = next((one for one in found if one.rates.get(taxable) == QST), None)
    others = tuple(one for one in found if one not in (gst, qst))
    return Taxes(gst, qst, others, taxable, exempt)


def _rates(rows: Sequence[Json], buyer: int) -> dict[int, Decimal]:
    for row in rows:
        if int(row.get("BuyerClass") or 0) == buyer:
            return {n: Decimal(str(row.get(f"ItemRate{n}") or 0)).normalize() for n in range(1, 11)}
    return {}


def line_classes(invoice: Invoice, taxes: Taxes) -> list[dict[int, int]]:
    """For each line: place of an authority → item tax class. Raises UnknownTax."""
    for name, tax, amount in (
        ("GST 5 %", taxes.gst, invoice.gst),
        ("QST 9.975 %", taxes.qst, invoice.qst),
    ):
        if amount and tax is None:
            seen = "; ".join(_described(one, taxes.taxable) for one in taxes.authorities)
            raise UnknownTax(
                say(
                    "the tax group has no authority at {name}: {seen}",
                    name=name,
                    seen=seen or "-",
                )
            )
    return [
        {
            one.slot: _class(taxes, is_taxed=_is_taxed(one, taxes, gst=gst, qst=qst))
            for one in taxes.authorities
        }
        for gst, qst in taxed_lines(invoice)
    ]


def _is_taxed(authority: Authority, taxes: Taxes, *, gst: bool, qst: bool) -> bool:
    if authority is taxes.gst:
        return gst
    return qst if authority is taxes.qst else False


def _class(taxes: Taxes, *, is_taxed: bool) -> int:
    if is_taxed:
        return taxes.taxable
    if taxes.exempt is None:
        raise UnknownTax(
            say("a line without tax needs the item tax class whose rate is 0: set tax_codes.exempt")
        )
    return taxes.exempt


def _described(authority: Authority, taxable: int) -> str:
    rate = authority.rates.get(taxable, ZERO)
    return f"{authority.name} at {rate:f} % (class {taxable})"


def taxed_lines(invoice: Invoice) -> list[tuple[bool, bool]]:
    """(GST, QST) of each line.

    Membri may hold the taxes by line, or on the invoice alone with a taxable flag on its lines.
    """
    by_line = any(line.gst or line.qst for line in invoice.lines)
    flagged = any(line.taxable for line in invoice.lines)
    found = []
    for line in invoice.lines:
        if by_line:
            found.append((_is_due(line, line.gst, GST), _is_due(line, line.qst, QST)))
        elif line.taxable or not flagged:
            found.append((bool(invoice.gst), bool(invoice.qst)))
        else:
            found.append((False, False))
    return found


def _is_due(line: Line, tax: Decimal, rate: Decimal) -> bool:
    """Also when it is so small that it rounds to nothing."""
    return bool(tax) or (line.taxable and not cents(line.amount * rate / _HUNDRED))


def shares(whole: Decimal, nets: Sequence[Decimal], taxed: Sequence[bool]) -> list[Decimal]:
    """A tax of the invoice spread over its taxed lines; the last one takes the cents left."""
    base = sum((net for net, is_taxed in zip(nets, taxed, strict=True) if is_taxed), ZERO)
    found = [
        cents(whole * net / base) if is_taxed and base else ZERO
        for net, is_taxed in zip(nets, taxed, strict=True)
    ]
    last = max((n for n, is_taxed in enumerate(taxed) if is_taxed), default=None)
    if last is not None:
        found[last] += whole - sum(found, ZERO)
    return found
