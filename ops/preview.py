"""What would be sent, what would wait and what would be refused, without writing anything.

What comes in: settings and chapters. What goes out: for each chapter the records that are À
transférer in Membri, in the order in which they would go, and how each would end. Membri, the books
and the ledger are read; nothing is written in any of them, nor in the broker or the poll state.

Raises MembriError, CheckFailed, LedgerUnavailable, Unavailable.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from consumers.batch import WAVES
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Key, Ledger, Wait
from consumers.system import Draft
from ops import wiring
from ops.dry_run import DryRun, End, Moved, dry_run
from ops.pending import Pending, deferral_state, delivery_of, read_pending
from ops.report import called
from ops.settings import Chapter, Settings
from producers.membri import Fetched, MappingProblem
from schemas.events import Withdrawn
from schemas.outcomes import Action, TransferFailed
from schemas.records import DUES, Invoice, Record
from schemas.statuses import Entity
from schemas.wire.codec import Unreadable, decode
from schemas.wire.topology import UNKNOWN

UNTIL_PAID = "until_paid"
"""Why dues wait in Membri itself, before they are published (domain, rule 7)."""


class Would(StrEnum):
    """What would happen to a record."""

    CREATE = "create"
    UPDATE = "update"
    LINK = "link"
    ADOPT = "adopt"
    CONFIRM = "confirm"
    WAIT = "wait"
    REFUSE = "refuse"
    NOTHING = "nothing"


MOVING = (Would.CREATE, Would.UPDATE, Would.LINK, Would.ADOPT, Would.CONFIRM)
"""What goes without a person."""
_MOVES = {
    Action.CREATED: Would.CREATE,
    Action.UPDATED: Would.UPDATE,
    Action.LINKED: Would.LINK,
    Action.ADOPTED: Would.ADOPT,
    Action.CONFIRMED: Would.CONFIRM,
}


@dataclass(frozen=True)
class Previewed:
    """One record. `record` None when Membri's row is none; `draft` only of what would be sent.

    `reason`: a code of `schemas.reasons` (or UNTIL_PAID) of what waits or is refused; `field` and
    `detail` as in a dead letter; `due_at` in epoch seconds.
    """

    entity: Entity
    id: str
    label: str
    would: Would
    record: Record | None = None
    draft: Draft | None = None
    reference: str = ""
    reason: str = ""
    field: str = ""
    detail: str = ""
    waits_for: Key | None = None
    due_at: float | None = None

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "entity": str(self.entity),
            "id": self.id,
            "label": self.label,
            "would": str(self.would),
            "reference": self.reference,
        }
        if self.draft is not None:
            told |= _draft_json(self.draft)
        if self.reason:
            told |= {"reason": self.reason, "field": self.field, "detail": self.detail}
        if self.would is Would.WAIT:
            other = self.waits_for
            told["waits_for"] = f"{other.entity} {other.id}" if other else ""
            told["due_at"] = self.due_at
        return told


def _draft_json(draft: Draft) -> dict[str, Any]:
    return {
        "requests": [
            {"method": where.partition(" ")[0], "path": where.partition(" ")[2], "body": body}
            for where, body in draft.requests
        ],
        "lines": [vars(line) for line in draft.lines],
        "gst": draft.gst,
        "qst": draft.qst,
        "total": draft.total,
    }


@dataclass(frozen=True)
class ChapterPreview:
    """`company`: as the accounting system names it; empty where there is no system to ask."""

    name: str
    slug: str
    system: str
    company: str = ""
    records: tuple[Previewed, ...] = ()

    def that(self, *would: Would) -> list[Previewed]:
        return [one for one in self.records if one.would in would]

    def as_json(self) -> dict[str, Any]:
        counts = Counter(str(one.would) for one in self.records)
        return {
            "chapter": self.slug,
            "name": self.name,
            "system": self.system,
            "company": self.company,
            "counts": {str(would): counts[would] for would in Would},
            "records": [one.as_json() for one in self.records],
        }


Progress = Callable[[str, int, int], None]
"""Told the chapter, how many of its records were looked at, and how many there are."""


def preview(
    settings: Settings,
    slugs: Sequence[str],
    progress: Progress = lambda _slug, _done, _total: None,
) -> list[ChapterPreview]:
    """The chapters in the order of `slugs`; what belongs to none comes last, where all are asked
    for. Nothing is written."""
    with wiring.dataverse(settings) as client:
        membri = wiring.membri(settings, client)
        with deferral_state(Path(settings.state.poller)) as state:
            pending = read_pending(membri, state, slugs)
    shown = [
        _chapter(
            settings,
            settings.chapter(slug),
            pending,
            membri.environment,
            progress,
        )
        for slug in slugs
    ]
    if pending.homeless and len(slugs) == len(settings.chapters):
        records = tuple(_unmappable(one) for one in pending.homeless)
        shown.append(ChapterPreview("", UNKNOWN, UNKNOWN, records=records))
    return shown


def _chapter(
    settings: Settings,
    chapter: Chapter,
    pending: Pending,
    environment: str,
    progress: Progress,
) -> ChapterPreview:
    fetched = pending.by_chapter.get(chapter.slug, [])
    unpaid = [one for one in fetched if _until_paid(one)]
    problems = [one for one in fetched if isinstance(one.content, MappingProblem)]
    left = {id(one) for one in (*unpaid, *problems)}
    ready = [one for one in fetched if id(one) not in left]
    deliveries = [delivery_of(one, chapter.slug, chapter.system, environment) for one in ready]
    deliveries += pending.entries.get(chapter.slug, [])
    with contextlib.ExitStack() as stack:
        system = stack.enter_context(contextlib.closing(wiring.system(settings, chapter.slug)))
        ledger = stack.enter_context(contextlib.closing(_ledger(settings, chapter.slug)))
        company = system.probe().company
        run = dry_run(
            system,
            ledger,
            deliveries,
            chapter=chapter.slug,
            appends=chapter.settings.duplicate_names == "append_number",
            upfront=chapter.settings.deferred_revenue == "upfront",
            # Accounts that documents bring along are looked at too, and counted by nobody.
            on_look=lambda done: progress(
                chapter.slug, min(done, len(deliveries)), len(deliveries)
            ),
        )
    records = [*_ended(run, ready), *map(_waits_until_paid, unpaid), *map(_unmappable, problems)]
    return ChapterPreview(chapter.name, chapter.slug, chapter.system, company, tuple(records))


def _ledger(settings: Settings, slug: str) -> Ledger:
    """The ledger, or an empty one in memory where there is no file yet: opening would make it."""
    prefix, url = "sqlite:///", settings.state.url
    if url.startswith(prefix) and not Path(url.removeprefix(prefix)).exists():
        return MemoryLedger(slug)
    return wiring.ledger(settings, slug)


# --- from a dry run to what is shown --------------------------------------------------------------


def _ended(run: DryRun, ready: Sequence[Fetched]) -> Iterator[Previewed]:
    """Each record with its end, in the order in which they would go."""
    arrival: dict[Key, int] = {}
    for number, one in enumerate(ready):
        arrival[Key(one.entity, one.id)] = number
        arrival.setdefault(Key(Entity.ACCOUNT, one.account_id), number)
    records = run.records
    keys = dict.fromkeys([*(Key(one.entity, one.id) for one in ready), *run.ends])

    def place(key: Key) -> tuple[int, str, int]:
        record = records.get(key)
        dated = str(getattr(record, "date", "")) if key.entity is Entity.JOURNAL_ENTRY else ""
        return _wave(key, record), dated, arrival.get(key, len(ready))

    for key in sorted(keys, key=place):
        end = run.ends.get(key)
        yield _previewed(key, end, records.get(key) or _waiting_record(end), run.drafts.get(key))


def _wave(key: Key, record: Record | None) -> int:
    credit = isinstance(record, Invoice) and record.kind == "credit_note"
    return WAVES.index((key.entity, credit))


def _waiting_record(end: End | None) -> Record | None:
    if not isinstance(end, Wait):
        return None
    try:
        event = decode(end.body)
    except Unreadable:
        return None
    data = None if isinstance(event, Withdrawn) else event.data
    return data if isinstance(data, Record) else None


def _previewed(key: Key, end: End | None, record: Record | None, draft: Draft | None) -> Previewed:
    label = called(record)
    match end:
        case Moved(action, reference):
            would = _MOVES[action]
            return Previewed(key.entity, key.id, label, would, record, draft, reference)
        case TransferFailed():
            return Previewed(
                key.entity,
                key.id,
                label,
                Would.REFUSE,
                record,
                reason=str(end.reason),
                field=end.field,
                detail=end.detail,
            )
        case Wait():
            return Previewed(
                key.entity,
                key.id,
                label,
                Would.WAIT,
                record,
                reason=str(end.reason),
                detail=end.detail,
                waits_for=end.waits_for,
                due_at=end.due_at,
            )
        case None:
            return Previewed(key.entity, key.id, label, Would.NOTHING, record)


def _until_paid(one: Fetched) -> bool:
    """Rule 7 of the domain page."""
    if not isinstance(one.content, Invoice) or one.chapter is None:
        return False
    waits = one.chapter.settings.sync_memberships_when_paid
    return waits and one.content.type in DUES and not one.content.paid


def _waits_until_paid(one: Fetched) -> Previewed:
    record = one.content if isinstance(one.content, Invoice) else None
    return Previewed(one.entity, one.id, called(record), Would.WAIT, record, reason=UNTIL_PAID)


def _unmappable(one: Fetched) -> Previewed:
    problem = one.content
    if not isinstance(problem, MappingProblem):
        raise TypeError(f"{one.entity} {one.id} is a record")
    return Previewed(
        one.entity,
        one.id,
        "",
        Would.REFUSE,
        reason=str(problem.reason),
        field=problem.field,
        detail=problem.detail,
    )
