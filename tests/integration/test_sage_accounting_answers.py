"""What is believed of lists and of creations, and what is read again or called unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from consumers.errors import OutcomeUnknown, Rejected, Transient
from schemas.reasons import Reason
from tests.integration.sage_accounting_answers import World, answered, error


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    yield made
    made.close()
    httpserver.check_assertions()


def test_lists_end_where_no_next_page_is_named(world: World) -> None:
    def page(number: int, following: str | None) -> Response:
        return answered(
            {
                "$items": [{"id": str(number), "name": "x"}],
                "$next": following,
                "$page": number,
            }
        )

    world.answer(page(1, "/contacts?page=2"), page(2, "/contacts?page=3"), page(3, None))
    rows = world.client().rows("contacts", "name,reference", search="a b")
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [request.args["page"] for request in world.requests] == ["1", "2", "3"]
    assert {request.args["attributes"] for request in world.requests} == {"name,reference"}
    assert {request.args["items_per_page"] for request in world.requests} == {"200"}
    assert {request.args["search"] for request in world.requests} == {"a b"}


def test_a_list_that_does_not_end_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumers.systems.sage_accounting.client._PAGES_MAX", 4)
    world.answer(answered({"$items": [], "$next": "/contacts?page=2"}))
    client = world.client(requests_per_s=20)
    with pytest.raises(Transient, match="does not end"):
        client.rows("contacts", "name")
    assert len(world.requests) == 3


def test_a_list_without_rows_is_no_empty_list(world: World) -> None:
    world.answer(answered({"$next": None}))
    with pytest.raises(Transient, match="without rows"):
        world.client().rows("contacts", "name")


def test_a_list_that_holds_less_than_sage_counts_is_no_answer(world: World) -> None:
    """A record that somebody deletes while we page moves another onto a page already read."""
    one, two, three = ({"id": name, "name": name} for name in "123")
    world.answer(
        answered({"$items": [one, two], "$next": "/contacts?page=2", "$total": 3}),
        answered({"$items": [two], "$next": None, "$total": 3}),
    )
    with pytest.raises(Transient, match="2 of 3 contacts"):
        world.client().rows("contacts", "name")
    world.answer(
        answered({"$items": [one, two], "$next": "/contacts?page=2", "$total": 3}),
        answered({"$items": [three], "$next": None, "$total": 3}),
    )
    assert world.client().rows("contacts", "name") == [one, two, three]


def test_a_record_that_comes_while_we_page_does_no_harm(world: World) -> None:
    one, two = ({"id": name, "name": name} for name in "12")
    world.answer(
        answered({"$items": [one, two], "$next": "/contacts?page=2", "$total": 3}),
        answered({"$items": [two, {"id": "3", "name": "3"}], "$next": None, "$total": 4}),
    )
    rows = world.client().rows("contacts", "name")
    assert [row["id"] for row in rows] == ["1", "2", "3"], "each once, or it would be ambiguous"


@pytest.mark.parametrize("row", [{"id": "1", "displayed_as": "Anne"}, "1", None])
def test_rows_that_tell_nothing_are_no_answer(world: World, row: Any) -> None:
    world.answer(answered({"$items": [row], "$next": None, "$total": 1}))
    with pytest.raises(Transient, match="nothing but ids"):
        world.client().rows("contacts", "name,reference")


def test_a_customer_that_is_gone_closes_nothing(world: World) -> None:
    gone = answered(error("The record could not be found.", "RecordNotFound"), 404)
    world.answer(gone)
    with pytest.raises(Rejected) as refusal:
        world.client().rows("sales_invoices", "reference", contact_id="f" * 32)
    assert refusal.value.reason is Reason.REFERENCE_NOT_FOUND


@pytest.mark.parametrize("made", ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "", "soon", None])
def test_an_older_answer_given_again_is_not_believed_before_it_is_read_anew(
    world: World, made: str | None
) -> None:
    old = {"id": "x", "name": "Anne", "created_at": made}
    world.answer(answered(old, 201), answered({**old, "name": "Annie"}))
    assert world.client().create("contacts", {})["name"] == "Annie"
    for later in (
        answered({**old, "status": {"id": "VOID"}}),
        answered(error("The record could not be found.", "RecordNotFound"), 404),
    ):
        world.answer(answered(old, 201), later)
        with pytest.raises(Rejected) as refusal:
            world.client().create("sales_invoices", {})
        assert refusal.value.reason is Reason.DIFFERS_FROM_BOOKS


def test_a_success_that_names_no_record_is_unknown(world: World) -> None:
    world.answer(answered({}, 201))
    with pytest.raises(OutcomeUnknown, match="without the id"):
        world.client().create("contact_payments", {})


@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', "", '{"id": "x", "cre'])
def test_an_unreadable_success_is_unknown_for_a_write(world: World, body: str) -> None:
    world.answer(answered(body, 201))
    client = world.client()
    with pytest.raises(OutcomeUnknown):
        client.create("contacts", {})
    with pytest.raises(Transient):
        client.read("contacts", "f")
