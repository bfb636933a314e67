"""What the company's books look like: profile, calendars, accounts, codes, taxes; read once a day.

What comes in: what the settings name. What goes out: what Sage 300 has under that name. A « no » is
never given from a copy older than half a minute, since somebody may just have corrected the books.
"""

from __future__ import annotations

from consumers.systems._lists import DAY_S, RECHECK_S, KeptLists
from consumers.systems.sage_300.client import Client
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.odata import entity, equal

GROUPS = "AR/ARCustomerGroups"
TERMS = "AR/ARTerms"
DISTRIBUTIONS = "AR/ARDistributionCodes"
PAYMENT_CODES = "AR/ARPaymentCodes"
BANKS = "BK/BKBanks"
ACCOUNTS = "GL/GLAccounts"


class Lists(KeptLists):
    """The cached lists of one company, shared by all threads."""

    def profile(self, client: Client, max_age_s: float = DAY_S) -> Json:
        """CSCompanyProfile. Raises Unavailable, Transient."""
        return self._cached(
            client, ("profile",), max_age_s, lambda: client.only("CS/CSCompanyProfile")
        )

    def calendars(self, client: Client, max_age_s: float = DAY_S) -> list[Json]:
        """CSFiscalCalendars, one for each fiscal year. Raises Unavailable, Transient."""
        return self._cached(
            client, ("calendars",), max_age_s, lambda: client.rows("CS/CSFiscalCalendars")
        )

    def tax_group(self, client: Client, key: str, max_age_s: float = DAY_S) -> Json | None:
        """The sales tax group of that key. Raises Unavailable, Transient."""
        path = entity("TX/TXTaxGroups", TaxGroupKey=key, TransactionType="Sales")
        return self._cached(client, ("tax_group", key), max_age_s, lambda: client.read(path))

    def tax_rates(self, client: Client, authority: str, max_age_s: float = DAY_S) -> list[Json]:
        """The sales rates of an authority, one row for each customer class."""
        where = equal(TaxAuthority=authority, TransactionType="Sales")
        return self._cached(
            client, ("tax_rates", authority), max_age_s, lambda: client.rows("TX/TXTaxRates", where)
        )

    def process_parameters(self, client: Client, resource: str) -> Json:
        """The parameters of a process on this server's version, with their defaults."""
        return self._cached(
            client, ("template", resource), DAY_S, lambda: client.template(resource)
        )

    def entry(self, client: Client, resource: str, code: str) -> Json | None:
        """The record of that code, active or not; None when there is none."""
        key = ("entry", resource, code)
        path = entity(resource, key=code)
        found = self._cached(client, key, DAY_S, lambda: client.read(path))
        if found is None or not is_usable(found):
            found = self._cached(client, key, RECHECK_S, lambda: client.read(path))
        return found


def is_usable(row: Json) -> bool:
    """Active, and for an account open to postings."""
    return (
        str(row.get("Status", "Active")) in ("Active", "1")
        and str(row.get("PostToAccount", "Detail")) != "Prohibited"
    )
