"""What the settler is given that is no outcome of a record, or that it cannot handle."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from producers.dataverse import MembriUnavailable
from schemas.events import ReceivedEvent
from schemas.outcomes import Received
from schemas.reasons import Reason
from schemas.wire.channel import Outgoing, PublishOutcome
from schemas.wire.codec import outcome_message
from schemas.wire.dead_letters import dead_letter
from schemas.wire.topology import DEAD, OUTCOMES
from tests.integration.producers_world import (
    IN_ERROR,
    SYSTEM,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    published,
    success_of,
    sync,
    writes,
)

pytest_plugins = ["tests.fixtures_producers"]
pytestmark = pytest.mark.usefixtures("quick_takes")


def bury(body: bytes, reason: Reason, key: str) -> Outgoing:
    now = dt.datetime.now(dt.UTC)
    return dead_letter(body, reason=reason, first_failed_at=now, failed_by="test", routing_key=key)


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


def test_an_unreadable_message_of_a_record_is_told_on_it_after_a_look(world: World) -> None:
    invoice = world.invoice(world.account())
    body = b'{"subject": "%s", "data": 12}' % invoice.encode()
    world.publish(bury(body, Reason.UNREADABLE, f"invoice.{SYSTEM}.montreal"))
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == IN_ERROR


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
