"""Bound actions of sales documents: post, cancel, corrective memos (business-central.md, 4 and 5).

In: a draft or a posted document. Out: nothing to read (204): the same id, a new number, entries in
the ledgers. What posting refuses comes as a dialog error, whatever the reason.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.business_central import customers, sales
from ops.sandbox.business_central.answers import DIALOG, NO_DATA, Refusal
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.ledger import (
    Posting,
    apply,
    open_invoice,
    post_accounts,
    post_customer,
)
from ops.sandbox.business_central.sales import INVOICE, MEMO, Sale
from ops.sandbox.business_central.values import ZERO, amount, cents
from ops.sandbox.kernel.store import Document

ACTIONS = {
    INVOICE.name: (
        *("post", "postAndSend", "send", "cancel", "cancelAndSend", "makeCorrectiveCreditMemo"),
    ),
    MEMO.name: ("post", "postAndSend", "send", "cancel", "cancelAndSend"),
}


def act(books: Books, sale: Sale, document: Document, action: str) -> None:
    """Does a bound action. Raises Refusal."""
    if action.endswith("Send") or action == "send":
        books.offend("document_sent", f"{action} {document['number']}")
    if action in ("post", "postAndSend"):
        try:
            post(books, sale, document)
        except Refusal as refusal:
            if refusal.key != "approval":
                refusal.code = DIALOG
            raise
    elif action in ("cancel", "cancelAndSend"):
        _cancel(books, sale, document)
    elif action == "makeCorrectiveCreditMemo":
        _corrective(books, document)


def post(books: Books, sale: Sale, document: Document, status: str = "Open") -> Document:
    """Posts a draft; returns it as posted."""
    if document["status"] == "In Review" or (
        books.options.approval_workflow and not document.get("_approved")
    ):
        refusal = Refusal(NO_DATA, "approval", id=document["id"])
        refusal.afterwards = lambda: books.change(sale.name, document, status="In Review")
        raise refusal
    if document["status"] != "Draft":
        raise Refusal(DIALOG, "draft_only", what=sale.what)
    lines = sales.lines_of(books, sale, document)
    _check(books, document, lines)
    number = document["number"]
    if not books.options.same_document_series:
        number = books.next_number(sale.posted_series)
    posted = books.change(sale.name, document, number=number, status=status)
    entry = _entries(books, sale, posted, lines)
    if sale is MEMO and posted["invoiceNumber"]:
        invoice = open_invoice(books, posted["invoiceNumber"], posted["billToCustomerNumber"])
        apply(books, entry, invoice)
    elif not amount(posted, "totalAmountIncludingTax"):
        books.change(sale.name, posted, status="Paid", remainingAmount="0")
    return books.get(sale.name, document["id"]) or posted


def _check(books: Books, document: Document, lines: list[Document]) -> None:
    real = [line for line in lines if line["lineType"] != "Comment" and amount(line, "quantity")]
    if not real:
        raise Refusal(DIALOG, "nothing_to_post")
    for line in real:
        if not line["lineObjectNumber"]:
            key = f"Document No.={document['number']},Line No.={line['sequence']}"
            raise Refusal(DIALOG, "must_have", field="No.", table="Sales Line", key=key)
        books.postable(line["lineObjectNumber"])
    if books.options.external_number_mandatory and not document["externalDocumentNumber"]:
        raise Refusal(
            DIALOG, "must_have", field="External Document No.", table="Sales Header",
            key=f"No.={document['number']}",
        )  # fmt: skip
    customer = books.get("customers", document["customerId"])
    if customer:
        customers.check_usable(customer, "post")
    books.check_period(document["postingDate"])


def _entries(books: Books, sale: Sale, posted: Document, lines: list[Document]) -> Document:
    """The document in both ledgers; the customer's entry."""
    description = f"{sale.ledger} {posted['number']}"
    posting = Posting(
        posted["postingDate"], posted["number"], sale.ledger, description,
        posted["externalDocumentNumber"], posted["id"],
    )  # fmt: skip
    rate = _rate(books, posted)
    setup = books.setup
    movements: dict[str, Decimal] = {}
    for line in lines:
        if line["lineType"] == "Account":
            _add(movements, line["lineObjectNumber"], -cents(amount(line, "netAmount") * rate))
    for name, value in posted["_taxes"].items():
        _add(movements, setup["_taxAccounts"][name], -cents(Decimal(value) * rate))
    _add(movements, setup["_receivables"], -sum(movements.values(), ZERO))
    post_accounts(books, posting, [(name, value * sale.sign) for name, value in movements.items()])
    total = amount(posted, "totalAmountIncludingTax") * sale.sign
    return post_customer(books, posting, posted["billToCustomerNumber"], total)


def _add(movements: dict[str, Decimal], account: str, value: Decimal) -> None:
    movements[account] = movements.get(account, ZERO) + value


def _rate(books: Books, document: Document) -> Decimal:
    currency = books.named("currencies", document["currencyCode"])
    return Decimal(currency["_rate"]) if currency else Decimal(1)


def _untouched(document: Document) -> bool:
    return document["status"] == "Open" and amount(document, "remainingAmount") == amount(
        document, "totalAmountIncludingTax"
    )


def _cancel(books: Books, sale: Sale, document: Document) -> None:
    """Posts a corrective memo at once; only an untouched invoice takes it."""
    if document["status"] in ("Draft", "In Review"):
        raise Refusal(DIALOG, "posted_only", what=sale.what)
    if sale is MEMO or not _untouched(document):
        raise Refusal(DIALOG, "not_corrigible")
    memo = _copy(books, document)
    post(books, MEMO, memo, status="Corrective")
    cancelled = books.get(INVOICE.name, document["id"]) or document
    books.change(INVOICE.name, cancelled, status="Canceled")


def _corrective(books: Books, document: Document) -> None:
    """Copies a posted invoice into a draft memo; refused when anything has been paid."""
    if document["status"] in ("Draft", "In Review"):
        raise Refusal(DIALOG, "posted_only", what="invoice")
    if not _untouched(document):
        raise Refusal(DIALOG, "not_corrigible")
    _copy(books, document)


def _copy(books: Books, invoice: Document) -> Document:
    names = ("description", "description2", "quantity", "unitPrice", "discountAmount", "taxCode")
    lines = [
        {
            "lineType": line["lineType"],
            "lineObjectNumber": line["lineObjectNumber"],
            **{name: line[name] for name in names},
        }
        for line in sales.lines_of(books, INVOICE, invoice)
    ]
    header = {
        "customerNumber": invoice["customerNumber"],
        "externalDocumentNumber": invoice["externalDocumentNumber"],
        "postingDate": max(books.today(), invoice["postingDate"]),
        "invoiceNumber": invoice["number"],
    }
    return sales.create(books, MEMO, header, lines)
