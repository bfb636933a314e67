"""Brings a database to the tables of this version.

In: an engine. Out: the same database, migrated by Alembic when it was older or empty. Refuses a
database that holds a revision this version does not know (LedgerTooNew). Processes that start
together wait for one another and the first one migrates.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, column, inspect, select, table, text
from sqlalchemy.engine import Connection

from consumers.ledger.port import LedgerTooNew
from consumers.ledger.tables import VERSION_TABLE

REVISIONS = ("0001",)
"""Every revision of `migrations/versions`, oldest first. Known here too, so that a database that is
up to date, nearly always the case, costs one query and no import of Alembic."""

# Any number of our own: the advisory lock that keeps two processes from migrating at once.
_LOCK = 0x6D656D627269


def migrate(engine: Engine) -> None:
    """Raises LedgerTooNew, and the database's own errors."""
    with engine.connect().execution_options(ledger_reads=True) as connection:
        if _is_current(connection):
            return
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if not _is_current(connection):
            _upgrade(connection)


def revision_of(connection: Connection) -> str | None:
    """None when the database has no ledger yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    ).scalar()


def _is_current(connection: Connection) -> bool:
    revision = revision_of(connection)
    if revision is not None and revision not in REVISIONS:
        raise LedgerTooNew(
            f"the ledger is at revision {revision}, this version of membri-sync knows"
            f" {REVISIONS[-1]} at most: run the version that last used it, or a newer one"
        )
    return revision == REVISIONS[-1]


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
