"""The Entra-like login: OpenID configuration and client-credentials tokens.

In: form posts as MSAL makes them. Out: signed bearer tokens of Business Central's API, short-lived
on demand. Refused as Entra refuses (AADSTS numbers of Microsoft's "reference-error-codes" page):
another grant type, secret, scope (business-central.md, section 1).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs

from ops.sandbox.business_central.answers import Answer
from ops.sandbox.business_central.options import Options
from ops.sandbox.kernel import entra
from ops.sandbox.kernel.store import Store

RESOURCE = "https://api.businesscentral.dynamics.com"
SCOPE = f"{RESOURCE}/.default"


class Login:
    def __init__(
        self, store: Store, clock: Callable[[], datetime], options: Options, tenant: str,
        client_id: str, client_secret: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._options = options
        self.tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret
        kept = store.get("_login", "key")
        if kept is None:
            store.put("_login", "key", {"key": secrets.token_hex(32)})
        self._key = bytes.fromhex(str((store.get("_login", "key") or {})["key"]))

    def answer(self, method: str, rest: str, origin: str, body: bytes) -> Answer:
        """`rest`: the path after the tenant; `origin`: this server's scheme and host."""
        if rest == "v2.0/.well-known/openid-configuration" and method == "GET":
            content = entra.configuration(origin, self.tenant)
            return Answer(200, content, media_type=entra.MEDIA_TYPE)
        if rest == "oauth2/v2.0/token" and method == "POST":
            return self._token(body)
        return _answer(entra.refused(*entra.NO_SUCH_ENDPOINT))

    def writer_of(self, authorization: str) -> str | None:
        """The identity of the token; None when it is missing, forged, expired or revoked."""
        content = entra.bearer(authorization, self._key)
        if content is None or content["aud"] != RESOURCE or content["gen"] != self._generation():
            return None
        if content["exp"] <= self._clock().timestamp():
            return None
        return str(content["jti"])

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._store.next_number("token_generation")

    def issue(self) -> str:
        """A token, as the endpoint gives them."""
        content = {
            "aud": RESOURCE,
            "appid": self._client_id,
            "exp": self._clock().timestamp() + self._options.access_token_life_s,
            "gen": self._generation(),
        }
        return entra.signed(content, self._key)

    def _generation(self) -> int:
        kept = self._store.get("_counter", "token_generation")
        return int(kept["value"]) if kept else 0

    def _token(self, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8")).items()}
        refusal = entra.refused_client(form, self._client_id, self._client_secret)
        if refusal is None and form.get("scope", "") != SCOPE:
            refusal = entra.refused_scope(form.get("scope", ""))
        if refusal is not None:
            return _answer(refusal)
        content = entra.granted(self.issue(), self._options.access_token_life_s)
        return Answer(200, content, media_type=entra.MEDIA_TYPE)


def _answer(refusal: entra.Refused) -> Answer:
    return Answer(refusal.status, refusal.content, media_type=entra.MEDIA_TYPE)
