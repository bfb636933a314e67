"""Customers: created with their own number and a group that gives the defaults, changed by PATCH.

In: bodies. Out: kept customers. Refuses a number that is taken (RecordDuplicate), a missing or
unknown group, unknown codes, values too long. A PUT purges the details it does not hold.
sage-300.md, section 4.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.answers import Refusal, bad_payload, field_invalid, record_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import (
    Effect,
    Puts,
    Session,
    check_names,
    optional_fields,
    put_all,
)
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.properties import AUTHORITIES, CUSTOMER

RESOURCE = "ARCustomers"
_OPTIONAL = "CustomerOptionalFieldValues"
_FROM_GROUP = (
    *("AccountSet", "Terms", "BillingCycle", "InterestProfile", "CurrencyCode", "TaxGroup"),
    *(f"TaxClassCode{n}" for n in AUTHORITIES),
)
_EMAILS = ("Email", "ContactsEmail")


def create(session: Session, body: Document) -> Document:
    """Raises Refusal."""
    check_names(CUSTOMER, body)
    number = str(body.get("CustomerNumber") or "").rstrip().upper()
    if not number:
        raise record_invalid("Customer Number cannot be blank.")
    if not number.isprintable() or "|" in number:
        raise field_invalid(f"CustomerNumber: {number!r} holds characters that no key may hold.")
    if session.books.get(RESOURCE, number):
        raise Refusal("RecordDuplicate", f"Customer {number} already exists.")
    record = {name: one.default for name, one in CUSTOMER.items()}
    record |= {"StartDate": session.books.today(), _OPTIONAL: []}
    puts = Puts(session, record)
    _put(puts, body)
    if not record["ShortName"]:
        record["ShortName"] = str(record["CustomerName"])[:10]
    return _keep(puts)


def change(session: Session, number: str, body: Document) -> Document:
    """A PATCH. Raises Refusal."""
    before = session.books.one(RESOURCE, number)
    if body.get("CustomerNumber", number) != number:
        raise record_invalid("Customer Number cannot be changed.")
    puts = Puts(session, dict(before), creating=False)
    _put(puts, {k: v for k, v in body.items() if k != "CustomerNumber"})
    if puts.record["CurrencyCode"] != before["CurrencyCode"] and _has_documents(puts):
        raise record_invalid("The currency of a customer with transactions cannot be changed.")
    return _keep(puts)


def replace(session: Session, number: str, body: Document) -> Document:
    """A PUT: what it does not hold is purged."""
    session.books.one(RESOURCE, number)
    session.books.delete(RESOURCE, number)
    return create(session, {**body, "CustomerNumber": number})


def remove(session: Session, number: str) -> None:
    session.books.one(RESOURCE, number)
    if session.books.find("ARPostedDocuments", "CustomerNumber", number):
        raise record_invalid(f"Customer {number} has transactions and cannot be deleted.")
    session.books.delete(RESOURCE, number)


def balance(books: Books, number: str) -> Decimal:
    """What the customer owes on posted documents."""
    found = books.find("ARPostedDocuments", "CustomerNumber", number)
    return sum((decimal(one, "AmountDueInCustomerCurrency") for one in found), ZERO)


def _put(puts: Puts, body: Document) -> None:
    for name in _EMAILS:
        if len(str(body.get(name) or "")) > puts.books.options.email_length:
            raise field_invalid(f"{name}: longer than {puts.books.options.email_length}.")
    put_all(puts, CUSTOMER, body, _EFFECTS, _details)


def _details(puts: Puts, name: str, raws: list[Document]) -> None:
    if not puts.creating and any("UpdateOperation" not in raw for raw in raws):
        puts.session.note("update_operation_missing", f"a detail without it ({name})")
    puts.record[name] = optional_fields(list(puts.record.get(name) or []), raws)


def _keep(puts: Puts) -> Document:
    record = puts.record
    if not record["GroupCode"]:
        raise record_invalid("Group Code cannot be blank.")
    if not record["CustomerName"] and not record["ShortName"]:
        raise record_invalid("Customer Name cannot be blank.")
    given = {one["OptionalField"] for one in record[_OPTIONAL]}
    for name in puts.books.state.get("required_customer_fields", ()):
        if name not in given:
            raise record_invalid(f"Optional field {name} is required.")
    record["DateLastMaintained"] = puts.books.today()
    record.pop("BalanceDueInCustomerCurrency", None)
    return puts.books.put(RESOURCE, record)


def _has_documents(puts: Puts) -> bool:
    number = puts.record["CustomerNumber"]
    return bool(puts.books.find("ARPostedDocuments", "CustomerNumber", number))


def _group(puts: Puts) -> None:
    group = puts.books.existing("ARCustomerGroups", puts.record["GroupCode"], what="Customer group")
    if not puts.creating:
        return
    for name in _FROM_GROUP:
        if group.get(name):
            puts.default(name, group[name])


def _reference(name: str, resource: str, what: str, *more: Any) -> Effect:
    def check(puts: Puts) -> None:
        if puts.record[name]:
            puts.books.existing(resource, puts.record[name], *more, what=what)

    return check


def _tax_group(puts: Puts) -> None:
    _reference("TaxGroup", "TXTaxGroups", "Tax group", "Sales")(puts)
    for n in AUTHORITIES:
        puts.default(f"TaxClassCode{n}", 1)


def _currency(puts: Puts) -> None:
    wanted, own = puts.record["CurrencyCode"], puts.books.profile.get("FunctionalCurrency")
    if wanted != own and puts.books.profile.get("Multicurrency") != "Yes":
        raise field_invalid(f"Currency {wanted} cannot be used: the company is in {own}.")


def _start(puts: Puts) -> None:
    if not puts.record["StartDate"]:
        raise bad_payload("StartDate: a date is expected.")


_EFFECTS: dict[str, Effect] = {
    "GroupCode": _group,
    "Terms": _reference("Terms", "ARTerms", "Terms code"),
    "TaxGroup": _tax_group,
    "PaymentCode": _reference("PaymentCode", "ARPaymentCodes", "Payment code"),
    "CurrencyCode": _currency,
    "StartDate": _start,
}
