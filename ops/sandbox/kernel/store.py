"""Durable documents of one simulated system.

What comes in: JSON-able dicts under (kind, key). What goes out: the same, from memory. Every write
is also appended to SQLite, so a sandbox killed with -9 wakes with all that it had committed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """(kind, key) → document, with all-or-nothing transactions.

    Documents are returned as they are held: copy before changing, then `put` the copy.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path` None keeps everything in memory; else the SQLite file to keep it in."""
        self._documents: dict[str, dict[str, Document]] = {}
        self._undo: list[tuple[str, str, Document | None]] | None = None
        self._db = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False
        )
        # A process killed with -9 loses no page cache; only a power cut would need more than OFF.
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
        )
        for kind, key, body in self._db.execute("SELECT kind, key, body FROM documents"):
            self._documents.setdefault(kind, {})[key] = json.loads(body)

    def get(self, kind: str, key: str) -> Document | None:
        return self._documents.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Document]:
        """Every document of that kind, in the order they were first put."""
        return list(self._documents.get(kind, {}).values())

    def keys(self, kind: str) -> list[str]:
        return list(self._documents.get(kind, {}))

    def put(self, kind: str, key: str, document: Document) -> None:
        body = json.dumps(document, ensure_ascii=False, default=str)
        self._remember(kind, key)
        # Round trip: what a restart would read is what readers see now.
        self._documents.setdefault(kind, {})[key] = json.loads(body)
        self._db.execute(
            "INSERT INTO documents VALUES (?,?,?)"
            " ON CONFLICT (kind, key) DO UPDATE SET body=excluded.body",
            (kind, key, body),
        )

    def delete(self, kind: str, key: str) -> None:
        self._remember(kind, key)
        self._documents.get(kind, {}).pop(key, None)
        self._db.execute("DELETE FROM documents WHERE kind=? AND key=?", (kind, key))

    def next_number(self, name: str, first: int = 1) -> int:
        """The next value of a durable counter, from `first`."""
        current = self.get("_counter", name)
        value = int(current["value"]) + 1 if current else first
        self.put("_counter", name, {"value": value})
        return value

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All the writes inside, or none of them when the block raises."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            for kind, key, before in reversed(self._undo):
                if before is None:
                    self._documents.get(kind, {}).pop(key, None)
                else:
                    self._documents.setdefault(kind, {})[key] = before
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._undo = None

    def close(self) -> None:
        self._db.close()

    def _remember(self, kind: str, key: str) -> None:
        if self._undo is not None:
            before = self.get(kind, key)
            self._undo.append((kind, key, deepcopy(before)))
