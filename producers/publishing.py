"""From fetched records to confirmed messages, within what the queues take.

What comes in: records as fetched, or withdrawals. What goes out: messages, and in the poll state
what the broker confirmed. A record that cannot be mapped goes to the dead exchange, so that it
shows as « Erreur de transfert ». Refused: to publish anything that is not À transférer.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from producers.chapters import Chapter
from producers.clock import Clock
from producers.membri import Fetched, MappingProblem, Pending
from producers.poll_state import PollState, Seen
from schemas.events import Origin, event_id, to_transfer, withdrawn
from schemas.facts import DeadLettered, Observer, Published
from schemas.records import DUES, Invoice
from schemas.statuses import WITHDRAWN, Entity, Status
from schemas.wire.channel import Broker, Outgoing, PublishOutcome
from schemas.wire.codec import to_outgoing
from schemas.wire.dead_letters import dead_letter
from schemas.wire.topology import UNKNOWN, routing_key, work_queue

log = logging.getLogger(__name__)

DEPTH_MAX = 2000
FAILED_BY = "poller"


@dataclass
class Tally:
    """What one pass did. `blocked`: left because a queue was full; `elsewhere`: of chapters that
    are not configured; `unconfirmed`: published without a confirm, to be published again.
    Messages about entries of deferred revenue count as published; `sweeping`: there are more of
    them to be said at once, with the next pass."""

    published: int = 0
    buried: int = 0
    withdrawn: int = 0
    held: int = 0
    elsewhere: int = 0
    blocked: int = 0
    unconfirmed: int = 0
    sweeping: bool = False
    faults: list[str] = field(default_factory=list)


class Publication:
    """Publishes for one pass after another. One thread."""

    def __init__(
        self,
        broker: Broker,
        state: PollState,
        environment: str,
        chapters: Sequence[Chapter],
        *,
        clock: Clock,
        observer: Observer,
        depth_max: int = DEPTH_MAX,
    ) -> None:
        self.tally = Tally()
        self.sweep = 0
        self._broker = broker
        self._publisher = broker.publisher()
        self._state = state
        self._environment = environment
        self._chapters = chapters
        self._clock = clock
        self._observer = observer
        self._depth_max = depth_max
        self._room: dict[str, int] = {}

    def close(self) -> None:
        self._publisher.close()

    def begin(self) -> None:
        """A new pass: counts from zero, queues are asked again."""
        self.tally = Tally()
        self._room.clear()

    def blocked(self, chapter: Chapter) -> bool:
        """Whether the chapter's queue holds enough. A queue that is missing is blocked too: what
        is published without one would come back as an error of every record."""
        if chapter.slug not in self._room:
            self._room[chapter.slug] = self._measured(chapter)
        return self._room[chapter.slug] <= 0

    def all_blocked(self) -> bool:
        return all(self.blocked(chapter) for chapter in self._chapters)

    def any_blocked(self) -> bool:
        return any(self.blocked(chapter) for chapter in self._chapters)

    def publish(
        self, records: Sequence[Fetched], behind: Mapping[str, Sequence[Outgoing]] | None = None
    ) -> list[Fetched]:
        """Publishes what is À transférer; returns what must be published again, later. `behind`:
        by id, messages that go right behind a record, and count as part of it."""
        ready: list[tuple[Fetched, list[Outgoing]]] = []
        left: list[Fetched] = []
        for fetched in records:
            if fetched.status is not Status.TO_TRANSFER:
                if fetched.status not in WITHDRAWN:  # these are told to the consumer first
                    self._state.forget(fetched.entity, [fetched.id])
                continue
            if fetched.content is None or self._held(fetched):
                self._leave_alone(fetched)
            elif isinstance(fetched.content, MappingProblem):
                ready.append((fetched, [self._dead_letter(fetched, fetched.content)]))
            elif fetched.chapter is None or self.blocked(fetched.chapter):
                self.tally.blocked += 1
                left.append(fetched)
            else:
                messages = [self._message(fetched), *(behind or {}).get(fetched.id, ())]
                self._room[fetched.chapter.slug] -= len(messages)
                ready.append((fetched, messages))
        return left + self._sent(ready)

    def send(
        self, chapter: Chapter, messages: Sequence[Outgoing], *, withdrawing: bool = False
    ) -> bool:
        """Publishes entries of deferred revenue, or their withdrawals; whether all were
        confirmed."""
        outcomes = self._publisher.publish(messages) if messages else []
        self._room[chapter.slug] = self._room.get(chapter.slug, self._depth_max) - len(messages)
        left = sum(outcome is not PublishOutcome.CONFIRMED for outcome in outcomes)
        self.tally.unconfirmed += left
        if withdrawing:
            self.tally.withdrawn += len(messages) - left
        else:
            self._count_entries(chapter, len(messages) - left)
        return not left

    def withdraw(self, rows: Sequence[tuple[Pending, Seen]]) -> None:
        """Tells the consumers of records whose status a person changed since they were published.

        What is not confirmed stays remembered, and is found again by the next full sweep.
        """
        told = [(row, seen, self._chapter(seen.chapter)) for row, seen in rows]
        known = [(row, seen, chapter) for row, seen, chapter in told if chapter is not None]
        messages = [self._withdrawal(row, seen, chapter) for row, seen, chapter in known]
        outcomes = self._publisher.publish(messages) if messages else []
        for (row, _, _), outcome in zip(known, outcomes, strict=True):
            if outcome is PublishOutcome.CONFIRMED:
                self.tally.withdrawn += 1
                self._state.forget(row.entity, [row.id])
            else:
                self.tally.unconfirmed += 1

    def _measured(self, chapter: Chapter) -> int:
        queue = work_queue(chapter.system, chapter.slug)
        try:
            return self._depth_max - self._broker.depth(queue)
        except KeyError:
            log.error("the queue %s does not exist: run `membri-sync topology apply`", queue)  # noqa: TRY400 - the trace says no more
            return 0

    def _held(self, fetched: Fetched) -> bool:
        """Dues wait until paid where the chapter says so (domain, rule 7)."""
        record = fetched.content
        if not isinstance(record, Invoice) or fetched.chapter is None:
            return False
        waits = fetched.chapter.settings.sync_memberships_when_paid
        return waits and record.type in DUES and not record.paid

    def _leave_alone(self, fetched: Fetched) -> None:
        if fetched.content is None:
            self.tally.elsewhere += 1
        else:
            self.tally.held += 1
        self._state.remember([self._seen(fetched, published=False, times=1)])

    def _message(self, fetched: Fetched) -> Outgoing:
        record, chapter = fetched.content, fetched.chapter
        if record is None or isinstance(record, MappingProblem) or chapter is None:
            raise AssertionError("only a record of a known chapter becomes a message")
        event = to_transfer(
            record, self._origin(chapter), dataversion=fetched.etag, time=fetched.modified
        )
        return to_outgoing(event)

    def _dead_letter(self, fetched: Fetched, problem: MappingProblem) -> Outgoing:
        """An event without data: there is no record to put in it."""
        chapter = fetched.chapter.slug if fetched.chapter else UNKNOWN
        system = fetched.chapter.system if fetched.chapter else UNKNOWN
        origin = Origin(environment=self._environment, chapter=chapter, system=system)
        message_id = event_id(fetched.entity, fetched.id, fetched.etag)
        event = {
            "specversion": "1.0",
            "id": message_id,
            "source": origin.source,
            "type": f"membri.{fetched.entity}.to_transfer",
            "subject": fetched.id,
            "time": fetched.modified,
            "datacontenttype": "application/json",
            "chapter": chapter,
            "system": system,
            "partitionkey": fetched.account_id,
            "dataversion": fetched.etag,
            "data": {},
        }
        return dead_letter(
            orjson.dumps(event),
            reason=problem.reason,
            field=problem.field,
            detail=problem.detail,
            first_failed_at=self._clock.now(),
            failed_by=FAILED_BY,
            routing_key=routing_key(fetched.entity, system, chapter),
            message_id=message_id,
        )

    def _withdrawal(self, row: Pending, seen: Seen, chapter: Chapter) -> Outgoing:
        if row.status is None:
            raise AssertionError("a withdrawal says which status the record has now")
        return to_outgoing(
            withdrawn(
                row.entity,
                row.id,
                seen.account_id,
                row.status,
                self._origin(chapter),
                dataversion=row.etag,
            )
        )

    def _sent(self, ready: Sequence[tuple[Fetched, Sequence[Outgoing]]]) -> list[Fetched]:
        """Publishes with confirms and remembers what was confirmed; returns the rest."""
        if not ready:
            return []
        outcomes = iter(self._publisher.publish([one for _, some in ready for one in some]))
        # Queues that were full may have been emptied meanwhile: they are asked again.
        self._room = {slug: room for slug, room in self._room.items() if room > 0}
        confirmed: list[Fetched] = []
        left: list[Fetched] = []
        for fetched, messages in ready:
            of_it = [next(outcomes) for _ in messages]
            whole = all(outcome is PublishOutcome.CONFIRMED for outcome in of_it)
            (confirmed if whole else left).append(fetched)
            if whole and fetched.chapter is not None:
                self._count_entries(fetched.chapter, len(messages) - 1)
        self._remember(confirmed)
        self._report(confirmed)
        self.tally.unconfirmed += len(left)
        return left

    def _remember(self, confirmed: Sequence[Fetched]) -> None:
        by_entity: dict[Entity, list[Fetched]] = {}
        for fetched in confirmed:
            by_entity.setdefault(fetched.entity, []).append(fetched)
        for entity, group in by_entity.items():
            before = self._state.known(entity, [fetched.id for fetched in group])
            self._state.remember(
                self._seen(fetched, published=True, times=_times(before.get(fetched.id), fetched))
                for fetched in group
            )

    def _report(self, confirmed: Sequence[Fetched]) -> None:
        published: Counter[tuple[str, Entity]] = Counter()
        for fetched in confirmed:
            system = fetched.chapter.system if fetched.chapter else UNKNOWN
            if isinstance(fetched.content, MappingProblem):
                self.tally.buried += 1
                self._observer(DeadLettered(system, fetched.entity, fetched.content.reason))
            else:
                self.tally.published += 1
                published[system, fetched.entity] += 1
        for (system, entity), count in published.items():
            self._observer(Published(system, entity, count))

    def _count_entries(self, chapter: Chapter, count: int) -> None:
        if count:
            self.tally.published += count
            self._observer(Published(chapter.system, Entity.JOURNAL_ENTRY, count))

    def _seen(self, fetched: Fetched, *, published: bool, times: int) -> Seen:
        return Seen(
            entity=fetched.entity,
            id=fetched.id,
            etag=fetched.etag,
            published=published,
            chapter=fetched.chapter.slug if fetched.chapter else "",
            account_id=fetched.account_id,
            account_etag=fetched.account_etag,
            at=self._clock.now().timestamp(),
            times=times,
            sweep=self.sweep,
        )

    def _origin(self, chapter: Chapter) -> Origin:
        return Origin(environment=self._environment, chapter=chapter.slug, system=chapter.system)

    def _chapter(self, slug: str) -> Chapter | None:
        return next((chapter for chapter in self._chapters if chapter.slug == slug), None)


def _times(before: Seen | None, fetched: Fetched) -> int:
    """How often this version was published, this time included."""
    return before.times + 1 if before and before.etag == fetched.etag else 1
