"""The simulated time: the real one, advanced by hand, and kept through a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ops.sandbox.kernel.store import Store


def real_clock() -> datetime:
    return datetime.now(UTC)


class SimulatedClock:
    """`clock()` is `base()` plus all the advances so far, in seconds."""

    def __init__(self, store: Store, base: Callable[[], datetime] = real_clock) -> None:
        self._store = store
        self._base = base

    def __call__(self) -> datetime:
        kept = self._store.get("_clock", "advance") or {}
        return self._base() + timedelta(seconds=float(kept.get("seconds", 0)))

    def advance(self, seconds: float) -> None:
        """Raises ValueError on a negative number: time does not go back."""
        if seconds < 0:
            raise ValueError("advance_s cannot be negative")
        kept = self._store.get("_clock", "advance") or {}
        total = float(kept.get("seconds", 0)) + seconds
        self._store.put("_clock", "advance", {"seconds": total})
