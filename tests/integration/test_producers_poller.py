"""The poller against a simulated Membri: what is published, what is not, and when again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from producers.dataverse import MembriUnavailable
from producers.poll_state import PollState
from schemas.events import event_id
from schemas.facts import DeadLettered, PollDone, Published, SystemState
from schemas.reasons import Reason, SystemReason
from schemas.statuses import Entity
from schemas.wire.channel import BrokerUnavailable, PublishOutcome
from schemas.wire.topology import work_queue
from tests.integration.producers_world import (
    DO_NOT_SYNC,
    IN_ERROR,
    IN_REVIEW,
    LAVAL,
    MONTREAL,
    ON_HOLD,
    QUEBEC,
    SYSTEM,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    chapter,
    open_world,
)

pytest_plugins = ["tests.fixtures_producers"]


def test_accounts_go_before_invoices_and_invoices_before_payments(world: World) -> None:
    account = world.account(membri_syncstatus=TO_TRANSFER)
    invoice = world.invoice(account)
    payment = world.payment(invoice)

    world.poller().run_pass()

    assert world.subjects() == [account, invoice, payment]
    assert [e.type.split(".")[1] for e in world.records()] == ["account", "invoice", "payment"]
    assert {e.partitionkey for e in world.records()} == {account}


def test_credit_notes_go_after_the_payments_of_the_same_pass(world: World) -> None:
    account = world.account()
    invoice = world.invoice(account)
    note = world.invoice(account, _membri_relatedinvoiceid_value=invoice)
    payment = world.payment(invoice)

    poller = world.poller()
    poller.run_pass()
    poller.run_pass()

    assert world.subjects() == [invoice, payment, note]


def test_an_event_names_the_version_the_chapter_and_the_time_of_the_change(world: World) -> None:
    invoice = world.invoice(world.account(accountnumber="C-1"))

    world.poller().run_pass()

    [event] = world.records()
    row = world.row("invoice", invoice)
    assert event.dataversion == row["@odata.etag"]
    assert event.id == event_id("invoice", invoice, row["@odata.etag"])
    assert (event.chapter, event.system) == ("montreal", SYSTEM)
    assert event.source == f"{world.sandbox.url}/chapters/montreal"
    assert event.time.isoformat() == row["modifiedon"].replace("Z", "+00:00")
    assert event.data.account.number == "C-1"
    assert event.data.total == event.data.subtotal + event.data.gst + event.data.qst


def test_a_record_is_published_once_for_each_version(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    poller.run_pass()
    assert world.subjects() == [invoice]

    world.person("invoice", invoice, description="Corrigée")
    poller.run_pass()

    first, second = world.records()
    assert first.subject == second.subject == invoice
    assert first.id != second.id
    assert second.data.description == "Corrigée"


def test_nothing_but_ids_is_read_of_what_is_known(world: World) -> None:
    world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    before = len(world.requests())

    poller.run_pass()

    queries = [entry["query"] for entry in world.requests()[before:]]
    assert queries
    assert not any("invoice_details" in query for query in queries)


@pytest.mark.parametrize("status", [None, ON_HOLD, TRANSFERRED, IN_ERROR, DO_NOT_SYNC, IN_REVIEW])
def test_only_to_transfer_is_ever_published(world: World, status: int | None) -> None:
    account = world.account(membri_syncstatus=status)
    invoice = world.invoice(account, membri_syncstatus=status)
    world.payment(invoice, membri_syncstatus=status)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, description="Touchée")
    poller.run_pass()
    assert world.broker.published == []


def test_the_state_may_be_lost_and_the_same_ids_are_published(world: World) -> None:
    world.invoice(world.account())
    world.poller().run_pass()
    world.state = PollState()

    world.poller().run_pass()

    first, second = world.records()
    assert first.id == second.id


def test_what_was_not_confirmed_is_published_again_with_the_same_id(world: World) -> None:
    world.invoice(world.account())
    world.broker.next_publish(PublishOutcome.UNKNOWN, stored=True)
    poller = world.poller()

    assert poller.run_pass().unconfirmed == 1
    assert poller.run_pass().published == 1

    first, second = world.records()
    assert first.id == second.id


@pytest.mark.parametrize("outcome", [PublishOutcome.REFUSED, PublishOutcome.RETURNED])
def test_a_refused_message_is_not_remembered(world: World, outcome: PublishOutcome) -> None:
    world.invoice(world.account())
    world.broker.next_publish(outcome)
    poller = world.poller()
    poller.run_pass()
    assert world.state.in_flight_count() == 0
    assert poller.run_pass().published == 1


def test_rows_of_a_chapter_that_is_not_configured_are_left_alone(world: World) -> None:
    account = world.account(_membri_mainchapterid_value=LAVAL, membri_syncstatus=TO_TRANSFER)
    invoice = world.invoice(account, _membri_chapterid_value=LAVAL)
    world.payment(invoice)

    tally = world.poller().run_pass()

    assert tally.elsewhere == 3
    assert world.broker.published == []
    assert world.row("invoice", invoice)["membri_syncstatus"] == TO_TRANSFER


def test_a_row_without_chapter_takes_its_accounts(world: World) -> None:
    account = world.account(_membri_mainchapterid_value=QUEBEC)
    invoice = world.invoice(account, _membri_chapterid_value=None)
    world.payment(invoice)

    world.poller().run_pass()

    assert [e.chapter for e in world.records()] == ["quebec", "quebec"]


def test_a_row_whose_account_is_of_a_foreign_chapter_is_looked_at_once(world: World) -> None:
    account = world.account(_membri_mainchapterid_value=LAVAL)
    world.invoice(account, _membri_chapterid_value=None)
    poller = world.poller()
    assert poller.run_pass().elsewhere == 1
    before = len(world.requests())
    poller.run_pass()
    assert not any("invoice_details" in r["query"] for r in world.requests()[before:])
    assert world.broker.published == []


def test_a_row_without_any_chapter_goes_to_the_only_one(tmp_path: Path) -> None:
    with open_world(tmp_path, chapter(MONTREAL, "montreal")) as world:
        world.invoice(world.account(_membri_mainchapterid_value=None), _membri_chapterid_value=None)
        world.poller().run_pass()
        assert [e.chapter for e in world.records()] == ["montreal"]


def test_a_row_without_any_chapter_is_a_dead_letter_when_there_are_several(world: World) -> None:
    account = world.account(_membri_mainchapterid_value=None)
    invoice = world.invoice(account, _membri_chapterid_value=None)
    good = world.invoice(world.account())

    tally = world.poller().run_pass()

    [letter] = world.buried()
    assert letter.headers["x-reason"] == Reason.UNKNOWN_CHAPTER
    assert letter.routing_key == "invoice.unknown.unknown"
    assert tally.buried == 1
    assert world.subjects() == [good]
    assert invoice.encode() in letter.body


def test_a_row_that_cannot_be_mapped_is_buried_and_blocks_no_other(world: World) -> None:
    account = world.account()
    bad = world.invoice(account, membri_invoicedate=None)
    good = world.invoice(account)
    poller = world.poller()
    poller.run_pass()
    poller.run_pass()

    assert world.subjects() == [good]
    [letter] = world.buried()
    assert (letter.headers["x-reason"], letter.headers["x-field"]) == ("missing_field", "date")
    assert letter.routing_key == f"invoice.{SYSTEM}.montreal"
    assert bad.encode() in letter.body
    assert DeadLettered(SYSTEM, Entity.INVOICE, Reason.MISSING_FIELD) in world.facts


def test_a_full_queue_stops_publishing_and_loses_nothing(world: World) -> None:
    account = world.account()
    invoices = {world.invoice(account) for _ in range(5)}
    poller = world.poller(depth_max=2)

    tally = poller.run_pass()
    assert (tally.published, tally.blocked) == (2, 3)
    assert poller.run_pass().published == 0

    while poller.run_pass().blocked:
        subscription = world.broker.subscribe(work_queue(SYSTEM, "montreal"), prefetch=10)
        subscription.ack(subscription.take(10, 0))
        subscription.close()
    assert set(world.subjects()) == invoices
    assert len(world.subjects()) == 5


def test_a_full_queue_of_one_chapter_does_not_hold_another(world: World) -> None:
    montreal = [world.invoice(world.account()) for _ in range(3)]
    account = world.account(_membri_mainchapterid_value=QUEBEC)
    quebec = world.invoice(account, _membri_chapterid_value=QUEBEC)
    world.poller(depth_max=1).run_pass()
    assert quebec in world.subjects()
    assert len(set(montreal) & set(world.subjects())) == 1


def test_payments_do_not_reach_a_full_queue_either(world: World) -> None:
    invoice = world.invoice(world.account(), membri_syncstatus=TRANSFERRED)
    for _ in range(3):
        world.payment(invoice)
    assert world.poller(depth_max=1).run_pass().blocked == 2


def test_a_missing_queue_blocks_instead_of_failing_every_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_world(tmp_path) as world:
        world.invoice(world.account())
        del world.broker._queues[work_queue(SYSTEM, "montreal")]
        assert world.poller().run_pass().blocked == 1
        assert world.broker.published == []
        assert "topology apply" in caplog.text


def test_a_table_we_may_not_read_does_not_stop_the_others(world: World) -> None:
    invoice = world.invoice(world.account())
    world.payment(invoice)
    world.sandbox.options(forbidden={"invoice": "read"})
    tally = world.poller().run_pass()
    assert len(tally.faults) >= 1
    assert "0x80040220" in tally.faults[0]
    state = next(fact for fact in world.facts if isinstance(fact, SystemState))
    assert (state.up, state.reason) == (False, SystemReason.MISCONFIGURED)
    world.sandbox.admin.delete("/offences")


def test_facts_tell_what_a_pass_did(world: World) -> None:
    world.invoice(world.account())
    world.invoice(world.account())
    world.poller().run_pass()
    assert Published(SYSTEM, Entity.INVOICE, 2) in world.facts
    done = next(fact for fact in world.facts if isinstance(fact, PollDone))
    assert (done.pending, done.published) == (2, 2)


def test_membri_being_away_ends_a_pass_and_nothing_is_lost(world: World) -> None:
    invoice = world.invoice(world.account())
    world.fault(kind="status", path="invoices", status=503, body="busy", times=4)
    poller = world.poller()
    with pytest.raises(MembriUnavailable):
        poller.run_pass()
    poller.run_pass()
    assert world.subjects() == [invoice]


def test_the_broker_being_away_ends_a_pass_and_nothing_is_lost(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    world.broker.go_down()
    with pytest.raises(BrokerUnavailable):
        poller.run_pass()
    world.broker.come_up()
    poller.run_pass()
    assert world.subjects() == [invoice]


def test_running_waits_out_outages_and_stops_when_told(world: World) -> None:
    invoice = world.invoice(world.account())
    stop = threading.Event()
    seen = threading.Event()
    outages: list[SystemState] = []

    def observe(fact: object) -> None:
        world.facts.append(fact)  # type: ignore[arg-type]
        if isinstance(fact, SystemState) and not fact.up:
            outages.append(fact)
        if isinstance(fact, PollDone) and fact.published:
            seen.set()

    world.fault(kind="status", path="accounts", status=503, body="busy", times=4)
    poller = world.poller(poll_interval_s=0.01)
    poller._observer = observe
    thread = threading.Thread(target=poller.run, args=(stop,))
    thread.start()
    assert seen.wait(30)
    stop.set()
    thread.join(30)
    poller.close()
    assert not thread.is_alive()
    assert world.subjects() == [invoice]
    assert [fact.reason for fact in outages] == [SystemReason.UNREACHABLE]


def test_the_interval_grows_when_idle_and_returns_with_work(world: World) -> None:
    poller = world.poller(poll_interval_s=10)
    idle = poller.run_pass()
    interval_s = 10.0
    for _ in range(10):
        interval_s = poller._next_interval_s(interval_s, idle)
    assert interval_s == 40.0
    world.invoice(world.account())
    assert poller._next_interval_s(interval_s, poller.run_pass()) == 10.0


def test_pages_are_followed_to_the_end(tmp_path: Path) -> None:
    with open_world(tmp_path, page_size=3) as world:
        account = world.account()
        invoices = {world.invoice(account) for _ in range(10)}
        world.poller().run_pass()
        assert set(world.subjects()) == invoices


def test_throttling_is_waited_out(world: World) -> None:
    invoice = world.invoice(world.account())
    world.fault(kind="status", path="invoices", status=429, headers={"Retry-After": "7"}, times=2)
    world.poller().run_pass()
    assert world.subjects() == [invoice]
    assert sum(world.time.slept) >= 13
