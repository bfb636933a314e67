"""Journal entries: one period of a deferred revenue, from the deferred account to the revenue's.

What comes in: a journal entry of Membri. What goes out: the journal in the books. Refused: accounts
that the settings do not name or that journals may not use. A journal cannot be changed in Sage
(its page, section 7.1); both debit and credit stand on every line.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import entry_number
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.sage_accounting.company import Company, money, once, text_of
from consumers.systems.sage_accounting.faults import Fault, Json, failure
from consumers.systems.sage_accounting.fields import cut, limit
from consumers.systems.sage_accounting.lists import kind
from consumers.systems.sage_accounting.markers import marked, marker
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.undoing import delete
from schemas.money import total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import JournalEntry
from schemas.sentences import say
from schemas.statuses import Entity

_ATTRIBUTES = "reference,date,description"
_NOTHING = "0.00"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The journal of that day with our reference: Sage has no search for one (section 10).

    Raises Unavailable, Transient.
    """
    record = lookup.record if isinstance(lookup.record, JournalEntry) else None
    row = company.client.read("journals", lookup.remote_id) if lookup.remote_id else None
    if row is None:
        row = _ours(company, lookup.record_id, record)
    if row is None and lookup.reference:
        row = company.client.read("journals", lookup.reference)
    if row is None:
        return None
    found = _differences(row, record) if record is not None else ()
    mine = marked(row, "journal_entry", lookup.record_id)
    return Found(_ref(row), by_marker=mine, differences=found)


def _differences(row: Json, entry: JournalEntry) -> tuple[str, ...]:
    found = []
    if _amount(row) != entry.amount:
        found.append(f"total: Sage {_amount(row)} ≠ Membri {entry.amount}")
    kept = str(row.get("date") or "")[:10]
    if kept != entry.date.isoformat() and marked(row, "journal_entry", entry.id):
        found.append(f"date: Sage {kept or '-'} ≠ Membri {entry.date.isoformat()}")
    return tuple(found)


def _ours(company: Company, record_id: str, record: JournalEntry | None) -> Json | None:
    query: dict[str, str] = {}
    if record is not None:
        day = record.date.isoformat()
        query = {"from_date": day, "to_date": day}
    wanted = entry_number(record_id)
    for row in company.client.rows("journals", _ATTRIBUTES, **query):
        if row.get("reference") == wanted:
            return company.client.read("journals", str(row["id"]))
    return None


def check(company: Company, entry: JournalEntry) -> Iterator[Problem]:
    """Closed period, currency, amount and accounts."""
    yield from company.closed_period(entry.date)
    yield from company.foreign_currency(entry.currency)
    yield from not_positive(entry)
    yield from refused_by(lambda: accounts(company))


def transfer(company: Company, task: Task, entry: JournalEntry) -> Receipt:
    """Posts the journal. Raises any of consumers.errors."""
    try:
        row = company.client.create("journals", body(company, task, entry))
    except Fault as fault:
        raise failure(fault, writing=True) from fault
    wrong = _differences(row, entry)
    if wrong:
        delete(company, "journals", row, wrong, Reason.DIFFERS_FROM_BOOKS)
        raise Rejected(
            Reason.DIFFERS_FROM_BOOKS,
            field="amount",
            detail=say(
                "{wrong}; the {system} journal was deleted again",
                system=SHORT,
                wrong="; ".join(wrong),
            ),
        )
    return Receipt(_ref(row), Action.CREATED)


def body(company: Company, task: Task, entry: JournalEntry) -> Json:
    """The journal as it is sent. Raises Rejected(unknown_account), Unavailable."""
    amount = text_of(entry.amount)
    said = entry.description or f"{entry.invoice.number} {entry.period}/{entry.periods}".strip()
    sides = ((amount, _NOTHING), (_NOTHING, amount))
    return {
        **once(task, "create"),
        "date": entry.date.isoformat(),
        "reference": entry_number(entry.id),
        "description": _description(said, marker("journal_entry", entry.id)),
        "journal_lines": [
            {
                "ledger_account_id": account_id,
                "debit": debit,
                "credit": credit,
                "details": cut(Entity.JOURNAL_ENTRY, "journal_lines.details", said),
                "include_on_tax_return": False,
            }
            for account_id, (debit, credit) in zip(accounts(company), sides, strict=True)
        ],
    }


def _description(said: str, mark: str) -> str:
    """The marker is never cut."""
    room = limit(Entity.JOURNAL_ENTRY, "description") - len(mark) - 1
    text = said if len(said) <= room else said[: room - 1].rstrip() + "…"
    return f"{text} {mark}".strip()


def accounts(company: Company) -> tuple[str, str]:
    """Ids of the deferred and the revenue account. Raises Rejected(unknown_account)."""
    named = company.accounts
    found = []
    for setting, value in (
        ("accounts.deferred_revenue", named.deferred_revenue),
        (named.earned_setting, named.earned),
    ):
        row = company.lists.entry(company.client, "journals", value) if value else None
        if row is None or row.get("is_control_account"):
            detail = say(
                "{setting} = {value} is no {system} {kind}",
                system=SHORT,
                setting=setting,
                value=repr(value),
                kind=kind("journals"),
            )
            if row is not None:
                detail = say("{detail}: it is a control account", detail=detail)
            raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
        found.append(str(row["id"]))
    deferred_id, revenue_id = found
    return deferred_id, revenue_id


def _amount(row: Json) -> Decimal:
    """What the lines debit, if they credit as much; else their difference, which is no match."""
    lines = row.get("journal_lines") or []
    debit, credit = (total(money(line, side) for line in lines) for side in ("debit", "credit"))
    return debit if debit == credit else debit - credit


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["id"]), str(row.get("reference") or row["id"]))
