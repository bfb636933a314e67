"""A person's authorisation through the browser, for every system that asks for one (OAuth 2).

What comes in: the address on which the person's browser ended. What goes out: what it says, and a
token file. Refused: an answer to another request (state), a refusal by the person, a code that the
vendor takes no more.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

from consumers.errors import Unavailable
from consumers.systems._http import is_loopback
from consumers.systems._tokens import DeadGrant, NoReply, Place, Token, alone
from schemas.reasons import SystemReason
from schemas.sentences import say

_PAGE = (
    "<!doctype html><html lang='fr'><meta charset='utf-8'><title>membri-sync</title>"
    "<p>Autorisation reçue. Vous pouvez fermer cette fenêtre.</p>"
    "<p lang='en'>Authorisation received. You may close this window.</p></html>"
).encode()


class AuthorisationRefused(Exception):
    """The authorisation cannot be completed; the message says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What the person must open, and the state that must come back."""

    url: str
    state: str
    redirect_uri: str


@dataclass(frozen=True)
class Authorisation:
    """How a person lets us into one company.

    `begin(redirect_uri)` prepares a request; an empty address means the configured one.
    `complete(url, state)` takes the address on which the browser ended and returns until when the
    authorisation is good, if known; `state` None accepts any: the person gave the address in a
    later command, of their own will, which no other site can do for them.
    Both raise AuthorisationRefused, Unavailable.
    """

    redirect_uri: str
    begin: Callable[[str], Request]
    complete: Callable[[str, str | None], dt.datetime | None]


def read_address(
    url: str, state: str | None, *, needed: Sequence[str], vendor: str
) -> tuple[Mapping[str, str], str]:
    """What `url`, the address that the browser ended on, says; and the address without it.

    `needed`: what it must hold. `vendor`: who speaks in it. Raises AuthorisationRefused.
    """
    parts = urlsplit(url.strip())
    values = {name: found[0] for name, found in parse_qs(parts.query).items()}
    if "error" in values:
        raise AuthorisationRefused(
            say("{system} says: {error}", system=vendor, error=values["error"])
        )
    missing = [name for name in needed if not values.get(name)]
    if missing:
        raise AuthorisationRefused(
            say(
                "the address has no {names}; paste the whole address of the page on which the"
                " browser ended",
                names=", ".join(missing),
            )
        )
    if state is not None and not secrets.compare_digest(
        state.encode(), values.get("state", "").encode()
    ):
        raise AuthorisationRefused(say("the address answers another request (state); start again"))
    return values, urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def keep(path: Path, wait_max_s: float, ask: Callable[[], Token]) -> dt.datetime | None:
    """Writes the tokens that `ask` gets for a code; returns until when they are good, if known.

    Raises AuthorisationRefused, Unavailable, and what `ask` raises.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path, wait_max_s):
            place = Place(path)
            try:
                token = ask()
                place.fill(token)
            finally:
                place.clear()
    except DeadGrant as error:
        raise AuthorisationRefused(
            say("the code is used up or too old ({error}); start again", error=error)
        ) from error
    except NoReply as error:
        raise AuthorisationRefused(
            say("no usable answer to the code ({error}); start again", error=error)
        ) from error
    except OSError as error:
        raise Unavailable(
            SystemReason.MISCONFIGURED,
            say("token file {file} cannot be written: {error}", file=path, error=error.strerror),
        ) from error
    until = token.refresh_expires_at
    return dt.datetime.fromtimestamp(until, dt.UTC) if until else None


class Receiver:
    """Waits on 127.0.0.1 for the browser to come back, once.

    Use as a context manager. `redirect_uri` must be loopback; its port 0 takes any free one.
    """

    def __init__(self, redirect_uri: str) -> None:
        """Raises ValueError for an address that is not this machine's, OSError for a taken port."""
        parts = urlsplit(redirect_uri)
        if not is_loopback(redirect_uri) or parts.scheme != "http":
            raise ValueError(f"{redirect_uri!r} does not come back to this machine")
        self._path = parts.path or "/"
        self._arrived = threading.Event()
        self._url = ""
        self._server = HTTPServer(("127.0.0.1", parts.port or 0), self._handler())
        port = self._server.server_address[1]
        self.redirect_uri = f"http://{parts.hostname}:{port}{parts.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, timeout_s: float) -> str | None:
        """The address the browser came to; None when nobody came within `timeout_s`."""
        return self._url if self._arrived.wait(timeout_s) else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # a browser that opens a connection and says nothing must not block us

            def do_GET(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                """Says nothing: the address holds a code."""

        return Handler

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        mine = parts.path == self._path and ("code=" in parts.query or "error=" in parts.query)
        if not mine:  # a favicon, a scanner
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Length", str(len(_PAGE)))
        request.end_headers()
        request.wfile.write(_PAGE)
        if not self._arrived.is_set():
            self._url = f"{self.redirect_uri}?{parts.query}"
            self._arrived.set()
