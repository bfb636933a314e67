"""What the poller would publish now, without publishing or remembering anything.

What comes in: Membri, the poller's state, chapters. What goes out: the records that are À
transférer, whole, in the order in which the poller finds them, and the entries of deferred revenue
that their payments would bring along. The state is read from a copy in memory.

Raises the exceptions of `producers.dataverse`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from producers.chunks import chunks
from producers.columns import ENTITIES
from producers.deferral_state import SCHEMA, DeferralState
from producers.deferring import Deferring
from producers.membri import Fetched, MappingProblem, Membri
from schemas.events import Origin, to_transfer
from schemas.statuses import Entity, Status
from schemas.wire.channel import Delivery, Outgoing
from schemas.wire.codec import to_outgoing
from schemas.wire.topology import work_queue

FETCH_CHUNK = 50


@dataclass
class Pending:
    """What is À transférer in Membri, by chapter, and the entries that follow its payments;
    `homeless` belongs to no chapter at all."""

    by_chapter: dict[str, list[Fetched]] = field(default_factory=dict)
    entries: dict[str, list[Delivery]] = field(default_factory=dict)
    homeless: list[Fetched] = field(default_factory=list)


@contextmanager
def deferral_state(poll_state: Path) -> Iterator[DeferralState]:
    """What the poller remembers of deferred revenue, copied into memory; nothing where it has not
    run yet, or where its file cannot be read: the entries are then derived from Membri alone."""
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        if poll_state.exists():
            address = f"{poll_state.resolve().as_uri()}?mode=ro"
            with (
                contextlib.suppress(sqlite3.DatabaseError),
                contextlib.closing(sqlite3.connect(address, uri=True)) as file,
            ):
                file.backup(memory)
        memory.executescript(SCHEMA)
        yield DeferralState(memory)


def read_pending(membri: Membri, state: DeferralState, slugs: Sequence[str]) -> Pending:
    """All that the poller would find of these chapters."""
    pending, deferring = Pending(), Deferring(membri, state)
    for entity in ENTITIES:
        wanted = (
            row.id for row in membri.pending(entity) if _may_be_of(membri, row.chapter_id, slugs)
        )
        for ids in chunks(wanted, FETCH_CHUNK):
            by_id = {one.id: one for one in membri.fetch(entity, ids)}
            found = [by_id[one] for one in ids if one in by_id]
            kept = [one for one in found if _keep(pending, one, slugs)]
            if entity is Entity.PAYMENT:
                _keep_entries(pending, deferring, kept)
    return pending


def _keep(pending: Pending, one: Fetched, slugs: Sequence[str]) -> bool:
    """Whether it is of one of these chapters."""
    if one.status is not Status.TO_TRANSFER or one.content is None:
        return False
    if one.chapter is None:
        pending.homeless.append(one)
        return False
    if one.chapter.slug not in slugs:
        return False
    pending.by_chapter.setdefault(one.chapter.slug, []).append(one)
    return True


def _keep_entries(pending: Pending, deferring: Deferring, payments: Sequence[Fetched]) -> None:
    plans = deferring.following(payments)
    for payment_id, messages in deferring.messages(plans).items():
        chapter = plans[payment_id].chapter
        queue = work_queue(chapter.system, chapter.slug)
        kept = pending.entries.setdefault(chapter.slug, [])
        kept += [_delivered(message, queue) for message in messages]


def _may_be_of(membri: Membri, chapter_id: str, slugs: Sequence[str]) -> bool:
    """Without a chapter of its own a row belongs to its account's, which only fetching tells."""
    if not chapter_id:
        return True
    chapter = membri.chapters.get(chapter_id)
    return chapter is not None and chapter.slug in slugs


def delivery_of(one: Fetched, slug: str, system: str, environment: str) -> Delivery:
    """The record as its consumer would get it. Raises TypeError for a row that is no record."""
    if one.content is None or isinstance(one.content, MappingProblem):
        raise TypeError(f"{one.entity} {one.id} is no record")
    origin = Origin(environment=environment, chapter=slug, system=system)
    event = to_transfer(one.content, origin, dataversion=one.etag, time=one.modified)
    return _delivered(to_outgoing(event), work_queue(system, slug))


def _delivered(message: Outgoing, queue: str) -> Delivery:
    return Delivery(
        tag=None,
        body=message.body,
        queue=queue,
        exchange=message.exchange,
        routing_key=message.routing_key,
        message_id=message.message_id,
        headers={},
        redelivered=False,
    )
