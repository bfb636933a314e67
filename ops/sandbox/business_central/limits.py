"""How much one application registration may ask (business-central.md, section 13).

In: one call. Out: nothing, or a refusal 429, 503, 408 or 504, with or without Retry-After. Windows
and waits are of monotonic time, in seconds and in memory.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ops.sandbox.business_central.answers import Refusal
from ops.sandbox.business_central.options import Options

_CODES = {429: "Application_TooManyRequests", 503: "Internal_ServerUnavailable"}
OFTEN = 3


@dataclass
class Ordered:
    """Refusals ordered by the admin route: the next `times` calls."""

    times: int
    status: int
    retry_after_s: int


class Limits:
    def __init__(self, options: Options, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._monotonic = monotonic
        self._calls: deque[float] = deque()
        self._ordered: list[Ordered] = []
        self._wait_until = -math.inf
        self._crowded = 0
        self.in_flight = 0

    def order(self, times: int, status: int, retry_after_s: int = 0) -> None:
        self._ordered.append(Ordered(times, status, retry_after_s))

    def admit(self, offend: Callable[[str, str], None]) -> None:
        """Counts one call. Raises Refusal when it is one too many."""
        now = self._monotonic()
        if now < self._wait_until:
            offend("retry_after_ignored", f"{self._wait_until - now:.1f} s too early")
        if self.in_flight > self._options.in_flight_tolerated:
            self._crowded += 1
            if self._crowded >= OFTEN:
                offend("too_many_in_flight", f"{self.in_flight} at once")
        if self._ordered:
            self._refuse_as_ordered(now)
        while self._calls and now - self._calls[0] >= self._options.window_s:
            self._calls.popleft()
        full = len(self._calls) >= self._options.requests_per_window
        if full or self.in_flight > self._options.max_connections:
            self._refuse(now, 429, self._options.retry_after_s)
        self._calls.append(now)

    def _refuse_as_ordered(self, now: float) -> None:
        first = self._ordered[0]
        first.times -= 1
        if first.times <= 0:
            self._ordered.pop(0)
        self._refuse(now, first.status, first.retry_after_s)

    def _refuse(self, now: float, status: int, retry_after_s: int) -> None:
        refusal = Refusal(_CODES.get(status, "Unknown"), "throttled", status=status)
        if retry_after_s:
            refusal.headers["Retry-After"] = str(retry_after_s)
            self._wait_until = now + retry_after_s
        raise refusal
