"""The card of a customer as it is sent, and what of it has changed.

What comes in: an account, and the contact as the books have it. What goes out: the body of a
creation or an update. Refused: texts that Sage cannot hold.

An update names only what changed. An address or a person is sent whole, with what the accountant
added to it: whether Sage merges the parts of one is not documented (NV, Sage page, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from consumers.system import Problem, Task
from consumers.systems.sage_accounting.company import Company, once, ref_id
from consumers.systems.sage_accounting.faults import Json
from consumers.systems.sage_accounting.fields import cut, limit, too_long
from consumers.systems.sage_accounting.markers import clean_name, marker, same_name
from schemas.reasons import Reason
from schemas.records import Account, Address
from schemas.statuses import Entity

_ACCOUNT = Entity.ACCOUNT
NAME_MAX = limit(_ACCOUNT, "name")
_LINE_MAX = limit(_ACCOUNT, "main_address.address_line_1")
_COUNTRIES = {
    "": "CA",
    "ca": "CA",
    "can": "CA",
    "canada": "CA",
    "us": "US",
    "usa": "US",
    "united states": "US",
    "états-unis": "US",
    "fr": "FR",
    "france": "FR",
}
_KEPT = (
    *("name", "job_title", "telephone", "mobile", "fax", "email"),
    *("address_line_1", "address_line_2", "city", "region", "postal_code"),
)
# Regions and countries may come back as names, whatever was sent: comparing them would never end.
_NOT_COMPARED = frozenset({"region", "country_id", "address_type_id", "contact_person_type_ids"})


def check(account: Account) -> Iterator[Problem]:
    """Lengths and what must be there (section 5)."""
    name = clean_name(account.name)
    if not name:
        yield Problem(Reason.MISSING_FIELD, "name")
    if re.search(r"[\t\r\n]", name):
        yield Problem(Reason.INVALID_CHARACTERS, "name", name)
    address = account.address
    yield from too_long(
        _ACCOUNT,
        {
            "name": name,
            "email": account.email,
            "phone": account.phone,
            "address.city": address.city,
            "address.province": address.province,
            "address.postal_code": address.postal_code,
        },
    )
    text = ", ".join(line for line in address.lines if line)
    if text and _two_lines(address) is None:
        yield Problem(Reason.TOO_LONG, "address.lines", f"{len(text)} > 2 × {_LINE_MAX}: {text}")
    if account.email and not re.fullmatch(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", account.email):
        yield Problem(Reason.INVALID_FIELD, "email", account.email)


def created(company: Company, task: Task, account: Account, name: str, operation: str) -> Json:
    """The body of a new contact under that name."""
    body: Json = {
        **once(task, operation),
        "name": name,
        "contact_type_ids": ["CUSTOMER"],
        "notes": marker("account", account.id),
        **_parts(company, account),
    }
    if fits(account.number):
        body["reference"] = account.number
    return body


def fits(number: str) -> bool:
    """Whether the account's number can be Sage's own reference of the contact."""
    return 0 < len(number) <= limit(_ACCOUNT, "reference")


def changes(company: Company, account: Account, row: Json) -> Json:
    """What Membri has and the books have otherwise. What Membri has not is left alone."""
    found: Json = {}
    for name, value in _parts(company, account).items():
        held = row.get(name) or {}
        if _holds(held, value):
            continue
        found[name] = {**_kept(held), **value}
        if name == "main_contact_person" and held.get("name"):
            found[name]["name"] = held["name"]  # whom the accountant named
    if not is_named(row, account.name):
        found["name"] = clean_name(account.name)
    return found


def is_named(row: Json, name: str) -> bool:
    """Also when a number tells a namesake apart: « Dupont (2) » is named Dupont."""
    current = str(row.get("name") or "")
    return same_name(current, name) or same_name(re.sub(r" \(\d+\)$", "", current), name)


def _parts(company: Company, account: Account) -> Json:
    """The person and the address, where Membri has any."""
    found: Json = {}
    if account.email or account.phone:
        person = {
            "name": cut(_ACCOUNT, "main_contact_person.name", clean_name(account.name)),
            "email": account.email,
            "telephone": account.phone,
        }
        found["main_contact_person"] = {
            "contact_person_type_ids": [company.connection.contact_person_type],
            **{name: value for name, value in person.items() if value},
        }
    address = _address(account.address)
    if address:
        found["main_address"] = {"address_type_id": company.connection.address_type, **address}
    return found


def _address(given: Address) -> Json:
    """The address without its empty parts; nothing when all are empty."""
    first, second = _two_lines(given) or ("", "")
    made: dict[str, Any] = {
        "address_line_1": first,
        "address_line_2": second,
        "city": given.city,
        "region": _region(given),
        "postal_code": given.postal_code,
    }
    made = {name: value for name, value in made.items() if value}
    country = _country(given)
    return {**made, "country_id": country} if made and country else made


def _country(given: Address) -> str:
    return _COUNTRIES.get(given.country.strip().casefold(), "")


def _region(given: Address) -> str:
    """The province's code with its country's, which Sage knows, else the text (section 5)."""
    province = given.province.strip()
    if _country(given) in ("CA", "US") and re.fullmatch(r"[A-Za-z]{2}", province):
        return f"{_country(given)}-{province.upper()}"
    return province


def _two_lines(given: Address) -> tuple[str, str] | None:
    """The lines as they are where two are enough, else as one text broken between words; None
    when it does not fit."""
    lines = [line.strip() for line in given.lines if line.strip()]
    if len(lines) <= 2 and all(len(line) <= _LINE_MAX for line in lines):
        first, second = (*lines, "", "")[:2]
        return first, second
    text = ", ".join(lines)
    if len(text) <= _LINE_MAX:
        return text, ""
    at = text.rfind(" ", 0, _LINE_MAX + 1)
    first, second = text[:at].rstrip(), text[at:].lstrip()
    return (first, second) if at > 0 and len(second) <= _LINE_MAX else None


def _holds(held: Json, value: Json) -> bool:
    return all(
        held.get(name) == part
        for name, part in value.items()
        if name not in _NOT_COMPARED and not (name == "name" and held.get("name"))
    )


def _kept(held: Json) -> Json:
    """What the books have in a person or an address, as it would be written."""
    kept = {name: held[name] for name in _KEPT if held.get(name)}
    country = ref_id(held, "country")
    return {**kept, "country_id": country} if country else kept
