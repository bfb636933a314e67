"""What the poller remembers, and that its loss costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producers.poll_state import PollState, Seen
from schemas.statuses import Entity


def seen(record_id: str = "i-1", **values: Any) -> Seen:
    given = {
        "entity": Entity.INVOICE,
        "id": record_id,
        "etag": "1",
        "published": True,
        "chapter": "montreal",
        "account_id": "a-1",
        "account_etag": "7",
        "at": 100.0,
    }
    return Seen(**(given | values))


def test_what_is_remembered_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "poll.db"
    with PollState(path) as state:
        state.remember([seen(times=3, sweep=9)])
    with PollState(path) as state:
        assert state.known(Entity.INVOICE, ["i-1", "i-2"]) == {"i-1": seen(times=3, sweep=9)}
        assert state.known(Entity.PAYMENT, ["i-1"]) == {}


def test_what_was_left_alone_is_looked_at_again_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "poll.db"
    with PollState(path) as state:
        state.remember([seen(published=False), seen("i-2")])
        assert state.in_flight_count() == 1
    with PollState(path) as state:
        assert set(state.known(Entity.INVOICE, ["i-1", "i-2"])) == {"i-2"}


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 99, b""])
def test_an_unusable_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "poll.db"
    path.write_bytes(content)
    with PollState(path) as state:
        state.remember([seen()])
        assert state.in_flight_count() == 1


def test_a_file_of_another_version_is_made_anew(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "poll.db"
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE seen (entity TEXT, id TEXT, account_id TEXT, at REAL)")
    old.close()
    with PollState(path) as state:
        state.remember([seen()])
        assert state.in_flight_count() == 1


def test_many_ids_are_asked_at_once() -> None:
    with PollState() as state:
        ids = [f"i-{n}" for n in range(1500)]
        state.remember(seen(one) for one in ids)
        assert len(state.known(Entity.INVOICE, ids)) == 1500
        state.met(Entity.INVOICE, ids, 4)
        assert state.missed(Entity.INVOICE, 4, 10) == []
        assert len(state.missed(Entity.INVOICE, 5, 10)) == 10
        state.forget(Entity.INVOICE, ids)
        assert state.in_flight_count() == 0


def test_accounts_lead_to_their_documents_but_not_to_themselves() -> None:
    with PollState() as state:
        state.remember(
            [
                seen("a-1", entity=Entity.ACCOUNT),
                seen("i-1"),
                seen("p-1", entity=Entity.PAYMENT),
                seen("i-2", published=False),
                seen("i-3", account_id="a-2"),
            ]
        )
        assert {one.id for one in state.of_accounts(["a-1"])} == {"i-1", "p-1"}


@pytest.mark.parametrize(("times", "lease_s"), [(1, 900), (2, 1800), (3, 3600), (9, 3600)])
def test_leases_double_up_to_four_times(times: int, lease_s: float) -> None:
    with PollState() as state:
        state.remember([seen(times=times)])
        assert state.expired(Entity.INVOICE, 100 + lease_s - 1, 900, 10) == []
        assert len(state.expired(Entity.INVOICE, 100 + lease_s, 900, 10)) == 1
