"""The `membri-sync` command and what it holds."""

from __future__ import annotations

import enum
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ops import language
from ops.cli import authorizing, dead, describing, looking, measuring, previewing, rehearsing, roles
from ops.cli.context import Context
from ops.language import Words
from ops.settings import DEFAULT_FILE
from schemas.sentences import speak

CONFIG_VARIABLE = "MEMBRI_SYNC_CONFIG"
LANGUAGE_VARIABLE = "MEMBRI_SYNC_LANG"
_FLAGS = ("--json", "--verbose")
_VALUED = ("--config", "--lang")

_TYPE = re.compile(r" ?<[a-z0-9\[\]]+>")
_REQUIRED = re.compile(r"\{([A-Z]+)\}")


class PlainCommand(TyperCommand):
    """Help that names arguments without their Python types: CHAPTER, not {CHAPTER} <str>."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        formatter.buffer[:] = [
            _REQUIRED.sub(r"\1", _TYPE.sub("", piece)) for piece in formatter.buffer
        ]


# Plain help reads the same on a narrow terminal and in a pipe, and keeps examples line by line.
app = typer.Typer(
    name="membri-sync",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for family in (rehearsing, roles, looking, describing, previewing, authorizing, measuring):
    app.registered_commands += family.app.registered_commands
app.add_typer(dead.app, name="dead")
app.add_typer(looking.topology_app, name="topology")
for group in (app, dead.app, looking.topology_app):
    for registered in group.registered_commands:
        registered.cls = PlainCommand


class Lang(enum.StrEnum):
    FR = "fr"
    EN = "en"


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
        Path,
        typer.Option(
            "--config", envvar=CONFIG_VARIABLE, metavar="FILE", help="The configuration file."
        ),
    ] = Path(DEFAULT_FILE),
    lang: Annotated[
        Lang | None,
        typer.Option(
            "--lang",
            envvar=LANGUAGE_VARIABLE,
            metavar="fr|en",
            help="Language of reports; else that of the locale, French unless it is English.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More lines.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and end.")
    ] = False,
) -> None:
    """Accounting synchronisation for Membri 365: accounts, invoices and payments, once each.

    \b
    To try it:            membri-sync demo
    For one transfer:     membri-sync check, membri-sync preview, then membri-sync once
    To stay in service:   membri-sync up
    To see what is wrong: membri-sync status, membri-sync dead list

    \b
    Exit codes: 0 done
                1 done, and some records are in transfer error
                2 wrong usage or configuration
                3 something cannot be reached

    Options of this page may also follow the command. Every value of the configuration can be
    overridden by the environment: MEMBRI_SYNC__SECTION__KEY.
    """
    del version
    chosen: language.Language = language.preferred(os.environ)
    if lang is not None:
        chosen = "en" if lang is Lang.EN else "fr"
    if not json:
        speak(language.catalogue(chosen).gettext)
    command.obj = Context(config, json=json, verbose=verbose, words=Words(chosen))


def main() -> None:
    """The console script."""
    sys.argv[1:] = options_first(sys.argv[1:])
    os.environ.setdefault("PYTHONUTF8", "1")
    app(prog_name="membri-sync")


def options_first(arguments: list[str]) -> list[str]:
    """People write `status --json` as readily as `--json status`."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _FLAGS or word.partition("=")[0] in _VALUED:
            front.append(word)
            if word in _VALUED:
                front += [value for value in [next(words, None)] if value is not None]
        else:
            rest.append(word)
    return [*front, *rest]
