"""Journal entries: one period of a deferred revenue, from the deferred account to the revenue's.

What comes in: a journal entry of Membri. What goes out: the entry in the books. Refused: accounts
that the settings do not name. In QuickBooks revenue is named by an item, whose income account is
credited: the item of `accounts.earned_revenue`, else that of `accounts.default_income`.
"""

from __future__ import annotations

from collections.abc import Iterator

from consumers.errors import Rejected
from consumers.system import Draft, DraftLine, Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import entry_number
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.quickbooks_online.client import quoted
from consumers.systems.quickbooks_online.company import Company, money, ref_id, request_id
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.fields import cut
from consumers.systems.quickbooks_online.markers import marked, marker
from consumers.systems.quickbooks_online.settings import SHORT
from schemas.money import ZERO
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import JournalEntry
from schemas.sentences import say

_DUPLICATE = 6140


def find(company: Company, lookup: Lookup) -> Found | None:
    """The entry, by its number and marker. Raises Unavailable, Transient."""
    row = company.client.read("JournalEntry", lookup.remote_id) if lookup.remote_id else None
    if row is None:
        row = _ours(company, lookup.record_id)
    if row is None:
        return None
    found: tuple[str, ...] = ()
    if isinstance(lookup.record, JournalEntry) and _amount(row) != lookup.record.amount:
        found = (f"QuickBooks {_amount(row)} ≠ Membri {lookup.record.amount}",)
    mine = marked(row, "journal_entry", lookup.record_id)
    return Found(_ref(row), by_marker=mine, differences=found)


def _ours(company: Company, record_id: str) -> Json | None:
    rows = company.client.select("JournalEntry", f"DocNumber = {quoted(entry_number(record_id))}")
    ours = [row for row in rows if marked(row, "journal_entry", record_id)]
    return ours[0] if ours else None


def check(company: Company, entry: JournalEntry) -> Iterator[Problem]:
    """Closed period, currency, amount and accounts."""
    yield from company.closed_period(entry.date)
    yield from company.foreign_currency(entry.currency)
    yield from not_positive(entry)
    yield from refused_by(lambda: _accounts(company))


def transfer(company: Company, task: Task, entry: JournalEntry) -> Receipt:
    """Posts the entry. Raises any of consumers.errors."""
    body = _body(company, entry, *_accounts(company))
    try:
        row = company.client.create("JournalEntry", body, request_id(task, "create"))
        action = Action.CREATED
    except Fault as fault:
        held = _ours(company, entry.id) if fault.code == _DUPLICATE else None
        if held is None:
            raise failure(fault, writing=True) from fault
        row, action = held, Action.ADOPTED
    if _amount(row) != entry.amount:
        detail = f"QuickBooks {_amount(row)} ≠ Membri {entry.amount}"
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail=detail)
    return Receipt(_ref(row), action)


def draft(company: Company, _: Task, entry: JournalEntry) -> Draft:
    """What `transfer` would send: the debit, then the credit (an amount below zero)."""
    deferred, revenue = _accounts(company)
    body = _body(company, entry, deferred, revenue)
    text = _text(entry)
    lines = (DraftLine(text, deferred, entry.amount), DraftLine(text, revenue, -entry.amount))
    return Draft(((company.posting("JournalEntry"), body),), lines=lines, total=entry.amount)


def _body(company: Company, entry: JournalEntry, deferred: str, revenue: str) -> Json:
    return {
        "TxnDate": entry.date.isoformat(),
        "DocNumber": entry_number(entry.id),
        "PrivateNote": marker("journal_entry", entry.id),
        "Line": [_line(entry, "Debit", deferred), _line(entry, "Credit", revenue)],
        **company.currency(entry.currency),
    }


def _text(entry: JournalEntry) -> str:
    named = f"{entry.invoice.number} {entry.period}/{entry.periods}".strip()
    return cut(entry.entity, "Line.Description", entry.description or named)


def _line(entry: JournalEntry, posting: str, account_id: str) -> Json:
    """No tax attribute at all: a deferral has none (2270, 2280)."""
    return {
        "DetailType": "JournalEntryLineDetail",
        "Amount": entry.amount,
        "Description": _text(entry),
        "JournalEntryLineDetail": {"PostingType": posting, "AccountRef": {"value": account_id}},
    }


def _accounts(company: Company) -> tuple[str, str]:
    """Ids of the deferred and the revenue account. Raises Rejected(unknown_account)."""
    deferred = company.accounts.deferred_revenue
    account = company.lists.entry(company.client, "Account", deferred) if deferred else None
    if account is None:
        detail = say(
            "accounts.deferred_revenue = {value} is no active {system} account",
            system=SHORT,
            value=repr(deferred),
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
    return str(account["Id"]), earned_account(company)


def earned_account(company: Company) -> str:
    """Id of the account of the revenue once earned: that of the item `earned_revenue`, else of
    the item `default_income`. Raises Rejected(unknown_account)."""
    named = company.accounts.earned
    item = company.lists.entry(company.client, "Item", named) if named else None
    revenue = ref_id(item or {}, "IncomeAccountRef")
    if not revenue:
        setting = company.accounts.earned_setting
        detail = say(
            "{setting} = {value} is no {system} item with an income account",
            system=SHORT,
            setting=setting,
            value=repr(named),
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
    return revenue


def _amount(row: Json) -> object:
    """The debit side, by its lines: TotalAmt is not always answered."""
    for line in row.get("Line") or []:
        if (line.get("JournalEntryLineDetail") or {}).get("PostingType") == "Debit":
            return money(line, "Amount")
    return ZERO


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["Id"]), str(row.get("DocNumber") or row["Id"]))
