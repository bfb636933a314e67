"""Commands that move records: up, once, poll, settle, consume, overview."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from ops import fleet, overview, wiring
from ops.cli import progress
from ops.cli.context import Exit, Role, context_of, explained, fail, patiently, role
from ops.cli.printing import report_table
from ops.processes import Supervisor, line_printer
from ops.settings import Settings
from ops.synchronise import Synchronisation
from producers.membri import Membri
from producers.poller import Poller
from producers.settler import Settler
from schemas.facts import Observer
from schemas.wire.rabbit import RabbitBroker

app = typer.Typer()

Chapters = Annotated[
    list[str],
    typer.Option(
        "--chapter",
        "-c",
        metavar="CHAPTER",
        show_default=False,
        help="Only this chapter (slug or name); repeatable.",
    ),
]


@app.command(short_help="Run all roles on this machine, supervised.")
def up(command: typer.Context) -> None:
    """Run all roles of the configuration on this machine, supervised, until Ctrl-C.

    Without a configured broker a private RabbitMQ node is started too.

    \b
    Examples:
      membri-sync up
      membri-sync up --config /etc/membri-sync/membri-sync.toml
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        ended = Supervisor(line_printer()).run(fleet.fleet_of(settings).children())
        if ended.reason in ("not_ready", "all_exited"):
            fail(f"{ended.child} could not be started; its lines above say why", Exit.UNAVAILABLE)


@app.command()
def poll(
    command: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One full pass, then end.")] = False,
) -> None:
    """Publish each record that is « À transférer » in Membri.

    \b
    Example:
      membri-sync poll
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        if once:
            with (
                wiring.dataverse(settings) as client,
                wiring.poller(
                    settings, wiring.membri(settings, client), wiring.broker(settings, "poll")
                ) as poller,
            ):
                tally = poller.run_pass(whole=True)
            told = context.words.say(
                "{published} published, {held} held, {refused} refused",
                published=tally.published,
                held=tally.held,
                refused=tally.buried,
            )
            context.give(vars(tally), told)
            return
        with role("poll", settings, verbose=context.verbose) as running:
            _stay(settings, "poll", running, wiring.poller)


@app.command(short_help="Write outcomes back to Membri.")
def settle(
    command: typer.Context,
    drain: Annotated[bool, typer.Option("--drain", help="Until the queue is empty.")] = False,
) -> None:
    """Write outcomes back to Membri: status, reference and error text together.

    \b
    Example:
      membri-sync settle
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        if drain:
            with (
                wiring.dataverse(settings) as client,
                wiring.settler(
                    settings, wiring.membri(settings, client), wiring.broker(settings, "settle")
                ) as settler,
            ):
                count = settler.drain()
            told = context.words.count(
                "{n} outcome written to Membri", "{n} outcomes written to Membri", count
            )
            context.give({"settled": count}, told)
            return
        with role("settle", settings, verbose=context.verbose) as running:
            _stay(settings, "settle", running, wiring.settler)


def _stay(
    settings: Settings,
    name: str,
    running: Role,
    make: Callable[
        [Settings, Membri, RabbitBroker, Observer], AbstractContextManager[Poller | Settler]
    ],
) -> None:
    """Runs what `make` builds from Membri and the broker until told to stop; waits for both."""
    wire = wiring.broker(settings, name)
    with wiring.dataverse(settings, running.observer) as client:
        membri = patiently(running.stop, lambda: wiring.membri(settings, client))
        if membri is not None:
            with make(settings, membri, wire, running.observer) as one:
                one.run(running.stop)


@app.command()
def consume(
    command: typer.Context,
    chapter: Annotated[str, typer.Argument(metavar="CHAPTER", help="Slug or name of the chapter.")],
) -> None:
    """Put one chapter's records into its accounting system.

    It needs the broker and the ledger, never Membri's secret. A second process for the same
    chapter stands by.

    \b
    Example:
      membri-sync consume montreal
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        slug = settings.chapter(chapter).slug
        with role(f"consume {slug}", settings, verbose=context.verbose) as running:
            wire = wiring.broker(settings, f"consume {slug}")
            while not running.stop.is_set():
                with contextlib.ExitStack() as stack:
                    consumer = patiently(
                        running.stop,
                        lambda: stack.enter_context(
                            wiring.consumer(settings, slug, wire, running.stop, running.observer)
                        ),
                    )
                    if consumer is not None:
                        consumer.run()


@app.command("overview", short_help="Serve the metrics of this machine.")
def overview_role(
    command: typer.Context,
    every_s: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks.")] = 15.0,
) -> None:
    """Serve the metrics of this machine, with what ledger and broker say.

    \b
    Example:
      membri-sync overview
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        with role("overview", settings, verbose=context.verbose) as running:
            _keep_looking(settings, running, every_s)


def _keep_looking(settings: Settings, running: Role, every_s: float) -> None:
    wire = wiring.broker(settings, "overview")
    named = [(chapter.name, chapter.slug, chapter.system) for chapter in settings.chapters]
    ledgers = patiently(
        running.stop, lambda: {slug: wiring.ledger(settings, slug) for _, slug, _ in named}
    )
    while ledgers and not running.stop.is_set():
        found = overview.look(named, ledgers.__getitem__, wire, ages=True)
        running.metrics.refresh(found)
        running.stop.wait(every_s)


@app.command(short_help="Synchronise once, then report: « Commencer ».")
def once(command: typer.Context, chapter: Chapters = []) -> None:  # noqa: B006 — typer's way to an empty list
    """One synchronisation from start to end, then a report: the manual's « Commencer ».

    Ends with 1 when records could not be transferred, 3 when something cannot be reached.

    \b
    Examples:
      membri-sync once
      membri-sync once --chapter montreal --json
    """
    context = context_of(command)
    with explained(context.words):
        settings = context.settings()
        with progress.starting(context), contextlib.ExitStack() as stack:
            ready = stack.enter_context(fleet.any_broker(settings))
            kept = stack.pop_all()
        with kept:
            run = Synchronisation(ready, wiring.slugs(ready, chapter))
            with progress.synchronisation(context, run):
                report = run.run()
        context.give(report.as_json(), lambda: report_table(report, context.words))
    if report.errors:
        raise typer.Exit(Exit.TRANSFER_ERRORS)
