"""The tables of the ledger, the same on SQLite and PostgreSQL.

Every row belongs to a chapter, so one database serves many. A change here needs a revision in
`migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

METADATA = MetaData()

VERSION_TABLE = "ledger_version"


def text() -> TypeEngine[str]:
    """Text compared by code point on both databases, so that ties are broken alike everywhere
    (and an index does not depend on the operating system's locale data)."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def serial() -> TypeEngine[int]:
    """SQLite numbers rows by itself for exactly the type INTEGER."""
    return BigInteger().with_variant(Integer, "sqlite")


CHAPTERS = Table(
    "ledger_chapter",
    METADATA,
    Column("chapter", text(), primary_key=True),
    Column("lease_owner", text()),  # NULL: free
    Column("lease_token", BigInteger, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("pause_reason", text()),
)

ENTRIES = Table(
    "ledger_entry",
    METADATA,
    Column("chapter", text(), primary_key=True),
    Column("entity", text(), primary_key=True),
    Column("id", text(), primary_key=True),
    Column("state", text(), nullable=False),
    Column("account_id", text(), nullable=False),
    Column("dataversion", text(), nullable=False),
    Column("fingerprint", text(), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("remote_id", text(), nullable=False),
    Column("reference", text(), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", Double),
    Column("changed_at", Double, nullable=False),
    Column("reason", text(), nullable=False),
    # Rows are small and always found by their key: one tree instead of a table and an index.
    sqlite_with_rowid=False,
)

WAITS = Table(
    "ledger_wait",
    METADATA,
    Column("chapter", text(), primary_key=True),
    Column("entity", text(), primary_key=True),
    Column("id", text(), primary_key=True),
    Column("reason", text(), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("account_id", text(), nullable=False),
    Column("since", Double, nullable=False),
    Column("for_entity", text()),
    Column("for_id", text()),
    Column("due_at", Double),
    Column("attempts", Integer, nullable=False),
    Column("first_failed_at", Double),
    Column("detail", text(), nullable=False),
    Index("ledger_wait_due", "chapter", "due_at"),
    Index("ledger_wait_for", "chapter", "for_entity", "for_id"),
)

OUTBOX = Table(
    "ledger_outbox",
    METADATA,
    Column("number", serial(), primary_key=True, autoincrement=True),
    Column("chapter", text(), nullable=False),
    Column("exchange", text(), nullable=False),
    Column("routing_key", text(), nullable=False),
    Column("message_id", text(), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", text(), nullable=False),
    Column("mandatory", Integer, nullable=False),
    Index("ledger_outbox_order", "chapter", "number"),
    # A number is never used again, so a late confirm cannot remove another message.
    sqlite_autoincrement=True,
)

NOTES = Table(
    "ledger_note",
    METADATA,
    Column("number", serial(), primary_key=True, autoincrement=True),
    Column("chapter", text(), nullable=False),
    Column("entity", text(), nullable=False),
    Column("record_id", text(), nullable=False),
    Column("at", Double, nullable=False),
    Column("what", text(), nullable=False),
    Column("detail", text(), nullable=False),
    Index("ledger_note_record", "chapter", "record_id"),
    sqlite_autoincrement=True,
)

STEPS = Table(
    "ledger_step",
    METADATA,
    Column("chapter", text(), primary_key=True),
    Column("entity", text(), primary_key=True),
    Column("id", text(), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("name", text(), primary_key=True),
    Column("value", text(), nullable=False),
    sqlite_with_rowid=False,
)
