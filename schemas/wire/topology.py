"""Exchanges, queues, bindings and routing keys, as values.

What comes in: slugs of systems and chapters. What goes out: names, and a `Topology` in the order
in which a broker must be told of it. Refuses slugs that would change the meaning of a key.

Why the arguments are what they are was measured on RabbitMQ 3.10.8: dead-lettering is at-least-once
only from a quorum queue whose overflow is reject-publish, and the broker accepts the combination
that loses messages without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from schemas.statuses import Entity

RECORDS = "membri.records"
OUTCOMES = "membri.outcomes"
DEAD = "membri.dead"
UNROUTED = "membri.unrouted"
SETTLE = "membri.settle"

UNKNOWN = "unknown"
"""Stands for an entity, a system or a chapter that a message does not name as it should."""

MAX_LENGTH = 200_000
DELIVERY_LIMIT = 20
"""Crash safety only: a consumer that dies, and each deployment, uses one of them."""
NO_DELIVERY_LIMIT = 2_000_000_000
"""Written out where nothing may be dropped: newer brokers have a limit of 20 by default."""

_DIFFERS = re.compile(
    r"inequivalent arg '(?P<what>[^']+)' for (?P<thing>\w+) '(?P<name>[^']+)'.*?"
    r"received (?P<ours>.+?) but current is (?P<theirs>.+)"
)
_SLUG = re.compile(r"[a-z0-9_-]{1,64}")


class Ending(StrEnum):
    """Last word of a routing key of `membri.outcomes`."""

    TRANSFERRED = "transferred"
    FAILED = "failed"
    RECEIVED = "received"


class RecordKey(NamedTuple):
    """A routing key of `membri.records` or `membri.dead`. `entity` may be UNKNOWN or foreign."""

    entity: str
    system: str
    chapter: str


class OutcomeKey(NamedTuple):
    entity: str
    system: str
    chapter: str
    ending: Ending


@dataclass(frozen=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "fanout"] = "topic"
    arguments: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Queue:
    """A durable quorum queue."""

    name: str
    arguments: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Binding:
    queue: str
    exchange: str
    pattern: str


@dataclass(frozen=True)
class Topology:
    """All of it, in declaration order: exchanges, then queues, then bindings."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


def slug(value: str) -> str:
    """`value`, when it may stand in a routing key. Raises ValueError."""
    if not _SLUG.fullmatch(value):
        raise ValueError(
            f"{value!r} cannot be used in a queue name: 1 to 64 of a-z, 0-9, _ and - are expected"
        )
    return value


def work_queue(system: str, chapter: str) -> str:
    """The queue of one company's books. Raises ValueError for a bad slug."""
    return f"membri.{slug(system)}.{slug(chapter)}"


def dead_queue(system: str, entity: str) -> str:
    """Where dead letters of one entity of one system stay. Raises ValueError for a bad slug."""
    return f"membri.dead.{slug(system)}.{slug(entity)}"


UNROUTED_QUEUE = dead_queue(UNKNOWN, UNKNOWN)


def dead_queues(system: str) -> tuple[str, ...]:
    """The dead-letter queues of one system: the entities, then what names none of them."""
    return tuple(dead_queue(system, entity) for entity in (*Entity, UNKNOWN))


def routing_key(entity: str, system: str, chapter: str) -> str:
    """Key of a record and of its dead letter. Raises ValueError for a bad slug."""
    return f"{slug(entity)}.{slug(system)}.{slug(chapter)}"


def outcome_key(entity: str, system: str, chapter: str, ending: Ending) -> str:
    """Key of an outcome. Raises ValueError for a bad slug."""
    return f"{routing_key(entity, system, chapter)}.{ending}"


def parse_routing_key(key: str) -> RecordKey:
    """The parts of a record's key. Raises ValueError when it is none."""
    words = key.split(".")
    if len(words) != 3:
        raise ValueError(f"routing key {key[:80]!r} is not <entity>.<system>.<chapter>")
    return RecordKey(*(slug(word) for word in words))


def parse_outcome_key(key: str) -> OutcomeKey:
    """The parts of an outcome's key. Raises ValueError when it is none."""
    record, _, ending = key.rpartition(".")
    return OutcomeKey(*parse_routing_key(record), Ending(ending))


def dead_key(key: str) -> str:
    """The key under which a dead letter of a message with `key` finds a dead-letter queue.

    The same one, but an entity outside the four becomes UNKNOWN, and a malformed key all UNKNOWN.
    """
    try:
        entity, system, chapter = parse_routing_key(key)
    except ValueError:
        return routing_key(UNKNOWN, UNKNOWN, UNKNOWN)
    return routing_key(entity if entity in set(Entity) else UNKNOWN, system, chapter)


def matches(pattern: str, key: str) -> bool:
    """Whether a topic exchange would route `key` by `pattern` (* one word, # any number)."""
    return _matches(pattern.split("."), key.split(".") if key else [])


def _matches(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_matches(pattern[1:], words[n:]) for n in range(len(words) + 1))
    if not words or pattern[0] not in ("*", words[0]):
        return False
    return _matches(pattern[1:], words[1:])


def topology(chapters: Sequence[tuple[str, str]], *, max_length: int = MAX_LENGTH) -> Topology:
    """What the broker must hold for these (system, chapter) pairs.

    Dead-letter queues come before the work queues that feed them: a dead letter without a queue
    waits 180 s in the broker at best. `max_length` is the back-pressure of a work queue, in
    messages. Raises ValueError for a bad slug or a pair given twice.
    """
    if len(set(chapters)) != len(chapters):
        raise ValueError("the same system and chapter slug is given twice")
    systems = sorted({system for system, _ in chapters})
    return Topology(
        exchanges=(
            Exchange(UNROUTED, kind="fanout"),
            Exchange(DEAD),
            Exchange(OUTCOMES),
            Exchange(RECORDS, arguments={"alternate-exchange": UNROUTED}),
        ),
        queues=(
            *(_parking(name) for system in systems for name in dead_queues(system)),
            _parking(UNROUTED_QUEUE),
            _settle_queue(),
            *(_work_queue(system, chapter, max_length) for system, chapter in chapters),
        ),
        bindings=(
            *(
                Binding(dead_queue(system, entity), DEAD, f"{entity}.{system}.*")
                for system in systems
                for entity in (*Entity, UNKNOWN)
            ),
            Binding(UNROUTED_QUEUE, DEAD, f"*.{UNKNOWN}.*"),
            Binding(UNROUTED_QUEUE, UNROUTED, ""),
            Binding(SETTLE, UNROUTED, ""),
            Binding(SETTLE, DEAD, "#"),
            Binding(SETTLE, OUTCOMES, f"*.*.*.{Ending.TRANSFERRED}"),
            Binding(SETTLE, OUTCOMES, f"*.*.*.{Ending.RECEIVED}"),
            *(
                Binding(work_queue(system, chapter), RECORDS, f"*.{system}.{chapter}")
                for system, chapter in chapters
            ),
        ),
    )


def _parking(name: str) -> Queue:
    return Queue(name, {"x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT})


def _settle_queue() -> Queue:
    return Queue(
        SETTLE,
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": NO_DELIVERY_LIMIT,
        },
    )


def _work_queue(system: str, chapter: str, max_length: int) -> Queue:
    return Queue(
        work_queue(system, chapter),
        {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-max-length": max_length,
        },
    )


def explain_conflict(reply: str) -> str:
    """What to do about RabbitMQ's "inequivalent arg" reply, which names the first difference."""
    found = _DIFFERS.search(reply)
    if found is None:
        return reply
    return (
        f"{found['thing']} {found['name']} exists with another {found['what']}: "
        f"{found['theirs']} there, {found['ours']} wanted. RabbitMQ cannot change it: empty and "
        f"delete that {found['thing']}, then apply the topology again"
    )
