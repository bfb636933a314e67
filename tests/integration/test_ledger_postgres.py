"""The ledger on a PostgreSQL server that goes away, comes back, or holds somebody else's lock."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from consumers.ledger import database
from consumers.ledger.migrating import _LOCK
from consumers.ledger.port import Changes, Key, Ledger, LedgerUnavailable
from consumers.ledger.sql import open_engine, open_ledger
from schemas.statuses import Entity
from tests.ledger_builders import NOW, done, invoice, message, note, put
from tests.postgres_server import PASSWORD, PrivatePostgres, private_postgres

pytest_plugins = ["tests.fixtures_postgres"]


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

    def commit_that_stands_still() -> None:
        with frozen._transaction() as connection:
            frozen._lock_chapter(connection)
            put(successor, entries=[done(invoice())])  # waits until the server ends the other
            frozen._set_lease(connection, None, 7)

    with pytest.raises(LedgerUnavailable):
        commit_that_stands_still()
    assert successor.entries([invoice()]) == {invoice(): done(invoice())}
    assert successor.lease_holder() is None
    put(frozen, entries=[done(invoice("i2"))])
    frozen.close()
    successor.close()


def test_a_lease_cannot_change_hands_between_its_check_and_the_commit(
    own_server: PrivatePostgres,
) -> None:
    url = own_server.new_database()
    holder, successor = open_ledger(url, "montreal"), open_ledger(url, "montreal")
    lease = holder.take_lease("first", NOW, 10, 5)
    taken: list[object] = []
    taking = threading.Thread(
        target=lambda: taken.append(successor.take_lease("second", NOW + 15, 10, 5))
    )
    with holder._transaction() as connection:
        holder._refuse_unless_held(connection, lease, NOW)
        taking.start()
        while not taken and not _somebody_waits_for_a_lock(url):
            taking.join(0.02)
        assert taken == []
    taking.join()
    assert taken == [holder.lease_holder()]
    holder.close()
    successor.close()


def test_a_process_that_starts_waits_for_the_one_that_migrates(
    own_server: PrivatePostgres,
) -> None:
    url = own_server.new_database()
    opened: list[Engine] = []
    opening = threading.Thread(target=lambda: opened.append(open_engine(url)))
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as migrating:
        migrating.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        opening.start()
        while not opened and not _somebody_waits_for_a_lock(url):
            opening.join(0.02)
        assert opened == []
    opening.join()
    [engine] = opened
    engine.dispose()


def _somebody_waits_for_a_lock(url: str) -> bool:
    conninfo = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(conninfo) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        [(count,)] = connection.execute(query).fetchall()
    return bool(count)
