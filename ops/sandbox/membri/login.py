"""The Entra-like login: OpenID configuration, client-credentials tokens, AADSTS refusals.

In: form posts as MSAL makes them. Out: signed bearer tokens bound to one environment's address,
short-lived on demand. Error bodies as in Microsoft's "reference-error-codes" page.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from ops.sandbox.kernel import entra
from ops.sandbox.membri.calls import Answer
from ops.sandbox.membri.environment import Environment


class Login:
    def __init__(self, env: Environment, tenant: str, client_id: str, client_secret: str) -> None:
        self._env = env
        self.tenant = tenant
        self._client_id = client_id
        self._client_secret = client_secret

    def answer(self, method: str, path: str, origin: str, body: bytes) -> Answer:
        """`path` without its first slash; `origin` is this server's scheme and host."""
        tenant, _, rest = path.partition("/")
        if tenant != self.tenant:
            text = f"Tenant '{tenant}' not found."
            return _answer(entra.refused(400, "invalid_tenant", 90002, text))
        if rest == "v2.0/.well-known/openid-configuration" and method == "GET":
            return Answer(200, entra.configuration(origin, self.tenant))
        if rest == "oauth2/v2.0/token" and method == "POST":
            return self._token(origin, body)
        return _answer(entra.refused(*entra.NO_SUCH_ENDPOINT))

    def user_of(self, authorization: str, origin: str) -> str | None:
        """Who a bearer token speaks for here and now; None when it is missing, forged, expired,
        revoked or meant for another environment."""
        content = entra.bearer(authorization, self._env.secret)
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

    def _token(self, origin: str, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8")).items()}
        refusal = self._refusal(form, origin)
        if refusal is not None:
            return _answer(refusal)
        options = self._env.options.current
        content = {
            "aud": form["scope"].removesuffix("/.default"),
            "appid": form["client_id"],
            "exp": options.now().timestamp() + options.token_lifetime_s,
            "gen": self._generation(),
        }
        token = entra.signed(content, self._env.secret)
        answer = entra.granted(token, options.token_lifetime_s)
        return Answer(200, answer, content_type=entra.MEDIA_TYPE)

    def _refusal(self, form: dict[str, str], origin: str) -> entra.Refused | None:
        refusal = entra.refused_client(form, self._client_id, self._client_secret)
        if refusal is not None:
            return refusal
        if self._env.options.current.secret_expired:
            text = "The provided client secret keys for the app are expired."
            return entra.refused(401, "invalid_client", 7000222, text)
        scope = form.get("scope", "")
        if not scope.endswith("/.default") or " " in scope:
            return entra.refused_scope(scope)
        resource = scope.removesuffix("/.default")
        if resource != origin:
            text = f"The resource principal named {resource} was not found in the tenant."
            return entra.refused(400, "invalid_resource", 500011, text)
        return None


def _answer(refusal: entra.Refused) -> Answer:
    return Answer(refusal.status, refusal.content, content_type=entra.MEDIA_TYPE)
