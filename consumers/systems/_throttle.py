"""No more requests than a vendor takes from one company.

What comes in: a thread that wants to send one request. What goes out: its slot, when its time has
come. Refused: a slot that is further away than the caller can wait, and any slot while the vendor
has asked for silence (429).

A slot counts from its grant until one window after the answer came. The server sees the request
somewhere in between, so no window of the server's own clock can hold more than the limit, however
the network delays requests.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from consumers.errors import Unavailable
from schemas.reasons import SystemReason
from schemas.sentences import say

_RECHECK_S = 0.01  # only the answers of others can free a slot, and they announce nothing


@dataclass
class _Window:
    """How many were sent in the last `length_s`."""

    limit: int
    length_s: float
    ended: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float, in_flight: int) -> float:
        """Seconds until one more fits; 0 when it does now."""
        while self.ended and self.ended[0] + self.length_s <= now:
            self.ended.popleft()
        excess = len(self.ended) + in_flight - self.limit
        if excess < 0:
            return 0.0
        if excess >= len(self.ended):
            return _RECHECK_S
        return max(self.ended[excess] + self.length_s - now, _RECHECK_S)


class Throttle:
    """Shared by all threads of one company."""

    def __init__(
        self,
        limits: Mapping[float, int],
        *,
        title: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`limits`: length of a window in seconds → requests it may hold. `title`: who asked for
        silence, as people call it."""
        self._windows = tuple(_Window(limit, length_s) for length_s, limit in limits.items())
        self._title = title
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._in_flight = 0
        self._silent_until = float("-inf")

    def silence(self, seconds: float) -> None:
        """No request of any thread for `seconds`: the vendor said so."""
        with self._lock:
            self._silent_until = max(self._silent_until, self._clock() + seconds)

    @contextmanager
    def slot(self, wait_max_s: float) -> Iterator[None]:
        """Holds one slot for the length of a request.

        Raises Unavailable(throttled) when none comes free within `wait_max_s` seconds.
        """
        self._take(self._clock() + wait_max_s)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
                now = self._clock()
                for window in self._windows:
                    window.ended.append(now)

    def _take(self, give_up_at: float) -> None:
        while True:
            with self._lock:
                now = self._clock()
                if now < self._silent_until:
                    left = self._silent_until - now
                    raise _throttled(say("{system} asked to wait", system=self._title), left)
                wait_s = max(w.wait_s(now, self._in_flight) for w in self._windows)
                if wait_s == 0:
                    self._in_flight += 1
                    return
            if now + wait_s > give_up_at:
                raise _throttled(say("our own limit of requests is reached"), wait_s)
            self._sleep(wait_s)


def _throttled(why: str, seconds: float) -> Unavailable:
    return Unavailable(
        SystemReason.THROTTLED, f"{why}; {seconds:.0f} s left", retry_after_s=seconds
    )
