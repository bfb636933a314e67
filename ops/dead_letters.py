"""Dead letters: list, show, replay, discard.

What comes in: a broker, and Membri when a record is to be read anew. What goes out: letters, and
for a replay a fresh event in the work queue. Nothing is removed before the broker confirmed what
replaces it. Refused: to replay what no longer is a record of ours, or what Membri no longer wants
transferred.
"""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
from schemas.statuses import Status
from schemas.wire.channel import BrokerUnavailable, Delivery, PublishOutcome
from schemas.wire.codec import Unreadable, decode, to_outgoing
from schemas.wire.dead_letters import DeadLetter, read_dead_letter
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import UNROUTED_QUEUE, dead_queues

REPLAYED_BY = "x-replayed-by"
PAGE = 100_000


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
    """What became of one letter. `outcome`: replayed, refused, gone."""

    letter: Letter
    outcome: str
    detail: str = ""


class DeadLetters:
    """The dead-letter queues of the configured systems."""

    def __init__(self, broker: RabbitBroker, systems: Iterable[str]) -> None:
        self._broker = broker
        names = [queue for system in dict.fromkeys(systems) for queue in dead_queues(system)]
        self._queues = [*names, UNROUTED_QUEUE]

    def all(self, wanted: Filter | None = None) -> list[Letter]:
        """Those that the filter lets through, oldest first in each queue; none is removed.

        Raises BrokerUnavailable.
        """
        return [letter for letter in self._browse() if wanted is None or wanted(letter)]

    def _browse(self) -> Iterator[Letter]:
        for queue in self._queues:
            if self._broker.depth(queue) == 0:
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
        None. Publishes with confirms, then removes. Raises BrokerUnavailable, MembriError."""
        ended: list[Replayed] = []
        newest: dict[tuple[str, str], Letter] = {}
        for letter in letters:
            newest[letter.dead.entity, letter.dead.subject or letter.id] = letter
        older = [one for one in letters if one not in newest.values()]
        publisher = self._broker.publisher()
        try:
            for count, letter in enumerate(_parents_first(newest.values()), start=1):
                event, refusal = _event(letter, membri)
                if event is None:
                    ended.append(refusal or Replayed(letter, "refused"))
                else:
                    message = replace(
                        to_outgoing(event), headers={REPLAYED_BY: by or getpass.getuser()}
                    )
                    [outcome] = publisher.publish([message])
                    if outcome is not PublishOutcome.CONFIRMED:
                        raise BrokerUnavailable(
                            f"the replay of {letter.id} was not confirmed ({outcome}); "
                            "it stays where it is"
                        )
                    self._remove([letter])
                    ended.append(Replayed(letter, "replayed"))
                progress(count)
        finally:
            publisher.close()
        gone = {(one.letter.dead.entity, one.letter.dead.subject) for one in ended}
        self._remove([o for o in older if (o.dead.entity, o.dead.subject) in gone])
        return ended

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


_ORDER = {"account": 0, "invoice": 1, "payment": 2, "journal_entry": 3}


def _parents_first(letters: Iterable[Letter]) -> list[Letter]:
    return sorted(letters, key=lambda letter: _ORDER.get(letter.dead.entity, 9))


def _event(letter: Letter, membri: Membri | None) -> tuple[ToTransfer | None, Replayed | None]:
    known = letter.record()
    if known is None:
        return None, Replayed(letter, "refused", "it cannot be read as a record of ours")
    if membri is None:
        return known, None
    try:
        found = membri.read(entity_of(known), known.subject)
    except RecordGone:
        return None, Replayed(letter, "gone", "Membri no longer has this record")
    return _refreshed(letter, known, found, membri)


def _refreshed(
    letter: Letter, known: ToTransfer, found: Fetched, membri: Membri
) -> tuple[ToTransfer | None, Replayed | None]:
    if found.content is None or found.chapter is None:
        return None, Replayed(letter, "refused", "its chapter is not configured here")
    if isinstance(found.content, MappingProblem):
        problem = found.content
        return None, Replayed(
            letter, "refused", f"{problem.reason} {problem.field} {problem.detail}".strip()
        )
    if found.status not in (Status.TRANSFER_ERROR, Status.TO_TRANSFER):
        return None, Replayed(letter, "refused", f"its status in Membri is {found.status}")
    origin = Origin(
        environment=membri.environment, chapter=found.chapter.slug, system=found.chapter.system
    )
    event = to_transfer(
        found.content,
        origin,
        dataversion=found.etag,
        time=found.modified,
        traceparent=known.traceparent,
    )
    return event, None


def summary(letters: Iterable[Letter]) -> dict[tuple[str, str, Reason], int]:
    """How many by (system, entity, reason)."""
    counts: dict[tuple[str, str, Reason], int] = {}
    for letter in letters:
        key = (letter.dead.system, letter.dead.entity, letter.dead.reason)
        counts[key] = counts.get(key, 0) + 1
    return counts


def oldest_failure(letters: Iterable[Letter]) -> dt.datetime | None:
    times = [one.dead.first_failed_at for one in letters if one.dead.first_failed_at]
    return min(times, default=None)
