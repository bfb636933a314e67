"""Commands that only look: check, status, record, topology; and pause and resume."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from consumers.ledger.port import Key
from ops import labels, overview, wiring
from ops.broker import permissions
from ops.checks import Check, all_checks
from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.cli.printing import Column, overview_table, plain_table
from ops.labels import ENTITIES
from ops.language import N_, Words
from ops.report import label_of
from ops.settings import Settings
from schemas.statuses import Entity
from schemas.wire.topology import Topology

app = typer.Typer()
topology_app = typer.Typer(
    help="Queues and rights on the broker: show, apply, permissions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Chapter = Annotated[str, typer.Argument(metavar="CHAPTER", help="Slug or name of the chapter.")]
_MARKS = {
    "ok": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "wrong": "[red]✗[/]",
    "unavailable": "[yellow]?[/]",
}
_SUBJECTS = {
    "configuration": N_("configuration"),
    "broker": N_("broker"),
    "ledger": N_("ledger"),
    "membri": N_("Membri"),
}


@app.command(short_help="Check configuration, broker, Membri and each system.")
def check(command: typer.Context) -> None:
    """Check configuration, broker, ledger, Membri and each accounting system.

    One line each, with the remedy; each setting is compared with the live company. -v names every
    table, column and setting. Ends with 2 when something is wrong, 3 when it cannot be reached; a
    warning (!) changes nothing.

    \b
    Examples:
      membri-sync check
      membri-sync check --json
    """
    context = context_of(command)
    found: list[Check] = []
    with explained(context.words):
        for one in all_checks(context.settings()):
            found.append(one)
            if not context.json and (context.verbose or not one.detail):
                _print_check(context, one)
    if context.json:
        context.print_json([one.as_json() for one in found])
    states = {one.state for one in found}
    if "wrong" in states:
        raise typer.Exit(Exit.USAGE)
    if "unavailable" in states:
        raise typer.Exit(Exit.UNAVAILABLE)


def _print_check(context: Context, one: Check) -> None:
    words = context.words
    subject = labels.name(_SUBJECTS, one.subject, words)
    mark = _MARKS[one.state]
    context.console.print(
        f"{mark} {escape(subject)}: {escape(words.tell(one.text))}", soft_wrap=True
    )
    lines = [words.tell(one.remedy)] if one.remedy.text else []
    if one.reason is not None:
        lines.insert(0, f"{labels.what(one.reason, words)} {labels.advice(one.reason, words)}")
    if one.setting is not None and one.reason is not None:
        lines.append(labels.whereabouts(one.reason, words))
    for line in lines:
        context.console.print(Text(f"    → {line}"), soft_wrap=True)


@app.command(short_help="Show what is queued, transferred, waiting, in error.")
def status(command: typer.Context) -> None:
    """Where everything stands: queued, transferred, waiting, in error.

    \b
    Examples:
      membri-sync status
      membri-sync status --json
    """
    context = context_of(command)
    with explained(context.words), contextlib.ExitStack() as stack:
        settings = context.settings()
        wire = None
        if wiring.has_broker(settings):
            wire = wiring.broker(settings, "status")
            stack.callback(wire.close)
        ledgers = {c.slug: wiring.ledger(settings, c.slug) for c in settings.chapters}
        for ledger in ledgers.values():
            stack.callback(ledger.close)
        named = [(c.name, c.slug, c.system) for c in settings.chapters]
        found = overview.look(named, ledgers.__getitem__, wire)
    context.give(_overview_json(found), lambda: overview_table(found, context.words))
    if wire is not None and any(one.queued is None for one in found.chapters):
        raise typer.Exit(Exit.UNAVAILABLE)  # shown without the broker's figures


def _overview_json(found: overview.Overview) -> dict[str, Any]:
    return {
        "chapters": [
            {
                **{k: v for k, v in vars(one).items() if k not in ("states", "waiting")},
                "states": [
                    {"state": s, "entity": e, "count": n} for (s, e), n in one.states.items()
                ],
                "waiting": [
                    {"reason": r, "entity": e, "count": n} for (r, e), n in one.waiting.items()
                ],
            }
            for one in found.chapters
        ],
        "dead_letters": [
            {"system": s, "entity": e, "count": n} for (s, e), n in found.dead_letters.items()
        ],
        "to_settle": found.to_settle,
        "notes": [str(note) for note in found.notes],
    }


@app.command()
def record(
    command: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The record's id in Membri.")],  # noqa: A002 - what people call it
) -> None:
    """The timeline of one record, and where it stands.

    \b
    Example:
      membri-sync record 7f0e3c1a-6b1d-4c8e-9a57-2f9f8b7d1e01
    """
    context = context_of(command)
    words = context.words
    with explained(words):
        settings = context.settings()
        wanted = id.strip().strip("{}").lower()  # as Dataverse writes ids
        found = [line for c in settings.chapters for line in _lines(settings, c.slug, wanted)]
    if not found:
        fail(words.say("no chapter has a trace of {id}", id=id), Exit.USAGE)
    context.give(found, lambda: _timeline(found, words))


def _timeline(found: list[dict[str, Any]], words: Words) -> Table:
    columns = [
        Column(words.say("When")),
        Column(words.say("Chapter")),
        Column(words.say("Record")),
        Column(words.say("What")),
        Column(words.say("Detail"), elastic=True),
    ]
    table = plain_table(columns, found[0]["id"])
    for line in found:
        code, now = line["what"], line["now"]
        what = labels.now(code, words) if now else labels.event(code, words)
        table.add_row(
            words.say("now") if now else words.moment(line["epoch_s"], seconds=True),
            line["chapter"],
            labels.name(ENTITIES, line["entity"], words),
            Text(what),
            Text(labels.detail("", line["detail"], words)),
        )
    return table


def _lines(settings: Settings, slug: str, record_id: str) -> Iterator[dict[str, Any]]:
    """The timeline in its order, then where the record stands now."""
    keys = [Key(entity, record_id) for entity in Entity]
    with contextlib.closing(wiring.ledger(settings, slug)) as ledger:
        for note in ledger.timeline(record_id):
            yield _line(slug, note.key, note.at, note.what, note.detail)
        waits = ledger.waits(keys)
        for key, entry in ledger.entries(keys).items():
            if key not in waits:
                detail = entry.reference or entry.reason
                yield _line(slug, key, entry.changed_at, str(entry.state), detail, now=True)
        for key, wait in waits.items():
            told = " ".join(part for part in (label_of(wait.body), wait.detail) if part)
            line = _line(slug, key, wait.since, str(wait.reason), told, now=True)
            if wait.waits_for:
                line["waits_for"] = f"{wait.waits_for.entity} {wait.waits_for.id}"
            yield line


def _line(
    slug: str, key: Key, at: float, what: str, detail: str, *, now: bool = False
) -> dict[str, Any]:
    return {
        "chapter": slug,
        "entity": str(key.entity),
        "id": key.id,
        "at": overview.utc(at),
        "epoch_s": at,
        "what": what,
        "detail": detail,
        "now": now,
    }


@app.command(short_help="Keep a chapter from sending anything.")
def pause(
    command: typer.Context,
    chapter: Chapter,
    why: Annotated[
        str, typer.Option(metavar="TEXT", help="Shown by status.")
    ] = "paused by an operator",
) -> None:
    """Keep a chapter's consumer from sending anything, until `resume`.

    \b
    Example:
      membri-sync pause montreal --why "fermeture de mois"
    """
    _set_pause(command, chapter, why)


@app.command()
def resume(command: typer.Context, chapter: Chapter) -> None:
    """Let a paused chapter's consumer go on.

    \b
    Example:
      membri-sync resume montreal
    """
    _set_pause(command, chapter, None)


def _set_pause(command: typer.Context, chapter: str, why: str | None) -> None:
    context = context_of(command)
    words = context.words
    with explained(words):
        settings = context.settings()
        slug = settings.chapter(chapter).slug
        with contextlib.closing(wiring.ledger(settings, slug)) as ledger:
            ledger.pause(why)
    told = words.say("{chapter} is paused", chapter=slug)
    if why is None:
        told = words.say("{chapter} goes on", chapter=slug)
    context.give({"chapter": slug, "state": "resumed" if why is None else "paused"}, told)


@topology_app.command("show")
def show_topology(command: typer.Context) -> None:
    """What the broker must have.

    \b
    Example:
      membri-sync topology show
    """
    context = context_of(command)
    with explained(context.words):
        found = wiring.the_topology(context.settings())
    if context.json:
        context.print_json(
            {
                "exchanges": [vars(one) for one in found.exchanges],
                "queues": [vars(one) for one in found.queues],
                "bindings": [vars(one) for one in found.bindings],
            }
        )
        return
    _print_topology(context, found)


def _print_topology(context: Context, found: Topology) -> None:
    words = context.words
    for exchange in found.exchanges:
        context.line(words.say("exchange {name} ({kind})", name=exchange.name, kind=exchange.kind))
        fed = [one for one in found.bindings if one.exchange == exchange.name]
        width = max((len(one.pattern) for one in fed), default=0)
        for binding in fed:
            context.line(f"  {binding.pattern or '*':<{width}}  → {binding.queue}")
    context.line("")
    for queue in found.queues:
        context.line(words.say("queue {name}", name=queue.name))
        if context.verbose:
            for key, value in queue.arguments.items():
                context.line(f"  {key} = {value}")


@topology_app.command("apply")
def apply_topology(command: typer.Context) -> None:
    """Declare what is missing; needs the operator's rights.

    \b
    Example:
      membri-sync topology apply
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        found = wiring.the_topology(settings)
        with contextlib.closing(wiring.broker(settings, "topology")) as wire:
            wire.apply(found)
    exchanges, queues = len(found.exchanges), len(found.queues)
    told = context.words.say(
        "{exchanges} exchanges and {queues} queues are there", exchanges=exchanges, queues=queues
    )
    context.give({"exchanges": exchanges, "queues": queues}, told)


@topology_app.command("permissions")
def show_permissions(command: typer.Context) -> None:
    """The least rights of each role, as rabbitmqctl lines.

    \b
    Example:
      membri-sync topology permissions
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
    roles = ["poll", "settle", "operator"]
    roles += [f"consume:{c.system}.{c.slug}" for c in settings.chapters]
    lines = {role: permissions.as_rabbitmqctl(permissions.grants(role)) for role in roles}
    if context.json:
        context.print_json(lines)
        return
    for role, commands in lines.items():
        context.line(f"# {role}")
        for line in commands:
            context.line(line)
