"""The simulated login, with MSAL itself and with raw requests; and service protection limits."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msal
import pytest

from tests.integration.sandbox_membri import CLIENT_ID, CLIENT_SECRET, ROOT, Membri, open_membri


@pytest.fixture
def membri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Membri]:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)  # it would override verify=
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with open_membri(tmp_path) as running:
        yield running


def application(membri: Membri, **changes: Any) -> msal.ConfidentialClientApplication:
    values = {"client_credential": CLIENT_SECRET, "authority": membri.authority, **changes}
    return msal.ConfidentialClientApplication(
        changes.pop("client_id", CLIENT_ID),
        client_credential=values["client_credential"],
        authority=values["authority"],
        instance_discovery=False,
        verify=str(membri.certificate.ca),
    )


def token_requests(membri: Membri) -> int:
    return sum(e["path"].endswith("/oauth2/v2.0/token") for e in membri.admin.get("/log").json())


def test_msal_gets_a_token_that_the_web_api_accepts_then_uses_its_cache(membri: Membri) -> None:
    before = token_requests(membri)
    app = application(membri)
    first = app.acquire_token_for_client([f"{membri.url}/.default"])
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] == 4500
    again = app.acquire_token_for_client([f"{membri.url}/.default"])
    assert again["access_token"] == first["access_token"]
    assert token_requests(membri) == before + 1
    membri.web.headers["Authorization"] = f"Bearer {first['access_token']}"
    assert uuid.UUID(membri.get("WhoAmI").json()["UserId"])


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"client_credential": "wrong"}, "invalid_client", 7000215),
        ({"client_id": str(uuid.UUID(int=1))}, "unauthorized_client", 700016),
        ({"scope": "https://elsewhere.example/.default"}, "invalid_resource", 500011),
        ({"scope": "https://elsewhere.example/user"}, "invalid_scope", 1002012),
    ],
)
def test_msal_reads_the_refusals_of_the_login(
    membri: Membri, changes: dict[str, str], error: str, number: int
) -> None:
    scope = changes.pop("scope", f"{membri.url}/.default")
    answer = application(membri, **changes).acquire_token_for_client([scope])
    assert answer["error"] == error
    assert f"AADSTS{number}" in answer["error_description"]
    assert CLIENT_SECRET not in str(answer)


def test_an_expired_secret_has_its_own_code(membri: Membri) -> None:
    membri.options(secret_expired=True)
    answer = application(membri).acquire_token_for_client([f"{membri.url}/.default"])
    assert "AADSTS7000222" in answer["error_description"]


def test_an_unknown_tenant_is_refused(membri: Membri) -> None:
    other = f"{membri.url}/{uuid.uuid4()}"
    answer = membri.web.get(f"{other}/v2.0/.well-known/openid-configuration")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        application(membri, authority=other)


def test_the_challenge_tells_where_to_log_in(membri: Membri) -> None:
    del membri.web.headers["Authorization"]
    answer = membri.get("")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f"Bearer authorization_uri={membri.authority}/oauth2/authorize, resource_id={membri.url}/"
    )


def test_a_token_ends_with_its_lifetime_and_when_revoked(membri: Membri) -> None:
    membri.options(clock_offset_s=4501.0)
    expired = membri.get("WhoAmI")
    assert expired.status_code == 401
    assert "error=invalid_token" in expired.headers["WWW-Authenticate"]
    membri.log_in()
    assert membri.get("WhoAmI").status_code == 200
    membri.admin.post("/revoke")
    assert membri.get("WhoAmI").status_code == 401


def test_a_forged_token_or_one_of_another_environment_is_refused(
    membri: Membri, tmp_path: Path
) -> None:
    token = membri.token()
    membri.web.headers["Authorization"] = f"Bearer {token[:-2]}xx"
    assert membri.get("WhoAmI").status_code == 401
    with open_membri(tmp_path / "other") as other:
        other.web.headers["Authorization"] = f"Bearer {token}"
        assert other.get("WhoAmI").status_code == 401


def throttled(answer: httpx2.Response) -> tuple[int, str, str]:
    return (
        answer.status_code,
        answer.json()["error"]["code"],
        answer.headers["Retry-After"],
    )


def test_too_many_requests_wait_for_retry_after(membri: Membri) -> None:
    membri.options(requests_limit=3, retry_after_s=7)
    assert [membri.get("WhoAmI").status_code for _ in range(3)] == [200, 200, 200]
    assert throttled(membri.get("WhoAmI")) == (429, "0x80072322", "7")
    assert membri.offences() == []
    membri.options(clock_offset_s=7.5)
    assert membri.get("WhoAmI").status_code == 200
    assert membri.offences() == []


def test_pushing_on_during_retry_after_lengthens_it_and_is_an_offence(membri: Membri) -> None:
    membri.options(requests_limit=1, retry_after_s=8, retry_after_grace_s=1.0)
    membri.get("WhoAmI")
    assert throttled(membri.get("WhoAmI"))[2] == "8"
    membri.options(clock_offset_s=3.0)
    assert throttled(membri.get("WhoAmI"))[2] == "16"
    membri.options(clock_offset_s=12.0)
    assert throttled(membri.get("WhoAmI"))[2] == "32"
    assert membri.offences() == ["call_during_retry_after"] * 2


def test_calls_already_on_their_way_when_the_429_left_are_no_offence(membri: Membri) -> None:
    membri.options(requests_limit=1, retry_after_s=8, retry_after_grace_s=60.0)
    membri.get("WhoAmI")
    for _ in range(3):
        assert membri.get("WhoAmI").status_code == 429
    assert membri.offences() == []


def test_execution_time_is_a_facet_of_its_own(membri: Membri) -> None:
    membri.options(execution_limit_s=1.0, execution_cost_s=0.4)
    assert [membri.get("WhoAmI").status_code for _ in range(3)] == [200, 200, 200]
    answer = membri.get("WhoAmI")
    assert throttled(answer)[1] == "0x80072321"
    assert answer.headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "0.0"


def test_too_many_calls_at_once_are_refused_at_once(membri: Membri) -> None:
    invoices = [membri.invoice() for _ in range(2)]
    membri.options(concurrency_limit=1, write_time_s=0.5)
    answers: list[httpx2.Response] = []
    together = threading.Barrier(2)

    def write(invoice: str) -> None:
        together.wait()
        answers.append(membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*"))

    threads = [threading.Thread(target=write, args=(one,)) for one in invoices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in answers) == [204, 429]
    (refused,) = (a for a in answers if a.status_code == 429)
    assert refused.json()["error"]["code"] == "0x80072326"


def test_each_server_counts_alone_and_the_cookie_keeps_to_one(membri: Membri) -> None:
    membri.options(servers=2, requests_limit=2)
    path = f"{membri.url}{ROOT}WhoAmI"
    headers = dict(membri.web.headers)
    membri.web.cookies.clear()
    statuses = []
    for _ in range(4):  # without the cookie, in turn
        statuses.append(membri.web.get(path, headers=headers).status_code)
        membri.web.cookies.clear()
    assert statuses == [200] * 4
    assert membri.web.get(path).status_code == 429
    first = membri.web.cookies["ARRAffinity"]
    assert membri.web.get(path).status_code == 429
    assert membri.web.cookies["ARRAffinity"] == first
