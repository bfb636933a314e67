"""One gate for all threads of one Dataverse user.

Service protection counts per user, and requests sent during a Retry-After lengthen it: when one
thread is told to wait, all wait (learn.microsoft.com, Dataverse service protection API limits).
"""

from __future__ import annotations

import threading

from producers.clock import Clock
from producers.dataverse.errors import MembriUnavailable


class RetryAfterGate:
    """Open, or closed until a moment. Waits of up to `patience_s` are slept, longer ones raised,
    so that callers can be stopped meanwhile."""

    def __init__(self, clock: Clock, patience_s: float = 20.0) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._opens_at = clock.monotonic()

    def close_for(self, seconds: float) -> None:
        """Nobody passes for `seconds`; a longer closing is never shortened."""
        with self._lock:
            self._opens_at = max(self._opens_at, self._clock.monotonic() + seconds)

    def wait(self) -> None:
        """Returns once open. Raises MembriUnavailable when that takes longer than patience."""
        while (remaining := self._remaining()) > 0:
            if remaining > self._patience_s:
                raise MembriUnavailable(
                    f"Membri limits our requests for {remaining:.0f} s more",
                    retry_after_s=remaining,
                )
            self._clock.sleep(remaining)

    def _remaining(self) -> float:
        with self._lock:
            return self._opens_at - self._clock.monotonic()
