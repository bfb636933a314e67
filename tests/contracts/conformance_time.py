"""Time that passes when somebody sleeps: no test waits for a limit or for an expiry."""

from __future__ import annotations

import datetime as dt
import time


class VirtualTime:
    """Real time, plus whatever somebody slept."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.slept_s

    def clock(self) -> float:
        return time.time() + self.slept_s

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC)

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
