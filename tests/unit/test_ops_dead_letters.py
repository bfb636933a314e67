"""Dead letters on the memory broker: filters, replay with confirms, order, older duplicates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from ops import dead_letters
from ops.dead_letters import REPLAYED_BY, DeadLetters, Filter, Letter
from producers.chapters import Chapter
from producers.dataverse import RecordGone
from producers.membri import Fetched, Membri
from schemas.events import Withdrawn
from schemas.reasons import Reason
from schemas.records import Record
from schemas.statuses import Entity, Status
from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome, TopologyConflict
from schemas.wire.codec import decode, encode
from schemas.wire.dead_letters import dead_letter
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import routing_key, topology, work_queue
from tests.builders import CHANGED, CHAPTER, ORIGIN, SYSTEM, account, event, invoice, payment
from tests.deferral_bench import entries

QUEUE = work_queue(SYSTEM, CHAPTER)


def buried(
    body: bytes,
    entity: str = "invoice",
    *,
    id: str = "",  # noqa: A002 - the message's own word
    reason: Reason = Reason.CLOSED_PERIOD,
    chapter: str = CHAPTER,
    minutes: int = 0,
) -> Outgoing:
    return dead_letter(
        body,
        reason=reason,
        field="date",
        detail="2024-12-31",
        first_failed_at=CHANGED + dt.timedelta(minutes=minutes),
        failed_by="consume montreal",
        routing_key=routing_key(entity, SYSTEM, chapter),
        message_id=id,
    )


def letter_of(record: Record, version: str = "v1", **values: object) -> Outgoing:
    made = event(record, version)
    values.setdefault("id", made.id)
    return buried(encode(made), record.entity, **values)  # type: ignore[arg-type]  # as buried takes


class World:
    """A memory broker with the topology of two chapters, and what lies in its queues."""

    def __init__(self) -> None:
        chapters = [(SYSTEM, CHAPTER), (SYSTEM, "quebec")]
        self.broker = MemoryBroker(topology(chapters))
        self.letters = DeadLetters(self.broker, [SYSTEM])

    def bury(self, *letters: Outgoing) -> None:
        publisher = self.broker.publisher()
        assert set(publisher.publish(letters)) == {PublishOutcome.CONFIRMED}
        self.broker.published.clear()

    def replayed_subjects(self) -> list[str]:
        queued = self.broker.browse(QUEUE, 100)
        return [decode(one.body).subject for one in queued]

    def left(self) -> list[str]:
        return [one.dead.subject or "" for one in self.letters.all()]


@pytest.fixture
def world() -> World:
    return World()


class MembriNow:
    """What Membri says of records now, as far as a replay asks it."""

    environment = ORIGIN.environment

    def __init__(self, *found: Fetched, gone: tuple[str, ...] = ()) -> None:
        self._found = {one.id: one for one in found}
        self._gone = gone

    def read(self, entity: Entity, record_id: str) -> Fetched:
        del entity
        if record_id in self._gone:
            raise RecordGone(record_id)
        return self._found[record_id]


def now(record: Record, status: Status | None = Status.TRANSFER_ERROR, etag: str = "v2") -> Fetched:
    here = Chapter(id="c", name="Montréal", slug=CHAPTER, system=SYSTEM)
    return Fetched(
        entity=Entity(record.entity),
        id=record.id,
        etag=etag,
        modified=CHANGED,
        status=status,
        reference="",
        error="",
        account_id=record.account_id,
        account_etag="",
        chapter=here,
        content=record,
    )


def test_listing_takes_nothing_out_and_tells_all_that_is_known(world: World) -> None:
    world.bury(letter_of(invoice("i1")), buried(b"no json", "payment", reason=Reason.UNREADABLE))
    first, second = world.letters.all()
    assert len(world.letters.all()) == 2
    assert (first.dead.subject, first.dead.reason, first.dead.field) == (
        "i1",
        Reason.CLOSED_PERIOD,
        "date",
    )
    known = first.record()
    assert known is not None
    assert known.data == invoice("i1")
    assert (second.dead.entity, second.record()) == ("payment", None)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("gadget.quickbooks_online.montreal", Reason.UNKNOWN_ENTITY),
        ("invoice.abacus.montreal", Reason.UNKNOWN_SYSTEM),
        ("invoice.quickbooks_online.nowhere", Reason.UNKNOWN_CHAPTER),
        ("x", Reason.UNKNOWN_ENTITY),
    ],
)
def test_messages_that_no_queue_took_are_listed_too(world: World, key: str, reason: Reason) -> None:
    lost = replace(letter_of(invoice("i1")), exchange="membri.records", routing_key=key)
    world.bury(replace(lost, headers={}))
    [found] = world.letters.all()
    assert found.dead.reason is reason


def test_a_broker_without_our_queues_says_what_to_do() -> None:
    letters = DeadLetters(MemoryBroker(), [SYSTEM])
    with pytest.raises(TopologyConflict, match="topology apply"):
        letters.all()


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (Filter(), {"a1", "i1", "i2", "p1"}),
        (Filter(entity="invoice"), {"i1", "i2"}),
        (Filter(reason="too_long"), {"a1"}),
        (Filter(chapter="quebec"), {"i2"}),
        (Filter(system=SYSTEM), {"a1", "i1", "i2", "p1"}),
        (Filter(system="acomba"), set()),
        (Filter(entity="invoice", chapter=CHAPTER), {"i1"}),
        (Filter(ids=("i1", "p1")), {"i1", "p1"}),
        (Filter(ids=("aaaaaaaa",)), {"i2"}),
        (Filter(ids=("aaaaaaa",)), set()),
        (Filter(ids=("i1",), entity="payment"), set()),
        (Filter(subject="p1"), {"p1"}),
    ],
)
def test_filters_choose_letters(world: World, wanted: Filter, subjects: set[str]) -> None:
    world.bury(
        letter_of(account("a1"), reason=Reason.TOO_LONG),
        letter_of(invoice("i1")),
        letter_of(invoice("i2"), chapter="quebec", id="aaaaaaaa-1"),
        letter_of(payment("p1")),
    )
    assert {one.dead.subject for one in world.letters.all(wanted)} == subjects


def test_discarding_removes_the_chosen_letters_alone(world: World) -> None:
    world.bury(letter_of(invoice("i1")), letter_of(invoice("i2")), letter_of(payment("p1")))
    chosen = world.letters.all(Filter(ids=("i1", "p1")))
    assert world.letters.discard(chosen) == 2
    assert world.left() == ["i2"]
    assert world.letters.discard(chosen) == 0


def test_a_replay_as_it_was_publishes_the_same_event_and_says_who_did_it(world: World) -> None:
    world.bury(letter_of(invoice("i1")))
    [letter] = world.letters.all()
    [ended] = world.letters.replay([letter], None, by="zoe")
    assert ended.outcome == "replayed"
    [message] = world.broker.browse(QUEUE, 10)
    assert decode(message.body) == decode(letter.dead.body)
    assert message.headers[REPLAYED_BY] == "zoe"
    assert world.left() == []


def test_a_replay_sends_the_record_as_it_is_now_in_membri(world: World) -> None:
    world.bury(letter_of(invoice("i1", date=dt.date(2024, 12, 31))))
    corrected = invoice("i1", date=dt.date(2026, 1, 10))
    membri = cast("Membri", MembriNow(now(corrected)))
    [letter] = world.letters.all()
    before = letter.record()
    world.letters.replay([letter], membri)
    [message] = world.broker.browse(QUEUE, 10)
    sent = decode(message.body)
    assert not isinstance(sent, Withdrawn)
    assert (sent.data, sent.dataversion) == (corrected, "v2")
    assert message.message_id == sent.id == event(corrected, "v2").id
    assert before is not None
    assert sent.traceparent == before.traceparent


@pytest.mark.parametrize(
    ("found", "outcome", "told"),
    [
        (now(invoice("i1"), Status.ON_HOLD), "refused", "« En attente »"),
        (now(invoice("i1"), Status.TRANSFERRED), "refused", "« Transfert complété »"),
        (now(invoice("i1"), None), "refused", "?"),
        (replace(now(invoice("i1")), chapter=None), "refused", "chapter"),
        (None, "gone", "no longer"),
    ],
)
def test_what_membri_does_not_want_transferred_stays_where_it_is(
    world: World, found: Fetched | None, outcome: str, told: str
) -> None:
    world.bury(letter_of(invoice("i1")))
    membri = MembriNow(found) if found else MembriNow(gone=("i1",))
    [ended] = world.letters.replay(world.letters.all(), cast("Membri", membri))
    assert ended.outcome == outcome
    assert told in str(ended.detail)
    assert world.left() == ["i1"]
    assert world.replayed_subjects() == []


def test_an_entry_of_deferred_revenue_is_replayed_as_it_was(world: World) -> None:
    world.bury(letter_of(entries()[0]))
    untouched = cast("Membri", object())  # Membri has no table of entries: it is not asked
    [ended] = world.letters.replay(world.letters.all(), untouched, by="anne")
    assert ended.outcome == "replayed"
    [queued] = world.broker.browse(QUEUE, 10)
    assert decode(queued.body).subject == entries()[0].id
    assert queued.headers[REPLAYED_BY] == "anne"
    assert world.left() == []


def test_what_cannot_be_read_is_refused_and_stays(world: World) -> None:
    world.bury(buried(b"no json", id="m1"))
    [ended] = world.letters.replay(world.letters.all(), None)
    assert ended.outcome == "refused"
    assert len(world.letters.all()) == 1


def test_parents_go_first_whatever_the_order_asked(world: World) -> None:
    world.bury(letter_of(payment("p1")), letter_of(invoice("i1")), letter_of(account("a1")))
    world.letters.replay(list(reversed(world.letters.all())), None)
    assert world.replayed_subjects() == ["a1", "i1", "p1"]


def test_of_several_letters_of_a_record_the_newest_goes_and_takes_the_older_along(
    world: World,
) -> None:
    world.bury(
        letter_of(invoice("i1"), "v1"), letter_of(invoice("i1"), "v2"), letter_of(invoice("i2"))
    )
    ended = world.letters.replay(world.letters.all(), None)
    assert [one.outcome for one in ended] == ["replayed", "replayed"]
    sent = {decode(one.body).id for one in world.broker.browse(QUEUE, 10)}
    assert sent == {event(invoice("i1"), "v2").id, event(invoice("i2")).id}
    assert world.left() == []


def test_older_letters_of_a_record_that_was_refused_stay(world: World) -> None:
    world.bury(letter_of(invoice("i1"), "v1"), letter_of(invoice("i1"), "v2"))
    membri = cast("Membri", MembriNow(now(invoice("i1"), Status.ON_HOLD)))
    world.letters.replay(world.letters.all(), membri)
    assert world.left() == ["i1", "i1"]


@pytest.mark.parametrize(
    "outcome", [PublishOutcome.RETURNED, PublishOutcome.REFUSED, PublishOutcome.UNKNOWN]
)
def test_an_unconfirmed_letter_stays_and_the_others_go(
    world: World, outcome: PublishOutcome
) -> None:
    world.bury(letter_of(invoice("i1")), letter_of(invoice("i2")))
    world.broker.next_publish(outcome)
    ended = world.letters.replay(world.letters.all(), None)
    assert {one.letter.dead.subject: one.outcome for one in ended} == {
        "i1": "unconfirmed",
        "i2": "replayed",
    }
    assert world.left() == ["i1"]
    assert world.replayed_subjects() == ["i2"]


def test_nothing_is_removed_before_it_was_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bury(letter_of(invoice("i1")))
    seen: list[int] = []
    remove = world.broker.remove

    def watched(queue: str, match: Callable[..., bool]) -> int:
        seen.append(len(world.broker.published))
        return remove(queue, match)

    monkeypatch.setattr(world.broker, "remove", watched)
    world.letters.replay(world.letters.all(), None)
    assert seen
    assert min(seen) == 1


def test_a_broker_that_goes_down_loses_nothing(world: World) -> None:
    world.bury(letter_of(invoice("i1")))
    chosen = world.letters.all()
    world.broker.go_down()
    with pytest.raises(BrokerUnavailable):
        world.letters.replay(chosen, None)
    world.broker.come_up()
    assert world.left() == ["i1"]


def test_many_letters_go_window_by_window_with_progress(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "WINDOW", 4)
    world.bury(*(letter_of(invoice(f"i{n}")) for n in range(10)))
    told: list[int] = []
    world.letters.replay(world.letters.all(), None, progress=told.append)
    assert told == [4, 8, 10]
    assert world.left() == []
    assert len(world.replayed_subjects()) == 10


def test_a_summary_counts_by_system_entity_and_reason(world: World) -> None:
    world.bury(letter_of(invoice("i1")), letter_of(invoice("i2")), letter_of(account("a1")))
    found: list[Letter] = world.letters.all()
    assert dead_letters.summary(found) == {
        (SYSTEM, "account", Reason.CLOSED_PERIOD): 1,
        (SYSTEM, "invoice", Reason.CLOSED_PERIOD): 2,
    }
