"""Sage's OAuth endpoints over HTTP, beside the accounting API.

In: browser redirects, form posts with the credentials in the body. Out: redirects, token JSON,
`{"error": …}`. The consent page answers directly: whoever opens it accepts, unless `deny` is given.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ops.sandbox.sage_accounting.oauth import Authority, OAuthRefusal

AUTHORISE = "/oauth2/auth/central"
TOKEN = "/token"  # noqa: S105 — a path, Sage's own
REVOKE = "/revoke"
FORM = "application/x-www-form-urlencoded"


def doors(authority: Authority, offend: Callable[[str, str], None]) -> list[Route]:
    """The OAuth routes. `offend` is told a code and what was seen."""

    async def authorise(request: Request) -> Response:
        try:
            target = authority.redirect(dict(request.query_params))
        except OAuthRefusal as refusal:
            if refusal.target:
                return RedirectResponse(refusal.target, 302)
            text = f"<html><body>{refusal.error}: {refusal.description}</body></html>"
            return HTMLResponse(text, 400)
        return RedirectResponse(target, 302)

    async def token(request: Request) -> Response:
        try:
            form = await _form(request, offend)
            answer = authority.token(form)
        except OAuthRefusal as refusal:
            return _refused(refusal)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def revoke(request: Request) -> Response:
        try:
            form = await _form(request, offend)
            authority.check_client(form)
            authority.revoke(form.get("token", ""))
        except OAuthRefusal as refusal:
            return _refused(refusal)
        return JSONResponse({"success": "ok"})

    return [
        Route(AUTHORISE, authorise),
        Route(TOKEN, token, methods=["POST"]),
        Route(REVOKE, revoke, methods=["POST"]),
    ]


async def _form(request: Request, offend: Callable[[str, str], None]) -> dict[str, str]:
    """The form of a request. Raises OAuthRefusal on Basic, or on anything but a form."""
    if request.headers.get("authorization", "").lower().startswith("basic"):
        offend("basic_on_token_endpoint", "credentials belong in the body")
        raise OAuthRefusal("invalid_client", "send client_id and client_secret in the body")
    if not request.headers.get("content-type", "").startswith(FORM):
        raise OAuthRefusal("invalid_request", f"the body must be {FORM}")
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _refused(refusal: OAuthRefusal) -> Response:
    body = {"error": refusal.error}
    if refusal.description:
        body["error_description"] = refusal.description
    return JSONResponse(body, 400)
