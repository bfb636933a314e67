"""Between the ledger's dataclasses and the rows of its tables.

In: what the engine commits. Out: tuples in the column order of `statements`, and back. Refuses a
row whose state, entity or reason this version does not know (KeyError).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from consumers.ledger.port import Entry, Key, Note, OutboxMessage, State, Wait
from schemas.reasons import WaitReason
from schemas.statuses import Entity

Row = Sequence[Any]

STATES = {state.value: state for state in State}
ENTITIES = {entity.value: entity for entity in Entity}
WAIT_REASONS = {reason.value: reason for reason in WaitReason}


def storable(text: str) -> str:
    """The text with what a database cannot keep made visible: NUL (PostgreSQL) and lone surrogates
    (both). Such characters come in the words of others: error texts, headers."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def entry_row(chapter: str, entry: Entry) -> Row:
    return (
        chapter,
        entry.key.entity.value,
        entry.key.id,
        entry.state.value,
        entry.account_id,
        entry.dataversion,
        entry.fingerprint,
        entry.generation,
        storable(entry.remote_id),
        storable(entry.reference),
        entry.attempts,
        entry.sent_at,
        entry.changed_at,
        storable(entry.reason),
    )


def entry_of(row: Row) -> Entry:
    """From the columns after `chapter`."""
    return Entry(Key(ENTITIES[row[0]], row[1]), STATES[row[2]], *row[3:])


def wait_row(chapter: str, wait: Wait) -> Row:
    waits_for = wait.waits_for
    return (
        chapter,
        wait.key.entity.value,
        wait.key.id,
        wait.reason.value,
        wait.body,
        wait.account_id,
        wait.since,
        waits_for.entity.value if waits_for else None,
        waits_for.id if waits_for else None,
        wait.due_at,
        wait.attempts,
        wait.first_failed_at,
        storable(wait.detail),
    )


def wait_of(row: Row) -> Wait:
    """From the columns after `chapter`."""
    entity, record_id, reason, body, account_id, since, for_entity, for_id, *rest = row
    waits_for = None if for_entity is None else Key(ENTITIES[for_entity], for_id)
    key = Key(ENTITIES[entity], record_id)
    return Wait(key, WAIT_REASONS[reason], body, account_id, since, waits_for, *rest)


def message_row(chapter: str, message: OutboxMessage) -> Row:
    return (
        chapter,
        message.exchange,
        storable(message.routing_key),
        storable(message.message_id),
        message.body,
        # The standard library's JSON: it escapes what the database or UTF-8 cannot hold.
        json.dumps(dict(message.headers)) if message.headers else "{}",
        int(message.mandatory),
    )


def message_of(row: Row) -> OutboxMessage:
    number, _, exchange, routing_key, message_id, body, headers, mandatory = row
    return OutboxMessage(
        exchange, routing_key, message_id, body, json.loads(headers), bool(mandatory), number
    )


def note_row(chapter: str, note: Note) -> Row:
    return (chapter, note.key.entity.value, note.key.id, note.at, note.what, storable(note.detail))


def note_of(record_id: str, row: Row) -> Note:
    entity, at, what, detail = row
    return Note(Key(ENTITIES[entity], record_id), at, what, detail)
