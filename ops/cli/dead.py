"""`membri-sync dead …`: dead letters, each an « Erreur de transfert »."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from ops import dead_letters, fleet, labels, metrics, wiring
from ops.cli import progress
from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.cli.printing import SHORT_ID, letters_table
from ops.dead_letters import DeadLetters, Filter, Letter, Replayed
from ops.labels import ENTITIES, SYSTEMS
from ops.settings import Settings
from schemas.reasons import Reason
from schemas.statuses import Entity as EntityName
from schemas.wire.topology import UNKNOWN

app = typer.Typer(
    help="Records in transfer error: list, show, replay, discard.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID",
        help="Message ids (8 characters are enough) or Membri record ids.",
        show_default=False,
    ),
]
Entity = Annotated[
    str,
    typer.Option(
        metavar="NAME", show_default=False, help="account, invoice, payment or journal_entry."
    ),
]
Chapter = Annotated[
    str, typer.Option(metavar="SLUG", show_default=False, help="Slug of the chapter.")
]
ReasonCode = Annotated[
    str,
    typer.Option(
        "--reason", metavar="CODE", show_default=False, help="Reason code, e.g. closed_period."
    ),
]
System = Annotated[
    str,
    typer.Option(
        metavar="NAME", show_default=False, help="Accounting system, e.g. quickbooks_online."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_letters(
    command: typer.Context,
    entity: Entity = "",
    chapter: Chapter = "",
    reason: ReasonCode = "",
    system: System = "",
) -> None:
    """List dead letters by reason, with what to correct; none is removed.

    \b
    Examples:
      membri-sync dead list
      membri-sync dead list --reason closed_period --chapter montreal
      membri-sync dead list --json
    """
    context = context_of(command)
    words = context.words
    with explained(words), _letters(context) as (settings, letters):
        wanted = _wanted(settings, (), entity, chapter, reason, system)
        found = letters.all(wanted)
        if context.json:
            context.print_json([_as_json(letter) for letter in found])
        elif found:
            context.console.print(letters_table(found, words))
        else:
            context.line(words.say("no dead letters"))


@app.command()
def show(
    command: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Message id or record id.")],  # noqa: A002 - what people call it
) -> None:
    """Show one dead letter: why, what to correct, and the message itself.

    \b
    Example:
      membri-sync dead show 5f0c2a9b
    """
    context = context_of(command)
    with explained(context.words), _letters(context) as (_, letters):
        found = letters.all(Filter(ids=(id,)))
        if not found:
            fail(context.words.say("no dead letter {id}", id=id), Exit.USAGE)
        if context.json:
            context.print_json([_as_json(letter, body=True) for letter in found])
            return
        for letter in found:
            _show(context, letter)


def _show(context: Context, letter: Letter) -> None:
    words, dead = context.words, letter.dead
    context.console.print(letters_table([letter], words))
    context.line("")
    facts = (
        (words.say("Message"), letter.id),
        (words.say("Record in Membri"), dead.subject or "?"),
        (words.say("System"), labels.name(SYSTEMS, dead.system, words)),
        (words.say("Queue"), letter.queue),
        (words.say("Attempts"), words.number(dead.attempts)),
        (words.say("Failed in"), dead.failed_by),
    )
    for name, value in facts:
        context.line(f"{name:<20} {value}")
    if "\n" in dead.detail:
        context.line(f"\n{dead.detail}")
    context.line("")
    context.console.print(Text(_pretty(dead.body)), soft_wrap=True)


def _pretty(body: bytes) -> str:
    """Indented where it is JSON, else its text as far as it is text."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


@app.command()
def replay(
    command: typer.Context,
    ids: Ids = [],  # noqa: B006 - typer's way to an empty list
    entity: Entity = "",
    chapter: Chapter = "",
    reason: ReasonCode = "",
    system: System = "",
    as_is: Annotated[
        bool, typer.Option("--as-is", help="The message as it was, not the record as it is now.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Send dead letters again, each as its record is now in Membri.

    A letter is removed only once the broker confirmed what replaces it. Ends with 1 when one of
    them stays, 3 when the broker did not confirm one.

    \b
    Examples:
      membri-sync dead replay 5f0c2a9b
      membri-sync dead replay --reason closed_period --chapter montreal --yes
    """
    context = context_of(command)
    words = context.words
    with explained(words), _letters(context) as (settings, letters):
        wanted = _wanted(settings, ids, entity, chapter, reason, system)
        _need_something(context, wanted)
        found = letters.all(wanted)
        question = words.count("Replay {n} dead letter?", "Replay {n} dead letters?", len(found))
        _agree(context, question, found, yes=yes or context.json)
        with contextlib.ExitStack() as stack:
            membri = None
            if not as_is:
                client = stack.enter_context(wiring.dataverse(settings))
                membri = wiring.membri(settings, client)
            shown = stack.enter_context(
                progress.bar(context, len(found), words.say("Sending again"))
            )
            ended = letters.replay(found, membri, progress=shown)
        shared = fleet.metrics_folder(Path(settings.state.poller).parent)
        metrics.count_replays(shared, (one.outcome for one in ended))
    if context.json:
        context.print_json(
            [{"id": e.letter.id, "outcome": e.outcome, "detail": str(e.detail)} for e in ended]
        )
    else:
        _tell(context, ended)
    outcomes = {one.outcome for one in ended}
    if "unconfirmed" in outcomes:
        raise typer.Exit(Exit.UNAVAILABLE)
    if outcomes - {"replayed"}:
        raise typer.Exit(Exit.TRANSFER_ERRORS)


def _tell(context: Context, ended: list[Replayed]) -> None:
    """How many went, and each that stays with why."""
    words = context.words
    went = sum(one.outcome == "replayed" for one in ended)
    context.line(
        words.count("{n} dead letter was replayed", "{n} dead letters were replayed", went)
    )
    for one in ended:
        if one.outcome != "replayed":
            short = one.letter.id[:SHORT_ID]
            why = words.tell(one.detail)
            context.line(words.say("{id} stays where it is: {why}", id=short, why=why))


@app.command()
def discard(
    command: typer.Context,
    ids: Ids = [],  # noqa: B006 - typer's way to an empty list
    entity: Entity = "",
    chapter: Chapter = "",
    reason: ReasonCode = "",
    system: System = "",
    yes: Yes = False,
) -> None:
    """Remove dead letters for good. The records keep their status in Membri.

    \b
    Examples:
      membri-sync dead discard 5f0c2a9b
      membri-sync dead discard --reason unreadable --yes
    """
    context = context_of(command)
    words = context.words
    with explained(words), _letters(context) as (settings, letters):
        wanted = _wanted(settings, ids, entity, chapter, reason, system)
        _need_something(context, wanted)
        found = letters.all(wanted)
        question = words.count("Remove {n} dead letter?", "Remove {n} dead letters?", len(found))
        _agree(context, question, found, yes=yes)
        count = letters.discard(found)
    told = words.count("{n} dead letter was removed", "{n} dead letters were removed", count)
    context.give({"discarded": count}, told)


@contextlib.contextmanager
def _letters(context: Context) -> Iterator[tuple[Settings, DeadLetters]]:
    settings = context.settings()
    wire = wiring.broker(settings, "dead")
    try:
        yield settings, DeadLetters(wire, [chapter.system for chapter in settings.chapters])
    finally:
        wire.close()


def _wanted(
    settings: Settings,
    ids: list[str] | tuple[str, ...],
    entity: str,
    chapter: str,
    reason: str,
    system: str,
) -> Filter:
    """Refuses a misspelt filter: « nothing found » would be read as « nothing is wrong »."""
    known = {
        "--entity": (entity, [*EntityName, UNKNOWN]),
        "--reason": (reason, list(Reason)),
        "--system": (system, [*(c.system for c in settings.chapters), UNKNOWN]),
    }
    for option, (value, names) in known.items():
        if value and value not in names:
            fail(f"{option}: {value!r} is none of: {', '.join(dict.fromkeys(names))}", Exit.USAGE)
    if chapter and chapter != UNKNOWN:
        chapter = settings.chapter(chapter).slug
    return Filter(tuple(ids), system, entity, chapter, reason)


def _need_something(context: Context, wanted: Filter) -> None:
    if wanted == Filter():
        told = context.words.say("name the letters, by id or by a filter such as --reason")
        fail(told, Exit.USAGE)


def _agree(context: Context, question: str, found: list[Letter], *, yes: bool) -> None:
    """Asks a person before several letters are touched; a program says --yes before it discards."""
    words = context.words
    if not found:
        fail(words.say("no dead letter matches"), Exit.USAGE)
    if yes or len(found) == 1:
        return
    if context.json:
        fail(words.say("several dead letters match: --yes is expected with --json"), Exit.USAGE)
    for (system, entity, reason), count in dead_letters.summary(found).items():
        record = labels.name(ENTITIES, entity, words)
        where = labels.name(SYSTEMS, system, words)
        context.line(f"{words.number(count)} × {record}, {where}: {labels.what(reason, words)}")
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        fail(words.say("nobody answered; --yes answers in advance"), Exit.USAGE)
    if not agreed:
        raise typer.Exit(Exit.DONE)


def _as_json(letter: Letter, *, body: bool = False) -> dict[str, Any]:
    dead = letter.dead
    found: dict[str, Any] = {
        "id": letter.id,
        "queue": letter.queue,
        "system": dead.system,
        "entity": dead.entity,
        "chapter": dead.chapter,
        "record": dead.subject,
        "reason": dead.reason,
        "field": dead.field,
        "detail": dead.detail,
        "attempts": dead.attempts,
        "first_failed_at": dead.first_failed_at,
        "failed_by": dead.failed_by,
    }
    if body:
        found["body"] = dead.body.decode("utf-8", "replace")
    return found
