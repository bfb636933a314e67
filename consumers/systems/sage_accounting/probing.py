"""Is this the right company, and can it take what we send?

What comes in: the company. What goes out: its name and remarks for a person. Raised:
Unavailable(misconfigured) for what would fail every record: no active subscription, a setting that
names nothing in the books.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from consumers.errors import Unavailable
from consumers.system import Health
from consumers.systems.sage_accounting.checks import MEMBRIS, looked_at
from consumers.systems.sage_accounting.company import Company
from consumers.systems.sage_accounting.settings import SHORT
from schemas.reasons import SettingReason, SystemReason
from schemas.sentences import say

_STOPPING = frozenset(
    {SettingReason.NOT_FOUND, SettingReason.WRONG_KIND, SettingReason.NOT_POSTABLE}
)


def examine(company: Company, authorised_until: Callable[[], dt.datetime | None]) -> Health:
    """Raises Unavailable, Transient."""
    subscription = company.lists.subscription(company.client)
    if not subscription.active:
        raise Unavailable(
            SystemReason.MISCONFIGURED,
            say(
                "« {company} » has no active {system} subscription; renew it",
                system=SHORT,
                company=subscription.company,
            ),
        )
    found = list(looked_at(company))
    wrong = [one for one in found if one.reason in _STOPPING and one.value]
    if wrong:
        said = "; ".join(f"{one.setting} = {one.value!r}: {one.detail}" for one in wrong)
        raise Unavailable(SystemReason.MISCONFIGURED, said)
    return Health(subscription.company, authorised_until(), tuple(_remarks(company)))


def _remarks(company: Company) -> Iterator[str]:
    financial = company.lists.financial(company.client)
    if financial.closed_until:
        yield say("the books are closed up to {date}", date=financial.closed_until.isoformat())
    if financial.base_currency != MEMBRIS:
        yield say(
            "the books are in {currency}: records in another currency are refused",
            currency=financial.base_currency,
        )
    if company.limited:
        yield say("this is the limited edition: every line is sent as one amount")
        if company.connection.limited_credit_notes == "by_hand":
            yield say(
                "credit notes are created and must be applied to their invoices by"
                " hand in {system}",
                system=SHORT,
            )
    if not company.accounts.default_income:
        yield say("accounts.default_income is not set: only types with an account of their own go")
    if not company.accounts.deposit:
        yield say("accounts.deposit is not set: no payment can be sent")
