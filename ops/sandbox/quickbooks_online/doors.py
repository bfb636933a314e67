"""Intuit's OAuth endpoints and discovery document over HTTP, beside the accounting API.

In: browser redirects, form posts. Out: redirects, token JSON, `{"error": …}`.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ops.sandbox.quickbooks_online.companies import Companies
from ops.sandbox.quickbooks_online.oauth import Authority, OAuthRefusal

AUTHORISE = "/connect/oauth2"
TOKEN = "/oauth2/v1/tokens/bearer"  # noqa: S105 — a path, Intuit's own
REVOKE = "/v2/oauth2/tokens/revoke"
USER_INFO = "/v1/openid_connect/userinfo"
KEYS = "/op/v1/jwks"


def doors(authority: Authority, companies: Companies) -> list[Route]:
    """The OAuth routes."""

    async def authorise(request: Request) -> Response:
        try:
            target = authority.redirect(dict(request.query_params), companies.realms())
        except OAuthRefusal as refusal:
            text = f"<html><body>{refusal.error}: {refusal.description}</body></html>"
            return HTMLResponse(text, 400)
        return RedirectResponse(target, 302)

    async def token(request: Request) -> Response:
        try:
            authority.check_client(request.headers.get("authorization", ""))
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
            hard = request.headers.get("x-include-refresh-token-hard-expires-in") == "true"
            answer = authority.token(form, hard_expiry=hard)
        except OAuthRefusal as refusal:
            return _refused(refusal)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def revoke(request: Request) -> Response:
        try:
            authority.check_client(request.headers.get("authorization", ""))
            authority.revoke(_token_in(await request.body()))
        except OAuthRefusal as refusal:
            return _refused(refusal)
        return Response(status_code=200)

    names = ("openid_configuration", "openid_sandbox_configuration")
    found = [
        Route(f"/.well-known/{name}{slash}", _discovery) for name in names for slash in ("", "/")
    ]
    return [
        *found,
        Route(AUTHORISE, authorise),
        Route(TOKEN, token, methods=["POST"]),
        Route(REVOKE, revoke, methods=["POST"]),
        *_identity(authority),
    ]


def _identity(authority: Authority) -> list[Route]:
    async def user_info(request: Request) -> Response:
        _, _, bearer = request.headers.get("authorization", "").partition(" ")
        if authority.realm_of(bearer) is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": "sandbox-user", "email": "comptable@example.org"})

    async def keys(_: Request) -> Response:
        return JSONResponse({"keys": []})

    return [Route(USER_INFO, user_info), Route(KEYS, keys)]


async def _discovery(request: Request) -> Response:
    return JSONResponse(discovery_document(request))


def discovery_document(request: Request) -> dict[str, object]:
    """Endpoints under the scheme and host that the client itself used."""
    base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    return {
        "issuer": "https://oauth.platform.intuit.com/op/v1",
        "authorization_endpoint": base + AUTHORISE,
        "token_endpoint": base + TOKEN,
        "userinfo_endpoint": base + USER_INFO,
        "revocation_endpoint": base + REVOKE,
        "jwks_uri": base + KEYS,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "com.intuit.quickbooks.accounting"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }


def _refused(refusal: OAuthRefusal) -> Response:
    body = {"error": refusal.error}
    if refusal.description:
        body["error_description"] = refusal.description
    return JSONResponse(body, refusal.status)


def _token_in(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        decoded = json.loads(text)
    except ValueError:
        decoded = dict(parse_qsl(text))
    return str(decoded.get("token", "")) if isinstance(decoded, dict) else ""
