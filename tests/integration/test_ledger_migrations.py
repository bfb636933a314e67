"""Migrated tables are the tables of this version, on both databases, however many start at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url, text

from consumers.ledger import migrating
from consumers.ledger.migrating import REVISIONS, migrate
from consumers.ledger.port import LedgerTooNew
from consumers.ledger.sql import open_engine
from consumers.ledger.tables import METADATA, VERSION_TABLE
from tests.postgres_server import PrivatePostgres

pytest_plugins = ["tests.fixtures_postgres"]

ROOT = Path(__file__).resolve().parents[2]
OPEN = "import sys; from consumers.ledger.sql import open_engine as o; o(sys.argv[1]).dispose()"

# What a database knows of its tables, names and types and collations included.
SQLITE_SHAPE = """
    SELECT type, name, tbl_name, sql FROM sqlite_master
    WHERE tbl_name LIKE 'ledger%' AND tbl_name <> :version ORDER BY name
"""
POSTGRESQL_SHAPE = """
    SELECT table_name, column_name, data_type, collation_name, is_nullable, is_identity,
           ordinal_position::text, coalesce(split_part(column_default, '(', 1), '')
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name <> :version
    UNION ALL
    SELECT tablename, indexname, indexdef, '', '', '', '', '' FROM pg_indexes
    WHERE schemaname = current_schema() AND tablename <> :version
    ORDER BY 1, 2, 3
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """A function that makes the URL of another empty database."""
    if request.param == "postgresql":
        postgres: PrivatePostgres = request.getfixturevalue("postgres")
        return postgres.new_database
    numbers = iter(range(10))
    return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.db"


def shape(engine: Engine) -> list[tuple[str, ...]]:
    query = SQLITE_SHAPE if engine.dialect.name == "sqlite" else POSTGRESQL_SHAPE
    with engine.connect().execution_options(ledger_reads=True) as connection:
        rows = connection.execute(text(query), {"version": VERSION_TABLE})
        return [tuple(" ".join(str(cell).split()) for cell in row) for row in rows]


def test_the_migrated_tables_equal_the_tables_in_the_code(new_url) -> None:
    migrated = open_engine(new_url())
    described = create_engine(make_url(new_url()))
    METADATA.create_all(described)
    assert len(shape(migrated)) > len(METADATA.tables)
    assert sorted_columns(shape(migrated)) == sorted_columns(shape(described))
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
    migrated.dispose()
    described.dispose()


def sorted_columns(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The order of constraints inside a CREATE TABLE says nothing."""
    return [tuple(cell.replace(", ", ",").replace("( ", "(") for cell in row) for row in rows]


def test_the_list_of_revisions_is_the_one_on_disk() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    on_disk = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(on_disk)) == REVISIONS


def test_processes_that_start_together_migrate_once_and_all_work(new_url) -> None:
    url = new_url()
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", OPEN, url], cwd=ROOT, stderr=subprocess.PIPE
        )
        for _ in range(5)
    ]
    failures = [process.communicate()[1].decode() for process in started]
    assert failures == [""] * 5
    engine = open_engine(url)
    with engine.connect().execution_options(ledger_reads=True) as connection:
        assert connection.execute(text(f"SELECT * FROM {VERSION_TABLE}")).fetchall() == [  # noqa: S608 - a constant
            (REVISIONS[-1],)
        ]
    engine.dispose()


def test_a_newer_ledger_is_refused_and_left_as_it_is(new_url) -> None:
    url = new_url()
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - a constant
    before = shape(engine)
    with pytest.raises(LedgerTooNew, match="9999"):
        open_engine(url)
    assert shape(engine) == before
    engine.dispose()


def test_a_migration_that_fails_half_way_leaves_nothing_and_can_be_done_again(new_url) -> None:
    url = new_url()
    engine = open_engine(url)
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))

    def break_at_the_outbox(_connection, _cursor, statement, _parameters, _context, _many) -> None:
        if "CREATE TABLE ledger_outbox" in statement:
            raise RuntimeError("the power went")

    event.listen(engine, "before_cursor_execute", break_at_the_outbox)
    with pytest.raises(RuntimeError, match="power"):
        migrate(engine)
    assert shape(engine) == []
    event.remove(engine, "before_cursor_execute", break_at_the_outbox)
    migrate(engine)
    assert len(shape(engine)) > len(METADATA.tables)
    engine.dispose()
