"""What the company's books look like: posting dates, accounts, taxes, terms; read once a day.

What comes in: what the settings name. What goes out: what Business Central has under that code or
id. A « no » is never given from a copy older than half a minute, since somebody may just have
corrected the books.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from consumers.errors import Unavailable
from consumers.systems._lists import DAY_S, RECHECK_S, KeptLists
from consumers.systems.business_central.client import Client, quoted
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.keys import code, is_guid, plain_enum
from schemas.reasons import SystemReason

ShortList = Literal[
    "countriesRegions", "currencies", "paymentMethods", "paymentTerms", "taxAreas", "taxGroups"
]
_NO_DATE = "0001-01-01"


@dataclass(frozen=True)
class LedgerSetup:
    """General Ledger Setup. `posting_from` and `posting_to`: None for no limit. `currency`: the
    company's own, ISO code."""

    posting_from: dt.date | None
    posting_to: dt.date | None
    currency: str

    @classmethod
    def read(cls, row: Json) -> LedgerSetup:
        return cls(
            posting_from=date_of(row, "allowPostingFrom"),
            posting_to=date_of(row, "allowPostingTo"),
            currency=str(row.get("localCurrencyCode") or "CAD"),
        )


def postable(account: Json) -> bool:
    """Whether lines may name that account: of type Posting, direct posting, not blocked (page,
    section 4)."""
    posting = plain_enum(account.get("accountType") or "Posting") == "Posting"
    return posting and bool(account.get("directPosting", True)) and not account.get("blocked")


def date_of(row: Json, name: str) -> dt.date | None:
    """A date that Business Central sent; None for its « no date », 0001-01-01."""
    text = str(row.get(name) or _NO_DATE)[:10]
    return None if text == _NO_DATE else dt.date.fromisoformat(text)


class Lists(KeptLists):
    """The cached lists of one company, shared by all threads."""

    def setup(self, client: Client, max_age_s: float = DAY_S) -> LedgerSetup:
        """Raises Unavailable, Transient."""
        return self._cached(client, ("generalLedgerSetup",), max_age_s, lambda: _setup(client))

    def account(self, client: Client, value: str) -> Json | None:
        """The G/L account of that number or id. Raises Unavailable, Transient."""
        key = ("accounts", code(value))
        found = self._cached(client, key, DAY_S, lambda: _account(client, value))
        if found is not None and postable(found):
            return found
        return self._cached(client, key, RECHECK_S, lambda: _account(client, value))

    def entry(self, client: Client, resource: ShortList, value: str) -> Json | None:
        """The entry of a short list by its code, id or name. Raises Unavailable, Transient."""
        for max_age_s in (DAY_S, RECHECK_S):
            rows = self.rows(client, resource, max_age_s)
            for field in ("code", "id", "displayName"):
                for row in rows:
                    if str(row.get(field) or "").casefold() == value.strip().casefold():
                        return row
        return None

    def rows(self, client: Client, resource: ShortList, max_age_s: float = DAY_S) -> list[Json]:
        """The whole of a short list. Raises Unavailable, Transient."""
        return self._cached(client, (resource,), max_age_s, lambda: client.select(resource))


def _setup(client: Client) -> LedgerSetup:
    rows = client.select("generalLedgerSetup")
    if not rows:
        raise Unavailable(SystemReason.MISCONFIGURED, "Business Central: no General Ledger Setup")
    return LedgerSetup.read(rows[0])


def _account(client: Client, value: str) -> Json | None:
    if is_guid(value):
        return client.by_id("accounts", value)
    rows = client.select("accounts", f"number eq {quoted(code(value))}")
    return rows[0] if rows else None
