"""The kinds of values that properties have, and those that many entities share.

Lengths: Intuit's Finance.xsd and entity pages, as cited in the project's reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """The kind of a value. `limit` is a length in characters, 0 for none."""

    name: str
    limit: int = 0
    choices: tuple[str, ...] = ()
    fields: Mapping[str, Kind] = field(default_factory=dict)
    item: Kind | None = None


MONEY = Kind("money")
NUMBER = Kind("number")
WHOLE = Kind("whole")
BOOL = Kind("bool")
DATE = Kind("date")
ANY = Kind("any")


def text(limit: int = 0) -> Kind:
    return Kind("text", limit)


def one_of(*choices: str) -> Kind:
    return Kind("choice", choices=choices)


def record(**fields: Kind) -> Kind:
    return Kind("record", fields=fields)


def many(item: Kind) -> Kind:
    return Kind("many", item=item)


REF = Kind("ref", fields={"value": text(), "name": text(), "type": text()})
EMAIL = record(Address=Kind("email", 100))
PHONE = record(FreeFormNumber=text(30))
ADDRESS = record(
    Id=text(),
    **{f"Line{n}": text(500) for n in range(1, 6)},
    City=text(255),
    Country=text(255),
    CountryCode=text(255),
    CountrySubDivisionCode=text(255),
    PostalCode=text(30),
    PostalCodeSuffix=text(),
    Lat=text(),
    Long=text(),
    Note=text(),
    Tag=text(),
)
CUSTOM_FIELDS = many(
    record(DefinitionId=text(), Name=text(), Type=text(), StringValue=text(31), BooleanValue=BOOL)
)
LINKS = many(record(TxnId=text(), TxnType=text(), TxnLineId=text()))
META = record(
    CreateTime=text(), LastUpdatedTime=text(), LastChangedInQB=text(), LastModifiedByRef=REF
)

BASE: dict[str, Kind] = {
    "Id": text(),
    "SyncToken": text(),
    "MetaData": META,
    "domain": text(),
    "sparse": BOOL,
    "status": text(),
}
