"""Commands that move records: up, once, poll, settle, consume, overview."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Annotated

import typer

from ops import fleet, metrics, overview, wiring
from ops.cli.context import Exit, context_of, explained, fail, patiently, role
from ops.cli.printing import print_synchronisation, report_table
from ops.processes import Supervisor, line_printer
from ops.settings import Settings
from ops.synchronise import Synchronisation

log = logging.getLogger(__name__)
app = typer.Typer()

Chapters = Annotated[
    list[str], typer.Option("--chapter", "-c", help="Only this chapter (slug or name); repeatable.")
]


@app.command()
def up(command: typer.Context) -> None:
    """Run all roles of the configuration on this machine, supervised, until Ctrl-C.

    Without a configured broker a private RabbitMQ node is started too.

    Example: membri-sync --config membri-sync.toml up
    """
    context = context_of(command)
    with explained():
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

    Example: membri-sync poll
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        if once:
            with (
                wiring.dataverse(settings) as client,
                wiring.poller(
                    settings, wiring.membri(settings, client), wiring.broker(settings, "poll")
                ) as poller,
            ):
                tally = poller.run_pass()
                context.print_json(vars(tally)) if context.json else context.console.print(
                    f"{tally.published} published, {tally.held} held, {tally.buried} refused"
                )
            return
        with role("poll", settings, verbose=context.verbose) as (stop, observer):
            client = wiring.dataverse(settings, observer)
            wire = wiring.broker(settings, "poll")
            with client:
                source = patiently(stop, lambda: wiring.membri(settings, client))
                if source is not None:
                    with wiring.poller(settings, source, wire, observer) as poller:
                        poller.run(stop)


@app.command()
def settle(
    command: typer.Context,
    drain: Annotated[bool, typer.Option("--drain", help="Until the queue is empty.")] = False,
) -> None:
    """Write outcomes back to Membri: status, reference and error text together.

    Example: membri-sync settle
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        if drain:
            with (
                wiring.dataverse(settings) as client,
                wiring.settler(
                    settings, wiring.membri(settings, client), wiring.broker(settings, "settle")
                ) as settler,
            ):
                count = settler.drain()
                context.print_json({"settled": count}) if context.json else context.console.print(
                    f"{count} settled"
                )
            return
        with role("settle", settings, verbose=context.verbose) as (stop, observer):
            client = wiring.dataverse(settings, observer)
            wire = wiring.broker(settings, "settle")
            with client:
                target = patiently(stop, lambda: wiring.membri(settings, client))
                if target is not None:
                    with wiring.settler(settings, target, wire, observer) as settler:
                        settler.run(stop)


@app.command()
def consume(
    command: typer.Context,
    chapter: Annotated[str, typer.Argument(help="Slug or name of the chapter.")],
) -> None:
    """Put one chapter's records into its accounting system.

    It needs the broker and the ledger, never Membri's secret. A second process for the same
    chapter stands by.

    Example: membri-sync consume montreal
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        slug = settings.chapter(chapter).slug
        with role(f"consume {slug}", settings, verbose=context.verbose) as (stop, observer):
            wire = wiring.broker(settings, f"consume {slug}")
            while not stop.is_set():
                with contextlib.ExitStack() as stack:
                    consumer = patiently(
                        stop,
                        lambda: stack.enter_context(
                            wiring.consumer(settings, slug, wire, stop, observer)
                        ),
                    )
                    if consumer is not None:
                        consumer.run()


@app.command("overview")
def overview_role(
    command: typer.Context,
    every_s: Annotated[float, typer.Option(help="Seconds between two looks.")] = 15.0,
) -> None:
    """Serve the metrics of this machine, with what ledger and broker say.

    Example: membri-sync overview
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        with role("overview", settings, verbose=context.verbose) as (stop, _):
            collected = metrics.Metrics()
            shut = metrics.serve(collected, settings.metrics.host, settings.metrics.port)
            try:
                _keep_looking(settings, collected, stop, every_s)
            finally:
                shut()


def _keep_looking(
    settings: Settings, collected: metrics.Metrics, stop: threading.Event, every_s: float
) -> None:
    wire = wiring.broker(settings, "overview")
    named = [(chapter.name, chapter.slug, chapter.system) for chapter in settings.chapters]
    ledgers = patiently(stop, lambda: {slug: wiring.ledger(settings, slug) for _, slug, _ in named})
    while ledgers and not stop.is_set():
        found = overview.look(named, ledgers.__getitem__, wire)
        collected.refresh(found)
        stop.wait(every_s)


@app.command()
def once(command: typer.Context, chapter: Chapters = []) -> None:  # noqa: B006 — typer's way to an empty list
    """One synchronisation from start to end, then a report: the manual's « Commencer ».

    Ends with 1 when records could not be transferred, 3 when something cannot be reached.

    Examples:

      membri-sync once

      membri-sync once --chapter montreal --json
    """
    context = context_of(command)
    with explained():
        settings = context.settings()
        with fleet.any_broker(settings) as ready:
            run = Synchronisation(ready, wiring.slugs(ready, chapter))
            with print_synchronisation(context, run):
                report = run.run()
        if context.json:
            context.print_json(report.as_json())
        else:
            context.console.print(report_table(report))
    if report.errors:
        raise typer.Exit(Exit.TRANSFER_ERRORS)
