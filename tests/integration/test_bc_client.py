"""Requests to Business Central and its login: headers, pages, tokens, throttles, lost answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Lookup, RemoteRef
from consumers.systems.business_central.faults import THROTTLE_S, Bug
from schemas.reasons import SystemReason
from schemas.statuses import Entity
from tests.contracts.conformance_world import Delivery, an_account
from tests.integration.bc_answers import COMPANY, SECRET, World, answered, fault, tls_server

GUID = "0e7b3c1e-7a54-4a3e-8f5e-6d656d627269"
HELD = {
    "@odata.etag": 'W/"1"',
    "id": GUID,
    "number": "M1",
    "displayName": "Anne",
    "blocked": "_x0020_",
}
_OTHER = "/other/v2.0/.well-known/openid-configuration"
LOOKUP = Lookup(Entity.ACCOUNT, "a-1", number="M1", name="Anne")
BY_ID = Lookup(Entity.ACCOUNT, "a-1", remote_id=GUID)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HTTPServer, Path]]:
    folder = tmp_path_factory.mktemp("bc-tls")
    with tls_server(folder) as made:
        yield made, folder


@pytest.fixture
def world(server: tuple[HTTPServer, Path]) -> Iterator[World]:
    server[0].clear()
    made = World(*server)
    yield made
    made.close()


def rows(*values: dict[str, Any], **more: Any) -> Response:
    return answered({"value": list(values), **more})


def test_every_request_says_its_language_who_asks_and_where(world: World) -> None:
    world.answer(rows(HELD))
    found = world.system().find(LOOKUP)
    assert found is not None
    assert (found.ref, found.by_marker) == (RemoteRef(GUID, "M1"), True)
    (request,) = world.requests
    assert request.path == f"/v2.0/t/Production/api/v2.0/companies({COMPANY})/customers"
    assert unquote(request.query_string.decode()) == "$filter=number eq 'M1'"
    assert b"+" not in request.query_string
    assert request.headers["Accept-Language"] == "en-US"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"] == "Bearer access-1"
    assert request.headers["Prefer"] == "odata.maxpagesize=500"
    (grant,) = world.grants
    assert grant["grant_type"] == "client_credentials"
    assert grant["scope"] == "https://api.businesscentral.dynamics.com/.default"
    assert (grant["client_id"], grant["client_secret"]) == ("app", SECRET)


def test_an_apostrophe_is_doubled_in_a_filter(world: World) -> None:
    world.answer(rows())
    assert world.system().find(Lookup(Entity.ACCOUNT, "a", reference="o'k & co")) is None
    query = unquote(world.requests[0].query_string.decode())
    assert query == "$filter=number eq 'O''K & CO'"


def test_a_change_names_the_version_that_it_changes(world: World) -> None:
    world.answer(answered(HELD), answered({**HELD, "displayName": "Anna"}))
    account = an_account(name="Anna", number="M1")
    receipt = world.system().transfer(Delivery(account).task(GUID))
    assert receipt.ref == RemoteRef(GUID, "M1")
    patch = world.requests[1]
    assert (patch.method, patch.headers["If-Match"]) == ("PATCH", 'W/"1"')
    assert json.loads(patch.data) == {"displayName": "Anna", "type": "Company"}


# Tokens.


def test_a_refused_token_is_replaced_once_and_the_request_repeated(world: World) -> None:
    world.answer(fault("Authentication_InvalidCredentials", status=401), rows(HELD))
    assert world.system().find(LOOKUP) is not None
    tokens = [request.headers["Authorization"] for request in world.requests]
    assert tokens == ["Bearer access-1", "Bearer access-2"]


def test_a_second_refusal_says_what_to_enable_and_fails_no_record(world: World) -> None:
    world.answer(fault("Authentication_InvalidCredentials", "no: access-2", status=401))
    system = world.system()
    for call in (lambda: system.find(LOOKUP), system.probe):
        world.requests.clear()
        with pytest.raises(Unavailable) as info:
            call()
        assert info.value.reason is SystemReason.UNAUTHORISED
        assert "Entra applications" in info.value.detail
        assert len(world.grants) > 2 or "access-" not in info.value.detail
        assert len(world.requests) == 2


def test_a_token_is_kept_for_as_long_as_it_lives(world: World) -> None:
    world.answer(rows(HELD))
    system = world.system()
    for _ in range(3):
        system.find(LOOKUP)
    assert len(world.grants) == 1


@pytest.mark.parametrize(
    ("error", "text", "reason", "words"),
    [
        ("invalid_client", "AADSTS7000215: Invalid", SystemReason.UNAUTHORISED, "secret is wrong"),
        ("invalid_client", "AADSTS9999: new", SystemReason.UNAUTHORISED, "AADSTS9999"),
        ("access_denied", "", SystemReason.UNAUTHORISED, "access_denied"),
        ("temporarily_unavailable", "later", SystemReason.UNREACHABLE, "later"),
    ],
)
def test_a_login_that_says_no_is_explained_without_the_secret(
    world: World, error: str, text: str, reason: SystemReason, words: str
) -> None:
    body = {"error": error, "error_description": f"{text}\nTrace"}
    world.login = lambda _: answered(body, 400, Content_Type="application/json")
    system = world.system()
    for count in (1, 2):  # asked anew each time: a corrected secret must not wait
        with pytest.raises(Unavailable) as info:
            system.find(LOOKUP)
        assert (info.value.reason, len(world.grants)) == (reason, count)
        assert words in info.value.detail
        assert SECRET not in info.value.detail


def test_a_login_that_does_not_answer_is_unreachable(world: World) -> None:
    world.login = lambda _: answered("<html>", 503)
    with pytest.raises(Unavailable) as info:
        world.system().find(LOOKUP)
    assert info.value.reason is SystemReason.UNREACHABLE
    with pytest.raises(Unavailable) as info:
        world.system(authority="https://localhost:9/tenant").find(LOOKUP)
    assert info.value.reason is SystemReason.UNREACHABLE


def test_an_unknown_certificate_or_authority_is_a_setting_to_correct(world: World) -> None:
    world.server.expect_request(_OTHER).respond_with_json({"error": "invalid_tenant"}, 400)
    for values in ({"ca_bundle": ""}, {"authority": f"{world.server.url_for('/other')}"}):
        with pytest.raises(Unavailable) as info:
            world.system(**values).find(LOOKUP)
        assert info.value.reason is SystemReason.MISCONFIGURED
    assert world.requests == []


# Pages.


def test_a_list_is_followed_to_its_end(world: World) -> None:
    following = world.server.url_for(f"/v2.0/t/Production/api/v2.0/companies({COMPANY})/next")
    first = {"code": "CAD", "id": GUID}
    world.answer(
        rows({"localCurrencyCode": "CAD"}),
        rows(first, **{"@odata.nextLink": following}),
        rows({"code": "USD", "id": GUID}),
    )
    problems = world.system().check(an_account(currency="USD"))
    assert list(problems) == []
    assert world.requests[-1].path.endswith("/next")
    assert world.requests[-1].headers["Prefer"] == "odata.maxpagesize=500"


def test_our_token_is_not_sent_to_another_host(world: World) -> None:
    world.answer(rows(HELD, **{"@odata.nextLink": "https://elsewhere.example.org/next"}))
    with pytest.raises(Unavailable) as info:
        world.system().find(LOOKUP)
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "api_root" in info.value.detail


def test_a_list_without_end_or_without_values_is_no_answer(world: World) -> None:
    here = world.server.url_for("/v2.0/again")
    for answer in (rows(HELD, **{"@odata.nextLink": here}), answered({"values": []})):
        world.answer(answer)
        with pytest.raises(Transient):
            world.system().find(LOOKUP)


# What is not there, and what cannot be reached.


def test_only_a_record_that_does_not_exist_is_not_there(world: World) -> None:
    world.answer(fault("BadRequest_NotFound", status=404))
    assert world.system().find(BY_ID) is None
    for code in ("BadRequest_ResourceNotFound", "Internal_CompanyNotFound", ""):
        world.answer(fault(code, status=404))
        with pytest.raises(Unavailable) as info:
            world.system().find(BY_ID)
        assert info.value.reason is SystemReason.MISCONFIGURED


def test_what_is_no_id_of_business_central_is_not_asked_for(world: World) -> None:
    world.answer(rows())
    assert world.system().find(Lookup(Entity.ACCOUNT, "a", remote_id="123) or (1")) is None
    assert world.requests == []


@pytest.mark.parametrize(("after", "wait_s"), [("7", 7.0), (None, None)])
def test_a_throttle_silences_all_threads_whether_it_says_how_long_or_not(
    world: World, after: str | None, wait_s: float | None
) -> None:
    headers = {"Retry_After": after} if after else {}
    world.answer(fault("Application_TooManyRequests", status=429, **headers), rows(HELD))
    system = world.system()
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP)
    assert (info.value.reason, info.value.retry_after_s) == (SystemReason.THROTTLED, wait_s)
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP)
    assert info.value.reason is SystemReason.THROTTLED
    assert len(world.requests) == 1
    world.sleep(wait_s or THROTTLE_S)
    assert system.find(LOOKUP) is not None
    assert ("429", True) in world.codes()


@pytest.mark.parametrize(
    ("status", "reading"),
    [(408, Transient), (502, Unavailable), (503, Unavailable), (504, Unavailable)],
)
def test_a_broken_gateway_is_an_unknown_outcome_for_a_write_only(
    world: World, status: int, reading: type[Exception]
) -> None:
    world.answer(answered("<h1>no</h1>", status))
    with pytest.raises(reading):
        world.system().find(LOOKUP)
    world.answer(answered("<h1>no</h1>", status))
    with pytest.raises(OutcomeUnknown):
        world.system().transfer(Delivery(an_account()).task())


def test_our_own_limit_is_kept_before_the_vendors(world: World) -> None:
    world.answer(rows(HELD))
    system = world.system(requests_per_5_min=2)
    for _ in range(2):
        system.find(LOOKUP)
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP)
    assert info.value.reason is SystemReason.THROTTLED
    assert len(world.requests) == 2


def test_no_more_requests_than_allowed_run_at_once(world: World) -> None:
    world.answer(rows(HELD))
    system = world.system(in_flight=1, timeout_s=0.05)
    held = system._shared.in_flight
    held.acquire()
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP)
    assert info.value.reason is SystemReason.THROTTLED
    held.release()
    assert system.find(LOOKUP) is not None


def test_our_bug_is_a_bug_and_an_explained_refusal_names_the_trace(world: World) -> None:
    trace = "1f2e3d4c-0000-4000-8000-123456789abc"
    message = f"The control 'x' is read-only. access-1  CorrelationId:  {trace}."
    world.answer(fault("BadRequest_InvalidOperation", message))
    with pytest.raises(Bug) as bug:
        world.system().transfer(Delivery(an_account()).task())
    assert trace in str(bug.value)
    world.answer(fault("Application_StringExceededLength", message.replace("access-1", "access-2")))
    with pytest.raises(Rejected) as refusal:
        world.system().transfer(Delivery(an_account()).task())
    assert trace in refusal.value.detail
    assert "access-" not in refusal.value.detail


def test_a_number_whose_holder_has_vanished_is_told_as_it_was_refused(world: World) -> None:
    world.answer(fault("Internal_EntityWithSameKeyExists", "exists"), rows())
    with pytest.raises(Rejected, match="exists"):
        world.system().transfer(Delivery(an_account()).task())


def test_what_is_deleted_already_is_well(world: World) -> None:
    world.answer(fault("BadRequest_NotFound", status=404))
    system = world.system()
    with system._company() as company:
        company.client.remove(f"salesInvoices({GUID})")
    assert world.requests[0].headers["If-Match"] == "*"


def test_an_answer_that_is_no_object_concludes_nothing(world: World) -> None:
    world.answer(answered("[1]", 201))
    with pytest.raises(OutcomeUnknown):
        world.system().transfer(Delivery(an_account()).task())


def test_a_company_without_ledger_setup_is_misconfigured(world: World) -> None:
    world.answer(answered({"id": GUID, "name": "C"}), rows())
    with pytest.raises(Unavailable) as info:
        world.system().probe()
    assert info.value.reason is SystemReason.MISCONFIGURED


@pytest.mark.parametrize("call", ["probe", "check", "check_settings", "draft"])
def test_a_question_about_the_company_raises_unavailable_only(world: World, call: str) -> None:
    world.answer(answered("{", 200))
    system = world.system()
    asked = {
        "probe": system.probe,
        "check": lambda: system.check(an_account(currency="USD")),
        "check_settings": system.check_settings,
        "draft": lambda: system.draft(Delivery(an_account()).task(GUID)),
    }[call]
    with pytest.raises(Unavailable) as info:
        asked()
    assert info.value.reason is SystemReason.UNREACHABLE


def test_a_company_that_does_not_exist_is_misconfigured(world: World) -> None:
    world.answer(fault("BadRequest_NotFound", status=404))
    with pytest.raises(Unavailable) as info:
        world.system().probe()
    assert info.value.reason is SystemReason.MISCONFIGURED


def test_a_list_that_is_not_found_is_an_address_to_correct_and_fails_no_record(
    world: World,
) -> None:
    """No record is in such an address: the environment was renamed, or the company deleted."""
    world.answer(fault("BadRequest_NotFound", status=404))
    with pytest.raises(Unavailable) as info:
        world.system().find(LOOKUP)
    assert info.value.reason is SystemReason.MISCONFIGURED


@pytest.mark.parametrize("body", [{}, {"number": "M1"}, {"id": ""}])
def test_a_success_that_names_no_record_leaves_the_outcome_unknown(
    world: World, body: dict[str, str]
) -> None:
    world.answer(answered(body, 201))
    with pytest.raises(OutcomeUnknown, match="id"):
        world.system().transfer(Delivery(an_account()).task())
    world.answer(answered(body))
    with pytest.raises(Transient, match="id"):
        world.system().find(BY_ID)


def test_a_wait_that_is_asked_for_after_a_lost_write_is_kept(world: World) -> None:
    world.answer(fault("", status=503, Retry_After="9"), rows(HELD))
    system = world.system()
    with pytest.raises(OutcomeUnknown):
        system.transfer(Delivery(an_account()).task())
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP)
    assert info.value.reason is SystemReason.THROTTLED
    assert len(world.requests) == 1
    world.sleep(9)
    assert system.find(LOOKUP) is not None


@pytest.mark.parametrize(
    ("status", "reason"),
    [(302, SystemReason.MISCONFIGURED), (407, SystemReason.UNREACHABLE)],
)
def test_what_stands_between_us_and_the_books_fails_no_record(
    world: World, status: int, reason: SystemReason
) -> None:
    world.answer(answered("<html>sign in</html>", status, Location="https://elsewhere.example"))
    for call in (
        lambda: world.system().find(LOOKUP),
        lambda: world.system().transfer(Delivery(an_account()).task()),
    ):
        with pytest.raises(Unavailable) as info:
            call()
        assert info.value.reason is reason


@pytest.mark.parametrize("waiting_for", ["tokens", "lists"])
def test_no_thread_waits_for_another_beyond_its_time(world: World, waiting_for: str) -> None:
    world.answer(rows(HELD))
    system = world.system(timeout_s=0.05)
    held = {"tokens": system._shared.tokens._lock, "lists": system._lists._lock}[waiting_for]
    other = threading.Thread(target=held.acquire)  # a lock that its own thread may take again
    other.start()
    other.join()
    with pytest.raises(Unavailable) as info:
        system.find(LOOKUP) if waiting_for == "tokens" else system.check(an_account(currency="USD"))
    assert info.value.reason is SystemReason.UNREACHABLE
