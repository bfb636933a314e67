"""Tokens for Business Central: OAuth 2 client credentials against Entra ID, by MSAL.

What comes in: the connection settings. What goes out: bearer tokens, renewed by MSAL before they
end. Raised: Unavailable(unauthorised) when Entra refuses the application, unreachable when it does
not answer. Facts: page, section 1; MSAL Python 1.39, read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msal  # type: ignore[import-untyped]  # MSAL ships no types
import requests
from msal.exceptions import MsalServiceError  # type: ignore[import-untyped]  # same

from consumers.errors import Unavailable
from consumers.systems._http import causes
from consumers.systems.business_central.settings import NAME, Connection
from schemas.entra import no_token
from schemas.facts import ApiCall, Observer
from schemas.reasons import SystemReason
from schemas.sentences import say


class Tokens:
    """The access of one application, shared by the threads of this process. The secret stays in
    MSAL and is in no text of ours."""

    def __init__(
        self,
        connection: Connection,
        observer: Observer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._http = _MsalHttp(connection, observer, monotonic)
        self._lock = threading.Lock()
        self._app: msal.ConfidentialClientApplication | None = None
        self._current = ""

    def current(self, wait_max_s: float) -> str:
        """A token that is valid now. `wait_max_s`: longest wait for another thread that asks for
        one. Raises Unavailable."""
        with self._alone(wait_max_s):
            self._current = self._acquire()
            return self._current

    def renewed(self, refused: str, wait_max_s: float) -> str:
        """Another token than `refused`, which Business Central just answered with 401."""
        with self._alone(wait_max_s):
            if refused == self._current:
                self._app = None  # MSAL refuses force_refresh here: a new one has an empty cache
            self._current = self._acquire()
            return self._current

    @contextmanager
    def _alone(self, wait_max_s: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=wait_max_s):
            raise Unavailable(
                SystemReason.UNREACHABLE,
                say("the login server has not answered another request yet"),
            )
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Closes the connections to the login host."""
        self._http.close()

    def _acquire(self) -> str:
        try:
            app = self._app or self._build()
            self._app = app
            answer = app.acquire_token_for_client([self._connection.scope])
        except (requests.RequestException, MsalServiceError, RuntimeError) as error:
            self._app = None
            raise _unreached(error) from error
        if token := answer.get("access_token"):
            return str(token)
        # MSAL answers a repeated failure from its own cache for a minute; a corrected secret must
        # not meet that.
        self._app = None
        raise _refused(answer)

    def _build(self) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self._connection.client_id,
                client_credential=self._connection.secret(),
                authority=self._connection.authority,
                # The host is configured: asking Microsoft about it would fail on a private one.
                instance_discovery=False,
                http_client=self._http,
            )
        except ValueError as error:
            raise Unavailable(
                SystemReason.MISCONFIGURED, f"{self._connection.authority}: {error}"
            ) from error


def _refused(answer: Mapping[str, Any]) -> Unavailable:
    told = no_token(answer, authority="connection.authority", resource="connection.scope")
    if told.passing:
        detail = say("the login server is not available: {error}", error=told.text)
        return Unavailable(SystemReason.UNREACHABLE, detail)
    return Unavailable(SystemReason.UNAUTHORISED, told.text)


def _unreached(error: Exception) -> Unavailable:
    names = [type(cause).__name__ for cause in causes(error)]
    if "SSLCertVerificationError" in names:
        return Unavailable(
            SystemReason.MISCONFIGURED, say("the login server's certificate; see ca_bundle")
        )
    return Unavailable(
        SystemReason.UNREACHABLE,
        say("the login server does not answer: {error}", error=", ".join(names[:3])),
    )


class _MsalHttp:
    """MSAL's http_client: our CA setting and our time limit, nothing from the environment."""

    def __init__(
        self, connection: Connection, observer: Observer, monotonic: Callable[[], float]
    ) -> None:
        self._timeout_s = connection.timeout_s
        self._verify: str | bool = connection.ca_bundle or True
        self._observer = observer
        self._monotonic = monotonic
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, url: str, **options: Any) -> requests.Response:
        return self._send("POST", url, **options)

    def get(self, url: str, **options: Any) -> requests.Response:
        return self._send("GET", url, **options)

    def close(self) -> None:
        self._session.close()

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> requests.Response:
        started, code = self._monotonic(), "error"
        try:
            response = self._session.request(
                method, url, params=params, data=data, headers=headers,
                timeout=self._timeout_s, verify=self._verify, allow_redirects=False,
            )  # fmt: skip
            code = str(response.status_code)
            return response
        finally:
            self._observer(ApiCall(NAME, code, self._monotonic() - started, code == "429"))
