"""When it is tried again: growing, bounded, never before the vendor's own wish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.errors import Transient, Unavailable
from consumers.retrying import RetryPolicy, Stopped, until_available
from schemas.reasons import SystemReason

POLICY = RetryPolicy()
CURVES = {
    "transient": (POLICY.transient_delay_s, POLICY.first_s, POLICY.cap_s),
    "unknown": (POLICY.unknown_delay_s, POLICY.unknown_first_s, POLICY.unknown_cap_s),
    "probe": (POLICY.probe_delay_s, POLICY.probe_first_s, POLICY.probe_cap_s),
}


@pytest.mark.parametrize("name", sorted(CURVES))
@given(attempt=st.integers(1, 10_000))
def test_delays_stay_between_the_first_and_the_cap(name: str, attempt: int) -> None:
    delay_s, first_s, cap_s = CURVES[name]
    assert first_s <= delay_s(attempt) <= cap_s


@pytest.mark.parametrize("name", sorted(CURVES))
def test_delays_double_until_the_cap(name: str) -> None:
    delay_s, first_s, cap_s = CURVES[name]
    for attempt in range(1, 5):
        floor = first_s * 2 ** (attempt - 1)
        assert floor <= delay_s(attempt) <= floor + first_s / 2
    assert delay_s(40) == cap_s


def test_no_attempt_counts_as_the_first_one() -> None:
    assert POLICY.first_s <= POLICY.transient_delay_s(0) <= 1.5 * POLICY.first_s


def test_the_vendors_wish_is_a_floor() -> None:
    assert POLICY.transient_delay_s(1, 3600.0) == 3600.0
    assert POLICY.transient_delay_s(30, 1.0) == POLICY.cap_s


def closed(retry_after_s: float | None = None) -> Unavailable:
    return Unavailable(SystemReason.UNREACHABLE, "refused", retry_after_s=retry_after_s)


def test_a_closed_system_is_asked_until_it_opens_and_each_wait_is_told_before_it() -> None:
    answers: list[Unavailable | str] = [closed(), closed(30.0), "open"]
    told: list[tuple[str, float]] = []
    waited: list[float] = []

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def wait(seconds: float) -> bool:
        assert len(told) == len(waited) + 1
        waited.append(seconds)
        return False

    def on_closed(error: Unavailable, seconds: float) -> None:
        told.append((error.detail, seconds))

    assert until_available(call, POLICY, wait, on_closed) == "open"
    assert [seconds for _, seconds in told] == waited
    assert POLICY.probe_first_s <= waited[0] <= POLICY.probe_cap_s
    assert waited[1] == 30.0


def test_a_process_that_stops_while_it_waits_stops() -> None:
    def call() -> str:
        raise closed()

    with pytest.raises(Stopped):
        until_available(call, POLICY, lambda _seconds: True, lambda _error, _seconds: None)


def test_other_failures_are_not_waited_for() -> None:
    def call() -> str:
        raise Transient("locked")

    def wait(_seconds: float) -> bool:
        raise AssertionError("it waited")

    with pytest.raises(Transient):
        until_available(call, POLICY, wait, lambda _error, _seconds: None)
