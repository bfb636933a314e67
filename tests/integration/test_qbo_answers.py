"""Answers of all shapes, late ones and none at all (reference page, sections 2 and 14)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems.quickbooks_online.faults import Fault
from schemas.reasons import SystemReason
from tests.integration.qbo_answers import FOUND, World, answered, fault


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    yield made
    made.close()


THROTTLED = {
    "fault": {
        "error": [
            {
                "message": "message=ThrottleExceeded; errorCode=003001; statusCode=429",
                "code": "3001",
            }
        ],
        "type": "SERVICE",
    }
}


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (answered(THROTTLED, 429), 60),
        (answered(THROTTLED, 429, **{"Retry-After": "7"}), 7),
        (answered(THROTTLED, 403), 60),
        (answered("<html>slow down</html>", 429), 60),
        (fault("3001", 403), 60),
        (fault("3001", 200), 60),
    ],
)
def test_a_throttle_in_any_shape_silences_every_thread(
    world: World, answer: Response, wait_s: int
) -> None:
    world.answer(answer, answered(FOUND))
    client = world.client()
    with pytest.raises(Unavailable) as info:
        client.read("Customer", "58")
    assert (info.value.reason, info.value.retry_after_s) == (SystemReason.THROTTLED, wait_s)
    with pytest.raises(Unavailable):
        client.read("Customer", "58")
    assert len(world.requests) == 1, "nothing is sent during the wait"
    world.seconds += wait_s + 1
    assert client.read("Customer", "58") == FOUND["Customer"]


def test_throttles_are_counted_for_the_observer(world: World) -> None:
    world.answer(answered(THROTTLED, 403), answered(FOUND))
    client = world.client()
    with pytest.raises(Unavailable):
        client.read("Customer", "58")
    world.seconds += 61
    client.read("Customer", "58")
    assert world.codes() == [("403", True), ("200", False)]


def test_an_object_that_does_not_exist_is_none(world: World) -> None:
    world.answer(fault("610"))
    assert world.client().read("Customer", "58") is None


def test_a_deletion_of_what_is_gone_is_done(world: World) -> None:
    world.answer(fault("610"))
    world.client().remove("Invoice", {"Id": "1", "SyncToken": "0"}, "k")
    world.answer(fault("6200"))
    with pytest.raises(Fault):
        world.client().remove("Invoice", {"Id": "1", "SyncToken": "0"}, "k")


@pytest.mark.parametrize("body", ["", "{", "<html>ok</html>", "[]", '{"time": "now"}'])
def test_a_success_that_cannot_be_read_is_unknown_after_a_write(world: World, body: str) -> None:
    world.answer(answered(body))
    with pytest.raises(OutcomeUnknown):
        world.client().create("Invoice", {}, "k")
    with pytest.raises(Transient):
        world.client().read("Invoice", "1")


def test_a_refusal_in_a_success_is_a_refusal(world: World) -> None:
    world.answer(fault("6200", 200))
    with pytest.raises(Fault) as info:
        world.client().create("Invoice", {}, "k")
    assert (info.value.code, info.value.status) == (6200, 200)


def test_a_server_that_says_nothing_is_left_after_the_timeout(world: World) -> None:
    enough = threading.Event()

    def silent(_: Request) -> Response:
        enough.wait(20)
        return answered(FOUND)

    world.answer(silent)
    try:
        with pytest.raises(OutcomeUnknown):
            world.client(timeout_s=0.2).create("Invoice", {}, "k")
        with pytest.raises(Unavailable) as info:
            world.client(timeout_s=0.2).read("Invoice", "1")
        assert info.value.reason is SystemReason.UNREACHABLE
        assert world.codes() == [("timeout", False)] * 2
    finally:
        enough.set()


def test_an_answer_that_drips_for_ever_is_left_at_the_deadline(world: World) -> None:
    def dripping(_: Request) -> Response:
        def drops() -> Iterator[bytes]:
            for _ in range(3):
                world.seconds += 40  # each drop comes in time for the socket, the whole does not
                yield b" " * 70_000

        return Response(drops(), 200)

    world.answer(dripping)
    client = world.client()
    with pytest.raises(OutcomeUnknown), client.within(60):
        client.create("Invoice", {}, "k")


def test_no_request_starts_after_the_deadline(world: World) -> None:
    world.answer(answered(FOUND))
    client = world.client()
    with client.within(60):
        client.read("Customer", "58")
        world.seconds += 61
        with pytest.raises(Transient, match="out of time"):
            client.read("Customer", "58")
    assert len(world.requests) == 1


def test_the_client_knows_whether_it_wrote(world: World) -> None:
    world.answer(answered(FOUND))
    client = world.client()
    with client.within(60):
        client.read("Customer", "58")
        assert not client.wrote
        client.create("Customer", {}, "k")
        assert client.wrote
    with client.within(60):
        assert not client.wrote


def test_a_connection_that_was_refused_sent_nothing(world: World) -> None:
    client = world.client(api_root="http://localhost:9/v3")
    with pytest.raises(Unavailable) as info:
        client.create("Invoice", {}, "k")
    assert info.value.reason is SystemReason.UNREACHABLE
    assert world.codes() == [("error", False)]


def test_a_missing_realm_is_taken_from_the_token_file(world: World) -> None:
    world.answer(answered(FOUND))
    world.client(realm_id="").read("Customer", "58")
    assert world.requests[0].path == "/v3/company/1/customer/58"
