"""Entries of deferred revenue: each on its date, each once, whatever stops in between."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest

from consumers.errors import Rejected, Transient
from consumers.ledger.port import Key, State
from consumers.ledger.sql import open_ledger
from schemas.reasons import Reason, WaitReason
from schemas.statuses import Entity, Status
from tests.builders import payment, sent
from tests.deferral_bench import (
    DUES,
    PAYMENT,
    UPFRONT,
    EntryBench,
    asked,
    entries,
    entry_books,
)
from tests.engine_harness import CLOSED, LINKED, LOST_REPLY

JANUARY, FEBRUARY, MARCH = dt.date(2026, 1, 31), dt.date(2026, 2, 28), dt.date(2026, 3, 31)


def test_an_entry_whose_date_has_not_come_waits_for_it_and_says_so() -> None:
    bench = EntryBench()
    first, *_ = entries()
    bench.run(*asked(first))
    wait = bench.wait(Entity.JOURNAL_ENTRY, first.id)
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.NOT_YET_DUE, "2026-01-31")
    assert bench.ledger.waiting_counts() == {(WaitReason.NOT_YET_DUE, Entity.JOURNAL_ENTRY): 1}
    assert bench.ledger.timeline(first.id)[-1].what == "waiting.not_yet_due"
    assert bench.posted() == []


def test_an_entry_goes_at_the_first_moment_of_its_date_in_montreal() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.live_through(dt.date(2026, 1, 30), hour=23.99)
    assert bench.posted() == []
    bench.live_through(JANUARY)
    assert bench.posted() == [JANUARY]
    bench.live_through(FEBRUARY, hour=9)
    assert bench.posted() == [JANUARY, FEBRUARY]


def test_after_months_of_downtime_what_is_overdue_goes_in_order_with_its_own_dates() -> None:
    bench = EntryBench()
    made = entries()
    bench.run(*asked(*made))
    bench.at(dt.date(2026, 7, 14))
    bench.restart()
    bench.settle_down()
    assert bench.posted() == [entry.date for entry in made[:6]]
    assert bench.ledger.waiting_counts() == {(WaitReason.NOT_YET_DUE, Entity.JOURNAL_ENTRY): 6}


def test_a_new_process_on_the_same_file_sends_what_came_due_meanwhile(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    bench = EntryBench()
    for day, posted in ((dt.date(2026, 1, 12), []), (MARCH, [JANUARY, FEBRUARY, MARCH])):
        with contextlib.closing(open_ledger(url, bench.ledger.chapter)) as ledger:
            bench.ledger = ledger  # type: ignore[assignment]  # a ledger as any other
            lease = ledger.take_lease("bench", bench.now, 1e11, 0.0)
            assert lease is not None
            bench.lease.lease = lease
            bench.restart()
            bench.at(day, hour=12)
            bench.pay()
            if not posted:
                bench.run(*asked(*reversed(entries())))
            bench.settle_down()
            assert bench.posted() == posted
            assert len(ledger.waiting()) == 12 - len(posted)


def test_what_comes_in_one_batch_in_any_order_goes_by_date() -> None:
    bench = EntryBench()
    bench.at(dt.date(2027, 1, 1))
    bench.run(*reversed(asked(*entries())))
    assert bench.posted() == [entry.date for entry in entries()]


def test_what_is_delivered_does_not_overtake_a_backlog_larger_than_a_batch() -> None:
    bench = EntryBench()
    made = entries()
    bench.run(*asked(*made[:6]))
    bench.at(dt.date(2027, 1, 1))
    bench.engine.run(asked(*made[6:]), bench.ledger.due(bench.now, 2))
    assert bench.posted() == [entry.date for entry in made]


def test_released_by_their_payment_more_than_a_batch_of_them_go_by_date() -> None:
    bench = EntryBench(paid=False)
    made = entries(UPFRONT)
    bench.run(*asked(*reversed(made)))
    bench.pay()
    for _ in range(20):
        bench.engine.run([], bench.ledger.due(bench.now, 5))
    assert bench.posted() == [entry.date for entry in made]


def test_upfront_entries_go_at_once_with_dates_to_come() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries(UPFRONT)))
    assert bench.posted() == [entry.date for entry in entries()]
    assert bench.ledger.waiting() == []


@pytest.mark.parametrize("terms_upfront", [True, False])
def test_an_entry_waits_for_its_payment_first(terms_upfront: bool) -> None:
    bench = EntryBench(paid=False)
    first, *_ = entries(UPFRONT) if terms_upfront else entries()
    bench.run(*asked(first))
    wait = bench.wait(Entity.JOURNAL_ENTRY, first.id)
    assert wait is not None
    assert (wait.reason, wait.waits_for) == (
        WaitReason.WAITS_FOR_INVOICE,
        Key(Entity.PAYMENT, "p1"),
    )
    bench.pay()
    bench.settle_down()
    assert bench.posted() == ([JANUARY] if terms_upfront else [])
    bench.live_through(MARCH)
    assert bench.posted() == [JANUARY]


def test_published_right_behind_its_payment_it_goes_in_the_same_batch() -> None:
    bench = EntryBench(paid=False)
    bench.at(MARCH)
    bench.run(sent(DUES), sent(PAYMENT), *asked(*entries()))
    assert bench.posted() == [JANUARY, FEBRUARY, MARCH]


def test_said_again_each_day_it_is_neither_doubled_nor_told_again() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.live_through(FEBRUARY)
    told, calls = len(bench.told), len(bench.books.calls)
    notes = {entry.id: len(bench.ledger.timeline(entry.id)) for entry in entries()}
    for _ in range(5):
        bench.run(*asked(*entries(status=Status.TRANSFERRED)))
    assert (len(bench.told), len(bench.books.calls)) == (told, calls)
    assert {entry.id: len(bench.ledger.timeline(entry.id)) for entry in entries()} == notes
    assert bench.posted() == [JANUARY, FEBRUARY]
    bench.live_through(dt.date(2027, 1, 1))
    assert len(bench.posted()) == 12


def test_an_entry_that_went_and_is_only_timed_otherwise_stays_as_it_is() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries(UPFRONT)))
    calls = len(bench.books.calls)
    bench.run(*asked(*entries()))
    bench.live_through(dt.date(2027, 1, 1))
    assert len(bench.books.calls) == calls


def test_a_schedule_that_changed_before_it_went_is_sent_as_it_is_now() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.run(*asked(*entries(amount="50.00")))
    bench.live_through(JANUARY)
    assert [str(entry.amount) for entry in bench.books.entries()] == ["4.16"]


def test_a_schedule_that_changed_after_it_went_is_an_error_not_a_second_entry() -> None:
    bench = EntryBench(entry_books())
    bench.run(*asked(*entries()))
    bench.live_through(JANUARY)
    bench.books.find = differing(bench)  # type: ignore[method-assign]  # what the books answer
    bench.run(*asked(entries(amount="50.00")[0]))
    assert [reason for reason, _ in bench.letters()] == ["differs_from_books"]
    assert bench.posted() == [JANUARY]
    for _ in range(3):  # it is said again each day
        bench.run(*asked(entries(amount="50.00")[0]))
    assert len(bench.letters()) == 1
    bench.run(*asked(entries(amount="50.00")[0], headers={"x-replayed-by": "anne"}))
    assert len(bench.letters()) == 2
    assert bench.posted() == [JANUARY]


def differing(bench: EntryBench):  # type: ignore[no-untyped-def]  # a wrapper for one test
    from dataclasses import replace

    asked_of = bench.books.find

    def find(lookup):  # type: ignore[no-untyped-def]  # as System.find
        found = asked_of(lookup)
        return None if found is None else replace(found, differences=("8.33 ≠ 4.16",))

    return find


def test_a_lost_ledger_finds_what_went_and_sends_what_did_not() -> None:
    bench = EntryBench()
    made = entries(status=Status.TRANSFERRED)
    bench.run(*asked(*made))
    bench.live_through(FEBRUARY)
    bench.lose_the_ledger()
    bench.at(MARCH, hour=8)
    bench.run(*asked(*made))
    assert bench.posted() == [JANUARY, FEBRUARY, MARCH]
    actions = [action for record, action, _ in bench.transferred() if record == made[0].id]
    assert actions == ["created", "adopted"]
    bench.live_through(dt.date(2027, 1, 1))
    assert bench.posted() == [entry.date for entry in made]


def test_a_lost_ledger_asks_the_books_for_the_payment_only_when_a_date_has_come() -> None:
    bench = EntryBench()
    made = entries(status=Status.TRANSFERRED)
    bench.lose_the_ledger()
    bench.books.calls.clear()
    bench.run(*asked(*made))
    assert ("find", "p1") not in bench.books.calls
    assert bench.ledger.waiting_counts() == {(WaitReason.NOT_YET_DUE, Entity.JOURNAL_ENTRY): 12}
    bench.live_through(JANUARY)
    assert bench.books.calls.count(("find", "p1")) == 1
    assert bench.posted() == [JANUARY]


def test_a_payment_that_neither_ledger_nor_books_have_keeps_its_entries_waiting() -> None:
    bench = EntryBench(paid=False)
    made = entries(status=Status.TRANSFERRED)
    bench.at(MARCH)
    bench.run(*asked(*made))
    wait = bench.wait(Entity.JOURNAL_ENTRY, made[0].id)
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.WAITS_FOR_INVOICE, "status=transferred")
    assert bench.posted() == []


def test_a_reply_that_was_lost_is_looked_for_before_anything_is_sent_again() -> None:
    bench = EntryBench()
    bench.books.after.append(LOST_REPLY)
    bench.run(*asked(entries(UPFRONT)[0]))
    assert bench.posted() == [JANUARY]
    bench.later(1000.0)
    assert bench.posted() == [JANUARY]
    assert bench.transferred()[-1][1] == "adopted"


def test_a_closed_period_is_told_once_and_a_replay_sends_it_when_it_is_open() -> None:
    bench = EntryBench()
    first, *_ = entries()
    bench.run(*asked(first))
    bench.books.before.append(Rejected(Reason.CLOSED_PERIOD, field="date", detail="2026-01-31"))
    bench.live_through(JANUARY)
    assert bench.letters() == [("closed_period", "2026-01-31")]
    for _ in range(3):
        bench.run(*asked(first))
    assert len(bench.letters()) == 1
    bench.run(*asked(first, headers={"x-replayed-by": "anne"}))
    assert bench.posted() == [JANUARY]


def test_an_entry_that_failed_does_not_keep_the_next_ones_back() -> None:
    bench = EntryBench()
    bench.run(*asked(*entries()))
    bench.books.before.append(Rejected(Reason.PERIOD_NOT_OPEN, field="date"))
    bench.live_through(MARCH)
    assert bench.posted() == [FEBRUARY, MARCH]
    assert [reason for reason, _ in bench.letters()] == ["period_not_open"]


def test_a_closed_system_keeps_them_in_order() -> None:
    bench = EntryBench()
    made = entries()
    bench.run(*asked(*made))
    bench.at(dt.date(2027, 1, 1))
    bench.books.before.append(CLOSED)
    bench.run()
    assert bench.posted() == []
    while due := bench.ledger.due(bench.now, 5):
        bench.engine.run([], due)
    assert bench.posted() == [entry.date for entry in made]


def test_a_locked_one_is_tried_again_by_itself() -> None:
    bench = EntryBench()
    bench.run(*asked(entries()[0]))
    bench.books.before.append(Transient("locked"))
    bench.live_through(JANUARY)
    bench.later(100.0)
    assert bench.posted() == [JANUARY]


def test_a_payment_put_right_before_it_went_takes_its_entries_along() -> None:
    bench = EntryBench(paid=False)
    bench.run(*asked(*entries()))
    bench.run(sent(DUES), sent(payment(of=LINKED, amount="57.49"), "v2"))
    bench.run(*asked(*entries(amount="50.00")))
    bench.live_through(dt.date(2027, 1, 1))
    assert sum(entry.amount for entry in bench.books.entries()) == 50
    entry = bench.entry(Entity.JOURNAL_ENTRY, entries()[0].id)
    assert entry is not None
    assert entry.state is State.DONE
