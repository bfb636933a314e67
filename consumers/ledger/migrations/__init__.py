"""Alembic revisions of the ledger. Run by `consumers.ledger.migrating`; there is no alembic.ini."""
