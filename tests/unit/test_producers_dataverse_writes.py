"""Writes at the socket of the Dataverse client, throttling, and how failures are named."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from producers.dataverse import (
    AuthFault,
    ConfigFault,
    MembriError,
    MembriUnavailable,
    OutcomeUnknown,
    Query,
    RecordGone,
    Refused,
    VersionMismatch,
    connect,
    system_reason,
)
from producers.dataverse.client import THROTTLE_ATTEMPTS
from producers.dataverse.gate import RetryAfterGate
from schemas.facts import ApiCall, Fact
from schemas.reasons import SystemReason
from tests.unit.dataverse_server import BASE, ETAG, URL, Server, Ticks, answer, client, refusal


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


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
