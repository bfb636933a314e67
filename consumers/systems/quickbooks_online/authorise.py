"""A person's authorisation of one company, for `membri-sync authorize`.

What comes in: the connection settings, and the address to which Intuit sent the person's browser.
What goes out: the token file. Refused: another company than the configured one (realm), and what
`consumers.systems._authorise` refuses.

Production keys take only https redirect addresses on a public domain: the person then pastes the
address that the browser ended on. With development keys the browser comes back to this machine.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from intuitlib.enums import Scopes  # type: ignore[import-untyped]  # the library ships no types
from pydantic import BaseModel

from consumers.systems._authorise import (
    Authorisation,
    AuthorisationRefused,
    Request,
    keep,
    read_address,
)
from consumers.systems._tokens import Token
from consumers.systems.quickbooks_online.oauth import auth_client, exchange
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.tokens import granted
from schemas.facts import Observer, unobserved
from schemas.sentences import say


@dataclass(frozen=True)
class Callback:
    """What Intuit sent back through the browser."""

    code: str
    realm_id: str
    redirect_uri: str


def authorisation(connection: BaseModel) -> Authorisation:
    """How a person authorises this company. `connection` must be ours, else TypeError."""
    if not isinstance(connection, Connection):
        raise TypeError("QuickBooks Online is authorised with its own Connection")
    return Authorisation(
        connection.redirect_uri,
        lambda redirect_uri: begin(connection, redirect_uri),
        lambda url, state: complete(connection, read_callback(url, state)),
    )


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
    """What `url`, the address that the browser ended on, says. Raises AuthorisationRefused."""
    values, address = read_address(url, state, needed=("code", "realmId"), vendor="Intuit")
    return Callback(values["code"], values["realmId"], address)


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
            say(
                "company {found} was authorised, the settings name realm_id"
                " {expected}; choose that company",
                found=callback.realm_id,
                expected=connection.realm_id,
            )
        )
    client = auth_client(connection, observer, callback.redirect_uri)

    def ask() -> Token:
        exchange(lambda: client.get_bearer_token(callback.code, callback.realm_id))
        return granted(client, None, callback.realm_id, clock())

    return keep(Path(connection.token_file), 3 * connection.timeout_s, ask)
