"""The limits of QuickBooks, on a virtual clock."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.errors import Unavailable
from consumers.systems._throttle import Throttle
from schemas.reasons import SystemReason


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def most_in_any(window_s: float, moments: list[float]) -> int:
    """The most moments that any window of that length, open at its end, can hold."""
    return max(
        sum(1 for other in moments if moment <= other < moment + window_s) for moment in moments
    )


@given(
    pauses=st.lists(st.floats(0, 0.4), min_size=1, max_size=120),
    latencies=st.lists(st.floats(0, 0.5), min_size=120, max_size=120),
    seen=st.lists(st.floats(0, 1), min_size=120, max_size=120),
    per_s=st.integers(1, 10),
)
def test_no_second_of_the_server_ever_holds_more_than_the_limit(
    pauses: list[float], latencies: list[float], seen: list[float], per_s: int
) -> None:
    clock = Clock()
    throttle = Throttle({1.0: per_s, 60.0: 500}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    at_the_server: list[float] = []
    for pause, latency, share in zip(pauses, latencies, seen, strict=False):
        clock.now += pause
        with throttle.slot(60):
            at_the_server.append(clock.now + latency * share)
            clock.now += latency
    # A window that ends a rounding error early is what floats allow.
    assert most_in_any(1 - 1e-6, at_the_server) <= per_s


@given(latencies=st.lists(st.floats(0, 0.2), min_size=30, max_size=60), per_min=st.integers(5, 20))
def test_no_minute_ever_holds_more_than_the_limit(latencies: list[float], per_min: int) -> None:
    clock = Clock()
    throttle = Throttle(
        {1.0: 10, 60.0: per_min}, title="QuickBooks", clock=clock, sleep=clock.sleep
    )
    moments: list[float] = []
    for latency in latencies:
        with throttle.slot(120):
            moments.append(clock.now)
            clock.now += latency
    assert most_in_any(60 - 1e-6, moments) <= per_min


def test_ten_requests_need_no_waiting_and_the_eleventh_waits_a_second() -> None:
    clock = Clock()
    throttle = Throttle({1.0: 10, 60.0: 500}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    for _ in range(10):
        with throttle.slot(5):
            pass
    assert clock.now == 1000.0
    with throttle.slot(5):
        pass
    assert clock.now == pytest.approx(1001.0)


def test_whoever_cannot_wait_long_enough_is_told_how_long() -> None:
    clock = Clock()
    throttle = Throttle({1.0: 10, 60.0: 1}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    with throttle.slot(5):
        pass
    with pytest.raises(Unavailable) as info, throttle.slot(5):
        pass
    assert info.value.reason is SystemReason.THROTTLED
    assert info.value.retry_after_s == pytest.approx(60)
    assert clock.now == 1000.0


def test_nobody_sends_while_quickbooks_wants_silence() -> None:
    clock = Clock()
    throttle = Throttle({1.0: 10, 60.0: 500}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    throttle.silence(60)
    throttle.silence(5)
    clock.now += 59
    with pytest.raises(Unavailable) as info, throttle.slot(600):
        pass
    assert info.value.retry_after_s == pytest.approx(1)
    clock.now += 1
    with throttle.slot(0):
        pass


def test_a_request_under_way_holds_its_slot_until_its_answer() -> None:
    clock = Clock()
    throttle = Throttle({1.0: 1, 60.0: 500}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    first = throttle.slot(1)
    first.__enter__()
    clock.now += 30
    with pytest.raises(Unavailable), throttle.slot(1):
        pass
    first.__exit__(None, None, None)
    with throttle.slot(2):
        pass


def test_a_request_that_fails_counts_as_one_that_was_sent() -> None:
    clock = Clock()
    throttle = Throttle({1.0: 1, 60.0: 500}, title="QuickBooks", clock=clock, sleep=clock.sleep)
    with pytest.raises(RuntimeError, match="broken"), throttle.slot(1):
        raise RuntimeError("broken")
    with throttle.slot(2):
        pass
    assert clock.now == pytest.approx(1001)


def test_threads_share_the_limit() -> None:
    clock = Clock()
    lock = threading.Lock()
    moments: list[float] = []

    def sleep(seconds: float) -> None:
        with lock:
            clock.now += seconds

    throttle = Throttle({1.0: 10, 60.0: 500}, title="QuickBooks", clock=clock, sleep=sleep)

    def send() -> None:
        for _ in range(25):
            with throttle.slot(600):
                moments.append(clock.now)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == 100
    assert most_in_any(1 - 1e-6, moments) <= 10
