"""Tokens for Dataverse: OAuth 2 client credentials against Entra ID, by MSAL.

What comes in: the environment's URL, the application's id and secret, optionally its authority.
What goes out: bearer tokens, renewed by MSAL before they end. Refused: login hosts that the
server names but nobody configured, since the secret would be posted to them.
Source: MSAL Python 1.39, read; Microsoft, "client credentials flow".
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2
import msal  # type: ignore[import-untyped]  # MSAL ships no types
from msal.exceptions import MsalServiceError  # type: ignore[import-untyped]  # same

from producers.dataverse.errors import AuthFault, ConfigFault, MembriUnavailable
from schemas.entra import no_token
from schemas.sentences import say

LOGIN_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
    }
)
"""Microsoft's login hosts, all clouds. A challenge that names another one is not followed."""

_CHALLENGE = re.compile(r'authorization_uri="?([^",\s]+)"?', re.IGNORECASE)


class TokenSource(Protocol):
    """Where bearer tokens come from. Safe to share between threads."""

    def token(self) -> str:
        """A token that is valid now. Raises AuthFault, ConfigFault or MembriUnavailable."""
        ...

    def drop(self, token: str) -> None:
        """Forgets `token`, which was refused; does nothing when it was replaced already."""
        ...


class EntraTokens:
    """Tokens by client credentials. The secret stays in MSAL and is in no text of ours."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        http: httpx2.Client,
        *,
        authority: str = "",
        login_hosts: frozenset[str] = LOGIN_HOSTS,
    ) -> None:
        self._url = url.rstrip("/")
        self._client_id = client_id
        self._secret = client_secret
        self._http = http
        self._configured = authority.rstrip("/")
        self._login_hosts = login_hosts
        self._lock = threading.Lock()
        self._app: msal.ConfidentialClientApplication | None = None
        self._current = ""

    def __repr__(self) -> str:
        return f"EntraTokens({self._url}, {self._client_id})"

    def token(self) -> str:
        with self._lock:
            self._current = self._acquire()
            return self._current

    def drop(self, token: str) -> None:
        with self._lock:
            if token == self._current:
                # MSAL refuses force_refresh here: a new application has an empty cache.
                self._app = None

    def _acquire(self) -> str:
        try:
            app = self._app or self._build()
            self._app = app
            answer = app.acquire_token_for_client([f"{self._url}/.default"])
        except (httpx2.HTTPError, MsalServiceError) as error:
            self._app = None
            raise MembriUnavailable(
                say("the login server does not answer: {error}", error=error)
            ) from error
        if token := answer.get("access_token"):
            return str(token)
        # MSAL answers a repeated failure from its own cache for a minute; a corrected secret
        # must not meet that.
        self._app = None
        raise _fault(answer)

    def _build(self) -> msal.ConfidentialClientApplication:
        authority = self._configured or self._discover()
        try:
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._secret,
                authority=authority,
                # The host was allowed by us or configured: asking Microsoft about it would only
                # fail on a private host.
                instance_discovery=False,
                http_client=_MsalHttp(self._http),
            )
        except ValueError as error:
            raise AuthFault(
                say("{url} is not a usable authority: {error}", url=authority, error=error)
            ) from error

    def _discover(self) -> str:
        """The authority that the environment names in its 401 challenge."""
        response = self._http.get(f"{self._url}/api/data/v9.2/")
        challenge = response.headers.get("WWW-Authenticate", "")
        found = _CHALLENGE.search(challenge)
        if response.status_code >= 500 or response.status_code == 429:
            raise MembriUnavailable(
                say("{url} answers {status}", url=self._url, status=response.status_code)
            )
        if response.status_code != 401 or not found:
            raise ConfigFault(
                say(
                    "{url} does not say where to log in (answer {status}): check [membri] url, or"
                    " set [membri] authority",
                    url=self._url,
                    status=response.status_code,
                )
            )
        return trusted_authority(found.group(1), self._login_hosts)


def trusted_authority(authorization_uri: str, login_hosts: frozenset[str]) -> str:
    """`https://host/tenant` of a challenge. Raises ConfigFault for hosts not in `login_hosts`.

    Microsoft's own are reached on the usual port; one that the configuration adds, on any.
    """
    try:
        parts = urlsplit(authorization_uri)
        port = parts.port
    except ValueError as error:
        raise ConfigFault(say("the server names an unreadable login address")) from error
    tenant = parts.path.strip("/").split("/")[0]
    usual = port in (None, 443)
    plain = parts.username is None and (usual or parts.hostname not in LOGIN_HOSTS)
    if parts.scheme != "https" or not plain or parts.hostname not in login_hosts or not tenant:
        raise ConfigFault(
            say(
                "the server sends us to log in at {url}, which is not a known login host: set"
                " [membri] authority if it is right",
                url=f"{parts.scheme}://{parts.hostname}",
            )
        )
    place = parts.hostname if usual else f"{parts.hostname}:{port}"
    return f"https://{place}/{tenant}"


def _fault(answer: Mapping[str, Any]) -> AuthFault | MembriUnavailable:
    told = no_token(answer, authority="[membri] authority", resource="[membri] url")
    if told.passing:
        detail = say("the login server is not available: {error}", error=told.text)
        return MembriUnavailable(detail, code=told.code)
    return AuthFault(told.text, code=told.code)


class _MsalHttp:
    """MSAL's http_client over ours: one CA setting and one set of timeouts for both.

    With its own `requests` session, the environment's REQUESTS_CA_BUNDLE would override `verify`.
    """

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx2.Response:
        return self._send(self._http.post, url, params=params, data=data, headers=headers)

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> httpx2.Response:
        return self._send(self._http.get, url, params=params, headers=headers)

    def close(self) -> None:
        """The client belongs to whoever made it."""

    @staticmethod
    def _send(verb: Callable[..., httpx2.Response], url: str, **options: Any) -> httpx2.Response:
        # An empty `params` would strip the query that MSAL put in the URL.
        return verb(url, **{name: value for name, value in options.items() if value})
