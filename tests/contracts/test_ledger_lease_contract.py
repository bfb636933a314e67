"""What `consumers/ledger/port.py` promises about the right to send, on every kind of ledger."""

from __future__ import annotations

import pytest

from consumers.ledger.port import Changes, Lease, LeaseLost, Ledger
from tests.ledger_builders import NOW, Shelf, done, invoice

pytest_plugins = ["tests.fixtures_postgres", "tests.fixtures_ledger"]

TTL_S = 10.0
GRACE_S = 5.0


def take(ledger: Ledger, owner: str, now: float = NOW, dead: frozenset[str] = frozenset()) -> Lease:
    lease = ledger.take_lease(owner, now, TTL_S, GRACE_S, dead.__contains__)
    assert lease is not None
    return lease


def refused(
    ledger: Ledger, owner: str, now: float = NOW, dead: frozenset[str] = frozenset()
) -> bool:
    return ledger.take_lease(owner, now, TTL_S, GRACE_S, dead.__contains__) is None


def may_commit(ledger: Ledger, lease: Lease, now: float) -> bool:
    """Also proves that commits and steps are fenced alike."""
    try:
        ledger.commit(Changes(entries=[done(invoice())]), lease, now)
    except LeaseLost:
        with pytest.raises(LeaseLost):
            ledger.remember_step(invoice(), 0, "draft", "145", lease, now)
        return False
    ledger.remember_step(invoice(), 0, "draft", "145", lease, now)
    return True


def test_a_lease_that_was_never_held_is_free(ledger: Ledger) -> None:
    assert ledger.lease_holder() is None
    lease = take(ledger, "first")
    assert (lease.owner, lease.until) == ("first", NOW + TTL_S)
    assert ledger.lease_holder() == lease


def test_the_holder_commits_until_its_lease_ends(ledger: Ledger) -> None:
    lease = take(ledger, "first")
    assert may_commit(ledger, lease, NOW)
    assert may_commit(ledger, lease, lease.until - 0.001)
    assert not may_commit(ledger, lease, lease.until)


def test_nobody_else_takes_it_before_its_end_plus_the_longest_call(shelf: Shelf) -> None:
    first, standby = shelf.ledger, shelf.again()
    lease = take(first, "first")
    assert refused(standby, "second")
    assert refused(standby, "second", lease.until)
    assert refused(standby, "second", lease.until + GRACE_S - 0.001)
    assert first.lease_holder() == lease
    second = take(standby, "second", lease.until + GRACE_S)
    assert first.lease_holder() == second


def test_a_holder_that_was_replaced_commits_nothing_even_within_its_own_time(shelf: Shelf) -> None:
    frozen, successor = shelf.ledger, shelf.again()
    lease = take(frozen, "first")
    take(successor, "second", lease.until + GRACE_S)
    # Its own clock stood still with it.
    assert not may_commit(frozen, lease, NOW)
    assert frozen.entries([invoice()]) == {}
    assert frozen.steps(invoice(), 0) == {}


def test_the_same_owner_takes_it_again_at_once_and_its_earlier_lease_is_lost(
    ledger: Ledger,
) -> None:
    earlier = take(ledger, "first")
    later = take(ledger, "first", NOW + 1)
    assert later.token > earlier.token
    assert may_commit(ledger, later, NOW + 2)
    assert not may_commit(ledger, earlier, NOW + 2)


def test_a_released_lease_is_free_at_once(ledger: Ledger) -> None:
    lease = take(ledger, "first")
    ledger.release_lease(lease)
    assert ledger.lease_holder() is None
    assert not may_commit(ledger, lease, NOW)
    with pytest.raises(LeaseLost):
        ledger.renew_lease(lease, NOW, TTL_S)
    assert take(ledger, "second").token > lease.token


def test_releasing_a_lost_lease_leaves_the_successor_alone(ledger: Ledger) -> None:
    lost = take(ledger, "first")
    held = take(ledger, "second", lost.until + GRACE_S)
    ledger.release_lease(lost)
    assert ledger.lease_holder() == held


def test_a_renewed_lease_ends_later_for_every_copy_of_it(ledger: Ledger) -> None:
    lease = take(ledger, "first")
    renewed = ledger.renew_lease(lease, NOW + 4, TTL_S)
    assert renewed == Lease("first", lease.token, NOW + 4 + TTL_S)
    assert ledger.lease_holder() == renewed
    assert may_commit(ledger, lease, NOW + 12)
    assert refused(ledger, "second", NOW + TTL_S + GRACE_S)


def test_renewing_never_shortens_a_lease(ledger: Ledger) -> None:
    lease = take(ledger, "first")
    assert ledger.renew_lease(lease, NOW - 8, TTL_S).until == lease.until
    assert ledger.renew_lease(lease, NOW, 1.0).until == lease.until


def test_an_ended_lease_that_nobody_took_is_renewed(ledger: Ledger) -> None:
    lease = take(ledger, "first")
    renewed = ledger.renew_lease(lease, lease.until + 60, TTL_S)
    assert may_commit(ledger, renewed, lease.until + 61)


def test_a_lease_that_somebody_else_took_is_not_renewed(ledger: Ledger) -> None:
    lost = take(ledger, "first")
    held = take(ledger, "second", lost.until + GRACE_S)
    with pytest.raises(LeaseLost):
        ledger.renew_lease(lost, lost.until + GRACE_S, TTL_S)
    assert ledger.lease_holder() == held


def test_the_lease_of_a_dead_process_is_free_at_once(ledger: Ledger) -> None:
    lost = take(ledger, "first")
    assert refused(ledger, "second", dead=frozenset({"somebody else"}))
    held = take(ledger, "second", dead=frozenset({"first"}))
    assert held.token > lost.token
    assert not may_commit(ledger, lost, NOW)


def test_a_process_is_only_asked_about_when_it_stands_in_the_way(ledger: Ledger) -> None:
    asked: list[str] = []

    def dead(owner: str) -> bool:
        asked.append(owner)
        return False

    assert ledger.take_lease("first", NOW, TTL_S, GRACE_S, dead) is not None
    assert ledger.take_lease("first", NOW, TTL_S, GRACE_S, dead) is not None
    assert asked == []
    assert ledger.take_lease("second", NOW, TTL_S, GRACE_S, dead) is None
    assert asked == ["first"]


def test_who_takes_the_lease_while_its_former_owner_is_judged_keeps_it(shelf: Shelf) -> None:
    ledger, other = shelf.ledger, shelf.again()
    take(ledger, "first")
    taken: list[Lease] = []

    def dead(owner: str) -> bool:
        # Another successor is quicker. This also proves that no transaction is open here.
        taken.append(take(other, "third", dead=frozenset({owner})))
        return True

    assert ledger.take_lease("second", NOW, TTL_S, GRACE_S, dead) is None
    assert ledger.lease_holder() == taken[0]


def test_tokens_grow_over_all_holders(ledger: Ledger) -> None:
    tokens = []
    for number in range(5):
        lease = take(ledger, f"owner {number}")
        tokens.append(lease.token)
        ledger.release_lease(lease)
    assert tokens == sorted(set(tokens))


def test_a_commit_without_a_lease_is_nobody_s_and_always_written(ledger: Ledger) -> None:
    take(ledger, "first")
    ledger.commit(Changes(entries=[done(invoice())]), None, NOW)
    assert ledger.entries([invoice()]) == {invoice(): done(invoice())}


def test_a_pause_holds_until_somebody_resumes(ledger: Ledger) -> None:
    assert ledger.paused() is None
    ledger.pause("books are closed")
    ledger.pause("year end « 2026 »")
    assert ledger.paused() == "year end « 2026 »"
    ledger.pause("")
    assert ledger.paused() == ""
    ledger.pause(None)
    assert ledger.paused() is None


def test_a_pause_and_a_lease_leave_each_other_alone(ledger: Ledger) -> None:
    ledger.pause("books are closed")
    lease = take(ledger, "first")
    assert ledger.paused() == "books are closed"
    ledger.pause(None)
    assert ledger.lease_holder() == lease
