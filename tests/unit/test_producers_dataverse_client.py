"""Reads at the socket of the Dataverse client: what is sent, what is understood."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from producers.dataverse import (
    ConfigFault,
    MembriUnavailable,
    Query,
    among,
    http_client,
    quoted,
)
from producers.dataverse.bodies import parse, render
from tests.unit.dataverse_server import BASE, Server, Ticks, answer, client, refusal


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


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


def test_cookies_are_not_kept(httpserver: Any) -> None:
    httpserver.expect_request("/a").respond_with_data("", headers={"Set-Cookie": "affinity=1"})
    with http_client() as http:
        http.get(httpserver.url_for("/a"))
        http.get(httpserver.url_for("/a"))
    requests = [request for request, _ in httpserver.log]
    assert [request.headers.get("Cookie") for request in requests] == [None, None]
