"""Journal entries: one period of a deferred revenue, in a batch of its own.

What comes in: a journal entry of Membri. What goes out: the posted entry. Refused: accounts that
the settings do not name, a date in a locked period or in a fiscal year that is not there yet.

Amounts are positive for a debit, negative for a credit; both dates are sent, since the posting date
decides the period (reference page, section 7). The entry is found by its reference among posted
transactions, by the batch's description before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Draft, DraftLine, Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import entry_number
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.sage_300 import batches
from consumers.systems.sage_300.batches import JOURNALS
from consumers.systems.sage_300.company import Company, day, money
from consumers.systems.sage_300.diagnosis import explained, problem
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.markers import marker
from consumers.systems.sage_300.odata import equal
from consumers.systems.sage_300.posting import Plan, Posted, post, requests
from schemas.money import ZERO, total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import JournalEntry
from schemas.statuses import Entity

RESOURCE = "GL/GLPostedTransactions"
_HEADER, _DETAIL = "JournalHeaders", "JournalHeaders.JournalDetails"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The entry, posted or on its way. Raises Unavailable, Transient."""
    record = lookup.record if isinstance(lookup.record, JournalEntry) else None
    ours = entry_number(lookup.record_id)
    rows = _by_batch(company, lookup.remote_id) if lookup.remote_id else []
    if not rows:
        reference = lookup.reference or ours
        rows = company.client.rows(RESOURCE, equal(JournalDetailReference=reference))
    if rows:
        own = _of(rows, ours)
        wrong = _posted_otherwise(own or rows, record)
        if own and record is not None:
            wrong = (*wrong, *_dated_otherwise(own, record))
        return Found(_ref((own or rows)[0]), by_marker=bool(own), differences=wrong)
    if lookup.reference:
        return None
    for batch in batches.standing(company, JOURNALS, marker("journal_entry", lookup.record_id)):
        is_posted = batches.stage_of(JOURNALS, batch) is batches.Stage.POSTED
        ref = RemoteRef(batches.number_of(batch), ours)
        return Found(ref, by_marker=True, unfinished=not is_posted)
    return None


def check(company: Company, entry: JournalEntry) -> Iterator[Problem]:
    """Period, currency, amount and accounts."""
    yield from company.closed_period(entry.date, "GL")
    yield from company.foreign_currency(entry.currency)
    yield from not_positive(entry)
    yield from refused_by(lambda: _accounts(company))


def transfer(company: Company, task: Task, entry: JournalEntry) -> Receipt:
    """Posts the entry, or takes it up where it stands. Raises any of consumers.errors."""
    ours = entry_number(entry.id)
    rows = company.client.rows(RESOURCE, equal(JournalDetailReference=ours))
    action = Action.ADOPTED
    if not rows:
        plan = _plan(company, entry)
        posted = post(company, task.steps, plan)
        rows = _verified(company, task, entry, plan, posted)
        action = Action.CREATED if posted.made else Action.ADOPTED
    wrong = (*_posted_otherwise(rows, entry), *_dated_otherwise(rows, entry))
    if wrong:
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail="; ".join(wrong))
    return Receipt(_ref(rows[0]), action)


def draft(company: Company, _: Task, entry: JournalEntry) -> Draft:
    """The requests of `transfer`, from the same bodies. Raises Rejected, Unavailable."""
    plan = _plan(company, entry)
    lines = tuple(
        DraftLine(str(line["Description"]), str(line["AccountNumber"]), line["Amount"])
        for line in plan.body[_HEADER][0]["JournalDetails"]
    )
    return Draft(requests=requests(company, plan), lines=lines, total=entry.amount)


def _plan(company: Company, entry: JournalEntry) -> Plan:
    deferred, earned = _accounts(company)
    date, connection = entry.date.isoformat(), company.connection
    invoice = entry.invoice.number
    text = entry.description or f"RPA {invoice} {entry.period}/{entry.periods}"
    header: Json = {
        "SourceLedger": connection.source_ledger,
        "SourceType": connection.source_type,
        "Description": _cut(company, f"{_HEADER}.Description", text),
        "DocumentDate": date,
        "PostingDate": date,
        "JournalDetails": [
            _line(company, entry, deferred, entry.amount, text),
            _line(company, entry, earned, -entry.amount, text),
        ],
    }
    return Plan(
        kind=JOURNALS,
        description=marker("journal_entry", entry.id),
        body={"Description": marker("journal_entry", entry.id), "JournalHeaders": [header]},
        differences=lambda held: _entered_otherwise(held, entry, deferred, earned),
        refusal=lambda _, wrong: Rejected(
            Reason.DIFFERS_FROM_BOOKS, field="amount", detail="; ".join(wrong)
        ),
        is_ours=lambda held: _has_reference(held, entry_number(entry.id)),
    )


def _line(company: Company, entry: JournalEntry, account: str, amount: Decimal, text: str) -> Json:
    return {
        "AccountNumber": account,
        "SourceCurrencyAmount": amount,
        "Amount": amount,
        "Reference": entry_number(entry.id),
        "Description": _cut(company, f"{_DETAIL}.Description", text),
    }


def _cut(company: Company, target: str, text: str) -> str:
    return company.limits.cut(Entity.JOURNAL_ENTRY, target, " ".join(text.split()))


def _accounts(company: Company) -> tuple[str, str]:
    """The deferred and the earned account. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    return (
        company.ledger_account("deferred_revenue", accounts.deferred_revenue),
        company.ledger_account("earned_revenue", accounts.earned),
    )


def _has_reference(header: Json, reference: str) -> bool:
    return any(
        str(line.get("Reference")) == reference for line in header.get("JournalDetails") or []
    )


def _entered_otherwise(
    header: Json, entry: JournalEntry, deferred: str, earned: str
) -> tuple[str, ...]:
    """What an entered header has otherwise, both figures."""
    wanted = {_plain(deferred): entry.amount}
    wanted[_plain(earned)] = wanted.get(_plain(earned), ZERO) - entry.amount
    held: dict[str, Decimal] = {}
    for line in header.get("JournalDetails") or []:
        account = _plain(str(line.get("AccountNumber")))
        held[account] = held.get(account, ZERO) + money(line, "Amount")
    found = []
    if held != wanted:
        found.append(f"Sage 300 {_told(held)} ≠ Membri {_told(wanted)}")
    if day(header, "PostingDate") != entry.date.isoformat():
        found.append(
            f"PostingDate: Sage 300 {day(header, 'PostingDate')} ≠ Membri {entry.date.isoformat()}"
        )
    return tuple(found)


def _plain(account: str) -> str:
    """Accounts come back with or without their separators."""
    return account.replace("-", "")


def _told(amounts: dict[str, Decimal]) -> str:
    return ", ".join(f"{account} {amount}" for account, amount in amounts.items()) or "-"


def _by_batch(company: Company, number: str) -> list[Json]:
    return company.client.rows(RESOURCE, equal(BatchNumber=number))


def _of(rows: Sequence[Json], reference: str) -> list[Json]:
    return [row for row in rows if str(row.get("JournalDetailReference")) == reference]


def _dated_otherwise(rows: Sequence[Json], entry: JournalEntry) -> tuple[str, ...]:
    """The date of a posted entry of ours decides its period."""
    kept, wanted = day(rows[0], "JournalDate"), entry.date.isoformat()
    return () if kept in ("", wanted) else (f"date: Sage 300 {kept} ≠ Membri {wanted}",)


def _posted_otherwise(rows: Sequence[Json], entry: JournalEntry | None) -> tuple[str, ...]:
    if entry is None:
        return ()
    amounts = [money(row, "JournalTransactionAmount") for row in rows]
    debit = total(amount for amount in amounts if amount > ZERO)
    return () if debit == entry.amount else (f"Sage 300 {debit} ≠ Membri {entry.amount}",)


def _verified(
    company: Company, task: Task, entry: JournalEntry, plan: Plan, posted: Posted
) -> list[Json]:
    """The posted transactions of that batch. Raises Rejected when the posting moved the entry to
    an error batch."""
    rows = _of(_by_batch(company, posted.number), entry_number(entry.id))
    if rows:
        return rows  # ours alone: whoever posted our batch may have added to it
    company.lists.forget()
    raise explained(company, task.steps, plan, posted, problem(check(company, entry)))


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["BatchNumber"]), str(row["JournalDetailReference"]))
