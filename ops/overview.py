"""Where everything stands, read from the ledger and the broker: for `status` and for metrics.

What comes in: settings, ledgers, a broker. What goes out: an `Overview`, with what could not be
read said in `notes` instead of failing the rest.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from consumers.ledger.port import Ledger, LedgerUnavailable, State
from ops.language import Said, said
from schemas.reasons import WaitReason
from schemas.statuses import Entity
from schemas.wire.channel import Broker, BrokerUnavailable
from schemas.wire.dead_letters import read_dead_letter
from schemas.wire.topology import SETTLE, UNKNOWN, UNROUTED_QUEUE, dead_queue, work_queue


@dataclass(frozen=True)
class ChapterOverview:
    """One chapter. `queued` is None when the broker did not say."""

    name: str
    slug: str
    system: str
    queued: int | None
    states: dict[tuple[str, str], int]
    waiting: dict[tuple[str, str], int]
    oldest_waiting_at: float | None
    outbox: int
    unknown: int
    paused: str | None
    serving: str | None

    def waiting_by_reason(self) -> dict[str, int]:
        """Every waiting reason, zero included, so that a gauge falls back to zero."""
        counts = dict.fromkeys((str(reason) for reason in WaitReason), 0)
        for (reason, _), count in self.waiting.items():
            counts[reason] += count
        return counts

    def count(self, state: State) -> int:
        return sum(n for (name, _), n in self.states.items() if name == state)


@dataclass(frozen=True)
class Overview:
    """`dead_letters`: (system, entity) → count, without those that the broker did not tell.
    `oldest_dead_letter`: system → first failure, in epoch seconds. `notes`: what could not be
    read."""

    chapters: tuple[ChapterOverview, ...]
    dead_letters: dict[tuple[str, str], int]
    to_settle: int | None
    oldest_dead_letter: dict[str, float] = field(default_factory=dict)
    status_mismatch: int | None = None
    notes: tuple[Said, ...] = ()


def look(
    chapters: Iterable[tuple[str, str, str]],
    ledger_of: Callable[[str], Ledger],
    broker: Broker | None,
    *,
    ages: bool = False,
) -> Overview:
    """`chapters`: (name, slug, system). A broker that is down leaves its figures out.

    `ages` asks for `oldest_dead_letter` too, which costs one look into each queue that has some.
    """
    notes: list[Said] = []
    systems: list[str] = []
    found = []
    for name, slug, system in chapters:
        if system not in systems:
            systems.append(system)
        try:
            found.append(_chapter(name, slug, system, ledger_of(slug), broker, notes))
        except LedgerUnavailable as error:
            notes.append(said("{chapter}: {error}", chapter=slug, error=error))
    if broker is None:
        notes.append(said("no broker is configured, and no private one was started here"))
    queues = {(s, str(e)): dead_queue(s, e) for s in systems for e in (*Entity, UNKNOWN)}
    queues[UNKNOWN, UNKNOWN] = UNROUTED_QUEUE
    dead: dict[tuple[str, str], int] = {}
    oldest: dict[str, float] = {}
    for (system, entity), queue in queues.items():
        depth = _depth(broker, queue, notes)
        if depth is not None:
            dead[system, entity] = depth
        if ages and broker is not None and depth:
            at = _oldest(broker, queue)
            if at is not None:
                oldest[system] = min(at, oldest.get(system, at))
    to_settle = _depth(broker, SETTLE, notes)
    return Overview(tuple(found), dead, to_settle, oldest, notes=_distinct(notes))


def _distinct(notes: list[Said]) -> tuple[Said, ...]:
    return tuple({str(note): note for note in notes}.values())


def _oldest(broker: Broker, queue: str) -> float | None:
    """First failure of the letter at the head of the queue, which is the oldest but for replays."""
    try:
        head = broker.browse(queue, 1)
    except (KeyError, BrokerUnavailable):
        return None  # said already, or between two looks
    times = [read_dead_letter(delivery).first_failed_at for delivery in head]
    return min((at.timestamp() for at in times if at is not None), default=None)


def _chapter(
    name: str, slug: str, system: str, ledger: Ledger, broker: Broker | None, notes: list[Said]
) -> ChapterOverview:
    states = {(str(s), str(e)): n for (s, e), n in ledger.state_counts().items()}
    holder = ledger.lease_holder()
    return ChapterOverview(
        name=name,
        slug=slug,
        system=system,
        queued=_depth(broker, work_queue(system, slug), notes),
        states=states,
        waiting={(str(r), str(e)): n for (r, e), n in ledger.waiting_counts().items()},
        oldest_waiting_at=_oldest_waiting(ledger),
        outbox=ledger.outbox_count(),
        unknown=sum(n for (s, _), n in states.items() if s == State.UNKNOWN),
        paused=ledger.paused(),
        serving=holder.owner if holder else None,
    )


def _oldest_waiting(ledger: Ledger) -> float | None:
    """Entries of deferred revenue wait for their date, months long: that is not late, but from
    their date on they are, like anything else."""
    first = [w.since for w in ledger.waiting(limit=1) if w.reason is not WaitReason.NOT_YET_DUE]
    missed = [
        wait.due_at
        for wait in ledger.due(time.time(), 1)
        if wait.reason is WaitReason.NOT_YET_DUE and wait.due_at is not None
    ]
    return min([*first, *missed], default=None)


def _depth(broker: Broker | None, queue: str, notes: list[Said]) -> int | None:
    if broker is None:
        return None
    try:
        return broker.depth(queue)
    except KeyError:
        notes.append(
            said("there is no queue {queue}: `membri-sync topology apply` makes it", queue=queue)
        )
    except BrokerUnavailable as error:
        notes.append(said("RabbitMQ cannot be reached: {error}", error=error))
    return None


def utc(at: float) -> str:
    """Epoch seconds as ISO 8601, for programs."""
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
