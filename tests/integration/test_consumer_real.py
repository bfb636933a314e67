"""Consumers as processes on RabbitMQ and SQLite, frozen and killed: nothing is sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.ledger.sql import open_ledger
from schemas.events import TransferredEvent
from schemas.outcomes import Action
from schemas.records import Record
from schemas.wire.channel import PublishOutcome
from schemas.wire.codec import decode, to_outgoing
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import SETTLE, topology
from tests.books_in_a_file import FileBooks
from tests.builders import CHAPTER, SYSTEM, event, invoice, payment
from tests.fixtures_broker import BrokerNode

ROOT = Path(__file__).resolve().parents[2]


def eventually(happens: Callable[[], object], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


class Place:
    """One chapter: its queue, ledger and books."""

    def __init__(self, node: BrokerNode, folder: Path) -> None:
        self.folder = folder
        self.ledger_url = f"sqlite:///{folder}/ledger.db"
        self.broker_url = node.url
        self.broker = RabbitBroker(node.url, client_name="test")
        self.broker.apply(topology([(SYSTEM, CHAPTER)]))
        self.books = FileBooks(folder, "test")
        open_ledger(self.ledger_url, CHAPTER).close()

    @contextmanager
    def consumer(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        arguments = (self.broker_url, self.ledger_url, str(self.folder), name)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.books_in_a_file", *arguments], cwd=ROOT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def send(self, *records: Record) -> None:
        publisher = self.broker.publisher()
        try:
            outcomes = publisher.publish([to_outgoing(event(record)) for record in records])
        finally:
            publisher.close()
        assert set(outcomes) == {PublishOutcome.CONFIRMED}

    def stop_at(self, record_id: str) -> None:
        (self.folder / f"stop-at-{record_id}").touch()

    def stopped_at(self, record_id: str) -> bool:
        return (self.folder / f"stopped-{record_id}").exists()

    def go_on(self, record_id: str) -> None:
        (self.folder / f"stop-at-{record_id}").unlink()

    def written(self) -> list[tuple[str, str]]:
        """(record id, who wrote it), in order."""
        return [(record_id, writer) for _, record_id, _, writer in self.books.rows()]

    def told(self) -> dict[str, Action]:
        found = {}
        for delivery in self.broker.browse(SETTLE, 1000):
            outcome = decode(delivery.body)
            if isinstance(outcome, TransferredEvent):
                found.setdefault(outcome.subject, outcome.data.action)
        return found

    def holder(self) -> str:
        ledger = open_ledger(self.ledger_url, CHAPTER)
        try:
            lease = ledger.lease_holder()
        finally:
            ledger.close()
        return lease.owner if lease else ""


@pytest.fixture
def place(broker_node: BrokerNode, tmp_path: Path) -> Place:
    return Place(broker_node, tmp_path)


def test_a_successor_finds_and_adopts_what_a_killed_consumer_wrote_and_did_not_note(
    place: Place,
) -> None:
    place.stop_at("i1")
    place.send(invoice())
    with place.consumer("first") as first:
        eventually(lambda: place.stopped_at("i1"))
        first.send_signal(signal.SIGKILL)
        first.wait()
    place.go_on("i1")
    with place.consumer("second"):
        place.send(payment())
        eventually(lambda: {"a1", "i1", "p1"} <= set(place.told()))
    assert place.written() == [("a1", "first"), ("i1", "first"), ("p1", "second")]
    assert place.told()["i1"] is Action.ADOPTED


def test_a_consumer_that_was_frozen_and_replaced_sends_nothing_when_it_wakes(place: Place) -> None:
    place.stop_at("a1")
    place.send(invoice("i1"))
    with place.consumer("frozen") as frozen:
        eventually(lambda: place.stopped_at("a1"))
        frozen.send_signal(signal.SIGSTOP)
        former = place.holder()
        with place.consumer("successor"):
            eventually(lambda: {"a1", "i1"} <= set(place.told()))
            assert place.holder() not in ("", former)
            place.go_on("a1")
            frozen.send_signal(signal.SIGCONT)
            place.send(invoice("i2"), payment("p2", on="i2"))
            eventually(lambda: {"i2", "p2"} <= set(place.told()))
            os.kill(frozen.pid, 0)  # it is awake and stands by; it did not simply die
            assert frozen.poll() is None
    assert place.written() == [
        ("a1", "frozen"),
        ("i1", "successor"),
        ("i2", "successor"),
        ("p2", "successor"),
    ]


def test_a_standby_serves_as_soon_as_the_first_one_is_killed(place: Place) -> None:
    with place.consumer("first") as first:
        place.send(invoice("i1"))
        eventually(lambda: "i1" in place.told())
        with place.consumer("standby"):
            first.send_signal(signal.SIGKILL)
            first.wait()
            place.send(invoice("i2"))
            eventually(lambda: "i2" in place.told())
    assert [record_id for record_id, _ in place.written()] == ["a1", "i1", "i2"]


def test_a_consumer_that_is_asked_to_stop_ends_by_itself_and_gives_its_lease_back(
    place: Place,
) -> None:
    with place.consumer("first") as first:
        place.send(invoice())
        eventually(lambda: "i1" in place.told())
        first.send_signal(signal.SIGTERM)
        assert first.wait(30.0) == 0
    assert place.holder() == ""
