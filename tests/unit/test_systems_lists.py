"""What is read of a company is kept for a while, for all threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from consumers.errors import Transient, Unavailable
from consumers.systems._lists import DAY_S, RECHECK_S, KeptLists
from schemas.reasons import SystemReason


@dataclass
class Caller:
    left: float = 5.0

    def left_s(self) -> float:
        if self.left <= 0:
            raise Transient("out of time")
        return self.left


class Lists(KeptLists):
    def __init__(self) -> None:
        super().__init__("The books", lambda: self.now)
        self.now, self.readings = 1_000.0, 0

    def read(self, max_age_s: float = DAY_S, caller: Caller | None = None) -> int:
        return self._cached(caller or Caller(), ("list",), max_age_s, self._load)

    def _load(self) -> int:
        self.readings += 1
        return self.readings


def test_an_answer_is_kept_until_it_is_too_old_for_who_asks():
    lists = Lists()
    assert [lists.read(), lists.read()] == [1, 1]
    lists.now += RECHECK_S
    assert lists.read() == 1
    assert lists.read(RECHECK_S) == 2


def test_what_is_forgotten_is_read_again_and_so_is_an_answer_from_the_future():
    lists = Lists()
    lists.read()
    lists.forget()
    assert lists.read() == 2
    lists.now -= 1
    assert lists.read() == 3


def test_a_reading_that_fails_keeps_nothing():
    lists = Lists()
    with pytest.raises(ZeroDivisionError):
        lists._cached(Caller(), ("list",), DAY_S, lambda: 1 // 0)
    assert lists.read() == 1


@pytest.mark.parametrize(
    ("left_s", "error"), [(0.05, Unavailable), (threading.TIMEOUT_MAX, None), (0, Transient)]
)
def test_nobody_waits_for_another_threads_reading_beyond_the_own_time(left_s, error):
    lists = Lists()
    reading, leave = threading.Event(), threading.Event()

    def slow() -> int:
        reading.set()
        leave.wait(30)
        return 7

    other = threading.Thread(target=lambda: lists._cached(Caller(), ("list",), DAY_S, slow))
    other.start()
    assert reading.wait(30)
    if error is None:
        leave.set()
        assert lists.read(caller=Caller(left_s)) == 7
    else:
        with pytest.raises(error) as told:
            lists.read(caller=Caller(left_s))
        assert error is Transient or told.value.reason is SystemReason.UNREACHABLE
    leave.set()
    other.join()
