"""The first tables: leases, entries, waiting room, outbox, timeline, finished steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text() -> TypeEngine[str]:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _serial() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _text(), primary_key=True) for name in names]


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, _text(), nullable=False) for name in names]


def _number() -> sa.Column[int]:
    return sa.Column("number", _serial(), primary_key=True, autoincrement=True)


def upgrade() -> None:
    _chapters_and_entries()
    _waiting_room()
    _outbox_and_timeline()
    op.create_table(
        "ledger_step",
        *_key("chapter", "entity", "id"),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        *_key("name"),
        *_words("value"),
        sqlite_with_rowid=False,
    )


def _chapters_and_entries() -> None:
    op.create_table(
        "ledger_chapter",
        *_key("chapter"),
        sa.Column("lease_owner", _text()),
        sa.Column("lease_token", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("pause_reason", _text()),
    )
    op.create_table(
        "ledger_entry",
        *_key("chapter", "entity", "id"),
        *_words("state", "account_id", "dataversion", "fingerprint"),
        sa.Column("generation", sa.Integer, nullable=False),
        *_words("remote_id", "reference"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.Double),
        sa.Column("changed_at", sa.Double, nullable=False),
        *_words("reason"),
        sqlite_with_rowid=False,
    )


def _waiting_room() -> None:
    op.create_table(
        "ledger_wait",
        *_key("chapter", "entity", "id"),
        *_words("reason"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        *_words("account_id"),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("for_entity", _text()),
        sa.Column("for_id", _text()),
        sa.Column("due_at", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_failed_at", sa.Double),
        *_words("detail"),
    )
    op.create_index("ledger_wait_due", "ledger_wait", ["chapter", "due_at"])
    op.create_index("ledger_wait_for", "ledger_wait", ["chapter", "for_entity", "for_id"])


def _outbox_and_timeline() -> None:
    op.create_table(
        "ledger_outbox",
        _number(),
        *_words("chapter", "exchange", "routing_key", "message_id"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        *_words("headers"),
        sa.Column("mandatory", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_outbox_order", "ledger_outbox", ["chapter", "number"])
    op.create_table(
        "ledger_note",
        _number(),
        *_words("chapter", "entity", "record_id"),
        sa.Column("at", sa.Double, nullable=False),
        *_words("what", "detail"),
        sqlite_autoincrement=True,
    )
    op.create_index("ledger_note_record", "ledger_note", ["chapter", "record_id"])
