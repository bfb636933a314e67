"""What every simulated service behind an Entra-like login shares: its documents and its tokens.

In: forms as MSAL posts them. Out: the OpenID configuration, signed bearer tokens, refusals with the
AADSTS numbers of Microsoft's "reference-error-codes" page. Which scope and which audience are right
is for each service to say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Refused:
    status: int
    content: dict[str, Any]


def refused(status: int, error: str, number: int, text: str) -> Refused:
    """Entra's error document."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    content = {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Trace ID: {trace}"
        f" Correlation ID: {correlation}",
        "error_codes": [number],
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return Refused(status, content)


NO_SUCH_ENDPOINT = (404, "invalid_request", 900144, "No such endpoint.")


def refused_client(form: Mapping[str, str], client_id: str, client_secret: str) -> Refused | None:
    """Why an application may not log in with these credentials; None when it may."""
    if form.get("grant_type") != "client_credentials":
        return refused(400, "unsupported_grant_type", 70003, "Unsupported grant type.")
    client = form.get("client_id", "")
    if client != client_id:
        text = f"Application with identifier '{client}' was not found in the directory."
        return refused(400, "unauthorized_client", 700016, text)
    given = form.get("client_secret", "").encode()
    if not hmac.compare_digest(given, client_secret.encode()):
        return refused(401, "invalid_client", 7000215, "Invalid client secret provided.")
    return None


def refused_scope(scope: str) -> Refused:
    return refused(400, "invalid_scope", 1002012, f"The scope '{scope}' is not valid.")


def configuration(origin: str, tenant: str) -> dict[str, Any]:
    """The OpenID configuration. `origin`: the server's scheme and host."""
    root = f"{origin}/{tenant}"
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


def granted(token: str, life_s: float) -> dict[str, Any]:
    """The token endpoint's answer."""
    return {
        "token_type": "Bearer",
        "expires_in": life_s,
        "ext_expires_in": life_s,
        "access_token": token,
    }


def signed(content: Mapping[str, Any], key: bytes) -> str:
    """A token that says `content`, with an id of its own."""
    made = {**content, "jti": uuid.uuid4().hex}
    parts = [_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, made)]
    text = ".".join(parts)
    return f"{text}.{_b64(_mac(text, key))}"


def bearer(authorization: str, key: bytes) -> dict[str, Any] | None:
    """What a bearer token of ours says; None for another scheme, and for one that is forged."""
    scheme, _, token = authorization.partition(" ")
    text, _, mac = token.rpartition(".")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        mac.encode(), _b64(_mac(text, key)).encode()
    ):
        return None
    body = text.partition(".")[2]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return content


def _mac(text: str, key: bytes) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
