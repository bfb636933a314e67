"""The ledger between processes and threads: frozen, killed, at once, its server restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from consumers.ledger.port import Changes
from consumers.ledger.sql import SqlLedger, open_engine, open_ledger
from schemas.statuses import Entity
from tests.ledger_builders import NOW, done, invoice, message, note, put
from tests.postgres_server import PrivatePostgres

pytest_plugins = ["tests.fixtures_postgres"]

ROOT = Path(__file__).resolve().parents[2]

# Takes the lease, says its token, and commits at each line it reads. Its clock stands still, as a
# frozen process's would.
HOLDER = """
import sys
from consumers.ledger.port import Changes, LeaseLost
from consumers.ledger.sql import open_ledger
from tests.ledger_builders import NOW, done, invoice
ledger = open_ledger(sys.argv[1], "montreal")
lease = ledger.take_lease("first", NOW, 10, 5)
print("holds", lease.token, flush=True)
for line in sys.stdin:
    try:
        ledger.commit(Changes(entries=[done(invoice(line.strip()))]), lease, NOW)
        print("committed", flush=True)
    except LeaseLost:
        print("lost", flush=True)
"""

# Commits batches for ever and says each one that the ledger called durable.
WRITER = """
import sys
from consumers.ledger.port import Changes
from consumers.ledger.sql import open_ledger
from tests.ledger_builders import NOW, done, invoice, message, note
ledger = open_ledger(sys.argv[1], "montreal")
number = int(sys.argv[2])
while True:
    keys = [invoice(f"{number}-{n}") for n in range(20)]
    ledger.commit(
        Changes(
            entries=[done(key) for key in keys],
            outbox=[message(key.id) for key in keys],
            notes=[note(key) for key in keys],
        ),
        None,
        NOW,
    )
    print(number, flush=True)
    number += 1
"""


@contextmanager
def child(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str], line: str | None = None) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if line is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        return postgres.new_database()
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    ledger = open_ledger(url, "montreal")
    yield ledger
    ledger.close()


def test_a_holder_that_was_frozen_commits_nothing_once_it_was_replaced(
    url: str, ledger: SqlLedger
) -> None:
    with child(HOLDER, url) as holder:
        assert answer(holder) == "holds 1"
        assert answer(holder, "before") == "committed"
        os.kill(holder.pid, signal.SIGSTOP)
        assert ledger.take_lease("second", NOW + 14, 10, 5) is None
        successor = ledger.take_lease("second", NOW + 15, 10, 5)
        assert successor is not None
        os.kill(holder.pid, signal.SIGCONT)
        assert answer(holder, "after") == "lost"
    assert set(ledger.entries([invoice("before"), invoice("after")])) == {invoice("before")}
    ledger.commit(Changes(entries=[done(invoice("mine"))]), successor, NOW + 16)
    assert ledger.state_counts() == {(done(invoice()).state, Entity.INVOICE): 2}


def test_the_lease_of_a_killed_process_is_taken_at_once_when_it_is_known_dead(
    url: str, ledger: SqlLedger
) -> None:
    with child(HOLDER, url) as holder:
        assert answer(holder) == "holds 1"
        holder.kill()
        holder.wait()
        assert ledger.take_lease("second", NOW, 10, 5) is None
        assert ledger.take_lease("second", NOW, 10, 5, lambda owner: owner == "first") is not None


def test_a_kill_during_commits_loses_nothing_committed_and_leaves_no_half(
    url: str, ledger: SqlLedger
) -> None:
    promised: set[int] = set()
    for round_ in range(5):
        with child(WRITER, url, str(round_ * 1_000_000)) as writer:
            # A different moment of a commit each round; the kill itself falls where it falls.
            for _ in range(10 + 7 * round_):
                promised.add(int(answer(writer)))
            writer.kill()
            rest, _ = writer.communicate()
            promised.update(int(line) for line in rest.split())
    messages = [m.message_id for m in ledger.outbox(1_000_000)]
    told = {name.split("-")[0] for name in messages}
    assert {str(number) for number in promised} <= told
    # At most the one commit of each round whose promise was not read any more.
    assert len(told) <= len(promised) + 5
    assert len(messages) == len(set(messages)) == 20 * len(told)
    everything = [invoice(name) for name in messages]
    assert len(ledger.entries(everything)) == len(everything)
    assert all(len(ledger.timeline(key.id)) == 1 for key in everything)
    [(_, entries)] = ledger.state_counts().items()
    assert entries == len(everything)


def in_threads(work: Callable[[int], Any], count: int) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:  # noqa: BLE001 - handed to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_share_one_ledger_and_lose_nothing(ledger: SqlLedger) -> None:
    lease = ledger.take_lease("first", NOW, 1e9, 5)
    assert lease is not None

    def work(number: int) -> None:
        for turn in range(25):
            key = invoice(f"{number}-{turn}")
            ledger.commit(
                Changes(entries=[done(key)], outbox=[message(key.id)], notes=[note(key)]),
                lease,
                NOW,
            )
            ledger.remember_step(key, 0, "draft", f"{number}", lease, NOW)
            ledger.renew_lease(lease, NOW + turn, 1e9)
            assert ledger.entries([key]) == {key: done(key)}
            assert ledger.steps(key, 0) == {"draft": f"{number}"}

    in_threads(work, 4)
    assert ledger.outbox_count() == 100
    numbers = [m.id for m in ledger.outbox(200)]
    assert numbers == sorted(set(numbers))


def test_two_ledger_objects_on_one_database_write_at_once(url: str, ledger: SqlLedger) -> None:
    """As two processes would: each waits for the other's lock instead of failing."""
    engines = [open_engine(url) for _ in range(3)]

    def work(number: int) -> None:
        own = SqlLedger(engines[number], "montreal")
        for turn in range(15):
            put(own, entries=[done(invoice(f"{number}-{turn}"))], outbox=[message(f"{number}")])
            put(own, entries=[done(invoice("shared"))])

    in_threads(work, 3)
    for engine in engines:
        engine.dispose()
    assert ledger.outbox_count() == 45
    assert ledger.state_counts() == {(done(invoice()).state, Entity.INVOICE): 46}


def test_one_lease_for_many_that_ask_at_once(url: str, ledger: SqlLedger) -> None:
    engines = [open_engine(url) for _ in range(4)]
    taken: list[object] = []

    def work(number: int) -> None:
        lease = SqlLedger(engines[number], "montreal").take_lease(f"owner {number}", NOW, 10, 5)
        if lease is not None:
            taken.append(lease)

    in_threads(work, 4)
    for engine in engines:
        engine.dispose()
    assert taken == [ledger.lease_holder()]
