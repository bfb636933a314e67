"""The OAuth side of the simulated Sage Accounting: (1) to (5) of the reference's list."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ops.sandbox.sage_accounting import Options, issue_tokens
from tests.sandbox_sage_accounting_driver import (
    BUSINESS,
    CLIENT_ID,
    CLIENT_SECRET,
    OTHER,
    Driver,
    sale,
)

DAY_S = 86_400
CALLBACK = "http://localhost:8765/callback"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-0123456789"
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def authorise(driver, **more):
    params = {
        "filter": "apiv3.1",
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": "full_access",
        "redirect_uri": CALLBACK,
        "state": "s-1",
        **more,
    }
    return driver.raw("GET", f"/oauth2/auth/central?{urlencode(params)}")


def told(answer):
    """What the browser brings back to the application."""
    assert answer.status == 302, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def post(driver, path, form, headers=None):
    sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    return driver.raw("POST", path, headers=sent, body=urlencode(form).encode())


def token(driver, headers=None, **form):
    every = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
    return post(driver, "/token", every, headers)


def refresh(driver, value):
    return token(driver, grant_type="refresh_token", refresh_token=value)


def exchange(driver, code, /, **more):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return token(driver, **{**form, **more})


def advance(driver, seconds):
    assert driver.admin("POST", "/clock", {"advance_s": seconds}).status == 200


def test_01_the_browser_comes_back_with_a_code_a_country_and_the_state():
    driver = Driver()
    answer = told(authorise(driver, country="ca", locale="fr-CA"))
    assert answer["code"].startswith("CA/")
    assert (answer["country"], answer["state"]) == ("CA", "s-1")
    tokens = exchange(driver, answer["code"]).json
    assert tokens["expires_in"] == 300
    assert tokens["refresh_token_expires_in"] == 2_678_400
    assert (tokens["scope"], tokens["token_type"]) == ("full_access", "bearer")
    assert 1024 < len(tokens["access_token"]) <= 2048
    driver.bearer = tokens["access_token"]
    assert driver.call("GET", "contacts").status == 200


@pytest.mark.parametrize(
    ("seconds", "more"),
    [(61, {}), (0, {"redirect_uri": CALLBACK + "/"}), (0, {"code": "CA/unknown"})],
)
def test_01_a_code_dies_after_60_seconds_and_is_for_one_redirect_address(seconds, more):
    driver = Driver()
    code = told(authorise(driver))["code"]
    advance(driver, seconds)
    answer = exchange(driver, code, **more)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_01_a_code_is_used_once():
    driver = Driver()
    code = told(authorise(driver))["code"]
    assert exchange(driver, code).status == 200
    assert exchange(driver, code).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("asked", "given", "status"),
    [
        ({"code_challenge": S256, "code_challenge_method": "S256"}, VERIFIER, 200),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, "", 400),
        ({"code_challenge": S256, "code_challenge_method": "S256"}, S256, 400),
        ({"code_challenge": VERIFIER}, VERIFIER, 200),
        ({}, "", 200),
    ],
)
def test_01_a_challenge_makes_the_verifier_mandatory(asked, given, status):
    driver = Driver()
    code = told(authorise(driver, **asked))["code"]
    more = {"code_verifier": given} if given else {}
    assert exchange(driver, code, **more).status == status


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"deny": "1"}, "access_denied"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "x", "code_challenge_method": "S512"}, "invalid_request"),
    ],
)
def test_01_a_refused_consent_comes_back_as_an_error(more, error):
    answer = told(authorise(Driver(), **more))
    assert answer == {"error": error, "state": "s-1"}


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "another"},
        {"redirect_uri": "http://example.org/callback"},
        {"country": "gb"},
    ],
)
def test_01_a_wrong_application_address_or_country_stays_on_a_page(more):
    assert authorise(Driver(), **more).status == 400


def test_01_only_registered_redirect_addresses_count_when_there_are_some():
    driver = Driver(Options(redirect_uris=("https://sync.example.org/back",)))
    assert authorise(driver).status == 400
    assert authorise(driver, redirect_uri="https://sync.example.org/Back").status == 400
    assert authorise(driver, redirect_uri="https://sync.example.org/back").status == 302


def test_02_an_access_token_dies_after_300_seconds():
    driver = Driver()
    assert driver.call("GET", "contacts").status == 200
    advance(driver, 301)
    answer = driver.call("GET", "contacts")
    assert (answer.status, answer.code) == (401, "AuthenticationFailure")


def test_02_a_refresh_token_is_used_once_and_only_the_latest_lives():
    driver = Driver()
    first = issue_tokens(driver.system, BUSINESS)
    second = refresh(driver, first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    again = refresh(driver, first["refresh_token"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    driver.bearer = second["access_token"]
    assert driver.call("GET", "contacts").status == 200
    assert driver.offences() == ["refresh_in_parallel"]
    advance(driver, 60)
    refresh(driver, first["refresh_token"])
    assert driver.offences() == ["refresh_in_parallel", "refresh_token_reused"]
    assert refresh(driver, second["refresh_token"]).status == 200


def test_02_asking_again_after_a_lost_answer_is_refused_and_no_offence():
    driver = Driver()
    first = issue_tokens(driver.system, BUSINESS)
    refresh(driver, first["refresh_token"])
    assert refresh(driver, first["refresh_token"]).json["error"] == "invalid_grant"
    assert driver.offences() == []


def test_02_a_lost_refresh_may_be_asked_again_during_a_grace():
    driver = Driver(Options(refresh_grace_s=30.0))
    first = issue_tokens(driver.system, BUSINESS)
    second = refresh(driver, first["refresh_token"]).json
    assert refresh(driver, first["refresh_token"]).json == second
    advance(driver, 31)
    assert refresh(driver, first["refresh_token"]).status == 400


def test_02_a_refresh_token_lapses_after_31_days_without_use():
    driver = Driver()
    tokens = issue_tokens(driver.system, BUSINESS)
    advance(driver, 30 * DAY_S)
    tokens = refresh(driver, tokens["refresh_token"]).json
    advance(driver, 31 * DAY_S + 1)
    assert refresh(driver, tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert driver.offences() == []


def test_02_credentials_belong_in_the_body():
    driver = Driver()
    tokens = issue_tokens(driver.system, BUSINESS)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    refused = post(driver, "/token", form, {"authorization": f"Basic {basic}"})
    assert (refused.status, refused.json["error"]) == (400, "invalid_client")
    assert driver.offences() == ["basic_on_token_endpoint"]
    wrong = token(driver, client_secret="another", **form)
    assert wrong.json["error"] == "invalid_client"
    as_json = driver.raw(
        "POST",
        "/token",
        headers={"content-type": "application/json"},
        body=json.dumps({**form, "client_id": CLIENT_ID}).encode(),
    )
    assert as_json.status == 400
    assert token(driver, **{**form, "grant_type": "password"}).json["error"] == "invalid_grant"
    assert token(driver, **form).status == 200


def test_02_a_revoked_refresh_token_is_dead_while_its_access_token_lives_on():
    driver = Driver()
    tokens = issue_tokens(driver.system, BUSINESS)
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = post(driver, "/revoke", {**form, "token": tokens["refresh_token"]})
    assert answer.json == {"success": "ok"}
    assert refresh(driver, tokens["refresh_token"]).json["error"] == "invalid_grant"
    driver.bearer = tokens["access_token"]
    assert driver.call("GET", "contacts").status == 200


def test_03_a_readonly_token_writes_nothing():
    driver = Driver()
    anne = driver.contact()
    code = told(authorise(driver, scope="readonly"))["code"]
    driver.bearer = exchange(driver, code).json["access_token"]
    assert driver.call("GET", "contacts").status == 200
    assert driver.post("sales_invoices", sale(anne)).status == 403
    assert driver.found("sales_invoices") == []


@pytest.mark.parametrize(
    ("level", "read", "create", "delete"),
    [
        ("full", 200, 201, 204),
        ("restricted", 200, 201, 403),
        ("read_only", 200, 403, 403),
        ("none", 403, 403, 403),
    ],
)
def test_04_a_role_opens_an_area_by_verb(level, read, create, delete):
    driver = Driver()
    anne = driver.contact()
    driver.accountant(roles={"Contacts": level})
    answers = [
        driver.call("GET", "contacts"),
        driver.post("contacts", {"name": "Luc", "contact_type_ids": ["CUSTOMER"]}),
        driver.call("DELETE", f"contacts/{anne['id']}"),
    ]
    assert [answer.status for answer in answers] == [read, create, delete]
    assert {a.code for a in answers if a.status == 403} <= {"MultiUserAccessDenied"}
    assert driver.call("GET", "sales_invoices").status == 200


def test_05_no_active_subscription_is_a_401_that_no_refresh_heals():
    driver = Driver()
    driver.accountant(subscription=False)
    tokens = issue_tokens(driver.system, BUSINESS)
    driver.bearer = tokens["access_token"]
    answer = driver.call("GET", "contacts")
    assert (answer.status, answer.code) == (401, "AuthorizationFailure")
    assert answer.json[0]["$message"] == "No active subscription. (MSE)"
    business = driver.call("GET", f"businesses/{BUSINESS}").json
    assert business["subscriptions"][0]["active"] is False
    tokens = refresh(driver, tokens["refresh_token"]).json
    assert driver.offences() == []
    refresh(driver, tokens["refresh_token"])
    assert driver.offences() == ["refresh_without_subscription"]
    driver.accountant(subscription=True)
    assert driver.call("GET", "contacts").status == 200


def test_05_refreshing_what_has_expired_anyway_is_no_loop():
    driver = Driver()
    driver.accountant(subscription=False)
    tokens = issue_tokens(driver.system, BUSINESS)
    for _ in range(3):
        driver.bearer = tokens["access_token"]
        assert driver.call("GET", "contacts").status == 401
        advance(driver, 3600)
        tokens = refresh(driver, tokens["refresh_token"]).json
    assert driver.offences() == []


def test_the_browser_signs_in_to_the_business_that_is_asked_for():
    driver = Driver()
    code = told(authorise(driver, business=OTHER))["code"]
    driver.bearer = exchange(driver, code).json["access_token"]
    rows = driver.call("GET", "businesses").json["$items"]
    assert [row["id"] for row in rows] == [OTHER]
