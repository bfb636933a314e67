"""One file for each revision; the list is also in `consumers.ledger.migrating.REVISIONS`."""
