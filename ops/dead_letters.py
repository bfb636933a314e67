"""Dead letters: list, show, replay, discard.

What comes in: a broker, and Membri when a record is to be read anew. What goes out: letters, and
for a replay a fresh event in the work queue. Nothing is removed before the broker confirmed what
replaces it. Refused: to replay what no longer is a record of ours, or what Membri no longer wants
transferred.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ops.language import NOTHING, Said, said
from producers.dataverse import RecordGone
from producers.membri import Fetched, MappingProblem, Membri
from schemas.events import (
    AccountToTransfer,
    InvoiceToTransfer,
    JournalEntryToTransfer,
    Origin,
    PaymentToTransfer,
    ToTransfer,
    entity_of,
    to_transfer,
)
from schemas.reasons import Reason
from schemas.statuses import LABELS_FR, Status
from schemas.wire.channel import (
    Broker,
    Delivery,
    Outgoing,
    Publisher,
    PublishOutcome,
    TopologyConflict,
)
from schemas.wire.codec import Unreadable, decode, to_outgoing
from schemas.wire.dead_letters import DeadLetter, read_dead_letter
from schemas.wire.topology import UNROUTED_QUEUE, dead_queues

REPLAYED_BY = "x-replayed-by"
PAGE = 100_000
WINDOW = 100
"""Letters published before those that were confirmed are removed: one pass over a queue each."""


@dataclass(frozen=True)
class Letter:
    """One dead letter and the queue where it lies. `id` is its message id."""

    id: str
    queue: str
    dead: DeadLetter

    def record(self) -> ToTransfer | None:
        """The event it carries; None when it cannot be read."""
        try:
            event = decode(self.dead.body)
        except Unreadable:
            return None
        kinds = (AccountToTransfer, InvoiceToTransfer, PaymentToTransfer, JournalEntryToTransfer)
        return event if isinstance(event, kinds) else None


@dataclass(frozen=True)
class Filter:
    """Which letters. Empty values let everything through."""

    ids: tuple[str, ...] = ()
    system: str = ""
    entity: str = ""
    chapter: str = ""
    reason: str = ""
    subject: str = ""

    def __call__(self, letter: Letter) -> bool:
        dead = letter.dead
        if self.ids and not any(_same(one, letter) for one in self.ids):
            return False
        wanted = (
            (self.system, dead.system),
            (self.entity, dead.entity),
            (self.chapter, dead.chapter),
            (self.reason, str(dead.reason)),
            (self.subject, dead.subject or ""),
        )
        return all(not asked or asked == found for asked, found in wanted)


def _same(asked: str, letter: Letter) -> bool:
    """A message id, its beginning (8 characters at least), or a Membri record id."""
    if asked == letter.dead.subject:
        return True
    return letter.id == asked or (len(asked) >= 8 and letter.id.startswith(asked))


@dataclass(frozen=True)
class Replayed:
    """What became of one letter. All but the replayed ones lie where they were."""

    letter: Letter
    outcome: Literal["replayed", "refused", "gone", "unconfirmed"]
    detail: Said = NOTHING


class DeadLetters:
    """The dead-letter queues of the configured systems."""

    def __init__(self, broker: Broker, systems: Iterable[str]) -> None:
        self._broker = broker
        names = [queue for system in dict.fromkeys(systems) for queue in dead_queues(system)]
        self._queues = [*names, UNROUTED_QUEUE]

    def all(self, wanted: Filter | None = None) -> list[Letter]:
        """Those that the filter lets through, oldest first in each queue; none is removed.

        Raises BrokerUnavailable, and TopologyConflict where a queue was never declared.
        """
        return [letter for letter in self._browse() if wanted is None or wanted(letter)]

    def _browse(self) -> Iterator[Letter]:
        for queue in self._queues:
            try:
                depth = self._broker.depth(queue)
            except KeyError:
                raise TopologyConflict(
                    f"there is no queue {queue}: `membri-sync topology apply` makes it"
                ) from None
            if depth == 0:
                continue
            for delivery in self._broker.browse(queue, PAGE):
                yield _letter(delivery)

    def discard(self, letters: Sequence[Letter]) -> int:
        """Removes them for good; how many were still there."""
        return self._remove(letters)

    def replay(
        self,
        letters: Sequence[Letter],
        membri: Membri | None,
        *,
        by: str = "",
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[Replayed]:
        """Sends them again, each as its record is now in Membri, or as it was when `membri` is
        None. Of several letters of one record only the newest is sent; the others are removed
        with it. Raises BrokerUnavailable, MembriError; what was confirmed till then is removed."""
        ended: list[Replayed] = []
        newest, older = _newest(letters)
        publisher = self._broker.publisher()
        try:
            for start in range(0, len(newest), WINDOW):
                ended += self._replay(newest[start : start + WINDOW], membri, publisher, by)
                progress(len(ended))
        finally:
            publisher.close()
        went = {_record(one.letter) for one in ended if one.outcome == "replayed"}
        self._remove([letter for letter in older if _record(letter) in went])
        return ended

    def _replay(
        self, letters: Sequence[Letter], membri: Membri | None, publisher: Publisher, by: str
    ) -> list[Replayed]:
        headers = {REPLAYED_BY: by or getpass.getuser()}
        refused: list[Replayed] = []
        ready: list[tuple[Letter, Outgoing]] = []
        for letter in letters:
            event = _event(letter, membri)
            if isinstance(event, Replayed):
                refused.append(event)
            else:
                ready.append((letter, replace(to_outgoing(event), headers=headers)))
        outcomes = publisher.publish([message for _, message in ready]) if ready else []
        told = [
            _told(letter, outcome) for (letter, _), outcome in zip(ready, outcomes, strict=True)
        ]
        self._remove([one.letter for one in told if one.outcome == "replayed"])
        return [*refused, *told]

    def _remove(self, letters: Sequence[Letter]) -> int:
        removed = 0
        for queue in {letter.queue for letter in letters}:
            ids = {(letter.id, letter.dead.body) for letter in letters if letter.queue == queue}
            removed += self._broker.remove(
                queue,
                lambda d, ids=ids: (d.message_id, d.body) in ids,  # type: ignore[misc]  # bound now, used now
            )
        return removed


def _letter(delivery: Delivery) -> Letter:
    return Letter(delivery.message_id, delivery.queue, read_dead_letter(delivery))


def _told(letter: Letter, outcome: PublishOutcome) -> Replayed:
    if outcome is PublishOutcome.CONFIRMED:
        return Replayed(letter, "replayed")
    text = said("the broker did not confirm it ({outcome})", outcome=outcome)
    return Replayed(letter, "unconfirmed", text)


_ORDER = {"account": 0, "invoice": 1, "payment": 2, "journal_entry": 3}


def _record(letter: Letter) -> tuple[str, str]:
    """Which record it is about; itself where it names none."""
    return letter.dead.entity, letter.dead.subject or letter.id


def _newest(letters: Iterable[Letter]) -> tuple[list[Letter], list[Letter]]:
    """The newest letter of each record, parents first, and all the others."""
    newest: dict[tuple[str, str], Letter] = {}
    older: list[Letter] = []
    for letter in letters:  # a queue gives the oldest first
        if (before := newest.pop(_record(letter), None)) is not None:
            older.append(before)
        newest[_record(letter)] = letter
    return sorted(newest.values(), key=lambda one: _ORDER.get(one.dead.entity, 9)), older


def _event(letter: Letter, membri: Membri | None) -> ToTransfer | Replayed:
    known = letter.record()
    if known is None:
        return Replayed(letter, "refused", said("it cannot be read as a record of ours"))
    if membri is None or isinstance(known, JournalEntryToTransfer):
        return known  # Membri has no table of entries to read one anew from
    try:
        found = membri.read(entity_of(known), known.subject)
    except RecordGone:
        return Replayed(letter, "gone", said("Membri no longer has this record"))
    return _refreshed(letter, known, found, membri)


def _refreshed(
    letter: Letter, known: ToTransfer, found: Fetched, membri: Membri
) -> ToTransfer | Replayed:
    if found.content is None or found.chapter is None:
        return Replayed(letter, "refused", said("its chapter is not configured here"))
    if isinstance(found.content, MappingProblem):
        problem = found.content
        told = f"{problem.reason} {problem.field} {problem.detail}".strip()
        return Replayed(letter, "refused", said("{problem}", problem=told))
    if found.status not in (Status.TRANSFER_ERROR, Status.TO_TRANSFER):
        told = f"« {LABELS_FR[found.status]} »" if found.status else "?"
        return Replayed(letter, "refused", said("its status in Membri is {status}", status=told))
    origin = Origin(
        environment=membri.environment, chapter=found.chapter.slug, system=found.chapter.system
    )
    return to_transfer(
        found.content,
        origin,
        dataversion=found.etag,
        time=found.modified,
        traceparent=known.traceparent,
    )


def summary(letters: Iterable[Letter]) -> dict[tuple[str, str, Reason], int]:
    """How many by (system, entity, reason)."""
    counts: dict[tuple[str, str, Reason], int] = {}
    for letter in letters:
        key = (letter.dead.system, letter.dead.entity, letter.dead.reason)
        counts[key] = counts.get(key, 0) + 1
    return counts
