"""The wire of the simulated Business Central: (1) to (4), (12), (14), (15) of its list."""

import asyncio
from urllib.parse import urlencode

import pytest

from ops.sandbox.business_central import ENVIRONMENT, TENANT
from tests.sandbox_bc_driver import (
    CLIENT_ID,
    CLIENT_SECRET,
    COMPANY,
    ROOT,
    SCOPE,
    Driver,
    line,
    sale,
)


@pytest.fixture
def driver():
    return Driver()


def ask_token(driver, **changes):
    form = {
        "grant_type": "client_credentials", "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET, "scope": SCOPE, **changes,
    }  # fmt: skip
    return driver.raw("POST", f"/{TENANT}/oauth2/v2.0/token", {}, urlencode(form).encode())


def test_01_the_token_endpoint_checks_grant_scope_client_and_secret(driver):
    given = ask_token(driver)
    assert (given.status, given.json["token_type"]) == (200, "Bearer")
    driver.token = given.json["access_token"]
    assert driver.read("customers")["value"] == []
    for changes, status, error in (
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "other"}, 400, "unauthorized_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": f"{SCOPE} offline_access"}, 400, "invalid_scope"),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_scope"),
    ):
        refused = ask_token(driver, **changes)
        assert (refused.status, refused.json["error"]) == (status, error)
        assert CLIENT_SECRET not in refused.text


def test_01_no_token_a_forged_one_an_expired_one_and_a_revoked_one_are_401(driver):
    def status():
        answer = driver.get("customers")
        if answer.status == 401:
            assert answer.code == "Authentication_InvalidCredentials"
            assert answer.headers["www-authenticate"] == "Bearer"
        return answer.status

    assert driver.call("GET", "customers", headers={"Authorization": None}).status == 401
    good, driver.token = driver.token, driver.token[:-2] + "AA"
    assert status() == 401
    driver.token = good
    driver.ordered("POST", "/clock", {"advance_s": 3901})
    assert status() == 401
    driver.token = driver.system.login.issue()
    assert status() == 200
    driver.ordered("POST", "/revoke")
    assert status() == 401


def test_01_an_application_that_is_not_enabled_gets_401_with_a_good_token(driver):
    driver.set(application_enabled=False)
    assert driver.get("customers").status == 401
    driver.set(application_enabled=True)
    assert driver.get("customers").status == 200


def test_02_both_versions_the_tenant_and_the_environment_stand_in_the_path(driver):
    tail = f"/companies({COMPANY})/customers"
    assert driver.get(ROOT + tail).status == 200
    assert driver.get(f"/v2.0/{ENVIRONMENT}/api/v2.0{tail}").status == 200
    for root in (
        f"/v2.0/{TENANT}/{ENVIRONMENT}",
        f"/v2.0/{TENANT}/Sandbox/api/v2.0",
        f"/v2.0/other/{ENVIRONMENT}/api/v2.0",
        f"/v2.0/{TENANT}/{ENVIRONMENT}/api/v1.0",
    ):
        refused = driver.get(root + tail)
        assert (refused.status, refused.code) == (404, "BadRequest_ResourceNotFound"), root


def test_02_companies_are_listed_and_an_unknown_one_is_refused(driver):
    (one,) = driver.read(f"{ROOT}/companies")["value"]
    assert (one["id"], one["name"]) == (COMPANY, "Érables inc.")
    unknown = driver.get(f"{ROOT}/companies(5d115c9c-0000-0000-0000-000d3a2feca1)/customers")
    assert (unknown.status, unknown.code) == (404, "Internal_CompanyNotFound")
    named = driver.call("GET", f"{ROOT}/customers?{urlencode({'company': 'Érables inc.'})}")
    assert named.status == 200


def test_03_a_patch_wants_the_etag_of_the_moment_or_a_star(driver):
    made = driver.customer()
    path = f"customers({made['id']})"
    missing = driver.patch(path, {"city": "Laval"}, match=None)
    assert (missing.status, missing.code) == (400, "BadRequest_InvalidToken")
    in_body = driver.patch(path, {"@odata.etag": made["@odata.etag"], "city": "Laval"}, match=None)
    assert in_body.status == 400
    assert driver.offences() == ["if_match_missing", "if_match_missing"]
    changed = driver.patch(path, {"city": "Laval"}, match=made["@odata.etag"])
    assert (changed.status, changed.json["city"]) == (200, "Laval")
    stale = driver.patch(path, {"city": "Lévis"}, match=made["@odata.etag"])
    assert (stale.status, stale.code) == (409, "Request_EntityChanged")
    assert driver.read(path)["@odata.etag"] == changed.json["@odata.etag"]
    assert driver.patch(path, {"city": "Lévis"}).status == 200


def test_03_a_delete_may_come_without_etag_unless_the_tenant_wants_one(driver):
    customer = driver.customer()
    first, second = driver.draft(customer), driver.draft(customer, externalDocumentNumber="I-2")
    assert driver.call("DELETE", f"salesInvoices({first['id']})").status == 204
    driver.set(delete_needs_etag=True)
    path = f"salesInvoices({second['id']})"
    assert driver.call("DELETE", path).code == "BadRequest_InvalidToken"
    assert driver.call("DELETE", path, headers={"If-Match": "*"}).status == 204


def test_04_codes_are_trimmed_and_upper_cased_texts_are_not(driver):
    made = driver.customer(" m-7a ", displayName=" Zoé ", postalCode="h2x 1y4", country="ca")
    kept = [made[name] for name in ("number", "displayName", "postalCode", "country")]
    assert kept == ["M-7A", " Zoé ", "H2X 1Y4", "CA"]


@pytest.mark.parametrize(
    ("resource", "name", "limit"),
    [
        ("customers", "number", 20), ("customers", "displayName", 100), ("customers", "email", 80),
        ("customers", "addressLine2", 50), ("customers", "city", 30),
        ("customerPaymentJournals", "code", 10), ("journals", "displayName", 100),
    ],
)  # fmt: skip
def test_04_what_is_too_long_is_refused_never_cut(driver, resource, name, limit):
    body = {"displayName": "X", **({"code": "X"} if "ournals" in resource else {})}
    fits = driver.post(resource, {**body, name: "É" * limit})
    assert fits.json[name] == "É" * limit
    refused = driver.post(resource, {**body, name: "É" * (limit + 1)})
    assert refused.code == "Application_StringExceededLength"
    assert str(limit) in refused.message


def test_04_lines_and_external_numbers_have_their_lengths(driver):
    customer = driver.customer()
    for body in (
        sale(customer, externalDocumentNumber="X" * 36),
        sale(customer, salesInvoiceLines=[line(1, description="X" * 101)]),
        sale(customer, salesInvoiceLines=[line(1, description2="X" * 51)]),
    ):
        assert driver.post("salesInvoices", body).code == "Application_StringExceededLength"
    assert driver.read("salesInvoices")["value"] == []


def test_04_read_only_unknown_and_badly_typed_properties_are_refused(driver):
    for body, code in (
        ({"displayName": "X", "balanceDue": 1}, "BadRequest_InvalidOperation"),
        ({"displayName": "X", "nickname": "Y"}, "BadRequest"),
        ({"displayName": 5}, "BadRequest"),
        ({"displayName": "X", "taxLiable": "yes"}, "BadRequest"),
        ({"displayName": "X", "taxAreaId": "not-a-guid"}, "BadRequest"),
        ({"displayName": "X", "type": "Robot"}, "BadRequest"),
    ):
        assert driver.post("customers", body).code == code, body
    customer = driver.customer()
    bad_day = driver.post("salesInvoices", sale(customer, postingDate="2026-02-30"))
    assert bad_day.code == "BadRequest"
    made = driver.draft(customer)
    deep = driver.patch(f"salesInvoices({made['id']})", {"salesInvoiceLines": [line(5)]})
    assert deep.status == 400
    assert driver.offences() == [
        "read_only_written", "unknown_property", *["bad_value"] * 5, "deep_patch",
    ]  # fmt: skip


def test_04_enumerations_are_read_as_the_tenant_encodes_them_and_written_both_ways(driver):
    customer = driver.customer()
    assert driver.read(f"customers({customer['id']})")["blocked"] == "_x0020_"
    driver.set(enum_encoding="plain")
    assert driver.read(f"customers({customer['id']})")["blocked"] == " "
    for value in ("", " ", "_x0020_"):
        assert driver.patch(f"customers({customer['id']})", {"blocked": value}).status == 200


def test_12_or_on_distinct_properties_is_refused_on_one_it_is_not(driver):
    for number in ("A", "B", "C"):
        driver.customer(number)
    refused = driver.get("customers", filter="number eq 'A' or displayName eq 'B'")
    assert (refused.status, "OR operator" in refused.message) == (400, True)
    assert "distinct fields" in refused.message
    assert driver.offences() == ["filter_or"]
    found = driver.read(
        "customers", filter="(number eq 'a' or number eq 'c') and taxLiable eq true"
    )
    assert [one["number"] for one in found["value"]] == ["A", "C"]
    found = driver.read("customers", filter="number eq 'c' or number eq 'NONE' or number eq 'A'")
    assert {one["number"] for one in found["value"]} == {"A", "C"}
    found = driver.read("customers", filter="number eq 'A' or number gt 'B'")
    assert {one["number"] for one in found["value"]} == {"A", "C"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number gt 'A' and number le 'C'", ["B", "C"]),
        ("number ne 'B'", ["A", "C"]),
        ("startswith(displayName,'Membre') and endswith(displayName,'B')", ["B"]),
        ("contains(displayName,'L''A')", []),
        ("contains(displayName,'bre A')", ["A"]),
        ("not (number eq 'A')", ["B", "C"]),
        ("creditLimit ge 5.5", ["C"]),
        ("blocked eq ' '", ["A", "B", "C"]),
        ("lastModifiedDateTime gt 2026-03-01T00:00:00Z", ["A", "B", "C"]),
    ],
)
def test_12_filters_choose_rows(driver, text, expected):
    driver.customer("A")
    driver.customer("B")
    driver.customer("C", creditLimit=5.5)
    found = driver.read("customers", filter=text)["value"]
    assert [one["number"] for one in found] == expected


@pytest.mark.parametrize(
    "text", ["nickname eq 'x'", "number eq 5", "number is 'A'", "number eq 'A", "(number eq 'A'"]
)
def test_12_filters_that_cannot_be_understood_are_refused(driver, text):
    assert driver.get("customers", filter=text).status == 400


def test_12_a_lambda_is_ignored_so_the_answer_is_not_filtered(driver):
    customer = driver.customer()
    driver.draft(customer)
    found = driver.read("salesInvoices", filter="salesInvoiceLines/any(l: l/quantity gt 9)")
    assert len(found["value"]) == 1
    assert driver.offences() == ["lambda_ignored"]


def test_12_pages_are_followed_through_their_next_link(driver):
    for number in range(5):
        driver.customer(f"M-{number}")
    first = driver.call("GET", "customers", headers={"Prefer": "odata.maxpagesize=2"})
    seen, following = list(first.value), first.json.get("@odata.nextLink")
    while following:
        answer = driver.call(
            "GET", following.split("localhost", 1)[1], headers={"Prefer": "odata.maxpagesize=2"}
        )
        seen += answer.value
        following = answer.json.get("@odata.nextLink")
    assert [one["number"] for one in seen] == [f"M-{number}" for number in range(5)]
    assert (
        driver.call("GET", "customers", headers={"Prefer": "odata.maxpagesize=20001"}).status == 413
    )


def test_12_order_top_skip_count_and_select(driver):
    for number in ("B", "A", "C"):
        driver.customer(number)
    found = driver.read(
        "customers", orderby="number desc", top="1", skip="1", count="true", select="number"
    )
    assert found["@odata.count"] == 3
    (one,) = found["value"]
    assert set(one) == {"@odata.etag", "id", "number"}
    assert one["number"] == "B"


def test_14_too_many_calls_in_the_window_are_429_with_or_without_retry_after(driver):
    driver.set(requests_per_window=2, window_s=300.0)
    assert [driver.get("customers").status for _ in range(3)] == [200, 200, 429]
    assert "retry-after" not in driver.get("customers").headers
    driver.monotonic += 301
    assert driver.get("customers").status == 200
    assert driver.offences() == []


@pytest.mark.parametrize("status", [429, 503, 408, 504])
def test_14_ordered_refusals_and_a_client_that_does_not_wait(driver, status):
    driver.ordered("POST", "/throttle", {"times": 1, "status": status, "retry_after_s": 2})
    refused = driver.get("customers")
    assert (refused.status, refused.headers["retry-after"]) == (status, "2")
    assert driver.get("customers").status == 200
    assert driver.offences() == ["retry_after_ignored"]
    driver.monotonic += 2
    assert driver.get("customers").status == 200
    assert driver.offences() == ["retry_after_ignored"]


def test_14_more_than_four_in_flight_again_and_again_is_an_offence(driver):
    app = driver.system.app
    driver.set(processing_s=0.01)

    async def flood(count):
        async def one():
            sent = []

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message):
                sent.append(message)

            path = f"{ROOT}/companies"
            await app(
                {
                    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
                    "method": "GET", "scheme": "https", "path": path, "raw_path": path.encode(),
                    "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
                    "server": ("localhost", 1),
                    "headers": [
                        (b"authorization", f"Bearer {driver.token}".encode()),
                        (b"accept-language", b"en-US"),
                    ],
                },
                receive,
                send,
            )  # fmt: skip
            return sent[0]["status"]

        return await asyncio.gather(*(one() for _ in range(count)))

    assert set(asyncio.run(flood(4))) == {200}
    assert driver.offences() == []
    asyncio.run(flood(8))
    assert set(driver.offences()) == {"too_many_in_flight"}
    driver.set(max_connections=2)
    assert set(asyncio.run(flood(4))) == {200, 429}


def test_15_messages_end_with_a_correlation_id_in_the_language_asked(driver):
    english = driver.post("customers", {"displayName": ""}).message
    assert "must be filled in.  CorrelationId:  " in english
    french = driver.call(
        "POST", "customers", {"displayName": ""}, headers={"Accept-Language": None}
    )
    assert "doit être rempli" in french.message
    assert "CorrelationId:  " in french.message
    assert driver.offences() == ["accept_language_missing"]


def test_15_dates_in_messages_follow_the_language(driver):
    driver.accountant(closed_until="2026-12-31")
    made = driver.draft(driver.customer())
    path = f"salesInvoices({made['id']})/Microsoft.NAV.post"
    assert "03/02/2026" in driver.post(path).message
    french = driver.call("POST", path, headers={"Accept-Language": "fr-CA"}).message
    assert "02-03-2026" in french


def test_what_the_pages_do_not_allow_is_405_and_what_is_not_json_415(driver):
    account = driver.id_of("accounts", "10100")
    for method, path in (
        ("DELETE", f"accounts({account})"),
        ("POST", "taxGroups"),
        ("PUT", "customers"),
    ):
        answer = driver.call(method, path, {}, headers={"If-Match": "*"})
        assert (answer.status, answer.code) == (405, "BadRequest_MethodNotAllowed")
    plain = driver.call(
        "POST", "customers", {"displayName": "X"}, headers={"Content-Type": "text/plain"}
    )
    assert plain.status == 415
