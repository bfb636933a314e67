"""Entries of deferred revenue over months and years: what stands in the books stands, what ended is
left alone, and nobody waits for somebody else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.chapters import Chapters
from producers.columns import load_mapping
from producers.dataverse import MembriUnavailable
from producers.deferral_sweep import REMEMBERED_DAYS
from producers.membri import Membri
from schemas.statuses import Entity
from tests.integration.deferral_world import (
    CANCELLED,
    DAY_S,
    credit,
    deferring,
    drain,
    dues,
    entries,
    gone,
    ids,
    paid,
    today,
    withdrawals,
)
from tests.integration.producers_world import (
    ON_HOLD,
    QUEBEC,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    chapter,
    open_world,
)

EVENT = 100000004


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, deferring()) as opened:
        yield opened


def said_since(world: World, count: int) -> list[tuple[str, dt.date, str]]:
    return [(e.data.id, e.data.date, str(e.data.amount)) for e in entries(world)[count:]]


def days_ago(world: World, days: int) -> str:
    return (today(world) - dt.timedelta(days=days)).isoformat()


# --- what ended long ago --------------------------------------------------------------------------


def test_what_ended_so_long_ago_that_it_was_forgotten_is_left_alone_under_other_settings(
    tmp_path: Path,
) -> None:
    with open_world(tmp_path, deferring(deferral_periods=24)) as world:
        world.poller().run_pass()  # the chapter defers since then
        over = REMEMBERED_DAYS + 60
        gone(world, dues(world), membri_paymentdate=days_ago(world, over))
        world.membri = of_chapters(world, deferring(deferral_periods=1))
        for _ in range(3):
            world.advance(2 * DAY_S)
            world.poller().run_pass()
        assert entries(world) == []


def of_chapters(world: World, *chapters: object) -> Membri:
    return Membri(world.dataverse, load_mapping(), Chapters(list(chapters)))  # type: ignore[arg-type]  # chapters


# --- what stands in the books ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"membri_amount": "57.49"},
        {"membri_amount": "57.49", "membri_syncstatus": TO_TRANSFER},
        {"membri_paymentdate": "2020-02-29"},
        {"membri_paymentdate": "2020-02-29", "membri_syncstatus": TO_TRANSFER},
    ],
)
def test_a_payment_that_is_changed_after_it_went_keeps_the_entries_that_were_told(
    world: World, changed: dict[str, object]
) -> None:
    payment = gone(world, dues(world))
    poller = world.poller()
    poller.run_pass()
    told = {(one.id, one.date, one.amount) for one in (e.data for e in entries(world))}
    world.person("membri_payment", payment, **changed)
    poller.run_pass()
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert {(one.id, one.date, one.amount) for one in (e.data for e in entries(world))} == told


def test_a_success_is_noticed_before_the_next_day_and_the_entries_stand_from_then_on(
    world: World,
) -> None:
    payment = paid(world, dues(world))
    poller = world.poller(sweep_interval_s=0.0)
    poller.run_pass()
    world.person(
        "membri_payment", payment, membri_syncstatus=TRANSFERRED, membri_syncreference="P-1"
    )
    poller.run_pass()
    world.person("membri_payment", payment, membri_amount="57.49", membri_syncstatus=TO_TRANSFER)
    poller.run_pass()
    assert world.subjects()[-1] == payment
    assert {str(e.data.amount) for e in entries(world)} == {"8.33", "8.37"}


def test_a_payment_that_is_sent_anew_with_another_amount_defers_that_amount(world: World) -> None:
    payment = gone(world, dues(world))
    poller = world.poller()
    poller.run_pass()
    world.person(
        "membri_payment",
        payment,
        membri_amount="57.49",
        membri_syncreference="",
        membri_syncstatus=TO_TRANSFER,
    )
    poller.run_pass()
    assert said_since(world, 12)[0][2] == "4.16"


@pytest.mark.parametrize("changed", [{"membri_invoicetype": EVENT}, {"totalamount": "229.96"}])
def test_an_invoice_that_is_changed_after_its_payment_went_keeps_the_entries_that_were_told(
    world: World, changed: dict[str, object]
) -> None:
    bill = dues(world)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", bill, **changed)
    world.advance(25 * DAY_S)
    poller.run_pass()
    again = said_since(world, 12)
    assert again
    assert set(again) <= set(said_since(world, 0)[:12])
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert len(withdrawals(world)) == 12


# --- what may have been lost ----------------------------------------------------------------------


def test_entries_told_with_a_payment_that_was_put_on_hold_are_said_again_once_it_went(
    world: World,
) -> None:
    payment = paid(world, dues(world))
    poller = world.poller()
    poller.run_pass()
    world.person("membri_payment", payment, membri_syncstatus=ON_HOLD)
    world.advance(100 * DAY_S)  # meanwhile ledger and broker are lost
    poller.run_pass()
    world.person(
        "membri_payment", payment, membri_syncstatus=TRANSFERRED, membri_syncreference="P-1"
    )
    count = len(entries(world))
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert [one for one, _, _ in said_since(world, count)] == ids(payment, *range(1, 13))
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert len(entries(world)) < count + 12 + 4


def test_long_after_a_cancellation_its_entries_are_withdrawn_again_around_their_dates(
    world: World,
) -> None:
    bill = dues(world)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    world.advance(2 * DAY_S)
    poller.run_pass()
    world.advance(100 * DAY_S)
    poller.run_pass()
    count = len(withdrawals(world))
    world.advance(31 * DAY_S)
    poller.run_pass()
    again = [one.data.entry.date for one in withdrawals(world)[count:] if one.data.entry]
    assert 1 <= len(again) <= 3
    assert again[-1] <= today(world) + dt.timedelta(days=7)
    world.advance(400 * DAY_S)
    poller.run_pass()
    count = len(withdrawals(world))
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert len(withdrawals(world)) == count


def test_a_credit_note_whose_consequences_could_not_be_read_has_them_with_the_next_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = world.account()
    bill = dues(world, account=account)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    note = credit(world, account, bill)
    with monkeypatch.context() as away:
        away.setattr(type(world.membri.dues), "cancelled", _away)
        with pytest.raises(MembriUnavailable):
            poller.run_pass()
    assert note in world.subjects()
    poller.run_pass()
    assert len(withdrawals(world)) == 12


def _away(*_: object) -> set[str]:
    raise MembriUnavailable("away")


# --- nobody waits for somebody else ---------------------------------------------------------------


def test_a_chapter_whose_queue_is_full_does_not_keep_the_entries_of_another_back(
    tmp_path: Path,
) -> None:
    both = (deferring(), chapter(QUEBEC, "quebec", deferred_revenue="on_date"))
    with open_world(tmp_path, *both) as world:
        full = [gone(world, dues(world, _membri_chapterid_value=QUEBEC)) for _ in range(4)]
        poller = world.poller(depth_max=24)
        poller.run_pass()
        assert (len(entries(world)), world.state.deferrals.swept_on) == (24, None)
        for _ in range(2):  # the consumer of Québec is away, its queue stays full
            fresh = gone(world, dues(world))
            drain(world)
            world.advance(2 * DAY_S)
            poller.run_pass()
            assert set(ids(fresh, *range(1, 13))) <= set(world.subjects())
        for _ in range(3):
            drain(world, "quebec")
            drain(world)
            poller.run_pass()
        assert {e.data.payment_id for e in entries(world)} >= set(full)
        assert world.state.deferrals.swept_on == today(world)


def test_a_long_sweep_lets_the_poller_go_on_in_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.deferral_sweep.CHUNK", 1)
    monkeypatch.setattr("producers.deferral_sweep.SLICE_S", 0.0)
    payments = [gone(world, dues(world)) for _ in range(3)]
    poller = world.poller()
    assert poller.run_pass().sweeping
    assert len(entries(world)) == 12
    fresh = paid(world, dues(world))
    poller.run_pass()
    assert fresh in world.subjects()
    assert not poller.run_pass().sweeping
    assert {e.data.payment_id for e in entries(world)} == {*payments, fresh}
    known = world.state.known(Entity.PAYMENT, [fresh])
    assert list(known) == [fresh]


def test_one_pass_that_no_other_follows_sweeps_to_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.deferral_sweep.CHUNK", 1)
    monkeypatch.setattr("producers.deferral_sweep.SLICE_S", 0.0)
    payments = [gone(world, dues(world)) for _ in range(3)]
    assert not world.poller().run_pass(whole=True).sweeping
    assert {e.data.payment_id for e in entries(world)} == set(payments)
