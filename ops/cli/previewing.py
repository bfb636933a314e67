"""`preview`: what would be sent, what would wait, what would be refused; nothing is written.

What comes in: chapters as previewed. What goes out: each record with its lines, taxes and total in
the order in which it would go; then who waits, and who would be refused and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from consumers.system import Draft
from ops import labels, wiring
from ops.cli.context import Context, Exit, context_of, explained
from ops.cli.printing import (
    Column,
    failure_blocks,
    heading,
    plain_table,
    record_name,
    waiting_blocks,
)
from ops.labels import PREVIEWED, SYSTEMS
from ops.language import Words
from ops.preview import MOVING, UNTIL_PAID, ChapterPreview, Previewed, Would, preview
from ops.report import Failure, Waiting
from schemas.records import Account, Invoice, JournalEntry
from schemas.wire.topology import UNKNOWN

app = typer.Typer()


@app.command("preview", short_help="Show what would be sent and what would be refused.")
def preview_command(
    command: typer.Context,
    chapter: Annotated[
        str, typer.Argument(metavar="CHAPTER", help="Slug or name of the chapter; else all.")
    ] = "",
) -> None:
    """Show exactly what would be sent, what would wait and what would be refused, and why.

    Reads Membri, the books and the ledger as a transfer would, and writes nothing in any of them.
    --json gives each request with its body. Ends with 1 when something would be refused.

    \b
    Examples:
      membri-sync preview
      membri-sync preview montreal --json
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        slugs = wiring.slugs(settings, [chapter] if chapter else [])
        with _progress(context) as told:
            found = preview(settings, slugs, told)
    context.give(
        {"chapters": [one.as_json() for one in found]},
        lambda: Group(*(_shown(one, context.words) for one in found)),
    )
    if any(one.that(Would.REFUSE) for one in found):
        raise typer.Exit(Exit.TRANSFER_ERRORS)


@contextmanager
def _progress(context: Context) -> Iterator[Callable[[str, int, int], None]]:
    """What is being looked at; nothing where nobody looks."""
    if not context.live:
        yield lambda _slug, _done, _total: None
        return
    words = context.words
    with context.console.status(words.say("Reading the records to transfer in Membri")) as shown:
        yield lambda slug, done, total: shown.update(
            words.say("{chapter}: {done} of {total}", chapter=slug, done=done, total=total)
        )


def _shown(one: ChapterPreview, words: Words) -> RenderableType:
    parts: list[RenderableType] = [_title(one, words), Text(_counts(one, words), style="dim")]
    moving = one.that(*MOVING)
    for number, record in enumerate(moving, 1):
        parts += ["", *_moving(number, record, one.system, words)]
    waiting = one.that(Would.WAIT)
    if waiting:
        title = words.count("{n} would wait", "{n} would wait", len(waiting))
        parts += ["", heading(title, "yellow"), *_waiting(waiting, one, words)]
    refused = one.that(Would.REFUSE)
    if refused:
        title = words.count("{n} would be refused", "{n} would be refused", len(refused))
        parts += ["", heading(title, "red")]
        parts += failure_blocks([_failure(record, one) for record in refused], words)
    return Group(*parts, "")


def _title(one: ChapterPreview, words: Words) -> Text:
    if one.slug == UNKNOWN:
        return Text(words.say("No chapter"), style="bold")
    system = labels.name(SYSTEMS, one.system, words)
    return Text(f"{one.name} → {system}, {one.company}", style="bold")


def _counts(one: ChapterPreview, words: Words) -> str:
    counts = Counter(record.would for record in one.records)
    if not counts:
        return words.say("nothing is to be transferred")
    told = [
        words.count("{n} to create", "{n} to create", counts[Would.CREATE]),
        words.count("{n} to update", "{n} to update", counts[Would.UPDATE]),
        words.count(
            "{n} to link or confirm",
            "{n} to link or confirm",
            counts[Would.LINK] + counts[Would.ADOPT] + counts[Would.CONFIRM],
        ),
        words.count("{n} would wait", "{n} would wait", counts[Would.WAIT]),
        words.count("{n} would be refused", "{n} would be refused", counts[Would.REFUSE]),
    ]
    return " · ".join(told)


def _moving(number: int, one: Previewed, system: str, words: Words) -> Iterator[RenderableType]:
    line = Text(f"{number}. ", style="dim")
    line.append(_name(one, words), style="bold not dim")
    line.append(f" — {labels.name(PREVIEWED, one.would, words)}", style="not dim")
    if one.would not in (Would.CREATE, Would.UPDATE) and one.reference:
        line.append(f" ({one.reference})")
    yield line
    draft = one.draft
    if draft is None or not draft.requests:
        return
    for where, _ in draft.requests:
        yield Text(f"   {where}", style="dim")
    shown = _lines(draft, words) if draft.lines else _elements(draft)
    yield Padding(shown, (0, 0, 0, 3))
    sums = _sums(one, draft, system, words)
    if sums:
        yield Padding(Text(sums), (0, 0, 0, 3))


def _name(one: Previewed, words: Words) -> str:
    if isinstance(one.record, Invoice) and one.record.kind == "credit_note":
        kind = words.say("Credit note")
        return f"{kind} {one.label or one.id}"
    if isinstance(one.record, JournalEntry):
        entry = one.record
        named = f"{one.label} · {entry.date.isoformat()} ({entry.period}/{entry.periods})"
        return record_name(one.entity, named, words)
    return record_name(one.entity, one.label or one.id, words)


def _lines(draft: Draft, words: Words) -> Table:
    table = plain_table(
        [
            Column(words.say("Description"), elastic=True),
            Column(words.say("Ledger account")),
            Column(words.say("Tax")),
            Column(words.say("Amount"), figure=True),
        ]
    )
    for line in draft.lines:
        amount = words.money(line.amount)
        table.add_row(*map(Text, (line.description, line.account, line.tax, amount)))
    return table


def _elements(draft: Draft) -> Table:
    """A record without lines: each element that is sent, as the system calls it."""
    table = plain_table([Column(""), Column("", elastic=True)])
    table.show_header = False
    for _, body in draft.requests:
        for name, value in _leaves(body):
            table.add_row(Text(name, style="dim"), Text(str(value)))
    return table


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, path)
    else:
        yield path, value


def _sums(one: Previewed, draft: Draft, system: str, words: Words) -> str:
    """Taxes and total. Taxes that the system computes are Membri's, which they must equal."""
    gst, qst, total = draft.gst, draft.qst, draft.total
    computed = isinstance(one.record, Invoice) and gst is None and qst is None
    if computed and isinstance(one.record, Invoice):
        gst, qst, total = one.record.gst, one.record.qst, one.record.total
    figures: Sequence[tuple[str, Decimal | None]] = (
        (words.say("GST"), gst),
        (words.say("QST"), qst),
        (words.say("Total"), total),
    )
    told = "   ".join(
        f"{name} {words.money(value)}" for name, value in figures if value is not None
    )
    if computed and (gst or qst):
        system = labels.name(SYSTEMS, system, words)
        told += "   " + words.say(
            "(taxes are computed by {system} and must equal these to the cent)", system=system
        )
    return told


def _waiting(
    records: Sequence[Previewed], chapter: ChapterPreview, words: Words
) -> list[RenderableType]:
    unpaid = [one for one in records if one.reason == UNTIL_PAID]
    others = [one for one in records if one.reason != UNTIL_PAID]
    known = {(str(one.entity), one.id): one.label for one in chapter.records}
    parts = waiting_blocks([_wait(one, chapter.slug, known) for one in others], words)
    if unpaid:
        names = ", ".join(_name(one, words) for one in unpaid)
        parts += [
            "",
            Text(words.say("Memberships and renewals wait until they are paid"), style="bold"),
            Padding(Text(names), (0, 0, 0, 2)),
        ]
    return parts


def _wait(one: Previewed, slug: str, known: Mapping[tuple[str, str], str]) -> Waiting:
    other = one.waits_for
    same = other is not None and (other.entity, other.id) == (one.entity, one.id)
    if other is None or same:
        return Waiting(slug, one.entity, one.id, one.label, one.reason, "", one.detail)
    label = known.get((other.entity, other.id), "")
    if not label and one.record is not None and other.id == one.record.account_id:
        account = one.record if isinstance(one.record, Account) else one.record.account
        label = account.name
    named = f"{other.entity} {other.id}"
    return Waiting(slug, one.entity, one.id, one.label, one.reason, named, one.detail, label)


def _failure(one: Previewed, chapter: ChapterPreview) -> Failure:
    return Failure(chapter.slug, one.entity, one.id, one.label, one.reason, one.field, one.detail)
