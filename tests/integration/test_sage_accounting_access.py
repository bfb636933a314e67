"""Authorising, tokens and their end, against the sandbox."""

from __future__ import annotations

import datetime as dt
import json
import stat
import subprocess
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import BaseModel

from consumers.errors import Unavailable
from consumers.systems import registry
from consumers.systems._authorise import AuthorisationRefused, Receiver
from consumers.systems._tokens import read_token
from consumers.systems.sage_accounting.authorise import authorisation, begin, complete
from consumers.systems.sage_accounting.tokens import tokens_of
from ops.sandbox.sage_accounting import default_company
from schemas.facts import ApiCall
from schemas.reasons import SystemReason
from tests.contracts.conformance_sage_accounting import (
    BUSINESS,
    OTHER_BUSINESS,
    SageBench,
)
from tests.contracts.conformance_world import Delivery, an_account

DAY_S = 86_400


pytest_plugins = ["tests.fixtures_sage_accounting"]
REUSED = ("refresh_in_parallel", "refresh_token_reused")


def browse(url: str) -> str:
    """The address that Sage sends the browser to."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def closed(call: object, reason: SystemReason) -> str:
    assert callable(call)
    with pytest.raises(Unavailable) as info:
        call()
    assert info.value.reason is reason, info.value
    for secret in ("app-s3cr3t", "Bearer"):
        assert secret not in info.value.detail
    return info.value.detail


# --- authorising --------------------------------------------------------------------------------


def test_the_browser_comes_back_and_the_connector_works(bench: SageBench) -> None:
    bench.token_file.unlink()
    connection = bench.connection(redirect_uri="http://localhost:0/callback")
    way = registry.authorisation("sage_accounting", connection)
    assert way is not None
    with Receiver(way.redirect_uri) as receiver:
        request = way.begin(receiver.redirect_uri)
        shown = requests.get(browse(request.url), timeout=10)
        assert "Autorisation reçue" in shown.text
        came_to = receiver.wait(10)
    assert came_to is not None
    until = way.complete(came_to, request.state)
    assert until is not None
    days = (until - bench.time.now()) / dt.timedelta(days=1)
    assert 30.9 < days <= 31
    written = json.loads(bench.token_file.read_text(encoding="utf-8"))
    assert set(written) == {
        *("access_token", "refresh_token", "expires_at", "refresh_expires_at", "realm_id"),
    }
    assert stat.S_IMODE(bench.token_file.stat().st_mode) == 0o600
    assert bench.system.probe().company == "Association des Érables"


def test_the_request_asks_for_full_access_in_the_companys_country(bench: SageBench) -> None:
    request = begin(bench.connection())
    asked = parse_qs(urlsplit(request.url).query)
    assert asked["filter"] == ["apiv3.1"]
    assert (asked["scope"], asked["response_type"]) == (["full_access"], ["code"])
    assert (asked["country"], asked["locale"]) == (["ca"], ["fr-CA"])
    assert asked["redirect_uri"] == ["http://localhost:8484/callback"]
    assert asked["state"] == [request.state]
    assert len(request.state) >= 32
    plain = begin(bench.connection(authorize_url="https://a.example/central"))
    assert plain.url.startswith("https://a.example/central?response_type=code")


def test_a_code_serves_once_and_for_a_minute(bench: SageBench) -> None:
    connection = bench.connection()
    address = browse(begin(connection).url)
    assert "%2F" in address, "the code holds a slash: it is decoded before it is used"
    complete(connection, address, None)
    before = bench.token_file.read_bytes()
    with pytest.raises(AuthorisationRefused, match="used up or too old"):
        complete(connection, address, None)
    late = browse(begin(connection).url)
    bench.time.sleep(61)
    with pytest.raises(AuthorisationRefused, match="used up or too old"):
        complete(connection, late, None)
    assert bench.token_file.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost/callback?error=access_denied&state=s", "Sage says: access_denied"),
        ("http://localhost/callback?state=s", "no code"),
        ("http://localhost/callback?code=c&state=other", "another request"),
    ],
)
def test_an_address_that_authorises_nothing_says_why(
    bench: SageBench, url: str, words: str
) -> None:
    with pytest.raises(AuthorisationRefused, match=words):
        complete(bench.connection(), url, "s")


def test_a_user_who_does_not_see_the_company_is_refused_and_told_what_it_sees(
    bench: SageBench,
) -> None:
    bench.token_file.unlink()
    connection = bench.connection(business_id=OTHER_BUSINESS)
    with pytest.raises(AuthorisationRefused, match=f"« Association des Érables » .{BUSINESS}"):
        complete(connection, browse(begin(connection).url), None)
    assert not bench.token_file.exists()
    store = bench.sandbox.store
    assert (store.get("_refresh", store.keys("_refresh")[-1]) or {}).get("revoked"), (
        "tokens that nobody will use do not live on"
    )


def test_a_revocation_that_fails_changes_nothing(bench: SageBench) -> None:
    connection = bench.connection(
        business_id=OTHER_BUSINESS, revoke_url="http://localhost:9/revoke"
    )
    with pytest.raises(AuthorisationRefused, match="does not see"):
        complete(connection, browse(begin(connection).url), None)


@pytest.mark.parametrize(
    "body",
    [
        *("<html>", "[]", '{"$items": [{}]}'),
        '{"$items": [{"id": "of another client"}], "$next": "/businesses?page=2"}',
    ],
)
def test_companies_that_cannot_be_read_do_not_cost_the_grant(bench: SageBench, body: str) -> None:
    bench.token_file.unlink()
    bench.sandbox.faults.arm(kind="status", status=200, body=body, path="/v3.1/businesses")
    complete(bench.connection(), browse(begin(bench.connection()).url), None)
    assert bench.system.probe().company


def test_a_wrong_secret_is_a_wrong_setting(bench: SageBench) -> None:
    address = browse(begin(bench.connection()).url)
    told = closed(
        lambda: complete(bench.connection(client_secret="other"), address, None),
        SystemReason.MISCONFIGURED,
    )
    assert "invalid_client" in told


def test_only_its_own_connection_is_authorised() -> None:
    class Other(BaseModel):
        pass

    with pytest.raises(TypeError):
        authorisation(Other())


# --- tokens -------------------------------------------------------------------------------------


def test_the_five_minutes_end_and_each_renewal_uses_the_latest_token(bench: SageBench) -> None:
    for _ in range(3):
        bench.time.sleep(241)
        Delivery(an_account()).attempt(bench.system)
    assert [f.code for f in bench.facts if isinstance(f, ApiCall)].count("401") == 0


def test_a_token_with_a_minute_left_is_used_as_it_is(bench: SageBench) -> None:
    before = read_token(bench.token_file)
    bench.time.sleep(200)
    bench.system.probe()
    assert read_token(bench.token_file) == before


def test_a_probe_after_a_week_keeps_the_authorisation_alive(bench: SageBench) -> None:
    for _ in range(6):
        bench.time.sleep(7 * DAY_S)
        until = bench.system.probe().authorised_until
        assert until is not None
        assert until - bench.time.now() > dt.timedelta(days=30.9)


def test_a_month_without_any_call_needs_a_person(bench: SageBench) -> None:
    bench.time.sleep(32 * DAY_S)
    told = closed(bench.system.probe, SystemReason.UNAUTHORISED)
    assert "membri-sync authorize montreal" in told
    asked = len(bench.facts)
    closed(bench.system.probe, SystemReason.UNAUTHORISED)
    assert len(bench.facts) == asked, "a dead grant is not asked about again"
    bench.authorise()
    assert bench.system.probe().company


def test_threads_renew_once(bench: SageBench) -> None:
    bench.time.sleep(400)
    system, accounts = bench.system, [an_account() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda one=one: system.transfer(Delivery(one).task()))
        for one in accounts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bench.held(account).count for account in accounts] == [1] * 4


def test_processes_renew_once(bench: SageBench) -> None:
    bench.authorise(expires_at=1)
    code = (
        "import sys;"
        " from consumers.systems.sage_accounting.settings import Connection;"
        " from consumers.systems.sage_accounting.tokens import tokens_of;"
        " c = Connection.model_validate_json(sys.argv[1]);"
        " print(tokens_of('m', c).current().access_token)"
    )
    values = bench.connection().model_dump(mode="json")
    given = json.dumps({**values, "client_secret": "app-s3cr3t"})
    children = [
        subprocess.Popen([sys.executable, "-c", code, given], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {child.communicate(timeout=60)[0].strip() for child in children}
    assert said == {read_token(bench.token_file).access_token}


@pytest.mark.parametrize("grace_s", [0.0, 60.0])
def test_a_renewal_whose_answer_was_lost_needs_a_person_unless_sage_is_lenient(
    bench: SageBench, grace_s: float
) -> None:
    """Whether a used token gets the same answer for a while is not documented (section 2)."""
    bench.options.change({"refresh_grace_s": grace_s})
    bench.excused.update(REUSED)
    bench.time.sleep(400)
    bench.sandbox.faults.arm(kind="drop_after", path="/token")
    closed(bench.system.probe, SystemReason.UNREACHABLE)
    if grace_s:
        assert bench.system.probe().company
    else:
        told = closed(bench.system.probe, SystemReason.UNAUTHORISED)
        assert "membri-sync authorize montreal" in told


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, '{"error": "invalid_client"}', SystemReason.MISCONFIGURED),
        (403, "<h1>Forbidden</h1>", SystemReason.MISCONFIGURED),
        (400, "[]", SystemReason.MISCONFIGURED),
        (429, "", SystemReason.THROTTLED),
        (503, "<h1>Down</h1>", SystemReason.UNREACHABLE),
        (200, "{", SystemReason.UNREACHABLE),
        (200, '{"access_token": "x"}', SystemReason.UNREACHABLE),
    ],
)
def test_other_answers_of_the_token_service_have_their_reason(
    bench: SageBench, status: int, body: str, reason: SystemReason
) -> None:
    before = bench.token_file.read_bytes()
    bench.time.sleep(400)
    bench.sandbox.faults.arm(kind="status", status=status, body=body, path="/token")
    closed(bench.system.probe, reason)
    assert bench.token_file.read_bytes() == before


def test_a_throttled_token_service_may_say_how_long(bench: SageBench) -> None:
    bench.time.sleep(400)
    bench.sandbox.faults.arm(kind="status", status=429, path="/token", headers={"Retry-After": "9"})
    with pytest.raises(Unavailable) as info:
        bench.system.probe()
    assert info.value.retry_after_s == 9.0


def test_a_token_service_that_is_not_there_is_unreachable(bench: SageBench) -> None:
    bench.time.sleep(400)
    system = bench.connector(token_url="http://localhost:9/token")
    closed(system.probe, SystemReason.UNREACHABLE)


def test_a_reply_without_an_end_keeps_none(bench: SageBench) -> None:
    body = '{"access_token": "a", "refresh_token": "r", "expires_in": 300}'
    bench.sandbox.faults.arm(kind="status", status=200, body=body, path="/token")
    bench.time.sleep(400)
    tokens = tokens_of("m", bench.connection(), clock=bench.time.clock)
    assert tokens.current().access_token == "a"
    assert tokens.authorised_until() is None


# --- companies, rights, subscriptions -----------------------------------------------------------


def test_the_configured_company_is_used_whatever_the_lead_becomes(bench: SageBench) -> None:
    bench.sandbox.seed({"businesses": {OTHER_BUSINESS: default_company("L'autre")}})
    bench.accountant(businesses=[BUSINESS, OTHER_BUSINESS], lead=OTHER_BUSINESS)
    account = an_account()
    Delivery(account).attempt(bench.system)
    assert bench.held(account).count == 1
    assert bench.system.probe().company == "Association des Érables"


def test_a_company_that_the_user_sees_no_more_closes_the_system(bench: SageBench) -> None:
    bench.sandbox.seed({"businesses": {OTHER_BUSINESS: default_company("L'autre")}})
    bench.accountant(businesses=[OTHER_BUSINESS], lead=OTHER_BUSINESS)
    closed(bench.system.probe, SystemReason.MISCONFIGURED)
    closed(lambda: Delivery(an_account()).look(bench.system), SystemReason.MISCONFIGURED)


def test_an_ended_subscription_stops_without_renewing_for_nothing(bench: SageBench) -> None:
    bench.accountant(subscription=False)
    told = closed(bench.system.probe, SystemReason.MISCONFIGURED)
    assert "no active Sage subscription" in told
    told = closed(lambda: Delivery(an_account()).look(bench.system), SystemReason.MISCONFIGURED)
    assert "renew the Sage subscription" in told
    bench.accountant(subscription=True)
    assert bench.restarted().probe().company


def test_a_readonly_authorisation_asks_for_another(bench: SageBench) -> None:
    issued = bench.sandbox.authority.issue(BUSINESS, "readonly")
    bench.authorise(access_token=issued["access_token"], refresh_token=issued["refresh_token"])
    told = closed(
        lambda: bench.system.transfer(Delivery(an_account()).task()), SystemReason.UNAUTHORISED
    )
    assert "authorise again" in told
