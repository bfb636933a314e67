"""The Entra-like login: OpenID configuration and client-credentials tokens.

In: form posts as MSAL makes them. Out: signed bearer tokens of Business Central's API, short-lived
on demand. Refused as Entra refuses (AADSTS numbers of Microsoft's "reference-error-codes" page):
another grant type, secret, scope (business-central.md, section 1).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from ops.sandbox.business_central.answers import Answer
from ops.sandbox.business_central.options import Options
from ops.sandbox.kernel.store import Store

RESOURCE = "https://api.businesscentral.dynamics.com"
SCOPE = f"{RESOURCE}/.default"
JSON = "application/json; charset=utf-8"


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
        self._client_secret = client_secret.encode()
        kept = store.get("_login", "key")
        if kept is None:
            store.put("_login", "key", {"key": secrets.token_hex(32)})
        self._key = bytes.fromhex(str((store.get("_login", "key") or {})["key"]))

    def answer(self, method: str, rest: str, origin: str, body: bytes) -> Answer:
        """`rest`: the path after the tenant; `origin`: this server's scheme and host."""
        if rest == "v2.0/.well-known/openid-configuration" and method == "GET":
            return Answer(200, self._configuration(origin), media_type=JSON)
        if rest == "oauth2/v2.0/token" and method == "POST":
            return self._token(body)
        return _refused(404, "invalid_request", 900144, "No such endpoint.")

    def writer_of(self, authorization: str) -> str | None:
        """The identity of the token; None when it is missing, forged, expired or revoked."""
        scheme, _, token = authorization.partition(" ")
        content = self._read(token) if scheme.lower() == "bearer" else None
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
            "jti": uuid.uuid4().hex,
        }
        parts = [_b64(json.dumps(p).encode()) for p in ({"alg": "HS256", "typ": "JWT"}, content)]
        signed = ".".join(parts)
        return f"{signed}.{_b64(self._mac(signed))}"

    def _generation(self) -> int:
        kept = self._store.get("_counter", "token_generation")
        return int(kept["value"]) if kept else 0

    def _configuration(self, origin: str) -> dict[str, Any]:
        root = f"{origin}/{self.tenant}"
        return {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "issuer": f"{root}/v2.0",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
        }

    def _token(self, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8")).items()}
        refusal = self._refusal(form)
        if refusal is not None:
            return refusal
        life = self._options.access_token_life_s
        content = {
            "token_type": "Bearer", "expires_in": life, "ext_expires_in": life,
            "access_token": self.issue(),
        }  # fmt: skip
        return Answer(200, content, media_type=JSON)

    def _refusal(self, form: dict[str, str]) -> Answer | None:
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", 70003, "Unsupported grant type.")
        client = form.get("client_id", "")
        if client != self._client_id:
            text = f"Application with identifier '{client}' was not found in the directory."
            return _refused(400, "unauthorized_client", 700016, text)
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._client_secret):
            return _refused(401, "invalid_client", 7000215, "Invalid client secret provided.")
        scope = form.get("scope", "")
        if scope != SCOPE:
            return _refused(400, "invalid_scope", 1002012, f"The scope '{scope}' is not valid.")
        return None

    def _read(self, token: str) -> dict[str, Any] | None:
        signed, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), _b64(self._mac(signed)).encode()):
            return None
        text = signed.partition(".")[2]
        content: dict[str, Any] = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        return content

    def _mac(self, signed: str) -> bytes:
        return hmac.new(self._key, signed.encode(), hashlib.sha256).digest()


def _refused(status: int, error: str, number: int, text: str) -> Answer:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    return Answer(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: {trace}"
            f" Correlation ID: {correlation}",
            "error_codes": [number],
            "trace_id": trace,
            "correlation_id": correlation,
        },
        media_type=JSON,
    )


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
