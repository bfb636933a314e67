"""Customers: found by DisplayName, created once, updated where Membri has changed.

What comes in: an account. What goes out: the customer. Refused: a name that QuickBooks cannot hold
or that somebody else has (customers, vendors and employees share one name space, inactive ones
too), an inactive customer.

A customer that we create carries our marker in its notes: after a lost reply it is told apart from
a namesake that somebody else made. A linked customer (typed reference) gets no marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consumers.errors import Rejected, Transient
from consumers.system import Draft, Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import clean_name, same_name
from consumers.systems._replays import TakenAway
from consumers.systems.quickbooks_online.client import Client, Kind, quoted
from consumers.systems.quickbooks_online.company import (
    Company,
    address,
    address_values,
    money,
    request_id,
)
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.fields import NAME_MAX, too_long
from consumers.systems.quickbooks_online.markers import marked, marker, owner
from consumers.systems.quickbooks_online.settings import SHORT
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account
from schemas.sentences import say

_NAME_TAKEN = (6240, 630)
_STALE = 5010
_TRIES = 3
_SUFFIX_MAX = 99
_NAMED: tuple[Kind, ...] = ("Customer", "Vendor", "Employee")


def find(company: Company, lookup: Lookup) -> Found | None:
    """The customer of an account. Raises Rejected(customer_inactive), Unavailable, Transient."""
    row = _by_id(company.client, lookup.remote_id) if lookup.remote_id else None
    if row is None and lookup.reference:
        row = named(company.client, "Customer", lookup.reference) or _renamed(company, lookup)
    if row is not None or lookup.reference:
        return _found(row, lookup) if row is not None else None
    return _find_by_name(company, lookup)


def _renamed(company: Company, lookup: Lookup) -> Json | None:
    """Ours, under the name that Membri has now: we renamed it and were killed before Membri learned
    of it, so that its reference still says the name before."""
    row = named(company.client, "Customer", lookup.name) if lookup.name else None
    return row if row is not None and marked(row, "account", lookup.record_id) else None


def _find_by_name(company: Company, lookup: Lookup) -> Found | None:
    namesake: Json | None = None
    for name in _names(company, lookup.name):
        row = named(company.client, "Customer", name)
        if row is None:
            break
        if marked(row, "account", lookup.record_id):
            return _found(row, lookup)
        namesake = namesake or row
    if namesake is None or _appends(company):
        return None  # a namesake is not the record, and a suffix will tell them apart
    return Found(_ref(namesake), differences=(_described("Customer", namesake),))


def _found(row: Json, lookup: Lookup) -> Found:
    _active(row)
    mine = marked(row, "account", lookup.record_id)
    return Found(_ref(row), by_marker=mine, balance=money(row, "Balance"))


def check(_: Company, account: Account) -> Iterator[Problem]:
    """Lengths and characters (entity pages: 2040, 2050, 6080)."""
    name = clean_name(account.name)
    if not name:
        yield Problem(Reason.MISSING_FIELD, "name")
    if re.search(r"[:\t\r\n]", name):
        yield Problem(Reason.INVALID_CHARACTERS, "name", name)
    values = {"name": name, "email": account.email, "phone": account.phone}
    yield from too_long(account.entity, {**values, **address_values("address", account.address)})
    if account.email and not re.fullmatch(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", account.email):
        yield Problem(Reason.INVALID_FIELD, "email", account.email)


def transfer(company: Company, task: Task, account: Account) -> Receipt:
    """Creates or updates the customer. Raises any of consumers.errors."""
    if task.remote_id:
        return _update(company, task, account)
    for number, name in enumerate(_names(company, account.name), 1):
        body = _creation(company, account, name)
        operation = "create" if number == 1 else f"create{number}"
        try:
            row = company.client.create("Customer", body, request_id(task, operation))
        except Fault as fault:
            if fault.code not in _NAME_TAKEN:
                raise failure(fault, writing=True) from fault
            holder = _adopted(company.client, fault, name, account)
            if holder is None:
                continue
            return Receipt(_ref(holder), Action.ADOPTED)
        except TakenAway as gone:
            _active(_by_id(company.client, str(gone.told["Id"])) or {})
            raise
        return Receipt(_ref(row), Action.CREATED)
    raise _name_taken(company.client, clean_name(account.name), "")


def _adopted(client: Client, fault: Fault, name: str, account: Account) -> Json | None:
    """The holder of a taken name if it is ours."""
    holder = named(client, "Customer", name) or _hinted(client, fault)
    return holder if holder is not None and marked(holder, "account", account.id) else None


def _hinted(client: Client, fault: Fault) -> Json | None:
    """Some refusals name the holder's Id; a hint, read before it is believed."""
    hint = re.search(r"\bId=(\d+)", fault.detail)
    return _by_id(client, hint.group(1)) if hint else None


def draft(company: Company, task: Task, account: Account) -> Draft:
    """What `transfer` would send: nothing when an update changes nothing.

    Raises Rejected for a name that somebody has, a customer that is gone or inactive.
    """
    if task.remote_id:
        row = _current(company, task.remote_id)
        body = _revision(company, account, row)
        return Draft(((company.posting("Customer"), body),) if body else ())
    for name in _names(company, account.name):
        if _holder(company.client, name) is None:
            return Draft(((company.posting("Customer"), _creation(company, account, name)),))
    raise _name_taken(company.client, clean_name(account.name), "")


def _update(company: Company, task: Task, account: Account) -> Receipt:
    for _ in range(_TRIES):
        row = _current(company, task.remote_id)
        body = _revision(company, account, row)
        if body is None:
            return Receipt(_ref(row), Action.CONFIRMED)
        try:
            changed = company.client.change(
                "Customer", body, request_id(task, f"u{body['SyncToken']}")
            )
        except Fault as fault:
            if fault.code in _NAME_TAKEN:
                raise _name_taken(company.client, body["DisplayName"], fault.words) from fault
            if fault.code != _STALE:
                raise failure(fault, writing=True) from fault
            continue  # the accountant was faster: read again, apply again
        return Receipt(_ref(changed), Action.UPDATED)
    raise Transient(
        say("{system} customer Id {id} keeps changing (5010)", system=SHORT, id=task.remote_id)
    )


def _current(company: Company, remote_id: str) -> Json:
    """The customer as it is now. Raises Rejected when it is gone or inactive."""
    row = _by_id(company.client, remote_id)
    if row is None:
        detail = say("{system} customer Id {id} does not exist", system=SHORT, id=remote_id)
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="reference", detail=detail)
    return _active(row)


def _active(row: Json) -> Json:
    """The same. Raises Rejected(customer_inactive)."""
    if row.get("Active", True):
        return row
    raise Rejected(Reason.CUSTOMER_INACTIVE, field="reference", detail=_described("Customer", row))


def _revision(company: Company, account: Account, row: Json) -> Json | None:
    """The update of a customer as just read; None when there is nothing to change."""
    changes = _changes(_body(company, account), row, account)
    if not changes:
        return None
    token = str(row["SyncToken"])
    return {"Id": row["Id"], "SyncToken": token, "sparse": True, **changes}


def _creation(company: Company, account: Account, name: str) -> Json:
    notes = marker("account", account.id)
    return {**_body(company, account), "DisplayName": name, "Notes": notes}


def _body(company: Company, account: Account) -> Json:
    body: Json = {
        "DisplayName": clean_name(account.name),
        "PrimaryEmailAddr": {"Address": account.email} if account.email else None,
        "PrimaryPhone": {"FreeFormNumber": account.phone} if account.phone else None,
        "BillAddr": address(account.address) or None,
        **company.currency(account.currency),
    }
    return {name: value for name, value in body.items() if value is not None}


def _changes(wanted: Json, row: Json, account: Account) -> Json:
    """What Membri has and the books have otherwise. What Membri has not is left alone."""
    changes = {
        name: value
        for name, value in wanted.items()
        if name not in ("DisplayName", "CurrencyRef") and not _holds(row.get(name) or {}, value)
    }
    if not _is_named(row, account.name):
        changes["DisplayName"] = wanted["DisplayName"]
    return changes


def _holds(held: Json, value: Json) -> bool:
    # Countries come back as ISO codes, whatever was sent: comparing them would never end.
    return all(held.get(name) == part for name, part in value.items() if name != "Country")


def _is_named(row: Json, name: str) -> bool:
    """Also when we told a namesake apart with a number: « Dupont (2) » is named Dupont."""
    current = str(row.get("DisplayName", ""))
    return same_name(current, name) or same_name(re.sub(r" \(\d+\)$", "", current), name)


def _names(company: Company, name: str) -> Iterator[str]:
    """The names to try, in order."""
    base = clean_name(name)
    yield base
    if _appends(company):
        for number in range(2, _SUFFIX_MAX + 1):
            suffix = f" ({number})"
            yield base[: NAME_MAX - len(suffix)] + suffix


def _appends(company: Company) -> bool:
    return company.settings.duplicate_names == "append_number"


def _by_id(client: Client, remote_id: str) -> Json | None:
    """The customer of that Id, active or not: a plain read answers 610 to an inactive one."""
    row = client.read("Customer", remote_id)
    if row is not None:
        return row
    rows = client.select("Customer", f"Id = {quoted(remote_id)} AND Active IN (true, false)")
    return rows[0] if rows else None


def named(client: Client, kind: Kind, name: str) -> Json | None:
    """The customer, vendor or employee of that name, inactive ones included.

    Compared here as well: whether `=` minds the case is not documented.
    """
    exact = f"DisplayName = {quoted(clean_name(name))}"
    for row in client.select(kind, f"{exact} AND Active IN (true, false)"):
        if same_name(str(row.get("DisplayName", "")), name):
            return row
    return None


def _holder(client: Client, name: str) -> tuple[Kind, Json] | None:
    """Who has that name: customers, vendors and employees share one name space."""
    for kind in _NAMED:
        row = named(client, kind, name)
        if row is not None:
            return kind, row
    return None


def _name_taken(client: Client, name: str, words: str) -> Rejected:
    held = _holder(client, name)
    detail = "; ".join(part for part in (_described(*held) if held else "", words) if part)
    return Rejected(Reason.DUPLICATE_NAME, field="name", detail=detail or name)


def _described(kind: str, row: Json) -> str:
    facts = [f"Id {row.get('Id')}"]
    if not row.get("Active", True):
        facts.append(say("inactive"))
    if mine := owner(row, "account"):
        facts.append(say("Membri account {id}", id=mine))
    name = row.get("DisplayName")
    return f"{_kind_and_name(kind, name)} ({', '.join(facts)})"


def _kind_and_name(kind: str, name: object) -> str:
    """Names of customers, suppliers and employees are one list in QuickBooks."""
    match kind:
        case "Vendor":
            return say("{system} vendor « {name} »", system=SHORT, name=name)
        case "Employee":
            return say("{system} employee « {name} »", system=SHORT, name=name)
        case _:
            return say("{system} customer « {name} »", system=SHORT, name=name)


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["Id"]), str(row.get("DisplayName", "")))
