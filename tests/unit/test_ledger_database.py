"""Opening the ledger's database, and what it says when it cannot work."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from consumers.ledger import database
from consumers.ledger.migrating import revision_of
from consumers.ledger.port import LedgerTooNew, LedgerUnavailable
from consumers.ledger.sql import SqlLedger, open_engine, open_ledger
from tests.ledger_builders import done, invoice, message, put


@contextmanager
def opened(url: str) -> Iterator[SqlLedger]:
    ledger = open_ledger(url, "montreal")
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "mysql://u:a-secret@h/d",
        "no url a-secret",
        "",
    ],
)
def test_a_url_that_keeps_nothing_or_is_none_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError, match="ledger") as refusal:
        open_engine(url)
    assert "a-secret" not in str(refusal.value)


def test_the_folder_is_made_and_the_file_is_its_user_s_alone(path: Path) -> None:
    with opened(f"sqlite:///{path}") as ledger:
        put(ledger, entries=[done(invoice())])
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        assert set(modes) == {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
        assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    with opened(f"sqlite:///{path}"):
        pass
    path.chmod(0o644)
    with opened(f"sqlite:///{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_sqlite_connection_is_durable_and_lets_readers_pass(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path}")
    with closing(engine.raw_connection()) as first, closing(engine.raw_connection()) as second:
        for connection in (first, second):
            cursor = connection.cursor()
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
            assert cursor.execute("PRAGMA busy_timeout").fetchone() == (15_000,)
    engine.dispose()


def test_a_place_where_no_file_can_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailable, match="file"):
        open_engine(f"sqlite:///{tmp_path}/file/ledger.db")


def test_a_file_that_is_no_database_is_unavailable_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("The accountant's letter\n" * 100)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        open_engine(f"sqlite:///{path}")
    assert path.read_text() == "The accountant's letter\n" * 100


def test_a_ledger_that_stays_locked_is_unavailable_then_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with opened(f"sqlite:///{path}") as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match="locked"):
                put(ledger, entries=[done(invoice())])
            # Readers pass a writer.
            assert ledger.entries([invoice()]) == {}
        put(ledger, entries=[done(invoice())])
        assert ledger.entries([invoice()]) == {invoice(): done(invoice())}


def test_a_full_disk_is_unavailable_and_commits_nothing(path: Path) -> None:
    with opened(f"sqlite:///{path}") as ledger:
        put(ledger, entries=[done(invoice("before"))])
        with closing(ledger._engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA max_page_count=1")  # one pooled connection, used below
        with pytest.raises(LedgerUnavailable, match="full"):
            put(
                ledger,
                entries=[done(invoice("after"))],
                outbox=[message(f"{n}") for n in range(5000)],
            )
        assert set(ledger.entries([invoice("before"), invoice("after")])) == {invoice("before")}
        assert ledger.outbox_count() == 0


def test_what_is_told_about_an_unavailable_ledger_names_no_record(path: Path) -> None:
    with opened(f"sqlite:///{path}") as ledger:
        with ledger._engine.begin() as connection:
            connection.execute(text("DROP TABLE ledger_entry"))
        with pytest.raises(LedgerUnavailable) as failure:
            put(ledger, entries=[done(invoice("Ms Tremblay"))])
    assert "Tremblay" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_an_unreachable_server_is_unavailable_and_its_password_untold() -> None:
    with pytest.raises(LedgerUnavailable) as failure:
        # Port 1 of loopback: nobody listens there.
        open_engine("postgresql+psycopg://membri:a-secret@127.0.0.1:1/ledger")
    assert "127.0.0.1:1/ledger" in str(failure.value)
    assert "a-secret" not in str(failure.value)


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with opened(f"sqlite:///{path}") as ledger, ledger._engine.begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    with pytest.raises(LedgerTooNew, match="9999"):
        open_engine(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version_num FROM ledger_version").fetchall() == [("9999",)]


def test_opening_an_up_to_date_ledger_writes_nothing(path: Path) -> None:
    with opened(f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else can write now
        with opened(f"sqlite:///{path}") as ledger, ledger._engine.connect() as connection:
            assert ledger.paused() is None
            connection.rollback()


def test_a_database_without_a_ledger_has_no_revision(path: Path) -> None:
    with opened(f"sqlite:///{path}") as ledger, ledger._engine.connect() as connection:
        assert revision_of(connection) == "0001"
        connection.execute(text("DROP TABLE ledger_version"))
        assert revision_of(connection) is None


def test_a_password_in_the_words_of_a_driver_is_hidden() -> None:
    engine = create_engine("postgresql+psycopg://membri:a-secret@host/ledger")
    error = OperationalError("SELECT", {}, Exception("no entry for\n membri:a-secret"))

    def fail() -> None:
        with database.available(engine):
            raise error

    with pytest.raises(LedgerUnavailable, match="membri:") as failure:
        fail()
    assert "a-secret" not in str(failure.value)


def test_our_own_mistakes_are_not_called_unavailable(path: Path) -> None:
    broken = replace(done(invoice()), account_id=None)  # type: ignore[arg-type] # the mistake
    with opened(f"sqlite:///{path}") as ledger, pytest.raises(IntegrityError) as failure:
        put(ledger, entries=[broken])
    assert "R1" not in str(failure.value)  # parameters are people's data


def test_more_threads_than_connections_is_unavailable_after_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}
    monkeypatch.setattr(database, "POOL", few)
    with opened(f"sqlite:///{path}") as ledger:
        with ledger._engine.connect(), pytest.raises(LedgerUnavailable, match="connection"):
            ledger.paused()
        assert ledger.paused() is None


class _Cursor:
    """Refuses the change to the write-ahead log a few times, as another process's start does."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def execute(self, _statement: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")


def test_the_change_to_the_write_ahead_log_is_tried_again_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(database.time, "sleep", pauses.append)
    database._write_ahead(_Cursor(3))  # type: ignore[arg-type] # the one method that is used
    assert len(pauses) == 3
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    with pytest.raises(sqlite3.OperationalError):
        database._write_ahead(_Cursor(1))  # type: ignore[arg-type] # the one method that is used
