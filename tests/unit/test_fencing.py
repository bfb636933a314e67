"""Who may send, until when, and whose process is surely gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.fencing import HeldLease, is_dead, process_name
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Lease, LeaseLost, LedgerUnavailable


def eventually(happens: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Ledger(MemoryLedger):
    """Counts renewals; `trouble` is raised by the next ones."""

    def __init__(self) -> None:
        super().__init__("montreal")
        self.renewals = 0
        self.trouble: list[Exception] = []
        self.release_trouble: Exception | None = None

    def renew_lease(self, lease: Lease, now: float, ttl_s: float) -> Lease:
        self.renewals += 1
        if self.trouble:
            raise self.trouble.pop(0)
        return super().renew_lease(lease, now, ttl_s)

    def release_lease(self, lease: Lease) -> None:
        if self.release_trouble is not None:
            raise self.release_trouble
        super().release_lease(lease)


@contextmanager
def held(
    ledger: Ledger, *, ttl_s: float, wall: Clock, steady: Clock, renewing: bool = True
) -> Iterator[HeldLease]:
    lease = ledger.take_lease("me", wall(), ttl_s, 0.0)
    assert lease is not None
    # A lease that is not to be renewed is one whose period is far longer than the test.
    keeper = HeldLease(ledger, lease, ttl_s=ttl_s if renewing else 1e6, now=wall, monotonic=steady)
    try:
        yield keeper
    finally:
        keeper._stop.set()
        keeper._thread.join(10.0)


def test_a_lease_lasts_until_its_end_and_not_a_moment_longer() -> None:
    wall, steady = Clock(), Clock()
    with held(Ledger(), ttl_s=15.0, wall=wall, steady=steady, renewing=False) as keeper:
        wall.at += 14.9
        assert keeper.current().owner == "me"
        wall.at += 0.1
        with pytest.raises(LeaseLost):
            keeper.current()


def test_a_clock_that_is_set_back_does_not_revive_a_lease() -> None:
    wall, steady = Clock(), Clock()
    with held(Ledger(), ttl_s=0.2, wall=wall, steady=steady) as keeper:
        keeper._stop.set()
        keeper._thread.join(10.0)  # as if frozen: nothing is renewed any more
        steady.at += 3600.0
        wall.at -= 3600.0
        with pytest.raises(LeaseLost):
            keeper.current()


def test_a_lease_is_renewed_by_itself() -> None:
    ledger, wall, steady = Ledger(), Clock(), Clock()
    with held(ledger, ttl_s=0.06, wall=wall, steady=steady) as keeper:
        first = keeper.current()
        wall.at += 0.05
        steady.at += 0.05
        eventually(lambda: keeper._held[0].until > first.until)
        wall.at += 0.05
        steady.at += 0.05
        assert keeper.current().token == first.token


def test_a_lease_that_somebody_took_is_lost_at_once_and_for_good() -> None:
    ledger, wall = Ledger(), Clock()
    with held(ledger, ttl_s=0.06, wall=wall, steady=Clock()) as keeper:
        taken = ledger.take_lease("other", wall(), 100.0, 0.0, lambda _owner: True)
        assert taken is not None
        eventually(lambda: keeper._lost)
        with pytest.raises(LeaseLost):
            keeper.current()
        assert ledger.lease_holder() == taken


def test_a_ledger_that_is_away_is_asked_again() -> None:
    ledger = Ledger()
    ledger.trouble = [LedgerUnavailable("locked"), LedgerUnavailable("locked")]
    with held(ledger, ttl_s=0.06, wall=Clock(), steady=Clock()) as keeper:
        eventually(lambda: ledger.renewals >= 3)
        assert keeper.current().owner == "me"


def test_a_lease_given_back_is_free_at_once() -> None:
    ledger, wall = Ledger(), Clock()
    with held(ledger, ttl_s=15.0, wall=wall, steady=Clock()) as keeper:
        assert ledger.take_lease("other", wall(), 15.0, 100.0) is None
        keeper.close()
        assert ledger.take_lease("other", wall(), 15.0, 100.0) is not None


def test_a_lease_that_cannot_be_given_back_ends_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = Ledger()
    ledger.release_trouble = LedgerUnavailable("no disk")
    with held(ledger, ttl_s=15.0, wall=Clock(), steady=Clock()) as keeper:
        keeper.close()
    assert "ends by itself" in caplog.text


# --- who is dead --------------------------------------------------------------------------------

NAME = "from consumers.fencing import process_name; print(process_name(), flush=True)"


@contextmanager
def child(then: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that says its name, then does as told."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{NAME}\n{then}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_running_process_is_not_dead_and_one_that_ended_is() -> None:
    with child("import time; time.sleep(600)") as (process, name):
        assert not is_dead(name)
        process.kill()
        process.wait()
        assert is_dead(name)


def test_a_frozen_process_is_not_dead() -> None:
    with child("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)") as (process, name):
        eventually(lambda: state_of(process.pid) == "T")
        assert not is_dead(name)


def test_a_zombie_is_dead() -> None:
    with child("") as (process, name):
        eventually(lambda: state_of(process.pid) == "Z")
        assert is_dead(name)


def test_this_process_is_not_dead() -> None:
    assert not is_dead(process_name())


@pytest.mark.parametrize(
    ("part", "value", "dead"),
    [
        (0, "a-clone-of-this-machine", False),  # names do not matter: the rest is this process
        (1, "another-boot", False),
        (1, "", False),
        (2, "pid:[1]", False),
        (2, "", False),
        (3, "not-a-number", False),
        (4, "1", True),  # its number was given to another process since
        (4, "", False),
    ],
)
def test_a_process_is_declared_dead_only_when_its_number_means_something_here(
    part: int, value: str, dead: bool
) -> None:
    parts = process_name().split("|")
    parts[part] = value
    assert is_dead("|".join(parts)) is dead


@pytest.mark.parametrize("name", ["", "bench", "a|b|c", "a|b|c|1|2|3"])
def test_a_name_of_another_kind_is_nobody_that_can_be_declared_dead(name: str) -> None:
    assert not is_dead(name)


def test_a_process_with_the_number_of_one_elsewhere_is_not_taken_for_it() -> None:
    host = socket.gethostname()
    assert not is_dead(f"{host}|other-boot|pid:[4026531836]|{os.getpid()}|1")


def test_where_there_is_no_proc_nobody_is_declared_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = process_name().rpartition("|")[0] + "|1"
    assert is_dead(gone)

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError("no /proc")

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "readlink", missing)
    assert not is_dead(gone)
    assert process_name().split("|")[1:3] == ["", ""]


def test_renewing_stops_with_the_thread() -> None:
    before = threading.active_count()
    with held(Ledger(), ttl_s=15.0, wall=Clock(), steady=Clock()) as keeper:
        keeper.close()
        assert not keeper._thread.is_alive()
    assert threading.active_count() <= before
