"""The Entra-like login: OpenID configuration, client-credentials tokens, AADSTS refusals.

In: form posts as MSAL makes them. Out: signed bearer tokens bound to one environment's address,
short-lived on demand. Error bodies as in Microsoft's "reference-error-codes" page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from typing import Any
from urllib.parse import parse_qs

from ops.sandbox.membri.calls import Answer
from ops.sandbox.membri.environment import Environment


class Login:
    def __init__(self, env: Environment, tenant: str, client_id: str, client_secret: str) -> None:
        self._env = env
        self.tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret.encode()

    def answer(self, method: str, path: str, origin: str, body: bytes) -> Answer:
        """`path` without its first slash; `origin` is this server's scheme and host."""
        tenant, _, rest = path.partition("/")
        if tenant != self.tenant:
            return _refused(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        if rest == "v2.0/.well-known/openid-configuration" and method == "GET":
            return Answer(200, self._configuration(origin))
        if rest == "oauth2/v2.0/token" and method == "POST":
            return self._token(origin, body)
        return _refused(404, "invalid_request", 900144, "No such endpoint.")

    def user_of(self, authorization: str, origin: str) -> str | None:
        """Who a bearer token speaks for here and now; None when it is missing, forged, expired,
        revoked or meant for another environment."""
        scheme, _, token = authorization.partition(" ")
        content = self._read(token) if scheme.lower() == "bearer" else None
        if content is None or content["aud"] != origin or content["gen"] != self._generation():
            return None
        if content["exp"] <= self._env.options.current.now().timestamp():
            return None
        return str(content["appid"])

    def challenge(self, origin: str, *, had_token: bool) -> str:
        """The value of WWW-Authenticate."""
        error = "error=invalid_token, " if had_token else ""
        uri = f"{origin}/{self.tenant}/oauth2/authorize"
        return f"Bearer {error}authorization_uri={uri}, resource_id={origin}/"

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._env.store.next_number("token_generation")

    def _generation(self) -> int:
        kept = self._env.store.get("_counter", "token_generation")
        return int(kept["value"]) if kept else 0

    def _configuration(self, origin: str) -> dict[str, Any]:
        root = f"{origin}/{self.tenant}"
        return {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "issuer": f"{root}/v2.0",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
        }

    def _token(self, origin: str, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8")).items()}
        refusal = self._refusal(form, origin)
        if refusal is not None:
            return refusal
        options = self._env.options.current
        content = {
            "aud": form["scope"].removesuffix("/.default"),
            "appid": form["client_id"],
            "exp": options.now().timestamp() + options.token_lifetime_s,
            "gen": self._generation(),
            "jti": uuid.uuid4().hex,
        }
        lifetime = options.token_lifetime_s
        return Answer(
            200,
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": self._sign(content),
            },
            content_type="application/json; charset=utf-8",
        )

    def _refusal(self, form: dict[str, str], origin: str) -> Answer | None:
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", 70003, "Unsupported grant type.")
        client = form.get("client_id", "")
        if client != self._client_id:
            text = f"Application with identifier '{client}' was not found in the directory."
            return _refused(400, "unauthorized_client", 700016, text)
        given = form.get("client_secret", "").encode()
        if not hmac.compare_digest(given, self._client_secret):
            return _refused(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if self._env.options.current.secret_expired:
            text = "The provided client secret keys for the app are expired."
            return _refused(401, "invalid_client", 7000222, text)
        scope = form.get("scope", "")
        if not scope.endswith("/.default") or " " in scope:
            return _refused(400, "invalid_scope", 1002012, f"The scope '{scope}' is not valid.")
        resource = scope.removesuffix("/.default")
        if resource != origin:
            text = f"The resource principal named {resource} was not found in the tenant."
            return _refused(400, "invalid_resource", 500011, text)
        return None

    def _sign(self, content: dict[str, Any]) -> str:
        parts = [_b64(json.dumps(p).encode()) for p in ({"alg": "HS256", "typ": "JWT"}, content)]
        signed = ".".join(parts)
        return f"{signed}.{_b64(self._mac(signed))}"

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
        return hmac.new(self._env.secret, signed.encode(), hashlib.sha256).digest()


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
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        },
        content_type="application/json; charset=utf-8",
    )


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
