"""What the poller remembers of deferred revenue, in the file of its state.

What comes in: payments whose entries were published, with the terms and the share they were
published with. What goes out: the same, so that a change of the settings, or a payment entered
late, rewrites nothing that was told. Its loss is harmless: entries are derived again from Membri,
with the settings as they are then.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from producers.chunks import chunks
from producers.deferral import Settled, Terms

SCHEMA = """
CREATE TABLE IF NOT EXISTS deferred (
    payment_id TEXT NOT NULL PRIMARY KEY, invoice_id TEXT NOT NULL, terms TEXT NOT NULL,
    paid TEXT NOT NULL, share TEXT NOT NULL, last_day TEXT NOT NULL, version TEXT NOT NULL,
    went INTEGER NOT NULL, cancelled_on TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deferred_invoice ON deferred (invoice_id);
CREATE INDEX IF NOT EXISTS deferred_last_day ON deferred (last_day);
CREATE TABLE IF NOT EXISTS marks (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
"""
TOLD, WENT, CONFIRMED = range(3)
"""`Deferred.went`: published with its payment; its payment was transferred since, so that what was
told stands; and all its entries were said once more after that."""
_SWEPT = "deferral_swept_on"
_CHUNK = 400


@dataclass(frozen=True)
class Deferred:
    """A payment whose entries were published. `paid`, `share`: dollars; `last_day`: date of the
    last entry; `version`: of all entries together; `went`: how far it got, see below;
    `cancelled_on`: the day on which they were withdrawn, empty for never. Days in ISO format."""

    payment_id: str
    invoice_id: str
    terms: str
    paid: str
    share: str
    last_day: str
    version: str
    went: int = 0
    cancelled_on: str = ""

    @property
    def settled(self) -> Settled:
        return Settled(Decimal(self.paid), Decimal(self.share), went=self.went > TOLD)

    @property
    def until(self) -> dt.date:
        return dt.date.fromisoformat(self.last_day)

    @property
    def under(self) -> Terms:
        """The terms of the chapter when it was published."""
        return Terms.model_validate_json(self.terms)


_COLUMNS = ", ".join(field.name for field in fields(Deferred))
CHECK = f"SELECT {_COLUMNS} FROM deferred LIMIT 1"  # noqa: S608 - names of ours
"""Fails on a file of another version."""


class DeferralState:
    """A view of the poller's state."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def of_payments(self, ids: Sequence[str]) -> dict[str, Deferred]:
        """By payment."""
        return {one.payment_id: one for one in self._among("payment_id", ids)}

    def of_invoices(self, ids: Sequence[str]) -> list[Deferred]:
        return self._among("invoice_id", ids)

    def alive(self, since: dt.date) -> list[str]:
        """Payments with an entry dated since then."""
        rows = self._db.execute(
            "SELECT payment_id FROM deferred WHERE last_day >= ? ORDER BY payment_id",
            (since.isoformat(),),
        )
        return [str(row[0]) for row in rows]

    def remember(self, deferred: Iterable[Deferred]) -> None:
        marks = ",".join("?" * len(fields(Deferred)))
        with self._db:
            self._db.executemany(
                f"INSERT OR REPLACE INTO deferred ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - names of ours
                (astuple(one) for one in deferred),
            )

    def note_went(self, payment_ids: Iterable[str]) -> None:
        """These are Transfert complété."""
        with self._db:
            self._db.executemany(
                "UPDATE deferred SET went = ? WHERE payment_id = ? AND went < ?",
                ((WENT, one, WENT) for one in payment_ids),
            )

    def forget_before(self, day: dt.date) -> None:
        """Those whose last entry is that old: nothing will be asked of them any more."""
        with self._db:
            self._db.execute("DELETE FROM deferred WHERE last_day < ?", (day.isoformat(),))

    @property
    def swept_on(self) -> dt.date | None:
        """The day of the last sweep over all entries that ended well."""
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (_SWEPT,)).fetchone()
        return dt.date.fromisoformat(row[0]) if row else None

    def note_swept(self, day: dt.date) -> None:
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)",
                (_SWEPT, day.isoformat()),
            )

    def _among(self, column: str, ids: Sequence[str]) -> list[Deferred]:
        found: list[Deferred] = []
        for chunk in chunks(ids, _CHUNK):
            marks = ",".join("?" * len(chunk))
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM deferred WHERE {column} IN ({marks})",  # noqa: S608 - names of ours
                chunk,
            )
            found += [Deferred(*row) for row in rows]
        return found
