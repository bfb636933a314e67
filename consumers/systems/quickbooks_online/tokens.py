"""The tokens of one QuickBooks company: kept as `_tokens` says, renewed by Intuit's own client.

What comes in: the connection settings. What goes out: an access token good for five minutes at
least. Refused: as in `consumers.systems._tokens`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from consumers.systems import _tokens
from consumers.systems._tokens import Token
from consumers.systems.quickbooks_online.oauth import BoundedAuthClient, auth_client, exchange
from consumers.systems.quickbooks_online.settings import Connection
from schemas.facts import Observer, unobserved

RENEW_BEFORE_S = 300


def granted(client: BoundedAuthClient, old: Token | None, realm_id: str, now: float) -> Token:
    """The tokens that the client was just given."""
    refresh_life_s = client.x_refresh_token_expires_in
    kept = old.refresh_expires_at if old else 0
    return Token(
        access_token=str(client.access_token),
        refresh_token=str(client.refresh_token),
        expires_at=int(now) + int(client.expires_in or 0),
        refresh_expires_at=int(now) + int(refresh_life_s) if refresh_life_s else kept,
        realm_id=realm_id,
    )


class Tokens(_tokens.Tokens):
    """The tokens of one company, shared by the threads of this process."""

    def __init__(
        self,
        chapter: str,
        connection: Connection,
        observer: Observer = unobserved,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._observer = observer
        self._client: BoundedAuthClient | None = None
        super().__init__(
            chapter,
            Path(connection.token_file),
            self._from_intuit,
            service="Intuit",
            company=connection.realm_id,
            renew_before_s=RENEW_BEFORE_S,
            wait_max_s=3 * connection.timeout_s,
            clock=clock,
        )

    def _from_intuit(self, token: Token) -> Token:
        client = self._client or auth_client(self._connection, self._observer)
        self._client = client
        exchange(lambda: client.refresh(refresh_token=token.refresh_token))
        return granted(client, token, token.realm_id, self._clock())
