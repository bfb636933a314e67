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

from consumers.ledger import database
from consumers.ledger.port import Changes, Key, Ledger, LedgerUnavailable
from consumers.ledger.sql import SqlLedger, open_engine, open_ledger
from schemas.statuses import Entity
from tests.ledger_builders import NOW, done, invoice, message, note, put
from tests.postgres_server import PASSWORD, PrivatePostgres, private_postgres

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


@pytest.fixture
def own_server() -> Iterator[PrivatePostgres]:
    """A server that this test alone stops and starts."""
    with private_postgres() as server:
        yield server


def all_reads(ledger: Ledger) -> list[Callable[[], object]]:
    key = Key(Entity.INVOICE, "i1")
    return [
        lambda: ledger.entries([key]),
        lambda: ledger.waits([key]),
        lambda: ledger.waiters([key]),
        lambda: ledger.due(NOW, 1),
        ledger.next_due,
        ledger.waiting,
        ledger.waiting_counts,
        ledger.state_counts,
        lambda: ledger.outbox(1),
        ledger.outbox_count,
        lambda: ledger.steps(key, 0),
        lambda: ledger.timeline("i1"),
        ledger.lease_holder,
        ledger.paused,
    ]


def all_writes(ledger: Ledger) -> list[Callable[[], object]]:
    lease = ledger.take_lease("first", NOW, 1e9, 5)
    assert lease is not None
    return [
        lambda: ledger.commit(Changes(entries=[done(invoice("i2"))]), lease, NOW),
        lambda: ledger.remember_step(invoice(), 0, "draft", "1", lease, NOW),
        lambda: ledger.published([1]),
        lambda: ledger.renew_lease(lease, NOW, 1),
        lambda: ledger.pause(None),
        lambda: ledger.take_lease("first", NOW, 1e9, 5),
        lambda: ledger.release_lease(lease),
    ]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_goes_away_is_unavailable_and_the_same_object_recovers(
    own_server: PrivatePostgres, how: signal.Signals
) -> None:
    ledger = open_ledger(own_server.new_database(), "montreal")
    put(ledger, entries=[done(invoice())])
    calls = [*all_writes(ledger), *all_reads(ledger)]
    own_server.stop(how)
    for call in calls:
        with pytest.raises(LedgerUnavailable) as failure:
            call()
        assert PASSWORD not in str(failure.value)
    own_server.start()
    for call in calls:
        call()
    assert set(ledger.entries([invoice(), invoice("i2")])) == {invoice(), invoice("i2")}
    ledger.close()


def test_a_server_restarted_while_nobody_looked_costs_no_error(
    own_server: PrivatePostgres,
) -> None:
    ledger = open_ledger(own_server.new_database(), "montreal")
    put(ledger, entries=[done(invoice())])
    own_server.stop()
    own_server.start()
    put(ledger, entries=[done(invoice("i2"))])
    assert set(ledger.entries([invoice(), invoice("i2")])) == {invoice(), invoice("i2")}
    ledger.close()


def test_a_server_lost_in_the_middle_of_a_commit_commits_nothing(
    own_server: PrivatePostgres,
) -> None:
    ledger = open_ledger(own_server.new_database(), "montreal")
    put(ledger, entries=[done(invoice())])

    class StopsTheServer(list[object]):
        """The last part of a commit that is asked for."""

        def __iter__(self) -> Iterator[Any]:
            own_server.stop(signal.SIGQUIT)
            return iter([note(invoice("half"))])

    half = Changes(
        entries=[done(invoice("half"))],
        outbox=[message("half")],
        notes=StopsTheServer(),  # type: ignore[arg-type] # a list that acts when it is read
    )
    with pytest.raises(LedgerUnavailable):
        ledger.commit(half, None, NOW)
    own_server.start()
    assert set(ledger.entries([invoice(), invoice("half")])) == {invoice()}
    assert ledger.outbox_count() == 0
    ledger.close()


def test_every_postgresql_session_is_durable_and_cannot_block_others_for_ever(
    own_server: PrivatePostgres,
) -> None:
    # The server's own default here is the opposite: synchronous_commit = off.
    engine = open_engine(own_server.new_database())
    with engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "synchronous_commit",
                "idle_in_transaction_session_timeout",
                "lock_timeout",
                "statement_timeout",
                "transaction_isolation",
            )
        }
    engine.dispose()
    assert shown == {
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "30s",
        "lock_timeout": "15s",
        "statement_timeout": "30s",
        "transaction_isolation": "read committed",
    }


def test_a_process_frozen_inside_a_commit_frees_the_chapter_on_postgresql(
    own_server: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own_server.new_database()
    limits = {**database.SESSION_LIMITS_MS, "idle_in_transaction_session_timeout": 200}
    monkeypatch.setattr(database, "SESSION_LIMITS_MS", limits)
    frozen, successor = open_ledger(url, "montreal"), open_ledger(url, "montreal")
    with pytest.raises(LedgerUnavailable), frozen._transaction() as connection:
        frozen._lock_chapter(connection)
        put(successor, entries=[done(invoice())])  # waits until the server ends the other session
        frozen._set_lease(connection, None, 7)
    assert successor.entries([invoice()]) == {invoice(): done(invoice())}
    put(frozen, entries=[done(invoice("i2"))])
    frozen.close()
    successor.close()
