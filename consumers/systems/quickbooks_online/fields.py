"""Where each field of Membri goes in QuickBooks, and how long it may be.

What comes in: a field of a record or an element of QuickBooks. What goes out: its limit, its
problem, or its text cut to fit. Bodies and checks take their limits from `FIELDS`, and the mapping
page is made from it, so that none of the three can say otherwise than the others.

Lengths and names: QuickBooks reference page, section 6; DocNumber and markers: 6.3, 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from consumers.system import FieldRule, Problem
from schemas.reasons import Reason
from schemas.statuses import Entity

_A, _I, _P, _J = Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT, Entity.JOURNAL_ENTRY
NAME_MAX = 500
NUMBER_MAX = 21
ADDRESS_LINES = 5
_TEXT_MAX = 4000
_CURRENCY = "only where the company keeps several currencies"


def _address(entity: Entity, source: str, name: str = "") -> Iterator[FieldRule]:
    """The elements of BillAddr; `name`: the field that stands before the first line."""
    if name:
        yield FieldRule(entity, name, "BillAddr.Line1", 500)
    for number in range(1, ADDRESS_LINES + 1):
        last = number == ADDRESS_LINES
        said = "the lines beyond the fifth share it, separated by commas" if last else ""
        yield FieldRule(entity, f"{source}.lines", f"BillAddr.Line{number}", 500, said)
    yield FieldRule(entity, f"{source}.city", "BillAddr.City", 255)
    yield FieldRule(entity, f"{source}.province", "BillAddr.CountrySubDivisionCode", 255)
    yield FieldRule(entity, f"{source}.postal_code", "BillAddr.PostalCode", 30)
    yield FieldRule(entity, f"{source}.country", "BillAddr.Country", 255)


_ACCOUNT = (
    FieldRule(
        _A,
        "account.name",
        "DisplayName",
        NAME_MAX,
        "composed accents (NFC), no blanks around; « (2) » follows where duplicate_names ="
        " append_number tells namesakes apart",
    ),
    FieldRule(_A, "account.email", "PrimaryEmailAddr.Address", 100),
    FieldRule(_A, "account.phone", "PrimaryPhone.FreeFormNumber", 30),
    *_address(_A, "account.address"),
    FieldRule(_A, "account.currency", "CurrencyRef.value", 0, f"{_CURRENCY}, at creation"),
    FieldRule(_A, "account.id", "Notes", 0, "marker membri:account:<id>, at creation"),
    FieldRule(_A, "", "Id", 0, "the customer that is updated"),
    FieldRule(_A, "", "SyncToken", 0, "as just read, in an update"),
    FieldRule(_A, "", "sparse", 0, "true in an update: what Membri has not is left alone"),
)

_INVOICE = (
    FieldRule(_I, "invoice.account", "CustomerRef.value", 0, "the customer's Id"),
    FieldRule(
        _I,
        "invoice.number",
        "DocNumber",
        NUMBER_MAX,
        "ignored by QuickBooks while custom transaction numbers are off",
    ),
    FieldRule(_I, "invoice.date", "TxnDate"),
    FieldRule(_I, "invoice.due_date", "DueDate", 0, "invoices only"),
    FieldRule(_I, "", "SalesTermRef.value", 0, "accounts.terms, invoices only"),
    FieldRule(_I, "invoice.currency", "CurrencyRef.value", 0, _CURRENCY),
    FieldRule(_I, "invoice.description", "CustomerMemo.value", 1000),
    FieldRule(_I, "invoice.id", "PrivateNote", 0, "marker membri:invoice:<id>"),
    *_address(_I, "invoice.billing_address", "invoice.billing_name"),
    FieldRule(_I, "", "GlobalTaxCalculation", 0, "TaxExcluded where the company keeps sales tax"),
    FieldRule(_I, "", "ApplyTaxAfterDiscount", 0, "true where a line is negative"),
    FieldRule(_I, "", "Line.DetailType", 0, "an item line, or the discount"),
    FieldRule(
        _I,
        "invoice.lines.amount",
        "Line.Amount",
        0,
        "negative lines become the one discount of the form",
    ),
    FieldRule(_I, "invoice.lines.description", "Line.Description", _TEXT_MAX),
    FieldRule(
        _I, "invoice.lines.product", "Line.Description", _TEXT_MAX, "where there is no description"
    ),
    FieldRule(
        _I,
        "",
        "Line.Description",
        _TEXT_MAX,
        "of the discount: the descriptions of the negative lines",
        refused=False,
    ),
    FieldRule(
        _I,
        "invoice.lines.quantity",
        "Line.SalesItemLineDetail.Qty",
        0,
        "only where quantity × unit price is the amount to the cent",
    ),
    FieldRule(
        _I,
        "invoice.lines.unit_price",
        "Line.SalesItemLineDetail.UnitPrice",
        0,
        "only where quantity × unit price is the amount to the cent",
    ),
    FieldRule(
        _I,
        "invoice.type",
        "Line.SalesItemLineDetail.ItemRef.value",
        0,
        "accounts.income of that type, else accounts.default_income",
    ),
    FieldRule(
        _I,
        "invoice.lines.taxable",
        "Line.SalesItemLineDetail.TaxCodeRef.value",
        0,
        "the tax code whose rates are those of the line's taxes",
    ),
    FieldRule(_I, "", "Line.DiscountLineDetail.PercentBased", 0, "false: an amount"),
    FieldRule(_I, "invoice.total", "TxnTaxDetail.TotalTax", 0, "TPS + TVQ, with send_tax_override"),
    FieldRule(_I, "invoice.gst", "TxnTaxDetail.TaxLine.Amount", 0, "with send_tax_override"),
    FieldRule(_I, "invoice.qst", "TxnTaxDetail.TaxLine.Amount", 0, "with send_tax_override"),
    *(
        FieldRule(_I, "", f"TxnTaxDetail.TaxLine.{name}", 0, "with send_tax_override")
        for name in (
            "DetailType",
            "TaxLineDetail.TaxRateRef.value",
            "TaxLineDetail.PercentBased",
            "TaxLineDetail.TaxPercent",
            "TaxLineDetail.NetAmountTaxable",
        )
    ),
    FieldRule(_I, "", "TotalAmt", 0, "0 in the payment that applies a credit memo"),
    FieldRule(
        _I,
        "invoice.corrects",
        "Line.LinkedTxn.TxnId",
        0,
        "the invoice and the credit memo, in the payment that applies it",
    ),
    FieldRule(_I, "", "Line.LinkedTxn.TxnType", 0, "Invoice and CreditMemo, there"),
)

_PAYMENT = (
    FieldRule(_P, "payment.account", "CustomerRef.value", 0, "the customer's Id"),
    FieldRule(_P, "payment.amount", "TotalAmt"),
    FieldRule(_P, "payment.date", "TxnDate"),
    FieldRule(_P, "payment.number", "PaymentRefNum", NUMBER_MAX),
    FieldRule(_P, "payment.id", "PrivateNote", 0, "marker membri:payment:<id>"),
    FieldRule(
        _P, "payment.method", "PaymentMethodRef.value", 0, "accounts.payment_methods of that type"
    ),
    FieldRule(
        _P,
        "",
        "DepositToAccountRef.value",
        0,
        "accounts.deposit; without it QuickBooks takes Undeposited Funds",
    ),
    FieldRule(_P, "payment.currency", "CurrencyRef.value", 0, _CURRENCY),
    FieldRule(_P, "payment.allocations.amount", "Line.Amount"),
    FieldRule(_P, "payment.allocations.invoice", "Line.LinkedTxn.TxnId", 0, "the invoice's Id"),
    FieldRule(_P, "", "Line.LinkedTxn.TxnType", 0, "Invoice"),
)

_ENTRY = (
    FieldRule(_J, "journal_entry.date", "TxnDate"),
    FieldRule(_J, "journal_entry.id", "DocNumber", 0, "RPA- and 12 digits made from the id"),
    FieldRule(_J, "journal_entry.id", "PrivateNote", 0, "marker membri:journal_entry:<id>"),
    FieldRule(_J, "journal_entry.currency", "CurrencyRef.value", 0, _CURRENCY),
    FieldRule(_J, "", "Line.DetailType", 0, "JournalEntryLineDetail"),
    FieldRule(_J, "journal_entry.amount", "Line.Amount"),
    FieldRule(
        _J,
        "journal_entry.description",
        "Line.Description",
        _TEXT_MAX,
        "where empty: the invoice's number and the period",
        refused=False,
    ),
    FieldRule(_J, "", "Line.JournalEntryLineDetail.PostingType", 0, "Debit, then Credit"),
    FieldRule(
        _J,
        "",
        "Line.JournalEntryLineDetail.AccountRef.value",
        0,
        "accounts.deferred_revenue; the account of the item accounts.earned_revenue, else"
        " accounts.default_income",
    ),
)

FIELDS: tuple[FieldRule, ...] = (*_ACCOUNT, *_INVOICE, *_PAYMENT, *_ENTRY)

_LIMITS = {rule.source: rule.limit for rule in FIELDS if rule.source and rule.limit}
_CUTS = {(rule.entity, rule.target): rule.limit for rule in FIELDS if not rule.refused}


def limit(source: str) -> int:
    """The longest value of a field, in characters. Raises KeyError where there is none."""
    return _LIMITS[source]


def too_long(entity: Entity, values: Mapping[str, str]) -> Iterator[Problem]:
    """One problem for each value longer than its limit; `values`: field (`lines.2.description`,
    without the entity) → what would be sent."""
    for name, value in values.items():
        source = re.sub(r"\.\d+", "", name)
        longest = _LIMITS[f"{entity}.{source}"]
        if len(value) > longest:
            yield Problem(Reason.TOO_LONG, name, f"{len(value)} > {longest}")


def cut(entity: Entity, target: str, value: str) -> str:
    """`value` as far as it fits where longer ones are not refused. Raises KeyError elsewhere."""
    return value[: _CUTS[entity, target]]
