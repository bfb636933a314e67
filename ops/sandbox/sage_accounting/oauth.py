"""Sage's OAuth 2: codes, access and refresh tokens of each user's connection.

In: what the authorise, token and revoke endpoints receive. Out: a redirect, or the token JSON.
Refuses with `OAuthRefusal`, always 400: invalid_client, and invalid_grant for every dead code or
token (sage-accounting.md, section 2). Only the refresh token issued last is alive, once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from ops.sandbox.kernel.clock import SimulatedClock
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting.options import Options
from ops.sandbox.sage_accounting.users import Users

SCOPES = ("full_access", "readonly")
PARALLEL_S = 10.0
"""A refresh token used again this soon is two workers refreshing at once."""


class OAuthRefusal(Exception):
    """An answer of the OAuth endpoints: `error` in RFC 6749's words. `target`: where the browser
    goes with it, empty when the answer is a page."""

    def __init__(self, error: str, description: str = "", target: str = "") -> None:
        self.error = error
        self.description = description
        self.target = target
        super().__init__(error)


class Authority:
    """The tokens of one application, kept in the store."""

    def __init__(
        self,
        store: Store,
        clock: SimulatedClock,
        options: Options,
        users: Users,
        client: tuple[str, str],
        offend: Callable[[str, str], None],
    ) -> None:
        """`client`: id and secret. `offend` is told a code and what was seen."""
        self._store = store
        self._clock = clock
        self._options = options
        self._users = users
        self._client_id, self._client_secret = client
        self._offend = offend

    def _now(self) -> float:
        return self._clock().timestamp()

    # Authorising.

    def redirect(self, params: dict[str, str]) -> str:
        """Where the consent page sends the browser. Raises OAuthRefusal."""
        if params.get("client_id") != self._client_id:
            raise OAuthRefusal("unauthorized_client", "unknown client_id")
        target = params.get("redirect_uri", "")
        if not self._is_registered(target):
            raise OAuthRefusal("invalid_request", "redirect_uri is not registered")
        country = params.get("country", "").lower()
        if country and country != self._options.country:
            raise OAuthRefusal("invalid_request", "Email already in use")
        user = params.get("business") or self._options.signed_in or self._users.first()
        state = {"state": params["state"]} if "state" in params else {}
        error = self._refused(params, user)
        if error:
            raise OAuthRefusal(error, target=_with(target, {"error": error, **state}))
        code = self._code(user, target, params)
        return _with(target, {"code": code, "country": self._options.country.upper(), **state})

    def _refused(self, params: dict[str, str], user: str) -> str:
        if params.get("deny"):
            return "access_denied"
        if params.get("response_type") != "code":
            return "unsupported_response_type"
        if params.get("scope") not in SCOPES:
            return "invalid_scope"
        challenged = "code_challenge" in params
        method = params.get("code_challenge_method", "plain")
        if self._users.get(user) is None or (challenged and method not in ("plain", "S256")):
            return "invalid_request"
        return ""

    def _is_registered(self, target: str) -> bool:
        if self._options.redirect_uris:
            return target in self._options.redirect_uris
        parts = urlsplit(target)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
        return parts.scheme == "https" or local

    def _code(self, user: str, target: str, params: dict[str, str]) -> str:
        code = f"CA/{secrets.token_urlsafe(24)}"
        self._store.put(
            "_code",
            code,
            {
                "user": user,
                "redirect_uri": target,
                "scope": params["scope"],
                "challenge": params.get("code_challenge", ""),
                "method": params.get("code_challenge_method", "plain"),
                "expires_at": self._now() + self._options.code_life_s,
            },
        )
        return code

    # Tokens.

    def check_client(self, form: dict[str, str]) -> None:
        """Raises OAuthRefusal unless the form holds our client's credentials."""
        given = f"{form.get('client_id', '')}:{form.get('client_secret', '')}".encode()
        wanted = f"{self._client_id}:{self._client_secret}".encode()
        if not hmac.compare_digest(given, wanted):
            raise OAuthRefusal("invalid_client")

    def token(self, form: dict[str, str]) -> Document:
        """The answer of the token endpoint. Raises OAuthRefusal."""
        self.check_client(form)
        grant = form.get("grant_type")
        if grant == "authorization_code":
            with self._store.transaction():
                return self._exchange(form)
        if grant == "refresh_token":
            token = form.get("refresh_token", "")
            kept = self._living_refresh(token)
            if "answer" in kept:
                return dict(kept["answer"])
            with self._store.transaction():
                return self._refresh(token, kept)
        raise OAuthRefusal("invalid_grant", "grant_type is not supported")

    def issue(self, user: str, scope: str = "full_access") -> Document:
        """A new connection, as if that user had just authorised it."""
        with self._store.transaction():
            return self._tokens(self._connect(user, scope))

    def install(self, user: str, tokens: Document) -> None:
        """A connection with tokens known in advance, for a seeded world."""
        connection = self._connect(user, tokens.get("scope", "full_access"))
        now = self._now()
        if tokens.get("access_token"):
            life_s = self._options.access_token_life_s
            self._keep("_access", tokens["access_token"], connection, now, life_s)
        if tokens.get("refresh_token"):
            life_s = self._options.refresh_token_life_s
            self._keep("_refresh", tokens["refresh_token"], connection, now, life_s)

    def opened_by(self, access_token: str) -> Document | None:
        """The connection {id, user, scope} of a living access token, else None."""
        kept = self._store.get("_access", access_token)
        if kept is None or kept["expires_at"] <= self._now():
            return None
        self._note_seen(kept["connection"], access_token)
        found = self._store.get("_connection", kept["connection"])
        return {**found, "id": kept["connection"]} if found else None

    def revoke(self, token: str) -> None:
        """Ends a refresh token; access tokens only expire. Raises OAuthRefusal if unknown."""
        kept = self._store.get("_refresh", token)
        if kept is None:
            raise OAuthRefusal("invalid_request", "unknown token")
        self._store.put("_refresh", token, {**kept, "revoked": True})

    def note_subscription(self, connection: str, *, active: bool) -> None:
        """What the last call of a connection was told, to see a refresh loop on a dead one."""
        kept = self._store.get("_connection", connection) or {}
        if active == bool(kept.get("no_subscription")):
            changed = {**kept, "no_subscription": not active, "in_vain": 0}
            self._store.put("_connection", connection, changed)

    def _exchange(self, form: dict[str, str]) -> Document:
        code = form.get("code", "")
        kept = self._store.get("_code", code)
        if kept is None or kept["expires_at"] <= self._now():
            raise OAuthRefusal("invalid_grant", "code is unknown, used or expired")
        if kept["redirect_uri"] != form.get("redirect_uri"):
            raise OAuthRefusal("invalid_grant", "redirect_uri differs")
        if kept["challenge"] and not _verified(kept, form.get("code_verifier", "")):
            raise OAuthRefusal("invalid_grant", "code_verifier is missing or wrong")
        self._store.delete("_code", code)
        return self._tokens(self._connect(kept["user"], kept["scope"]))

    def _living_refresh(self, token: str) -> Document:
        kept = self._store.get("_refresh", token)
        now = self._now()
        if kept is None or kept.get("revoked") or kept["expires_at"] <= now:
            raise OAuthRefusal("invalid_grant", "refresh token is unknown, revoked or expired")
        if "used_at" not in kept:
            return {"connection": kept["connection"]}
        since = now - float(kept["used_at"])
        if since < self._options.refresh_grace_s:
            return {"answer": kept["answer"]}
        self._note_reuse(
            kept["connection"],
            "refresh_in_parallel" if since < PARALLEL_S else "refresh_token_reused",
        )
        raise OAuthRefusal("invalid_grant", "refresh token is not the latest issued")

    def _note_reuse(self, connection: str, offence: str) -> None:
        """Counted once somebody uses the tokens that took its place: until then their answer may
        have been lost, and whoever asks again knows no better."""
        kept = self._store.get("_connection", connection) or {}
        if kept.get("unseen"):
            self._store.put("_connection", connection, {**kept, "reused": offence})
        else:
            self._offend(offence, "a refresh token that was used already")

    def _note_seen(self, connection: str, token: str) -> None:
        """The answer that held this token arrived."""
        kept = self._store.get("_connection", connection) or {}
        if token not in kept.get("unseen", ()):
            return
        if kept.get("reused"):
            self._offend(kept["reused"], "a refresh token that was used already")
        self._store.put("_connection", connection, {**kept, "unseen": [], "reused": ""})

    def _refresh(self, token: str, kept: Document) -> Document:
        connection = str(kept["connection"])
        self._note_seen(connection, token)
        self._note_loop(connection)
        answer = self._tokens(connection)
        before = self._store.get("_refresh", token) or {}
        used = {**before, "used_at": self._now()}
        if self._options.refresh_grace_s:
            used["answer"] = answer
        self._store.put("_refresh", token, used)
        return answer

    def _note_loop(self, connection: str) -> None:
        """Refreshing fresh tokens because of "No active subscription" helps nobody."""
        kept = self._store.get("_connection", connection) or {}
        age = self._now() - float(kept.get("issued_at", 0))
        if not kept.get("no_subscription") or age > self._options.access_token_life_s / 2:
            return
        times = int(kept.get("in_vain", 0)) + 1
        self._store.put("_connection", connection, {**kept, "in_vain": times})
        if times > 1:
            self._offend("refresh_without_subscription", f"{times} refreshes of living tokens")

    def _connect(self, user: str, scope: str) -> str:
        number = str(self._store.next_number("connection"))
        self._store.put("_connection", number, {"user": user, "scope": scope})
        return number

    def _tokens(self, connection: str) -> Document:
        now = self._now()
        options = self._options
        kept = self._store.get("_connection", connection) or {}
        # Both may reach 2048 bytes (section 2): long enough to overflow a short column.
        access = f"eyJhbGciOiJIUzUxMiJ9.{secrets.token_urlsafe(1100)}"
        refresh = f"eyJjdHkiOiJKV1QifQ.{secrets.token_urlsafe(700)}"
        self._forget_expired(connection, now)
        self._keep("_access", access, connection, now, options.access_token_life_s)
        self._keep("_refresh", refresh, connection, now, options.refresh_token_life_s)
        self._store.put(
            "_connection", connection, {**kept, "issued_at": now, "unseen": [access, refresh]}
        )
        return {
            "access_token": access,
            "expires_in": options.access_token_life_s,
            "refresh_token": refresh,
            "refresh_token_expires_in": options.refresh_token_life_s,
            "scope": kept["scope"],
            "token_type": "bearer",
            "requested_by_id": str(uuid.uuid5(uuid.NAMESPACE_OID, kept["user"])),
        }

    def _keep(self, kind: str, token: str, connection: str, now: float, life_s: float) -> None:
        self._store.put(kind, token, {"connection": connection, "expires_at": now + life_s})

    def _forget_expired(self, connection: str, now: float) -> None:
        for kind in ("_access", "_refresh"):
            for token in self._store.keys(kind):
                kept = self._store.get(kind, token)
                if kept and kept["connection"] == connection and kept["expires_at"] <= now:
                    self._store.delete(kind, token)


def _with(target: str, answer: dict[str, str]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(answer)}"


def _verified(kept: Document, verifier: str) -> bool:
    if kept["method"] == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), str(kept["challenge"]).encode())
