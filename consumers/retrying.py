"""When to try again: the one place that uses tenacity.

Delays grow exponentially with jitter, up to a cap. A vendor's own Retry-After is a floor: never
earlier, possibly later. Nothing here sleeps by itself: the caller gives the way to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_base, wait_exponential_jitter

from consumers.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how far apart. Seconds; `retry_max` counts tries of one version of a record."""

    retry_max: int = 8
    first_s: float = 5.0
    cap_s: float = 900.0
    unknown_first_s: float = 2.0
    unknown_cap_s: float = 600.0
    probe_first_s: float = 1.0
    probe_cap_s: float = 120.0

    def transient_delay_s(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Seconds before try number `attempt` + 1 of a record that could not go now."""
        return _delay(_curve(self.first_s, self.cap_s), attempt, retry_after_s)

    def probe_delay_s(self, attempt: int) -> float:
        """Seconds before a system that was closed is asked again, after its probe succeeded."""
        return _delay(_curve(self.probe_first_s, self.probe_cap_s), attempt, None)

    def unknown_delay_s(self, attempt: int) -> float:
        """Seconds before the books are asked again about a record whose fate is unknown."""
        return _delay(_curve(self.unknown_first_s, self.unknown_cap_s), attempt, None)


def _curve(first_s: float, cap_s: float) -> wait_base:
    return wait_exponential_jitter(multiplier=first_s, max=cap_s, jitter=first_s / 2)


def _delay(curve: wait_base, attempt: int, retry_after_s: float | None) -> float:
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = max(1, attempt)
    return max(float(curve(state)), retry_after_s or 0.0)


class Stopped(Exception):
    """The process was asked to stop while it waited."""


def until_available(
    call: Callable[[], T],
    policy: RetryPolicy,
    wait: Callable[[float], bool],
    on_closed: Callable[[Unavailable, float], None],
) -> T:
    """`call()`'s answer, asked again with back-off for as long as it raises Unavailable.

    `wait(seconds)` returns True when the process should stop: then Stopped is raised.
    `on_closed(error, seconds)` is told before each wait.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Unavailable):
            on_closed(error, state.next_action.sleep if state.next_action else 0.0)

    def delay(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wished = error.retry_after_s if isinstance(error, Unavailable) else None
        curve = _curve(policy.probe_first_s, policy.probe_cap_s)
        return max(float(curve(state)), wished or 0.0)

    def sleep(seconds: float) -> None:
        if wait(seconds):
            raise Stopped

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable)),
        wait=delay,
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    return retrying(call)
