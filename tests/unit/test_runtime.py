"""A whole consumer through outages and pauses."""

from __future__ import annotations

import time

import pytest

from schemas.reasons import SystemReason
from schemas.statuses import Entity
from tests.builders import account, invoice, payment
from tests.runtime_world import (
    QUEUE,
    QUICK,
    World,
    closed,
    eventually,
)


@pytest.fixture
def world() -> World:
    return World()


def test_records_go_into_the_books_membri_is_told_and_the_queue_is_empty(world: World) -> None:
    world.send(payment(), invoice(), account())
    with world.serving() as (consumer, _):
        eventually(lambda: world.settled("a1", "i1", "p1"))
        eventually(consumer.idle.is_set)
    assert world.books.sent() == ["a1", "i1", "p1"]
    assert world.ledger.lease_holder() is None, "given back"


def test_nothing_is_taken_while_the_system_is_closed_and_all_goes_when_it_opens(
    world: World,
) -> None:
    world.books.closed = closed()
    world.send(invoice())
    with world.serving():
        eventually(lambda: world.books.log.count("probe") >= 3)
        assert world.broker.depth(QUEUE) == 1
        assert world.books.sent() == []
        world.books.closed = None
        eventually(lambda: world.settled("a1", "i1"))
    assert world.states()[0] is False
    assert world.states()[-1] is True
    assert world.broker.depth("membri.dead.reference.invoice") == 0


def test_a_system_that_closes_at_work_pauses_fails_nothing_and_resumes(world: World) -> None:
    with world.serving() as (_, stop):
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.books.closed = closed()
        world.send(invoice("i2"))
        eventually(lambda: world.states()[-1] is False)
        probes = world.books.log.count("probe")
        eventually(lambda: world.books.log.count("probe") >= probes + 3)
        assert max(stop.wished) >= QUICK.probe_first_s, "the probes are apart"
        world.books.closed = None
        eventually(lambda: world.settled("i2"))
    assert world.books.count(Entity.INVOICE, "i2") == 1
    assert world.broker.depth("membri.dead.reference.invoice") == 0


def test_a_wish_to_be_left_alone_is_honoured_before_the_next_probe(world: World) -> None:
    seen: list[tuple[int, float]] = []

    def throttle() -> None:
        world.books.in_call = lambda: None
        seen.append((world.books.log.count("probe"), len(stop.wished)))
        raise closed(SystemReason.THROTTLED, wish=77.0)

    with world.serving() as (_, stop):
        world.books.in_call = throttle
        world.send(invoice())
        eventually(lambda: world.settled("i1"))
    [(probes, waits)] = seen
    assert 77.0 in stop.wished[int(waits) :]
    after = world.books.log.index("a1") + 1
    assert world.books.log[after] == "probe", "asked whether it is open before it is used again"
    assert world.books.log[:after].count("probe") == probes


def test_a_probes_own_wish_is_honoured(world: World) -> None:
    world.books.probes = [closed(wish=88.0)]
    with world.serving() as (_, stop):
        world.send(invoice())
        eventually(lambda: world.settled("i1"))
    assert 88.0 in stop.wished


def test_a_system_that_is_reachable_and_takes_nothing_is_asked_at_growing_distances(
    world: World,
) -> None:
    def read_only() -> None:
        raise closed(SystemReason.READ_ONLY)

    world.books.in_call = read_only
    world.send(invoice())
    with world.serving() as (_, stop):
        eventually(lambda: sum(wish >= 4 * QUICK.probe_first_s for wish in stop.wished) >= 1)
        world.ahead_s += 1000.0
        world.books.in_call = lambda: None
        eventually(lambda: world.settled("i1"))
    growing = [wish for wish in stop.wished if wish >= QUICK.probe_first_s]
    assert growing[0] < growing[2]


def test_the_broker_may_go_away_and_come_back(world: World) -> None:
    with world.serving():
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.broker.go_down()
        time.sleep(0.02)
        world.broker.come_up()
        world.send(invoice("i2"))
        eventually(lambda: world.settled("i2"))
    assert world.books.count(Entity.INVOICE, "i2") == 1


def test_a_connection_lost_during_a_batch_doubles_nothing(world: World) -> None:
    def cut() -> None:
        world.books.in_call = lambda: None
        world.broker.drop_connections()

    world.books.in_call = cut
    world.send(invoice(), payment())
    with world.serving():
        eventually(lambda: world.settled("i1", "p1"))
    assert world.books.count(Entity.INVOICE, "i1") == 1


def test_the_ledger_may_go_away_and_come_back(world: World) -> None:
    def unplug() -> None:
        world.books.in_call = lambda: None
        world.ledger.away = True

    with world.serving() as (_, stop):
        world.books.in_call = unplug
        world.send(invoice())
        eventually(lambda: world.ledger.away)
        waits = len(stop.wished)
        eventually(lambda: len(stop.wished) > waits)
        assert world.told() == []
        world.ledger.away = False
        eventually(lambda: world.settled("a1", "i1"))
    assert world.books.count(Entity.ACCOUNT, "a1") == 1
    assert world.books.count(Entity.INVOICE, "i1") == 1


def test_a_paused_consumer_takes_nothing_until_it_is_resumed(world: World) -> None:
    world.ledger.pause("a person asked")
    world.send(invoice())
    with world.serving() as (_, stop):
        eventually(lambda: len(stop.wished) > 3)
        assert world.books.log == []
        assert world.broker.depth(QUEUE) == 1
        world.ledger.pause(None)
        eventually(lambda: world.settled("i1"))


def test_a_consumer_that_is_paused_at_work_stops_taking(world: World) -> None:
    with world.serving() as (consumer, stop):
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.ledger.pause("a person asked")
        waits = len(stop.wished)
        eventually(lambda: len(stop.wished) > waits + 3)
        world.send(invoice("i2"))
        eventually(lambda: world.broker.depth(QUEUE) == 1)
        assert "i2" not in world.books.log
        assert consumer.idle.is_set()
        world.ledger.pause(None)
        eventually(lambda: world.settled("i2"))


def test_bugs_in_a_row_pause_the_consumer_until_a_person_resumes_it(world: World) -> None:
    def bug() -> None:
        raise KeyError("oups")

    world.books.in_call = bug
    world.send(*[invoice(f"i{n}", of=account(f"a{n}")) for n in range(6)])
    with world.serving(dead_letter_run_max=3):
        eventually(lambda: world.ledger.paused() is not None)
        world.books.in_call = lambda: None
        buried = world.broker.depth("membri.dead.reference.account")
        assert buried == 3
        world.ledger.pause(None)
        eventually(lambda: len([r for r in world.told() if r.startswith("i")]) == 3)
