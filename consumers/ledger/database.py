"""The database that ledgers live in: opened, kept safe, brought up to date.

In: a URL, `sqlite:///path` or `postgresql+psycopg://…`. Out: an engine whose transactions are
durable when they return, shared by all threads, with the tables of this version. Refuses other
databases and SQLite in memory (ValueError), what cannot be reached (LedgerUnavailable), and a
ledger that a newer version has changed (LedgerTooNew).
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from consumers.ledger.migrating import migrate
from consumers.ledger.port import LedgerUnavailable

# SQLite's wait for a lock is not fair (630 ms at worst with four writers, measured).
BUSY_TIMEOUT_S = 15
# PostgreSQL: a frozen process must not keep the chapter's row from its successor.
SESSION_LIMITS_MS = {
    "lock_timeout": 15_000,
    "statement_timeout": 30_000,
    "idle_in_transaction_session_timeout": 30_000,
}
CONNECT_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "membri-sync",
}
POOL = {"pool_size": 4, "max_overflow": 28, "pool_timeout": 30}

_READS = "ledger_reads"


def open_engine(url: str) -> Engine:
    """An engine on the database of `url`, migrated to this version's tables.

    Raises ValueError, LedgerUnavailable, LedgerTooNew.
    """
    target = _target(url)
    engine = _sqlite(target) if target.get_backend_name() == "sqlite" else _postgresql(target)
    try:
        with available(engine):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def reading(engine: Engine) -> Engine:
    """The same pool for single statements that read: no transaction is opened around them."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.execution_options(**{_READS: True})


@contextmanager
def available(engine: Engine) -> Iterator[None]:
    """Turns what the database cannot do now into LedgerUnavailable.

    The cause is dropped on purpose: it shows statements with their parameters, and those are
    people's names and amounts.
    """
    try:
        yield
    except NoFreeConnection:
        raise LedgerUnavailable("no free connection to the ledger's database") from None
    except DBAPIError as error:
        if not _is_unavailable(error):
            raise
        words = " ".join(str(error.orig).split())
        if engine.url.password:
            words = words.replace(str(engine.url.password), "***")
        place = engine.url.render_as_string(hide_password=True)
        raise LedgerUnavailable(f"{place}: {words}") from None


def _is_unavailable(error: DBAPIError) -> bool:
    # A plain DatabaseError is how SQLite says that its file is damaged or not a database.
    return (
        isinstance(error, OperationalError | InterfaceError)
        or error.connection_invalidated
        or type(error) is DatabaseError
    )


def _target(url: str) -> URL:
    try:
        target = make_url(url)
    except SQLAlchemyError:
        raise ValueError("the ledger's url is not a database url") from None
    backend = target.get_backend_name()
    if backend in {"postgresql", "postgres"}:
        return target.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ValueError(f"the ledger is kept in SQLite or PostgreSQL, not in {backend}")
    if not target.database or target.database.startswith((":memory:", "file:")):
        raise ValueError("the ledger's SQLite url must name a file: sqlite:///path/ledger.db")
    return target


def _sqlite(url: URL) -> Engine:
    _private_file(Path(str(url.database)))
    engine = create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        hide_parameters=True,
        **POOL,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _private_file(path: Path) -> None:
    """The file exists and is this user's alone; SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from error


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    raw: Any = connection
    raw.isolation_level = None  # the driver would begin late and deferred; see _begin_immediate
    cursor = raw.cursor()
    try:
        _write_ahead(cursor)
        # NORMAL may lose the last commits at power loss, after the broker's messages were
        # acknowledged.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA cache_size=-8000")
    finally:
        cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Write-ahead log: readers never wait. Changing to it needs the file alone and does not always
    wait for that, so processes that start together try again for as long as the busy time-out.
    A file system without shared memory keeps the rollback journal, just as durable."""
    gives_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= gives_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """A transaction that reads first and then writes could not wait for the lock otherwise."""
    if not connection.get_execution_options().get(_READS):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(url: URL) -> Engine:
    defaults = {name: text for name, text in CONNECT_DEFAULTS.items() if name not in url.query}
    engine = create_engine(
        url.update_query_dict(defaults),
        paramstyle="format",  # rows are tuples, as for SQLite
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,  # a server that was restarted meanwhile costs nobody an error
        hide_parameters=True,
        **POOL,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Statements and not start-up options, which some connection poolers refuse."""
    cursor = connection.cursor()
    try:
        for name, milliseconds in SESSION_LIMITS_MS.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, str(milliseconds)))
        # A plan made while a table was small would be kept and read all of it for a list of ids
        # (measured: 10 ms, then 500 ms for 500 of 20,000 entries).
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_custom_plan', false)")
        # Durable when commit returns, whatever the server's default; a stronger one stays.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()
    finally:
        cursor.close()
