"""Contacts: customers and vendors.

In: the body of a write, and the contact it changes. Out: the contact. Refuses a missing name, none
or two types, what is too long, a reference in use (sage-accounting.md, section 5). Two contacts of
one name are accepted, unless the options say otherwise.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import shares
from ops.sandbox.sage_accounting.amounts import ZERO, shown
from ops.sandbox.sage_accounting.answers import Problems, invalid, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.editions import How, check_feature
from ops.sandbox.sage_accounting.fields import fold, texts
from ops.sandbox.sage_accounting.lists import find, referred

ROOT = "contact"
TEXTS = {
    "name": 100,
    "reference": 10,
    "email": 100,
    "notes": 4000,
    "tax_number": 255,
    "source_guid": 255,
    "credit_terms_and_conditions": 2000,
    "locale": 10,
}
_ADDRESS = {
    "address_line_1": 50,
    "address_line_2": 50,
    "city": 50,
    "name": 50,
    "region": 50,
    "postal_code": 10,
}
_PERSON = {
    "name": 50,
    "job_title": 50,
    "telephone": 50,
    "mobile": 50,
    "fax": 50,
    "email": 100,
}
_TERMS = ("month_end_invoice", "date_from_invoice", "immediate_invoice")
KNOWN = frozenset(
    {
        *TEXTS,
        *("id", "idempotency_id", "contact_type_ids", "main_address", "delivery_address"),
        *("main_contact_person", "credit_days", "credit_terms", "credit_limit", "currency_id"),
        *("default_sales_ledger_account_id", "default_sales_tax_rate_id"),
    }
)


def save(books: Books, body: Document, before: Document | None, how: How) -> Document:
    """Creates, or changes what the body names. Raises Refusal."""
    for name in ("credit_limit", "currency_id"):
        if body.get(name):
            check_feature(books, how, name)
    problems = Problems(ROOT)
    record: Document = {
        "is_active": True,
        "system": False,
        "gdpr_obfuscated": False,
        **dict.fromkeys(TEXTS, ""),
        **(before or {"id": body.get("id") if how.seeding else books.new_id()}),
        **texts(problems, body, TEXTS),
    }
    _check_email(problems, record["email"], "email")
    if not record["name"].strip():
        problems.add("Name can't be blank", "name")
    if before is None or "contact_type_ids" in body:
        record["contact_types"] = _types(books, problems, body)
    record |= _credit(problems, body) | _defaults(books, problems, body)
    record |= _addresses(books, problems, body)
    if "main_contact_person" in body:
        record["main_contact_person"] = _person(books, problems, body["main_contact_person"])
    _check_unique(books, problems, record, before)
    problems.check()
    record |= reference("contacts", record["id"], record["name"])
    return books.put("contacts", record)


def delete(books: Books, record: Document) -> None:
    """Raises Refusal unless nothing refers to the contact."""
    if not is_deletable(books, record):
        raise invalid("The contact has transactions and cannot be deleted.")
    books.remove("contacts", record)


def present(books: Books, record: Document, *, balance: bool = False) -> Document:
    shown_record = {**record, "deletable": is_deletable(books, record)}
    if not books.options.source_guid_echo:
        shown_record.pop("source_guid")
    if balance:
        shown_record["balance"] = shown(_balance(books, record["id"]))
    return shown_record


def is_deletable(books: Books, record: Document) -> bool:
    resources = ("sales_invoices", "sales_credit_notes", "contact_payments")
    return not any(books.of_contact(resource, record["id"]) for resource in resources)


def customer(books: Books, problems: Problems, number: object) -> Document | None:
    """The customer a document is for; a problem unless it is one that can be used."""
    if not number:
        problems.add("contact_id can't be blank", "contact_id")
        return None
    found = books.get("contacts", number) if isinstance(number, str) else None
    if found is None or not is_a(found, "CUSTOMER"):
        problems.add(f"can't find customer {number}", "contact_id")
        return None
    if not found["is_active"] or found["gdpr_obfuscated"]:
        problems.add("The contact is inactive.", "contact_id")
    return found


def is_a(record: Document, kind: str) -> bool:
    return any(one["id"] == kind for one in record["contact_types"])


def matches(record: Document, params: dict[str, str]) -> bool:
    """Whether a contact answers the filters of a list."""
    kind = params.get("contact_type_id", "")
    email = params.get("email", "")
    words = fold(params.get("search", "")).split()
    text = f"{fold(record['name'])}\n{fold(record['reference'])}"
    person = record.get("main_contact_person") or {}
    return (
        (not kind or is_a(record, kind))
        and not (params.get("exclude_system") == "true" and record["system"])
        and (not email or email.lower() in (record["email"].lower(), person.get("email", "")))
        and all(word in text for word in words)
    )


def _balance(books: Books, contact: str) -> Decimal:
    owed = sum(
        (shares.outstanding(books, one) for one in books.of_contact("sales_invoices", contact)),
        ZERO,
    )
    credit = [
        *books.of_contact("sales_credit_notes", contact),
        *(one for one in books.all(shares.ON_ACCOUNT) if one["contact"]["id"] == contact),
    ]
    return owed - sum((shares.outstanding(books, one) for one in credit), ZERO)


def _types(books: Books, problems: Problems, body: Document) -> list[Document]:
    given = body.get("contact_type_ids")
    if not isinstance(given, list) or len(given) != 1:
        problems.add("Exactly one contact type is needed", "contact_type_ids")
        return []
    found = referred(books, "contact_types", given[0])
    if found is None:
        problems.add(f"Couldn't find contact type {given[0]}", "contact_type_ids")
        return []
    return [found]


def _credit(problems: Problems, body: Document) -> Document:
    found: Document = {}
    days = body.get("credit_days")
    if days is not None:
        if isinstance(days, bool) or not str(days).isdecimal() or int(days) > 365:
            problems.add("credit_days must be between 0 and 365", "credit_days")
        else:
            found["credit_days"] = int(days)
    terms = body.get("credit_terms")
    if terms is not None:
        if terms not in _TERMS:
            problems.add("credit_terms is not included in the list", "credit_terms")
        found["credit_terms"] = terms
    return found


def _defaults(books: Books, problems: Problems, body: Document) -> Document:
    found: Document = {}
    for name, resource in (
        ("default_sales_ledger_account", "ledger_accounts"),
        ("default_sales_tax_rate", "tax_rates"),
    ):
        if body.get(f"{name}_id"):
            found[name] = referred(books, resource, body[f"{name}_id"])
            if found[name] is None:
                problems.add(f"Couldn't find {name}", f"{name}_id")
    return found


def _addresses(books: Books, problems: Problems, body: Document) -> Document:
    # Start keeps one address for each contact.
    names = ("main_address",) if books.is_start else ("main_address", "delivery_address")
    found: Document = {}
    for parent in names:
        given = body.get(parent)
        if given is None:
            continue
        if not isinstance(given, dict):
            problems.add(f"{parent} must be an object", parent)
            continue
        address: Document = dict.fromkeys(_ADDRESS, "") | texts(problems, given, _ADDRESS, parent)
        for name, resource in (("country", "countries"), ("address_type", "address_types")):
            number = given.get(f"{name}_id")
            if number:
                address[name] = referred(books, resource, number)
                if address[name] is None:
                    problems.add(f"Couldn't find {name} {number}", f"{parent}.{name}_id")
        found[parent] = address
    return found


def _person(books: Books, problems: Problems, given: object) -> Document:
    if not isinstance(given, dict):
        problems.add("main_contact_person must be an object", "main_contact_person")
        return {}
    person = dict.fromkeys(_PERSON, "") | texts(problems, given, _PERSON, "main_contact_person")
    _check_email(problems, person["email"], "main_contact_person.email")
    kinds = given.get("contact_person_type_ids") or []
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if find(books, "contact_person_types", kind) is None:
            problems.add(
                f"Couldn't find contact person type {kind}",
                "main_contact_person.contact_person_type_ids",
            )
    return person


def _check_email(problems: Problems, email: str, attribute: str) -> None:
    name, _, domain = email.partition("@")
    if email and (not name or "." not in domain or " " in email):
        problems.add("email is invalid", attribute)


def _check_unique(
    books: Books, problems: Problems, record: Document, before: Document | None
) -> None:
    taken = fold(record["reference"])
    if taken and _held_by_another(books, record, "reference", taken):
        problems.add("Reference has already been taken", "reference")
    choice = books.options.duplicate_contact_names
    if choice == "accept" or (before and before["name"] == record["name"]):
        return
    if not _held_by_another(books, record, "name", fold(record["name"])):
        return
    if choice == "refuse":
        problems.add("Name has already been taken", "name")
        return
    number = 1
    while _held_by_another(books, record, "name", fold(f"{record['name']} ({number})")):
        number += 1
    record["name"] = f"{record['name']} ({number})"


def _held_by_another(books: Books, record: Document, index: str, value: str) -> bool:
    found = books.store.find(books.kind("contacts"), index, value)
    return any(one["id"] != record["id"] for one in found)
