"""Ways to fill a ledger in a line, and `Shelf`: where the ledgers of one test are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from consumers.ledger.port import Changes, Entry, Key, Ledger, Note, OutboxMessage, State, Wait
from schemas.reasons import WaitReason
from schemas.statuses import Entity

NOW = 1_780_000_000.0


def account(record_id: str = "a1") -> Key:
    return Key(Entity.ACCOUNT, record_id)


def invoice(record_id: str = "i1") -> Key:
    return Key(Entity.INVOICE, record_id)


def payment(record_id: str = "p1") -> Key:
    return Key(Entity.PAYMENT, record_id)


def done(key: Key, remote_id: str = "R1") -> Entry:
    return Entry(key, State.DONE, "a1", remote_id=remote_id, changed_at=NOW)


def waiting(
    key: Key, *, since: float = NOW, due_at: float | None = None, waits_for: Key | None = None
) -> Wait:
    reason = WaitReason.WAITS_FOR_ACCOUNT if waits_for else WaitReason.RETRY_AT
    return Wait(key, reason, b"{}", "a1", since, waits_for=waits_for, due_at=due_at)


def message(message_id: str) -> OutboxMessage:
    return OutboxMessage("membri.outcomes", "invoice.any.montreal", message_id, b"{}")


def note(key: Key, at: float = NOW, what: str = "published") -> Note:
    return Note(key, at, what)


def put(ledger: Ledger, **changes: object) -> None:
    """Commits without a lease, now."""
    ledger.commit(Changes(**changes), None, NOW)  # type: ignore[arg-type] # checked at run time


@dataclass
class Shelf:
    """One store of ledgers. `ledger` is the one under test, `again()` the same ledger as another
    process would open it, or another chapter of the store."""

    open_chapter: Callable[[str], Ledger]
    opened: list[Ledger] = field(default_factory=list)

    def again(self, chapter: str = "montreal") -> Ledger:
        self.opened.append(self.open_chapter(chapter))
        return self.opened[-1]

    @property
    def ledger(self) -> Ledger:
        return self.opened[0] if self.opened else self.again()
