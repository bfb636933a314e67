"""Journal batches: one for each record, so that posting one posts nobody else's lines.

What comes in: the lines that a record needs. What goes out: the batch with exactly these, posted.
Refused: a batch of ours in which somebody else wrote.

Posting takes all lines of a batch, whoever wrote them (page, section 7), hence a batch for each
record and a last look before it. Codes are letters only and found again by code. Once posted, and
seen in the ledger, the batch is deleted: Business Central leaves an empty line in it, and a batch
for every payment would bury those that people use.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from consumers.errors import Rejected, Transient
from consumers.system import Task
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.faults import (
    NO_RELATION,
    SAME_KEY,
    Bug,
    Fault,
    Json,
    failure,
)
from consumers.systems.business_central.keys import plain_enum
from consumers.systems.business_central.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say

POSTED = "posted"
"""Step: Business Central said yes to posting the batch. From then on no line is written again."""


_TELLING = frozenset(
    {
        *("customerId", "appliesToInvoiceId", "accountNumber", "balancingAccountNumber"),
        *("postingDate", "documentNumber", "amount"),
    }
)
"""What makes a line the one wanted; texts may come back otherwise."""


@dataclass(frozen=True)
class Journal:
    """One of the two pages on journal batches and their lines."""

    resource: Literal["customerPaymentJournals", "journals"]
    lines: Literal["customerPayments", "journalLines"]


PAYMENTS = Journal("customerPaymentJournals", "customerPayments")
ENTRIES = Journal("journals", "journalLines")


@dataclass(frozen=True)
class Wanted:
    """What a record needs posted: its batch (`code` first), and its lines, all of one document
    number."""

    journal: Journal
    batch: Json
    number: str
    lines: tuple[Json, ...]


@dataclass(frozen=True)
class Batch:
    """A batch as it was read; lines without account and amount are left out."""

    id: str
    ours: tuple[Json, ...]
    others: tuple[Json, ...]


def standing(company: Company, wanted: Wanted) -> Batch | None:
    """The batch of that code, with its lines. Raises Unavailable, Transient."""
    where = f"code eq {quoted(wanted.batch['code'])}"
    template = wanted.batch.get("templateDisplayName")
    if template:  # else only the first template's batches are listed (page, section 7)
        where += f" and templateDisplayName eq {quoted(template)}"
    rows = company.client.select(wanted.journal.resource, where, wanted.journal.lines)
    return _batch(company, wanted, rows[0]) if rows else None


def _batch(company: Company, wanted: Wanted, row: Json) -> Batch:
    lines = list(row.get(wanted.journal.lines) or [])
    if wanted.journal is PAYMENTS:
        lines += _seen_by_journals(company, str(row["id"]), {str(line["id"]) for line in lines})
    filled = [line for line in lines if not _is_empty(line)]
    ours = tuple(line for line in filled if line.get("documentNumber") == wanted.number)
    others = tuple(line for line in filled if line.get("documentNumber") != wanted.number)
    return Batch(str(row["id"]), ours, others)


def _seen_by_journals(company: Company, batch_id: str, known: set[str]) -> list[Json]:
    """Lines of other types that somebody wrote in the batch: the payments' page hides them."""
    row = company.client.read(f"journals({batch_id})", ENTRIES.lines)
    lines = (row or {}).get(ENTRIES.lines) or []
    return [line for line in lines if str(line["id"]) not in known]


def _is_empty(line: Json) -> bool:
    named = line.get("accountNumber") or line.get("customerNumber")
    return not named and not Decimal(str(line.get("amount") or 0))


def complete(batch: Batch, wanted: Wanted) -> bool:
    """Whether the batch holds exactly the lines wanted, so that only posting is left to do."""
    missing, extra = _compared(batch, wanted)
    return not (missing or extra or batch.others)


def _compared(batch: Batch, wanted: Wanted) -> tuple[list[Json], list[Json]]:
    """Lines still to write, and lines of ours that are not wanted."""
    extra = list(batch.ours)
    missing = []
    for line in wanted.lines:
        same = next((one for one in extra if _same(one, line)), None)
        if same is None:
            missing.append(line)
        else:
            extra.remove(same)
    return missing, extra


def _same(held: Json, line: Json) -> bool:
    return all(
        _plain(held.get(name)) == _plain(value) for name, value in line.items() if name in _TELLING
    )


def _plain(value: object) -> object:
    if isinstance(value, Decimal | int):
        return Decimal(value)
    return plain_enum(value if value is not None else "")


def prepare(company: Company, task: Task, wanted: Wanted, batch: Batch | None) -> Batch:
    """The batch with exactly the lines wanted. `batch`: as it stands, read after the ledger; read
    anew here, it may have been posted in between, and its lines would be written a second time.
    Raises any of consumers.errors."""
    if batch is None:
        batch = Batch(_created(company, wanted), (), ())
        task.steps.remember("batch", batch.id)
    missing, extra = _compared(batch, wanted)
    if batch.others:
        raise _not_only_ours(wanted, batch)
    if not (missing or extra):
        return batch
    for line in extra:
        _deleted(company, wanted, line)
    path = f"{wanted.journal.resource}({batch.id})/{wanted.journal.lines}"
    for number, line in enumerate(missing, 1):
        made = _written(company, wanted, path, line)
        task.steps.remember(f"line-{number}", str(made["id"]))
    again = standing(company, wanted)
    if again is None or not complete(again, wanted):
        raise _not_only_ours(wanted, again)
    return again


def _written(company: Company, wanted: Wanted, path: str, line: Json) -> Json:
    try:
        return company.client.create(path, line)
    except Fault as fault:
        error = failure(fault, writing=True)
        if isinstance(error, Rejected) and standing(company, wanted) is None:
            error = deleted(wanted, fault)
        raise error from fault


def deleted(wanted: Wanted, fault: Fault) -> Transient:
    """Somebody deleted our batch meanwhile: it is made anew."""
    code = wanted.batch["code"]
    return Transient(
        say(
            "the journal batch {code} of {system} is gone; {words}",
            system=TITLE,
            code=code,
            words=fault.words,
        )
    )


def _created(company: Company, wanted: Wanted) -> str:
    try:
        return str(company.client.create(wanted.journal.resource, wanted.batch)["id"])
    except Fault as fault:
        found = standing(company, wanted) if fault.code == SAME_KEY else None
        if found is not None:
            return found.id
        template = wanted.batch.get("templateDisplayName")
        if template and fault.code == NO_RELATION:
            detail = f"connection.journal_template = {template!r}: {fault.words}"
            raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail) from fault
        raise failure(fault, writing=True) from fault


def _deleted(company: Company, wanted: Wanted, line: Json) -> None:
    try:
        company.client.remove(f"{wanted.journal.lines}({line['id']})")
    except Fault as fault:
        raise failure(fault, writing=True) from fault


def _not_only_ours(wanted: Wanted, batch: Batch | None) -> Rejected:
    others = batch.others if batch is not None else ()
    listed = ", ".join(
        f"{line.get('documentNumber') or '-'} {line.get('amount')}" for line in others
    )
    detail = say(
        "the journal batch {code} of {system} is not ours alone ({listed}); empty it by hand",
        system=TITLE,
        code=wanted.batch["code"],
        listed=listed or say("its lines changed"),
    )
    return Rejected(Reason.REFUSED_BY_SYSTEM, detail=detail)


def post(company: Company, task: Task, batch: Batch) -> Fault | None:
    """Posts all lines of the batch; returns the fault of a refusal. Raises OutcomeUnknown."""
    try:
        company.client.act(f"journals({batch.id})", "post")
    except Fault as fault:
        return fault
    task.steps.remember(POSTED, batch.id)
    return None


def withdraw(company: Company, wanted: Wanted) -> str:
    """Deletes our lines, and the batch when nobody else's are in it. Returns what stands, in words,
    when Business Central does not let us; empty otherwise. Raises OutcomeUnknown, Unavailable."""
    batch = standing(company, wanted)
    if batch is None:
        return ""
    paths = [f"{wanted.journal.lines}({line['id']})" for line in batch.ours]
    if not batch.others:
        paths.append(f"{wanted.journal.resource}({batch.id})")
    try:
        for path in paths:
            company.client.remove(path)
    except Fault as fault:
        error = failure(fault, writing=True)
        if not isinstance(error, Rejected | Bug):
            raise error from fault
        told = say("the journal batch {code} stands, delete it by hand", code=wanted.batch["code"])
        return f"; {told}"
    return ""
