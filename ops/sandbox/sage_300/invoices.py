"""Invoices, debit notes, credit notes and interest charges, as they are entered in a batch.

In: the elements of `Invoices`. Out: entries with dates, taxes, totals and payment schedules
computed. Refuses unknown customers, codes, accounts, applied documents, dates in locked or missing
periods, and what is too long. sage-300.md, sections 5, 8 and 9.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import periods, taxes
from ops.sandbox.sage_300.answers import field_invalid, record_invalid
from ops.sandbox.sage_300.customers import balance
from ops.sandbox.sage_300.entry import Effect, Puts, merge, optional_fields, put_all
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.properties import AUTHORITIES, INVOICE, INVOICE_DETAIL, SCHEDULE

_LINES = "InvoiceDetails"
_SCHEDULES = "InvoicePaymentSchedules"
_OPTIONAL = "InvoiceOptionalFields"
_TRANSACTIONS = {
    "Invoice": "InvoiceSummaryEntered",
    "DebitNote": "DebitNoteSummaryEntered",
    "CreditNote": "CreditNoteSummaryEntered",
    "Interest": "InterestCharge",
}


def enter(batch: Puts, raw: Document, number: int, before: Document | None = None) -> Document:
    """One entry of a batch, new or changed. Raises Refusal."""
    new = before is None
    record = {name: one.default for name, one in INVOICE.items()} if new else dict(before or {})
    if new:
        day = batch.record["BatchDate"]
        record |= {"BatchNumber": batch.record["BatchNumber"], "EntryNumber": number}
        record |= {"DocumentDate": day, "AsOfDate": day, "PostingDate": day, "DueDate": day}
        record |= {_LINES: [], _SCHEDULES: [], _OPTIONAL: []}
        record["InvoiceType"] = batch.record["DefaultInvoiceType"]
    record["Warnings"] = []
    puts = Puts(batch.session, record, creating=new)
    put_all(puts, INVOICE, raw, _EFFECTS, _details)
    _finish(puts)
    return record


def _finish(puts: Puts) -> None:
    record, books = puts.record, puts.books
    if not record["CustomerNumber"]:
        raise record_invalid("Customer Number cannot be blank.")
    if not record[_LINES]:
        raise record_invalid("The document has no details.")
    period = periods.enter(puts, record["PostingDate"], "AR")
    record["FiscalYear"], record["FiscalPeriod"] = period.year, f"{period.number:02d}"
    if not record["DocumentNumber"]:
        record["DocumentNumber"] = f"IN{books.number('document'):010d}"
    for line in record[_LINES]:
        line["BatchNumber"], line["EntryNumber"] = record["BatchNumber"], record["EntryNumber"]
    taxes.compute(books, record, record[_LINES], set(puts.sent))
    if decimal(record, "DocumentTotalIncludingTax") < 0:
        raise record_invalid("The document total cannot be negative.")
    _schedules(puts)
    _applied_document(puts)
    _duplicate(puts)
    _credit_limit(puts)


def _duplicate(puts: Puts) -> None:
    record, books = puts.record, puts.books
    key = record["CustomerNumber"], record["DocumentNumber"]
    posted = books.get("ARPostedDocuments", *key)
    if posted and books.options.duplicate_at_entry:
        raise record_invalid(f"Document {key[1]} of customer {key[0]} already exists.")


def _applied_document(puts: Puts) -> None:
    record = puts.record
    if not record["ApplytoDocument"]:
        return
    if record["DocumentType"] not in ("CreditNote", "DebitNote"):
        raise field_invalid("ApplytoDocument: only for credit and debit notes.")
    key = record["CustomerNumber"], record["ApplytoDocument"]
    if puts.books.get("ARPostedDocuments", *key) is None:
        raise field_invalid(f"Document {key[1]} of customer {key[0]} does not exist.")


def _credit_limit(puts: Puts) -> None:
    record = puts.record
    customer = puts.books.one("ARCustomers", record["CustomerNumber"])
    limit = decimal(customer, "CreditLimitCustomerCurrency")
    if not limit:
        return
    owed = balance(puts.books, record["CustomerNumber"])
    if owed + decimal(record, "DocumentTotalIncludingTax") > limit:
        puts.warn(f"The customer is over the credit limit of {limit}.")


def _schedules(puts: Puts) -> None:
    """One payment of the whole, unless several were sent; those must make the total."""
    record = puts.record
    total = decimal(record, "DocumentTotalIncludingTax")
    sent = record[_SCHEDULES]
    if len(sent) <= 1:
        due = (sent[0].get("DueDate") if sent else "") or record["DueDate"]
        sent = [{"PaymentNumber": 1, "DueDate": due, "AmountDue": total}]
    elif sum((decimal(one, "AmountDue") for one in sent), ZERO) != total:
        raise record_invalid("The payment schedule does not make the document total.")
    keys = {name: record[name] for name in ("BatchNumber", "EntryNumber")}
    record[_SCHEDULES] = [{**one, **keys, "CustomerAmountDue": one["AmountDue"]} for one in sent]


# What each Put of the header sets off.


def _customer(puts: Puts) -> None:
    books, record = puts.books, puts.record
    customer = books.get("ARCustomers", record["CustomerNumber"])
    if customer is None:
        raise field_invalid(f"Customer {record['CustomerNumber']} does not exist.")
    _usable(puts, customer)
    for name in ("Terms", "AccountSet", "CurrencyCode", "TaxGroup"):
        puts.default(name, customer[name])
    for n in AUTHORITIES:
        puts.default(f"TaxClass{n}", int(customer.get(f"TaxClassCode{n}") or 1))
    _due(puts)


def _usable(puts: Puts, customer: Document) -> None:
    number, options = customer["CustomerNumber"], puts.books.options
    for bad, mode, text in (
        (customer["Status"] != "Active", options.inactive_customer, "is inactive"),
        (customer["OnHold"] == "Yes", options.on_hold_customer, "is on hold"),
    ):
        if bad and mode == "error":
            raise record_invalid(f"Customer {number} {text}.")
        if bad:
            puts.warn(f"Customer {number} {text}.")


def _due(puts: Puts) -> None:
    terms = puts.books.get("ARTerms", puts.record["Terms"])
    day = dt.date.fromisoformat(puts.record["DocumentDate"])
    late = dt.timedelta(days=int(terms["DueDays"]) if terms else 0)
    puts.default("DueDate", (day + late).isoformat())


def _terms(puts: Puts) -> None:
    puts.books.existing("ARTerms", puts.record["Terms"], what="Terms code")
    _due(puts)


def _document_date(puts: Puts) -> None:
    if not puts.record["DocumentDate"]:
        raise field_invalid("DocumentDate: a date is required.")
    for name in ("AsOfDate", "PostingDate"):
        puts.default(name, puts.record["DocumentDate"])
    _due(puts)


def _document_type(puts: Puts) -> None:
    puts.default("TransactionType", _TRANSACTIONS[puts.record["DocumentType"]])


def _tax_group(puts: Puts) -> None:
    puts.books.existing("TXTaxGroups", puts.record["TaxGroup"], "Sales", what="Tax group")
    customer = puts.books.get("ARCustomers", puts.record["CustomerNumber"]) or {}
    same = customer.get("TaxGroup") == puts.record["TaxGroup"]
    for n in AUTHORITIES:
        puts.default(f"TaxClass{n}", int(customer.get(f"TaxClassCode{n}") or 1) if same else 1)


def _currency(puts: Puts) -> None:
    wanted, own = puts.record["CurrencyCode"], puts.books.profile.get("FunctionalCurrency")
    if wanted != own:
        raise field_invalid(f"Currency {wanted}: no rate for this date (the company is in {own}).")


_EFFECTS: dict[str, Effect] = {
    "CustomerNumber": _customer,
    "DocumentType": _document_type,
    "DocumentDate": _document_date,
    "Terms": _terms,
    "TaxGroup": _tax_group,
    "CurrencyCode": _currency,
}


# Details.


def _details(puts: Puts, name: str, raws: list[Document]) -> None:
    kept = list(puts.record[name])
    if name == _LINES:
        puts.record[name] = _lines(puts, kept, raws)
    elif name == _SCHEDULES:
        puts.record[name] = _payments(puts, kept, raws)
    elif name == _OPTIONAL:
        puts.record[name] = optional_fields(kept, raws)


def _lines(puts: Puts, kept: list[Document], raws: list[Document]) -> list[Document]:
    numbers = [int(one["LineNumber"]) for one in kept]

    def make(raw: Document) -> Document:
        numbers.append(max(numbers, default=0) + 20)
        line = {n: one.default for n, one in INVOICE_DETAIL.items()} | {"LineNumber": numbers[-1]}
        return _line(puts, line, raw, new=True)

    return merge(
        puts,
        kept,
        raws,
        "LineNumber",
        make,
        lambda one, raw: _line(puts, dict(one), raw, new=False),
    )


def _line(header: Puts, line: Document, raw: Document, *, new: bool) -> Document:
    puts = Puts(header.session, line, creating=new)
    put_all(puts, INVOICE_DETAIL, raw, _LINE_EFFECTS, lambda *_: None)
    line["_sent"] = sorted(puts.sent)
    if not line["RevenueAccount"]:
        raise record_invalid("A detail needs a distribution code or a revenue account.")
    return line


def _distribution(puts: Puts) -> None:
    code = puts.record["DistributionCode"]
    found = puts.books.existing("ARDistributionCodes", code, what="Distribution code")
    puts.default("RevenueAccount", found["RevenueAccount"])
    puts.default("Description", found["Description"])


def _account(puts: Puts) -> None:
    puts.record["RevenueAccount"] = puts.books.account(puts.record["RevenueAccount"])


def _price(puts: Puts) -> None:
    found: Decimal = decimal(puts.record, "Quantity") * decimal(puts.record, "Price")
    puts.default("ExtendedAmountWithTIP", found.quantize(Decimal("0.01")))


_LINE_EFFECTS: dict[str, Effect] = {
    "DistributionCode": _distribution,
    "RevenueAccount": _account,
    "Quantity": _price,
    "Price": _price,
}


def _payments(puts: Puts, kept: list[Document], raws: list[Document]) -> list[Document]:
    def read(one: Document, raw: Document) -> Document:
        inner = Puts(puts.session, dict(one), creating=puts.creating)
        put_all(inner, SCHEDULE, raw, {}, lambda *_: None)
        return inner.record

    def make(raw: Document) -> Document:
        return read({"PaymentNumber": 1, "DueDate": "", "AmountDue": ZERO}, raw)

    return merge(puts, kept, raws, "PaymentNumber", make, read)
