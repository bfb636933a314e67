"""What every connector over HTTP needs, and that says nothing of any vendor.

What comes in: addresses, headers, bodies and the errors of `requests`. What goes out: plain
values. Refused: a clear-text address that is not this machine's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3.exceptions as transport

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
RETRY_AFTER_MAX_S = 3600.0


def safe_address(url: str) -> str:
    """`url` without a trailing slash. Raises ValueError unless it is https, or http to loopback.

    Tokens travel in headers: clear text may not leave the machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url.rstrip("/")
    raise ValueError(f"{url!r} must be an https address (http only to this machine)")


def is_loopback(url: str) -> bool:
    """Whether a browser on this machine would come back to this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def retry_after_s(value: str | None, now: float) -> float | None:
    """Seconds asked for by a Retry-After header, a number or a date (RFC 9110 10.2.3).

    `now` in epoch seconds. None when absent or unreadable; at most an hour is believed.
    """
    if not value:
        return None
    text = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return min(float(text), RETRY_AFTER_MAX_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), RETRY_AFTER_MAX_S)


def plain_words(body: bytes, limit: int = 200) -> str:
    """The readable words of a body that should have been JSON: tags and blanks are dropped."""
    text = re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
    return " ".join(text.split())[:limit]


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and whatever it wraps: `requests` hides the reason in `args` and `reason`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        waiting += current.args


def never_sent(error: BaseException) -> bool:
    """True only when no byte of the request can have reached the other side."""
    before_sending = (transport.NewConnectionError, transport.ConnectTimeoutError)
    return any(isinstance(cause, before_sending) for cause in causes(error))
