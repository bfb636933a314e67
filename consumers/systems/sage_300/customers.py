"""Customers: the number is the key, given by Membri; created once, updated where Membri changed.

What comes in: an account. What goes out: the customer. Refused: no number, a number that somebody
else has, an inactive customer. The same number with the same name is ours: there is no field for a
marker, and the number is a key of its own (reference page, section 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consumers.errors import Rejected
from consumers.system import Draft, Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import clean_name, same_name
from consumers.systems.sage_300.company import Company, money
from consumers.systems.sage_300.faults import Fault, Json
from consumers.systems.sage_300.markers import CUSTOMER_MAX, customer_number
from consumers.systems.sage_300.odata import entity, equal
from consumers.systems.sage_300.settings import TITLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account
from schemas.sentences import say
from schemas.statuses import Entity

RESOURCE = "AR/ARCustomers"
_LINES = (1, 2, 3, 4)
_KEPT_AS_CREATED = (
    *("CustomerNumber", "ShortName", "GroupCode", "TaxGroup", "TaxClassCode1", "TaxClassCode2"),
    "CustomerOptionalFieldValues",
)
"""Set once: the group and the taxes of a customer are the accountant's from then on."""


def find(company: Company, lookup: Lookup) -> Found | None:
    """The customer of an account. Raises Rejected(customer_inactive), Unavailable, Transient."""
    number = lookup.remote_id or lookup.reference or lookup.number
    row = read(company, customer_number(number))
    if row is None:
        return None
    mine = same_name(str(row.get("CustomerName", "")), lookup.name) if lookup.name else False
    known = bool(lookup.reference or lookup.remote_id)
    if not _is_active(row) and (mine or known):
        raise _inactive(row, "reference" if known else "number")
    differences = () if mine or known else (_described(row),)
    balance = money(row, "BalanceDueInCustomerCurrency")
    return Found(_ref(row), by_marker=mine, differences=differences, balance=balance)


def check(company: Company, account: Account) -> Iterator[Problem]:
    """A number and a name, lengths, characters of the number, currency."""
    name, number = clean_name(account.name), customer_number(account.number)
    if not name:
        yield Problem(Reason.MISSING_FIELD, "name")
    if not number and not account.reference:
        yield Problem(Reason.MISSING_FIELD, "number", "Sage 300: CustomerNumber")
    if number and not re.fullmatch(r"[A-Z0-9]+", number):
        yield Problem(Reason.INVALID_CHARACTERS, "number", f"{number} (A-Z, 0-9)")
    values = {"name": (name, "CustomerName"), "number": (number, "CustomerNumber")}
    values["email"] = (account.email, "Email")
    values["phone"] = (_digits(account.phone), "PhoneNumber")
    values |= {
        f"address.lines.{n - 1}": (line, f"AddressLine{n}")
        for n, line in zip(_LINES, _lines(account), strict=False)
    }
    place = account.address
    values |= {
        "address.city": (place.city, "City"),
        "address.province": (place.province, "StateProvince"),
        "address.postal_code": (place.postal_code, "ZipPostalCode"),
        "address.country": (place.country, "Country"),
    }
    yield from company.too_long(Entity.ACCOUNT, values)
    yield from company.foreign_currency(account.currency)


def transfer(company: Company, task: Task, account: Account) -> Receipt:
    """Creates or updates the customer. Raises any of consumers.errors."""
    if task.remote_id:
        return _update(company, task, account)
    try:
        row = company.client.create(RESOURCE, body(company, account))
    except Fault as fault:
        holder = _holder(company, account, fault)
        if holder is None:
            raise company.client.failure(fault, writing=True) from fault
        if not _is_active(holder):
            raise _inactive(holder, "number") from fault
        return Receipt(_ref(holder), Action.ADOPTED)
    return Receipt(_ref(row), Action.CREATED)


def draft(company: Company, task: Task, account: Account) -> Draft:
    """One POST, or one PATCH of what differs. Raises Rejected, Unavailable."""
    if not task.remote_id:
        return Draft(((f"POST {RESOURCE}", body(company, account)),))
    changed = changes(body(company, account), _existing(company, task.remote_id))
    return Draft(((f"PATCH {_path(task.remote_id)}", changed),) if changed else ())


def read(company: Company, number: str) -> Json | None:
    """The customer of that number; what cannot be one is not asked for."""
    if not number or len(number) > CUSTOMER_MAX:
        return None
    if re.fullmatch(r"[A-Z0-9]+", number):
        return company.client.read(_path(number))
    # IIS refuses some characters in a path, encoded or not, as if the module were not there.
    rows = company.client.rows(RESOURCE, equal(CustomerNumber=number))
    return rows[0] if rows else None


def usable(company: Company, number: str, currency: str) -> Json:
    """The customer of a document. Raises Rejected when it is gone, inactive or keeps another
    currency: what Sage 300 does then depends on its setup (section 4)."""
    row = _existing(company, number, "account")
    if not _is_active(row):
        raise _inactive(row, "account")
    kept = str(row.get("CurrencyCode") or currency)
    if kept != currency:
        detail = f"{currency} ≠ {kept} (Sage 300, {number})"
        raise Rejected(Reason.CURRENCY_NOT_SUPPORTED, field="currency", detail=detail)
    return row


def body(company: Company, account: Account) -> Json:
    """In the order in which the service must put them: group, taxes, then what overrides them."""
    connection = company.connection
    number, name = customer_number(account.number), clean_name(account.name)
    made: Json = {
        "CustomerNumber": number,
        "CustomerName": name,
        "ShortName": company.limits.cut(Entity.ACCOUNT, "ShortName", name.upper()),
        "GroupCode": connection.customer_group,
        "TaxGroup": connection.tax_group,
        "TaxClassCode1": connection.customer_tax_class,
        "TaxClassCode2": connection.customer_tax_class,
    }
    place = account.address
    optional = {
        **{f"AddressLine{n}": line for n, line in zip(_LINES, _lines(account), strict=False)},
        "City": place.city,
        "StateProvince": place.province,
        "ZipPostalCode": place.postal_code,
        "Country": place.country,
        "PhoneNumber": _digits(account.phone),
        "Email": account.email,
    }
    made |= {key: value for key, value in optional.items() if value}
    if connection.customer_optional_fields:
        made["CustomerOptionalFieldValues"] = [
            {"OptionalField": name.upper(), "Value": value}
            for name, value in connection.customer_optional_fields.items()
        ]
    return made


def changes(wanted: Json, row: Json) -> Json:
    """What Membri has and the books have otherwise. What Membri has not is left alone."""
    return {
        name: value
        for name, value in wanted.items()
        if name not in _KEPT_AS_CREATED and not _holds(name, row.get(name), value)
    }


def _holds(name: str, held: object, value: str) -> bool:
    text = str(held or "")
    # A mask formats the digits of a phone number: what comes back is not what was sent.
    return _digits(text) == value if name == "PhoneNumber" else text.strip() == value.strip()


def _update(company: Company, task: Task, account: Account) -> Receipt:
    row = _existing(company, task.remote_id)
    if not _is_active(row):
        raise _inactive(row, "reference")
    changed = changes(body(company, account), row)
    if not changed:
        return Receipt(_ref(row), Action.CONFIRMED)
    try:
        company.client.change(_path(task.remote_id), changed)
    except Fault as fault:
        raise company.client.failure(fault, writing=True) from fault
    return Receipt(_ref(row), Action.UPDATED)


def _holder(company: Company, account: Account, fault: Fault) -> Json | None:
    """Who has the number already: None when the refusal is of another kind. Raises
    Rejected(duplicate_number) when it is not the same customer."""
    if fault.code != "RecordDuplicate" and "already exists" not in fault.text.casefold():
        return None
    row = read(company, customer_number(account.number))
    if row is None or same_name(str(row.get("CustomerName", "")), account.name):
        return row
    detail = f"{_described(row)}; {fault.words}"
    raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)


def _existing(company: Company, number: str, field: str = "reference") -> Json:
    row = read(company, number)
    if row is None:
        detail = say("{system} customer {number} does not exist", system=TITLE, number=number)
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    return row


def _inactive(row: Json, field: str) -> Rejected:
    return Rejected(Reason.CUSTOMER_INACTIVE, field=field, detail=_described(row))


def _is_active(row: Json) -> bool:
    return str(row.get("Status", "Active")) in ("Active", "1")


def _described(row: Json) -> str:
    told = say(
        "{system} customer {number} « {name} »",
        system=TITLE,
        number=row.get("CustomerNumber"),
        name=row.get("CustomerName"),
    )
    return told if _is_active(row) else say("{named}: inactive", named=told)


def _lines(account: Account) -> list[str]:
    """Four lines; those beyond share the fourth."""
    given = [line for line in account.address.lines if line]
    kept, beyond = given[: len(_LINES) - 1], given[len(_LINES) - 1 :]
    return [*kept, ", ".join(beyond)] if beyond else kept


def _digits(phone: str) -> str:
    """The service masks phone numbers by itself: digits are what it takes."""
    return re.sub(r"\D", "", phone)


def _path(number: str) -> str:
    return entity(RESOURCE, CustomerNumber=number)


def _ref(row: Json) -> RemoteRef:
    number = str(row["CustomerNumber"])
    return RemoteRef(number, number)
