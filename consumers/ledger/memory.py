"""The ledger of one chapter in this process's memory, for tests and dry runs.

In and out: what `port.py` says. It forgets everything at the end of the process and cannot be
shared with another one; two owners of its lease must share the object. Refuses nothing.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

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
from schemas.reasons import WaitReason
from schemas.statuses import Entity


class MemoryLedger:
    """See `port.Ledger`."""

    def __init__(self, chapter: str) -> None:
        self.chapter = chapter
        self._lock = threading.RLock()
        self._entries: dict[Key, Entry] = {}
        self._waits: dict[Key, Wait] = {}
        self._waiters: defaultdict[Key, set[Key]] = defaultdict(set)
        self._outbox: dict[int, OutboxMessage] = {}
        self._outbox_ids = itertools.count(1)
        self._notes: defaultdict[str, list[Note]] = defaultdict(list)
        self._steps: defaultdict[tuple[Key, int], dict[str, str]] = defaultdict(dict)
        self._holder: Lease | None = None
        self._token = 0
        self._pause_reason: str | None = None

    # What is known

    def entries(self, keys: Collection[Key]) -> dict[Key, Entry]:
        with self._lock:
            return {key: self._entries[key] for key in keys if key in self._entries}

    def waits(self, keys: Collection[Key]) -> dict[Key, Wait]:
        with self._lock:
            return {key: self._waits[key] for key in keys if key in self._waits}

    def waiters(self, keys: Collection[Key]) -> dict[Key, list[Key]]:
        with self._lock:
            return {
                key: [wait.key for wait in _oldest(self._waits[k] for k in self._waiters[key])]
                for key in keys
                if self._waiters.get(key)
            }

    def due(self, now: float, limit: int) -> list[Wait]:
        with self._lock:
            timed = [
                (wait.due_at, wait)
                for wait in _oldest(self._waits.values())
                if wait.due_at is not None and wait.due_at <= now
            ]
        timed.sort(key=lambda pair: pair[0])
        return [wait for _, wait in timed[:limit]]

    def next_due(self) -> float | None:
        with self._lock:
            times = [wait.due_at for wait in self._waits.values() if wait.due_at is not None]
        return min(times, default=None)

    def waiting(self, limit: int = 1000) -> list[Wait]:
        with self._lock:
            oldest = _oldest(self._waits.values())
        oldest.sort(key=lambda wait: wait.reason is WaitReason.NOT_YET_DUE)
        return oldest[:limit]

    def waiting_counts(self) -> dict[tuple[WaitReason, Entity], int]:
        with self._lock:
            return dict(Counter((wait.reason, wait.key.entity) for wait in self._waits.values()))

    def state_counts(self) -> dict[tuple[State, Entity], int]:
        with self._lock:
            return dict(
                Counter((entry.state, entry.key.entity) for entry in self._entries.values())
            )

    def timeline(self, record_id: str, limit: int = 200) -> list[Note]:
        with self._lock:
            notes = sorted(self._notes.get(record_id, ()), key=lambda note: note.at)
        return notes[-limit:] if limit else []

    # What changes

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        with self._lock:
            self._refuse_unless_held(lease, now)
            self._entries.update((entry.key, entry) for entry in changes.entries)
            for key in changes.leave:
                self._leave(key)
            for wait in changes.waits:
                self._leave(wait.key)
                self._enter(wait)
            for key in changes.release:
                self._release(key, now)
            for message in changes.outbox:
                number = next(self._outbox_ids)
                self._outbox[number] = replace(message, id=number)
            for note in changes.notes:
                self._notes[note.key.id].append(note)

    def _leave(self, key: Key) -> None:
        wait = self._waits.pop(key, None)
        if wait is not None and wait.waits_for is not None:
            self._waiters[wait.waits_for].discard(key)

    def _enter(self, wait: Wait) -> None:
        self._waits[wait.key] = wait
        if wait.waits_for is not None:
            self._waiters[wait.waits_for].add(wait.key)

    def _release(self, arrived: Key, now: float) -> None:
        for key in self._waiters.get(arrived, ()):
            wait = self._waits[key]
            if wait.due_at is None or wait.due_at > now:
                self._waits[key] = replace(wait, due_at=now)

    # What must still be told

    def outbox(self, limit: int) -> list[OutboxMessage]:
        with self._lock:
            return list(itertools.islice(self._outbox.values(), limit))

    def published(self, ids: Collection[int]) -> None:
        with self._lock:
            for number in ids:
                self._outbox.pop(number, None)

    def outbox_count(self) -> int:
        with self._lock:
            return len(self._outbox)

    # Finished steps

    def steps(self, key: Key, generation: int) -> dict[str, str]:
        with self._lock:
            return dict(self._steps.get((key, generation), {}))

    def remember_step(
        self, key: Key, generation: int, name: str, value: str, lease: Lease | None, now: float
    ) -> None:
        with self._lock:
            self._refuse_unless_held(lease, now)
            self._steps[key, generation][name] = value

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
        with self._lock:
            held = self._holder
            if (
                held is not None
                and held.owner != owner
                and held.until + grace_s > now
                and not (gone and previous is not None and held.token == previous.token)
            ):
                return None
            self._token += 1
            self._holder = Lease(owner, self._token, now + ttl_s)
            return self._holder

    def renew_lease(self, lease: Lease, now: float, ttl_s: float) -> Lease:
        with self._lock:
            held = self._holder
            if held is None or held.token != lease.token:
                raise LeaseLost(f"lease {lease.token} is no longer held by {lease.owner}")
            self._holder = replace(held, until=max(held.until, now + ttl_s))
            return self._holder

    def release_lease(self, lease: Lease) -> None:
        with self._lock:
            if self._holder is not None and self._holder.token == lease.token:
                self._holder = None

    def lease_holder(self) -> Lease | None:
        with self._lock:
            return self._holder

    def _refuse_unless_held(self, lease: Lease | None, now: float) -> None:
        if lease is None:
            return
        held = self._holder
        if held is None or held.token != lease.token or held.until <= now:
            raise LeaseLost(f"lease {lease.token} is no longer held by {lease.owner}")

    # What people set

    def pause(self, reason: str | None) -> None:
        with self._lock:
            self._pause_reason = reason

    def paused(self) -> str | None:
        with self._lock:
            return self._pause_reason

    def close(self) -> None:
        """Nothing to give back."""


def _oldest(waits: Iterable[Wait]) -> list[Wait]:
    return sorted(waits, key=lambda wait: (wait.since, wait.key))
