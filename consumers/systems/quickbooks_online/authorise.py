"""A person's authorisation of one company, for `membri-sync authorize`.

What comes in: the connection settings, and the address to which Intuit sent the person's browser.
What goes out: the token file. Refused: an answer to another request (state), another company than
the configured one (realm), a refusal by the person.

Production keys take only https redirect addresses on a public domain: the person then pastes the
address that the browser ended on. With development keys the browser comes back to this machine.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

from intuitlib.enums import Scopes  # type: ignore[import-untyped]  # the library ships no types

from consumers.errors import Unavailable
from consumers.systems._http import is_loopback
from consumers.systems._tokens import DeadGrant, NoReply, Place, alone
from consumers.systems.quickbooks_online.oauth import auth_client, exchange
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.tokens import granted
from schemas.facts import Observer, unobserved
from schemas.reasons import SystemReason

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
class Callback:
    """What Intuit sent back through the browser."""

    code: str
    realm_id: str
    redirect_uri: str


def begin(
    connection: Connection, redirect_uri: str = "", observer: Observer = unobserved
) -> Request:
    """Prepares one authorisation. Raises Unavailable when the discovery cannot be read."""
    address = redirect_uri or connection.redirect_uri
    client = auth_client(connection, observer, address)
    # Not the library's own state: it comes from `random`, which can be guessed.
    state = secrets.token_urlsafe(24)
    url: str = client.get_authorization_url([Scopes.ACCOUNTING], state_token=state)
    return Request(url, state, address)


def read_callback(url: str, state: str | None) -> Callback:
    """What `url`, the address that the browser ended on, says.

    `state` None accepts any: the person gave the address in a later command, of their own will,
    which no other site can do for them. Raises AuthorisationRefused.
    """
    parts = urlsplit(url.strip())
    values = {name: found[0] for name, found in parse_qs(parts.query).items()}
    if "error" in values:
        raise AuthorisationRefused(f"Intuit says: {values['error']}")
    missing = [name for name in ("code", "realmId") if not values.get(name)]
    if missing:
        raise AuthorisationRefused(
            f"the address has no {' and no '.join(missing)}; paste the whole address of the page"
            " on which the browser ended"
        )
    if state is not None and not secrets.compare_digest(
        state.encode(), values.get("state", "").encode()
    ):
        raise AuthorisationRefused("the address answers another request (state); start again")
    redirect_uri = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return Callback(values["code"], values["realmId"], redirect_uri)


def complete(
    connection: Connection,
    callback: Callback,
    observer: Observer = unobserved,
    clock: Callable[[], float] = time.time,
) -> dt.datetime | None:
    """Exchanges the code and writes the token file; returns until when it is good, if known.

    Raises AuthorisationRefused, Unavailable.
    """
    if connection.realm_id and callback.realm_id != connection.realm_id:
        raise AuthorisationRefused(
            f"company {callback.realm_id} was authorised, the settings name realm_id"
            f" {connection.realm_id}; choose that company"
        )
    path = Path(connection.token_file)
    client = auth_client(connection, observer, callback.redirect_uri)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path, 3 * connection.timeout_s):
            place = Place(path)
            try:
                exchange(lambda: client.get_bearer_token(callback.code, callback.realm_id))
                token = granted(client, None, callback.realm_id, clock())
                place.fill(token)
            finally:
                place.clear()
    except DeadGrant as error:
        raise AuthorisationRefused(
            f"the code is used up or too old ({error}); start again"
        ) from error
    except NoReply as error:
        raise AuthorisationRefused(
            f"no usable answer to the code ({error}); start again"
        ) from error
    except OSError as error:
        raise Unavailable(
            SystemReason.MISCONFIGURED, f"token file {path} cannot be written: {error.strerror}"
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
