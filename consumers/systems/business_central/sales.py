"""The body of an invoice or a credit memo, and what is wrong with one before it is sent.

What comes in: an invoice of Membri. What goes out: the JSON of a sales document with its lines, or
problems. Refused: unknown taxes or accounts, numbers too long.

`lineType` stands before `lineObjectNumber`, which is validated by it, and on every line: one
without a type is a comment, its amount silently 0; `quantity` is always sent, since a line of
quantity 0 posts as nothing (page, section 4). Texts longer than a line go on in comment lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from consumers.errors import Rejected
from consumers.system import DraftLine, Problem
from consumers.systems._keys import same_name
from consumers.systems._problems import refused_by
from consumers.systems._taxes import treatments
from consumers.systems.business_central.company import Company, money, two_lines, without_empty
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.fields import LIMITS, too_long
from consumers.systems.business_central.keys import code, external_number, marker, same_code
from consumers.systems.business_central.settings import TITLE
from consumers.systems.business_central.taxes import group
from schemas.money import cents
from schemas.reasons import Reason
from schemas.records import Address, Invoice, Line
from schemas.sentences import say

LINES_MAX = 750
_TEXT_MAX = LIMITS["salesInvoices.salesInvoiceLines.description"]
_DECIMALS_MAX = 5
"""Decimals that quantities and unit prices keep as Business Central is shipped (amount rounding
0.00001); more, and the line goes as one amount."""


@dataclass(frozen=True)
class Kind:
    """One of the two sales documents and its resources."""

    resource: Literal["salesInvoices", "salesCreditMemos"]
    lines: str
    date: str


INVOICE = Kind("salesInvoices", "salesInvoiceLines", "invoiceDate")
CREDIT_MEMO = Kind("salesCreditMemos", "salesCreditMemoLines", "creditMemoDate")


def kind_of(invoice: Invoice | None) -> Kind:
    """Credit memo or invoice; a stub without a record is an invoice."""
    return CREDIT_MEMO if invoice is not None and invoice.kind == "credit_note" else INVOICE


def check(company: Company, invoice: Invoice) -> Iterator[Problem]:
    """Everything that would be refused, as far as it can be known without writing."""
    yield from company.posting_dates(invoice.date)
    yield from company.foreign_currency(invoice.currency)
    address = _billed_at(invoice)
    first, second = two_lines(address, _billing_name(invoice))
    yield from too_long(
        {
            "number": (code(invoice.number), "salesInvoices.externalDocumentNumber"),
            "billing_address.lines.0": (first, "salesInvoices.sellToAddressLine1"),
            "billing_address.lines.1": (second, "salesInvoices.sellToAddressLine2"),
            "billing_address.city": (address.city, "salesInvoices.sellToCity"),
            "billing_address.province": (address.province, "salesInvoices.sellToState"),
            "billing_address.postal_code": (address.postal_code, "salesInvoices.sellToPostCode"),
        }
    )
    if not invoice.lines:
        yield Problem(Reason.MISSING_FIELD, "lines")
    if len(invoice.lines) > LINES_MAX:
        yield Problem(Reason.TOO_LONG, "lines", f"{len(invoice.lines)} > {LINES_MAX}")
    if invoice.total < 0:
        yield Problem(Reason.AMOUNT_NOT_POSITIVE, "total", f"{invoice.total}")
    yield from refused_by(lambda: body(company, invoice, ""))


def body(company: Company, invoice: Invoice, customer_id: str, corrected_id: str = "") -> Json:
    """The document as it is sent. `corrected_id`: the posted invoice that a credit memo is applied
    to, empty for none. Raises Rejected(unknown_tax, unknown_account), Unavailable, Transient."""
    kind = kind_of(invoice)
    made: Json = {
        "customerId": customer_id,
        "externalDocumentNumber": external_number(invoice.number, invoice.id),
        kind.date: invoice.date.isoformat(),
        "postingDate": invoice.date.isoformat(),
        # Said even for the company's own: else a customer's currency would be taken.
        "currencyCode": invoice.currency,
        "invoiceId": corrected_id,
        # The terms before the due date, which they would compute anew.
        "paymentTermsId": _terms(company) if kind is INVOICE else "",
    }
    if kind is INVOICE and invoice.due_date is not None:
        made["dueDate"] = invoice.due_date.isoformat()
    return {
        **without_empty(made),
        **_address(company, invoice),
        kind.lines: list(_lines(company, invoice)),
    }


def _address(company: Company, invoice: Invoice) -> Json:
    """Nothing, or the whole of it: what is left out would be taken from the customer."""
    address = _billed_at(invoice)
    if address == Address():
        return without_empty({"sellToAddressLine1": _billing_name(invoice)})
    first, second = two_lines(address, _billing_name(invoice))
    return {
        "sellToAddressLine1": first,
        "sellToAddressLine2": second,
        "sellToCity": address.city,
        "sellToState": address.province,
        "sellToPostCode": code(address.postal_code),
        "sellToCountry": company.country(address.country, "billing_address.country"),
    }


def _billed_at(invoice: Invoice) -> Address:
    """The invoice's own address; the account's when only another name is billed there."""
    own = invoice.billing_address
    return invoice.account.address if own == Address() and _billing_name(invoice) else own


def _billing_name(invoice: Invoice) -> str:
    """Only where it differs: the customer's name is printed above the address anyway."""
    named = invoice.billing_name.strip()
    return "" if same_name(named, invoice.account.name) else named


def _terms(company: Company) -> str:
    named = company.accounts.terms
    if not named:
        return ""
    found = company.lists.entry(company.client, "paymentTerms", named)
    if found is None:
        detail = say(
            "accounts.terms = {value} are no {system} payment terms",
            system=TITLE,
            value=repr(named),
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, field="due_date", detail=detail)
    return str(found["id"])


def income(company: Company, invoice: Invoice) -> str:
    """The number of the revenue account. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    named, setting = accounts.income_for(invoice.type), accounts.income_setting(invoice.type)
    return str(company.account(named, setting, "type")["number"])


def _lines(company: Company, invoice: Invoice) -> Iterator[Json]:
    account = income(company, invoice)
    for number, (line, treatment) in enumerate(
        zip(invoice.lines, treatments(invoice), strict=True)
    ):
        quantity, price = priced(line)
        first, *rest = _pieces(line.description or line.product) or [""]
        made = {
            "lineType": company.connection.enum("Account"),
            "lineObjectNumber": account,
            "description": first,
            "description2": "" if number else marker(invoice.id),
            "quantity": quantity,
            "unitPrice": price,
            "taxCode": group(company, treatment, f"lines.{number}.gst"),
        }
        yield without_empty(made)
        yield from _comments(company, rest)
    yield from _comments(company, _pieces(invoice.description))


def priced(line: Line) -> tuple[Decimal, Decimal]:
    """Quantity and unit price whose product is the line's amount to the cent."""
    few = all(_decimals(value) <= _DECIMALS_MAX for value in (line.quantity, line.unit_price))
    if line.quantity > 0 and few and cents(line.quantity * line.unit_price) == line.amount:
        return line.quantity, line.unit_price
    return Decimal(1), line.amount


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _comments(company: Company, texts: list[str]) -> Iterator[Json]:
    for text in texts:
        yield {"lineType": company.connection.enum("Comment"), "description": text}


def _pieces(text: str) -> list[str]:
    """The text in lines that fit, broken between words where there are any; nothing is lost."""
    found = []
    for paragraph in text.splitlines():
        rest = paragraph.strip()
        while len(rest) > _TEXT_MAX:
            cut = rest.rfind(" ", 1, _TEXT_MAX + 1)
            cut = cut if cut > 0 else _TEXT_MAX
            found.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        if rest:
            found.append(rest)
    return found


def draft_lines(company: Company, invoice: Invoice) -> tuple[DraftLine, ...]:
    """The lines of the document for people: account number, tax group, dollars before taxes."""
    account = income(company, invoice)
    return tuple(
        DraftLine(
            line.description or line.product,
            account,
            line.amount,
            priced(line)[0],
            group(company, treatment),
        )
        for line, treatment in zip(invoice.lines, treatments(invoice), strict=True)
    )


def differences(company: Company, row: Json, invoice: Invoice, customer_id: str) -> tuple[str, ...]:
    """What the document has otherwise than the invoice, both figures; no language but names. Of a
    document of ours number and date too: they may have been corrected in Membri since."""
    found = []
    held, taxes = money(row, "totalAmountIncludingTax"), money(row, "totalTaxAmount")
    if held != invoice.total:
        found.append(f"total: Business Central {held} ≠ Membri {invoice.total}")
    if taxes != invoice.gst + invoice.qst:
        found.append(
            say(
                "taxes: {system} {found} ≠ Membri {expected} (GST {gst}, QST {qst})",
                system=TITLE,
                found=taxes,
                expected=invoice.gst + invoice.qst,
                gst=invoice.gst,
                qst=invoice.qst,
            )
        )
    currency = str(row.get("currencyCode") or company.setup.currency)
    if currency != invoice.currency:
        found.append(
            say(
                "currency: {system} {found} ≠ Membri {expected}",
                system=TITLE,
                found=currency,
                expected=invoice.currency,
            )
        )
    holder = str(row.get("customerId") or "")
    if customer_id and holder != customer_id:
        found.append(
            say(
                "customer: {system} {number} « {name} » ≠ Membri « {expected} »",
                system=TITLE,
                number=row.get("customerNumber"),
                name=row.get("customerName"),
                expected=invoice.account.name,
            )
        )
    if marked(row, invoice.id):
        found += _corrected_since(row, invoice)
    return tuple(found)


def _corrected_since(row: Json, invoice: Invoice) -> Iterator[str]:
    number = str(row.get("externalDocumentNumber") or "")
    # What had none when it was sent keeps the one made from its id.
    allowed = (external_number(invoice.number, invoice.id), external_number("", invoice.id))
    if not any(same_code(number, one) for one in allowed):
        yield say(
            "number: {system} {found} ≠ Membri {expected}",
            system=TITLE,
            found=number or "-",
            expected=invoice.number or "-",
        )
    date = str(row.get("postingDate") or "")[:10]
    if date != invoice.date.isoformat():
        yield f"date: Business Central {date or '-'} ≠ Membri {invoice.date.isoformat()}"


def taxes_differ(row: Json, invoice: Invoice) -> bool:
    """Whether Business Central computed other taxes."""
    return money(row, "totalTaxAmount") != invoice.gst + invoice.qst


def marked(row: Json, record_id: str) -> bool:
    """Whether a line of the document holds our marker for that record."""
    return marker(record_id) in _markers(row)


def owner(row: Json) -> str:
    """The compact id of the Membri record that the document belongs to; empty for none of ours."""
    found = _markers(row)
    return found[0].rpartition(":")[2] if found else ""


def _markers(row: Json) -> list[str]:
    lines = row.get(INVOICE.lines) or row.get(CREDIT_MEMO.lines) or []
    texts = [str(line.get("description2") or "").strip().casefold() for line in lines]
    return [text for text in texts if text.startswith("membri:invoice:")]
