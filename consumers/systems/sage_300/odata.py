"""Addresses and filters of the Web API (reference page, section 2).

What comes in: names and values. What goes out: percent-encoded paths, filters with quoted texts.
Only the operators that the vendor documents are used: eq, ne, gt, lt, le, and, or.
"""

from __future__ import annotations

from urllib.parse import quote

PROCESS = "$process"
TEMPLATE = "$template"


def literal(value: str | int) -> str:
    """A value as the service reads it: texts between single quotes, doubled inside."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def entity(resource: str, **key: str | int) -> str:
    """`AR/ARCustomers('X')`, percent-encoded; a key of several parts names each of them."""
    values = {name: quote(literal(value), safe="'") for name, value in key.items()}
    if len(values) == 1:
        return f"{resource}({next(iter(values.values()))})"
    return f"{resource}({','.join(f'{name}={value}' for name, value in values.items())})"


def action(resource: str, name: str) -> str:
    """`AR/ARPostInvoices('$process')`: quoted, as every working sample has it."""
    return f"{resource}({literal(name)})"


def equal(**values: str | int) -> str:
    """A filter: every property has that value."""
    return " and ".join(f"{name} eq {literal(value)}" for name, value in values.items())


def address(base_url: str, path: str, **query: str) -> str:
    """The whole address; blanks as %20, since `+` is not a blank to every reader."""
    url = f"{base_url}/{path}"
    if not query:
        return url
    return url + "?" + "&".join(f"${name}={quote(value, safe='')}" for name, value in query.items())
