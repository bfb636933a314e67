"""The system query options of one request: the query string in, a `Query` out.

Refuses `$skip` and options that Dataverse does not know. Names may come percent-encoded
(`%24select`), `+` is a space.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from ops.sandbox.membri.errors import not_implemented, syntax
from ops.sandbox.membri.filters import Node, Path, parse_filter

_KNOWN = (
    "$select", "$filter", "$orderby", "$expand", "$top", "$count", "$skiptoken", "$deltatoken",
)  # fmt: skip
_LATER = ("$apply", "$search", "fetchXml", "savedQuery", "userQuery", "sql")


@dataclass(frozen=True)
class Order:
    path: Path
    descending: bool


@dataclass(frozen=True)
class Query:
    """`raw` holds the options as they came, decoded, in their order: a next link repeats them."""

    select: tuple[str, ...] | None = None
    where: Node | None = None
    order: tuple[Order, ...] = ()
    expand: tuple[Expand, ...] = ()
    top: int | None = None
    count: bool = False
    skip_token: str | None = None
    delta_token: str | None = None
    raw: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expand:
    nav: str
    query: Query


def parse_query(query_string: str) -> Query:
    """Raises Refusal (400, 501)."""
    raw: dict[str, str] = {}
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name)
        if not name:
            continue
        if name in _LATER:
            raise not_implemented(f"The query option '{name}'")
        if name.startswith("$") and name not in _KNOWN:
            raise syntax(f"The query parameter '{name}' is not supported.")
        if name in raw:
            raise syntax(f"Query option '{name}' was specified more than once.")
        raw[name] = unquote_plus(value)
    return _query(raw)


def query_string(raw: dict[str, str]) -> str:
    """Options back into a query string, encoded the way every client leaves alone."""
    return "&".join(f"{quote(n, safe='$')}={quote(v, safe='(),/=:')}" for n, v in raw.items())


def _query(raw: dict[str, str]) -> Query:
    top = raw.get("$top")
    if top is not None and not top.isdigit():
        raise syntax(f"Invalid value '{top}' for $top query option found.")
    count = raw.get("$count", "false").lower()
    if count not in ("true", "false"):
        raise syntax(f"Invalid value '{count}' for $count query option found.")
    select = raw.get("$select")
    return Query(
        select=None if select is None else tuple(s.strip() for s in select.split(",") if s.strip()),
        where=parse_filter(raw["$filter"]) if "$filter" in raw else None,
        order=tuple(_order(part) for part in _split(raw.get("$orderby", ""), ",")),
        expand=tuple(_expand(part) for part in _split(raw.get("$expand", ""), ",")),
        top=None if top is None else int(top),
        count=count == "true",
        skip_token=raw.get("$skiptoken"),
        delta_token=raw.get("$deltatoken"),
        raw=raw,
    )


def _order(text: str) -> Order:
    name, _, direction = text.partition(" ")
    direction = direction.strip()
    if direction not in ("", "asc", "desc"):
        raise syntax(f"Syntax error in $orderby: '{text}'.")
    return Order(Path(tuple(name.split("/"))), direction == "desc")


def _expand(text: str) -> Expand:
    nav, bracket, rest = text.partition("(")
    if not bracket:
        return Expand(nav.strip(), Query())
    if not rest.endswith(")"):
        raise syntax(f"Syntax error in $expand: '{text}'.")
    raw: dict[str, str] = {}
    for option in _split(rest[:-1], ";"):
        name, _, value = option.partition("=")
        if name not in ("$select", "$filter", "$orderby", "$expand", "$top"):
            raise syntax(f"The query parameter '{name}' is not supported inside $expand.")
        raw[name] = value
    return Expand(nav.strip(), _query(raw))


def _split(text: str, separator: str) -> list[str]:
    """Splits outside brackets and quotes."""
    parts, depth, quoted, start = list[str](), 0, False, 0
    for position, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "([":
            depth += 1
        elif not quoted and letter in ")]":
            depth -= 1
        elif letter == separator and not quoted and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
