"""Books that outlive a process: a SQLite file, with a gate at which a test can stop a writer.

What comes in: a folder, and the name of the process that writes. What goes out: rows and the calls
that wrote them. While the file `stop-at-<record>` exists, the process that has just written that
record says so in `stopped-<record>` and does not answer. Run as a program it is a whole consumer:
`python -m tests.books_in_a_file BROKER_URL LEDGER_URL FOLDER NAME`.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from consumers.ledger.sql import open_ledger
from consumers.runtime import Consumer, Limits
from consumers.system import Declaration, Found, Health, Lookup, Problem, Receipt, RemoteRef, Task
from schemas.outcomes import Action
from schemas.records import Record
from schemas.statuses import Entity
from schemas.wire.rabbit import RabbitBroker
from tests.builders import CHAPTER, SYSTEM

LEASE_S = 1.5
LONGEST_CALL_S = 2.0


class FileBooks:
    """No call may be repeated: the same idempotency key sent twice makes two rows."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder = folder
        self._writer = writer
        with closing(self._open()) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS rows (entity, id, reference, writer)")

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            name=SYSTEM,
            title="A file",
            entities=frozenset({Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT}),
            customer_key="name",
            concurrency=2,
            rate_per_s=1000,
            longest_call_s=LONGEST_CALL_S,
            replays_same_key=False,
        )

    def probe(self) -> Health:
        return Health("a file")

    def check(self, record: Record) -> Sequence[Problem]:
        del record
        return ()

    def find(self, lookup: Lookup) -> Found | None:
        for entity, record_id, reference, _ in self.rows():
            if (entity, record_id) == (str(lookup.entity), lookup.record_id):
                return Found(RemoteRef(reference, reference), by_marker=True)
        return None

    def transfer(self, task: Task) -> Receipt:
        record = task.record
        reference = f"N-{record.id}"
        with closing(self._open()) as db, db:
            row = (str(record.entity), record.id, reference, self._writer)
            db.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
        if (self._folder / f"stop-at-{record.id}").exists():
            (self._folder / f"stopped-{record.id}").touch()
            while (self._folder / f"stop-at-{record.id}").exists():
                time.sleep(0.01)
        return Receipt(RemoteRef(reference, reference), Action.CREATED)

    def close(self) -> None:
        return None

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(entity, record id, reference, writer), in the order they were written."""
        with closing(self._open()) as db:
            return list(db.execute("SELECT * FROM rows ORDER BY rowid"))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._folder / "books.db", timeout=20.0)


def main(broker_url: str, ledger_url: str, folder: str, name: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    consumer = Consumer(
        RabbitBroker(broker_url, client_name=name, heartbeat_s=1),
        FileBooks(Path(folder), name),
        open_ledger(ledger_url, CHAPTER),
        chapter=CHAPTER,
        stop=stop,
        limits=Limits(batch_max=1, idle_tick_s=0.1, lease_ttl_s=LEASE_S),
    )
    consumer.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
