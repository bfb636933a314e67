"""What the company's books look like: profile, calendars, accounts, codes, taxes; read once a day.

What comes in: what the settings name. What goes out: what Sage 300 has under that name. A « no » is
never given from a copy older than half a minute, since somebody may just have corrected the books.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from consumers.systems.sage_300.client import Client
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.odata import entity, equal

DAY_S = 86_400.0
RECHECK_S = 30.0
T = TypeVar("T")

GROUPS = "AR/ARCustomerGroups"
TERMS = "AR/ARTerms"
DISTRIBUTIONS = "AR/ARDistributionCodes"
PAYMENT_CODES = "AR/ARPaymentCodes"
BANKS = "BK/BKBanks"
ACCOUNTS = "GL/GLAccounts"


class Lists:
    """The cached lists of one company, shared by all threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._held: dict[tuple[str, ...], tuple[float, Any]] = {}

    def forget(self) -> None:
        """The next questions read the books again."""
        with self._lock:
            self._held.clear()

    def profile(self, client: Client, max_age_s: float = DAY_S) -> Json:
        """CSCompanyProfile. Raises Unavailable, Transient."""
        return self._cached(("profile",), max_age_s, lambda: client.only("CS/CSCompanyProfile"))

    def calendars(self, client: Client, max_age_s: float = DAY_S) -> list[Json]:
        """CSFiscalCalendars, one for each fiscal year. Raises Unavailable, Transient."""
        return self._cached(("calendars",), max_age_s, lambda: client.rows("CS/CSFiscalCalendars"))

    def tax_group(self, client: Client, key: str, max_age_s: float = DAY_S) -> Json | None:
        """The sales tax group of that key. Raises Unavailable, Transient."""
        path = entity("TX/TXTaxGroups", TaxGroupKey=key, TransactionType="Sales")
        return self._cached(("tax_group", key), max_age_s, lambda: client.read(path))

    def tax_rates(self, client: Client, authority: str, max_age_s: float = DAY_S) -> list[Json]:
        """The sales rates of an authority, one row for each customer class."""
        where = equal(TaxAuthority=authority, TransactionType="Sales")
        return self._cached(
            ("tax_rates", authority), max_age_s, lambda: client.rows("TX/TXTaxRates", where)
        )

    def process_parameters(self, client: Client, resource: str) -> Json:
        """The parameters of a process on this server's version, with their defaults."""
        return self._cached(("template", resource), DAY_S, lambda: client.template(resource))

    def entry(self, client: Client, resource: str, code: str) -> Json | None:
        """The record of that code, active or not; None when there is none."""
        key = ("entry", resource, code)
        path = entity(resource, key=code)
        found = self._cached(key, DAY_S, lambda: client.read(path))
        if found is None or not is_usable(found):
            found = self._cached(key, RECHECK_S, lambda: client.read(path))
        return found

    def _cached(self, key: tuple[str, ...], max_age_s: float, load: Callable[[], T]) -> T:
        with self._lock:
            held = self._held.get(key)
            if held is not None and self._clock() - held[0] < max_age_s:
                found: T = held[1]
                return found
            value = load()
            self._held[key] = (self._clock(), value)
            return value


def is_usable(row: Json) -> bool:
    """Active, and for an account open to postings."""
    return (
        str(row.get("Status", "Active")) in ("Active", "1")
        and str(row.get("PostToAccount", "Detail")) != "Prohibited"
    )
