"""What a client did that the real system forbids or that loses data, counted and kept.

An offence is not a refusal: a refusal is a normal answer (closed period, duplicate name). An
offence is bad manners (no If-Match, a call during Retry-After, an unknown property).
"""

from __future__ import annotations

from datetime import UTC, datetime

from ops.sandbox.kernel.store import Document, Store


class Offences:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, code: str, detail: str, *, method: str = "", path: str = "") -> None:
        """`code` is a short stable name; `detail` says what was seen."""
        number = self._store.next_number("offence")
        self._store.put(
            "_offence",
            str(number),
            {
                "code": code,
                "detail": detail,
                "method": method,
                "path": path,
                "at": datetime.now(UTC).isoformat(),
            },
        )

    def all(self) -> list[Document]:
        return self._store.all("_offence")

    def count(self) -> int:
        return len(self.all())
