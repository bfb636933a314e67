"""What people see at the end of a command: reports, overviews, dead letters.

What comes in: values of `ops` and the reader's `Words`. What goes out: tables that stay readable
from 80 columns on. Records of one reason stand together under what happened and what to correct,
because that is how they are worked off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from consumers.ledger.port import State
from ops import labels
from ops.dead_letters import Letter
from ops.labels import ENTITIES, MANY, SYSTEMS, WAITS
from ops.language import Words
from ops.overview import ChapterOverview, Overview
from ops.report import Failure, Report, Waiting, label_of
from schemas.reasons import Reason, SystemReason, WaitReason
from schemas.statuses import Status

SHOWN = 40
"""Records shown of one reason; the rest is counted, and stands in --json."""
DETAIL_MAX = 300
SHORT_ID = 8

Item = TypeVar("Item")
AnyReason = Reason | WaitReason | SystemReason


@dataclass(frozen=True)
class Column:
    """`figure` columns are right-aligned; `elastic` ones take what room is left."""

    title: str
    figure: bool = False
    elastic: bool = False


def plain_table(columns: Sequence[Column], title: str = "") -> Table:
    """Columns and no lines: narrow, and fit to be pasted into a mail."""
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    table.padding = (0, 2, 0, 0)
    for one in columns:
        table.add_column(
            one.title,
            justify="right" if one.figure else "left",
            header_style="dim",
            overflow="fold",
            no_wrap=one.figure,
            ratio=1 if one.elastic else None,
        )
    return table


def report_table(report: Report, words: Words) -> RenderableType:
    """The report of a synchronisation: counts, then what waits, then what is in error."""
    counts = plain_table(
        [
            Column(""),
            Column(labels.status(Status.TRANSFERRED, words), figure=True),
            Column(words.say("Waiting"), figure=True),
            Column(labels.status(Status.TRANSFER_ERROR, words), figure=True),
        ],
        words.say("Accounting synchronization"),
    )
    for entity, figures in report.entities().items():
        values = [figures[one] for one in ("transferred", "waiting", "errors")]
        if any(values):
            counts.add_row(labels.name(MANY, entity, words), *map(words.number, values))
    parts: list[RenderableType] = [counts]
    if report.waiting:
        number = len(report.waiting)
        parts += ["", heading(words.count("{n} waits", "{n} wait", number), "yellow")]
        parts += waiting_blocks(report.waiting, words)
    if report.errors:
        number = len(report.errors)
        title = words.count("{n} transfer error", "{n} transfer errors", number)
        parts += ["", heading(title, "red")]
        parts += failure_blocks(report.errors, words)
    return Group(*parts)


def heading(text: str, colour: str) -> RenderableType:
    return Text(text, style=f"bold {colour}")


def waiting_blocks(waiting: Sequence[Waiting], words: Words) -> list[RenderableType]:
    def row(one: Waiting) -> list[str]:
        return [one.chapter, record_name(one.entity, one.label or one.id, words), _why(one, words)]

    columns = [
        Column(words.say("Chapter")),
        Column(words.say("Record")),
        Column(words.say("Waits for")),
    ]
    return _by_reason(waiting, lambda one: WaitReason(one.reason), columns, row, words)


def _why(one: Waiting, words: Words) -> str:
    entity, _, _ = one.for_.partition(" ")
    other = labels.name(ENTITIES, entity, words) if entity and one.for_label else ""
    if one.for_label not in one.label:
        other = f"{other} {one.for_label}"
    parts = [other, labels.detail("", one.detail, words)]
    return _short(", ".join(part for part in parts if part))


def failure_blocks(errors: Sequence[Failure], words: Words) -> list[RenderableType]:
    def row(one: Failure) -> list[str]:
        detail = _short(labels.detail(one.field, one.detail, words))
        return [one.chapter, record_name(one.entity, one.label or one.id, words), detail]

    columns = [
        Column(words.say("Chapter")),
        Column(words.say("Record")),
        Column(words.say("Detail"), elastic=True),
    ]
    return _by_reason(errors, lambda one: Reason(one.reason), columns, row, words)


def _by_reason(
    items: Iterable[Item],
    reason_of: Callable[[Item], AnyReason],
    columns: Sequence[Column],
    row: Callable[[Item], list[str]],
    words: Words,
) -> list[RenderableType]:
    """One block a reason, the most frequent first: what happened, what to correct, whom."""
    groups: dict[AnyReason, list[Item]] = {}
    for item in items:
        groups.setdefault(reason_of(item), []).append(item)
    parts: list[RenderableType] = []
    for reason, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        title = Text(labels.what(reason, words), style="bold")
        title.append(f"  [{reason}]", style="dim not bold")
        table = plain_table(columns)
        for item in group[:SHOWN]:
            table.add_row(*map(Text, row(item)))
        body: list[RenderableType] = [
            Text(f"→ {labels.advice(reason, words)}"),
            Text(labels.whereabouts(reason, words), style="dim"),
            table,
        ]
        if (left := len(group) - SHOWN) > 0:
            more = words.count("… and {n} more (--json)", "… and {n} more (--json)", left)
            body.append(Text(more, style="dim"))
        parts += ["", title, Padding(Group(*body), (0, 0, 0, 2))]
    return parts


def record_name(entity: str, label: str, words: Words) -> str:
    """« Facture F-12 · Zoé Tremblay ». Membri's own names of payments begin with that word."""
    kind = labels.name(ENTITIES, entity, words)
    return label if label.startswith(kind) else f"{kind} {label}"


def _short(text: str, length: int = DETAIL_MAX) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def overview_table(overview: Overview, words: Words) -> RenderableType:
    """Where everything stands: one row a chapter, then who waits, dead letters and notes."""
    table = plain_table(
        [
            Column(words.say("Chapter")),
            Column(words.say("System")),
            Column(words.say("Queued"), figure=True),
            Column(words.say("Transferred"), figure=True),
            Column(words.say("Waiting"), figure=True),
            Column(words.say("In error"), figure=True),
            Column(words.say("State"), elastic=True),
        ]
    )
    for chapter in overview.chapters:
        table.add_row(*_chapter_row(chapter, words))
    parts: list[RenderableType] = [table]
    waiting = _waiting_counts(overview)
    if waiting:
        parts += ["", heading(words.say("Waiting"), "yellow"), _counts(waiting, words)]
    letters = {key: count for key, count in overview.dead_letters.items() if count}
    if letters:
        title = words.say("Dead letters (membri-sync dead list)")
        parts += ["", heading(title, "red"), _letter_counts(letters, words)]
    if overview.to_settle:
        still = words.count(
            "{n} outcome still to be written to Membri",
            "{n} outcomes still to be written to Membri",
            overview.to_settle,
        )
        parts += ["", Text(still)]
    notes = [Text(f"! {words.tell(note)}", style="yellow") for note in overview.notes]
    return Group(*parts, *([""] if notes else []), *notes)


def _waiting_counts(overview: Overview) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    for chapter in overview.chapters:
        counts.update(chapter.waiting)
    return {key: count for key, count in sorted(counts.items()) if count}


def _counts(waiting: dict[tuple[str, str], int], words: Words) -> RenderableType:
    table = plain_table([Column(""), Column(""), Column("", figure=True)])
    table.show_header = False
    for (reason, entity), count in waiting.items():
        table.add_row(
            labels.name(WAITS, reason, words),
            labels.name(MANY, entity, words),
            words.number(count),
        )
    return Padding(table, (0, 0, 0, 2))


def _letter_counts(letters: dict[tuple[str, str], int], words: Words) -> RenderableType:
    table = plain_table([Column(""), Column(""), Column("", figure=True)])
    table.show_header = False
    for (system, entity), count in letters.items():
        table.add_row(
            labels.name(SYSTEMS, system, words),
            labels.name(MANY, entity, words),
            words.number(count),
        )
    return Padding(table, (0, 0, 0, 2))


def _chapter_row(chapter: ChapterOverview, words: Words) -> list[Text]:
    queued = "?" if chapter.queued is None else words.number(chapter.queued)
    figures = (
        queued,
        words.number(chapter.count(State.DONE)),
        words.number(sum(chapter.waiting.values())),
        words.number(chapter.count(State.FAILED)),
    )
    system = labels.name(SYSTEMS, chapter.system, words)
    return [
        Text(chapter.slug),
        Text(system),
        *(Text(one) for one in figures),
        _state(chapter, words),
    ]


def _state(chapter: ChapterOverview, words: Words) -> Text:
    if chapter.paused:
        return Text(words.say("paused: {why}", why=chapter.paused), style="yellow")
    if not chapter.serving:
        return Text(words.say("no consumer runs"), style="yellow")
    if chapter.unknown:
        told = words.count(
            "in service, {n} outcome being verified",
            "in service, {n} outcomes being verified",
            chapter.unknown,
        )
        return Text(told, style="yellow")
    return Text(words.say("in service"), style="green")


def letters_table(letters: Sequence[Letter], words: Words) -> RenderableType:
    """Dead letters, those of one reason together."""

    def row(letter: Letter) -> list[str]:
        dead = letter.dead
        label = label_of(dead.body) or dead.subject or ""
        return [
            letter.id[:SHORT_ID],
            record_name(dead.entity, label, words),
            dead.chapter,
            words.moment(dead.first_failed_at),
            _short(labels.detail(dead.field, dead.detail, words), 160),
        ]

    columns = [
        Column(words.say("Id")),
        Column(words.say("Record")),
        Column(words.say("Chapter")),
        Column(words.say("Since")),
        Column(words.say("Detail"), elastic=True),
    ]
    number = len(letters)
    title = words.count("{n} dead letter", "{n} dead letters", number)
    return Group(
        heading(title, "red"),
        *_by_reason(letters, lambda one: one.dead.reason, columns, row, words),
    )
