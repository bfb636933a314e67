"""A person's authorisation of one company, for `membri-sync authorize`.

What comes in: the connection settings, and the address to which Sage sent the person's browser.
What goes out: the token file. Refused: a user who does not see the configured company, and what
`consumers.systems._authorise` refuses.

A local application may come back to this machine (http://localhost…); the country in the address
skips Sage's page of countries and must be the company's (Sage page, section 2). No PKCE: it is
optional where there is a secret, and its verifier could not travel to a later command.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from pydantic import BaseModel

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems._authorise import (
    Authorisation,
    AuthorisationRefused,
    Request,
    keep,
    read_address,
)
from consumers.systems._exchange import Exchange, Route
from consumers.systems._tokens import NoReply, Token
from consumers.systems.sage_accounting.oauth import granted, revoke, token_route
from consumers.systems.sage_accounting.settings import SHORT, Connection
from schemas.facts import Observer, unobserved
from schemas.sentences import say


def authorisation(connection: BaseModel) -> Authorisation:
    """How a person authorises this company. `connection` must be ours, else TypeError."""
    if not isinstance(connection, Connection):
        raise TypeError("Sage Comptabilité is authorised with its own Connection")
    return Authorisation(
        connection.redirect_uri,
        lambda redirect_uri: begin(connection, redirect_uri),
        lambda url, state: complete(connection, url, state),
    )


def begin(connection: Connection, redirect_uri: str = "") -> Request:
    """Prepares one authorisation; asks nothing of Sage."""
    address = redirect_uri or connection.redirect_uri
    state = secrets.token_urlsafe(24)
    asked = {
        "response_type": "code",
        "client_id": connection.client_id,
        "redirect_uri": address,
        "scope": "full_access",
        "state": state,
        "country": connection.country,
        "locale": "fr-CA",
    }
    joint = "&" if "?" in connection.authorize_url else "?"
    return Request(f"{connection.authorize_url}{joint}{urlencode(asked)}", state, address)


def complete(
    connection: Connection,
    url: str,
    state: str | None,
    observer: Observer = unobserved,
    clock: Callable[[], float] = time.time,
) -> dt.datetime | None:
    """Exchanges the code of `url` and writes the token file; returns until when it is good.

    Raises AuthorisationRefused, Unavailable.
    """
    values, address = read_address(url, state, needed=("code",), vendor="Sage")
    route = token_route(connection, observer)

    def ask() -> Token:
        grant = {
            "grant_type": "authorization_code",
            "code": values["code"],
            "redirect_uri": address,
        }
        token = granted(connection, route, grant, clock)
        _check_company(connection, route, token)
        return token

    return keep(Path(connection.token_file), 3 * connection.timeout_s, ask)


def _check_company(connection: Connection, route: Route, token: Token) -> None:
    """Refuses a user who does not see the company; tokens that nobody will use are revoked."""
    seen = _companies(connection, route, token)
    if seen is None or connection.business_id in seen:
        return
    with contextlib.suppress(NoReply, Unavailable):  # else it ends by itself after 31 days
        revoke(connection, route, token)
    listed = ", ".join(f"« {name} » ({number})" for number, name in seen.items()) or "-"
    raise AuthorisationRefused(
        say(
            "this {system} user does not see business_id {business_id}; the"
            " companies it sees: {listed}",
            system=SHORT,
            business_id=connection.business_id,
            listed=listed,
        )
    )


def _companies(connection: Connection, route: Route, token: Token) -> dict[str, str] | None:
    """Id → name of the companies that the user sees; None when Sage does not say: the tokens are
    good all the same, and the probe looks again."""
    exchange = Exchange(route)
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {token.access_token}",
        "X-Business": connection.business_id,
    }
    try:
        with exchange.within(2 * connection.timeout_s):
            answer = exchange.send(
                "GET",
                f"{connection.api_root}/businesses",
                headers=headers,
                query={"items_per_page": "200"},
                writing=False,
            )
        listed = answer.json() if answer.ok else {"$items": None}
        rows = listed["$items"]
        seen = rows and {str(row["id"]): str(row.get("displayed_as", "")) for row in rows}
        return None if seen and listed.get("$next") else seen  # it may stand on another page
    except (KeyError, TypeError, ValueError, OutcomeUnknown, Transient, Unavailable):
        return None
    finally:
        exchange.close()
