"""Commands to rehearse with: demo, sandbox."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.cli.printing import overview_table, report_table
from ops.language import Words
from ops.processes import Event, line_printer
from ops.report import Report

if TYPE_CHECKING:  # the sandboxes' servers are slow to import, and no other command needs them
    from ops.rehearsal import Demo

app = typer.Typer()
_LINES_SHOWN = 12
_LINES_KEPT = 60
"""Shown when the demo could not start."""

Folder = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Where everything of the rehearsal is kept.")
]
World = Annotated[
    str, typer.Option(metavar="SIZE", help="How many members: tiny, small or large:N.")
]
Systems = Annotated[
    list[str] | None,
    typer.Option(
        "--system",
        metavar="NAME",
        show_default=False,
        help="Who keeps the books; may be repeated. By default quickbooks_online.",
    ),
]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Another number, another association.")]


@app.command(short_help="Rehearse on a simulated Membri and simulated books.")
def demo(
    command: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="End when the whole world has moved, with a report.")
    ] = False,
    folder: Folder = Path(".demo"),
    world: World = "small",
    seed: Seed = 1,
    system: Systems = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the rehearsal of this folder.")
    ] = False,
    metrics_port: Annotated[
        int, typer.Option(metavar="PORT", help="Where to serve the metrics; 0 for nowhere.")
    ] = 0,
) -> None:
    """Rehearse: a private broker, a simulated Membri, simulated accounting systems, all roles.

    Nothing outside this machine is reached. Without --once it stays up, members keep registering,
    and Ctrl-C ends it. Meanwhile every other command looks into it with
    --config .demo/membri-sync.toml.

    \b
    Examples:
      membri-sync demo
      membri-sync demo --once
      membri-sync demo --once --json --world tiny
      membri-sync demo --once --system business_central
      membri-sync demo --once --system sage_300 --system sage_accounting
    """
    context = context_of(command)
    with explained(context.words):
        from ops.rehearsal import Demo

        rehearsal = Demo(
            folder,
            world,
            seed,
            _systems(system),
            live=not once,
            metrics_port=metrics_port,
            language=context.words.language,
        )
        if not resume:
            rehearsal.fresh()
        ended = _show(context, rehearsal, once=once)
        report = rehearsal.report
        if ended == "signal" and not once:
            return
        if report is None:
            if ended == "signal":
                raise typer.Exit(130)  # as a shell says of what Ctrl-C ended
            fail(
                context.words.say("the demo ended before the world had moved; its lines say why"),
                Exit.UNAVAILABLE,
            )
        context.give(report.as_json(), lambda: _rehearsed(report, context.words))
    if report.errors or report.extra["offences"] or not report.extra["books_match"]:
        raise typer.Exit(Exit.TRANSFER_ERRORS)


def _rehearsed(report: Report, words: Words) -> RenderableType:
    """The report, and whether books and manners were right."""
    if report.extra["books_match"]:
        books = Text(words.say("The books are as they must be, to the cent."), style="green")
    else:
        books = Text(words.say("The books DIFFER from what they must be."), style="bold red")
        books.append("".join(f"\n  {one}" for one in report.extra["differences"]), style="red")
    offences = words.count(
        "{n} offence against the rules of the outside systems.",
        "{n} offences against the rules of the outside systems.",
        report.extra["offences"],
    )
    return Group(report_table(report, words), "", books, Text(offences))


def _show(context: Context, rehearsal: Demo, *, once: bool) -> str:
    """A live table on a terminal, plain lines on stderr elsewhere. Returns why it ended."""
    if not context.live:
        return rehearsal.run(line_printer(), once=once).reason
    words = context.words
    lines: deque[str] = deque(maxlen=_LINES_SHOWN)
    everything: deque[Event] = deque(maxlen=_LINES_KEPT)
    current: list[RenderableType] = [Text(words.say("Starting the broker and the sandboxes…"))]

    def on_event(event: Event) -> None:
        everything.append(event)
        if event.kind != "line":
            lines.append(f"{event.child:<16} {event.kind}")
        elif event.child != "broker":  # RabbitMQ tells much, and nothing that helps here
            lines.append(f"{event.child:<16} {event.line}")

    def on_turn() -> None:
        if (found := rehearsal.overview()) is not None:
            current[0] = overview_table(found, words)

    hint = words.say("Ctrl-C ends it.")
    if not once:
        file = str(rehearsal.file)
        hint += " " + words.say(
            "In another terminal: membri-sync --config {file} status", file=file
        )

    class View:
        def __rich__(self) -> RenderableType:
            newest = Text("\n".join(lines), style="dim", no_wrap=True, overflow="ellipsis")
            return Group(current[0], "", newest, "", Text(hint))

    with Live(View(), console=context.console, refresh_per_second=4, transient=once):
        reason = rehearsal.run(on_event, once=once, on_turn=on_turn).reason
    if reason in ("not_ready", "all_exited"):
        for event in everything:
            line_printer()(event)
    return reason


@app.command(short_help="Run the simulated outside systems alone.")
def sandbox(
    command: typer.Context,
    folder: Folder = Path(".sandbox"),
    world: World = "small",
    seed: Seed = 1,
    system: Systems = None,
    live: Annotated[bool, typer.Option("--live", help="Members go on registering.")] = False,
) -> None:
    """Run the simulated Membri and accounting systems alone, until Ctrl-C.

    Writes a configuration that points at them: FOLDER/membri-sync.toml.

    \b
    Example:
      membri-sync sandbox --folder /tmp/rehearsal
    """
    from ops.sandbox import run as sandbox_run

    context = context_of(command)
    with explained(context.words):
        file = folder / sandbox_run.CONFIGURATION_FILE
        context.errors.print(
            context.words.say("{file} points at the sandboxes", file=file), markup=False
        )
        sandbox_run.serve(
            folder, world=world, seed=seed, systems=_systems(system), live=live, configured=True
        )


def _systems(given: list[str] | None) -> tuple[str, ...]:
    """The systems to rehearse on. Raises ConfigurationError on one that cannot be simulated."""
    from ops.sandbox.world import DEFAULT_SYSTEMS, chapters
    from ops.settings import ConfigurationError

    systems = tuple(given or DEFAULT_SYSTEMS)
    try:
        chapters(systems)
    except ValueError as error:
        raise ConfigurationError(f"--system: {error}") from error
    return systems
