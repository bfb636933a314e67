"""What the client sends, trap by trap (reference page, section 2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.errors import Unavailable
from consumers.systems._exchange import exact_json
from consumers.systems.quickbooks_online.client import quoted
from consumers.systems.quickbooks_online.faults import Fault
from schemas.reasons import SystemReason
from tests.integration.qbo_answers import FOUND, World, answered, fault


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    yield made
    made.close()


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
