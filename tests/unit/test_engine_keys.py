"""Which sendings share an idempotency key, and which never do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.attempt import Work, idempotency_key
from consumers.ledger.port import Entry, Key, State
from consumers.ordering import Look
from schemas.statuses import Entity
from tests.builders import account


def key_of(chapter: str = "montreal", **changes: object) -> str:
    entry = Entry(Key(Entity.ACCOUNT, "a1"), State.WAITING, "a1", attempts=1)
    work = Work(entry.key, account(), "f", "v1", Look.FIRST, "", entry, steps=None)  # type: ignore[arg-type]  # no steps
    attempts = changes.pop("attempts", 1)
    work.prior = replace(entry, attempts=attempts)  # type: ignore[arg-type]  # a number
    return idempotency_key(chapter, replace(work, prior=work.prior, **changes))  # type: ignore[arg-type]  # fields of Work


@pytest.mark.parametrize(
    "changes",
    [
        {"chapter": "quebec"},
        {"key": Key(Entity.ACCOUNT, "a2")},
        {"key": Key(Entity.INVOICE, "a1")},
        {"generation": 1},
        {"attempts": 2},
        {"fingerprint": "g"},
        {"update": "77"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_idempotency_key_tells_apart_what_is_not_the_same_sending(
    changes: dict[str, object],
) -> None:
    assert key_of(**changes) != key_of()  # type: ignore[arg-type]  # by name
    assert key_of(**changes) == key_of(**changes)  # type: ignore[arg-type]  # by name
    assert len(key_of()) == 36


def test_a_create_keeps_its_key_in_another_version_and_an_update_does_not() -> None:
    assert key_of(dataversion="v2") == key_of()
    assert key_of(update="77", dataversion="v2") != key_of(update="77")
