"""Commands that only look: check, status, record, systems, topology, pause and resume."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.table import Table

from consumers.ledger.port import Key
from consumers.systems import registry
from ops import overview, wiring
from ops.broker import permissions
from ops.checks import Check, all_checks
from ops.cli.context import Exit, context_of, explained, fail
from ops.cli.printing import overview_table
from ops.report import label_of
from ops.settings import Settings
from schemas.statuses import Entity

app = typer.Typer()
topology_app = typer.Typer(help="Exchanges, queues and rights on the broker.", no_args_is_help=True)


@app.command()
def check(command: typer.Context) -> None:
    """Check configuration, broker, ledger, Membri and each accounting system.

    One line each, with the remedy. Ends with 2 when something is wrong, 3 when it is unreachable.

    Example: membri-sync check
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        found: list[Check] = []
        for one in all_checks(settings):
            found.append(one)
            if not context.json:
                mark = {"ok": "[green]✓[/]", "wrong": "[red]✗[/]", "unavailable": "[yellow]?[/]"}
                context.console.print(f"{mark[one.state]} {one.subject}: ", end="")
                remedy = f" → {one.remedy}" if one.remedy else ""
                context.console.print(f"{one.text}{remedy}", markup=False)
    if context.json:
        context.print_json([vars(one) for one in found])
    states = {one.state for one in found}
    if "wrong" in states:
        raise typer.Exit(Exit.USAGE)
    if "unavailable" in states:
        raise typer.Exit(Exit.UNAVAILABLE)


@app.command()
def status(command: typer.Context) -> None:
    """Where everything stands: queued, transferred, waiting, in error.

    Example: membri-sync status --json
    """
    context = context_of(command)
    with explained(), contextlib.ExitStack() as stack:
        settings = context.settings()
        wire = wiring.broker(settings, "status") if settings.broker.configured else None
        ledgers = {c.slug: wiring.ledger(settings, c.slug) for c in settings.chapters}
        for ledger in ledgers.values():
            stack.callback(ledger.close)
        named = [(c.name, c.slug, c.system) for c in settings.chapters]
        found = overview.look(named, ledgers.__getitem__, wire)
    if context.json:
        context.print_json(_overview_json(found))
    else:
        context.console.print(overview_table(found))


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
        "notes": found.notes,
    }


@app.command()
def record(
    command: typer.Context,
    id: Annotated[str, typer.Argument(help="The record's id in Membri.")],  # noqa: A002
) -> None:
    """The timeline of one record, and where it stands.

    Example: membri-sync record 7f0e3c1a-6b1d-4c8e-9a57-2f9f8b7d1e01
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        found = [
            line for chapter in settings.chapters for line in _lines(settings, chapter.slug, id)
        ]
    if not found:
        fail(f"no trace of {id} in any chapter", Exit.USAGE)
    if context.json:
        context.print_json(found)
        return
    table = Table("when", "chapter", "entity", "what", "detail", title=id)
    for line in found:
        when = dt.datetime.fromisoformat(line["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, line["chapter"], line["entity"], line["what"], line["detail"])
    context.console.print(table)


def _lines(settings: Settings, slug: str, record_id: str) -> Iterator[dict[str, str]]:
    ledger = wiring.ledger(settings, slug)
    with contextlib.closing(ledger):
        keys = [Key(entity, record_id) for entity in Entity]
        for note in ledger.timeline(record_id):
            yield _line(slug, note.key.entity, note.at, note.what, note.detail)
        for key, entry in ledger.entries(keys).items():
            told = f"{entry.state}"
            detail = f"reference {entry.reference}" if entry.reference else entry.reason
            yield _line(slug, key.entity, entry.changed_at, told, detail)
        for key, wait in ledger.waits(keys).items():
            needs = f" {wait.waits_for.entity} {wait.waits_for.id}" if wait.waits_for else ""
            detail = f"{label_of(wait.body)} {wait.detail}".strip()
            yield _line(slug, key.entity, wait.since, f"{wait.reason}{needs}", detail)


def _line(slug: str, entity: str, at: float, what: str, detail: str) -> dict[str, str]:
    when = dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
    return {"chapter": slug, "entity": entity, "at": when, "what": what, "detail": detail}


@app.command()
def systems(command: typer.Context) -> None:
    """The accounting systems, and what `[chapters.connection]` takes for each.

    Example: membri-sync systems
    """
    context = context_of(command)
    found = {name: _fields(registry.connection_model(name)) for name in registry.names()}
    if context.json:
        context.print_json(found)
        return
    for name, fields in found.items():
        table = Table("key", "type", "default", title=name)
        for key, field in fields.items():
            table.add_row(key, field["type"], field["default"])
        context.console.print(table)


def _fields(model: type[BaseModel]) -> dict[str, dict[str, str]]:
    properties = model.model_json_schema().get("properties", {})
    needed = model.model_json_schema().get("required", [])
    return {
        key: {
            "type": str(value.get("type", "object")),
            "default": "required" if key in needed else str(value.get("default", "")),
        }
        for key, value in properties.items()
    }


@app.command()
def pause(
    command: typer.Context,
    chapter: Annotated[str, typer.Argument(help="Slug or name of the chapter.")],
    why: Annotated[str, typer.Option(help="Shown in status.")] = "paused by an operator",
) -> None:
    """Keep a chapter's consumer from sending anything, until `resume`.

    Example: membri-sync pause montreal --why "fermeture de mois"
    """
    _set_pause(command, chapter, why)


@app.command()
def resume(
    command: typer.Context,
    chapter: Annotated[str, typer.Argument(help="Slug or name of the chapter.")],
) -> None:
    """Let a chapter's consumer go on.

    Example: membri-sync resume montreal
    """
    _set_pause(command, chapter, None)


def _set_pause(command: typer.Context, chapter: str, why: str | None) -> None:
    context = context_of(command)
    with explained():
        settings = context.settings()
        slug = settings.chapter(chapter).slug
        with contextlib.closing(wiring.ledger(settings, slug)) as ledger:
            ledger.pause(why)
    state = "paused" if why else "resumed"
    if context.json:
        context.print_json({"chapter": slug, "state": state})
    else:
        context.console.print(f"{slug} {state}")


@topology_app.command("show")
def show_topology(command: typer.Context) -> None:
    """What the broker must have.

    Example: membri-sync topology show
    """
    context = context_of(command)
    with explained():
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
    for exchange in found.exchanges:
        context.console.print(f"exchange {exchange.name} ({exchange.kind})")
    for queue in found.queues:
        context.console.print(f"queue {queue.name}")
    for binding in found.bindings:
        context.console.print(f"  {binding.exchange} -{binding.pattern}→ {binding.queue}")


@topology_app.command("apply")
def apply_topology(command: typer.Context) -> None:
    """Declare what is missing; needs the operator's rights.

    Example: membri-sync topology apply
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        found = wiring.the_topology(settings)
        wiring.broker(settings, "topology").apply(found)
    context.console.print(f"{len(found.exchanges)} exchanges, {len(found.queues)} queues")


@topology_app.command("permissions")
def show_permissions(command: typer.Context) -> None:
    """The least rights of each role, as rabbitmqctl lines.

    Example: membri-sync topology permissions
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
    roles = ["poll", "settle", "operator"]
    roles += [f"consume:{c.system}.{c.slug}" for c in settings.chapters]
    lines = {role: permissions.as_rabbitmqctl(permissions.grants(role)) for role in roles}
    if context.json:
        context.print_json(lines)
        return
    for role, commands in lines.items():
        context.console.print(f"# {role}", highlight=False)
        for line in commands:
            context.console.print(line, markup=False, highlight=False, soft_wrap=True)
