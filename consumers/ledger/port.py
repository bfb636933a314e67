"""The ledger of one chapter, as the engine needs it.

Implementations: `sql.py` (SQLite or PostgreSQL, from the same code) and `memory.py`; one contract
suite runs on all. Times are epoch seconds (UTC) given by the caller, so that clocks are injected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from schemas.reasons import WaitReason
from schemas.statuses import Entity


class LedgerUnavailable(Exception):
    """The database cannot be reached, is full or stays locked.

    Nothing was committed, with one exception that no database can exclude: a connection that broke
    while a commit was being answered may have committed all of it. Reading the ledger tells.
    """


class LedgerTooNew(Exception):
    """A newer version of this program has changed the ledger; nothing was touched."""


class LeaseLost(Exception):
    """Another process holds the lease: nothing was committed, and nothing more may be sent."""


class Key(NamedTuple):
    """A record of Membri."""

    entity: Entity
    id: str


class State(StrEnum):
    """Where a record stands. A record that the ledger does not know has no entry."""

    WAITING = "waiting"  # in the waiting room, nothing sent
    SENDING = "sending"  # intent written; after a crash the outcome is unknown
    UNKNOWN = "unknown"  # sent without a believable answer
    DONE = "done"  # in the books
    FAILED = "failed"  # a dead letter
    WITHDRAWN = "withdrawn"  # taken back in Membri before it was sent


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one record.

    `dataversion` and `fingerprint`: the version last acted on. `generation` grows only when a
    person empties the sync reference to have the record sent anew. `sent_at`: when the last intent
    was written. `attempts` counts sends of this version that did not succeed.
    """

    key: Key
    state: State
    account_id: str
    dataversion: str = ""
    fingerprint: str = ""
    generation: int = 0
    remote_id: str = ""
    reference: str = ""
    attempts: int = 0
    sent_at: float | None = None
    changed_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """A record in the waiting room, with the event that will be tried again.

    `waits_for` names the record whose arrival releases it; `due_at` the moment it is tried again
    by itself; both may be None (only a newer event moves it).
    """

    key: Key
    reason: WaitReason
    body: bytes
    account_id: str
    since: float
    waits_for: Key | None = None
    due_at: float | None = None
    attempts: int = 0
    first_failed_at: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message to publish once its commit is durable. `id` is 0 until the ledger gives one."""

    exchange: str
    routing_key: str
    message_id: str
    body: bytes
    headers: Mapping[str, str | int] = field(default_factory=dict)
    mandatory: bool = True
    id: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a record's timeline. `what` is a short code, `detail` plain words."""

    key: Key
    at: float
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Changes:
    """What one commit writes, all or nothing.

    `entries` and `waits` replace what their key had. `leave`: keys that leave the waiting room.
    `release`: records that just arrived; whoever waits for them becomes due now. An entry may
    leave and a wait of the same key be written in one commit: the wait stands. Whoever is written
    as waiting for a record that is released in the same commit is due now as well. Of two entries
    (or waits) of one key the last one stands.
    """

    entries: Sequence[Entry] = ()
    waits: Sequence[Wait] = ()
    leave: Collection[Key] = ()
    release: Collection[Key] = ()
    outbox: Sequence[OutboxMessage] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send. No call may start at or after `until`; `token` grows with each holder."""

    owner: str
    token: int
    until: float


def never(_owner: str) -> bool:
    """The default of `take_lease`: nobody is known to be dead."""
    return False


class Ledger(Protocol):
    """One chapter's ledger. Safe to share between threads."""

    def entries(self, keys: Collection[Key]) -> dict[Key, Entry]: ...

    def waits(self, keys: Collection[Key]) -> dict[Key, Wait]: ...

    def waiters(self, keys: Collection[Key]) -> dict[Key, list[Key]]:
        """Prerequisite → who waits for it, oldest first. Keys that nobody waits for are absent.

        A released waiter still counts until it leaves the waiting room or waits for another.
        """
        ...

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        """Durable when it returns. With a lease: raises LeaseLost unless it is still the holder's
        and ends after `now`; the end is the ledger's (see renew_lease), not that of the argument.

        Raises LedgerUnavailable, like every method here.
        """
        ...

    def due(self, now: float, limit: int) -> list[Wait]:
        """Whoever's time has come, oldest due first."""
        ...

    def next_due(self) -> float | None:
        """When the next one comes due; None when nobody has a time."""
        ...

    def waiting(self, limit: int = 1000) -> list[Wait]:
        """The waiting room, for people to read: what waits for something first, oldest first, then
        what waits for its date alone, of which there may be thousands."""
        ...

    def waiting_counts(self) -> dict[tuple[WaitReason, Entity], int]: ...

    def state_counts(self) -> dict[tuple[State, Entity], int]: ...

    def outbox(self, limit: int) -> list[OutboxMessage]:
        """Not yet published, in the order they were committed."""
        ...

    def published(self, ids: Collection[int]) -> None:
        """Removes messages that the broker confirmed. Ids that are gone already are ignored."""
        ...

    def outbox_count(self) -> int: ...

    def steps(self, key: Key, generation: int) -> dict[str, str]: ...

    def remember_step(
        self, key: Key, generation: int, name: str, value: str, lease: Lease | None, now: float
    ) -> None:
        """Durable when it returns. Raises LeaseLost, LedgerUnavailable."""
        ...

    def timeline(self, record_id: str, limit: int = 200) -> list[Note]:
        """The newest `limit` lines, oldest of them first, whatever the entity."""
        ...

    def take_lease(
        self,
        owner: str,
        now: float,
        ttl_s: float,
        grace_s: float,
        dead: Callable[[str], bool] = never,
    ) -> Lease | None:
        """The lease when it is free: never held, released, the same owner's, or ended at least
        `grace_s` (the longest call) ago. None while somebody else may still be calling.

        `dead(previous owner)` True promises that its process is gone, so that none of its calls can
        start any more: the lease is then free at once. (A call that was already under way is an
        unknown outcome like any other.) `dead` is asked outside of any transaction.

        Every lease that is taken has a higher token, so an earlier one is lost, even the same
        owner's.
        """
        ...

    def renew_lease(self, lease: Lease, now: float, ttl_s: float) -> Lease:
        """The same lease with a later end, never an earlier one. An ended lease that nobody took
        is still renewed. Raises LeaseLost once it was released or somebody else took it."""
        ...

    def release_lease(self, lease: Lease) -> None:
        """Frees it for anybody at once. Nothing happens when it is somebody else's by now."""
        ...

    def lease_holder(self) -> Lease | None:
        """Who took it last, even if it ended; None when it was never held or was released."""
        ...

    def pause(self, reason: str | None) -> None:
        """Keeps the consumer from sending until somebody resumes (None)."""
        ...

    def paused(self) -> str | None: ...

    def close(self) -> None: ...
