"""What `consumers/ledger/port.py` promises, on every kind of ledger: records and waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.ledger.port import (
    Entry,
    Key,
    Ledger,
    State,
    Wait,
)
from schemas.reasons import WaitReason
from schemas.statuses import Entity
from tests.ledger_builders import (
    NOW,
    account,
    done,
    invoice,
    payment,
    put,
    waiting,
)

pytest_plugins = ["tests.fixtures_postgres", "tests.fixtures_ledger"]


# Entries


def test_an_entry_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    full = Entry(
        key=invoice("é’1"),
        state=State.SENDING,
        account_id="a1",
        dataversion='W/"7"',
        fingerprint="f" * 64,
        generation=3,
        remote_id="145",
        reference="FAC-0012 « à jour »",
        attempts=2,
        sent_at=NOW + 0.125,
        changed_at=NOW + 0.25,
        reason="unreachable",
    )
    put(ledger, entries=[full])
    assert ledger.entries([full.key]) == {full.key: full}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("entity", Entity)
def test_every_state_of_every_entity_is_kept(ledger: Ledger, state: State, entity: Entity) -> None:
    entry = Entry(Key(entity, "x"), state, "a1")
    put(ledger, entries=[entry])
    assert ledger.entries([entry.key]) == {entry.key: entry}
    assert ledger.state_counts() == {(state, entity): 1}


def test_an_unknown_record_has_no_entry_and_no_wait(ledger: Ledger) -> None:
    put(ledger, entries=[done(invoice())])
    assert ledger.entries([invoice("other"), payment("i1")]) == {}
    assert ledger.waits([invoice()]) == {}
    assert ledger.entries([]) == {}
    assert ledger.waits([]) == {}
    assert ledger.waiters([]) == {}


def test_a_later_entry_replaces_the_earlier_one_whole(ledger: Ledger) -> None:
    put(ledger, entries=[replace(done(invoice()), attempts=4, reason="unknown_tax")])
    put(ledger, entries=[Entry(invoice(), State.WAITING, "a2")])
    assert ledger.entries([invoice()]) == {invoice(): Entry(invoice(), State.WAITING, "a2")}


def test_of_two_entries_of_one_key_in_one_commit_the_last_stands(ledger: Ledger) -> None:
    put(ledger, entries=[done(invoice(), "first"), done(invoice(), "second")])
    assert ledger.entries([invoice()])[invoice()].remote_id == "second"


def test_records_of_different_entities_may_share_an_id(ledger: Ledger) -> None:
    put(ledger, entries=[done(account("x"), "1"), done(invoice("x"), "2")])
    found = ledger.entries([account("x"), invoice("x")])
    assert {key: entry.remote_id for key, entry in found.items()} == {
        account("x"): "1",
        invoice("x"): "2",
    }


@pytest.mark.parametrize("count", [1, 2, 8, 9, 64, 65, 512, 513, 1300])
def test_any_number_of_keys_is_read_in_one_call(ledger: Ledger, count: int) -> None:
    keys = [invoice(f"i{n}") for n in range(count)]
    put(
        ledger,
        entries=[done(key, key.id) for key in keys],
        waits=[waiting(key, waits_for=account(key.id)) for key in keys],
    )
    assert {key: entry.remote_id for key, entry in ledger.entries(keys).items()} == {
        key: key.id for key in keys
    }
    assert set(ledger.waits([*keys, payment("absent")])) == set(keys)
    assert ledger.waiters([account(key.id) for key in keys]) == {
        account(key.id): [key] for key in keys
    }


def test_a_key_asked_twice_is_answered_once(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), waits_for=account())])
    assert ledger.waiters([account(), account()]) == {account(): [invoice()]}


def test_states_are_counted_by_entity(ledger: Ledger) -> None:
    put(
        ledger,
        entries=[
            done(invoice("1")),
            done(invoice("2")),
            done(payment("1")),
            Entry(invoice("3"), State.FAILED, "a1"),
        ],
    )
    assert ledger.state_counts() == {
        (State.DONE, Entity.INVOICE): 2,
        (State.DONE, Entity.PAYMENT): 1,
        (State.FAILED, Entity.INVOICE): 1,
    }


# The waiting room


def test_a_wait_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    full = Wait(
        key=payment(),
        reason=WaitReason.WAITS_FOR_INVOICE,
        body=bytes(range(256)),
        account_id="a1",
        since=NOW - 5.5,
        waits_for=invoice("é"),
        due_at=NOW + 60,
        attempts=3,
        first_failed_at=NOW - 4.25,
        detail="attend la facture « 12 »",
    )
    put(ledger, waits=[full])
    assert ledger.waits([payment()]) == {payment(): full}
    assert ledger.waiting() == [full]


@pytest.mark.parametrize("reason", WaitReason)
def test_every_reason_to_wait_is_kept_and_counted(ledger: Ledger, reason: WaitReason) -> None:
    put(ledger, waits=[replace(waiting(invoice()), reason=reason)])
    assert ledger.waits([invoice()])[invoice()].reason is reason
    assert ledger.waiting_counts() == {(reason, Entity.INVOICE): 1}


def test_a_later_wait_replaces_the_earlier_one_whole(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), due_at=NOW, waits_for=account("old"))])
    put(ledger, waits=[waiting(invoice(), waits_for=account("new"))])
    assert ledger.waits([invoice()]) == {invoice(): waiting(invoice(), waits_for=account("new"))}
    assert ledger.waiters([account("old"), account("new")]) == {account("new"): [invoice()]}


def test_of_two_waits_of_one_key_in_one_commit_the_last_stands(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), waits_for=account()), waiting(invoice(), due_at=NOW)])
    assert ledger.waiting() == [waiting(invoice(), due_at=NOW)]
    assert ledger.waiters([account()]) == {}


def test_a_record_that_leaves_waits_no_more(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), due_at=NOW, waits_for=account()), waiting(payment())])
    put(ledger, leave=[invoice(), invoice("never waited")])
    assert ledger.waiting() == [waiting(payment())]
    assert ledger.waiters([account()]) == {}
    assert ledger.due(NOW, 10) == []
    assert ledger.next_due() is None


def test_leaving_and_waiting_in_one_commit_means_waiting(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), due_at=NOW)])
    put(ledger, leave=[invoice()], waits=[waiting(invoice(), due_at=NOW + 9)])
    assert ledger.waiting() == [waiting(invoice(), due_at=NOW + 9)]


def test_waiters_are_listed_oldest_first(ledger: Ledger) -> None:
    put(
        ledger,
        waits=[
            waiting(invoice("young"), since=NOW + 2, waits_for=account()),
            waiting(payment("old"), since=NOW, waits_for=account()),
            waiting(invoice("middle"), since=NOW + 1, waits_for=account()),
            waiting(invoice("other"), since=NOW, waits_for=account("a2")),
        ],
    )
    assert ledger.waiters([account(), account("a2"), account("nobody")]) == {
        account(): [payment("old"), invoice("middle"), invoice("young")],
        account("a2"): [invoice("other")],
    }


def test_a_wait_is_due_from_its_moment_on(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), due_at=NOW + 10), waiting(payment())])
    assert ledger.due(NOW + 9.999, 10) == []
    assert ledger.due(NOW + 10, 10) == [waiting(invoice(), due_at=NOW + 10)]
    assert ledger.next_due() == NOW + 10


def test_the_oldest_due_comes_first_and_the_limit_holds(ledger: Ledger) -> None:
    times = {"late": 3.0, "first": 1.0, "second": 2.0}
    put(ledger, waits=[waiting(invoice(name), due_at=NOW + t) for name, t in times.items()])
    assert [wait.key.id for wait in ledger.due(NOW + 3, 10)] == ["first", "second", "late"]
    assert [wait.key.id for wait in ledger.due(NOW + 3, 2)] == ["first", "second"]
    assert ledger.next_due() == NOW + 1


def test_nobody_with_a_time_means_no_next_due(ledger: Ledger) -> None:
    assert ledger.next_due() is None
    put(ledger, waits=[waiting(invoice(), waits_for=account())])
    assert ledger.next_due() is None


def test_the_waiting_room_is_read_oldest_first_up_to_the_limit(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(f"{n}"), since=NOW - n) for n in range(5)])
    assert [wait.key.id for wait in ledger.waiting()] == ["4", "3", "2", "1", "0"]
    assert [wait.key.id for wait in ledger.waiting(2)] == ["4", "3"]


def test_what_waits_for_its_date_alone_is_read_after_what_waits_for_something(
    ledger: Ledger,
) -> None:
    early = [waiting(invoice(f"{n}"), since=NOW - n, due_at=NOW + 9) for n in range(5, 8)]
    put(ledger, waits=[replace(wait, reason=WaitReason.NOT_YET_DUE) for wait in early])
    put(ledger, waits=[waiting(invoice(f"{n}"), since=NOW - n) for n in range(2)])
    assert [wait.key.id for wait in ledger.waiting()] == ["1", "0", "7", "6", "5"]
    assert [wait.key.id for wait in ledger.waiting(3)] == ["1", "0", "7"]
    assert [wait.key.id for wait in ledger.waiting(1)] == ["1"]


def test_ties_are_broken_by_entity_and_by_code_point(ledger: Ledger) -> None:
    keys = [account("é"), account("Z"), account("a"), payment("0"), invoice("9"), account("_")]
    put(ledger, waits=[waiting(key, due_at=NOW) for key in keys])
    assert [wait.key for wait in ledger.due(NOW, 10)] == sorted(keys)


def test_waits_are_counted_by_reason_and_entity(ledger: Ledger) -> None:
    put(
        ledger,
        waits=[
            waiting(invoice("1"), waits_for=account()),
            waiting(invoice("2"), waits_for=account()),
            waiting(payment("1")),
        ],
    )
    assert ledger.waiting_counts() == {
        (WaitReason.WAITS_FOR_ACCOUNT, Entity.INVOICE): 2,
        (WaitReason.RETRY_AT, Entity.PAYMENT): 1,
    }


def test_who_waited_for_an_arrived_record_is_due_now(ledger: Ledger) -> None:
    put(
        ledger,
        waits=[
            waiting(invoice("never"), waits_for=account()),
            waiting(invoice("later"), waits_for=account(), due_at=NOW + 100),
            waiting(invoice("earlier"), waits_for=account(), due_at=NOW - 100),
            waiting(invoice("other"), waits_for=account("a2"), due_at=NOW + 100),
            waiting(invoice("same id"), waits_for=payment("a1"), due_at=NOW + 100),
        ],
    )
    put(ledger, entries=[done(account())], release=[account(), account("nobody waits")])
    assert {wait.key.id: wait.due_at for wait in ledger.due(NOW, 10)} == {
        "earlier": NOW - 100,
        "never": NOW,
        "later": NOW,
    }


def test_a_released_record_still_waits_until_it_leaves(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), waits_for=account())])
    put(ledger, release=[account()])
    assert ledger.waiters([account()]) == {account(): [invoice()]}
    assert ledger.waits([invoice()]) == {
        invoice(): waiting(invoice(), waits_for=account(), due_at=NOW)
    }


def test_a_wait_written_with_the_release_of_what_it_waits_for_is_due(ledger: Ledger) -> None:
    put(ledger, waits=[waiting(invoice(), waits_for=account())], release=[account()])
    assert [wait.key for wait in ledger.due(NOW, 10)] == [invoice()]
