"""The three loops that are compared, each as a producer and a consumer in processes of their own.

What comes in: the broker's address, how many invoices. What goes out: a worker that is prepared
when made, and whose `run` is what is measured. All three move the same invoices over the same queue
and read every message with the same codec.

- ceiling: the least that keeps every invoice: pipelined confirms, a commit and an acknowledgement
  every 50, nothing else.
- naive: a blocking confirm, a commit and an acknowledgement for each invoice.
- pipeline: our own publish path (records → events → confirmed → remembered) and consumer: engine →
  SQLite ledger → outcomes. It starts where the others start: from the same bytes, validated once.
- mapped: the same from Dataverse's rows, which are parsed and mapped first. No aim is set for it:
  Membri answers far fewer requests a second than it can follow.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pika
from pika.adapters.blocking_connection import BlockingChannel

from consumers.ledger.port import Changes, Entry, Key, State
from consumers.ledger.sql import open_ledger
from consumers.runtime import Consumer, Limits
from consumers.system import AccountsSettings, Setup
from consumers.systems.reference.books import CustomerRow
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.reference.system import ReferenceSystem
from ops.collector import spare_the_collector
from producers.clock import SYSTEM_CLOCK
from producers.membri import Fetched
from producers.poll_state import PollState
from producers.poller import FETCH_CHUNK
from producers.publishing import Publication
from schemas.chapters import ChapterSettings
from schemas.events import InvoiceToTransfer
from schemas.facts import Fact, TransferEnded, unobserved
from schemas.statuses import Entity, Status
from schemas.wire.channel import Outgoing, PublishOutcome
from schemas.wire.codec import decode
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import work_queue
from tests.benchmarks.rows import (
    CHAPTER,
    ENVIRONMENT,
    SLUG,
    SYSTEM,
    Replayed,
    account_ids,
    membri,
    messages,
)

QUEUE = work_queue(SYSTEM, SLUG)
WINDOW = 500
COMMIT_EVERY = 50


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do. `folder` is for its database."""

    url: str
    count: int
    folder: Path


class Worker(Protocol):
    def run(self) -> None: ...

    def close(self) -> None: ...


class CeilingProducer:
    def __init__(self, order: Order) -> None:
        self._messages = messages(order.count)
        self._publisher = _broker(order).publisher()

    def run(self) -> None:
        for start in range(0, len(self._messages), WINDOW):
            chunk = self._messages[start : start + WINDOW]
            for message in chunk:
                decode(message.body)
            outcomes = self._publisher.publish(chunk)
            if any(outcome is not PublishOutcome.CONFIRMED for outcome in outcomes):
                raise RuntimeError("the broker did not confirm")

    def close(self) -> None:
        self._publisher.close()


class CeilingConsumer:
    def __init__(self, order: Order) -> None:
        self._count = order.count
        self._db = _database(order)
        self._subscription = _broker(order).subscribe(QUEUE, prefetch=2 * Limits().batch_max)

    def run(self) -> None:
        held: list[Any] = []
        done = 0
        while done < self._count:
            held += self._subscription.take(COMMIT_EVERY - len(held), 1.0)
            if len(held) < COMMIT_EVERY and done + len(held) < self._count:
                continue
            _commit(self._db, [decode(delivery.body) for delivery in held])
            self._subscription.ack(held)
            done += len(held)
            held = []
        self._subscription.close()

    def close(self) -> None:
        self._db.close()


class NaiveProducer:
    def __init__(self, order: Order) -> None:
        self._messages = messages(order.count)
        self._connection, self._channel = _blocking(order)
        self._channel.confirm_delivery()

    def run(self) -> None:
        for message in self._messages:
            decode(message.body)
            self._channel.basic_publish(  # raises unless confirmed
                message.exchange,
                message.routing_key,
                message.body,
                _properties(message),
                mandatory=True,
            )

    def close(self) -> None:
        self._connection.close()


class NaiveConsumer:
    def __init__(self, order: Order) -> None:
        self._count = order.count
        self._db = _database(order)
        self._connection, self._channel = _blocking(order)
        self._channel.basic_qos(prefetch_count=2 * Limits().batch_max)

    def run(self) -> None:
        taken = self._channel.consume(QUEUE)
        for number, (method, _, body) in enumerate(taken, 1):
            _commit(self._db, [decode(body)])
            self._channel.basic_ack(method.delivery_tag)
            if number == self._count:
                break
        self._connection.close()

    def close(self) -> None:
        self._db.close()


class PipelineProducer:
    """What the poller does with records that it has read."""

    def __init__(self, order: Order) -> None:
        spare_the_collector()  # as every role does
        self._bodies = [message.body for message in messages(order.count)]
        self._state = PollState(order.folder / "poller.db")
        self._publication = Publication(
            _broker(order),
            self._state,
            ENVIRONMENT,
            [CHAPTER],
            clock=SYSTEM_CLOCK,
            observer=unobserved,
            depth_max=order.count + 1,
        )

    def run(self) -> None:
        self._publication.begin()
        for start in range(0, len(self._bodies), FETCH_CHUNK):
            chunk = self._bodies[start : start + FETCH_CHUNK]
            if self._publication.publish([_fetched(body) for body in chunk]):
                raise RuntimeError("the broker did not confirm")

    def close(self) -> None:
        self._publication.close()
        self._state.close()


class MappedProducer(PipelineProducer):
    """What the poller does with the rows of a scan, without waiting for the network's answers."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._rows = Replayed(order.count)
        self._membri = membri(self._rows)

    def run(self) -> None:
        self._publication.begin()
        ids = self._rows.invoice_ids
        for start in range(0, len(ids), FETCH_CHUNK):
            fetched = self._membri.fetch(Entity.INVOICE, ids[start : start + FETCH_CHUNK])
            if self._publication.publish(fetched):
                raise RuntimeError("the broker did not confirm")


def _fetched(body: bytes) -> Fetched:
    """The record in `body`, as the poller holds what it has read."""
    event = decode(body)
    if not isinstance(event, InvoiceToTransfer):
        raise TypeError(event.type)
    invoice = event.data
    return Fetched(
        entity=Entity.INVOICE,
        id=invoice.id,
        etag=event.dataversion,
        modified=event.time,
        status=Status.TO_TRANSFER,
        reference="",
        error="",
        account_id=invoice.account_id,
        account_etag=invoice.account.dataversion,
        chapter=CHAPTER,
        content=invoice,
    )


class PipelineConsumer:
    def __init__(self, order: Order) -> None:
        spare_the_collector()  # as every role does
        setup = Setup(
            SLUG, ReferenceConnection(concurrency=1), AccountsSettings(), ChapterSettings()
        )
        self._system = ReferenceSystem(setup)
        self._ledger = open_ledger(f"sqlite:///{order.folder / 'ledger.db'}", SLUG)
        self._know_some_accounts(order.count)
        self._count = order.count
        self._done = 0
        self._stop = threading.Event()
        self._consumer = Consumer(
            _broker(order),
            self._system,
            self._ledger,
            chapter=SLUG,
            stop=self._stop,
            observer=self._observe,
        )

    def run(self) -> None:
        self._consumer.run()
        if len(self._system.books.documents) != self._count or self._ledger.outbox_count():
            raise RuntimeError("not every invoice is in the books and told")

    def close(self) -> None:
        self._ledger.close()

    def _know_some_accounts(self, count: int) -> None:
        """Every other account was transferred before; the others are made in the run."""
        entries = []
        for account_id in account_ids(count)[::2]:
            row = CustomerRow(self._system.books.next_id(), account_id, record_id=account_id)
            self._system.books.add(row)
            entries.append(
                Entry(
                    Key(Entity.ACCOUNT, account_id),
                    State.DONE,
                    account_id,
                    remote_id=row.id,
                    reference=row.name,
                )
            )
        self._ledger.commit(Changes(entries=entries), None, time.time())

    def _observe(self, fact: Fact) -> None:
        """The consumer ends with the batch of the last invoice."""
        if isinstance(fact, TransferEnded) and fact.entity is Entity.INVOICE:
            if fact.outcome != "created":
                raise RuntimeError(f"an invoice ended as {fact.outcome}")
            self._done += 1
            if self._done == self._count:
                self._stop.set()


WORKERS: dict[str, tuple[Callable[[Order], Worker], Callable[[Order], Worker]]] = {
    "ceiling": (CeilingProducer, CeilingConsumer),
    "naive": (NaiveProducer, NaiveConsumer),
    "pipeline": (PipelineProducer, PipelineConsumer),
    "mapped": (MappedProducer, PipelineConsumer),
}
"""Name → (producer, consumer)."""


def _broker(order: Order) -> RabbitBroker:
    return RabbitBroker(order.url, client_name="benchmark", window=WINDOW)


def _database(order: Order) -> sqlite3.Connection:
    db = sqlite3.connect(order.folder / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE done (id TEXT PRIMARY KEY, version TEXT, at TEXT) WITHOUT ROWID")
    return db


def _commit(db: sqlite3.Connection, events: list[Any]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "INSERT OR REPLACE INTO done VALUES (?, ?, ?)",
        [(event.subject, event.dataversion, event.time.isoformat()) for event in events],
    )
    db.execute("COMMIT")


def _blocking(order: Order) -> tuple[pika.BlockingConnection, BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(order.url))
    return connection, connection.channel()


def _properties(message: Outgoing) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=message.content_type, delivery_mode=2, message_id=message.message_id
    )
