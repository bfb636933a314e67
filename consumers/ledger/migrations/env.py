"""Run by Alembic, on a connection that `migrating` gives it inside a transaction.

The caller commits, so a failed migration leaves the database as it was.
"""

from __future__ import annotations

from alembic import context

from consumers.ledger.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
context.run_migrations()
