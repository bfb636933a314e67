"""What `consumers/ledger/port.py` promises on every kind: what is told, and whose it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.ledger.port import (
    Changes,
    LeaseLost,
    Ledger,
    Note,
    OutboxMessage,
)
from tests.ledger_builders import (
    NOW,
    Shelf,
    account,
    done,
    invoice,
    message,
    note,
    payment,
    put,
    waiting,
)

pytest_plugins = ["tests.fixtures_postgres", "tests.fixtures_ledger"]


# The outbox


def test_messages_come_out_in_the_order_of_their_commits_until_published(ledger: Ledger) -> None:
    put(ledger, outbox=[message("1"), message("2")])
    put(ledger, outbox=[message("3")])
    assert [m.message_id for m in ledger.outbox(10)] == ["1", "2", "3"]
    assert [m.message_id for m in ledger.outbox(2)] == ["1", "2"]
    assert ledger.outbox_count() == 3
    first, second, third = ledger.outbox(10)
    ledger.published([first.id, third.id])
    assert ledger.outbox(10) == [second]
    assert ledger.outbox_count() == 1
    ledger.published([first.id, second.id])
    assert ledger.outbox(10) == []


def test_a_message_is_read_back_as_it_was_written_with_an_id(ledger: Ledger) -> None:
    sent = OutboxMessage(
        exchange="membri.dead",
        routing_key="invoice.quickbooks_online.montreal",
        message_id="m1",
        body=bytes(range(256)),
        headers={"x-reason": "unknown_tax", "x-attempts": 3, "x-detail": "é « 5,00 $ »"},
        mandatory=False,
    )
    put(ledger, outbox=[sent])
    [found] = ledger.outbox(10)
    assert found.id > 0
    assert replace(found, id=0) == sent


def test_a_late_confirm_cannot_remove_another_message(ledger: Ledger) -> None:
    put(ledger, outbox=[message("1")])
    [first] = ledger.outbox(1)
    ledger.published([first.id])
    put(ledger, outbox=[message("2")])
    ledger.published([first.id])
    ledger.published([])
    assert [m.message_id for m in ledger.outbox(10)] == ["2"]


def test_many_messages_are_published_at_once(ledger: Ledger) -> None:
    put(ledger, outbox=[message(f"{n}") for n in range(1300)])
    ledger.published({m.id for m in ledger.outbox(1299)})
    assert [m.message_id for m in ledger.outbox(10)] == ["1299"]


# Timeline and steps


def test_a_timeline_is_told_oldest_first_whatever_the_entity(ledger: Ledger) -> None:
    lines = [
        Note(invoice("x"), NOW + 2, "transferred", "FAC-1 « reçue »"),
        note(account("x"), NOW + 1, "published"),
        note(invoice("x"), NOW + 1, "sending"),
        note(invoice("y"), NOW + 1, "another record"),
    ]
    put(ledger, notes=lines)
    assert ledger.timeline("x") == [lines[1], lines[2], lines[0]]
    assert ledger.timeline("unknown") == []


def test_a_long_timeline_keeps_its_newest_lines(ledger: Ledger) -> None:
    put(ledger, notes=[note(invoice(), NOW + n, f"line {n}") for n in range(5)])
    assert [line.what for line in ledger.timeline("i1", 2)] == ["line 3", "line 4"]


def test_finished_steps_are_remembered_for_their_record_and_generation(ledger: Ledger) -> None:
    ledger.remember_step(invoice(), 0, "draft", "145", None, NOW)
    ledger.remember_step(invoice(), 0, "posted", "yes", None, NOW)
    ledger.remember_step(invoice(), 1, "draft", "146", None, NOW)
    ledger.remember_step(payment("i1"), 0, "draft", "9", None, NOW)
    assert ledger.steps(invoice(), 0) == {"draft": "145", "posted": "yes"}
    assert ledger.steps(invoice(), 1) == {"draft": "146"}
    assert ledger.steps(invoice("i2"), 0) == {}


def test_a_step_finished_again_has_its_newest_value(ledger: Ledger) -> None:
    ledger.remember_step(invoice(), 0, "draft", "145", None, NOW)
    ledger.remember_step(invoice(), 0, "draft", "146", None, NOW)
    assert ledger.steps(invoice(), 0) == {"draft": "146"}


# All or nothing, and whose


def test_a_commit_of_a_lost_lease_writes_nothing_at_all(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice("w"), waits_for=account()), waiting(invoice("l"))])
    lost = ledger.take_lease("first", NOW, 10, 5)
    assert ledger.take_lease("second", NOW + 15, 10, 5) is not None
    everything = Changes(
        entries=[done(invoice())],
        waits=[waiting(payment())],
        leave=[invoice("l")],
        release=[account()],
        outbox=[message("1")],
        notes=[note(invoice())],
    )
    with pytest.raises(LeaseLost):
        ledger.commit(everything, lost, NOW + 16)
    assert ledger.entries([invoice()]) == {}
    assert {wait.key.id: wait.due_at for wait in ledger.waiting()} == {"w": None, "l": None}
    assert ledger.outbox(10) == []
    assert ledger.timeline("i1") == []


def test_what_was_written_is_there_for_whoever_opens_the_ledger_again(shelf: Shelf) -> None:
    put(shelf.ledger, entries=[done(invoice())], waits=[waiting(payment())], outbox=[message("1")])
    shelf.ledger.remember_step(invoice(), 0, "draft", "145", None, NOW)
    shelf.ledger.pause("books are closed")
    again = shelf.again()
    assert again.entries([invoice()]) == {invoice(): done(invoice())}
    assert again.waits([payment()]) == {payment(): waiting(payment())}
    assert [m.message_id for m in again.outbox(10)] == ["1"]
    assert again.steps(invoice(), 0) == {"draft": "145"}
    assert again.paused() == "books are closed"


def test_chapters_of_one_store_know_nothing_of_one_another(shelf: Shelf) -> None:
    montreal, quebec = shelf.ledger, shelf.again("quebec")
    put(
        montreal,
        entries=[done(invoice())],
        waits=[waiting(payment(), due_at=NOW, waits_for=account())],
        outbox=[message("1")],
        notes=[note(invoice())],
    )
    montreal.remember_step(invoice(), 0, "draft", "145", None, NOW)
    montreal.pause("closed")
    lease = montreal.take_lease("first", NOW, 10, 5)
    put(quebec, leave=[payment()], release=[account()])
    quebec.published([m.id for m in montreal.outbox(10)])
    assert quebec.entries([invoice()]) == quebec.waits([payment()]) == {}
    assert quebec.waiters([account()]) == quebec.steps(invoice(), 0) == {}
    assert quebec.due(NOW, 10) == quebec.waiting() == quebec.outbox(10) == []
    assert quebec.timeline("i1") == []
    assert quebec.state_counts() == quebec.waiting_counts() == {}
    assert (quebec.next_due(), quebec.outbox_count(), quebec.paused()) == (None, 0, None)
    assert quebec.lease_holder() is None
    assert quebec.take_lease("second", NOW, 10, 5) is not None
    assert montreal.lease_holder() == lease
    assert montreal.outbox_count() == 1
    assert len(montreal.waiting()) == 1


def test_the_words_of_others_are_kept_whatever_characters_they_hold(ledger: Ledger) -> None:
    put(
        ledger,
        entries=[replace(done(invoice()), reason="refused\0\ud800!")],
        waits=[replace(waiting(payment()), detail="bad\0\ud800!")],
        outbox=[replace(message("1"), headers={"x-detail": "bad\0!"})],
        notes=[Note(invoice(), NOW, "refused", "bad\0\ud800!")],
    )
    assert ledger.entries([invoice()])[invoice()].reason.startswith("refused")
    assert ledger.waits([payment()])[payment()].detail.startswith("bad")
    assert ledger.timeline("i1")[0].detail.endswith("!")
    assert ledger.outbox(1)[0].headers["x-detail"] == "bad\0!"
