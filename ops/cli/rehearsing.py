"""Commands to rehearse with: sandbox, demo."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.cli.printing import overview_table, report_table
from ops.processes import Event, line_printer
from ops.rehearsal import Demo
from ops.sandbox import run as sandbox_run

app = typer.Typer()
_LINES_SHOWN = 12

Folder = Annotated[Path, typer.Option(help="Where everything of the rehearsal is kept.")]
World = Annotated[str, typer.Option(help="tiny, small or large:N.")]
Seed = Annotated[int, typer.Option(help="Another number, another association.")]


@app.command()
def demo(
    command: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="End when the whole world has moved, with a report.")
    ] = False,
    folder: Folder = Path(".demo"),
    world: World = "small",
    seed: Seed = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the rehearsal of this folder.")
    ] = False,
    metrics_port: Annotated[int, typer.Option(help="Port of the metrics; 0 for none.")] = 0,
) -> None:
    """Rehearse: a private broker, a simulated Membri and QuickBooks Online, and all roles.

    Nothing outside this machine is reached. Without --once it stays up, members keep registering,
    and Ctrl-C ends it.

    Examples:

      membri-sync demo

      membri-sync demo --once --json
    """
    context = context_of(command)
    with explained():
        rehearsal = Demo(folder, world, seed, live=not once, metrics_port=metrics_port)
        if not resume:
            rehearsal.fresh()
        _show(context, rehearsal, once=once)
        if not once:
            return
        report = rehearsal.report
        if report is None:
            fail("the demo ended before the world had moved; its lines say why", Exit.UNAVAILABLE)
        if context.json:
            context.print_json(report.as_json())
        else:
            context.console.print(report_table(report))
            _verdict(context, report.extra["books_match"], report.extra["offences"])
    if report.errors:
        raise typer.Exit(Exit.TRANSFER_ERRORS)


def _verdict(context: Context, books_match: bool, offences: int) -> None:
    told = "The books are as they must be, to the cent." if books_match else "The books DIFFER."
    context.console.print(f"{told} {offences} offences against the outside systems.")


def _show(context: Context, rehearsal: Demo, *, once: bool) -> None:
    """A live table on a terminal, plain lines on stderr elsewhere."""
    if context.json or not context.console.is_terminal:
        rehearsal.run(line_printer(), once=once)
        return
    lines: deque[str] = deque(maxlen=_LINES_SHOWN)
    current: list[RenderableType] = [Text("starting the broker and the sandboxes…")]

    def on_event(event: Event) -> None:
        what = event.line if event.kind == "line" else event.kind
        lines.append(f"{event.child:<16} {what}")

    def on_turn() -> None:
        if (found := rehearsal.overview()) is not None:
            current[0] = overview_table(found)

    class View:
        def __rich__(self) -> RenderableType:
            return Group(current[0], Text("\n".join(lines), style="dim", no_wrap=True))

    with Live(View(), console=context.console, refresh_per_second=4):
        rehearsal.run(on_event, once=once, on_turn=on_turn)


@app.command()
def sandbox(
    command: typer.Context,
    folder: Folder = Path(".sandbox"),
    world: World = "small",
    seed: Seed = 1,
    live: Annotated[bool, typer.Option("--live", help="Members go on registering.")] = False,
) -> None:
    """Run the simulated Membri and QuickBooks Online alone, until Ctrl-C.

    Writes a configuration that points at them: FOLDER/membri-sync.toml.

    Example: membri-sync sandbox --folder /tmp/rehearsal
    """
    context = context_of(command)
    with explained():
        context.errors.print(f"{folder}/{sandbox_run.CONFIGURATION_FILE} points at the sandboxes")
        sandbox_run.serve(folder, world=world, seed=seed, live=live)
