"""What happened inside, as plain facts for observers (metrics, logs). No I/O, no prometheus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.reasons import Reason, SystemReason, WaitReason
from schemas.statuses import Entity


@dataclass(frozen=True)
class Published:
    system: str
    entity: Entity
    count: int = 1


@dataclass(frozen=True)
class PollDone:
    """`at` is in epoch seconds."""

    at: float
    pending: int
    published: int


@dataclass(frozen=True)
class TransferEnded:
    """`outcome`: an Action, or failed, waiting, superseded, withdrawn. `seconds` of system time."""

    system: str
    entity: Entity
    outcome: str
    seconds: float = 0.0


@dataclass(frozen=True)
class DeadLettered:
    system: str
    entity: str
    reason: Reason


@dataclass(frozen=True)
class Retried:
    system: str
    entity: Entity
    reason: WaitReason


@dataclass(frozen=True)
class SystemState:
    """`authorised_until` in epoch seconds, None when the system has no expiry."""

    system: str
    chapter: str
    up: bool
    reason: SystemReason | None = None
    detail: str = ""
    authorised_until: float | None = None


@dataclass(frozen=True)
class ApiCall:
    """One request to an outside system. `code`: HTTP status, or error, timeout."""

    system: str
    code: str
    seconds: float
    throttled: bool = False


@dataclass(frozen=True)
class Settled:
    """One outcome written to Membri. `critical_time_s`: change in Membri → final status."""

    system: str
    entity: Entity
    outcome: str
    critical_time_s: float | None = None


Fact = (
    Published | PollDone | TransferEnded | DeadLettered | Retried | SystemState | ApiCall | Settled
)
Observer = Callable[[Fact], None]


def unobserved(_: Fact) -> None:
    """An observer that looks away."""
