"""What is read of a company once a day and kept: its accounts, taxes, periods, preferences.

What comes in: a question, how old its answer may be, and how to ask. What goes out: the answer,
kept for all threads. Refused: waiting for another thread's reading longer than the caller may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from consumers.errors import Unavailable
from schemas.reasons import SystemReason
from schemas.sentences import say

DAY_S = 86_400.0
RECHECK_S = 30.0
"""How old a copy may be that says no: a person who corrects the books waits no longer."""
T = TypeVar("T")


class Reader(Protocol):
    def left_s(self) -> float:
        """Seconds that its call may still last, at most threading.TIMEOUT_MAX. Raises Transient
        when there are none."""
        ...


class KeptLists:
    """Base of a connector's lists. `title`: whose they are, as people call it; `clock`: epoch
    seconds."""

    def __init__(self, title: str, clock: Callable[[], float]) -> None:
        self._title = title
        self._clock = clock
        self._lock = threading.RLock()
        self._held: dict[tuple[str, ...], tuple[float, Any]] = {}

    def forget(self) -> None:
        """The next questions read the books again."""
        self._held.clear()

    def _cached(
        self, client: Reader, key: tuple[str, ...], max_age_s: float, load: Callable[[], T]
    ) -> T:
        """The answer under `key`, read with `load` when it is older than `max_age_s`.

        Raises what `load` does; Unavailable when another thread still reads at the end of the
        caller's time; Transient when that has passed.
        """
        if not self._lock.acquire(timeout=client.left_s()):
            detail = say(
                "{system}: its lists are still being read for another record", system=self._title
            )
            raise Unavailable(SystemReason.UNREACHABLE, detail)
        try:
            held = self._held.get(key)
            if held is not None and 0 <= self._clock() - held[0] < max_age_s:
                found: T = held[1]
                return found
            value = load()
            self._held[key] = (self._clock(), value)
            return value
        finally:
            self._lock.release()
