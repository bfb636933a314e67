"""Drafts of invoices and credit memos, and their lines (business-central.md, sections 4 and 5).

In: conformed values in the order of the request. Out: the header or line as kept, totals computed.
Refuses what a posted document no longer takes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ops.sandbox.business_central import customers
from ops.sandbox.business_central.answers import DIALOG, Refusal
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.properties import NO_DATE, NO_GUID
from ops.sandbox.business_central.taxes import taxed
from ops.sandbox.kernel.store import Document


@dataclass(frozen=True)
class Sale:
    """One of the two kinds. `ledger`: its document type in the ledgers; `sign`: of its debt."""

    name: str
    lines: str
    date: str
    what: str
    ledger: str
    draft_series: str
    posted_series: str
    sign: int


INVOICE = Sale(
    "salesInvoices", "salesInvoiceLines", "invoiceDate", "invoice", "Invoice", "S-INV", "PS-INV", 1
)
MEMO = Sale(
    "salesCreditMemos", "salesCreditMemoLines", "creditMemoDate", "credit memo", "Credit Memo",
    "S-CR", "PS-CR", -1,
)  # fmt: skip
SALES = {sale.name: sale for sale in (INVOICE, MEMO)}
BY_LINES = {sale.lines: sale for sale in (INVOICE, MEMO)}
_AFTER_POSTING = {"dueDate", "promisedPayDate", "disputeStatus", "disputeStatusId"}
_LINE_STEP = 10_000


def create(books: Books, sale: Sale, values: Document, lines: Sequence[Document] = ()) -> Document:
    """A new draft with its lines. Raises Refusal."""
    customer = _customer(books, values)
    customers.check_usable(customer, "create")
    values = _checked(books, sale, {**values, **_of_customer(books, customer, values)})
    _note_duplicate(books, sale, values)
    today = books.today()
    date = values.get(sale.date, NO_DATE)
    date = today if date == NO_DATE else date
    posting = values.get("postingDate", NO_DATE)
    header = {
        **values,
        sale.date: date,
        "postingDate": today if posting == NO_DATE else posting,
        "number": books.next_number(sale.draft_series),
        "status": "Draft",
    }
    if header.get("dueDate", NO_DATE) == NO_DATE:
        header["dueDate"] = _due(books, header, date)
    kept = books.insert(sale.name, header)
    for line in lines:
        _insert_line(books, sale, kept, line)
    return recomputed(books, sale, kept)


def change(books: Books, sale: Sale, before: Document, values: Document) -> Document:
    if before["status"] != "Draft" and (
        before["status"] == "In Review" or sale is MEMO or set(values) - _AFTER_POSTING
    ):
        raise Refusal(DIALOG, "posted", what=sale.what)
    if values.get("customerId") or values.get("customerNumber"):
        customer = _customer(books, values)
        customers.check_usable(customer, "create")
        values = {**values, **_of_customer(books, customer, values)}
    kept = books.change(sale.name, before, **_checked(books, sale, values))
    return recomputed(books, sale, kept) if before["status"] == "Draft" else kept


def remove(books: Books, sale: Sale, document: Document) -> None:
    """Deletes a draft; its number is burned."""
    if document["status"] != "Draft":
        books.offend("posted_document_deleted", document["number"])
        raise Refusal(DIALOG, "posted", what=sale.what)
    for line in lines_of(books, sale, document):
        books.remove(sale.lines, line)
    books.remove(sale.name, document)


def lines_of(books: Books, sale: Sale, document: Document) -> list[Document]:
    found = books.find(sale.lines, "documentId", document["id"])
    return sorted(found, key=lambda line: int(line["sequence"]))


def add_line(books: Books, sale: Sale, header: Document, values: Document) -> Document:
    _check_draft(sale, header)
    line = _insert_line(books, sale, header, values)
    recomputed(books, sale, header)
    return books.get(sale.lines, line["id"]) or line


def change_line(books: Books, sale: Sale, line: Document, values: Document) -> Document:
    header = books.get(sale.name, line["documentId"]) or {}
    _check_draft(sale, header)
    for name in ("documentId", "sequence", "lineObjectNumber", "lineType"):
        if name in values and values[name] != line[name]:
            raise Refusal(DIALOG, "cannot_modify", name=name)
    if values.get("accountId", NO_GUID) not in (NO_GUID, line["accountId"]):
        account = books.referenced("accounts", values["accountId"], "accountId", "Account")
        values = {**values, "lineObjectNumber": account["number"] if account else ""}
    kept = books.change(sale.lines, line, **_tax_group(books, values))
    recomputed(books, sale, header)
    return books.get(sale.lines, kept["id"]) or kept


def remove_line(books: Books, sale: Sale, line: Document) -> None:
    header = books.get(sale.name, line["documentId"]) or {}
    _check_draft(sale, header)
    books.remove(sale.lines, line)
    recomputed(books, sale, header)


def recomputed(books: Books, sale: Sale, header: Document) -> Document:
    """The header with its totals, kept; its etag moves as it does when lines change."""
    lines = lines_of(books, sale, header)
    totals, done = taxed(books, header, lines)
    for line, figures in zip(lines, done, strict=True):
        if figures != line:
            books.change(sale.lines, line, **figures)
    totals["remainingAmount"] = totals["totalAmountIncludingTax"]
    return books.change(sale.name, header, **totals)


def _check_draft(sale: Sale, header: Document) -> None:
    if header.get("status") != "Draft":
        raise Refusal(DIALOG, "posted", what=sale.what)


def _customer(books: Books, values: Document) -> Document:
    given = [values.get("customerId", NO_GUID), values.get("customerNumber", "")]
    if given == [NO_GUID, ""]:
        raise Refusal(DIALOG, "no_customer")
    found = books.pair("customers", values, "customerId", "customerNumber", "Customer", "number")
    if found is None:
        raise Refusal(DIALOG, "no_customer")
    return found


def _of_customer(books: Books, customer: Document, values: Document) -> Document:
    """What a document takes from its customer; the tax area is not writable on the document."""
    bill_to = books.pair(
        "customers", values, "billToCustomerId", "billToCustomerNumber", "Customer", "number"
    )  # fmt: skip
    payer = bill_to or customer
    taken = {
        "customerId": customer["id"],
        "customerNumber": customer["number"],
        "customerName": customer["displayName"],
        "billToCustomerId": payer["id"],
        "billToCustomerNumber": payer["number"],
        "billToName": payer["displayName"],
        "_taxLiable": customer["taxLiable"],
        "_taxAreaId": customer["taxAreaId"],
    }
    names = ["paymentTermsId", "shipmentMethodId"]
    if values.get("currencyId", NO_GUID) == NO_GUID and not values.get("currencyCode"):
        names += ["currencyId", "currencyCode"]  # the company's own, when said, is another choice
    return taken | {name: customer[name] for name in names if not values.get(name)}


def _checked(books: Books, sale: Sale, values: Document) -> Document:
    books.referenced(
        "paymentTerms", values.get("paymentTermsId", ""), "paymentTermsId", "Payment Terms"
    )
    values = customers.currency(books, values)
    currency = books.named("currencies", values.get("currencyCode", ""))
    if currency is not None and not currency.get("_rate"):
        raise Refusal(DIALOG, "no_rate", code=currency["code"])
    if sale is MEMO:
        values = _applied_invoice(books, values)
    return values


def _applied_invoice(books: Books, values: Document) -> Document:
    """An unknown invoice id is refused at once, an unknown number only when posting (section 5)."""
    guid, number = values.get("invoiceId", NO_GUID), values.get("invoiceNumber", "")
    if guid != NO_GUID:
        invoice = books.get(INVOICE.name, guid)
        if invoice is None or invoice["status"] in ("Draft", "In Review"):
            raise Refusal(DIALOG, "unmatched", name="invoiceId", what="Invoice")
        if number and number != invoice["number"]:
            raise Refusal(DIALOG, "disagree", what="Invoice")
        return {**values, "invoiceNumber": invoice["number"]}
    if number:
        invoice = posted_invoice(books, number)
        return {**values, "invoiceId": invoice["id"] if invoice else NO_GUID}
    return values


def posted_invoice(books: Books, number: str) -> Document | None:
    """The posted invoice of that number: a draft may bear it too."""
    found = books.find(INVOICE.name, "number", number)
    return next((one for one in found if one["status"] not in ("Draft", "In Review")), None)


def _due(books: Books, header: Document, date: str) -> str:
    terms = books.get("paymentTerms", header.get("paymentTermsId", ""))
    found = re.fullmatch(r"(\d+)D", terms["dueDateCalculation"]) if terms else None
    days = int(found[1]) if found else 0
    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat()


def _note_duplicate(books: Books, sale: Sale, values: Document) -> None:
    """The system accepts the same external number twice; a client that does it lost count."""
    number = values.get("externalDocumentNumber", "")
    if not number:
        return
    for other in books.find(sale.name, "externalDocumentNumber", number):
        same = other["customerNumber"] == values["customerNumber"]
        if same and other["status"] not in ("Canceled", "Corrective"):
            books.offend("duplicate_document", f"{sale.what} {number}")
            return


def _insert_line(books: Books, sale: Sale, header: Document, values: Document) -> Document:
    line = _tax_group(books, _object(books, values))
    if not line.get("sequence"):
        last = [int(one["sequence"]) for one in lines_of(books, sale, header)]
        line["sequence"] = max(last, default=0) + _LINE_STEP
    return books.insert(sale.lines, {**line, "documentId": header["id"]})


def _object(books: Books, values: Document) -> Document:
    """The line's type and number, validated one property after the other as they came: a number
    before its type is read as a comment's and lost when the type changes (section 4)."""
    kind, number, account_id = "Comment", "", NO_GUID
    if values.get("itemId", NO_GUID) != NO_GUID and values.get("accountId", NO_GUID) != NO_GUID:
        raise Refusal(DIALOG, "both_ids")
    for name, value in values.items():
        if name == "lineType":
            if number and value != kind:
                books.offend("line_number_before_type", f"lineObjectNumber {number} was lost")
                number, account_id = "", NO_GUID
            kind = value
        elif name == "lineObjectNumber" and value:
            number = value
            if kind == "Account":
                account_id = books.postable(value)["id"]
            elif kind != "Comment":
                raise Refusal(DIALOG, "no_item")
        elif name == "accountId" and value != NO_GUID:
            found = books.get("accounts", value)
            if found is None:
                raise Refusal(DIALOG, "no_account")
            kind, number, account_id = "Account", books.postable(found["number"])["number"], value
        elif name == "itemId" and value != NO_GUID:
            raise Refusal(DIALOG, "no_item")
    if "lineType" not in values:
        books.offend("line_without_type", values.get("description", ""))
    found = books.get("accounts", account_id)
    description = values.get("description") or (found["displayName"] if found else "")
    return {
        **values, "lineType": kind, "lineObjectNumber": number, "accountId": account_id,
        "description": description,
    }  # fmt: skip


def _tax_group(books: Books, values: Document) -> Document:
    if group := values.get("taxCode", ""):
        customers.related(books, "taxGroups", group, "Tax Group Code", "Sales Line")
    return values
