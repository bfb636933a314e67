"""An invoice is cancelled: entries that wait are dropped, those in the books are told, once."""

from __future__ import annotations

import datetime as dt

import pytest

from consumers.ledger.port import Key, State
from schemas.statuses import Entity
from tests.deferral_bench import UPFRONT, EntryBench, asked, cancelled, entries
from tests.engine_harness import CLOSED, LONGEST_CALL_S, LOST_REPLY
from tests.engine_world import Fuse, Killed, WorldLedger

JANUARY, FEBRUARY = dt.date(2026, 1, 31), dt.date(2026, 2, 28)
TOLD = ("cancelled_after_entry", "2026-01-31, 8.33 CAD, N-")


def state(bench: EntryBench, record_id: str) -> State | None:
    entry = bench.entry(Entity.JOURNAL_ENTRY, record_id)
    return entry.state if entry else None


def test_entries_that_wait_are_dropped_with_a_line_in_their_timeline() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.run(*cancelled(*entries()))
    assert bench.ledger.waiting() == []
    for entry in entries():
        assert state(bench, entry.id) is State.WITHDRAWN
        last = bench.ledger.timeline(entry.id)[-1]
        assert (last.what, last.detail) == ("withdrawn", "its invoice was cancelled")
    bench.live_through(dt.date(2027, 1, 1))
    assert (bench.posted(), bench.letters()) == ([], [])


def test_entries_in_the_books_are_told_with_date_amount_and_number_exactly_once() -> None:
    bench = EntryBench()
    made = entries()
    bench.run(*asked(*made))
    bench.live_through(JANUARY)
    for _ in range(4):
        bench.run(*cancelled(*made))
        bench.restart()
    assert bench.letters() == [(TOLD[0], TOLD[1] + made[0].id)]
    assert state(bench, made[0].id) is State.DONE
    notes = [note.what for note in bench.ledger.timeline(made[0].id)]
    assert notes.count("failed.cancelled_after_entry") == 1
    bench.live_through(dt.date(2027, 1, 1))
    assert bench.posted() == [JANUARY]


@pytest.mark.parametrize("amount", ["100.00", "50.00"])
def test_a_cancelled_entry_that_is_published_again_is_not_sent(amount: str) -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.live_through(JANUARY)
    bench.run(*cancelled(*entries()))
    for _ in range(2):
        bench.run(*asked(*entries(amount=amount)))
        bench.run(*asked(*entries(amount=amount), headers={"x-replayed-by": "anne"}))
    bench.live_through(dt.date(2027, 1, 1))
    assert bench.posted() == [JANUARY]
    assert len(bench.letters()) == 1


def test_asked_for_and_cancelled_in_one_batch_it_is_not_sent() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries(UPFRONT)), *cancelled(*entries(UPFRONT)))
    bench.settle_down()
    assert (bench.posted(), bench.letters()) == ([], [])
    assert {state(bench, entry.id) for entry in entries()} == {State.WITHDRAWN}


def test_cancelled_and_asked_for_again_in_one_batch_it_is_not_sent() -> None:
    bench = EntryBench()
    bench.run(*cancelled(*entries(UPFRONT)), *asked(*entries(UPFRONT)))
    bench.settle_down()
    assert (bench.posted(), bench.letters()) == ([], [])


def test_due_and_cancelled_in_one_batch_it_is_not_sent() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.at(FEBRUARY)
    bench.run(*cancelled(*entries()))
    bench.settle_down()
    assert (bench.posted(), bench.letters()) == ([], [])


def test_one_whose_reply_was_lost_is_looked_for_and_told_when_it_is_there() -> None:
    bench = EntryBench()
    first = entries(UPFRONT)[0]
    bench.books.after.append(LOST_REPLY)
    bench.run(*asked(first))
    bench.run(*cancelled(first))
    bench.later(100.0)
    assert bench.letters() == [(TOLD[0], TOLD[1] + first.id)]
    bench.run(*cancelled(first), *asked(first))
    bench.later(10_000.0)
    assert (bench.posted(), len(bench.letters())) == ([JANUARY], 1)


def test_one_whose_call_never_arrived_is_looked_for_and_never_sent() -> None:
    bench = EntryBench()
    first = entries(UPFRONT)[0]
    bench.books.before.append(LOST_REPLY)
    bench.run(*asked(first))
    bench.run(*cancelled(first))
    bench.run(*asked(first), *asked(entries(UPFRONT, amount="50.00")[0]))
    bench.later(10 * LONGEST_CALL_S)
    bench.run(*asked(first))
    assert (bench.posted(), bench.letters()) == ([], [])
    assert state(bench, first.id) is State.WITHDRAWN


def test_a_closed_system_does_not_make_it_forget_that_it_only_looks() -> None:
    bench = EntryBench()
    first, other = entries(UPFRONT)[0], entries(UPFRONT, amount="50.00")[0]
    bench.books.before.append(LOST_REPLY)
    bench.run(*asked(first))
    for delivery in (cancelled(first), asked(other), cancelled(other)):
        bench.books.on_find.append(CLOSED)
        bench.run(*delivery)
    bench.books.on_find.clear()
    bench.later(10 * LONGEST_CALL_S)
    assert bench.posted() == []
    assert state(bench, first.id) is State.WITHDRAWN


@pytest.mark.parametrize("death", range(12))
def test_a_process_that_dies_between_sending_and_writing_down_tells_it_all_the_same(
    death: int,
) -> None:
    bench = EntryBench()
    fuse = Fuse()
    ledger = WorldLedger(fuse)
    ledger.__dict__ |= {k: v for k, v in bench.ledger.__dict__.items() if k != "fuse"}
    bench.ledger = ledger
    bench.restart()
    first = entries(UPFRONT)[0]
    batches = (asked(first), cancelled(first), [])
    fuse.left = death
    for batch in batches:
        for attempt in range(2):
            again = [type(d)(**{**vars_of(d), "redelivered": bool(attempt)}) for d in batch]
            try:
                bench.run(*again)
                break
            except Killed:
                bench.restart()
    fuse.left = None
    bench.later(10 * LONGEST_CALL_S)
    assert len(bench.posted()) <= 1
    assert len({*bench.letters()}) == len(bench.posted())
    assert bench.ledger.waits([Key(Entity.JOURNAL_ENTRY, first.id)]) == {}


def vars_of(delivery: object) -> dict[str, object]:
    return {name: getattr(delivery, name) for name in delivery.__dataclass_fields__}  # type: ignore[attr-defined]  # a dataclass


def test_a_lost_ledger_asks_the_books_for_those_whose_date_came() -> None:
    bench = EntryBench()
    made = entries()
    bench.run(*asked(*made))
    bench.live_through(JANUARY)
    bench.lose_the_ledger()
    bench.live_through(FEBRUARY, hour=12)
    bench.run(*cancelled(*made))
    bench.settle_down()
    assert bench.letters() == [(TOLD[0], TOLD[1] + made[0].id)]
    assert [state(bench, entry.id) for entry in made[:3]] == [
        State.DONE,
        State.WITHDRAWN,
        State.WITHDRAWN,
    ]
    assert sum(call == ("find", made[2].id) for call in bench.books.calls) == 0


def test_one_that_failed_is_dropped_and_no_replay_sends_it() -> None:
    bench = EntryBench()
    first = entries(UPFRONT)[0]
    bench.books.before.append(KeyError("a bug of ours"))
    bench.run(*asked(first))
    bench.run(*cancelled(first))
    bench.later(10 * LONGEST_CALL_S)
    bench.run(*asked(first, headers={"x-replayed-by": "anne"}))
    assert bench.posted() == []
    assert state(bench, first.id) is State.WITHDRAWN


def test_a_withdrawal_that_names_no_entry_still_keeps_it_from_going() -> None:
    from tests.builders import taken_back

    bench = EntryBench()
    first, second, *_ = entries()
    bench.run(*asked(first, second))
    bench.live_through(JANUARY)
    bench.run(taken_back(first), taken_back(second))
    bench.live_through(FEBRUARY)
    assert (bench.posted(), bench.letters()) == ([JANUARY], [])
