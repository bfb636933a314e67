"""Where each field of Membri goes in Business Central: the one table of targets and limits.

Bodies take their limits from here, the mapping page and `preview` are made from it. Lengths:
page, sections 3 to 7. A target is the property's path below its resource; of a credit note, whose
resources have names of their own, the same properties stand under `salesCreditMemos`.
"""

from __future__ import annotations

from collections.abc import Iterator

from consumers.system import FieldRule, Problem
from schemas.reasons import Reason
from schemas.statuses import Entity

_A, _I, _P, _J = Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT, Entity.JOURNAL_ENTRY
_UPPER = "trimmed, in capitals"
_COUNTRY = "the company's country of that code or name; settings: countries"
_OURS = "customers' GUID, as found or created"

CUSTOMER: tuple[FieldRule, ...] = (
    FieldRule(_A, "account.number", "number", 20, f"{_UPPER}; never changed afterwards"),
    FieldRule(_A, "account.name", "displayName", 100, "composed accents, trimmed"),
    FieldRule(_A, "account.table", "type", 0, "account: Company; contact: Person"),
    FieldRule(_A, "account.address.lines", "addressLine1", 100, "first line"),
    FieldRule(_A, "account.address.lines", "addressLine2", 50, "the other lines, joined by commas"),
    FieldRule(_A, "account.address.city", "city", 30),
    FieldRule(_A, "account.address.province", "state", 30),
    FieldRule(_A, "account.address.postal_code", "postalCode", 20, "in capitals"),
    FieldRule(_A, "account.address.country", "country", 10, _COUNTRY),
    FieldRule(_A, "account.phone", "phoneNumber", 30),
    FieldRule(_A, "account.email", "email", 80),
    FieldRule(_A, "account.currency", "currencyCode", 10, "on creation only"),
    FieldRule(_A, "", "taxAreaId", 0, "settings: tax_area; on creation only"),
    FieldRule(_A, "", "taxLiable", 0, "settings: tax_liable, with tax_area; on creation only"),
)
_SALE: tuple[FieldRule, ...] = (
    FieldRule(_I, "invoice.account", "customerId", 0, _OURS),
    FieldRule(_I, "invoice.number", "externalDocumentNumber", 35, f"{_UPPER}; M-<id> for none"),
    FieldRule(_I, "invoice.date", "postingDate"),
    FieldRule(_I, "invoice.currency", "currencyCode", 10),
    FieldRule(
        _I, "invoice.billing_address.lines", "sellToAddressLine1", 100,
        "billing name where it differs from the account's, first line",
    ),
    FieldRule(
        _I, "invoice.billing_address.lines", "sellToAddressLine2", 50,
        "the other lines, joined by commas",
    ),
    FieldRule(_I, "invoice.billing_address.city", "sellToCity", 30),
    FieldRule(_I, "invoice.billing_address.province", "sellToState", 30),
    FieldRule(_I, "invoice.billing_address.postal_code", "sellToPostCode", 20, "in capitals"),
    FieldRule(_I, "invoice.billing_address.country", "sellToCountry", 10, _COUNTRY),
)  # fmt: skip
_SALE_LINE: tuple[FieldRule, ...] = (
    FieldRule(_I, "", "lineType", 0, "Account; Comment for texts"),
    FieldRule(_I, "invoice.type", "lineObjectNumber", 20, "settings: accounts.income"),
    FieldRule(
        _I, "invoice.lines.description", "description", 100,
        "goes on in Comment lines; so does the invoice's description", refused=False,
    ),
    FieldRule(_I, "invoice.id", "description2", 50, "membri:invoice:<id>, on the first line"),
    FieldRule(_I, "invoice.lines.quantity", "quantity", 0, "1 unless quantity x price = amount"),
    FieldRule(_I, "invoice.lines.unit_price", "unitPrice", 0, "the line's amount with quantity 1"),
    FieldRule(
        _I, "invoice.lines.gst", "taxCode", 20, "tax group by treatment; settings: tax_codes",
    ),
)  # fmt: skip


def _under(prefix: str, rules: tuple[FieldRule, ...]) -> tuple[FieldRule, ...]:
    return tuple(
        FieldRule(
            r.entity, r.source, f"{prefix}.{r.target}", r.limit, r.conversion, r.refused
        )
        for r in rules
    )  # fmt: skip


INVOICE: tuple[FieldRule, ...] = (
    *_SALE,
    FieldRule(_I, "invoice.date", "invoiceDate"),
    FieldRule(_I, "", "paymentTermsId", 0, "settings: accounts.terms"),
    FieldRule(_I, "invoice.due_date", "dueDate"),
    *_under("salesInvoiceLines", _SALE_LINE),
)
CREDIT_NOTE: tuple[FieldRule, ...] = (
    *_SALE,
    FieldRule(_I, "invoice.date", "creditMemoDate"),
    FieldRule(_I, "invoice.corrects", "invoiceId", 0, "while the invoice still owes something"),
    *_under("salesCreditMemoLines", _SALE_LINE),
)
PAYMENT_BATCH: tuple[FieldRule, ...] = (
    FieldRule(_P, "payment.id", "code", 10, "ten letters made from the id"),
    FieldRule(_P, "payment.number", "displayName", 100, "Membri <number>", refused=False),
    FieldRule(_P, "", "balancingAccountId", 0, "settings: accounts.deposit"),
)
PAYMENT_LINE: tuple[FieldRule, ...] = (
    FieldRule(_P, "payment.account", "customerId", 0, _OURS),
    FieldRule(_P, "payment.date", "postingDate"),
    FieldRule(_P, "payment.id", "documentNumber", 20, "MP- and 12 digits made from the id"),
    FieldRule(_P, "payment.number", "externalDocumentNumber", 35, _UPPER),
    FieldRule(_P, "payment.allocations.amount", "amount", 0, "negative: money received"),
    FieldRule(_P, "payment.allocations.invoice", "appliesToInvoiceId", 0, "the posted invoice"),
    FieldRule(
        _P, "payment.number", "description", 100, "with the invoice's number", refused=False
    ),
    FieldRule(_P, "payment.method", "comment", 250, "settings: accounts.payment_methods"),
)  # fmt: skip
ENTRY_BATCH: tuple[FieldRule, ...] = (
    FieldRule(_J, "journal_entry.id", "code", 10, "ten letters made from the id"),
    FieldRule(_J, "journal_entry.invoice", "displayName", 100, "Membri <number>", refused=False),
    FieldRule(_J, "", "templateDisplayName", 10, "settings: journal_template"),
)
ENTRY_LINE: tuple[FieldRule, ...] = (
    FieldRule(_J, "", "accountType", 0, "G/L Account"),
    FieldRule(_J, "", "accountNumber", 20, "settings: accounts.deferred_revenue"),
    FieldRule(_J, "journal_entry.date", "postingDate"),
    FieldRule(_J, "journal_entry.id", "documentNumber", 20, "RPA- and 12 digits made from the id"),
    FieldRule(
        _J,
        "journal_entry.invoice",
        "externalDocumentNumber",
        35,
        f"number, {_UPPER}",
        refused=False,
    ),
    FieldRule(_J, "journal_entry.amount", "amount", 0, "debit of the deferred account"),
    FieldRule(_J, "", "balanceAccountType", 0, "G/L Account"),
    FieldRule(_J, "", "balancingAccountNumber", 20, "settings: accounts.earned_revenue"),
    FieldRule(
        _J, "journal_entry.description", "description", 100, "invoice and period", refused=False
    ),
)  # fmt: skip
BODIES: dict[str, tuple[FieldRule, ...]] = {
    "customers": CUSTOMER,
    "salesInvoices": INVOICE,
    "salesCreditMemos": CREDIT_NOTE,
    "customerPaymentJournals": PAYMENT_BATCH,
    "customerPayments": PAYMENT_LINE,
    "journals": ENTRY_BATCH,
    "journalLines": ENTRY_LINE,
}
"""Resource → the rules of a body sent to it."""


def all_rules() -> Iterator[FieldRule]:
    """Every rule, its target below its resource (`salesInvoices.salesInvoiceLines.unitPrice`)."""
    for resource, rules in BODIES.items():
        yield from _under(resource, rules)


LIMITS: dict[str, int] = {rule.target: rule.limit for rule in all_rules() if rule.limit}
"""Target below its resource → longest value in characters."""


def too_long(values: dict[str, tuple[str, str]]) -> Iterator[Problem]:
    """One problem for each value longer than its target: field → (value, target)."""
    for name, (value, target) in values.items():
        if len(value) > LIMITS[target]:
            yield Problem(Reason.TOO_LONG, name, f"{len(value)} > {LIMITS[target]}")
