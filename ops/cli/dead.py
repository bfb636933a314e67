"""`membri-sync dead …`: dead letters, each an « Erreur de transfert »."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ops import dead_letters, wiring
from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.cli.printing import letters_table
from ops.dead_letters import DeadLetters, Filter, Letter
from ops.settings import Settings
from schemas.reasons import explain

app = typer.Typer(help="Dead letters: list, show, replay, discard.", no_args_is_help=True)

Ids = Annotated[
    list[str], typer.Argument(help="Message ids (8 characters are enough) or Membri record ids.")
]
Entity = Annotated[str, typer.Option(help="account, invoice, payment or journal_entry.")]
Chapter = Annotated[str, typer.Option(help="Slug of the chapter.")]
Reason = Annotated[str, typer.Option(help="Reason code, e.g. closed_period.")]
System = Annotated[str, typer.Option(help="Accounting system, e.g. quickbooks_online.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list")
def list_letters(
    command: typer.Context,
    entity: Entity = "",
    chapter: Chapter = "",
    reason: Reason = "",
    system: System = "",
) -> None:
    """List dead letters; none is removed.

    Example: membri-sync dead list --reason closed_period
    """
    context = context_of(command)
    with explained(), _letters(context) as (_, letters):
        found = letters.all(Filter(entity=entity, chapter=chapter, reason=reason, system=system))
        if context.json:
            context.print_json([_as_json(letter) for letter in found])
        elif found:
            context.console.print(letters_table(found))
        else:
            context.console.print("no dead letters")


@app.command()
def show(
    command: typer.Context,
    id: Annotated[str, typer.Argument(help="Message id or record id.")],  # noqa: A002
    lang: Annotated[str, typer.Option(help="fr or en.")] = "fr",
) -> None:
    """Show one dead letter: why, what to correct, and the message itself.

    Example: membri-sync dead show 5f0c2a9b
    """
    context = context_of(command)
    with explained(), _letters(context) as (_, letters):
        found = letters.all(Filter(ids=(id,)))
        if not found:
            fail(f"no dead letter {id}", Exit.USAGE)
        if context.json:
            context.print_json([_as_json(letter, body=True) for letter in found])
            return
        for letter in found:
            dead = letter.dead
            context.console.print(letters_table([letter]))
            context.console.print(explain(dead.reason, lang, dead.field, dead.detail))
            context.console.print(f"queue {letter.queue}, attempts {dead.attempts}")
            context.console.print(dead.body.decode("utf-8", "replace"), markup=False)


@app.command()
def replay(
    command: typer.Context,
    ids: Ids = [],  # noqa: B006 — typer's way to an empty list
    entity: Entity = "",
    chapter: Chapter = "",
    reason: Reason = "",
    system: System = "",
    as_is: Annotated[
        bool, typer.Option("--as-is", help="The message as it was, not the record as it is now.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Send dead letters again, each as its record is now in Membri.

    Examples:

      membri-sync dead replay 5f0c2a9b

      membri-sync dead replay --reason closed_period --chapter montreal --yes
    """
    context = context_of(command)
    wanted = Filter(tuple(ids), system, entity, chapter, reason)
    _need_something(wanted)
    with explained(), _letters(context) as (settings, letters):
        found = letters.all(wanted)
        _agree(context, "replay", found, yes)
        with contextlib.ExitStack() as stack:
            membri = None
            if not as_is:
                client = stack.enter_context(wiring.dataverse(settings))
                membri = wiring.membri(settings, client)
            progress = stack.enter_context(_progress(context, len(found)))
            ended = letters.replay(found, membri, progress=progress)
    if context.json:
        context.print_json(
            [{"id": e.letter.id, "outcome": e.outcome, "detail": e.detail} for e in ended]
        )
    else:
        for one in ended:
            context.console.print(f"{one.letter.id[:8]} {one.outcome} {one.detail}".rstrip())
        context.console.print(f"{sum(e.outcome == 'replayed' for e in ended)} replayed")
    if any(one.outcome != "replayed" for one in ended):
        raise typer.Exit(Exit.TRANSFER_ERRORS)


@app.command()
def discard(
    command: typer.Context,
    ids: Ids = [],  # noqa: B006 — typer's way to an empty list
    entity: Entity = "",
    chapter: Chapter = "",
    reason: Reason = "",
    system: System = "",
    yes: Yes = False,
) -> None:
    """Remove dead letters for good. The records keep their status in Membri.

    Example: membri-sync dead discard 5f0c2a9b
    """
    context = context_of(command)
    wanted = Filter(tuple(ids), system, entity, chapter, reason)
    _need_something(wanted)
    with explained(), _letters(context) as (_, letters):
        found = letters.all(wanted)
        _agree(context, "discard", found, yes)
        count = letters.discard(found)
    if context.json:
        context.print_json({"discarded": count})
    else:
        context.console.print(f"{count} discarded")


@contextlib.contextmanager
def _letters(context: Context) -> Iterator[tuple[Settings, DeadLetters]]:
    settings = context.settings()
    wire = wiring.broker(settings, "dead")
    yield settings, DeadLetters(wire, [chapter.system for chapter in settings.chapters])


def _need_something(wanted: Filter) -> None:
    if wanted == Filter():
        fail("name the letters, by id or by a filter such as --reason", Exit.USAGE)


def _agree(context: Context, verb: str, found: list[Letter], yes: bool) -> None:
    if not found:
        fail("no dead letter matches", Exit.USAGE)
    if yes or len(found) == 1 or context.json:
        return
    for (system, entity, reason), count in dead_letters.summary(found).items():
        context.console.print(f"{count} × {entity} {reason} ({system})")
    if not typer.confirm(f"{verb} {len(found)} dead letters?"):
        raise typer.Exit(Exit.DONE)


@contextlib.contextmanager
def _progress(context: Context, total: int) -> Iterator[Any]:
    if context.json or not context.console.is_terminal or total < 2:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=context.console, transient=True) as bar:
        task = bar.add_task("replaying", total=total)
        yield lambda count: bar.update(task, completed=count)


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
