"""Durable documents of one simulated system.

What comes in: JSON-able dicts under (kind, key). What goes out: the same, from memory. Every write
is also appended to SQLite, so a sandbox killed with -9 wakes with all that it had committed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]
# What JSON has no type for is kept as its text, dates and moments as `str` writes them.
_AS_TEXT = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_NON_STR_KEYS
)


@dataclass
class _Index:
    value_of: Callable[[Document], Hashable]
    # Keys as a dict, not a set: what is found comes back in a stable order.
    keys: dict[Hashable, dict[str, None]] = field(default_factory=dict)

    def remove(self, key: str, document: Document) -> None:
        value = self.value_of(document)
        kept = self.keys[value]
        del kept[key]
        if not kept:
            del self.keys[value]

    def add(self, key: str, document: Document) -> None:
        self.keys.setdefault(self.value_of(document), {})[key] = None


class Store:
    """(kind, key) → document, with all-or-nothing transactions.

    Documents are returned as they are held: copy before changing, then `put` the copy.
    """

    def __init__(self, path: Path | None = None) -> None:
        """`path` None keeps everything in memory; else the SQLite file to keep it in."""
        self._documents: dict[str, dict[str, Document]] = {}
        self._indexes: dict[str, dict[str, _Index]] = {}
        self._undo: list[tuple[str, str, Document | None]] | None = None
        if path is not None:
            path.touch(mode=0o600)  # tokens are kept here too
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
        for kind, key, body in self._db.execute(
            "SELECT kind, key, body FROM documents ORDER BY rowid"
        ):
            self._documents.setdefault(kind, {})[key] = orjson.loads(body)

    def get(self, kind: str, key: str) -> Document | None:
        return self._documents.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Document]:
        """Every document of that kind, in the order they were first put."""
        return list(self._documents.get(kind, {}).values())

    def keys(self, kind: str) -> list[str]:
        return list(self._documents.get(kind, {}))

    def count(self, kind: str) -> int:
        return len(self._documents.get(kind, {}))

    def index(self, kind: str, name: str, value_of: Callable[[Document], Hashable]) -> None:
        """Keeps `find` fast for one value of the documents of that kind, from now on."""
        index = _Index(value_of)
        for key, document in self._documents.get(kind, {}).items():
            index.add(key, document)
        self._indexes.setdefault(kind, {})[name] = index

    def find(self, kind: str, name: str, value: Hashable) -> list[Document]:
        """The documents whose indexed value is `value`. Raises KeyError when not indexed."""
        documents = self._documents.get(kind, {})
        return [documents[key] for key in self._indexes[kind][name].keys.get(value, ())]

    def put(self, kind: str, key: str, document: Document) -> None:
        body = orjson.dumps(document, default=str, option=_AS_TEXT)
        self._remember(kind, key)
        # Round trip: what a restart would read is what readers see now.
        self._hold(kind, key, orjson.loads(body))
        self._db.execute(
            "INSERT INTO documents VALUES (?,?,?)"
            " ON CONFLICT (kind, key) DO UPDATE SET body=excluded.body",
            (kind, key, body.decode()),
        )

    def delete(self, kind: str, key: str) -> None:
        self._remember(kind, key)
        self._hold(kind, key, None)
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
                self._hold(kind, key, before)
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._undo = None

    def close(self) -> None:
        self._db.close()

    def _remember(self, kind: str, key: str) -> None:
        # No copy: a held document is replaced, never changed.
        if self._undo is not None:
            self._undo.append((kind, key, self.get(kind, key)))

    def _hold(self, kind: str, key: str, document: Document | None) -> None:
        held = self._documents.setdefault(kind, {})
        indexes = self._indexes.get(kind, {}).values()
        before = held.get(key)
        if before is not None:
            for index in indexes:
                index.remove(key, before)
        if document is None:
            held.pop(key, None)
            return
        held[key] = document
        for index in indexes:
            index.add(key, document)
