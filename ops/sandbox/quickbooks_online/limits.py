"""How many calls a company takes: per second, per minute, batches, and reads in a month.

In: one call. Out: nothing, or a GatewayRefusal carrying 3001. The windows are of real time and in
memory; the monthly count is in the store. The wait after a refusal refuses everything.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online.answers import GatewayRefusal
from ops.sandbox.quickbooks_online.options import Options

MINUTE_S = 60.0


class Throttled(GatewayRefusal):
    """Too many calls. `rude`: the client had been told to wait, and did not."""

    def __init__(self, options: Options, wait_s: float, detail: str, *, rude: bool) -> None:
        headers = {"Retry-After": str(math.ceil(wait_s))} if options.retry_after else {}
        super().__init__(3001, options.throttle_status, detail, headers)
        self.rude = rude


class _Windows:
    def __init__(self) -> None:
        self.second: deque[float] = deque()
        self.minute: deque[float] = deque()
        self.batches: deque[float] = deque()
        self.refused_at = -math.inf

    def forget(self, now: float) -> None:
        """Drops the calls that no longer count."""
        for times, span_s in (
            (self.second, 1.0),
            (self.minute, MINUTE_S),
            (self.batches, MINUTE_S),
        ):
            while times and now - times[0] >= span_s:
                times.popleft()


class Limits:
    """The limits of every company. `monotonic` gives seconds and only ever grows."""

    def __init__(
        self, store: Store, options: Options, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._options = options
        self._monotonic = monotonic
        self._windows: dict[str, _Windows] = {}

    def admit(self, realm: str, *, batch: bool = False) -> None:
        """Counts one call. Raises Throttled when it is one too many, or comes during the wait."""
        now = self._monotonic()
        windows = self._windows.setdefault(realm, _Windows())
        options = self._options
        since = now - windows.refused_at
        if since < options.throttle_wait_s:
            rude = since > options.throttle_grace_s
            raise Throttled(options, options.throttle_wait_s - since, "wait", rude=rude)
        windows.forget(now)
        over = (
            len(windows.second) >= options.per_second
            or len(windows.minute) >= options.per_minute
            or (batch and len(windows.batches) >= options.batches_per_minute)
        )
        if over:
            windows.refused_at = now
            raise Throttled(options, options.throttle_wait_s, "too many calls", rude=False)
        windows.second.append(now)
        windows.minute.append(now)
        if batch:
            windows.batches.append(now)

    def count_read(self, now: datetime) -> None:
        """Counts one metered read of this month. Raises Throttled above the quota."""
        number = self._store.next_number(f"reads/{now:%Y-%m}")
        quota = self._options.monthly_reads
        if quota and number > quota:
            raise Throttled(self._options, MINUTE_S, "monthly quota reached", rude=False)
