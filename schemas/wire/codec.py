"""Bytes of the wire ↔ events of ours.

What comes in: events, or the bytes of a message. What goes out: messages to publish, or events that
are valid through and through. Refuses what is unreadable, with `Unreadable` saying what and where;
it never shows more than 80 characters of a body.

Versions are read from `dataschema` (`urn:membri-sync:<what>:<major>.<minor>`): a newer minor one is
accepted without what we do not know, a newer major one is refused, an older one is upgraded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.events import (
    VERSION,
    Envelope,
    Event,
    FailedEvent,
    ReceivedEvent,
    ToTransfer,
    TransferredEvent,
    Withdrawn,
    entity_of,
)
from schemas.wire.channel import Outgoing
from schemas.wire.dead_letters import (
    DeadLetter,
    dead_letter,
    is_dead_letter,
    read_dead_letter,
)
from schemas.wire.topology import OUTCOMES, RECORDS, Ending, outcome_key, routing_key

AnyEvent = ToTransfer | Withdrawn | TransferredEvent | FailedEvent | ReceivedEvent
Version = tuple[int, int]
Upgrader = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a whole event of one version as JSON, returns it in the next one, `dataschema` included."""

UPGRADERS: Mapping[Version, Upgrader] = {}
"""By the version they start from. Empty: 1.0 was the first one that was published,
and 1.1 only added optional fields."""

SHOWN_MAX = 80
_ERRORS_SHOWN = 3
_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(Event)
_SCHEMA = re.compile(r"urn:membri-sync:[a-z_]+:(\d{1,4})\.(\d{1,4})")
_OURS = "urn:membri-sync:"


def _version(text: str) -> Version:
    major, minor = text.split(".")
    return int(major), int(minor)


CURRENT = _version(VERSION)


class Unreadable(Exception):
    """The bytes are no event that we can read. `field` is a path, empty when it is the whole."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


def encode(event: Envelope) -> bytes:
    """The event as JSON, in UTF-8."""
    # The model's own serializer: through the adapter of the union it takes twice as long, and
    # model_dump_json makes a str first.
    return event.__pydantic_serializer__.to_json(event)


def decode(body: bytes, *, upgraders: Mapping[Version, Upgrader] = UPGRADERS) -> AnyEvent:
    """The event in `body`. Raises Unreadable."""
    try:
        event = _ADAPTER.validate_json(body)
    except ValidationError as problem:
        return _decode_other_version(body, problem, upgraders)
    if _is_current(event.dataschema):
        return event
    return _decode_other_version(body, None, upgraders)


def _is_current(dataschema: str) -> bool:
    return not dataschema.startswith(_OURS) or dataschema.endswith(f":{VERSION}")


def _decode_other_version(
    body: bytes, problem: ValidationError | None, upgraders: Mapping[Version, Upgrader]
) -> AnyEvent:
    """Reads what another version of us wrote; `problem` is why it is not one of this version."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Unreadable(f"not JSON: {exc}; found {_shown(body)}") from None
    if not isinstance(tree, dict):
        raise Unreadable(f"a JSON object was expected, found {_shown(body)}")
    dataschema = tree.get("dataschema", "")
    if not isinstance(dataschema, str) or _is_current(dataschema):
        raise _explained(problem)
    version = _version_of(dataschema)
    if version[0] > CURRENT[0]:
        raise Unreadable(
            f"dataschema: version {version[0]}.{version[1]} is newer than {VERSION}, the one that "
            "this program reads; update it",
            "dataschema",
        )
    if version < CURRENT:
        tree = _upgraded(tree, version, upgraders)
    return _validated_again(tree, drop_unknown=version > CURRENT)


def _version_of(dataschema: str) -> Version:
    found = _SCHEMA.fullmatch(dataschema)
    if found is None:
        raise Unreadable(
            f"dataschema: {_OURS}<entity>:<major>.<minor> was expected, found {_shown(dataschema)}",
            "dataschema",
        )
    return int(found[1]), int(found[2])


def _upgraded(
    tree: dict[str, Any], version: Version, upgraders: Mapping[Version, Upgrader]
) -> dict[str, Any]:
    while version < CURRENT and version in upgraders:
        tree = upgraders[version](tree)
        reached = _version_of(str(tree.get("dataschema")))
        if reached <= version:
            raise AssertionError(f"the upgrader from {version} leads to {reached}")
        version = reached
    # Within one major version only optional fields are added: no upgrader, nothing to change.
    if version[0] < CURRENT[0]:
        raise Unreadable(
            f"dataschema: version {version[0]}.{version[1]} is older than {VERSION} and can no "
            "longer be read",
            "dataschema",
        )
    return tree


def _validated_again(tree: dict[str, Any], *, drop_unknown: bool) -> AnyEvent:
    # Bytes again, since amounts are strings on the wire and dates are not dates yet.
    try:
        return _ADAPTER.validate_json(orjson.dumps(tree))
    except ValidationError as problem:
        errors = problem.errors(include_url=False)
        if not drop_unknown or any(e["type"] != "extra_forbidden" for e in errors):
            raise _explained(problem) from None
        for error in errors:
            _delete(tree, _path(error))
    return _validated_again(tree, drop_unknown=False)


def _delete(tree: Any, path: tuple[int | str, ...]) -> None:
    for step in path[:-1]:
        tree = tree[step]
    del tree[path[-1]]


def _path(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where in the JSON: pydantic puts the event's type in front."""
    return tuple(error["loc"][1:])


def _explained(problem: ValidationError | None) -> Unreadable:
    if problem is None:
        raise AssertionError("a valid event of this version was read again")
    errors = problem.errors(include_url=False)
    told = [_told(error) for error in errors[:_ERRORS_SHOWN]]
    if len(errors) > _ERRORS_SHOWN:
        told.append(f"and {len(errors) - _ERRORS_SHOWN} more")
    return Unreadable("; ".join(told), ".".join(map(str, _path(errors[0]))))


def _told(error: ErrorDetails) -> str:
    where = ".".join(map(str, _path(error))) or "event"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown field"
    if error["type"] == "missing":
        return f"{where}: missing"
    if error["type"] == "union_tag_not_found":
        return "type: missing"
    if error["type"] == "union_tag_invalid":
        return f"type: {_shown(error['ctx']['tag'])} is none of ours"
    if isinstance(error["input"], dict | list):
        return f"{where}: {error['msg']}"
    return f"{where}: {error['msg']}, found {_shown(error['input'])}"


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        value = value[: SHOWN_MAX * 2].decode(errors="replace")
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def to_outgoing(event: ToTransfer | Withdrawn) -> Outgoing:
    """The message that carries a record, or its withdrawal, to the books of its chapter."""
    return Outgoing(
        exchange=RECORDS,
        routing_key=routing_key(entity_of(event), event.system, event.chapter),
        message_id=event.id,
        body=encode(event),
    )


def outcome_message(event: TransferredEvent | FailedEvent | ReceivedEvent) -> Outgoing:
    """The message that tells how a transfer ended.

    Nobody needs to listen to failures there: they reach the settler as dead letters. So these are
    not returned when no queue takes them.
    """
    ending = Ending(event.type.rpartition(".")[2])
    return Outgoing(
        exchange=OUTCOMES,
        routing_key=outcome_key(entity_of(event), event.system, event.chapter, ending),
        message_id=event.id,
        body=encode(event),
        mandatory=ending is not Ending.FAILED,
    )


__all__ = [
    "AnyEvent",
    "DeadLetter",
    "Unreadable",
    "dead_letter",
    "decode",
    "encode",
    "is_dead_letter",
    "outcome_message",
    "read_dead_letter",
    "to_outgoing",
]
