"""Dead letters: the original bytes, and headers that say why they could not go.

What comes in: a delivery (or bytes) and the reason; or a delivery from a dead-letter queue or from
`membri.settle`, made by us, by the broker (delivery limit) or by nobody (no queue was bound). What
goes out: a message for `membri.dead`, or a `DeadLetter`. Reading refuses nothing: whatever stands
in such a queue is shown.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from schemas.events import NAMESPACE
from schemas.reasons import Reason
from schemas.statuses import Entity
from schemas.systems import System
from schemas.wire.channel import Delivery, Outgoing
from schemas.wire.topology import DEAD, OUTCOMES, dead_key, parse_routing_key

DETAIL_MAX = 4000
"""Characters of x-detail: room for a traceback, far below a frame."""
FIELD_MAX = 200

REASON, FIELD, DETAIL = "x-reason", "x-field", "x-detail"
ATTEMPTS, FIRST_FAILED_AT, FAILED_BY = "x-attempts", "x-first-failed-at", "x-failed-by"


@dataclass(frozen=True)
class DeadLetter:
    """What stands in a dead-letter queue. `subject` is the Membri record id, when it can be read.

    `entity`, `system` and `chapter` come from the routing key and may be "unknown".
    """

    reason: Reason
    field: str
    detail: str
    attempts: int
    first_failed_at: dt.datetime | None
    failed_by: str
    entity: str
    system: str
    chapter: str
    subject: str | None
    body: bytes
    message_id: str
    routing_key: str


def dead_letter(
    source: Delivery | bytes,
    *,
    reason: Reason,
    field: str = "",
    detail: str = "",
    attempts: int = 1,
    first_failed_at: dt.datetime,
    failed_by: str,
    routing_key: str = "",
    message_id: str = "",
) -> Outgoing:
    """The message that buries `source`, with its body kept as it is.

    `routing_key` and `message_id` are the delivery's own where there is one and none is given.
    `first_failed_at` must be aware (ValueError). Long details lose their middle.
    """
    if first_failed_at.tzinfo is None:
        raise ValueError("first_failed_at has no time zone")
    body = source
    if isinstance(source, Delivery):
        body = source.body
        routing_key = routing_key or source.routing_key
        message_id = message_id or source.message_id
    assert isinstance(body, bytes)  # noqa: S101 - for the type checker: a Delivery was unpacked
    return Outgoing(
        exchange=DEAD,
        routing_key=dead_key(routing_key),
        message_id=message_id or str(uuid.uuid5(NAMESPACE, body.hex())),
        body=body,
        headers={
            REASON: reason.value,
            FIELD: field[:FIELD_MAX],
            DETAIL: shortened(detail, DETAIL_MAX),
            ATTEMPTS: attempts,
            FIRST_FAILED_AT: first_failed_at.astimezone(dt.UTC).isoformat(),
            FAILED_BY: failed_by[:FIELD_MAX],
        },
    )


def shortened(text: str, length: int) -> str:
    """`text` in at most `length` characters: start and end stay, as a traceback needs."""
    if len(text) <= length:
        return text
    head = (length - 3) // 2
    return f"{text[:head]}\n…\n{text[len(text) - (length - 3 - head) :]}"


def is_dead_letter(delivery: Delivery) -> bool:
    """Whether a delivery of `membri.settle` is one: all but what came by `membri.outcomes`."""
    return REASON in delivery.headers or delivery.exchange != OUTCOMES


def read_dead_letter(delivery: Delivery) -> DeadLetter:
    """What a delivery of a dead-letter queue or of `membri.settle` says."""
    headers = delivery.headers
    entity, system, chapter = parse_routing_key(dead_key(delivery.routing_key))
    why = _ours(headers) or _brokers(headers) or _unrouted(delivery.routing_key)
    return DeadLetter(
        reason=why.reason,
        field=why.field,
        detail=why.detail,
        attempts=why.attempts,
        first_failed_at=why.first_failed_at,
        failed_by=why.failed_by,
        entity=entity,
        system=system,
        chapter=chapter,
        subject=_subject(delivery.body),
        body=delivery.body,
        message_id=delivery.message_id,
        routing_key=delivery.routing_key,
    )


@dataclass(frozen=True)
class _Why:
    reason: Reason
    field: str = ""
    detail: str = ""
    attempts: int = 0
    first_failed_at: dt.datetime | None = None
    failed_by: str = "broker"


def _ours(headers: Mapping[str, object]) -> _Why | None:
    if REASON not in headers:
        return None
    given = str(headers[REASON])
    detail = str(headers.get(DETAIL, ""))
    try:
        reason = Reason(given)
    except ValueError:  # written by a newer version of us
        reason, detail = Reason.REFUSED_BY_SYSTEM, f"{given}: {detail}"
    return _Why(
        reason=reason,
        field=str(headers.get(FIELD, "")),
        detail=detail,
        attempts=_int(headers.get(ATTEMPTS)),
        first_failed_at=_time(headers.get(FIRST_FAILED_AT)),
        failed_by=str(headers.get(FAILED_BY, "")),
    )


def _brokers(headers: Mapping[str, object]) -> _Why | None:
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    death = deaths[0]  # newest first
    return _Why(
        reason=Reason.DELIVERY_LIMIT,
        detail=f"{death.get('reason', '')} in {death.get('queue', '')}",
        attempts=_int(death.get("count")),
        first_failed_at=_time(death.get("time")),
    )


def _unrouted(routing_key: str) -> _Why:
    """What in the key names nothing: the entity, the system, or (all that is left) the chapter."""
    entity, _, rest = routing_key.partition(".")
    reason = Reason.UNKNOWN_CHAPTER
    if entity not in set(Entity):
        reason = Reason.UNKNOWN_ENTITY
    elif rest.partition(".")[0] not in set(System):
        reason = Reason.UNKNOWN_SYSTEM
    return _Why(reason=reason, detail=f"no queue takes the routing key {routing_key[:200]}")


def _int(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]  # anything may stand there
    except (TypeError, ValueError):
        return 0


def _time(value: object) -> dt.datetime | None:
    """RabbitMQ's own times come without a zone and are UTC."""
    try:
        when = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return when.replace(tzinfo=dt.UTC) if when.tzinfo is None else when


def _subject(body: bytes) -> str | None:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    subject = event.get("subject") if isinstance(event, dict) else None
    return subject if isinstance(subject, str) and subject else None
