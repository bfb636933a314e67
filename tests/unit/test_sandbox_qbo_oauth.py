"""The OAuth side of the simulated QuickBooks Online: (1) to (5) of the reference's list."""

import base64
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ops.sandbox.quickbooks_online import Options, default_company, issue_tokens
from tests.sandbox_qbo_driver import CLIENT_ID, CLIENT_SECRET, REALM, SCOPE, Driver

DAY_S = 86_400
CALLBACK = "http://localhost:8765/callback"
BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def authorise(driver, **more):
    params = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": CALLBACK,
        "state": "s-1",
        **more,
    }
    return driver.raw("GET", f"/connect/oauth2?{urlencode(params)}")


def token(driver, authorization=BASIC, **form):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if authorization:
        headers["authorization"] = authorization
    return driver.raw(
        "POST", "/oauth2/v1/tokens/bearer", headers=headers, body=urlencode(form).encode()
    )


def refresh(driver, value):
    return token(driver, grant_type="refresh_token", refresh_token=value)


def advance(driver, seconds):
    assert driver.admin("POST", "/clock", {"advance_s": seconds}).status == 200


@pytest.mark.parametrize("header", ["", "Bearer nothing-known", "Basic abc"])
def test_01_a_call_without_a_living_token_gets_the_gateway_shape_of_401(header):
    driver = Driver()
    answer = driver.call("GET", "customer/1", headers={"authorization": header})
    assert answer.status == 401
    assert answer.code == 3200
    assert answer.json["fault"]["type"] == "AUTHENTICATION"
    assert "errorCode=003200" in answer.json["fault"]["error"][0]["message"]


def test_01_an_access_token_dies_after_its_short_life():
    driver = Driver(Options(access_token_life_s=60))
    assert driver.call("GET", "preferences").status == 200
    advance(driver, 61)
    assert driver.call("GET", "preferences").status == 401


def test_02_a_code_works_once_and_only_with_its_redirect_uri():
    driver = Driver()
    answer = authorise(driver)
    assert answer.status == 302
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == ["s-1"]
    assert query["realmId"] == [REALM]
    form = {"grant_type": "authorization_code", "code": query["code"][0]}
    other = token(driver, **form, redirect_uri="http://localhost/other")
    assert (other.status, other.json["error"]) == (400, "invalid_grant")
    first = token(driver, **form, redirect_uri=CALLBACK)
    assert first.status == 200
    assert first.json["expires_in"] == 3600
    assert first.json["x_refresh_token_expires_in"] == 8_640_000
    driver.bearer = first.json["access_token"]
    assert driver.call("GET", "preferences").status == 200
    again = token(driver, **form, redirect_uri=CALLBACK)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("header", ["", "Basic bm86bm8=", "Basic %%%"])
def test_02_the_token_endpoint_wants_basic_authentication(header):
    driver = Driver()
    tokens = issue_tokens(driver.system, REALM)
    answer = token(
        driver, header, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def test_02_a_refresh_rotates_the_token_and_kills_the_old_one():
    driver = Driver()
    old = issue_tokens(driver.system, REALM)["refresh_token"]
    new = refresh(driver, old).json["refresh_token"]
    assert new != old
    assert refresh(driver, old).json["error"] == "invalid_grant"
    assert refresh(driver, new).status == 200


def test_02_the_old_refresh_token_may_be_left_alive():
    driver = Driver(Options(old_refresh_token_dies=False))
    old = issue_tokens(driver.system, REALM)["refresh_token"]
    assert refresh(driver, old).status == 200
    assert refresh(driver, old).status == 200


def test_02_a_refresh_token_dies_after_100_days_without_use_and_each_use_renews_it():
    driver = Driver()
    kept = issue_tokens(driver.system, REALM)["refresh_token"]
    for _ in range(3):
        advance(driver, 99 * DAY_S)
        answer = refresh(driver, kept)
        assert answer.status == 200
        kept = answer.json["refresh_token"]
    advance(driver, 100 * DAY_S)
    assert refresh(driver, kept).json["error"] == "invalid_grant"


def test_02_a_connection_ends_after_five_years_whatever_the_refreshes():
    driver = Driver()
    kept = issue_tokens(driver.system, REALM)["refresh_token"]
    for _ in range(20):
        advance(driver, 90 * DAY_S)
        kept = refresh(driver, kept).json["refresh_token"]
    last = refresh(driver, kept)
    assert last.json["x_refresh_token_expires_in"] <= 157_680_000 - 20 * 90 * DAY_S
    advance(driver, 26 * DAY_S)
    assert refresh(driver, last.json["refresh_token"]).json["error"] == "invalid_grant"


def test_02_a_revoked_token_opens_nothing_any_more():
    driver = Driver()
    tokens = issue_tokens(driver.system, REALM)
    body = b'{"token": "%s"}' % tokens["refresh_token"].encode()
    headers = {"authorization": BASIC, "content-type": "application/json"}
    answer = driver.raw("POST", "/v2/oauth2/tokens/revoke", headers=headers, body=body)
    assert answer.status == 200
    assert refresh(driver, tokens["refresh_token"]).json["error"] == "invalid_grant"
    driver.bearer = tokens["access_token"]
    assert driver.call("GET", "preferences").status == 401


def test_03_the_token_of_one_company_does_not_open_another():
    driver = Driver()
    driver.system.seed({"realms": {"999": default_company("Autre chapitre")}})
    answer = driver.call("GET", "preferences", realm="999")
    assert (answer.status, answer.code) == (403, 3100)
    tokens = driver.admin("POST", "/tokens", {"realm": "999"}).json
    assert tokens["realmId"] == "999"
    driver.bearer = tokens["access_token"]
    assert driver.call("GET", "preferences", realm="999").status == 200


def test_03_the_authorise_page_lets_the_company_be_chosen_or_refused():
    driver = Driver()
    driver.system.seed({"realms": {"999": default_company("Autre chapitre")}})
    chosen = parse_qs(urlsplit(authorise(driver, realm="999").headers["location"]).query)
    assert chosen["realmId"] == ["999"]
    refused = parse_qs(urlsplit(authorise(driver, deny="1").headers["location"]).query)
    assert refused["error"] == ["access_denied"]
    assert "code" not in refused


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://example.org/cb"},
        {"scope": "openid"},
        {"response_type": "token"},
        {"realm": "0"},
    ],
)
def test_02_the_authorise_page_refuses_what_is_not_registered(wrong):
    assert authorise(Driver(), **wrong).status == 400


def test_04_discovery_names_endpoints_on_the_host_the_client_used():
    driver = Driver()
    for name in ("openid_configuration", "openid_sandbox_configuration/"):
        document = driver.raw("GET", f"/.well-known/{name}", headers={"host": "qbo.test:4443"})
        assert document.json["token_endpoint"] == "https://qbo.test:4443/oauth2/v1/tokens/bearer"
        for key in ("authorization_endpoint", "revocation_endpoint", "userinfo_endpoint"):
            assert document.json[key].startswith("https://qbo.test:4443/")
        assert document.json["issuer"]
        assert document.json["jwks_uri"]


def test_05_a_company_of_the_other_environment_answers_wrong_cluster():
    driver = Driver()
    company = {**default_company("Bac à sable"), "environment": "sandbox"}
    driver.system.seed({"realms": {"77": company}})
    driver.bearer = issue_tokens(driver.system, "77")["access_token"]
    answer = driver.call("GET", "preferences", realm="77")
    assert (answer.status, answer.code) == (403, 130)


def test_seeded_tokens_are_usable_at_once():
    driver = Driver()
    driver.system.seed({"tokens": {REALM: {"access_token": "a-1", "refresh_token": "r-1"}}})
    driver.bearer = "a-1"
    assert driver.call("GET", "preferences").status == 200
    assert refresh(driver, "r-1").status == 200


def test_the_hard_expiry_is_told_only_when_asked_for():
    driver = Driver()
    value = issue_tokens(driver.system, REALM)["refresh_token"]
    plain = refresh(driver, value)
    assert "x_refresh_token_hard_expires_in" not in plain.json
    headers = {"authorization": BASIC, "x-include-refresh-token-hard-expires-in": "true"}
    form = {"grant_type": "refresh_token", "refresh_token": plain.json["refresh_token"]}
    told = driver.raw(
        "POST", "/oauth2/v1/tokens/bearer", headers=headers, body=urlencode(form).encode()
    )
    assert told.json["x_refresh_token_hard_expires_in"] > 157_000_000
