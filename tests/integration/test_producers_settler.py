"""The settler against a simulated Membri: what is written, and what a person's change prevents."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.dataverse import MembriUnavailable
from schemas.events import ReceivedEvent
from schemas.facts import Settled, SystemState
from schemas.outcomes import Received
from schemas.reasons import Reason, SystemReason
from schemas.statuses import Entity
from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome
from schemas.wire.codec import outcome_message
from schemas.wire.dead_letters import dead_letter
from schemas.wire.topology import DEAD, OUTCOMES, SETTLE
from tests.integration.producers_world import (
    DO_NOT_SYNC,
    IN_ERROR,
    MONTREAL,
    ON_HOLD,
    SYSTEM,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    open_world,
    success_of,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker in memory has everything at once: nothing to wait for when a queue is empty."""
    monkeypatch.setattr("producers.settler.TAKE_S", 0.01)


def published(world: World, **values: Any) -> Any:
    """An invoice that was published: its event."""
    world.invoice(world.account(), **values)
    world.poller().run_pass()
    return world.records()[-1]


def sync(world: World, event: Any, table: str = "invoice") -> tuple[Any, Any, Any]:
    row = world.row(table, event.subject)
    return row["membri_syncstatus"], row["membri_syncreference"], row["membri_syncerror"]


def writes(world: World, skip: int = 0) -> list[dict[str, Any]]:
    return world.requests("PATCH")[skip:]


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


@pytest.mark.parametrize("status", [ON_HOLD, DO_NOT_SYNC])
def test_a_persons_status_is_kept_but_the_link_is_not_lost(world: World, status: int) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncstatus=status)
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (status, "F-1")


def test_a_reference_that_a_person_typed_is_kept(world: World) -> None:
    event = published(world)
    world.person(
        "invoice", event.subject, membri_syncstatus=ON_HOLD, membri_syncreference="À la main"
    )
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (ON_HOLD, "À la main")
    assert [w["status"] for w in writes(world)] == [412]


def test_noise_does_not_prevent_a_transfer_from_being_told(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, name="Un autre titre")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")


def test_noise_does_not_prevent_a_failure_from_being_told(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, name="Un autre titre")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event)[0] == IN_ERROR


def test_a_newer_version_stays_to_transfer_with_the_link_written(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, description="Changée depuis")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TO_TRANSFER, "F-1")


def test_a_newer_version_is_not_failed_for_what_the_older_one_was(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_invoicedate="2026-03-05")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)


def test_a_failure_does_not_undo_what_a_person_decided(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncstatus=ON_HOLD)
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (ON_HOLD, None, None)


def test_an_older_outcome_does_not_overwrite_a_newer_one(world: World) -> None:
    event = published(world)
    world.succeed(event, "F-2")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-2", None)


def test_a_dead_letter_sent_again_as_it_was_ends_as_transferred(world: World) -> None:
    event = published(world)
    world.fail(event)
    world.settler().drain()
    world.succeed(event, "F-4")
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-4", None)


def test_an_old_success_delivered_again_does_not_hide_a_newer_failure(world: World) -> None:
    event = published(world)
    world.succeed(event, "F-4")
    subscription = world.broker.subscribe(SETTLE, prefetch=5)
    assert subscription.take(5, 0)
    subscription.close()
    world.advance(60)
    world.person("invoice", event.subject, membri_syncstatus=IN_ERROR)
    world.settler().drain()
    assert sync(world, event)[:2] == (IN_ERROR, "F-4")


def test_an_outcome_told_twice_is_written_once(world: World) -> None:
    event = published(world)
    world.succeed(event)
    world.settler().drain()
    etag = world.row("invoice", event.subject)["@odata.etag"]
    world.succeed(event)
    world.settler().drain()
    assert world.row("invoice", event.subject)["@odata.etag"] == etag
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")


@pytest.mark.parametrize("kind", ["success", "failure"])
def test_an_outcome_delivered_again_does_not_undo_a_persons_reset(world: World, kind: str) -> None:
    event = published(world)
    if kind == "success":
        world.succeed(event)
    else:
        world.fail(event, first_failed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    subscription = world.broker.subscribe(SETTLE, prefetch=5)
    assert subscription.take(5, 0)
    subscription.close()  # it died after its write, before its acknowledgement
    world.advance(60)
    world.person("invoice", event.subject, membri_syncstatus=TO_TRANSFER)
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)


def test_rule_12_a_linked_account_keeps_the_reference_that_a_person_typed(world: World) -> None:
    account = world.account(membri_syncstatus=TO_TRANSFER, membri_syncreference="C-100")
    world.poller().run_pass()
    [event] = world.records()
    assert event.data.reference == "C-100"
    world.succeed(event, "C-100")
    world.settler().drain()
    assert sync(world, event, "account")[:2] == (TRANSFERRED, "C-100")
    assert account == event.subject


def test_rule_12_a_reference_typed_while_the_transfer_ran_wins(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncreference="Saisie à la main")
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (TO_TRANSFER, "Saisie à la main")


def test_rule_13_the_error_is_cleared_when_the_next_try_goes_well(world: World) -> None:
    event = published(world)
    world.fail(event)
    world.settler().drain()
    world.person("invoice", event.subject, membri_syncstatus=TO_TRANSFER, duedate="2026-04-01")
    world.poller().run_pass()
    world.succeed(world.records()[-1], "F-3")
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-3", None)


def test_an_unmappable_row_shows_as_an_error(world: World) -> None:
    world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.settler().drain()
    [row] = world.sandbox.admin.get("/rows/invoice").json()
    assert row["membri_syncstatus"] == IN_ERROR
    assert row["membri_syncerror"] == "fr|missing_field|date|"


def test_an_unmappable_row_touched_meanwhile_still_shows_as_an_error(world: World) -> None:
    invoice = world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.person("invoice", invoice, name="Un autre titre")
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == IN_ERROR


def test_an_unmappable_row_corrected_meanwhile_is_not_failed(world: World) -> None:
    invoice = world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.person("invoice", invoice, membri_invoicedate="2026-01-01")
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == TO_TRANSFER


def test_a_row_without_chapter_is_told_so(world: World) -> None:
    invoice = world.invoice(
        world.account(_membri_mainchapterid_value=None), _membri_chapterid_value=None
    )
    world.poller().run_pass()
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncerror"].startswith("fr|unknown_chapter")


def test_an_unreadable_message_of_a_record_is_told_on_it_after_a_look(world: World) -> None:
    invoice = world.invoice(world.account())
    body = b'{"subject": "%s", "data": 12}' % invoice.encode()
    world.publish(bury(body, Reason.UNREADABLE, f"invoice.{SYSTEM}.montreal"))
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == IN_ERROR


def bury(body: bytes, reason: Reason, key: str) -> Outgoing:
    now = dt.datetime.now(dt.UTC)
    return dead_letter(body, reason=reason, first_failed_at=now, failed_by="test", routing_key=key)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff\xfe garbage", "names no record"),
        (b"[1, 2]", "names no record"),
        (b'{"subject": "../accounts(1)", "type": "membri.invoice.to_transfer"}', "is no id"),
        (b'{"subject": "x", "type": "membri.invoice.withdrawn"}', "membri.invoice.withdrawn"),
        (b'{"subject": "x", "type": "membri.donor.to_transfer"}', "names no record"),
    ],
)
def test_a_dead_letter_that_names_no_record_is_logged_and_let_go(
    world: World, body: bytes, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.publish(bury(body, Reason.UNREADABLE, f"invoice.{SYSTEM}.montreal"))
    assert world.settler().drain() == 1
    assert told in caplog.text
    assert writes(world) == []
    assert world.waiting() == 0


def test_an_unreadable_outcome_is_logged_and_let_go(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"invoice.{SYSTEM}.montreal.transferred"
    world.publish(Outgoing(OUTCOMES, key, "m-1", b"{}"))
    assert world.settler().drain() == 1
    assert "unreadable outcome" in caplog.text


def test_something_else_among_the_outcomes_is_let_go(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    body = next(m.body for m in world.broker.published)
    key = f"invoice.{SYSTEM}.montreal.transferred"
    world.publish(Outgoing(OUTCOMES, key, "m-1", body))
    world.settler().drain()
    assert "is no outcome" in caplog.text
    assert sync(world, event)[0] == TO_TRANSFER


def test_an_empty_reference_is_never_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    event = published(world)
    world.succeed(event, "  ")
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)
    assert "no reference" in caplog.text


def test_a_message_that_no_queue_takes_shows_as_an_error(world: World) -> None:
    event = published(world)
    body = world.broker.published[0].body
    world.publish(Outgoing("membri.records", f"invoice.{SYSTEM}.ailleurs", "m-2", body))
    world.settler().drain()
    assert sync(world, event)[2].startswith("fr|unknown_chapter")


def test_outcomes_of_journal_entries_change_nothing_in_membri(world: World) -> None:
    event = published(world)
    success = success_of(event)
    body = outcome_message(success).body.replace(
        b"membri.invoice.transferred", b"membri.journal_entry.transferred"
    )
    key = f"journal_entry.{SYSTEM}.montreal.transferred"
    world.publish(Outgoing(OUTCOMES, key, "m-3", body))
    world.settler().drain()
    assert writes(world) == []
    assert world.waiting() == 0


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


def receipt_event(world: World) -> ReceivedEvent:
    data = Received(
        id=str(uuid.uuid4()),
        invoice_id=str(uuid.uuid4()),
        date=dt.date(2026, 1, 5),
        amount="10.00",
    )
    return ReceivedEvent(
        id="r-1",
        source=f"{world.sandbox.url}/chapters/montreal",
        subject=data.id,
        time=dt.datetime.now(dt.UTC),
        chapter="montreal",
        system="sage_50",
        partitionkey="a",
        data=data,
    )


def test_a_receipt_is_kept_in_the_dead_letters_and_changes_nothing(world: World) -> None:
    world.publish(outcome_message(receipt_event(world)))
    world.settler().drain()
    [letter] = [m for m in world.broker.published if m.exchange == DEAD]
    assert letter.headers["x-reason"] == Reason.NOT_SUPPORTED
    assert letter.routing_key == "payment.sage_50.montreal"
    assert writes(world) == []
    assert world.waiting() == 0


def test_a_receipt_that_could_not_be_kept_stays_in_the_queue(world: World) -> None:
    world.publish(outcome_message(receipt_event(world)))
    world.broker.next_publish(PublishOutcome.REFUSED)
    with pytest.raises(MembriUnavailable):
        world.settler().drain()
    assert world.waiting() == 1


def test_a_bug_of_ours_lets_one_outcome_go_and_stops_after_many(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = world.account()
    for _ in range(25):
        world.invoice(account)
    world.poller().run_pass()
    settler = world.settler(writers=1)
    broken = {world.records()[0].subject}
    write = settler._written

    def sometimes_broken(outcome: Any) -> str:
        if outcome.id in broken:
            raise ZeroDivisionError
        return write(outcome)

    monkeypatch.setattr(settler, "_written", sometimes_broken)
    world.succeed(world.records()[0])
    world.succeed(world.records()[1])
    assert settler.drain() == 2
    assert "a bug" in caplog.text
    assert sync(world, world.records()[1])[0] == TRANSFERRED

    broken |= set(world.subjects())
    for event in world.records()[2:]:
        world.succeed(event)
    with pytest.raises(ZeroDivisionError):
        settler.drain()
    assert world.waiting() == 23


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
