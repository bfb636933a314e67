"""The Dataverse client at its socket: what it sends, what it reads, how it names what failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from producers.clock import Clock
from producers.dataverse import (
    AuthFault,
    ConfigFault,
    Dataverse,
    MembriError,
    MembriUnavailable,
    OutcomeUnknown,
    Query,
    RecordGone,
    Refused,
    VersionMismatch,
    among,
    connect,
    http_client,
    quoted,
    system_reason,
)
from producers.dataverse.bodies import parse, render
from producers.dataverse.client import THROTTLE_ATTEMPTS
from producers.dataverse.gate import RetryAfterGate
from schemas.facts import ApiCall, Fact
from schemas.reasons import SystemReason

URL = "https://org.crm3.dynamics.com"
BASE = f"{URL}/api/data/v9.2/"
ETAG = 'W/"8812345"'

Handler = Callable[[httpx2.Request], httpx2.Response]


class Ticks:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds, sleep=self.sleep)


class Tokens:
    """Numbered tokens."""

    def __init__(self) -> None:
        self.number = 1

    def token(self) -> str:
        return f"token-{self.number}"

    def drop(self, token: str) -> None:
        if token == self.token():
            self.number += 1


class Server:
    """Answers in order, the last one for ever; keeps what was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def client(server: Handler, ticks: Ticks, **options: Any) -> Dataverse:
    transport = httpx2.Client(transport=httpx2.MockTransport(server))
    return Dataverse(URL, Tokens(), transport, clock=ticks.clock(), **options)


def answer(status: int, body: Any = None, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=content, headers=named)


def refusal(status: int, code: str = "0x0", message: str = "No.", **headers: str) -> Any:
    return answer(status, {"error": {"code": code, "message": message}}, **headers)


def test_a_read_sends_the_headers_of_odata_and_the_token(ticks: Ticks) -> None:
    server = Server(answer(200, {"UserId": "u"}))
    assert client(server, ticks).get("WhoAmI") == {"UserId": "u"}
    [request] = server.asked
    assert str(request.url) == f"{BASE}WhoAmI"
    assert request.headers["OData-Version"] == "4.0"
    assert request.headers["OData-MaxVersion"] == "4.0"
    assert request.headers["If-None-Match"] == "null"
    assert request.headers["Authorization"] == "Bearer token-1"


def test_a_query_is_percent_encoded_without_plus_signs(ticks: Ticks) -> None:
    server = Server(answer(200, {"value": []}))
    query = Query(
        select=("name", "_x_value"),
        filter=f"name eq {quoted('Éco L' + chr(39) + 'Été & fils + 100%')}",
        orderby="modifiedon asc,accountid asc",
        expand={"nav": ["a", "b"]},
    )
    assert list(client(server, ticks, page_size=7).rows("accounts", query)) == []
    [request] = server.asked
    text = request.url.query.decode()
    assert "+" not in text
    assert "$select=name,_x_value" in text
    assert "$filter=name%20eq%20'%C3%89co%20L''%C3%89t%C3%A9%20%26%20fils%20%2B%20100%25'" in text
    assert "$expand=nav($select=a,b)" in text
    assert request.headers["Prefer"] == "odata.maxpagesize=7"


def test_a_top_goes_without_a_page_size_which_would_be_ignored(ticks: Ticks) -> None:
    server = Server(answer(200, {"value": [{"id": 1}]}))
    assert list(client(server, ticks).rows("accounts", Query(select=("id",), top=2)))
    assert "Prefer" not in server.asked[0].headers
    assert server.asked[0].url.query.decode().endswith("$top=2")


def test_pages_are_followed_unchanged_with_the_same_preference(ticks: Ticks) -> None:
    following = f"{BASE}invoices?$select=x&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E"
    server = Server(
        answer(200, {"value": [{"id": 1}], "@odata.nextLink": following}),
        answer(200, {"value": [{"id": 2}]}),
    )
    rows = list(client(server, ticks).rows("invoices", Query(select=("x",))))
    assert [row["id"] for row in rows] == [1, 2]
    assert str(server.asked[1].url) == following
    assert {r.headers["Prefer"] for r in server.asked} == {"odata.maxpagesize=5000"}


def test_the_pages_of_an_expanded_collection_are_read_to_the_end(ticks: Ticks) -> None:
    more = f"{BASE}invoices(1)/lines?$skiptoken=2"
    server = Server(
        answer(200, {"value": [{"lines": [{"n": 1}], "lines@odata.nextLink": more}]}),
        answer(200, {"value": [{"n": 2}, {"n": 3}]}),
    )
    [row] = client(server, ticks).rows("invoices", Query(select=("x",)))
    assert row == {"lines": [{"n": 1}, {"n": 2}, {"n": 3}]}


def test_a_next_page_on_another_host_never_gets_the_token(ticks: Ticks) -> None:
    elsewhere = "https://evil.example/api/data/v9.2/invoices?$skiptoken=1"
    server = Server(answer(200, {"value": [], "@odata.nextLink": elsewhere}))
    with pytest.raises(ConfigFault, match="another address"):
        list(client(server, ticks).rows("invoices", Query()))
    assert len(server.asked) == 1


def test_a_page_that_leads_to_itself_ends(ticks: Ticks) -> None:
    url = f"{BASE}invoices?$select=x"
    server = Server(answer(200, {"value": [], "@odata.nextLink": url}))
    with pytest.raises(MembriUnavailable, match="same page"):
        list(client(server, ticks).rows("invoices", Query(select=("x",))))


def test_rows_by_id_are_asked_in_chunks(ticks: Ticks) -> None:
    server = Server(answer(200, {"value": []}))
    ids = [f"id-{n}" for n in range(120)]
    assert list(client(server, ticks).rows_by_id("accounts", "accountid", ids, Query())) == []
    assert len(server.asked) == 3
    assert "id-49" in str(server.asked[0].url)
    assert "id-50" not in str(server.asked[0].url)


def test_a_filter_on_many_ids_has_the_documented_form() -> None:
    assert among("accountid", ["a", "b"]) == (
        'Microsoft.Dynamics.CRM.In(PropertyName=\'accountid\',PropertyValues=["a","b"])'
    )


def test_numbers_are_exact_both_ways() -> None:
    body = b'{"a": 0.1, "b": 12345678901234567.89, "c": 7, "d": 1e2}'
    parsed = parse(body)
    assert parsed["a"] == Decimal("0.1")
    assert parsed["b"] == Decimal("12345678901234567.89")
    assert parsed["c"] == 7
    assert render({"a": Decimal("0.10"), "b": Decimal("1E+2"), "c": None}) == (
        b'{"a":0.10,"b":100,"c":null}'
    )


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": Infinity}', b"[1]", b"", b"\xff\xfe"])
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not"):
        parse(body)


@pytest.mark.parametrize("value", [Decimal("NaN"), object()])
def test_what_has_no_json_form_is_not_sent(value: object) -> None:
    with pytest.raises(TypeError):
        render({"a": value})


@pytest.mark.parametrize(
    "body", [b"<html><title>Bad  gateway</title>\n</html>", b'{"value": [{"a"', b""]
)
def test_a_success_that_is_not_json_is_read_again_then_told(ticks: Ticks, body: bytes) -> None:
    server = Server(answer(200, body))
    with pytest.raises(MembriUnavailable) as told:
        client(server, ticks).get("WhoAmI", Query(filter="secret eq 'hidden'"))
    assert len(server.asked) == 4
    assert "/api/data/v9.2/WhoAmI" in str(told.value)
    assert "hidden" not in str(told.value)
    if body:
        assert " ".join(body.decode().split()) in str(told.value)


def test_a_truncated_answer_is_read_again(ticks: Ticks) -> None:
    server = Server(answer(200, b'{"UserId": "u'), answer(200, {"UserId": "u"}))
    assert client(server, ticks).get("WhoAmI") == {"UserId": "u"}


@pytest.mark.parametrize(
    "trouble",
    [
        answer(500, b"<html>oops</html>"),
        answer(502, b"<html>"),
        refusal(503, "0x8004a001", "busy"),
        answer(504),
        answer(408),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("Server disconnected"),
    ],
)
def test_a_read_survives_transient_trouble(ticks: Ticks, trouble: Any) -> None:
    server = Server(trouble, trouble, answer(200, {"UserId": "u"}))
    assert client(server, ticks).get("WhoAmI") == {"UserId": "u"}
    assert len(ticks.slept) == 2


def test_reading_again_is_bounded(ticks: Ticks) -> None:
    server = Server(answer(503, b"busy"))
    with pytest.raises(MembriUnavailable, match="503"):
        client(server, ticks).get("WhoAmI")
    assert len(server.asked) == 4
    assert sum(ticks.slept) < 60


def test_an_update_always_names_the_version(ticks: Ticks) -> None:
    server = Server(answer(204))
    client(server, ticks).update("invoices", "7f", {"a": 1, "b": None}, ETAG)
    [request] = server.asked
    assert request.method == "PATCH"
    assert str(request.url) == f"{BASE}invoices(7f)"
    assert request.headers["If-Match"] == ETAG
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {"a": 1, "b": None}


def test_an_update_without_a_version_is_refused_here(ticks: Ticks) -> None:
    server = Server(answer(204))
    with pytest.raises(ValueError, match="etag"):
        client(server, ticks).update("invoices", "7f", {}, "")
    assert server.asked == []


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (refusal(412, "0x80060882"), VersionMismatch),
        (refusal(412, ""), VersionMismatch),
        (answer(412, b"<html>"), VersionMismatch),
        (refusal(412, "0x80040237"), Refused),
        (refusal(404, "0x80040217", "invoice With Id = 7f Does Not Exist"), RecordGone),
        (refusal(404, ""), RecordGone),
        (refusal(404, "0x8006088A", "Resource not found for the segment"), ConfigFault),
        (answer(404, b"<html>not here</html>"), ConfigFault),
        (refusal(403, "0x80040220"), ConfigFault),
        (refusal(403, "0x80048306"), Refused),
        (refusal(403, "0x80072560"), ConfigFault),
        (answer(403, b"<html>firewall</html>"), ConfigFault),
        (refusal(400, "0x80040265", "Facture verrouillée"), Refused),
        (refusal(400, "0x80044331"), Refused),
        (refusal(400, "0x0", "Could not find a property named 'x'"), ConfigFault),
        (refusal(400, "0x0", "Something else"), Refused),
        (refusal(400, "0x80048D19"), ConfigFault),
        (refusal(400, "0x80060883"), ConfigFault),
        (refusal(405), ConfigFault),
        (answer(302, b"", Location="https://login.example/"), ConfigFault),
        (refusal(500, "0x80044150", "SQL deadlock"), OutcomeUnknown),
        (answer(502, b"<html>"), OutcomeUnknown),
        (answer(504), OutcomeUnknown),
        (httpx2.ReadTimeout("slow"), OutcomeUnknown),
        (httpx2.WriteError("broken"), OutcomeUnknown),
        (httpx2.RemoteProtocolError("Server disconnected"), OutcomeUnknown),
        (httpx2.ConnectError("refused"), MembriUnavailable),
        (httpx2.ConnectTimeout("slow"), MembriUnavailable),
        (httpx2.PoolTimeout("full"), MembriUnavailable),
    ],
)
def test_what_a_write_meets_is_named_by_what_happens_next(
    ticks: Ticks, trouble: Any, expected: type[MembriError]
) -> None:
    server = Server(trouble)
    with pytest.raises(expected) as told:
        client(server, ticks).update("invoices", "7f", {}, ETAG)
    assert type(told.value) is expected
    assert len(server.asked) == 1
    assert "PATCH /api/data/v9.2/invoices(7f)" in str(told.value)


def test_a_fault_of_configuration_names_the_table(ticks: Ticks) -> None:
    with pytest.raises(ConfigFault) as told:
        list(client(Server(refusal(403, "0x80040220")), ticks).rows("invoices", Query()))
    assert told.value.table == "invoices"
    assert told.value.code == "0x80040220"


def test_a_reads_unknown_column_is_a_fault_of_configuration(ticks: Ticks) -> None:
    with pytest.raises(ConfigFault):
        client(Server(refusal(400, "0x0", "odd")), ticks).get("invoices")


def test_a_set_that_is_not_found_is_not_a_record_that_is_gone(ticks: Ticks) -> None:
    with pytest.raises(ConfigFault):
        client(Server(refusal(404, "")), ticks).get("invoices")


def test_an_expired_token_is_replaced_once(ticks: Ticks) -> None:
    server = Server(answer(401), answer(204))
    client(server, ticks).update("invoices", "7f", {}, ETAG)
    assert [r.headers["Authorization"] for r in server.asked] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_new_token_that_is_refused_too_is_an_auth_fault(ticks: Ticks) -> None:
    server = Server(answer(401))
    with pytest.raises(AuthFault):
        client(server, ticks).get("WhoAmI")
    assert len(server.asked) == 2


@pytest.mark.parametrize("code", ["0x80072321", "0x80072322", "0x80072326"])
def test_a_throttled_write_waits_as_told_and_is_sent_again(ticks: Ticks, code: str) -> None:
    server = Server(refusal(429, code, Retry_After="17"), answer(204))
    client(server, ticks).update("invoices", "7f", {}, ETAG)
    assert ticks.slept == [17.0]


def test_a_throttle_without_a_time_waits_a_little(ticks: Ticks) -> None:
    server = Server(answer(429, b"", Retry_After="soon"), answer(200, {"a": 1}))
    assert client(server, ticks).get("WhoAmI") == {"a": 1}
    assert ticks.slept == [5.0]


def test_throttling_that_does_not_end_is_told_with_its_time(ticks: Ticks) -> None:
    server = Server(refusal(429, "0x80072322", Retry_After="3"))
    with pytest.raises(MembriUnavailable) as told:
        client(server, ticks).get("WhoAmI")
    assert told.value.retry_after_s == 3.0
    assert len(server.asked) == THROTTLE_ATTEMPTS


def test_a_long_wait_is_handed_to_the_caller_and_nobody_calls_meanwhile(ticks: Ticks) -> None:
    server = Server(refusal(429, "0x80072322", Retry_After="300"))
    dataverse = client(server, ticks)
    for _ in range(3):
        with pytest.raises(MembriUnavailable) as told:
            dataverse.get("WhoAmI")
        assert told.value.retry_after_s == 300.0
    assert len(server.asked) == 1
    ticks.seconds += 301
    server.answers = [answer(200, {"a": 1})]
    assert dataverse.get("WhoAmI") == {"a": 1}


def test_a_shorter_closing_does_not_open_the_gate_earlier(ticks: Ticks) -> None:
    gate = RetryAfterGate(ticks.clock())
    gate.close_for(12)
    gate.close_for(3)
    gate.wait()
    assert ticks.slept == [12.0]
    gate.wait()
    assert ticks.slept == [12.0]


def test_every_exchange_is_told_to_the_observer(ticks: Ticks) -> None:
    facts: list[Fact] = []
    server = Server(
        refusal(429, "0x80072322", Retry_After="1"),
        httpx2.ReadTimeout("slow"),
        httpx2.ConnectError("refused"),
        answer(200, {"a": 1}),
    )
    client(server, ticks, observer=facts.append).get("WhoAmI")
    calls = [fact for fact in facts if isinstance(fact, ApiCall)]
    assert [(call.code, call.throttled) for call in calls] == [
        ("429", True),
        ("timeout", False),
        ("error", False),
        ("200", False),
    ]
    assert {call.system for call in calls} == {"membri"}


def test_cookies_are_not_kept(httpserver: Any) -> None:
    httpserver.expect_request("/a").respond_with_data("", headers={"Set-Cookie": "affinity=1"})
    with http_client() as http:
        http.get(httpserver.url_for("/a"))
        http.get(httpserver.url_for("/a"))
    requests = [request for request, _ in httpserver.log]
    assert [request.headers.get("Cookie") for request in requests] == [None, None]


def test_membri_is_reached_over_https_only() -> None:
    with pytest.raises(ConfigFault, match="https"):
        connect("http://org.crm3.dynamics.com", "id", "secret")


def test_a_ca_bundle_that_cannot_be_read_is_told_at_once(tmp_path: Any) -> None:
    with pytest.raises(OSError, match="No such file"):
        connect(URL, "id", "secret", ca_bundle=str(tmp_path / "absent.pem"))


def test_the_client_closes_its_connections(ticks: Ticks) -> None:
    with client(Server(answer(200, {"a": 1})), ticks) as dataverse:
        dataverse.get("WhoAmI")
    with pytest.raises(RuntimeError, match="closed"):
        dataverse.get("WhoAmI")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthFault("x"), SystemReason.UNAUTHORISED),
        (ConfigFault("x"), SystemReason.MISCONFIGURED),
        (MembriUnavailable("x", retry_after_s=3.0), SystemReason.THROTTLED),
        (MembriUnavailable("x"), SystemReason.UNREACHABLE),
    ],
)
def test_why_membri_is_closed_is_told_from_a_closed_list(
    error: MembriError, reason: SystemReason
) -> None:
    assert system_reason(error) is reason


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
