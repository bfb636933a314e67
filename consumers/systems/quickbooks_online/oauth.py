"""Intuit's OAuth client, made safe to wait for.

What comes in: the connection settings. What goes out: an `AuthClient` of intuit-oauth 1.2.6, or its
refusals as ours. Corrected here (each proven by a test): its constructor reads the discovery
document over the network, so it is built on first use; it has no timeouts; every key of a token
reply becomes an attribute of the client, and an `id_token` makes it fetch keys without a timeout.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import requests
from intuitlib.client import (  # type: ignore[import-untyped]  # the library ships no types
    AuthClient,
)
from intuitlib.exceptions import (  # type: ignore[import-untyped]  # the library ships no types
    AuthClientError,
)

from consumers.errors import Unavailable
from consumers.systems._http import never_sent, plain_words, safe_address
from consumers.systems._tokens import DeadGrant, NoReply
from consumers.systems.quickbooks_online.settings import NAME, SHORT, Connection
from schemas.facts import ApiCall, Observer
from schemas.reasons import SystemReason
from schemas.sentences import say

TOKEN_FIELDS = frozenset(
    {"access_token", "refresh_token", "expires_in", "x_refresh_token_expires_in", "token_type"}
)


class BoundedAuthClient(AuthClient):  # type: ignore[misc]  # its base has no types
    """An AuthClient whose every request ends, and whose replies set tokens and nothing else."""

    def __init__(self, connection: Connection, redirect_uri: str, observer: Observer) -> None:
        """Reads the discovery document. Raises requests' errors, AuthClientError, KeyError."""
        self._timeout_s = connection.timeout_s
        self._verify = connection.ca_bundle or True
        self._observer = observer
        super().__init__(
            connection.client_id,
            connection.secret(),
            redirect_uri,
            connection.discovery_url,
            realm_id=connection.realm_id or None,
        )
        for address in (self.auth_endpoint, self.token_endpoint):
            safe_address(address)

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override,unused-ignore]  # narrower on purpose
        """As requests.Session.request, with a timeout and without redirections."""
        kwargs.setdefault("timeout", (min(5.0, self._timeout_s), self._timeout_s))
        kwargs.setdefault("verify", self._verify)
        kwargs["allow_redirects"] = method.upper() == "GET"
        started = time.monotonic()
        code = "error"
        try:
            response: requests.Response = super().request(method, url, **kwargs)
            code = str(response.status_code)
        except requests.Timeout:
            code = "timeout"
            raise
        finally:
            self._observer(ApiCall(NAME, code, time.monotonic() - started))
        if method.upper() == "POST" and response.status_code == requests.codes.ok:
            _keep_tokens_only(response)
        return response


def _keep_tokens_only(response: requests.Response) -> None:
    reply = response.json()
    if not isinstance(reply, dict) or not reply.get("access_token"):
        raise NoReply(say("the token reply holds no access token"))
    kept = {name: value for name, value in reply.items() if name in TOKEN_FIELDS}
    response._content = json.dumps(kept).encode()  # noqa: SLF001 — the library reads it next


def auth_client(
    connection: Connection, observer: Observer, redirect_uri: str = ""
) -> BoundedAuthClient:
    """The client, its addresses read from the discovery document.

    Raises Unavailable: unreachable, or misconfigured when what answers is no discovery document.
    """
    try:
        return BoundedAuthClient(connection, redirect_uri or connection.redirect_uri, observer)
    except requests.exceptions.JSONDecodeError as error:
        raise _bad_discovery(connection, say("it is no JSON")) from error
    except requests.RequestException as error:
        raise Unavailable(
            SystemReason.UNREACHABLE,
            say(
                "{system} authorisation service ({url}): {error}",
                system=SHORT,
                url=connection.discovery_url,
                error=type(error).__name__,
            ),
        ) from error
    except AuthClientError as error:
        if error.status_code >= requests.codes.internal_server_error:
            raise Unavailable(
                SystemReason.UNREACHABLE,
                say(
                    "{system} authorisation service answered {status}",
                    system=SHORT,
                    status=error.status_code,
                ),
            ) from error
        raise _bad_discovery(
            connection, say("it answered {status}", status=error.status_code)
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _bad_discovery(connection, f"{type(error).__name__}: {error}") from error


def _bad_discovery(connection: Connection, why: str) -> Unavailable:
    return Unavailable(
        SystemReason.MISCONFIGURED,
        say(
            "discovery_url {discovery_url} gives no discovery document: {why}",
            discovery_url=repr(connection.discovery_url),
            why=why,
        ),
    )


def exchange(call: Callable[[], object]) -> None:
    """Runs one token request of the client.

    Raises DeadGrant, NoReply (fate unknown), Unavailable.
    """
    try:
        call()
    except AuthClientError as error:
        raise _refusal(error) from error
    except requests.RequestException as error:
        if never_sent(error):
            raise Unavailable(
                SystemReason.UNREACHABLE, say("token service: {error}", error=type(error).__name__)
            ) from error
        raise NoReply(type(error).__name__) from error


def _refusal(error: AuthClientError) -> Exception:
    status = int(error.status_code)
    told, words = _told(error.content)
    said = f"{status} {words}, intuit_tid={error.intuit_tid or '-'}"
    if told == "invalid_grant":
        return DeadGrant(said)
    if status == requests.codes.too_many_requests:
        return Unavailable(
            SystemReason.THROTTLED, say("token service: {error}", error=said), retry_after_s=60.0
        )
    if status >= requests.codes.internal_server_error:
        return NoReply(said)
    return Unavailable(
        SystemReason.MISCONFIGURED,
        say(
            "the token service refuses this application (client_id, client_secret): {error}",
            error=said,
        ),
    )


def _told(content: bytes) -> tuple[str, str]:
    try:
        reply = json.loads(content)
    except ValueError:
        return "", plain_words(content)
    if not isinstance(reply, dict):
        return "", ""
    told = str(reply.get("error", ""))
    return told, f"{told} {reply.get('error_description', '')}".strip()
