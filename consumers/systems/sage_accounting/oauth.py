"""Sage's token service: one form, one answer.

What comes in: a grant (a code or a refresh token). What goes out: new tokens. Raised: `DeadGrant`
when Sage no longer honours the grant, `NoReply` when it may have been used, `Unavailable`.

The credentials stand in the body, never in a Basic header, and the answer's refresh token replaces
the one before at once: Sage page, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from consumers.errors import OutcomeUnknown, Unavailable
from consumers.systems._exchange import Answer, Exchange, Route
from consumers.systems._http import plain_words
from consumers.systems._throttle import Throttle
from consumers.systems._tokens import DeadGrant, NoReply, Token
from consumers.systems.sage_accounting.settings import NAME, TITLE, Connection
from schemas.facts import Observer
from schemas.reasons import SystemReason
from schemas.sentences import say

_TOO_MANY = 429
_THROTTLE_S = 60.0
_LIFE_S = 300
"""Of an access token whose life is not told (section 2); one that ended before is renewed."""


def token_route(connection: Connection, observer: Observer) -> Route:
    """The way to the token service, which the limit of the company's requests does not concern."""
    throttle = Throttle({1.0: 5}, title=TITLE)
    return Route(NAME, TITLE, connection.timeout_s, throttle, observer, connection.ca_bundle)


def granted(
    connection: Connection, route: Route, grant: Mapping[str, str], now: Callable[[], float]
) -> Token:
    """The tokens for a grant. `now` in epoch seconds. Raises DeadGrant, NoReply, Unavailable."""
    answer = _posted(connection, route, connection.token_url, grant)
    if not answer.ok:
        raise _refusal(connection, answer, grant)
    values = _values(answer)
    if not values.get("access_token") or not values.get("refresh_token"):
        raise NoReply(say("the token reply holds no access token"))
    refresh_life_s = _seconds(values, "refresh_token_expires_in")
    return Token(
        access_token=values["access_token"],
        refresh_token=values["refresh_token"],
        expires_at=int(now()) + (_seconds(values, "expires_in") or _LIFE_S),
        refresh_expires_at=int(now()) + refresh_life_s if refresh_life_s else 0,
    )


def revoke(connection: Connection, route: Route, token: Token) -> None:
    """Ends the life of a refresh token that nobody will use. Raises NoReply, Unavailable."""
    _posted(connection, route, connection.revoke_url, {"token": token.refresh_token})


def _posted(connection: Connection, route: Route, url: str, values: Mapping[str, str]) -> Answer:
    form = {
        **values,
        "client_id": connection.client_id,
        "client_secret": connection.secret(),
    }
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    exchange = Exchange(route)
    try:
        with exchange.within(2 * connection.timeout_s):
            return exchange.send(
                "POST", url, headers=headers, body=urlencode(form).encode(), writing=True
            )
    except OutcomeUnknown as error:
        raise NoReply(error.detail) from error
    finally:
        exchange.close()


def _seconds(values: Mapping[str, str], name: str) -> int:
    """A life; 0 when it is not told as a number: new tokens are kept all the same, since the old
    ones are dead."""
    try:
        return max(0, int(float(values.get(name, 0))))
    except (ValueError, OverflowError):
        return 0


def _values(answer: Answer) -> dict[str, str]:
    """The reply's fields as texts; nothing for a reply of another shape."""
    try:
        content = answer.json()
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: str(value) for name, value in content.items() if value is not None}


def _refusal(connection: Connection, answer: Answer, grant: Mapping[str, str]) -> Exception:
    values = _values(answer)
    told = values.get("error", "")
    words = f"{told} {values.get('error_description', '')}".strip() or plain_words(answer.content)
    for secret in (connection.secret(), grant.get("refresh_token"), grant.get("code")):
        words = words.replace(secret, "…") if secret else words
    said = f"HTTP {answer.status} {words}".strip()
    if told == "invalid_grant":
        return DeadGrant(said)
    if answer.status == _TOO_MANY:
        wait_s = _THROTTLE_S if answer.retry_after_s is None else answer.retry_after_s
        return Unavailable(
            SystemReason.THROTTLED, say("token service: {error}", error=said), retry_after_s=wait_s
        )
    if answer.status >= 500:
        return NoReply(said)
    return Unavailable(
        SystemReason.MISCONFIGURED,
        say(
            "the token service refuses this application (client_id, client_secret): {error}",
            error=said,
        ),
    )
