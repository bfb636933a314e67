"""The settler against a simulated Membri: what is written, and what is let go."""

from __future__ import annotations

import threading

import pytest

from producers.dataverse import MembriUnavailable
from schemas.facts import Settled, SystemState
from schemas.reasons import Reason, SystemReason
from schemas.statuses import Entity
from schemas.wire.channel import BrokerUnavailable
from tests.integration.producers_world import (
    IN_ERROR,
    MONTREAL,
    SYSTEM,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    published,
    sync,
    writes,
)

pytest_plugins = ["tests.fixtures_producers"]
pytestmark = pytest.mark.usefixtures("quick_takes")


def test_a_transfer_is_told_in_one_write_of_status_reference_and_error(world: World) -> None:
    event = published(world, membri_syncerror="Période fermée")
    world.succeed(event, "F-20931")

    assert world.settler().drain() == 1

    assert sync(world, event) == (TRANSFERRED, "F-20931", None)
    assert len(writes(world)) == 1
    assert world.waiting() == 0


def test_a_failure_is_told_in_french_with_its_reason(world: World) -> None:
    event = published(world, membri_syncreference=None)
    world.fail(event, Reason.CLOSED_PERIOD, field="date", detail="2025")

    world.settler().drain()

    assert sync(world, event) == (IN_ERROR, None, "fr|closed_period|date|2025")
    assert len(writes(world)) == 1


def test_the_language_of_error_texts_can_be_chosen(world: World) -> None:
    event = published(world)
    world.fail(event)
    world.settler(language="en").drain()
    assert sync(world, event)[2].startswith("en|")


def test_long_error_texts_are_cut_to_the_column(world: World) -> None:
    event = published(world)
    world.fail(event, detail="é😀" * 400)
    world.settler().drain()
    text = sync(world, event)[2]
    assert len(text.encode("utf-16-le")) // 2 <= 500
    assert text.endswith("…")


def test_accounts_and_payments_are_settled_on_their_own_tables(world: World) -> None:
    account = world.account(membri_syncstatus=TO_TRANSFER)
    world.payment(world.invoice(account, membri_syncstatus=TRANSFERRED))
    world.poller().run_pass()
    first, second = world.records()
    world.succeed(first, "Éco L'Été")
    world.succeed(second, "R-9")
    world.settler().drain()
    assert sync(world, first, "account") == (TRANSFERRED, "Éco L'Été", None)
    assert sync(world, second, "membri_payment") == (TRANSFERRED, "R-9", None)


def test_an_account_that_came_with_its_invoice_is_settled_by_its_own_version(world: World) -> None:
    account = world.account()
    world.invoice(account)
    world.poller().run_pass()
    [event] = world.records()
    snapshot = event.data.account
    from schemas.events import Origin, to_transfer

    of_account = to_transfer(
        snapshot, Origin.of(event), dataversion=snapshot.dataversion, time=event.time
    )
    world.succeed(of_account, "C-1")
    world.settler().drain()
    assert sync(world, of_account, "account")[:2] == (TRANSFERRED, "C-1")
    assert len(writes(world)) == 1


def test_an_empty_reference_is_never_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    world.succeed(event, "  ")
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)
    assert "no reference" in caplog.text


def test_a_record_that_is_gone_is_logged_and_let_go(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    world.sandbox.person(table="invoice", id=event.subject, delete=True)
    world.succeed(event)
    world.settler().drain()
    assert "no longer exists" in caplog.text
    assert Settled(SYSTEM, Entity.INVOICE, "gone") in world.facts


def test_a_lost_answer_after_the_write_is_not_written_twice(world: World) -> None:
    event = published(world)
    world.fault(kind="drop_after", method="PATCH")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")
    audit = world.sandbox.admin.get("/audit", params={"id": event.subject, "by": "app"}).json()
    assert len(writes(world)) == 1
    assert len(audit) <= 1


def test_a_write_that_was_lost_before_it_was_done_is_done_after_a_look(world: World) -> None:
    event = published(world)
    world.fault(kind="drop_before", method="PATCH")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")


def test_a_record_on_which_membri_always_fails_is_given_up_loudly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    world.fault(kind="status", method="PATCH", status=500, body="{}", times=50)
    world.succeed(event)
    assert world.settler().drain() == 1
    assert "could not be settled" in caplog.text
    assert len(writes(world)) <= 8
    assert Settled(SYSTEM, Entity.INVOICE, "refused") in world.facts


def test_a_plug_ins_refusal_is_tried_a_few_times_then_told_loudly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    other = published(world)
    world.sandbox.options(refuse_writes={event.subject: "Facture verrouillée par le vérificateur"})
    world.succeed(event)
    world.succeed(other, "F-2")
    world.settler().drain()
    assert "Facture verrouillée par le vérificateur" in caplog.text
    assert sync(world, other)[:2] == (TRANSFERRED, "F-2")
    assert world.waiting() == 0


def test_a_drain_gives_back_what_membri_did_not_take(world: World) -> None:
    event = published(world)
    world.fault(kind="status", path="invoices", status=429, times=50, headers={"Retry-After": "1"})
    world.succeed(event)
    with pytest.raises(MembriUnavailable):
        world.settler().drain()
    assert world.waiting() == 1
    world.sandbox.admin.delete("/faults")
    world.settler().drain()
    assert sync(world, event)[0] == TRANSFERRED


def test_many_outcomes_are_written_in_parallel_and_each_record_in_order(world: World) -> None:
    account = world.account()
    for _ in range(30):
        world.invoice(account)
    world.poller().run_pass()
    for event in world.records():
        world.fail(event)
    for event in world.records():
        world.succeed(event, f"F-{event.subject[:8]}")
    world.settler().drain()
    for event in world.records():
        status, reference, _ = sync(world, event)
        # The failure came first, and the books took the same content afterwards.
        assert (status, reference) == (TRANSFERRED, f"F-{event.subject[:8]}")


def test_the_critical_time_runs_from_the_change_to_the_final_status(world: World) -> None:
    event = published(world)
    world.advance(42)
    world.succeed(event)
    world.settler().drain()
    [fact] = [fact for fact in world.facts if isinstance(fact, Settled)]
    assert (fact.entity, fact.outcome) == (Entity.INVOICE, "transferred")
    assert fact.critical_time_s is not None
    assert 42 <= fact.critical_time_s < 3600


def test_running_waits_for_membri_and_the_broker_and_stops_when_told(world: World) -> None:
    event = published(world)
    stop, away, settled = threading.Event(), threading.Event(), threading.Event()
    states: list[SystemState] = []

    def observe(fact: object) -> None:
        if isinstance(fact, SystemState):
            states.append(fact)
            if not fact.up:
                away.set()
                world.sandbox.admin.delete("/faults")
        if isinstance(fact, Settled):
            settled.set()

    world.fault(kind="status", path="invoices", status=429, times=99, headers={"Retry-After": "1"})
    settler = world.settler()
    settler._observer = observe
    world.succeed(event)
    thread = threading.Thread(target=settler.run, args=(stop,))
    thread.start()
    assert away.wait(30)
    assert settled.wait(30)
    settled.clear()
    world.broker.drop_connections()
    world.succeed(event)
    assert settled.wait(30)
    stop.set()
    thread.join(30)
    settler.close()
    assert not thread.is_alive()
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")
    assert states[0].reason is SystemReason.THROTTLED
    assert any(state.up for state in states)


def test_a_batch_held_too_long_goes_back_to_the_queue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = published(world)
    world.succeed(event)
    monkeypatch.setattr("producers.settler.HOLD_S_MAX", -1.0)
    monkeypatch.setattr("producers.settler.BACKOFF_S", 0.0)
    world.fault(kind="status", path="invoices", status=429, times=99, headers={"Retry-After": "1"})
    world.settler()._session(threading.Event())
    assert world.waiting() == 1


def test_a_drain_tells_when_the_broker_is_away(world: World) -> None:
    world.broker.go_down()
    with pytest.raises(BrokerUnavailable):
        world.settler().drain()


def test_rule_02_and_chapter_of_the_reference_reach_the_snapshot(world: World) -> None:
    quebec_account = world.account(_membri_mainchapterid_value=None, membri_newaccountforsync=None)
    world.invoice(quebec_account, _membri_chapterid_value=MONTREAL)
    world.poller().run_pass()
    [event] = world.records()
    assert event.data.account.new_account is False
