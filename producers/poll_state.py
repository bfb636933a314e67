"""What the poller remembers of what it published: one small SQLite file.

What comes in: records at a version, with when they were published. What goes out: which of them are
known. Its loss is harmless: what is still À transférer is published again, with the same ids. An
unreadable file is therefore replaced, not repaired.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Self

from producers.chunks import chunks
from producers.deferral_state import CHECK, DeferralState
from producers.deferral_state import SCHEMA as DEFERRALS
from schemas.statuses import Entity

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    entity TEXT NOT NULL, id TEXT NOT NULL, etag TEXT NOT NULL, published INTEGER NOT NULL,
    chapter TEXT NOT NULL, account_id TEXT NOT NULL, account_etag TEXT NOT NULL,
    at REAL NOT NULL, times INTEGER NOT NULL, sweep INTEGER NOT NULL,
    PRIMARY KEY (entity, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_account ON seen (account_id);
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
"""
_CHUNK = 400  # below SQLite's limit of parameters, in all its versions


@dataclass(frozen=True)
class Seen:
    """A record at a version. `published` is false for one looked at and left alone. `at`: epoch
    seconds; `times`: how often it was published; `sweep`: the last full sweep that met it."""

    entity: Entity
    id: str
    etag: str
    published: bool
    chapter: str
    account_id: str
    account_etag: str
    at: float
    times: int = 1
    sweep: int = 0


_COLUMNS = ", ".join(field.name for field in fields(Seen))


class PollState:
    """One writer. `path` None keeps it in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._db = _opened(path)
        self.deferrals = DeferralState(self._db)
        # What was left alone depended on settings that may have changed since.
        self._db.execute("DELETE FROM seen WHERE NOT published")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def known(self, entity: Entity, ids: Sequence[str]) -> dict[str, Seen]:
        """What is remembered of these records, by id."""
        found: dict[str, Seen] = {}
        for chunk in chunks(ids, _CHUNK):
            where = f"entity = ? AND id IN ({_marks(chunk)})"
            found |= {seen.id: seen for seen in self._select(where, (entity, *chunk))}
        return found

    def of_accounts(self, account_ids: Sequence[str]) -> list[Seen]:
        """Published invoices and payments of these accounts."""
        found: list[Seen] = []
        for chunk in chunks(account_ids, _CHUNK):
            where = f"published AND entity != 'account' AND account_id IN ({_marks(chunk)})"
            found += self._select(where, tuple(chunk))
        return found

    def expired(self, entity: Entity, now: float, lease_s: float, limit: int) -> list[Seen]:
        """Records whose lease ended, oldest first. It doubles with each publication, up to four
        times: what waits for a person in the consumer need not be sent every few minutes."""
        where = "entity = ? AND at + ? * min(4, 1 << (times - 1)) <= ? ORDER BY at LIMIT ?"
        return self._select(where, (entity, lease_s, now, limit))

    def missed(self, entity: Entity, sweep: int, limit: int) -> list[Seen]:
        """Published records that full sweep number `sweep` did not meet."""
        where = "entity = ? AND published AND sweep < ? ORDER BY sweep, id LIMIT ?"
        return self._select(where, (entity, sweep, limit))

    def in_flight_count(self) -> int:
        row = self._db.execute("SELECT count(*) FROM seen WHERE published").fetchone()
        return int(row[0])

    def remember(self, records: Iterable[Seen]) -> None:
        marks = _marks(fields(Seen))
        with self._db:
            self._db.executemany(
                f"INSERT OR REPLACE INTO seen ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - names of ours
                (astuple(seen) for seen in records),
            )

    def met(self, entity: Entity, ids: Sequence[str], sweep: int) -> None:
        """Notes that full sweep number `sweep` met these records."""
        with self._db:
            for chunk in chunks(ids, _CHUNK):
                self._db.execute(
                    f"UPDATE seen SET sweep = ? WHERE entity = ? AND id IN ({_marks(chunk)})",  # noqa: S608 - marks only
                    (sweep, entity, *chunk),
                )

    def forget(self, entity: Entity, ids: Iterable[str]) -> None:
        with self._db:
            self._db.executemany(
                "DELETE FROM seen WHERE entity = ? AND id = ?", ((entity, one) for one in ids)
            )

    def _select(self, where: str, values: tuple[object, ...]) -> list[Seen]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM seen WHERE {where}", values)  # noqa: S608 - names of ours
        return [_seen(row) for row in rows]


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return _connected(":memory:")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    try:
        return _connected(str(path))
    except sqlite3.DatabaseError:
        log.warning("%s is not usable and is made anew", path)
        path.unlink(missing_ok=True)
        return _connected(str(path))


def _connected(target: str) -> sqlite3.Connection:
    # Used by one thread at a time, not always by the one that made it.
    db = sqlite3.connect(target, check_same_thread=False, timeout=10.0)
    try:
        # Nothing here is worth an fsync.
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA + DEFERRALS)
        db.execute(f"SELECT {_COLUMNS} FROM seen LIMIT 1")  # noqa: S608 - names of ours
        db.execute(CHECK)
    except BaseException:
        db.close()
        raise
    return db


def _seen(row: Sequence[object]) -> Seen:
    named = dict(zip((field.name for field in fields(Seen)), row, strict=True))
    named["entity"] = Entity(str(named["entity"]))
    named["published"] = bool(named["published"])
    return Seen(**named)  # type: ignore[arg-type]  # SQLite gives back what `remember` wrote


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
