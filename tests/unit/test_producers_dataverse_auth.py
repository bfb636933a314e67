"""Tokens: where they are asked for, when again, and what is said when they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from producers.dataverse import AuthFault, ConfigFault, EntraTokens, MembriUnavailable
from producers.dataverse.auth import LOGIN_HOSTS, trusted_authority

URL = "https://org.crm3.dynamics.com"
TENANT = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555"
SECRET = "dummy-client-secret"
CHALLENGE = f"Bearer authorization_uri={TENANT}/oauth2/authorize, resource_id={URL}/"


class Entra:
    """Dataverse's challenge and the login server, in one transport."""

    def __init__(self) -> None:
        self.challenge = httpx2.Response(401, headers={"WWW-Authenticate": CHALLENGE})
        self.discovery: Callable[[], httpx2.Response] = self._discovery
        self.answers: list[Any] = []
        self.forms: list[str] = []
        self.asked: list[str] = []
        self.number = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        if request.url.host == "org.crm3.dynamics.com":
            return self.challenge
        if request.method == "GET":
            return self.discovery()
        self.forms.append(request.content.decode())
        return self._token()

    def _discovery(self) -> httpx2.Response:
        body = {
            "issuer": f"{TENANT}/v2.0",
            "authorization_endpoint": f"{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": f"{TENANT}/oauth2/v2.0/token",
        }
        return httpx2.Response(200, content=json.dumps(body))

    def _token(self) -> httpx2.Response:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            status, body = answer
            return httpx2.Response(status, content=json.dumps(body))
        self.number += 1
        token = {"access_token": f"t-{self.number}", "expires_in": 3599, "token_type": "Bearer"}
        return httpx2.Response(200, content=json.dumps(token))


@pytest.fixture
def entra() -> Entra:
    return Entra()


def tokens(entra: Entra, **options: Any) -> EntraTokens:
    http = httpx2.Client(transport=httpx2.MockTransport(entra))
    return EntraTokens(URL, "client-id", SECRET, http, **options)


def test_the_tenant_is_taken_from_the_challenge(entra: Entra) -> None:
    assert tokens(entra).token() == "t-1"
    assert entra.asked[0] == f"{URL}/api/data/v9.2/"
    assert entra.asked[1] == f"{TENANT}/v2.0/.well-known/openid-configuration"
    [form] = entra.forms
    assert "grant_type=client_credentials" in form
    assert "scope=https%3A%2F%2Forg.crm3.dynamics.com%2F.default" in form


def test_a_configured_authority_skips_the_challenge(entra: Entra) -> None:
    assert tokens(entra, authority=f"{TENANT}/").token() == "t-1"
    assert f"{URL}/api/data/v9.2/" not in entra.asked


def test_a_token_is_kept_while_it_is_good(entra: Entra) -> None:
    source = tokens(entra)
    assert [source.token() for _ in range(3)] == ["t-1"] * 3
    assert len(entra.forms) == 1


def test_a_dropped_token_is_asked_for_again(entra: Entra) -> None:
    source = tokens(entra)
    first = source.token()
    source.drop(first)
    assert source.token() == "t-2"
    source.drop(first)
    assert source.token() == "t-2"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AADSTS7000215", "secret is wrong"),
        ("AADSTS7000222", "secret has expired"),
        ("AADSTS700016", "not in this tenant"),
        ("AADSTS90002", "tenant does not exist"),
        ("AADSTS500011", r"what is asked for: check \[membri\] url"),
        ("AADSTS999999", "AADSTS999999"),
    ],
)
def test_a_refused_identity_says_what_to_correct(entra: Entra, code: str, told: str) -> None:
    body = {"error": "invalid_client", "error_description": f"{code}: No.\r\nTrace ID: 1"}
    entra.answers = [(401, body)]
    with pytest.raises(AuthFault, match=told) as fault:
        tokens(entra).token()
    assert fault.value.code == code
    assert "Trace" not in str(fault.value)
    assert SECRET not in str(fault.value)


def test_a_corrected_secret_does_not_meet_an_answer_kept_from_before(entra: Entra) -> None:
    source = tokens(entra)
    entra.answers = [(400, {"error": "invalid_client"})]
    with pytest.raises(AuthFault):
        source.token()
    assert source.token() == "t-1"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ConnectError("refused"),
        (503, {}),
        (400, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: later"}),
    ],
)
def test_a_login_server_that_is_away_is_not_an_auth_fault(entra: Entra, trouble: Any) -> None:
    source = tokens(entra)
    entra.answers = [trouble]
    with pytest.raises(MembriUnavailable, match="login server"):
        source.token()
    assert source.token() == "t-1"


def test_a_tenant_that_does_not_exist_is_an_auth_fault(entra: Entra) -> None:
    entra.discovery = lambda: httpx2.Response(400, content="{}")
    with pytest.raises(AuthFault, match="not a usable authority"):
        tokens(entra).token()


def test_a_discovery_that_fails_for_now_is_waited_out(entra: Entra) -> None:
    discovery = entra.discovery
    entra.discovery = lambda: httpx2.Response(503, content="{}")
    source = tokens(entra)
    with pytest.raises(MembriUnavailable):
        source.token()
    entra.discovery = discovery
    assert source.token() == "t-1"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_environment_that_is_away_is_waited_out(entra: Entra, status: int) -> None:
    entra.challenge = httpx2.Response(status)
    with pytest.raises(MembriUnavailable, match=str(status)):
        tokens(entra).token()


@pytest.mark.parametrize(
    "challenge",
    [httpx2.Response(200), httpx2.Response(401), httpx2.Response(404, content="<html>")],
)
def test_a_server_that_does_not_say_where_to_log_in_is_misconfigured(
    entra: Entra, challenge: httpx2.Response
) -> None:
    entra.challenge = challenge
    with pytest.raises(ConfigFault, match="where to log in"):
        tokens(entra).token()
    assert entra.forms == []


@pytest.mark.parametrize(
    "uri",
    [
        "https://login.evil.example/t/oauth2/authorize",
        "http://login.microsoftonline.com/t/oauth2/authorize",
        "https://login.microsoftonline.com.evil.example/t",
        "https://user@login.microsoftonline.com/t",
        "https://login.microsoftonline.com:8443/t",
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.com:port/t",
        "https://[bad/t",
    ],
)
def test_the_secret_is_not_posted_to_a_host_that_the_server_made_up(entra: Entra, uri: str) -> None:
    challenge = f'Bearer authorization_uri="{uri}", resource_id={URL}'
    entra.challenge = httpx2.Response(401, headers={"WWW-Authenticate": challenge})
    with pytest.raises(ConfigFault):
        tokens(entra).token()
    assert entra.forms == []


@pytest.mark.parametrize("host", sorted(LOGIN_HOSTS))
def test_microsofts_login_hosts_are_known(host: str) -> None:
    found = trusted_authority(f"https://{host}/tenant/oauth2/authorize", LOGIN_HOSTS)
    assert found == f"https://{host}/tenant"


def test_a_private_login_host_can_be_allowed() -> None:
    hosts = LOGIN_HOSTS | {"sso.example"}
    assert trusted_authority("https://sso.example/t/authorize", hosts) == "https://sso.example/t"


def test_the_secret_is_in_no_repr(entra: Entra) -> None:
    assert SECRET not in repr(tokens(entra))
