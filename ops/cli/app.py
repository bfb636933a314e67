"""The `membri-sync` command and what it holds."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from ops.cli import authorizing, dead, looking, measuring, rehearsing, roles
from ops.cli.context import Context
from ops.settings import DEFAULT_FILE

CONFIG_VARIABLE = "MEMBRI_SYNC_CONFIG"

app = typer.Typer(
    name="membri-sync",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for family in (roles, looking, authorizing, rehearsing, measuring):
    app.registered_commands += family.app.registered_commands
app.add_typer(dead.app, name="dead")
app.add_typer(looking.topology_app, name="topology")


def _version(wanted: bool) -> None:
    if wanted:
        try:
            print(metadata.version("membri-sync"))
        except metadata.PackageNotFoundError:
            print("membri-sync, from a checkout")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def common(
    command: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", envvar=CONFIG_VARIABLE, help="The configuration file.")
    ] = Path(DEFAULT_FILE),
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More log lines.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and end.")
    ] = False,
) -> None:
    """Accounting synchronisation for Membri 365: accounts, invoices and payments, once each.

    Exit codes: 0 done, 1 done with transfer errors, 2 usage or configuration, 3 unavailable.

    Every value of the configuration can be overridden: MEMBRI_SYNC__SECTION__KEY.
    """
    del version
    command.obj = Context(config, json=json, verbose=verbose)


def main() -> None:
    """The console script. `--json` and `--config` are taken before or after the command."""
    sys.argv[1:] = _options_first(sys.argv[1:])
    os.environ.setdefault("PYTHONUTF8", "1")
    app()


def _options_first(arguments: list[str]) -> list[str]:
    """People write `status --json` as readily as `--json status`."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in ("--json", "--verbose"):
            front.append(word)
        elif word == "--config":
            front += [word, next(words, "")]
        elif word.startswith("--config="):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]
