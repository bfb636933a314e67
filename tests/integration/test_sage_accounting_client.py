"""What the client sends and makes of whatever comes back, over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.system import Lookup
from consumers.systems.sage_accounting.faults import Fault
from schemas.facts import ApiCall
from schemas.reasons import Reason, SystemReason
from schemas.statuses import Entity
from tests.contracts.conformance_world import Delivery, an_account, an_invoice
from tests.integration.sage_accounting_answers import BUSINESS, MADE, World, answered, error


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    yield made
    made.close()
    httpserver.check_assertions()


def closed(call: Callable[[], object], reason: SystemReason) -> str:
    with pytest.raises(Unavailable) as info:
        call()
    assert info.value.reason is reason
    assert "access-" not in info.value.detail
    return info.value.detail


def test_every_request_names_the_business_and_the_token(world: World) -> None:
    world.answer(answered(MADE))
    client = world.client()
    client.read("contacts", "f" * 32)
    client.create("contacts", {"idempotency_id": "1" * 32, "name": "É"})
    client.change("contacts", "f" * 32, {"name": "É"})
    client.remove("contact_payments", "f" * 32)
    client.void("sales_invoices", "f" * 32, "pourquoi")
    for request in world.requests:
        assert request.headers["X-Business"] == BUSINESS
        assert request.headers["Authorization"] == "Bearer access-1"
        assert request.headers["Accept"] == "application/json"
    read, create, change, remove, void = world.requests
    assert "Content-Type" not in read.headers
    assert create.headers["Content-Type"] == "application/json"
    assert create.get_json() == {"contact": {"idempotency_id": "1" * 32, "name": "É"}}
    assert (change.method, change.get_json()) == ("PUT", {"contact": {"name": "É"}})
    assert (remove.method, remove.get_data()) == ("DELETE", b"")
    assert void.args["void_reason"] == "pourquoi"
    assert void.get_json() == {"sales_invoice": {"void_reason": "pourquoi"}}


@pytest.mark.parametrize(
    ("resource", "marks"),
    [("sales_invoices", "false"), ("sales_credit_notes", "false"), ("contacts", None)],
)
def test_no_read_marks_a_document_as_sent(world: World, resource: Any, marks: str | None) -> None:
    world.answer(answered({"id": "x"}))
    world.client().read(resource, "f" * 32)
    assert world.requests[0].args.get("mark_as_sent") == marks


def test_amounts_come_as_texts_or_numbers(world: World) -> None:
    from consumers.systems.sage_accounting.company import money

    world.answer(answered('{"a": "110.0", "b": 0.99, "c": "x", "d": null}'))
    row = world.client().single("financial_settings")
    assert [str(money(row, name)) for name in "abde"] == ["110.00", "0.99", "0.00", "0.00"]
    with pytest.raises(Transient, match="c is no amount"):
        money(row, "c")


def test_an_answer_of_another_business_is_not_believed(world: World) -> None:
    world.answer(answered({"id": "x"}, **{"X-Business": "c" * 32}))
    told = closed(lambda: world.client().read("contacts", "f"), SystemReason.MISCONFIGURED)
    assert "c" * 32 in told
    world.answer(answered({"id": "x"}, **{"X-Business": BUSINESS.upper()}))
    assert world.client().read("contacts", "f") == {"id": "x"}
    world.answer(answered({"id": "x"}, **{"X-Business": ""}))
    assert world.client().read("contacts", "f") == {"id": "x"}


def test_a_write_that_another_business_answered_is_looked_up_not_repeated(world: World) -> None:
    world.answer(
        answered({"$items": [], "$next": None}),
        answered({"id": "x", "name": "y"}, 201, **{"X-Business": "c" * 32}),
    )
    with pytest.raises(OutcomeUnknown, match=r"c{32}"):
        world.connector().transfer(Delivery(an_account()).task())


def test_a_token_that_ended_is_renewed_once_and_the_request_repeated(world: World) -> None:
    ended = answered(error("The access token has expired", "AuthenticationFailure"), 401)
    world.answer(ended, answered(MADE))
    body = {"idempotency_id": "1" * 32}
    assert world.client().create("contacts", body) == MADE
    assert world.refreshed == ["refresh-1"]
    sent = [request.headers["Authorization"] for request in world.requests]
    assert sent == ["Bearer access-1", "Bearer access-2"]
    assert {request.get_data() for request in world.requests} == {world.requests[0].get_data()}


def test_a_token_refused_twice_closes_the_system(world: World) -> None:
    world.answer(answered(error("bad access-2 token", "AuthenticationFailure"), 401))
    with pytest.raises(Fault):
        world.client().create("contacts", {})
    assert world.refreshed == ["refresh-1"]
    world.answer(answered(error("bad access-3 token", "AuthenticationFailure"), 401))
    told = closed(lambda: world.client().rows("contacts", "name"), SystemReason.UNAUTHORISED)
    assert "bad … token" in told


def test_an_ended_subscription_is_no_matter_of_tokens(world: World) -> None:
    world.answer(answered(error("No active subscription. (MSE)", "AuthorizationFailure"), 401))
    told = closed(lambda: world.client().rows("contacts", "name"), SystemReason.MISCONFIGURED)
    assert "renew the Sage subscription" in told
    assert world.refreshed == []
    assert len(world.requests) == 1


def test_a_throttle_silences_every_thread(world: World) -> None:
    world.answer(answered("", 429, **{"Retry-After": "17"}))
    connector = world.connector()
    call = lambda: connector.find(Lookup(Entity.ACCOUNT, "x", name="Anne"))  # noqa: E731 — called thrice
    with pytest.raises(Unavailable) as info:
        call()
    assert (info.value.reason, info.value.retry_after_s) == (SystemReason.THROTTLED, 17.0)
    closed(call, SystemReason.THROTTLED)
    assert len(world.requests) == 1
    throttled = [fact.throttled for fact in world.facts if isinstance(fact, ApiCall)]
    assert throttled == [True]


def test_a_throttle_without_a_time_waits_the_default(world: World) -> None:
    world.answer(answered("", 429))
    with pytest.raises(Unavailable) as info:
        world.client().rows("contacts", "name")
    assert info.value.retry_after_s == 30.0


@pytest.mark.parametrize("resource", ["sales_invoices", "contacts"])
def test_a_missing_record_is_none_but_a_missing_business_is_not(
    world: World, resource: Any
) -> None:
    world.answer(answered(error("The record could not be found.", "RecordNotFound"), 404))
    assert world.client().read(resource, "f" * 32) is None
    world.answer(answered(error("The business could not be found.", "RecordNotFound"), 404))
    closed(lambda: world.client().read(resource, "f" * 32), SystemReason.MISCONFIGURED)


@pytest.mark.parametrize("value", ["", "a b", "a/../b", "é", "x" * 65])
def test_what_is_no_id_is_not_asked_for(world: World, value: str) -> None:
    world.answer(answered({"id": "x"}))
    assert world.client().read("contacts", value) is None
    assert world.requests == []


def test_addresses_that_do_not_exist_close_the_system(world: World) -> None:
    world.answer(answered("<h1>Not found</h1>", 404))
    client = world.client()
    closed(lambda: client.rows("contacts", "name"), SystemReason.MISCONFIGURED)
    closed(lambda: client.single("financial_settings"), SystemReason.MISCONFIGURED)


def test_other_failures_of_a_read_have_their_class(world: World) -> None:
    world.answer(answered(error("oops", "UnexpectedError"), 500))
    client = world.client()
    for call in (
        lambda: client.rows("contacts", "name"),
        lambda: client.single("financial_settings"),
        lambda: client.read("contacts", "f"),
    ):
        with pytest.raises(Transient):
            call()


def test_taking_back_what_is_gone_is_no_fault_and_other_refusals_are(world: World) -> None:
    client = world.client()
    world.answer(answered(error("The record could not be found.", "RecordNotFound"), 404))
    client.remove("contact_payments", "f")
    client.void("sales_invoices", "f", "x")
    world.answer(answered(error("The document is already void."), 422))
    client.void("sales_invoices", "f", "x")
    world.answer(answered(error("no"), 422))
    with pytest.raises(Fault):
        client.void("sales_invoices", "f", "x")
    with pytest.raises(Fault):
        client.remove("contact_payments", "f")


def test_what_cannot_be_taken_back_for_now_leaves_the_outcome_unknown(world: World) -> None:
    from consumers.systems.sage_accounting.undoing import delete

    world.answer(answered("", 503))
    with (
        world.connector()._company() as company,
        pytest.raises(OutcomeUnknown),
    ):
        delete(company, "contact_payments", {"id": "f"}, ("x",), Reason.DIFFERS_FROM_BOOKS)


def test_our_own_limit_is_kept(world: World) -> None:
    world.answer(answered({"id": "x"}))
    client = world.client(requests_per_s=2, timeout_s=0.5)
    with client.within(0.3):
        for _ in range(2):
            client.read("contacts", "f")
        closed(lambda: client.read("contacts", "f"), SystemReason.THROTTLED)


def test_a_budget_used_up_sends_nothing_more(world: World) -> None:
    world.answer(answered({"id": "x"}))
    client = world.client()
    with client.within(0.0), pytest.raises(Transient):
        client.read("contacts", "f")
    assert world.requests == []


def test_after_a_first_step_trouble_means_that_the_books_must_be_asked(world: World) -> None:
    world.answer(
        answered({"$items": [], "$next": None}),
        answered({"id": "x", "name": "y"}, 201, **{"X-Business": "c" * 32}),
    )
    connector = world.connector()
    with pytest.raises(OutcomeUnknown, match="after a first step was done"):
        connector.transfer(Delivery(an_account()).task())


def test_verbs_that_may_only_say_unavailable_say_so(world: World) -> None:
    world.answer(answered({"no": "items"}))
    connector = world.connector()
    account = an_account(currency="USD")
    world.answer(answered("<html>"))
    for call in (
        connector.probe,
        lambda: connector.check(account),
        connector.check_settings,
        lambda: connector.draft(Delivery(account).task()),
    ):
        closed(call, SystemReason.UNREACHABLE)


def test_a_document_without_a_customer_is_our_bug(world: World) -> None:
    with pytest.raises(ValueError, match="to a customer"):
        world.connector().transfer(Delivery(an_invoice(an_account())).task())


def test_the_longest_call_bounds_all_waits(world: World) -> None:
    declared = world.connector(longest_server_call_s=77.0).declaration
    assert world.connector(requests_per_s=1).declaration.concurrency == 1
    said = (declared.longest_call_s, declared.concurrency, declared.replays_same_key)
    assert said == (4 * 2 + 6 * 2 + 77, 4, True)
