"""Batches: where they are, which stage they are at, how one is found again by its description.

What comes in: a kind of batch, a number or a description. What goes out: the batch as Sage 300
keeps it. One record of Membri goes in one batch, whose whole description is our marker: a failure
stays alone, and the batch is found again (reference page, sections 5 and 10).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from consumers.errors import Unavailable
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.odata import entity, equal, literal
from schemas.reasons import SystemReason
from schemas.sentences import say

NOT_ALL = "Donotpostallbatches"
"""The other value posts other people's ready batches: never sent."""


class Stage(StrEnum):
    """The status of a batch, whatever the ledger calls it."""

    OPEN = "Open"
    READY = "ReadyToPost"
    POSTING = "PostInProgress"
    POSTED = "Posted"
    DELETED = "Deleted"
    OTHER = "Other"


@dataclass(frozen=True)
class Kind:
    """`title`: in the language of the reader. `codes`: the numbers that some versions answer
    for a status. `step`: under which name the
    batch is remembered. `record_type`: part of the key of receipts."""

    resource: str
    process: str
    title: Callable[[], str]
    entries: str
    status: str
    step: str
    codes: tuple[tuple[str, Stage], ...]
    record_type: str = ""
    padded: bool = False


_AR_CODES = (
    *(("1", Stage.OPEN), ("3", Stage.POSTED), ("4", Stage.DELETED)),
    *(("5", Stage.POSTING), ("7", Stage.READY)),
)
_GL_CODES = (
    *(("1", Stage.OPEN), ("3", Stage.DELETED), ("4", Stage.POSTED)),
    *(("8", Stage.POSTING), ("9", Stage.READY)),
)
INVOICES = Kind(
    resource="AR/ARInvoiceBatches",
    process="AR/ARPostInvoices",
    title=lambda: say("A/R invoice batch"),
    entries="Invoices",
    status="BatchStatus",
    step="batch",
    codes=_AR_CODES,
)
RECEIPTS = Kind(
    resource="AR/ARReceiptAndAdjustmentBatches",
    process="AR/ARPostReceiptsAndAdjustments",
    title=lambda: say("A/R receipt batch"),
    entries="ReceiptsAdjustments",
    status="BatchStatus",
    step="batch",
    codes=_AR_CODES,
    record_type="CA",
)
APPLICATIONS = replace(RECEIPTS, step="application")
"""Receipt batches that apply a credit note, beside the batch of the credit note itself."""
JOURNALS = Kind(
    resource="GL/GLJournalBatches",
    process="GL/GLPostJournal",
    title=lambda: say("G/L batch"),
    entries="JournalHeaders",
    status="Status",
    step="batch",
    codes=_GL_CODES,
    padded=True,
)


def number_of(row: Json) -> str:
    """A number in A/R, six digits with leading zeros in G/L (section 7)."""
    return str(row["BatchNumber"])


def key_value(kind: Kind, number: str) -> str | int:
    """The number as the service writes it; a placeholder of a draft stays one."""
    return number if kind.padded or not number.isdigit() else int(number)


def path(kind: Kind, number: str) -> str:
    """The address of one batch."""
    value = key_value(kind, number)
    if kind.record_type:
        return entity(kind.resource, BatchRecordType=kind.record_type, BatchNumber=value)
    return entity(kind.resource, BatchNumber=value)


def read(company: Company, kind: Kind, number: str) -> Json | None:
    """None when there is no such batch (any more: histories are cleared). Raises Unavailable."""
    return company.client.read(path(kind, number))


def stage_of(kind: Kind, row: Json) -> Stage:
    """From the status, its caption or its number."""
    said = str(row.get(kind.status) or "")
    if kind.padded and said in ("Open", "1") and str(row.get("ReadyToPost")) == "Yes":
        return Stage.READY  # the ledger has a switch beside the status
    if said in set(Stage):
        return Stage(said)
    return dict(kind.codes).get(said, Stage.OTHER)


def entries(kind: Kind, row: Json) -> list[Json]:
    """Inline in the batch."""
    return list(row.get(kind.entries) or [])


def errors(row: Json) -> int:
    """How many entries a posting moved to an error batch."""
    return int(row.get("NumberOfErrors") or 0)


def standing(company: Company, kind: Kind, *descriptions: str) -> list[Json]:
    """The batches of those descriptions that count: neither deleted, nor posted without their entry
    (which a posting error moved elsewhere). Raises Unavailable, Transient."""
    kept = {"BatchRecordType": kind.record_type} if kind.record_type else {}
    where = " or ".join(equal(Description=one, **kept) for one in descriptions)
    return [row for row in company.client.rows(kind.resource, where) if _counts(kind, row)]


def _counts(kind: Kind, row: Json) -> bool:
    stage = stage_of(kind, row)
    if stage is Stage.POSTED:
        return errors(row) < max(1, len(entries(kind, row)))
    return stage is not Stage.DELETED


def later_live(company: Company, kind: Kind, number: str) -> list[Json]:
    """Unposted batches made after that one: an error batch is among them, though somebody may have
    made it ready already."""
    after = literal(key_value(kind, number))
    where = f"BatchNumber gt {after} and {kind.status} ne 'Posted' and {kind.status} ne 'Deleted'"
    if kind.record_type:
        where += f" and {equal(BatchRecordType=kind.record_type)}"
    return company.client.rows(kind.resource, where)


# --- bodies of the steps ----------------------------------------------------------------------


def status_body(company: Company, kind: Kind, stage: Stage) -> Json:
    """The PATCH that brings a batch to a stage. How a G/L batch is made ready is not verified:
    `connection.gl_ready_by`."""
    if (
        kind.padded
        and company.connection.gl_ready_by == "ReadyToPost"
        and stage is not Stage.DELETED
    ):
        return {"ReadyToPost": "Yes" if stage is Stage.READY else "No"}
    return {kind.status: stage.value}


def posting_body(company: Company, kind: Kind, number: str) -> Json:
    """The parameters that post this batch alone. Raises Unavailable(misconfigured)."""
    value = key_value(kind, number)
    if kind.padded:
        return _journal_parameters(company, kind, value)
    alone = {"PostAllBatches": NOT_ALL, "PostBatchFrom": value, "PostBatchTo": value}
    return {"BatchType": kind.record_type, **alone} if kind.record_type else alone


def _journal_parameters(company: Company, kind: Kind, value: str | int) -> Json:
    """Their names differ by version and are documented nowhere: `$template` tells, or the settings
    (`gl_post_from`, `gl_post_to`)."""
    connection = company.connection
    if connection.gl_post_from:
        return {connection.gl_post_from: value, connection.gl_post_to: value}
    known = company.lists.process_parameters(company.client, kind.process)
    names = [name for name in known if not name.startswith("@")]
    first = [name for name in names if re.search(r"batch.*from|from.*batch", name, re.IGNORECASE)]
    last = [name for name in names if re.search(r"batch.*to$|to.*batch", name, re.IGNORECASE)]
    if len(first) != 1 or len(last) != 1:
        raise Unavailable(
            SystemReason.MISCONFIGURED,
            say(
                "the parameters of {process} on this server are {names}: set"
                " gl_post_from and gl_post_to",
                process=kind.process,
                names=", ".join(names) or "-",
            ),
        )
    every = {name: NOT_ALL for name in names if name == "PostAllBatches"}
    return {**every, first[0]: value, last[0]: value}
