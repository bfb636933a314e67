"""The command that measures: bench.

What comes in: which benchmark. What goes out: its figures, as it prints them. The benchmarks belong
to the tests and are not installed: refused without a checkout, with a word on where to get one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import ops
from ops.cli.context import Exit, context_of, fail

app = typer.Typer()
BENCHMARKS = Path("tests", "benchmarks")


@app.command()
def bench(
    command: typer.Context,
    count: Annotated[
        int, typer.Option(help="Invoices a round, or records pending; 0 for the usual number.")
    ] = 0,
    memory: Annotated[
        bool, typer.Option("--memory", help="Peak memory with 50,000 records waiting.")
    ] = False,
    idle: Annotated[
        bool, typer.Option("--idle", help="Processor time of an `up` with nothing to do.")
    ] = False,
) -> None:
    """Measure on this machine: speed by default, memory, or idle processor time.

    It runs a private broker and the sandboxes, reaches nothing outside, and needs a checkout.

    Examples:

      membri-sync bench

      membri-sync bench --memory --json
    """
    context = context_of(command)
    if memory and idle:
        fail("one of --memory and --idle is expected", Exit.USAGE)
    script = _script("memory.py" if memory else "idle.py" if idle else "pipeline.py")
    arguments = ["--json"] if context.json else []
    if count:
        if idle:
            fail("--count says nothing about an idle machine", Exit.USAGE)
        arguments += ["--count", str(count)]
    ended = subprocess.run([sys.executable, str(script), *arguments], check=False)  # noqa: S603 - a script of this checkout
    if ended.returncode:
        fail(f"{script.name} ended with code {ended.returncode}", Exit.UNAVAILABLE)


def _script(name: str) -> Path:
    """The benchmark in the checkout that this program runs from, or in the current directory."""
    places = (Path(ops.__file__).resolve().parents[1], Path.cwd())
    found = [path for root in places if (path := root / BENCHMARKS / name).is_file()]
    if not found:
        fail(
            f"bench needs a checkout of membri-sync: there is no {BENCHMARKS / name} beside the "
            "program nor in the current directory; clone the repository and run it from there",
            Exit.USAGE,
        )
    return found[0]
