"""Entries that say no time: an older poller's, another program's. The chapter's settings say it."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest

from consumers.ledger.port import State
from schemas.reasons import WaitReason
from schemas.records import JournalEntry
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from tests.builders import delivery
from tests.deferral_bench import UPFRONT, EntryBench, asked, cancelled, entries

JANUARY, FEBRUARY = dt.date(2026, 1, 31), dt.date(2026, 2, 28)


def untimed() -> list[JournalEntry]:
    return entries(UPFRONT)


def of_version_1_0(record: JournalEntry) -> Delivery:
    """As a poller of before 1.1 would have said it."""
    [now] = asked(record)
    tree = orjson.loads(now.body)
    tree["dataschema"] = "urn:membri-sync:journal_entry:1.0"
    del tree["data"]["not_before"], tree["data"]["payment"]
    return delivery(orjson.dumps(tree), "journal_entry")


@pytest.mark.parametrize("said", [of_version_1_0, lambda record: asked(record)[0]])
def test_where_entries_go_on_their_date_one_that_says_no_time_is_held_until_it(said) -> None:  # type: ignore[no-untyped-def]  # a way to say an entry
    bench = EntryBench(upfront=False)
    first = untimed()[0]
    bench.run(said(first))
    wait = bench.wait(Entity.JOURNAL_ENTRY, first.id)
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.NOT_YET_DUE, "2026-01-31")
    bench.live_through(dt.date(2026, 1, 30), hour=23.99)
    assert bench.posted() == []
    bench.live_through(JANUARY)
    assert bench.posted() == [JANUARY]


@pytest.mark.parametrize("said", [of_version_1_0, lambda record: asked(record)[0]])
def test_where_entries_go_upfront_one_that_says_no_time_goes_at_once(said) -> None:  # type: ignore[no-untyped-def]  # a way to say an entry
    bench = EntryBench(upfront=True)
    bench.run(*map(said, untimed()))
    assert bench.posted() == [entry.date for entry in untimed()]


def test_a_time_that_is_said_stands_whatever_the_chapter_does() -> None:
    bench = EntryBench(upfront=True)
    bench.run(*asked(*entries()))
    assert bench.posted() == []
    bench.live_through(FEBRUARY)
    assert bench.posted() == [JANUARY, FEBRUARY]


def test_one_of_a_date_that_came_goes_at_once_with_its_own_date() -> None:
    bench = EntryBench(upfront=False)
    bench.at(FEBRUARY, hour=12)
    bench.run(*asked(*untimed()))
    assert bench.posted() == [JANUARY, FEBRUARY]


def test_after_the_chapter_turned_from_upfront_a_lost_ledger_looks_for_what_it_may_have_sent() -> (
    None
):
    bench = EntryBench(upfront=True)
    first = untimed()[0]
    bench.run(*asked(first))
    bench._options["upfront"] = False
    bench.lose_the_ledger()
    bench.run(*cancelled(first))
    bench.settle_down()
    assert [reason for reason, _ in bench.letters()] == ["cancelled_after_entry"]


def test_it_waits_for_its_payment_before_its_date() -> None:
    bench = EntryBench(paid=False, upfront=False)
    first = untimed()[0]
    bench.run(of_version_1_0(first))
    wait = bench.wait(Entity.JOURNAL_ENTRY, first.id)
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_INVOICE
    bench.pay()
    bench.settle_down()
    assert bench.posted() == []
    bench.live_through(JANUARY)
    assert bench.posted() == [JANUARY]
    entry = bench.entry(Entity.JOURNAL_ENTRY, first.id)
    assert entry is not None
    assert entry.state is State.DONE
