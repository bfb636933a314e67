"""Where each field of Membri goes in Sage, and how long it may be.

What comes in: a field of a record or an attribute of Sage. What goes out: its limit, its problem,
or its text cut to fit. Bodies and checks take their limits from `FIELDS`, and the mapping page is
made from it. Targets are attributes without their root (`contact`, `sales_invoice`, …).

Lengths: Sage page, sections 5 to 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from consumers.system import FieldRule, Problem
from schemas.reasons import Reason
from schemas.statuses import Entity

_A, _I, _P, _J = Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT, Entity.JOURNAL_ENTRY
LINE_MAX = 200
"""Of a line's description: Sage names no limit and its page advises this one (NV, section 6)."""
_ONCE = "32 hexadecimal characters of our key and the operation"


def _rule(
    entity: Entity, source: str, target: str, limit: int = 0, said: str = "", *, cut: bool = False
) -> FieldRule:
    return FieldRule(entity, source, target, limit, said, refused=not cut)


_ACCOUNT = (
    _rule(_A, "", "idempotency_id", 0, f"{_ONCE}, at creation"),
    _rule(
        _A,
        "account.name",
        "name",
        100,
        "composed accents (NFC), single blanks; « (2) » follows where duplicate_names ="
        " append_number tells namesakes apart",
    ),
    _rule(_A, "account.number", "reference", 10, "only where it fits, at creation", cut=True),
    _rule(_A, "", "contact_type_ids", 0, "CUSTOMER, at creation"),
    _rule(_A, "account.id", "notes", 0, "marker membri:account:<id>, at creation"),
    _rule(_A, "", "main_contact_person.contact_person_type_ids", 0, "contact_person_type"),
    _rule(
        _A,
        "account.name",
        "main_contact_person.name",
        50,
        "with an email or a phone; as far as it fits",
        cut=True,
    ),
    _rule(_A, "account.email", "main_contact_person.email", 100),
    _rule(_A, "account.phone", "main_contact_person.telephone", 50),
    _rule(_A, "", "main_address.address_type_id", 0, "address_type"),
    _rule(
        _A,
        "account.address.lines",
        "main_address.address_line_1",
        50,
        "all the lines are one text, broken between words where one of them is too long",
    ),
    _rule(_A, "account.address.lines", "main_address.address_line_2", 50, "what follows"),
    _rule(_A, "account.address.city", "main_address.city", 50),
    _rule(_A, "account.address.province", "main_address.region", 50, "QC becomes CA-QC"),
    _rule(_A, "account.address.postal_code", "main_address.postal_code", 10),
    _rule(
        _A,
        "account.address.country",
        "main_address.country_id",
        0,
        "CA, US or FR; other countries are left out, none is Canada",
    ),
    _rule(_A, "", "main_address.name", 0, "as it is there, in an update"),
    _rule(_A, "", "main_contact_person.job_title", 0, "as it is there, in an update"),
    _rule(_A, "", "main_contact_person.mobile", 0, "as it is there, in an update"),
    _rule(_A, "", "main_contact_person.fax", 0, "as it is there, in an update"),
)


def _lines(name: str) -> Iterator[FieldRule]:
    yield _rule(
        _I,
        "invoice.lines.description",
        f"{name}.description",
        LINE_MAX,
        "else the product, else the number; « 3 × 20.00 » stands before it where quantity and price"
        " cannot be sent",
        cut=True,
    )
    yield _rule(_I, "invoice.type", f"{name}.ledger_account_id", 0, "accounts.income or default")
    yield _rule(
        _I,
        "invoice.lines.quantity",
        f"{name}.quantity",
        0,
        "1 in the limited edition, and where quantity × price is not the net amount",
    )
    yield _rule(
        _I,
        "invoice.lines.amount",
        f"{name}.unit_price",
        0,
        "the price in the full edition where quantity × price is the net amount",
    )
    yield _rule(_I, "invoice.lines.taxable", f"{name}.tax_rate_id", 0, "found by its percentages")
    yield _rule(
        _I, "invoice.gst", f"{name}.tax_amount", 0, "TPS + TVQ, shared among the lines to the cent"
    )


_INVOICE = (
    _rule(_I, "", "idempotency_id", 0, _ONCE),
    _rule(_I, "invoice.account", "contact_id", 0, "the contact's id"),
    _rule(_I, "invoice.date", "date"),
    _rule(_I, "invoice.due_date", "due_date", 0, "invoices only"),
    _rule(_I, "invoice.number", "reference", 25, "Sage numbers its documents itself"),
    _rule(_I, "", "tax_address_region_id", 0, "tax_region"),
    _rule(
        _I,
        "invoice.description",
        "notes",
        1800,
        "after the marker membri:invoice:<id>, on a line of its own",
    ),
    *_lines("invoice_lines"),
    *_lines("credit_note_lines"),
    _rule(_I, "", "transaction_type_id", 0, "CUSTOMER_ALLOCATION, to apply a credit note"),
    _rule(
        _I,
        "invoice.corrects",
        "allocated_artefacts.artefact_id",
        0,
        "the invoice, then the credit note",
    ),
    _rule(
        _I,
        "invoice.total",
        "allocated_artefacts.amount",
        0,
        "what the invoice still owes at most; negative on the credit note",
    ),
)

_PAYMENT = (
    _rule(_P, "", "idempotency_id", 0, _ONCE),
    _rule(_P, "", "transaction_type_id", 0, "CUSTOMER_RECEIPT"),
    _rule(_P, "payment.account", "contact_id", 0, "the contact's id"),
    _rule(_P, "", "bank_account_id", 0, "accounts.deposit"),
    _rule(_P, "payment.date", "date"),
    _rule(_P, "payment.amount", "total_amount"),
    _rule(_P, "payment.id", "reference", 25, "MP- and 12 hexadecimal characters of it"),
    _rule(_P, "payment.method", "payment_method_id", 0, "accounts.payment_methods"),
    _rule(_P, "payment.allocations.invoice", "allocated_artefacts.artefact_id"),
    _rule(_P, "payment.allocations.amount", "allocated_artefacts.amount"),
)

_ENTRY = (
    _rule(_J, "", "idempotency_id", 0, _ONCE),
    _rule(_J, "journal_entry.date", "date"),
    _rule(_J, "journal_entry.id", "reference", 255, "RPA- and 12 hexadecimal characters of it"),
    _rule(
        _J,
        "journal_entry.description",
        "description",
        200,
        "before the marker membri:journal_entry:<id>; as far as it fits",
        cut=True,
    ),
    _rule(
        _J,
        "",
        "journal_lines.ledger_account_id",
        0,
        "accounts.deferred_revenue, then accounts.earned_revenue (else default_income)",
    ),
    _rule(_J, "journal_entry.amount", "journal_lines.debit", 0, "on the first line"),
    _rule(_J, "journal_entry.amount", "journal_lines.credit", 0, "on the second line"),
    _rule(_J, "journal_entry.description", "journal_lines.details", 200, cut=True),
    _rule(_J, "", "journal_lines.include_on_tax_return", 0, "false"),
)

FIELDS: tuple[FieldRule, ...] = (*_ACCOUNT, *_INVOICE, *_PAYMENT, *_ENTRY)
_LIMITS = {(rule.entity, rule.target): rule.limit for rule in FIELDS if rule.limit}
_REFUSED = {rule.source: rule.limit for rule in FIELDS if rule.limit and rule.refused}


def limit(entity: Entity, target: str) -> int:
    """The longest value of an attribute, in characters. Raises KeyError where there is none."""
    return _LIMITS[entity, target]


def cut(entity: Entity, target: str, value: str) -> str:
    """`value` as far as it fits; what was cut off shows."""
    longest = _LIMITS[entity, target]
    return value if len(value) <= longest else value[: longest - 1].rstrip() + "…"


def too_long(entity: Entity, values: Mapping[str, str]) -> Iterator[Problem]:
    """One problem for each value longer than its limit; `values`: field of the record (without the
    entity) → what would be sent."""
    for name, value in values.items():
        source = re.sub(r"\.\d+", "", name)
        longest = _REFUSED[f"{entity}.{source}"]
        if len(value) > longest:
            yield Problem(Reason.TOO_LONG, name, f"{len(value)} > {longest}")
