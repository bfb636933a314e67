"""Where each field of Membri goes in the reference books: rows named as `books.py` names them."""

from __future__ import annotations

from consumers.system import FieldRule
from schemas.statuses import Entity

_A, _I, _P, _J = Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT, Entity.JOURNAL_ENTRY

FIELDS: tuple[FieldRule, ...] = (
    FieldRule(_A, "account.name", "name", 500, "no blanks around"),
    FieldRule(_A, "account.number", "number", 21),
    FieldRule(_A, "account.email", "email", 100),
    FieldRule(_A, "account.id", "record_id"),
    FieldRule(_A, "", "id", 0, "given by the books"),
    FieldRule(_A, "", "active", 0, "true"),
    FieldRule(_A, "", "updates", 0, "counted by the books"),
    FieldRule(_I, "invoice.kind", "kind"),
    FieldRule(_I, "invoice.number", "number", 21),
    FieldRule(_I, "invoice.account", "customer_id"),
    FieldRule(_I, "invoice.date", "date"),
    FieldRule(_I, "invoice.total", "total"),
    FieldRule(_I, "invoice.total", "balance", 0, "what is open at first"),
    FieldRule(_I, "invoice.gst", "tax", 0, "TPS + TVQ"),
    FieldRule(_I, "invoice.qst", "tax", 0, "TPS + TVQ"),
    FieldRule(_I, "invoice.id", "record_id"),
    FieldRule(_I, "", "id", 0, "given by the books"),
    FieldRule(_P, "payment.account", "customer_id"),
    FieldRule(_P, "payment.date", "date"),
    FieldRule(_P, "payment.amount", "amount"),
    FieldRule(_P, "payment.allocations", "applied", 0, "document id → amount"),
    FieldRule(_P, "payment.number", "number", 21),
    FieldRule(_P, "payment.id", "record_id"),
    FieldRule(_P, "", "id", 0, "given by the books"),
    FieldRule(_J, "journal_entry.date", "date"),
    FieldRule(_J, "journal_entry.amount", "amount"),
    FieldRule(_J, "journal_entry.id", "record_id"),
    FieldRule(_J, "", "id", 0, "given by the books"),
)

LIMITS = {rule.source.partition(".")[2]: rule.limit for rule in FIELDS if rule.limit}
"""Longest value of a record field, whatever the record."""
