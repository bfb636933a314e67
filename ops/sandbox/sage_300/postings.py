"""What posting does with one entry of each kind of batch.

In: a batch that is ready, one of its entries. Out: posted records. Refuses what was not refused at
entry or changed since: a number that is taken, a locked period, an account that is gone, a document
that was paid in the meantime (sage-300.md, sections 5 to 8). Everything is checked before anything
is written, so that a refused entry leaves no trace.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import ledger, receipts
from ops.sandbox.sage_300.answers import record_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.fields import decimal
from ops.sandbox.sage_300.ledger import DOCUMENTS, ORIGINAL, document_of, settle, signed
from ops.sandbox.sage_300.periods import check_open


def post_invoice(books: Books, batch: Document, entry: Document) -> None:
    """Raises Refusal."""
    customer, number = entry["CustomerNumber"], entry["DocumentNumber"]
    if books.get(DOCUMENTS, customer, number):
        raise record_invalid(f"Document {number} of customer {customer} already exists.")
    check_open(books, entry["PostingDate"], "AR", "GL")
    for line in entry["InvoiceDetails"]:
        books.account(line["RevenueAccount"])
    kind = entry["DocumentType"]
    total = decimal(entry, "DocumentTotalIncludingTax")
    applied = _to_apply(books, entry, total)
    due = {
        str(one["PaymentNumber"]): signed(kind, decimal(one, "AmountDue"))
        for one in entry["InvoicePaymentSchedules"]
    }
    due["1" if "1" in due else next(iter(due))] -= signed(kind, applied)
    ledger.open_document(
        books,
        {
            **document_of(batch, entry, kind),
            **{n: entry[n] for n in ("OrderNumber", "PONumber", "DueDate", "DocumentDate")},
            **{n: entry[n] for n in ("InvoiceType", "CurrencyCode")},
            "BatchType": "IN",
            "DocumentDescription": entry["InvoiceDescription"],
            ORIGINAL: signed(kind, total),
            "TaxAmountInCustomerCurrency": signed(kind, decimal(entry, "TaxTotal")),
        },
        due,
    )
    if applied:
        target = entry["ApplytoDocument"]
        settle(books, customer, target, applied, entry["PostingDate"])
        ledger.note_application(books, (customer, number), target, applied)


def _to_apply(books: Books, entry: Document, total: Decimal) -> Decimal:
    """What a credit note takes off the document it names."""
    target = entry["ApplytoDocument"]
    if not target or entry["DocumentType"] != "CreditNote":
        return Decimal(0)
    found = books.get(DOCUMENTS, entry["CustomerNumber"], target)
    if found is None:
        raise record_invalid(f"Document {target} does not exist.")
    due = ledger.amount_due(found)
    if total > due and books.options.overapplied_credit_note == "error":
        raise record_invalid(f"The credit ({total}) exceeds what is due ({due}) on {target}.")
    return max(Decimal(0), min(total, due))


def post_receipt(books: Books, batch: Document, entry: Document) -> None:
    """Raises Refusal."""
    cash = entry["BatchType"] == "CA"
    check_open(books, entry["PostingDate"], "AR", "GL", *(("BK",) if cash else ()))
    if cash:
        books.existing("BKBanks", entry["BankCode"], what="Bank")
    record = dict(entry)
    receipts.check(books, record)
    kind, customer, day = record["ReceiptTransactionType"], record["CustomerNumber"], _day(record)
    source = record["DocumentNumber"]
    applied = []
    for line in record["AppliedReceiptsAdjustments"] if kind in _APPLYING else ():
        amount, target = decimal(line, "CustomerReceiptAmount"), line["DocumentNumber"]
        taken = -amount if kind == "Adjustment" else amount
        settle(books, customer, target, taken, day, str(line["PaymentNumber"]))
        applied.append({"DocumentNumber": target, "Amount": amount})
        if kind == "ApplyDocument":
            settle(books, customer, source, -amount, day)
            ledger.note_application(books, (customer, source), target, amount)
    if kind in ("Receipt", "Prepayment", "UnappliedCash"):
        _keep_receipt(books, batch, record, applied)


_APPLYING = ("Receipt", "ApplyDocument", "Adjustment")


def _day(record: Document) -> str:
    return str(record["PostingDate"])


def _keep_receipt(books: Books, batch: Document, record: Document, applied: list[Document]) -> None:
    kind = record["ReceiptTransactionType"]
    total = decimal(record, "BankReceiptAmount")
    rest = total if kind == "Prepayment" else decimal(record, "CustomerUnappliedAmount")
    shared = {
        "CheckReceiptNumber": record["CheckReceiptNumber"],
        "CurrencyCode": books.profile.get("FunctionalCurrency", ""),
    }
    ledger.open_document(
        books,
        {
            **document_of(batch, record, kind),
            **shared,
            "DueDate": record["ReceiptDateAdjustmentDate"],
            "DocumentDate": record["ReceiptDateAdjustmentDate"],
            "BatchType": "CA",
            "DocumentDescription": record["EntryDescription"],
            ORIGINAL: -total,
        },
        {"1": -rest},
    )
    names = (
        *("BankCode", "CustomerNumber", "DocumentNumber", "PostingDate", "PaymentCode"),
        *("CheckReceiptNumber", "EntryNumber", "EntryDescription", "EntryReference"),
    )
    books.put(
        "ARPostedReceipts",
        {
            **{name: record[name] for name in names},
            "BatchNumber": batch["BatchNumber"],
            "ReceiptDate": record["ReceiptDateAdjustmentDate"],
            "BankReceiptAmount": total,
            "CustomerReceiptAmount": total,
            "_applied": applied,
            "_note": batch["Description"],
        },
    )


def post_journal(books: Books, batch: Document, entry: Document) -> None:
    """Raises Refusal."""
    check_open(books, entry["PostingDate"], "GL")
    for line in entry["JournalDetails"]:
        books.account(line["AccountNumber"])
    header = ("SourceLedger", "SourceType", "FiscalYear", "FiscalPeriod", "EntryNumber")
    for line in entry["JournalDetails"]:
        books.put(
            "GLPostedTransactions",
            {
                **{name: entry[name] for name in header},
                "BatchNumber": batch["BatchNumber"],
                "TransactionNumber": line["TransactionNumber"],
                "AccountNumber": line["AccountNumber"],
                "PostingSequence": batch["PostingSequence"],
                "JournalDate": entry["PostingDate"],
                "JournalTransactionAmount": line["Amount"],
                "JournalDetailDescription": line["Description"],
                "JournalDetailReference": line["Reference"],
                "_note": batch["Description"],
            },
        )
