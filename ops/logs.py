"""Log lines: readable on a terminal, JSON in a service. No secret ever reaches them.

What comes in: stdlib log records of all packages. What goes out: lines on stderr.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_QUIET = ("pika", "urllib3", "msal", "httpx2", "httpcore2", "alembic", "uvicorn", "intuitlib")
_SECRET = re.compile(
    r"(?i)(://[^:/@\s]+:)[^@/\s]+(@)"  # user:password@ of an address
    r"|(bearer\s+)[a-z0-9._~+/=-]+"
    r"|((?:client_secret|access_token|refresh_token|password)[\"']?\s*[=:]\s*[\"']?)[^\"'&\s,}]+"
)


def redacted(text: str) -> str:
    """`text` without passwords, tokens and secrets."""
    return _SECRET.sub(lambda m: (m[1] or m[3] or m[4] or "") + "•••" + (m[2] or ""), text)


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redacted(value)
    return event


def configure(*, role: str, json: bool, verbose: bool = False) -> None:
    """Sends the logs of all packages to stderr. `role` names this process in each line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
        structlog.processors.format_exc_info,
    ]
    final = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )

    def add_role(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["role"] = role
        return event

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, add_role],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact,
            final,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
