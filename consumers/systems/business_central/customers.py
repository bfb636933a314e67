"""Customers: found by number, created once, updated where Membri has changed.

What comes in: an account. What goes out: the customer. Refused: an account without a number, a
number that somebody else has, a blocked customer.

The number is the only key (page, section 3). Nothing of a customer holds a marker of ours: the same
number with the same name is the account's, with another name it is somebody else's. `number` is
never sent in a PATCH, which would rename the customer and its whole history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consumers.errors import Rejected, Transient
from consumers.system import Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import clean_name, same_name
from consumers.systems._problems import refused_by
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company, money, two_lines, without_empty
from consumers.systems.business_central.faults import SAME_KEY, STALE, Fault, Json, failure
from consumers.systems.business_central.fields import too_long
from consumers.systems.business_central.keys import code, fits, plain_enum
from consumers.systems.business_central.settings import TITLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account
from schemas.sentences import say

NAMED = "name"
"""Step: the name under which a customer was about to be created; the number alone is nobody's."""
_TRIES = 3
_INACTIVE = ("All", "Invoice")
_ON_CREATION_ONLY = frozenset({"number", "currencyCode", "taxAreaId", "taxLiable"})


def find(company: Company, lookup: Lookup) -> Found | None:
    """The customer of an account. Raises Rejected(customer_inactive), Unavailable, Transient."""
    row = company.client.by_id("customers", lookup.remote_id) if lookup.remote_id else None
    if row is None and lookup.reference:
        row = _numbered(company, lookup.reference)
        return _found(row, lookup) if row is not None else None
    if row is None and lookup.number:
        row = _numbered(company, lookup.number)
        if row is not None and not _is_ours(row, lookup.number, lookup.name):
            return Found(_ref(row), differences=(_described(row),))
    return _found(row, lookup) if row is not None else None


def _found(row: Json, lookup: Lookup) -> Found:
    _refuse_inactive(row, "reference")
    mine = _is_ours(row, lookup.number, lookup.name)
    return Found(_ref(row), by_marker=mine, balance=money(row, "balanceDue"))


def _is_ours(row: Json, number: str, name: str) -> bool:
    held = code(str(row.get("number", "")))
    return bool(number) and held == code(number) and same_name(str(row["displayName"]), name)


def _numbered(company: Company, number: str) -> Json | None:
    if not fits(number):
        return None
    rows = company.client.select("customers", f"number eq {quoted(code(number))}")
    return rows[0] if rows else None


def _refuse_inactive(row: Json, field: str) -> None:
    if plain_enum(row.get("blocked", "")) in _INACTIVE:
        raise Rejected(Reason.CUSTOMER_INACTIVE, field=field, detail=_described(row))


def check(company: Company, account: Account) -> Iterator[Problem]:
    """Lengths, characters, currency and country (page, section 3)."""
    if not clean_name(account.name):
        yield Problem(Reason.MISSING_FIELD, "name")
    if not (account.number.strip() or account.reference):
        yield Problem(Reason.MISSING_FIELD, "number")
    address = account.address
    first, second = two_lines(address)
    yield from too_long(
        {
            "name": (clean_name(account.name), "customers.displayName"),
            "number": (code(account.number), "customers.number"),
            "email": (account.email, "customers.email"),
            "phone": (account.phone, "customers.phoneNumber"),
            "address.lines.0": (first, "customers.addressLine1"),
            "address.lines.1": (second, "customers.addressLine2"),
            "address.city": (address.city, "customers.city"),
            "address.province": (address.province, "customers.state"),
            "address.postal_code": (address.postal_code, "customers.postalCode"),
        }
    )
    if re.search(r"[^\W\d_]", account.phone):
        yield Problem(Reason.INVALID_FIELD, "phone", account.phone)
    if account.email and not re.fullmatch(r"[^@\s;]+@[^@\s;]+\.[^@\s;]+", account.email):
        yield Problem(Reason.INVALID_FIELD, "email", account.email)
    yield from company.foreign_currency(account.currency)
    yield from refused_by(lambda: company.country(address.country, "address.country"))


def transfer(company: Company, task: Task, account: Account) -> Receipt:
    """Creates or updates the customer. Raises any of consumers.errors."""
    if task.remote_id:
        return _update(company, task.remote_id, account)
    body = new_body(company, account)
    before = task.steps.get(NAMED)
    task.steps.remember(NAMED, str(body["displayName"]))
    try:
        row = company.client.create("customers", body)
    except Fault as fault:
        if fault.code != SAME_KEY:
            raise failure(fault, writing=True) from fault
        holder = _numbered(company, account.number)
        if holder is None:
            raise failure(fault, writing=True) from fault
        if before and _is_ours(holder, account.number, before):  # renamed in Membri since
            return Receipt(_update(company, str(holder["id"]), account).ref, Action.ADOPTED)
        if not _is_ours(holder, account.number, account.name):
            detail = f"{_described(holder)}; {fault.words}"
            raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail) from fault
        _refuse_inactive(holder, "number")
        return Receipt(_ref(holder), Action.ADOPTED)
    return Receipt(_ref(row), Action.CREATED)


def _update(company: Company, remote_id: str, account: Account) -> Receipt:
    for _ in range(_TRIES):
        row = _active(company, remote_id)
        changed = _changes(new_body(company, account), row)
        if not changed:
            return Receipt(_ref(row), Action.CONFIRMED)
        try:
            path = f"customers({row['id']})"
            row = company.client.change(path, str(row["@odata.etag"]), changed)
        except Fault as fault:
            if fault.code != STALE:
                raise failure(fault, writing=True) from fault
            continue  # the accountant was faster: read again, apply again
        return Receipt(_ref(row), Action.UPDATED)
    raise Transient(
        say(
            "{system} customer {number} keeps changing ({stale})",
            system=TITLE,
            number=row["number"],
            stale=STALE,
        )
    )


def _active(company: Company, remote_id: str) -> Json:
    row = company.client.by_id("customers", remote_id)
    if row is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="reference",
            detail=say("{system} customer {number} does not exist", system=TITLE, number=remote_id),
        )
    _refuse_inactive(row, "reference")
    return row


def changes(company: Company, remote_id: str, account: Account) -> Json:
    """What an update would send; empty for nothing. Raises Rejected, Unavailable, Transient."""
    return _changes(new_body(company, account), _active(company, remote_id))


def new_body(company: Company, account: Account) -> Json:
    """A new customer. Raises Rejected(invalid_field) for an unknown country."""
    first, second = two_lines(account.address)
    body: Json = {
        "number": code(account.number),
        "displayName": clean_name(account.name),
        "type": "Person" if account.table == "contact" else "Company",
        "addressLine1": first,
        "addressLine2": second,
        "city": account.address.city,
        "state": account.address.province,
        "country": company.country(account.address.country, "address.country"),
        "postalCode": code(account.address.postal_code),
        "phoneNumber": account.phone,
        "email": account.email,
        "currencyCode": account.currency,
        **_tax(company),
    }
    return without_empty(body)


def _tax(company: Company) -> Json:
    """Both or nothing: without an area the customer template decides (page, section 9)."""
    named = company.connection.tax_area
    if not named:
        return {}
    area = company.lists.entry(company.client, "taxAreas", named)
    if area is None:
        detail = say(
            "connection.tax_area = {value} is no {system} tax area", system=TITLE, value=repr(named)
        )
        raise Rejected(Reason.UNKNOWN_TAX, detail=detail)
    return {"taxAreaId": area["id"], "taxLiable": company.connection.tax_liable}


def _changes(wanted: Json, row: Json) -> Json:
    """What Membri has and the books have otherwise. What Membri has not is left alone, but for the
    second line of an address whose first one changes."""
    changed = {
        name: value
        for name, value in wanted.items()
        if name not in _ON_CREATION_ONLY and plain_enum(row.get(name, "")) != plain_enum(value)
    }
    if "addressLine1" in changed and "addressLine2" not in wanted and row.get("addressLine2"):
        changed["addressLine2"] = ""
    return changed


def _described(row: Json) -> str:
    blocked = plain_enum(row.get("blocked", ""))
    told = say(
        "{system} customer {number} « {name} »",
        system=TITLE,
        number=row.get("number"),
        name=row.get("displayName"),
    )
    return say("{customer}, blocked: {state}", customer=told, state=blocked) if blocked else told


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["id"]), str(row.get("number", "")))
