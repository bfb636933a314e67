"""What people see: progress while it runs, tables at the end. Silent in a pipe."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ops.cli.context import Context
from ops.dead_letters import Letter
from ops.overview import ChapterOverview, Overview
from ops.report import Report, label_of
from ops.synchronise import Synchronisation

STEPS = {
    "connect": "Connecting to the accounting system",
    "poll": "Reading what is to be transferred",
    "transfer": "Transferring",
    "settle": "Telling Membri",
}


@contextmanager
def print_synchronisation(context: Context, run: Synchronisation) -> Iterator[None]:
    """Steps and counts of a synchronisation, live on a terminal."""
    if context.json or not context.console.is_terminal:
        yield
        return
    current = [STEPS["connect"]]

    class View:
        def __rich__(self) -> RenderableType:
            counted = ", ".join(
                f"{entity} {outcome}: {count}"
                for (entity, outcome), count in sorted(run.counts.items())
            )
            return Group(Spinner("dots", current[0]), Text(counted, style="dim"))

    def step(name: str) -> None:
        current[0] = STEPS[name]

    run.step = step
    with Live(View(), console=context.console, transient=True, refresh_per_second=8):
        yield


def report_table(report: Report) -> RenderableType:
    """The report of a synchronisation."""
    counts = Table("entity", "transferred", "waiting", "errors", title="Synchronisation")
    for entity, figures in report.entities().items():
        values = (figures["transferred"], figures["waiting"], figures["errors"])
        if any(values):
            counts.add_row(entity, *map(str, values))
    parts: list[RenderableType] = [counts]
    if report.waiting:
        waiting = Table("chapter", "record", "waits", "for", title="Waiting")
        for one in report.waiting:
            reason = f"{one.reason} {one.detail}".strip()
            waiting.add_row(one.chapter, f"{one.entity} {one.label or one.id}", reason, one.for_)
        parts.append(waiting)
    if report.errors:
        errors = Table("chapter", "record", "reason", "detail", title="Erreurs de transfert")
        for bad in report.errors:
            detail = f"{bad.field} {bad.detail}".strip()
            errors.add_row(
                bad.chapter, f"{bad.entity} {bad.label or bad.id}", bad.reason, _short(detail)
            )
        parts.append(errors)
    return Group(*parts)


def _short(text: str, length: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def overview_table(overview: Overview) -> RenderableType:
    """Where everything stands: one row a chapter, then dead letters and notes."""
    table = Table(
        "chapter",
        "system",
        "queued",
        "transferred",
        "waiting",
        "unknown",
        "in error",
        "state",
        title="membri-sync",
    )
    for chapter in overview.chapters:
        table.add_row(*_chapter_row(chapter))
    parts: list[RenderableType] = [table]
    letters = {key: count for key, count in overview.dead_letters.items() if count}
    if letters:
        dead = Table("system", "entity", "dead letters", title="Erreurs de transfert")
        for (system, entity), count in letters.items():
            dead.add_row(system, entity, str(count))
        parts.append(dead)
    if overview.to_settle:
        parts.append(Text(f"{overview.to_settle} outcomes still to be written to Membri"))
    parts += [Text(f"! {note}", style="yellow") for note in overview.notes]
    return Group(*parts)


def _chapter_row(chapter: ChapterOverview) -> list[str]:
    from consumers.ledger.port import State

    queued = "?" if chapter.queued is None else str(chapter.queued)
    waiting = sum(chapter.waiting.values())
    state = f"paused: {chapter.paused}" if chapter.paused else "serving"
    if not chapter.serving and not chapter.paused:
        state = "no consumer"
    return [
        chapter.slug,
        chapter.system,
        queued,
        str(chapter.count(State.DONE)),
        str(waiting),
        str(chapter.unknown),
        str(chapter.count(State.FAILED)),
        state,
    ]


def letters_table(letters: list[Letter]) -> RenderableType:
    """Dead letters, one row each."""
    table = Table("id", "record", "chapter", "reason", "detail", "first failed")
    for letter in letters:
        dead = letter.dead
        record = f"{dead.entity} {label_of(dead.body) or dead.subject or ''}"
        detail = _short(f"{dead.field} {dead.detail}".strip(), 80)
        table.add_row(
            letter.id[:8], record, dead.chapter, dead.reason, detail, _when(dead.first_failed_at)
        )
    return table


def _when(moment: dt.datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""
