"""Invoices and credit memos: what QuickBooks checks, adds and computes on a Canadian sales form.

In: a conformed document and the one it replaces. Out: the document to keep, with its SubTotal line,
taxes, TotalAmt, Balance and due date. Refuses what the reference lists for sales transactions.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books, reference_to
from ops.sandbox.quickbooks_online.conform import amount, money_text
from ops.sandbox.quickbooks_online.links import applied
from ops.sandbox.quickbooks_online.numbering import doc_number
from ops.sandbox.quickbooks_online.taxes import HUNDRED, cents, line_code, tax_detail

MAX_LINES = 750
_DETAILS = ("SalesItemLineDetail", "DiscountLineDetail", "DescriptionOnly", "SubTotalLineDetail")


def prepare_sale(
    books: Books,
    entity: str,
    document: Document,
    before: Document | None,
    *,
    duplicates_allowed: bool = False,
) -> Document:
    """The complete invoice or credit memo. Raises Refusal."""
    customer = sales_customer(books, document.get("CustomerRef"))
    check_currency(books, document, customer)
    lines = _lines(books, document.get("Line") or [])
    method = document.get("GlobalTaxCalculation", "TaxExcluded")
    asked = document.get("TxnTaxDetail")
    if method == "NotApplicable" and asked:
        raise Refusal(
            6170, "TxnTaxDetail is not allowed when GlobalTaxCalculation is NotApplicable"
        )
    subtotal = sum((amount(line, "Amount") for line in lines if _is_item(line)), Decimal(0))
    discount = _discount(lines, subtotal)
    taxed = [] if method == "NotApplicable" else _taxed(books, document, lines, subtotal, discount)
    detail, tax = tax_detail(books, taxed, asked)
    total = subtotal - discount + tax
    if total < 0:
        raise Refusal(6000, "Business Validation Error: the total cannot be negative")
    subtotal_line = {
        "Amount": money_text(subtotal),
        "DetailType": "SubTotalLineDetail",
        "SubTotalLineDetail": {},
    }
    complete = {
        "PrintStatus": "NotSet",
        "EmailStatus": "NotSet",
        "ApplyTaxAfterDiscount": False,
        **document,
        "TxnDate": document.get("TxnDate") or books.now().date().isoformat(),
        "DocNumber": doc_number(
            books, entity, document, before, duplicates_allowed=duplicates_allowed
        ),
        "CustomerRef": reference_to(customer),
        "CurrencyRef": customer["CurrencyRef"],
        "GlobalTaxCalculation": method,
        "Line": [*lines, subtotal_line],
        "TxnTaxDetail": detail,
        "TotalAmt": money_text(total),
    }
    complete.pop("AutoDocNumber", None)
    if complete["DocNumber"] is None:
        del complete["DocNumber"]
    _check_email(complete)
    if customer.get("BillAddr") and not complete.get("BillAddr"):
        complete["BillAddr"] = customer["BillAddr"]
    if entity == "Invoice":
        _due_date(books, complete, customer)
    return _with_open_amount(books, entity, complete, before)


def sales_customer(books: Books, reference: Document | None) -> Document:
    """The active customer of a transaction. Raises Refusal: 2020 without, 6250 unknown."""
    if not reference:
        raise Refusal(
            2020, "Required parameter CustomerRef is missing in the request", element="CustomerRef"
        )
    customer = books.reference("Customer", reference, "CustomerRef", code=6250)
    if customer is None:
        raise Refusal(6250, element="CustomerRef")
    return customer


def check_currency(books: Books, document: Document, customer: Document) -> None:
    """Refuses a rate of zero, and a currency that is not the customer's."""
    if "ExchangeRate" in document and amount(document, "ExchangeRate") <= 0:
        raise Refusal(2090, "Invalid number: ExchangeRate must be above 0", element="ExchangeRate")
    asked = document.get("CurrencyRef")
    own = customer["CurrencyRef"]["value"]
    if asked and asked["value"] != own:
        raise Refusal(
            6000,
            f"Business Validation Error: the currency {asked['value']} is not the customer's"
            f" ({own})",
            element="CurrencyRef",
        )
    if books.multi_currency and not asked:
        raise Refusal(2020, "Required parameter CurrencyRef is missing", element="CurrencyRef")


def _is_item(line: Document) -> bool:
    return bool(line["DetailType"] == "SalesItemLineDetail")


def _lines(books: Books, asked: list[Document]) -> list[Document]:
    kept = [line for line in asked if line.get("DetailType") != "SubTotalLineDetail"]
    if not kept:
        raise Refusal(2020, "Required parameter Line is missing in the request", element="Line")
    if len(kept) > MAX_LINES:
        raise Refusal(6000, f"Business Validation Error: more than {MAX_LINES} lines")
    lines = [_line(books, line, number) for number, line in enumerate(kept, 1)]
    if not any(_is_item(line) for line in lines):
        raise Refusal(2250, "At least one sales line is needed", element="Line")
    return lines


def _line(books: Books, line: Document, number: int) -> Document:
    kind = line.get("DetailType")
    if not kind:
        raise Refusal(
            2020, "Required parameter Line.DetailType is missing in the request", element="Line"
        )
    if kind not in _DETAILS:
        raise Refusal(2170, f"Invalid Enumeration : {kind}", element="DetailType")
    if kind != "DescriptionOnly" and not line.get(kind):
        raise Refusal(2020, f"Required parameter Line.{kind} is missing in the request")
    if _is_item(line):
        line = _item_line(books, line)
    elif kind == "DescriptionOnly" and amount(line, "Amount"):
        raise Refusal(6440, "A line with an amount needs an item or an account", element="Line")
    return {**line, "Id": str(number), "LineNum": number}


def _item_line(books: Books, line: Document) -> Document:
    if "Amount" not in line:
        raise Refusal(2020, "Required parameter Line.Amount is missing in the request")
    net = amount(line, "Amount")
    if net < 0:
        raise Refusal(2290, "Negative amounts are not supported on lines", element="Line.Amount")
    detail = line["SalesItemLineDetail"]
    if "Qty" in detail and "UnitPrice" in detail:
        product = amount(detail, "Qty") * amount(detail, "UnitPrice")
        if cents(product) != net:
            raise Refusal(
                6070,
                f"Amount is not equal to UnitPrice * Qty. Supplied value:{net}",
                element="Line.Amount",
            )
    item = books.reference("Item", detail.get("ItemRef"), "ItemRef")
    if item is None:
        raise Refusal(6440, "A line with an amount needs an item or an account", element="ItemRef")
    line_code(books, detail.get("TaxCodeRef"))
    books.reference("Account", detail.get("ItemAccountRef"), "ItemAccountRef")
    return {**line, "SalesItemLineDetail": {**detail, "ItemRef": reference_to(item)}}


def _discount(lines: list[Document], subtotal: Decimal) -> Decimal:
    total = Decimal(0)
    for line in lines:
        if line["DetailType"] != "DiscountLineDetail":
            continue
        detail = line["DiscountLineDetail"]
        if detail.get("PercentBased"):
            if "DiscountPercent" not in detail:
                raise Refusal(6090, "A discount needs an amount or a percentage")
            value = cents(subtotal * amount(detail, "DiscountPercent") / HUNDRED)
            line["Amount"] = money_text(value)
        elif "Amount" not in line:
            raise Refusal(6090, "A discount needs an amount or a percentage")
        total += amount(line, "Amount")
    return total


def _taxed(
    books: Books, document: Document, lines: list[Document], subtotal: Decimal, discount: Decimal
) -> list[tuple[str, Decimal]]:
    """(tax code, net) of each line; a discount lowers them when taxes come after it."""
    lowered = bool(document.get("ApplyTaxAfterDiscount")) and subtotal > 0
    share = (subtotal - discount) / subtotal if lowered else Decimal(1)
    return [
        (
            line_code(books, line["SalesItemLineDetail"].get("TaxCodeRef")),
            cents(amount(line, "Amount") * share),
        )
        for line in lines
        if _is_item(line)
    ]


def _check_email(document: Document) -> None:
    if document["EmailStatus"] == "NeedToSend" and not document.get("BillEmail"):
        raise Refusal(2020, "Required parameter BillEmail is missing", element="BillEmail")


def _due_date(books: Books, document: Document, customer: Document) -> None:
    reference = (
        document.get("SalesTermRef")
        or customer.get("SalesTermRef")
        or books.preference("SalesFormsPrefs", "DefaultTerms")
    )
    term = books.reference("Term", reference, "SalesTermRef")
    if term:
        document["SalesTermRef"] = reference_to(term)
    if document.get("DueDate"):
        return
    day = date.fromisoformat(document["TxnDate"])
    document["DueDate"] = (_due(term, day) if term else day).isoformat()


def _due(term: Document, day: date) -> date:
    if "DueDays" in term:
        return day + timedelta(days=int(term["DueDays"]))
    wanted = int(term.get("DayOfMonthDue", 1))
    due = _in_month(day.year, day.month, wanted)
    if (due - day).days <= int(term.get("DueNextMonthDays", 0)):
        year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
        due = _in_month(year, month, wanted)
    return due


def _in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _with_open_amount(
    books: Books, entity: str, document: Document, before: Document | None
) -> Document:
    used = applied(books, entity, before["Id"]) if before else Decimal(0)
    left = amount(document, "TotalAmt") - used
    if left < 0:
        raise Refusal(6000, "Business Validation Error: more is already applied than the new total")
    if before and used and before["CustomerRef"]["value"] != document["CustomerRef"]["value"]:
        raise Refusal(6000, "Business Validation Error: payments are linked to this customer")
    linked = list(before.get("LinkedTxn", ())) if before else []
    complete = {**document, "Balance": money_text(left), "LinkedTxn": linked}
    if entity == "CreditMemo":
        complete["RemainingCredit"] = money_text(left)
    return complete


def voided_sale(books: Books, entity: str, before: Document) -> Document:
    """An invoice with nothing left to pay. Raises Refusal while payments are linked to it."""
    check_unlinked(books, entity, before, "void")
    lines = [{**line, "Amount": "0.00"} for line in before["Line"]]
    for line in lines:
        detail = line.get("SalesItemLineDetail")
        if detail:
            line["SalesItemLineDetail"] = {
                k: v for k, v in detail.items() if k not in ("Qty", "UnitPrice")
            }
    return {
        **before,
        "Line": lines,
        "TxnTaxDetail": {"TotalTax": "0.00", "TaxLine": []},
        "TotalAmt": "0.00",
        "Balance": "0.00",
        "PrivateNote": voided_note(before),
    }


def voided_note(before: Document) -> str:
    note = before.get("PrivateNote", "")
    return f"Voided - {note}" if note else "Voided"


def check_unlinked(books: Books, entity: str, before: Document, action: str) -> None:
    """Refuses an action on a document that payments are linked to."""
    if applied(books, entity, before["Id"]):
        raise Refusal(
            6000,
            f"Business Validation Error: cannot {action} a transaction linked to others; unlink"
            " them first",
        )
