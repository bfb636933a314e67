"""How many calls the application may make: at once and in a day (sage-accounting.md, section 11).

In: one call. Out: whether it came during the wait of a 429, or a 429. The counts are in memory, by
day of the simulated clock; the wait is of real time. Two POSTs at once on a resource numbered in
sequence are seen here too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from ops.sandbox.sage_accounting.answers import Problem, Refusal
from ops.sandbox.sage_accounting.options import Options

GRACE_S = 1.0


class Limits:
    """`monotonic` gives seconds and only ever grows."""

    def __init__(
        self, options: Options, clock: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._options = options
        self._clock = clock
        self._monotonic = monotonic
        self._refused_at = -math.inf
        self._day = ""
        self._today = 0
        self._at_once = 0
        self._numbering: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def call(self) -> Iterator[bool]:
        """Counts one call while it lasts; yields whether it should have waited.

        Raises Refusal (429).
        """
        day = self._clock().date().isoformat()
        if day != self._day:
            self._day, self._today = day, 0
        self._today += 1
        too_many = self._at_once >= self._options.concurrent_requests
        if too_many or self._today > self._options.daily_requests:
            wait_s = self._options.retry_after_s
            self._refused_at = self._monotonic()
            problem = Problem("TooManyRequests", "Too many requests, wait and repeat.")
            raise Refusal(429, problem, headers={"Retry-After": str(wait_s)} if wait_s else {})
        self._at_once += 1
        since_s = self._monotonic() - self._refused_at
        try:
            # Calls already on their way when the 429 left are nobody's fault.
            yield GRACE_S < since_s < self._options.retry_after_s
        finally:
            self._at_once -= 1

    @contextmanager
    def numbering(self, business: str, resource: str) -> Iterator[bool]:
        """Holds a sequence for one POST; yields whether another POST holds it already."""
        key = (business, resource)
        self._numbering[key] += 1
        try:
            yield self._numbering[key] > 1
        finally:
            self._numbering[key] -= 1
