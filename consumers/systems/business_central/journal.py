"""Journal entries: one period of a deferred revenue, from the deferred account to the revenue's.

What comes in: a journal entry of Membri. What goes out: one line with its counter account, in the
ledger on its own date. Refused: accounts that the settings do not name, a date outside the allowed
posting dates.

Explicit entries are the only way through the API: no line has a deferral code (page, section 7).
Each entry has its own batch and document number, hence balances alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Problem, Receipt, Task
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.business_central import posting
from consumers.systems.business_central.batches import ENTRIES, Wanted
from consumers.systems.business_central.company import Company, without_empty
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.fields import LIMITS
from consumers.systems.business_central.keys import batch_code, code, entry_number
from consumers.systems.business_central.posting import Journalled
from schemas.reasons import Reason
from schemas.records import JournalEntry
from schemas.sentences import say

_NUMBER_MAX = LIMITS["journalLines.externalDocumentNumber"]
_DESCRIPTION_MAX = LIMITS["journalLines.description"]
_NAME_MAX = LIMITS["journals.displayName"]


def find(company: Company, lookup: Lookup) -> Found | None:
    """The entry, by its document number. Raises Unavailable, Transient."""
    own = entry_number(lookup.record_id)
    record = lookup.record
    if not isinstance(record, JournalEntry):
        return posting.find(company, lookup, own, "", None, None)
    made = partial(journalled, company, record)
    return posting.find(company, lookup, own, "", record.amount, made)


def check(company: Company, entry: JournalEntry) -> Iterator[Problem]:
    """Posting dates, currency, amount and accounts."""
    yield from company.posting_dates(entry.date)
    yield from company.only_home_currency(entry.currency)
    yield from not_positive(entry)
    yield from refused_by(lambda: journalled(company, entry))


def transfer(company: Company, task: Task, entry: JournalEntry) -> Receipt:
    """Posts the entry. Raises any of consumers.errors."""
    record = journalled(company, entry)
    action = posting.carry_out(company, task, record, lambda: None)
    return Receipt(record.ref, action)


def journalled(company: Company, entry: JournalEntry) -> Journalled:
    """The entry as a journal line. Raises Rejected(unknown_account), Unavailable, Transient."""
    number = entry_number(entry.id)
    batch: Json = {
        "code": batch_code(entry.id),
        "displayName": f"Membri {entry.invoice.number}".strip()[:_NAME_MAX],
        "templateDisplayName": code(company.connection.journal_template),
    }
    deferred, earned = _accounts(company)
    text = entry.description or f"{entry.invoice.number} {entry.period}/{entry.periods}".strip()
    line: Json = {
        "accountType": company.connection.enum("G/L Account"),
        "accountNumber": deferred,
        "postingDate": entry.date.isoformat(),
        "documentNumber": number,
        "externalDocumentNumber": code(entry.invoice.number)[:_NUMBER_MAX],
        "amount": entry.amount,
        "balanceAccountType": company.connection.enum("G/L Account"),
        "balancingAccountNumber": earned,
        "description": text[:_DESCRIPTION_MAX],
    }
    wanted = Wanted(ENTRIES, without_empty(batch), number, (without_empty(line),))
    return Journalled(wanted, "", entry.date, entry.amount)


def _accounts(company: Company) -> tuple[str, str]:
    """Numbers of the deferred and the revenue account. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    deferred = company.account(accounts.deferred_revenue, "accounts.deferred_revenue")
    setting = accounts.earned_setting
    earned = company.account(accounts.earned, setting)
    if deferred["number"] == earned["number"]:
        detail = say(
            "accounts.deferred_revenue and {setting} are both {number}",
            setting=setting,
            number=earned["number"],
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
    return str(deferred["number"]), str(earned["number"])
