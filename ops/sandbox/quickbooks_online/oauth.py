"""Intuit's OAuth 2: codes, access and refresh tokens of each company's connection.

In: what the authorise, token and revoke endpoints receive. Out: a redirect, or the token JSON.
Refuses with `OAuthRefusal`: wrong client (401), and every dead code or token (400 invalid_grant).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from ops.sandbox.kernel.clock import SimulatedClock
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.quickbooks_online.options import Options


class OAuthRefusal(Exception):
    """An answer of the OAuth endpoints: `error` in RFC 6749's words, and an HTTP status."""

    def __init__(self, error: str, status: int = 400, description: str = "") -> None:
        self.error = error
        self.status = status
        self.description = description
        super().__init__(error)


class Authority:
    """The tokens of one application, kept in the store."""

    def __init__(
        self,
        store: Store,
        clock: SimulatedClock,
        options: Options,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._client_id = client_id
        self._client_secret = client_secret

    def _now(self) -> float:
        moment: datetime = self._clock()
        return moment.timestamp()

    # Authorising.

    def redirect(self, params: dict[str, str], realms: list[str]) -> str:
        """Where the authorise page sends the browser. Raises OAuthRefusal."""
        if params.get("client_id") != self._client_id:
            raise OAuthRefusal("invalid_client", description="unknown client_id")
        if params.get("response_type") != "code":
            raise OAuthRefusal("unsupported_response_type")
        target = params.get("redirect_uri", "")
        if not self._is_known(target):
            raise OAuthRefusal("invalid_request", description="redirect_uri is not registered")
        if "com.intuit.quickbooks.accounting" not in params.get("scope", "").split():
            raise OAuthRefusal("invalid_scope")
        realm = params.get("realm") or (realms[0] if realms else "")
        if realm not in realms:
            raise OAuthRefusal("invalid_request", description="no such company")
        answer = {"state": params.get("state", "")}
        if params.get("deny"):
            answer["error"] = "access_denied"
        else:
            answer |= {"code": self._code(realm, target), "realmId": realm}
        return f"{target}{'&' if '?' in target else '?'}{urlencode(answer)}"

    def _is_known(self, target: str) -> bool:
        if self._options.redirect_uris:
            return target in self._options.redirect_uris
        parts = urlsplit(target)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return parts.scheme == "https" or (parts.scheme == "http" and loopback)

    def _code(self, realm: str, target: str) -> str:
        code = f"AB11{secrets.token_urlsafe(24)}"
        expires = self._now() + self._options.code_life_s
        self._store.put(
            "_code", code, {"realm": realm, "redirect_uri": target, "expires_at": expires}
        )
        return code

    # Tokens.

    def check_client(self, header: str) -> None:
        """Raises OAuthRefusal unless `header` is the Basic authentication of our client."""
        scheme, _, value = header.partition(" ")
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        wanted = f"{self._client_id}:{self._client_secret}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(given, wanted):
            raise OAuthRefusal("invalid_client", 401)

    def token(self, form: dict[str, str], *, hard_expiry: bool = False) -> Document:
        """The answer of the token endpoint. Raises OAuthRefusal."""
        grant = form.get("grant_type")
        with self._store.transaction():
            if grant == "authorization_code":
                answer = self._exchange(form)
            elif grant == "refresh_token":
                answer = self._refresh(form.get("refresh_token", ""))
            else:
                raise OAuthRefusal("unsupported_grant_type")
        if not hard_expiry:
            answer.pop("x_refresh_token_hard_expires_in")
        return answer

    def issue(self, realm: str) -> Document:
        """A new connection to a company, as if somebody had just authorised it."""
        with self._store.transaction():
            number = str(self._store.next_number("connection"))
            self._store.put("_connection", number, {"realm": realm, "born_at": self._now()})
            answer = self._tokens(number, None)
        answer.pop("x_refresh_token_hard_expires_in")
        return answer

    def install(self, realm: str, access_token: str, refresh_token: str) -> None:
        """A connection with tokens known in advance, for a seeded world."""
        number = str(self._store.next_number("connection"))
        now = self._now()
        self._store.put("_connection", number, {"realm": realm, "born_at": now})
        if access_token:
            self._keep("_access", access_token, number, now + self._options.access_token_life_s)
        if refresh_token:
            self._keep("_refresh", refresh_token, number, now + self._options.refresh_token_life_s)

    def realm_of(self, access_token: str) -> str | None:
        """The company a living access token opens, else None."""
        kept = self._store.get("_access", access_token)
        if kept is None or kept["expires_at"] <= self._now():
            return None
        connection = self._store.get("_connection", kept["connection"])
        if connection is None or connection.get("revoked"):
            return None
        return str(connection["realm"])

    def revoke(self, token: str) -> None:
        """Ends the connection of an access or refresh token. Raises OAuthRefusal if unknown."""
        kept = self._store.get("_refresh", token) or self._store.get("_access", token)
        if kept is None:
            raise OAuthRefusal("invalid_request", description="unknown token")
        connection = self._store.get("_connection", kept["connection"]) or {}
        self._store.put("_connection", kept["connection"], {**connection, "revoked": True})

    def _exchange(self, form: dict[str, str]) -> Document:
        code = form.get("code", "")
        kept = self._store.get("_code", code)
        if kept is None or kept["expires_at"] <= self._now():
            raise OAuthRefusal("invalid_grant", description="code is unknown, used or expired")
        if kept["redirect_uri"] != form.get("redirect_uri"):
            raise OAuthRefusal("invalid_grant", description="redirect_uri differs")
        self._store.delete("_code", code)
        number = str(self._store.next_number("connection"))
        self._store.put("_connection", number, {"realm": kept["realm"], "born_at": self._now()})
        return self._tokens(number, None)

    def _refresh(self, token: str) -> Document:
        kept = self._store.get("_refresh", token)
        dead = kept is None or kept.get("superseded") or kept["expires_at"] <= self._now()
        if kept is None or dead:
            raise OAuthRefusal("invalid_grant", description="Incorrect or invalid refresh token")
        connection = self._store.get("_connection", kept["connection"]) or {}
        age = self._now() - float(connection.get("born_at", 0))
        if connection.get("revoked") or age >= self._options.connection_life_s:
            raise OAuthRefusal("invalid_grant", description="the connection has ended")
        if self._options.rotate_refresh_token:
            if self._options.old_refresh_token_dies:
                self._store.put("_refresh", token, {**kept, "superseded": True})
            return self._tokens(kept["connection"], None)
        return self._tokens(kept["connection"], token)

    def _tokens(self, connection: str, refresh_token: str | None) -> Document:
        now = self._now()
        options = self._options
        born = float((self._store.get("_connection", connection) or {})["born_at"])
        hard = born + options.connection_life_s - now
        life = min(float(options.refresh_token_life_s), hard)
        access = f"eyJ.{secrets.token_urlsafe(48)}"
        refresh = refresh_token or f"RT1-{secrets.token_urlsafe(32)}"
        self._forget_expired(connection, now)
        self._keep("_access", access, connection, now + options.access_token_life_s)
        self._keep("_refresh", refresh, connection, now + life)
        return {
            "token_type": "bearer",
            "expires_in": options.access_token_life_s,
            "access_token": access,
            "refresh_token": refresh,
            "x_refresh_token_expires_in": int(life),
            "x_refresh_token_hard_expires_in": int(hard),
        }

    def _keep(self, kind: str, token: str, connection: str, expires_at: float) -> None:
        self._store.put(kind, token, {"connection": connection, "expires_at": expires_at})

    def _forget_expired(self, connection: str, now: float) -> None:
        for token in self._store.keys("_access"):
            kept = self._store.get("_access", token)
            if kept and kept["connection"] == connection and kept["expires_at"] <= now:
                self._store.delete("_access", token)
