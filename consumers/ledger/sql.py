"""The ledger of one chapter in SQLite or PostgreSQL.

In and out: what `port.py` says. Writes of this object follow one another; a write is one
transaction, durable when it returns. Refuses writes of a lost lease (LeaseLost), and everything
while the database cannot be reached (LedgerUnavailable); it recovers by itself.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from consumers.ledger.database import available, open_engine, reading
from consumers.ledger.port import (
    Changes,
    Entry,
    Key,
    Lease,
    LeaseLost,
    Note,
    OutboxMessage,
    State,
    Wait,
    never,
)
from consumers.ledger.rows import (
    ENTITIES,
    STATES,
    WAIT_REASONS,
    Row,
    entry_of,
    entry_row,
    message_of,
    message_row,
    note_of,
    note_row,
    storable,
    wait_of,
    wait_row,
)
from consumers.ledger.statements import LIST_LENGTHS, statements_for
from schemas.reasons import WaitReason
from schemas.statuses import Entity

_Id = TypeVar("_Id", int, str)

__all__ = ["SqlLedger", "open_engine", "open_ledger"]


def open_ledger(url: str, chapter: str) -> SqlLedger:
    """Raises ValueError, LedgerUnavailable, LedgerTooNew."""
    return SqlLedger(open_engine(url), chapter)


class SqlLedger:
    """See `port.Ledger`. `engine` comes from `open_engine` and may serve several chapters."""

    def __init__(self, engine: Engine, chapter: str) -> None:
        self.chapter = chapter
        self._engine = engine
        self._reader = reading(engine)
        self._sql = statements_for(engine.dialect)
        # Threads that remember steps queue here at once instead of in SQLite's unfair back-off.
        self._writing = threading.Lock()

    # What is known

    def entries(self, keys: Collection[Key]) -> dict[Key, Entry]:
        found = map(entry_of, self._of_keys(self._sql.entries, keys))
        return {entry.key: entry for entry in found}

    def waits(self, keys: Collection[Key]) -> dict[Key, Wait]:
        found = map(wait_of, self._of_keys(self._sql.waits, keys))
        return {wait.key: wait for wait in found}

    def waiters(self, keys: Collection[Key]) -> dict[Key, list[Key]]:
        found: defaultdict[Key, list[Key]] = defaultdict(list)
        for awaited_entity, ids in _by_entity(keys):
            rows = self._of_ids(self._sql.waiters, awaited_entity, ids)
            for awaited_id, entity, record_id in rows:
                found[Key(awaited_entity, awaited_id)].append(Key(ENTITIES[entity], record_id))
        return dict(found)

    def due(self, now: float, limit: int) -> list[Wait]:
        return list(map(wait_of, self._read(self._sql.due, self.chapter, now, limit)))

    def next_due(self) -> float | None:
        [(due_at,)] = self._read(self._sql.next_due, self.chapter)
        return None if due_at is None else float(due_at)

    def waiting(self, limit: int = 1000) -> list[Wait]:
        # Two statements: sorting thousands of bodies to show the first of them is no small thing.
        reason = WaitReason.NOT_YET_DUE.value
        rows = list(self._read(self._sql.waiting, self.chapter, reason, limit))
        if len(rows) < limit:
            left = limit - len(rows)
            rows += self._read(self._sql.waiting_for_a_date, self.chapter, reason, left)
        return list(map(wait_of, rows))

    def waiting_counts(self) -> dict[tuple[WaitReason, Entity], int]:
        rows = self._read(self._sql.waiting_counts, self.chapter)
        return {(WAIT_REASONS[reason], ENTITIES[entity]): count for reason, entity, count in rows}

    def state_counts(self) -> dict[tuple[State, Entity], int]:
        rows = self._read(self._sql.state_counts, self.chapter)
        return {(STATES[state], ENTITIES[entity]): count for state, entity, count in rows}

    def timeline(self, record_id: str, limit: int = 200) -> list[Note]:
        rows = self._read(self._sql.timeline, self.chapter, record_id, limit)
        return [note_of(record_id, row) for row in reversed(rows)]

    # What changes

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        sql, chapter = self._sql, self.chapter
        with self._transaction() as connection:
            self._refuse_unless_held(connection, lease, now)
            _many(connection, sql.put_entry, (entry_row(chapter, e) for e in changes.entries))
            _many(connection, sql.leave, (self._key_row(key) for key in changes.leave))
            _many(connection, sql.put_wait, (wait_row(chapter, w) for w in changes.waits))
            _many(
                connection,
                sql.release,
                ((now, *self._key_row(key), now) for key in changes.release),
            )
            _many(connection, sql.add_message, (message_row(chapter, m) for m in changes.outbox))
            _many(connection, sql.add_note, (note_row(chapter, n) for n in changes.notes))

    # What must still be told

    def outbox(self, limit: int) -> list[OutboxMessage]:
        return list(map(message_of, self._read(self._sql.outbox, self.chapter, limit)))

    def published(self, ids: Collection[int]) -> None:
        if not ids:
            return
        with self._transaction() as connection:
            for chunk in _chunks(list(ids)):
                connection.exec_driver_sql(self._sql.published(len(chunk)), (self.chapter, *chunk))

    def outbox_count(self) -> int:
        [(count,)] = self._read(self._sql.outbox_count, self.chapter)
        return int(count)

    # Finished steps

    def steps(self, key: Key, generation: int) -> dict[str, str]:
        rows = self._read(self._sql.steps, *self._key_row(key), generation)
        return {str(name): str(value) for name, value in rows}

    def remember_step(
        self, key: Key, generation: int, name: str, value: str, lease: Lease | None, now: float
    ) -> None:
        row = (*self._key_row(key), generation, name, storable(value))
        with self._transaction() as connection:
            self._refuse_unless_held(connection, lease, now)
            connection.exec_driver_sql(self._sql.put_step, row)

    # The right to send

    def take_lease(
        self,
        owner: str,
        now: float,
        ttl_s: float,
        grace_s: float,
        dead: Callable[[str], bool] = never,
    ) -> Lease | None:
        previous = self.lease_holder()
        gone = previous is not None and previous.owner != owner and dead(previous.owner)
        with self._transaction() as connection:
            held, token = self._lock_chapter(connection)
            if (
                held is not None
                and held.owner != owner
                and held.until + grace_s > now
                and not (gone and previous is not None and held.token == previous.token)
            ):
                return None
            taken = Lease(owner, token + 1, now + ttl_s)
            self._set_lease(connection, taken)
        return taken

    def renew_lease(self, lease: Lease, now: float, ttl_s: float) -> Lease:
        with self._transaction() as connection:
            held, _ = self._lock_chapter(connection)
            if held is None or held.token != lease.token:
                raise _lost(lease)
            renewed = Lease(held.owner, held.token, max(held.until, now + ttl_s))
            self._set_lease(connection, renewed)
        return renewed

    def release_lease(self, lease: Lease) -> None:
        with self._transaction() as connection:
            held, _ = self._lock_chapter(connection)
            if held is not None and held.token == lease.token:
                self._set_lease(connection, None, lease.token)

    def lease_holder(self) -> Lease | None:
        rows = self._read(self._sql.chapter, self.chapter)
        return Lease(*rows[0][:3]) if rows and rows[0][0] is not None else None

    # What people set

    def pause(self, reason: str | None) -> None:
        words = None if reason is None else storable(reason)
        with self._transaction() as connection:
            self._lock_chapter(connection)
            connection.exec_driver_sql(self._sql.set_pause, (words, self.chapter))

    def paused(self) -> str | None:
        rows = self._read(self._sql.chapter, self.chapter)
        return rows[0][3] if rows else None

    def close(self) -> None:
        """Gives back the idle connections of the engine. Other ledgers of it go on."""
        self._engine.dispose()

    # How

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._writing, available(self._engine), self._engine.begin() as connection:
            yield connection

    def _read(self, text: str, *parameters: Any) -> Sequence[Row]:
        with available(self._engine), self._reader.connect() as connection:
            return connection.exec_driver_sql(text, parameters).fetchall()

    def _of_keys(self, texts: Callable[[int], str], keys: Collection[Key]) -> Iterator[Row]:
        for entity, ids in _by_entity(keys):
            yield from self._of_ids(texts, entity, ids)

    def _of_ids(self, texts: Callable[[int], str], entity: Entity, ids: list[str]) -> Iterator[Row]:
        for chunk in _chunks(ids):
            yield from self._read(texts(len(chunk)), self.chapter, entity.value, *chunk)

    def _lock_chapter(self, connection: Connection) -> tuple[Lease | None, int]:
        """Who holds the lease, and the highest token so far. Nobody else writes from here on."""
        row = connection.exec_driver_sql(self._sql.lock_chapter, (self.chapter,)).fetchone()
        if row is None:
            connection.exec_driver_sql(self._sql.add_chapter, (self.chapter, 0, 0.0))
            row = connection.exec_driver_sql(self._sql.lock_chapter, (self.chapter,)).one()
        owner, token, until = row
        return (None if owner is None else Lease(owner, token, until)), token

    def _set_lease(self, connection: Connection, lease: Lease | None, token: int = 0) -> None:
        row = (None, token, 0.0) if lease is None else (lease.owner, lease.token, lease.until)
        connection.exec_driver_sql(self._sql.set_lease, (*row, self.chapter))

    def _refuse_unless_held(self, connection: Connection, lease: Lease | None, now: float) -> None:
        held, _ = self._lock_chapter(connection)
        if lease is None:
            return
        if held is None or held.token != lease.token or held.until <= now:
            raise _lost(lease)

    def _key_row(self, key: Key) -> tuple[str, str, str]:
        return (self.chapter, key.entity.value, key.id)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"lease {lease.token} is no longer held by {lease.owner}")


def _many(connection: Connection, text: str, rows: Iterable[Row]) -> None:
    listed = list(rows)
    if listed:
        connection.exec_driver_sql(text, listed)


def _by_entity(keys: Collection[Key]) -> Iterable[tuple[Entity, list[str]]]:
    grouped: defaultdict[Entity, list[str]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        grouped[key.entity].append(key.id)
    return grouped.items()


def _chunks(ids: list[_Id]) -> Iterator[list[_Id]]:
    """Parts of a length of LIST_LENGTHS, the last one padded with its last id."""
    longest = LIST_LENGTHS[-1]
    for start in range(0, len(ids), longest):
        part = ids[start : start + longest]
        length = next(n for n in LIST_LENGTHS if n >= len(part))
        yield part + part[-1:] * (length - len(part))
