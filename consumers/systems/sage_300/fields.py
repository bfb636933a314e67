"""Where each field of Membri goes in Sage 300, how long it may be, and how it is changed.

What comes in: the settings. What goes out: the table of `Declaration.fields`, and from it the
limits that the bodies use: no length stands anywhere else (reference page, sections 4 to 7).
"""

from __future__ import annotations

from consumers.system import FieldRule
from consumers.systems.sage_300.settings import Connection
from schemas.statuses import Entity

UPPER = "in capitals"
ISO = "date YYYY-MM-DD"
CUT = "cut at its limit"
_OPTIONAL = "connection.customer_optional_fields"

_A, _I, _P, _J = Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT, Entity.JOURNAL_ENTRY
_ENTRY, _LINE = "Invoices", "Invoices.InvoiceDetails"
_RECEIPT = "ReceiptsAdjustments"
_APPLIED = f"{_RECEIPT}.AppliedReceiptsAdjustments"
_HEADER, _DETAIL = "JournalHeaders", "JournalHeaders.JournalDetails"


def rules(connection: Connection) -> tuple[FieldRule, ...]:
    """Every field that is sent. `source` empty: what we add ourselves."""
    return (
        *_account(connection),
        *_invoice(connection),
        *_payment(connection),
        *_journal(connection),
    )


def _account(connection: Connection) -> tuple[FieldRule, ...]:
    return (
        FieldRule(_A, "account.number", "CustomerNumber", 12, UPPER),
        FieldRule(_A, "account.name", "CustomerName", 60),
        FieldRule(_A, "account.name", "ShortName", 10, f"{UPPER}, {CUT}", refused=False),
        FieldRule(_A, "", "GroupCode", 6, "connection.customer_group"),
        FieldRule(_A, "", "TaxGroup", 12, "connection.tax_group"),
        FieldRule(_A, "", "TaxClassCode1", 0, "connection.customer_tax_class"),
        FieldRule(_A, "", "TaxClassCode2", 0, "connection.customer_tax_class"),
        *(
            FieldRule(_A, "account.address.lines", f"AddressLine{n}", 60, "one line each")
            for n in (1, 2, 3, 4)
        ),
        FieldRule(_A, "account.address.city", "City", 30),
        FieldRule(_A, "account.address.province", "StateProvince", 30),
        FieldRule(_A, "account.address.postal_code", "ZipPostalCode", 20),
        FieldRule(_A, "account.address.country", "Country", 30),
        FieldRule(_A, "account.phone", "PhoneNumber", 30, "digits only"),
        FieldRule(_A, "account.email", "Email", connection.email_max),
        *(
            FieldRule(_A, "", f"CustomerOptionalFieldValues.{name}", limit, _OPTIONAL)
            for name, limit in (("OptionalField", 12), ("Value", 60))
            if connection.customer_optional_fields
        ),
    )


def _invoice(connection: Connection) -> tuple[FieldRule, ...]:
    taxes = [f"{_LINE}.TaxClass{n}" for n in (1, 2)]
    amounts = [f"{_LINE}.TaxAmount{n}" for n in (1, 2)] if connection.send_tax_amounts else []
    return (
        FieldRule(_I, "invoice.date", "BatchDate", 0, ISO),
        FieldRule(_I, "invoice.id", "Description", 60, "membri:invoice:<id without dashes>"),
        FieldRule(_I, "invoice.account", f"{_ENTRY}.CustomerNumber", 12, "number of the customer"),
        FieldRule(
            *(_I, "invoice.number", f"{_ENTRY}.DocumentNumber", 22),
            f"{UPPER}; without one, M and 21 digits made from the id",
        ),
        FieldRule(_I, "invoice.kind", f"{_ENTRY}.DocumentType", 0, "Invoice or CreditNote"),
        FieldRule(_I, "", f"{_ENTRY}.InvoiceType", 0, "Summary"),
        FieldRule(_I, "invoice.date", f"{_ENTRY}.DocumentDate", 0, ISO),
        FieldRule(_I, "invoice.date", f"{_ENTRY}.PostingDate", 0, ISO),
        FieldRule(_I, "", f"{_ENTRY}.Terms", 6, "accounts.terms"),
        FieldRule(_I, "invoice.due_date", f"{_ENTRY}.DueDate", 0, ISO),
        FieldRule(
            _I, "invoice.description", f"{_ENTRY}.InvoiceDescription", 60, CUT, refused=False
        ),
        FieldRule(
            _I, "invoice.corrects", f"{_ENTRY}.ApplytoDocument", 22, "number, when it owes enough"
        ),
        FieldRule(_I, "", f"{_ENTRY}.TaxGroup", 12, "connection.tax_group"),
        FieldRule(_I, "invoice.type", f"{_LINE}.DistributionCode", 6, "accounts.income, a code"),
        FieldRule(_I, "invoice.type", f"{_LINE}.RevenueAccount", 45, "accounts.income, an account"),
        FieldRule(
            *(_I, "invoice.lines.description", f"{_LINE}.Description", 60),
            f"the product when empty; {CUT}",
            refused=False,
        ),
        *(FieldRule(_I, "invoice.lines.taxable", one, 0, "accounts.tax_codes") for one in taxes),
        FieldRule(_I, "invoice.lines.amount", f"{_LINE}.ExtendedAmountWithTIP"),
        *(FieldRule(_I, "invoice.gst, invoice.qst", one, 0, "by line") for one in amounts),
        *_steps(_I, "BatchStatus"),
    )


def _payment(connection: Connection) -> tuple[FieldRule, ...]:
    return (
        FieldRule(_P, "", "BatchRecordType", 0, "CA"),
        FieldRule(_P, "payment.date", "BatchDate", 0, ISO),
        FieldRule(_P, "payment.id", "Description", 60, "membri:payment:<id without dashes>"),
        FieldRule(_P, "", "BankCode", 8, "connection.bank, else accounts.deposit"),
        FieldRule(_P, "", f"{_RECEIPT}.BatchType", 0, "CA"),
        FieldRule(
            _P, "payment.account", f"{_RECEIPT}.CustomerNumber", 12, "number of the customer"
        ),
        FieldRule(_P, "payment.date", f"{_RECEIPT}.ReceiptDateAdjustmentDate", 0, ISO),
        FieldRule(_P, "payment.date", f"{_RECEIPT}.{connection.receipt_posting_date}", 0, ISO),
        FieldRule(_P, "", f"{_RECEIPT}.ReceiptTransactionType", 0, "Receipt"),
        FieldRule(_P, "payment.method", f"{_RECEIPT}.PaymentCode", 12, "accounts.payment_methods"),
        FieldRule(_P, "payment.id", f"{_RECEIPT}.CheckReceiptNumber", 24, "MP- and 12 digits"),
        FieldRule(_P, "payment.amount", f"{_RECEIPT}.BankReceiptAmount"),
        FieldRule(
            *(_P, "payment.number", f"{_RECEIPT}.EntryDescription", 60),
            "after « Paiement Membri »",
            refused=False,
        ),
        FieldRule(_P, "payment.number", f"{_RECEIPT}.EntryReference", 60),
        FieldRule(_P, "", f"{_APPLIED}.BatchType", 0, "CA"),
        FieldRule(
            _P, "payment.account", f"{_APPLIED}.CustomerNumber", 12, "number of the customer"
        ),
        FieldRule(
            _P, "payment.allocations.invoice", f"{_APPLIED}.DocumentNumber", 22, "its number"
        ),
        FieldRule(_P, "", f"{_APPLIED}.PaymentNumber", 0, "1; those of its terms in order"),
        FieldRule(_P, "", f"{_APPLIED}.ReceiptTransactionType", 0, "Receipt"),
        FieldRule(_P, "payment.allocations.amount", f"{_APPLIED}.CustomerReceiptAmount"),
        *_steps(_P, "BatchStatus"),
        FieldRule(_P, "", "BatchType", 0, "CA"),
    )


def _journal(connection: Connection) -> tuple[FieldRule, ...]:
    parameters = (
        connection.gl_post_from or "BatchNumberFrom",
        connection.gl_post_to or "BatchNumberTo",
    )
    return (
        FieldRule(_J, "journal_entry.id", "Description", 60, "membri:journal_entry:<id>"),
        FieldRule(_J, "", f"{_HEADER}.SourceLedger", 2, "connection.source_ledger"),
        FieldRule(_J, "", f"{_HEADER}.SourceType", 2, "connection.source_type"),
        FieldRule(
            *(_J, "journal_entry.description", f"{_HEADER}.Description", 60),
            f"invoice and period when empty; {CUT}",
            refused=False,
        ),
        FieldRule(_J, "journal_entry.date", f"{_HEADER}.DocumentDate", 0, ISO),
        FieldRule(_J, "journal_entry.date", f"{_HEADER}.PostingDate", 0, ISO),
        FieldRule(
            *(_J, "", f"{_DETAIL}.AccountNumber", 45),
            "accounts.deferred_revenue, accounts.earned_revenue",
        ),
        FieldRule(
            *(_J, "journal_entry.amount", f"{_DETAIL}.SourceCurrencyAmount"),
            conversion="+ debit, - credit",
        ),
        FieldRule(_J, "journal_entry.amount", f"{_DETAIL}.Amount", conversion="+ debit, - credit"),
        FieldRule(_J, "journal_entry.id", f"{_DETAIL}.Reference", 60, "RPA- and 12 digits"),
        FieldRule(
            *(_J, "journal_entry.description", f"{_DETAIL}.Description", 60),
            f"invoice and period when empty; {CUT}",
            refused=False,
        ),
        FieldRule(_J, "", connection.gl_ready_by, 0, "Yes, or ReadyToPost"),
        FieldRule(_J, "", "PostAllBatches", 0, "Donotpostallbatches, where it is a parameter"),
        *(FieldRule(_J, "", name, 0, "this batch alone") for name in parameters),
    )


def _steps(entity: Entity, status: str) -> tuple[FieldRule, ...]:
    return (
        FieldRule(entity, "", status, 0, "ReadyToPost"),
        FieldRule(entity, "", "PostAllBatches", 0, "Donotpostallbatches"),
        FieldRule(entity, "", "PostBatchFrom", 0, "this batch alone"),
        FieldRule(entity, "", "PostBatchTo", 0, "this batch alone"),
    )


class Limits:
    """The longest value of each target, from the table."""

    def __init__(self, connection: Connection) -> None:
        self._held = {(rule.entity, rule.target): rule.limit for rule in rules(connection)}

    def of(self, entity: Entity, target: str) -> int:
        """Characters. Raises KeyError for a field that is not declared."""
        return self._held[entity, target]

    def cut(self, entity: Entity, target: str, value: str) -> str:
        """`value` without what is beyond the limit, blanks at the end dropped."""
        return value[: self.of(entity, target)].rstrip()
