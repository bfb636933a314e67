"""What an outcome still means for a record that changed since: pure.

What comes in: an outcome and the record as it is in Membri now. What goes out: what to write, or
nothing. The rule behind all of it: a person's newer change wins, and a record left À transférer is
published again by the poller, so that leaving it loses nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from producers.membri import Fetched, MappingProblem, SyncChange
from schemas.outcomes import Transferred
from schemas.reasons import Reason
from schemas.records import Account, Record, fingerprint
from schemas.statuses import Entity, Status


@dataclass(frozen=True)
class Success:
    """The record is in the books. `again`: the message was delivered before, so that it may
    already have been written once, and undone by a person; `at`: when it was said; `changed_at`:
    when Membri changed the record."""

    entity: Entity
    id: str
    dataversion: str
    outcome: Transferred
    at: dt.datetime
    changed_at: dt.datetime | None = None
    again: bool = False

    def wanted(self) -> SyncChange:
        """Status, reference and error text together."""
        return SyncChange(Status.TRANSFERRED, self.outcome.reference, "")

    def decide(self, now: Fetched) -> SyncChange | None:
        """What to write on the record as it is `now`; None when there is nothing to say."""
        if now.status in (Status.TO_TRANSFER, Status.TRANSFER_ERROR):
            # An error was told by us, of an earlier try: the books hold this content now.
            return self._of_content(now)
        if now.entity is Entity.ACCOUNT and now.status is None and not now.reference:
            # An account that came along with its invoice had no status to lose.
            return self.wanted()
        return self._reference_only(now)

    def _of_content(self, now: Fetched) -> SyncChange | None:
        if self.again and now.modified > self.at:
            return self._reference_only(now) if now.status is Status.TRANSFER_ERROR else None
        other_reference = now.reference not in ("", self.outcome.reference)
        if not other_reference and _content(now) == self.outcome.fingerprint:
            return self.wanted()
        return self._reference_only(now)

    def _reference_only(self, now: Fetched) -> SyncChange | None:
        """The link to the books, where a person has not typed one; the status stays theirs."""
        return None if now.reference else SyncChange(reference=self.outcome.reference)


@dataclass(frozen=True)
class Failure:
    """A person must act. `record`: what was refused, None where no record could be read or made;
    `text` is for the error column; `at`: when it failed, None when unknown."""

    entity: Entity
    id: str
    dataversion: str
    reason: Reason
    field: str
    text: str
    record: Record | None
    at: dt.datetime | None
    changed_at: dt.datetime | None = None
    again: bool = False

    def wanted(self) -> SyncChange:
        return SyncChange(status=Status.TRANSFER_ERROR, error=self.text)

    @property
    def is_repeated(self) -> bool:
        """Whether it is an account that was in error already when a document brought it along.

        Writing the same again would change its version, with which its documents would go again,
        and bring it along again, without an end.
        """
        return isinstance(self.record, Account) and self.record.status is Status.TRANSFER_ERROR

    def decide(self, now: Fetched) -> SyncChange | None:
        if now.status is Status.TRANSFER_ERROR and self.is_repeated:
            told = now.error != "" and self.text.startswith(now.error.rstrip("…"))
            return SyncChange(error=self.text) if not told and self._same(now) else None
        if now.status is not Status.TO_TRANSFER:
            return None
        if self.again and self.at is not None and now.modified > self.at:
            return None
        return self.wanted() if self._same(now) else None

    def _same(self, now: Fetched) -> bool:
        """Whether the record is still the one that was refused."""
        if self.record is not None:
            return _content(now) == fingerprint(self.record)
        if isinstance(now.content, MappingProblem):
            return (now.content.reason, now.content.field) == (self.reason, self.field)
        # Without a version there is nothing to compare: the message itself was unreadable.
        return not self.dataversion


Outcome = Success | Failure


def _content(now: Fetched) -> str:
    if now.content is None or isinstance(now.content, MappingProblem):
        return ""
    return fingerprint(now.content)
