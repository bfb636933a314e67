"""`systems`: each accounting system, what it takes, what is of its own, how it is connected to.

What comes in: what the connectors declare of themselves, and their settings. What goes out: a table
of the keys of `[chapters.connection]` for each. Nothing is reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from pydantic import BaseModel
from rich.text import Text

from consumers.system import Declaration
from consumers.systems import registry
from ops import labels
from ops.cli.context import context_of
from ops.cli.printing import Column, plain_table
from ops.labels import CUSTOMER_KEYS, MANY, OWN, SYSTEMS
from ops.language import Words
from schemas.statuses import Entity

app = typer.Typer()
ABOUT = "about"
"""Beside the connection's keys in --json; no connection has a key of that name."""
_TOML = {"password": "secret", "object": "table", "array": "list"}


@app.command(short_help="List the accounting systems and their connection keys.")
def systems(command: typer.Context) -> None:
    """List the accounting systems: what each takes, and the keys of its `[chapters.connection]`.

    \b
    Examples:
      membri-sync systems
      membri-sync systems --json
    """
    context = context_of(command)
    words = context.words
    found = {name: _described(name) for name in registry.names()}
    if context.json:
        context.print_json(found)
        return
    for name, keys in found.items():
        columns = [
            Column(words.say("Key")),
            Column(words.say("Type")),
            Column(words.say("Default"), elastic=True),
        ]
        table = plain_table(columns)
        for key, value in keys.items():
            if key != ABOUT:
                needed = value["default"]
                shown = words.say("required") if needed == "required" else needed
                table.add_row(key, value["type"], Text(shown))
        title = f'{labels.name(SYSTEMS, name, words)} (system = "{name}")'
        context.console.print(Text(title, style="bold"))
        for line in _about(name, keys[ABOUT], words):
            context.console.print(Text(f"  {line}"))
        context.console.print(table)
        context.line("")


def _about(name: str, about: dict[str, Any], words: Words) -> Iterator[str]:
    yield labels.name(CUSTOMER_KEYS, about["customer_key"], words)
    kinds = ", ".join(labels.name(MANY, entity, words) for entity in about["entities"])
    yield words.say("Takes: {kinds}", kinds=kinds)
    own = labels.name(OWN, name, words)
    yield words.say("Of its own: {what}", what=own)


def _described(name: str) -> dict[str, dict[str, Any]]:
    about = _about_json(registry.declaration(name))
    return {**_keys(registry.connection_model(name)), ABOUT: about}


def _about_json(declared: Declaration) -> dict[str, Any]:
    return {
        "title": declared.title,
        "customer_key": declared.customer_key,
        "entities": [str(entity) for entity in Entity if entity in declared.entities],
        "own": OWN.get(declared.name, ""),
        "longest": dict(declared.field_limits),
        "receipts": declared.receipts,
    }


def _keys(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    schema = model.model_json_schema()
    needed = schema.get("required", [])
    return {
        key: {
            "type": _type(value),
            "default": "required" if key in needed else _default(value.get("default")),
        }
        for key, value in schema.get("properties", {}).items()
    }


def _type(schema: dict[str, Any]) -> str:
    """As TOML calls it; a secret says so."""
    kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    names = [str(one.get("format") or one.get("type", "object")) for one in kinds]
    return " | ".join(_TOML.get(name, name) for name in names)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
