"""Customers: contacts of the kind CUSTOMER, found by name, created once, updated where Membri has
changed.

What comes in: an account. What goes out: the contact. Refused: a name or a reference that somebody
else has, several contacts of the typed name, a contact that is inactive or made anonymous.

Sage takes two contacts of one name (its page, section 5), and its search is not exact: names are
compared here, and nobody else creates a contact between the look and the creation. A customer that
we create carries our marker in its notes. Suppliers are other contacts and never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems.sage_accounting import contacts
from consumers.systems.sage_accounting.client import Client
from consumers.systems.sage_accounting.company import Company
from consumers.systems.sage_accounting.faults import TAKEN, Fault, Json, failure
from consumers.systems.sage_accounting.markers import clean_name, marked, owner, same_name
from consumers.systems.sage_accounting.settings import SHORT
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account
from schemas.sentences import say

_SUFFIX_MAX = 99
_ATTRIBUTES = "name,reference,notes,is_active,gdpr_obfuscated,contact_types"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The customer of an account. Raises Rejected (customer_inactive, ambiguous), Unavailable,
    Transient."""
    client = company.client
    row = client.read("contacts", lookup.remote_id) if lookup.remote_id else None
    if row is None and lookup.reference:
        row = _by_reference(client, lookup)
    if row is not None or lookup.reference:
        return _found(row, lookup) if row is not None else None
    return _find_by_name(company, lookup)


def _by_reference(client: Client, lookup: Lookup) -> Json | None:
    """What a person typed: a name, or the contact's reference in Sage. Also ours under the name
    that Membri has now: we renamed it and were killed before Membri learned of it."""
    rows = _searched(client, lookup.reference)
    named = [row for row in rows if same_name(str(row.get("name") or ""), lookup.reference)]
    held = named or [row for row in rows if row.get("reference") == lookup.reference.strip()]
    if not held and lookup.name:
        held = [row for row in named_rows(client, lookup.name) if _mine(row, lookup.record_id)]
    if len(held) > 1:
        held = [row for row in held if _mine(row, lookup.record_id)] or held
    if len(held) > 1:
        detail = "; ".join(described(row) for row in held)
        raise Rejected(Reason.AMBIGUOUS, field="reference", detail=detail)
    return held[0] if held else None


def _find_by_name(company: Company, lookup: Lookup) -> Found | None:
    namesakes: list[Json] = []
    for name in _names(company, lookup.name):
        rows = named_rows(company.client, name)
        if not rows:
            break
        for row in rows:
            if _mine(row, lookup.record_id):
                return _found(row, lookup)
        namesakes += rows
    if not namesakes or _appends(company):
        return None  # a namesake is not the record, and a number will tell them apart
    told = tuple(described(row) for row in namesakes)
    return Found(_ref(namesakes[0]), differences=told)


def _found(row: Json, lookup: Lookup) -> Found:
    check_usable(row)
    return Found(_ref(row), by_marker=_mine(row, lookup.record_id))


def check_usable(row: Json) -> None:
    """Raises Rejected(customer_inactive); one made anonymous must not be used either."""
    if not row.get("is_active", True) or row.get("gdpr_obfuscated", False):
        raise Rejected(Reason.CUSTOMER_INACTIVE, field="reference", detail=described(row))


def transfer(company: Company, task: Task, account: Account) -> Receipt:
    """Creates or updates the contact. Raises any of consumers.errors."""
    if task.remote_id:
        return _update(company, task, account)
    with company.client.alone():  # nobody else takes the name between the look and the creation
        name, number = free_name(company, account)
        body = contacts.created(company, task, account, name, operation_of(number))
        try:
            row = company.client.create("contacts", body)
        except Fault as fault:
            held = _holder(company.client, fault, account, name)
            if held is None:
                raise failure(fault, writing=True) from fault
            if not _mine(held, account.id):
                raise _taken(fault, held, account, name) from fault
            # Ours, under the name that Membri had when the answer to its creation was lost.
            known = _update(company, replace(task, remote_id=str(held["id"])), account)
            return Receipt(known.ref, Action.ADOPTED)
    return Receipt(_ref(row), Action.CREATED)


def operation_of(number: int) -> str:
    """What a creation under the `number`-th name is called in its idempotency id."""
    return "create" if number == 1 else f"create{number}"


def free_name(company: Company, account: Account) -> tuple[str, int]:
    """The name to create, and how many were tried. Raises Rejected(duplicate_name)."""
    rows: list[Json] = []
    for number, name in enumerate(_names(company, account.name), 1):
        rows = [r for r in named_rows(company.client, name) if not _mine(r, account.id)]
        if not rows:
            return name, number
    raise Rejected(
        Reason.DUPLICATE_NAME, field="name", detail="; ".join(described(row) for row in rows)
    )


def _holder(client: Client, fault: Fault, account: Account, name: str) -> Json | None:
    """Who has the reference, or the name, that Sage says is taken; None for another refusal."""
    if fault.status != 422 or not fault.says(TAKEN):
        return None
    wanted = account.number
    for row in _searched(client, wanted) if contacts.fits(wanted) else []:
        if str(row.get("reference") or "").casefold() == wanted.casefold():
            return row
    rows = named_rows(client, name)
    return rows[0] if rows else None


def _taken(fault: Fault, held: Json, account: Account, name: str) -> Rejected:
    by_name = same_name(str(held.get("name") or ""), name)
    by_reference = str(held.get("reference") or "").casefold() == account.number.casefold()
    reason = Reason.DUPLICATE_NUMBER if by_reference and account.number else Reason.DUPLICATE_NAME
    if by_name and not any("reference" in entry.source for entry in fault.entries):
        reason = Reason.DUPLICATE_NAME
    field = "number" if reason is Reason.DUPLICATE_NUMBER else "name"
    return Rejected(reason, field=field, detail=f"{described(held)}; {fault.words}")


def _update(company: Company, task: Task, account: Account) -> Receipt:
    client = company.client
    row = client.read("contacts", task.remote_id)
    if row is None:
        detail = say("{system} customer Id {id} does not exist", system=SHORT, id=task.remote_id)
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="reference", detail=detail)
    check_usable(row)
    changed = contacts.changes(company, account, row)
    if not changed:
        return Receipt(_ref(row), Action.CONFIRMED)
    with client.alone():
        if "name" in changed:
            _check_rename(company, changed["name"], task.remote_id)
        try:
            after = client.change("contacts", task.remote_id, changed)
        except Fault as fault:
            raise failure(fault, writing=True) from fault
    return Receipt(_ref(after), Action.UPDATED)


def _check_rename(company: Company, name: str, remote_id: str) -> None:
    others = [row for row in named_rows(company.client, name) if row["id"] != remote_id]
    if others:
        detail = "; ".join(described(row) for row in others)
        raise Rejected(Reason.DUPLICATE_NAME, field="name", detail=detail)


def _names(company: Company, name: str) -> Iterator[str]:
    """The names to try, in order."""
    base = clean_name(name)
    yield base
    if _appends(company):
        for number in range(2, _SUFFIX_MAX + 1):
            suffix = f" ({number})"
            yield base[: contacts.NAME_MAX - len(suffix)] + suffix


def _appends(company: Company) -> bool:
    return company.settings.duplicate_names == "append_number"


def named_rows(client: Client, name: str) -> list[Json]:
    """Every customer of that name, inactive ones too."""
    return [row for row in _searched(client, name) if same_name(str(row.get("name") or ""), name)]


def _searched(client: Client, text: str) -> Sequence[Json]:
    """Customers that a search by `text` gives, all pages; more than asked for (section 5)."""
    words = re.sub(r"\s+", " ", clean_name(text))
    if not words:
        return []
    return client.rows(
        "contacts",
        _ATTRIBUTES,
        contact_type_id="CUSTOMER",
        exclude_system="true",
        search=words,
    )


def _mine(row: Json, record_id: str) -> bool:
    return marked(row, "account", record_id)


def described(row: Json) -> str:
    """A contact in words: its name, number, and whose it is."""
    anonymous = bool(row.get("gdpr_obfuscated", False))
    facts = [f"Id {row.get('id')}"]
    if row.get("reference"):
        facts.append(say("reference {reference}", reference=row["reference"]))
    if anonymous:
        facts.append(say("made anonymous"))
    elif not row.get("is_active", True):
        facts.append(say("inactive"))
    if mine := owner(row, "account"):
        facts.append(say("Membri account {id}", id=mine))
    told = say("{system} customer « {name} »", system=SHORT, name=row.get("name"))
    return f"{told} ({', '.join(facts)})"


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["id"]), str(row.get("name") or ""))
