"""Where everything stands, read from the ledger and the broker: for `status` and for metrics.

What comes in: settings, ledgers, a broker. What goes out: an `Overview`, with what could not be
read said in `notes` instead of failing the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from consumers.ledger.port import Ledger, LedgerUnavailable, State
from schemas.reasons import WaitReason
from schemas.statuses import Entity
from schemas.wire.channel import Broker, BrokerUnavailable
from schemas.wire.topology import UNKNOWN, dead_queue, work_queue


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
    """`dead_letters`: (system, entity) → count; None values mean that the broker did not say."""

    chapters: tuple[ChapterOverview, ...]
    dead_letters: dict[tuple[str, str], int]
    to_settle: int | None
    oldest_dead_letter: dict[str, float] = field(default_factory=dict)
    status_mismatch: int | None = None
    notes: tuple[str, ...] = ()


def look(
    chapters: Iterable[tuple[str, str, str]],
    ledger_of: Callable[[str], Ledger],
    broker: Broker | None,
) -> Overview:
    """`chapters`: (name, slug, system). A broker that is down leaves its figures out."""
    notes: list[str] = []
    systems: list[str] = []
    found = []
    for name, slug, system in chapters:
        if system not in systems:
            systems.append(system)
        try:
            found.append(_chapter(name, slug, system, ledger_of(slug), broker, notes))
        except LedgerUnavailable as error:
            notes.append(f"{slug}: {error}")
    dead: dict[tuple[str, str], int] = {}
    for system in systems:
        for entity in (*Entity, UNKNOWN):
            depth = _depth(broker, dead_queue(system, entity), notes)
            if depth is not None:
                dead[system, str(entity)] = depth
    to_settle = _depth(broker, "membri.settle", notes)
    return Overview(tuple(found), dead, to_settle, notes=tuple(dict.fromkeys(notes)))


def _chapter(
    name: str, slug: str, system: str, ledger: Ledger, broker: Broker | None, notes: list[str]
) -> ChapterOverview:
    states = {(str(s), str(e)): n for (s, e), n in ledger.state_counts().items()}
    oldest = ledger.waiting(limit=1)
    holder = ledger.lease_holder()
    return ChapterOverview(
        name=name,
        slug=slug,
        system=system,
        queued=_depth(broker, work_queue(system, slug), notes),
        states=states,
        waiting={(str(r), str(e)): n for (r, e), n in ledger.waiting_counts().items()},
        oldest_waiting_at=oldest[0].since if oldest else None,
        outbox=ledger.outbox_count(),
        unknown=sum(n for (s, _), n in states.items() if s == State.UNKNOWN),
        paused=ledger.paused(),
        serving=holder.owner if holder else None,
    )


def _depth(broker: Broker | None, queue: str, notes: list[str]) -> int | None:
    if broker is None:
        return None
    try:
        return broker.depth(queue)
    except KeyError:
        notes.append(f"no queue {queue}: `membri-sync topology apply` makes it")
    except BrokerUnavailable as error:
        notes.append(str(error))
    return None
