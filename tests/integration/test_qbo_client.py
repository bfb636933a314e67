"""The corrected client, trap by trap (reference page, section 2), on a server that plays them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems.quickbooks_online.client import Client, Shared, exact_json, quoted
from consumers.systems.quickbooks_online.faults import Fault
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.throttle import Throttle
from consumers.systems.quickbooks_online.tokens import Tokens
from schemas.facts import ApiCall, Fact
from schemas.reasons import SystemReason

Answer = Callable[[Request], Response]


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    body = content if isinstance(content, str | bytes) else json.dumps(content)
    return Response(body, status, {"intuit_tid": "1-tid", **headers})


class World:
    """A server whose answers a test queues; the last one is repeated."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        self.server = server
        self.path = folder / "token.json"
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.facts: list[Fact] = []
        self.renewals = 0
        self.seconds = 0.0
        self.write_token("access-1")
        server.expect_request("/discovery").respond_with_json(
            {
                **{f"{n}_endpoint": server.url_for("/x") for n in ("authorization", "revocation")},
                "token_endpoint": server.url_for("/token"),
                "userinfo_endpoint": server.url_for("/x"),
                "issuer": "i",
                "jwks_uri": "k",
            }
        )
        server.expect_request("/token").respond_with_handler(self._renew)

        def api(request: Request) -> Response:
            request.get_data()
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return answer(request)

        for method in ("GET", "POST"):
            server.expect_request(_Under("/v3/"), method=method).respond_with_handler(api)
        self.connection = Connection.model_validate(
            {
                "api_root": server.url_for("/v3"),
                "discovery_url": server.url_for("/discovery"),
                "client_id": "app",
                "client_secret": "s3cr3t",
                "token_file": str(self.path),
                "realm_id": "1",
                "timeout_s": 0.5,
            }
        )
        self.made: list[Client] = []

    def _renew(self, _: Request) -> Response:
        self.renewals += 1
        content = {
            "access_token": f"access-{self.renewals + 1}",
            "refresh_token": "refresh-2",
            "expires_in": 3600,
        }
        return answered(content)

    def write_token(self, access: str) -> None:
        content = {
            "access_token": access,
            "refresh_token": "refresh-1",
            "expires_at": 4_000_000_000,
            "realm_id": "1",
        }
        self.path.write_text(json.dumps(content), encoding="utf-8")

    def answer(self, *answers: Response | Answer) -> None:
        self.answers = [_constant(a) if isinstance(a, Response) else a for a in answers]

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds

    def client(self, **values: Any) -> Client:
        connection = self.connection.model_copy(update=values)
        tokens = Tokens("montreal", connection)
        throttle = Throttle(10, 500, self.monotonic, time.sleep)
        shared = Shared(connection, tokens, throttle, self.facts.append, time.time, self.monotonic)
        made = Client(shared)
        self.made.append(made)
        return made

    def codes(self) -> list[tuple[str, bool]]:
        return [(f.code, f.throttled) for f in self.facts if isinstance(f, ApiCall)]


class _Under:
    """Matches every path below a prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(self._prefix)

    def __hash__(self) -> int:
        return hash(self._prefix)


def _constant(response: Response) -> Answer:
    body, status, headers = response.get_data(), response.status_code, dict(response.headers)
    return lambda _: Response(body, status, headers)


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    yield made
    for client in made.made:
        client.close()


FOUND = {"Customer": {"Id": "58", "SyncToken": "3", "DisplayName": "Anne"}}


def fault(code: str, status: int = 400) -> Response:
    error = {"Message": "m", "Detail": "access-1 d", "code": code}
    return answered({"Fault": {"Error": [error], "type": "ValidationFault"}}, status)


# --- what goes on the wire ------------------------------------------------------------------


def test_a_read_asks_for_json_minor_version_75_and_sends_the_token(world: World) -> None:
    world.answer(answered(FOUND))
    assert world.client().read("Customer", "58") == FOUND["Customer"]
    (request,) = world.requests
    assert request.path == "/v3/company/1/customer/58"
    assert dict(request.args) == {"minorversion": "75"}
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"] == "Bearer access-1"


def test_every_write_carries_its_request_id(world: World) -> None:
    world.answer(answered(FOUND))
    client = world.client()
    row = client.create("Customer", {"DisplayName": "Anne"}, "key-create")
    client.change("Customer", {"Id": "58", "sparse": True}, "key-u3")
    client.remove("Customer", row, "key-undo")
    assert [r.args["requestid"] for r in world.requests] == ["key-create", "key-u3", "key-undo"]
    assert [r.args.get("operation") for r in world.requests] == [None, None, "delete"]
    assert json.loads(world.requests[2].get_data()) == {"Id": "58", "SyncToken": "3"}


def test_amounts_are_sent_as_numbers_with_their_exact_cents(world: World) -> None:
    world.answer(answered({"Payment": {"Id": "1"}}))
    body = {"TotalAmt": Decimal("1.10"), "Line": [{"Amount": Decimal("1234567890123456.78")}]}
    world.client().create("Payment", body, "k")
    assert world.requests[0].get_data() == (
        b'{"TotalAmt":1.10,"Line":[{"Amount":1234567890123456.78}]}'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00"), "0.00"),
        (True, "true"),
        (None, "null"),
        (3, "3"),
        ('é"\\\n', '"é\\"\\\\\\n"'),
        ((1, "a"), '[1,"a"]'),
    ],
)
def test_json_is_exact(value: Any, text: str) -> None:
    assert exact_json(value) == text


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError):
        exact_json({"Amount": 1.1})


def test_amounts_are_read_exactly(world: World) -> None:
    world.answer(answered('{"Invoice": {"Id": "1", "TotalAmt": 1234567890123456.78}}'))
    row = world.client().read("Invoice", "1")
    assert row is not None
    assert row["TotalAmt"] == Decimal("1234567890123456.78")


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("O'Brien", "'O\\'Brien'"),
        ("ends with \\", "'ends with \\\\'"),
        ("\\' or 1=1", "'\\\\\\' or 1=1'"),
    ],
)
def test_the_backslash_is_escaped_before_the_apostrophe(text: str, literal: str) -> None:
    assert quoted(text) == literal


def test_queries_are_sent_in_utf_8(world: World) -> None:
    world.answer(answered({"QueryResponse": {}}))
    assert world.client().select("Customer", f"DisplayName = {quoted('Cœur d’or é')}") == []
    (request,) = world.requests
    assert request.headers["Content-Type"] == "application/text"
    assert request.get_data().decode() == (
        "SELECT * FROM Customer WHERE DisplayName = 'Cœur d’or é' STARTPOSITION 1 MAXRESULTS 1000"
    )


def test_all_pages_are_read(world: World) -> None:
    def page(size: int) -> Response:
        return answered({"QueryResponse": {"Item": [{"Id": str(n)} for n in range(size)]}})

    world.answer(page(1000), page(1000), page(7))
    assert len(world.client().select("Item")) == 2007
    starts = [r.get_data().decode().split("STARTPOSITION ")[1] for r in world.requests]
    assert starts == ["1 MAXRESULTS 1000", "1001 MAXRESULTS 1000", "2001 MAXRESULTS 1000"]


def test_a_password_file_does_not_replace_our_token(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password mine\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    world.answer(answered(FOUND))
    world.client().read("Customer", "58")
    assert world.requests[0].headers["Authorization"] == "Bearer access-1"


def test_a_redirection_is_not_followed(world: World) -> None:
    world.answer(answered("", 302, Location=world.server.url_for("/v3/login")))
    with pytest.raises(Exception, match="302"):
        world.client().read("Customer", "58")
    assert len(world.requests) == 1


def test_no_file_is_ever_sent(world: World) -> None:
    with pytest.raises(TypeError):
        world.client().create_object("Invoice", "{}", _file_path="/etc/passwd")


# --- the token ------------------------------------------------------------------------------


def test_a_401_renews_once_and_sends_the_new_token(world: World) -> None:
    world.answer(answered("", 401), answered(FOUND))
    client = world.client()
    assert client.create("Customer", {"DisplayName": "Anne"}, "k")["Id"] == "58"
    sent = [r.headers["Authorization"] for r in world.requests]
    assert sent == ["Bearer access-1", "Bearer access-2"]
    assert {r.args["requestid"] for r in world.requests} == {"k"}
    client.read("Customer", "58")
    assert world.requests[-1].headers["Authorization"] == "Bearer access-2"
    assert world.renewals == 1


def test_a_second_401_is_no_reason_to_renew_again(world: World) -> None:
    world.answer(answered("", 401))
    with pytest.raises(Unavailable) as info:
        world.client().read("Customer", "58")
    assert info.value.reason is SystemReason.UNAUTHORISED
    assert (world.renewals, len(world.requests)) == (1, 2)


def test_a_token_that_somebody_else_renewed_is_taken_from_the_file(world: World) -> None:
    def renewed_elsewhere(_: Request) -> Response:
        world.write_token("access-of-another-process")
        return answered("", 401)

    world.answer(renewed_elsewhere, answered(FOUND))
    world.client().read("Customer", "58")
    assert world.requests[1].headers["Authorization"] == "Bearer access-of-another-process"
    assert world.renewals == 0


def test_a_token_quoted_in_a_fault_is_not_passed_on(world: World) -> None:
    world.answer(fault("6000"))
    with pytest.raises(Fault) as info:
        world.client().create("Customer", {}, "k")
    assert "access-1" not in info.value.words
    assert "… d" in info.value.words
    assert "intuit_tid=1-tid" in info.value.words


# --- answers of all shapes ------------------------------------------------------------------


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


# --- time -----------------------------------------------------------------------------------


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
