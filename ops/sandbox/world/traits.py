"""What differs from one accounting system to the next, as far as a world can see it.

In: a system's name. Out: its `Traits`: how customers are found, what it refuses, and where a record
leaves its mark. The facts come from the reference page of each system; nothing here is shared with
the programs under test.
"""

from __future__ import annotations

import hashlib
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ops.sandbox.world.names import SLUGS

NAMESPACE = uuid.UUID("6f7c2f0e-55b0-4e7e-9a35-0b7d6b6d2c11")


@dataclass(frozen=True)
class Traits:
    """`name_max`, `number_max`: characters of a customer's name and of a document's number.
    `suppliers_share_names`: a supplier's name is taken for customers. `colon_in_names`: whether
    a name may hold one. `computes_taxes`: a cent more in Membri is a mismatch. `compact_marks`:
    ids stand in notes without their dashes. `companies`: the key of each chapter's company."""

    system: str
    key: Literal["name", "number"]
    name_max: int
    number_max: int
    companies: Mapping[str, str]
    suppliers_share_names: bool = False
    colon_in_names: bool = True
    computes_taxes: bool = True
    compact_marks: bool = False

    def folded(self, key: str) -> str:
        """What the system holds for the same key."""
        return unicodedata.normalize("NFC", key).strip().casefold()

    def mark(self, what: str, record_id: str) -> str:
        """What a record's note says: `membri:invoice:…`."""
        return f"membri:{what}:{compact(record_id) if self.compact_marks else record_id}"


def compact(record_id: str) -> str:
    """A record's id where room is short."""
    return record_id.replace("-", "")


def short_number(prefix: str, record_id: str) -> str:
    """The number that stands for a record where its own is not unique: `MP-` and 12 digits for a
    payment."""
    return f"{prefix}-{hashlib.blake2b(record_id.encode(), digest_size=6).hexdigest()}"


def recognised(what: str, record_ids: Iterable[str]) -> dict[str, str]:
    """Everything that may stand for one of these records, folded → its id."""
    known: dict[str, str] = {}
    for one in record_ids:
        for mark in (
            f"membri:{what}:{one}",
            f"membri:{what}:{compact(one)}",
            short_number("MP", one),
        ):
            known[mark.casefold()] = one
    return known


def _guid(system: str, slug: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{system}/{slug}"))


TRAITS: Mapping[str, Traits] = {
    one.system: one
    for one in (
        Traits(
            # quickbooks-online.md, sections 6.1 and 6.3
            system="quickbooks_online",
            key="name",
            name_max=500,
            number_max=21,
            companies={slug: f"913034759684200{n}" for n, slug in enumerate(SLUGS, 1)},
            suppliers_share_names=True,
            colon_in_names=False,
        ),
        Traits(
            # business-central.md, sections 3, 4 and 9
            system="business_central",
            key="number",
            name_max=100,
            number_max=35,
            companies={slug: _guid("business_central", slug) for slug in SLUGS},
            compact_marks=True,
        ),
        Traits(
            # sage-300.md, sections 4, 5 and 9
            system="sage_300",
            key="number",
            name_max=60,
            number_max=22,
            companies={slug: f"{slug[:3].upper()}DAT" for slug in SLUGS},
            compact_marks=True,
        ),
        Traits(
            # sage-accounting.md, sections 5, 6 and 9; Membri's own taxes are sent
            system="sage_accounting",
            key="name",
            name_max=100,
            number_max=25,
            computes_taxes=False,
            companies={slug: compact(_guid("sage_accounting", slug)) for slug in SLUGS},
        ),
    )
}


def traits_of(system: str) -> Traits:
    """Raises ValueError, naming those that there are, on another system."""
    if system not in TRAITS:
        raise ValueError(f"no simulated {system!r}; there are: {', '.join(TRAITS)}")
    return TRAITS[system]
