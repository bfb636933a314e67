"""The tokens of one Sage user: kept as `_tokens` says, renewed by Sage's token service.

An access token lives five minutes, so a probe after any pause renews both tokens: that alone keeps
the authorisation alive for 31 days more (Sage page, section 2, "Lapse").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from consumers.systems._tokens import Token, Tokens
from consumers.systems.sage_accounting.oauth import granted, token_route
from consumers.systems.sage_accounting.settings import Connection
from schemas.facts import Observer, unobserved

RENEW_BEFORE_S = 60
"""Of the 300 s that an access token lives: more than a request may last on its way."""


def tokens_of(
    chapter: str,
    connection: Connection,
    observer: Observer = unobserved,
    clock: Callable[[], float] = time.time,
) -> Tokens:
    """The tokens of one company, shared by the threads of this process."""
    route = token_route(connection, observer)

    def renew(token: Token) -> Token:
        grant = {"grant_type": "refresh_token", "refresh_token": token.refresh_token}
        return granted(connection, route, grant, clock)

    return Tokens(
        chapter,
        Path(connection.token_file),
        renew,
        service="Sage",
        renew_before_s=RENEW_BEFORE_S,
        wait_max_s=3 * connection.timeout_s,
        clock=clock,
    )
