"""Receipts and adjustments, as they are entered in a batch.

In: the elements of `ReceiptsAdjustments`. Out: entries with their applied lines and amounts, and
the system's own document number. Refuses an applied document that is not posted or not open, more
than is due, a bank or payment code that does not exist, locked periods. sage-300.md, section 6.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import periods
from ops.sandbox.sage_300.answers import field_invalid, record_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import Effect, Puts, merge, put_all
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.properties import APPLIED, DISTRIBUTION, RECEIPT
from ops.sandbox.sage_300.resources import details_of

_APPLIED = "AppliedReceiptsAdjustments"
_DISTRIBUTIONS = "AdjustmentGLDistributions"
_SERIES = {"Receipt": "PY", "Prepayment": "PP", "UnappliedCash": "UC", "ApplyDocument": "AD"}
_SUPPORTED = ("Receipt", "Prepayment", "UnappliedCash", "ApplyDocument", "Adjustment")
DUE = "AmountDueInCustomerCurrency"


def enter(batch: Puts, raw: Document, number: int, before: Document | None = None) -> Document:
    """One entry of a batch, new or changed. Raises Refusal."""
    new = before is None
    record = dict(before or {})
    if new:
        kind, day = batch.record["BatchRecordType"], batch.record["BatchDate"]
        record = {name: one.default for name, one in RECEIPT.items()}
        record |= {"BatchNumber": batch.record["BatchNumber"], "EntryNumber": number}
        record |= {"ReceiptDateAdjustmentDate": day, "PostingDate": day, "BatchType": kind}
        record |= {"BankCode": batch.record["BankCode"], _APPLIED: []}
        record["ReceiptTransactionType"] = "Receipt" if kind == "CA" else "Adjustment"
    record["Warnings"] = []
    puts = Puts(batch.session, record, creating=new)
    own_name = puts.books.options.receipt_posting_date
    record[own_name] = record["PostingDate"]
    put_all(puts, details_of("Receipt", own_name), raw, _effects(own_name), _details)
    record["PostingDate"] = record[own_name]
    _finish(puts)
    return record


def _finish(puts: Puts) -> None:
    record, books = puts.record, puts.books
    kind = record["ReceiptTransactionType"]
    if not record["CustomerNumber"]:
        raise record_invalid("Customer Number cannot be blank.")
    if kind not in _SUPPORTED or (kind == "Adjustment") != (record["BatchType"] == "AD"):
        raise field_invalid(f"ReceiptTransactionType {kind} cannot be entered here.")
    modules = ("AR", "BK") if record["BatchType"] == "CA" else ("AR",)
    period = periods.enter(puts, record["PostingDate"], *modules)
    record["FiscalYear"], record["FiscalPeriod"] = period.year, f"{period.number:02d}"
    for line in record[_APPLIED]:
        line["BatchNumber"], line["EntryNumber"] = record["BatchNumber"], record["EntryNumber"]
    check(books, record)
    if kind != "ApplyDocument" and not record["DocumentNumber"]:
        record["DocumentNumber"] = _next_number(books, _SERIES.get(kind, "AD"))
    if kind == "Receipt":
        _duplicate_check(puts)


def _next_number(books: Books, series: str) -> str:
    return f"{series}{books.number(f'document/{series}'):010d}"


def _duplicate_check(puts: Puts) -> None:
    record, mode = puts.record, puts.books.options.duplicate_checks
    number = record["CheckReceiptNumber"]
    found = puts.books.find("ARPostedReceipts", "CheckReceiptNumber", number) if number else []
    if mode == "none" or not any(r["CustomerNumber"] == record["CustomerNumber"] for r in found):
        return
    text = f"Check/receipt number {number} already exists for this customer."
    if mode == "error":
        raise record_invalid(text)
    puts.warn(text)


def check(books: Books, record: Document) -> None:
    """At entry and again at posting: what is applied is due, and makes the receipt. Writes the
    totals. Raises Refusal."""
    kind = record["ReceiptTransactionType"]
    total = decimal(record, "BankReceiptAmount")
    applied = ZERO
    if kind in ("Receipt", "ApplyDocument", "Adjustment"):
        applied = _check_lines(books, record)
    if kind == "Receipt":
        _check_receipt(books, record, total, applied)
    elif kind == "ApplyDocument":
        _check_source(books, record, applied)
    elif kind in ("Prepayment", "UnappliedCash") and total <= 0:
        raise record_invalid("The receipt amount must be greater than zero.")
    record["CustomerReceiptAmount"] = total
    prepaid = kind == "Prepayment"
    record["TotalCustomerAmountApplied"] = total if prepaid else applied
    record["CustomerUnappliedAmount"] = ZERO if prepaid else total - applied


def _check_receipt(books: Books, record: Document, total: Decimal, applied: Decimal) -> None:
    if total < 0 or applied > total:
        raise record_invalid(f"The amount applied ({applied}) exceeds the receipt ({total}).")
    if total == 0 and not record[_APPLIED]:
        raise record_invalid("The receipt amount must be greater than zero.")
    if applied < total and books.options.unapplied_receipts == "refused":
        raise record_invalid(f"The receipt has an unapplied amount of {total - applied}.")


def _check_source(books: Books, record: Document, applied: Decimal) -> None:
    number = record["DocumentNumber"]
    source = books.get("ARPostedDocuments", record["CustomerNumber"], number)
    if source is None:
        raise field_invalid(f"Document {number} does not exist.")
    if applied > -decimal(source, DUE):
        raise record_invalid(f"The amount applied exceeds what is left of document {number}.")


def _check_lines(books: Books, record: Document) -> Decimal:
    """The amount applied, positive on invoices, negative on credits."""
    total = ZERO
    by_payment: dict[tuple[str, int], Decimal] = {}
    for line in record[_APPLIED]:
        amount = decimal(line, "CustomerReceiptAmount")
        key = line["DocumentNumber"], int(line["PaymentNumber"])
        due = _due(books, record, line)
        if amount == 0:
            raise record_invalid(f"Nothing is applied to document {key[0]}.")
        by_payment[key] = by_payment.get(key, ZERO) + amount
        if record["BatchType"] == "CA" and not _within(by_payment[key], due):
            raise record_invalid(
                f"The amount applied ({amount}) exceeds what is due ({due}) on document {key[0]}."
            )
        total += amount
    return total


def _due(books: Books, record: Document, line: Document) -> Decimal:
    """What is open of the payment a line names, written into the line. Raises Refusal."""
    number, payment = line["DocumentNumber"], str(line["PaymentNumber"])
    document = books.get("ARPostedDocuments", record["CustomerNumber"], number)
    if document is None:
        raise field_invalid(f"Document {number} of the customer does not exist.")
    if payment not in document["_due"]:
        raise field_invalid(f"Document {number} has no payment {payment}.")
    line["DocumentAmountDue"] = decimal(document, DUE)
    return decimal(document["_due"], payment)


def _within(amount: Decimal, due: Decimal) -> bool:
    return 0 < amount <= due if due > 0 else due <= amount < 0


# What each Put sets off.


def _customer(puts: Puts) -> None:
    number = puts.record["CustomerNumber"]
    if puts.books.get("ARCustomers", number) is None:
        raise field_invalid(f"Customer {number} does not exist.")


def _payment_code(puts: Puts) -> None:
    code = puts.record["PaymentCode"]
    if code:
        puts.books.existing("ARPaymentCodes", code, what="Payment code")


def _bank(puts: Puts) -> None:
    puts.books.existing("BKBanks", puts.record["BankCode"], what="Bank")


def _effects(posting: str) -> dict[str, Effect]:
    """`posting`: the name of the posting date."""

    def date(puts: Puts) -> None:
        puts.default(posting, puts.record["ReceiptDateAdjustmentDate"])

    return {
        "CustomerNumber": _customer,
        "PaymentCode": _payment_code,
        "BankCode": _bank,
        "ReceiptDateAdjustmentDate": date,
    }


# Details.


def _details(puts: Puts, name: str, raws: list[Document]) -> None:
    if name != _APPLIED:
        return
    kept = list(puts.record[name])
    numbers = [int(one["LineNumber"]) for one in kept]

    def make(raw: Document) -> Document:
        numbers.append(max(numbers, default=0) + 20)
        line = {n: one.default for n, one in APPLIED.items()} | {"LineNumber": numbers[-1]}
        line |= {"CustomerNumber": puts.record["CustomerNumber"], _DISTRIBUTIONS: []}
        return _line(puts, line, raw, new=True)

    puts.record[name] = merge(
        puts,
        kept,
        raws,
        "LineNumber",
        make,
        lambda one, raw: _line(puts, dict(one), raw, new=False),
    )


def _line(entry: Puts, line: Document, raw: Document, *, new: bool) -> Document:
    puts = Puts(entry.session, line, creating=new)
    put_all(puts, APPLIED, raw, {}, _distributions)
    if line["CustomerNumber"] != entry.record["CustomerNumber"]:
        raise field_invalid("The applied document is another customer's.")
    if entry.record["BatchType"] == "AD":
        amounts = (decimal(one, "DistributionAmount") for one in line[_DISTRIBUTIONS])
        line["CustomerReceiptAmount"] = sum(amounts, ZERO)
    elif new and "CustomerReceiptAmount" not in puts.sent:
        line["CustomerReceiptAmount"] = _all_of_it(entry, line)
    return line


def _all_of_it(entry: Puts, line: Document) -> Decimal:
    """A line without amount takes what is due, as far as the receipt goes."""
    key = line["CustomerNumber"], line["DocumentNumber"]
    document = entry.books.get("ARPostedDocuments", *key)
    if document is None:
        return ZERO
    applied = (decimal(one, "CustomerReceiptAmount") for one in entry.record[_APPLIED])
    left = decimal(entry.record, "BankReceiptAmount") - sum(applied, ZERO)
    return min(decimal(document, DUE), left)


def _distributions(puts: Puts, name: str, raws: list[Document]) -> None:
    def make(raw: Document) -> Document:
        inner = Puts(puts.session, {n: one.default for n, one in DISTRIBUTION.items()})
        put_all(inner, DISTRIBUTION, raw, {}, lambda *_: None)
        inner.record["DistributionGLAccount"] = puts.books.account(
            inner.record["DistributionGLAccount"]
        )
        return inner.record

    puts.record[name] = merge(
        puts, list(puts.record[name]), raws, "SequenceNumber", make, lambda one, _: one
    )
