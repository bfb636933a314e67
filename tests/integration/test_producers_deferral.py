"""Entries of deferred revenue, from a simulated Membri to the queue: behind their payment, again
each day, withdrawn when the invoice is cancelled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from producers.chapters import Chapters
from producers.columns import load_mapping
from producers.membri import Membri
from schemas.days import ZONE
from schemas.money import total
from schemas.reasons import Reason
from schemas.statuses import Status
from schemas.wire.channel import PublishOutcome
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
    DO_NOT_SYNC,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    open_world,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, deferring()) as opened:
        yield opened


def test_entries_go_right_behind_their_payment_in_the_order_of_their_dates(world: World) -> None:
    payment = paid(world, dues(world))
    tally = world.poller().run_pass()
    assert world.subjects() == [payment, *ids(payment, *range(1, 13))]
    assert tally.published == 13
    made = [event.data for event in entries(world)]
    assert total(entry.amount for entry in made) == Decimal("100.00")
    assert [entry.date for entry in made] == sorted(entry.date for entry in made)
    first = made[0]
    assert first.date.replace(day=1) == today(world).replace(day=1)
    assert first.payment
    assert (first.payment.id, first.payment.status) == (payment, Status.TO_TRANSFER)
    assert first.not_before
    assert first.not_before.astimezone(ZONE).date() == first.date


def test_a_payment_that_is_published_again_does_not_repeat_its_entries(world: World) -> None:
    payment = paid(world, dues(world))
    poller = world.poller(lease_s=100.0)
    poller.run_pass()
    world.advance(150.0)
    poller.run_pass()
    assert world.subjects().count(payment) == 2
    assert len(entries(world)) == 12


def test_a_payment_that_a_person_put_right_has_its_entries_published_anew(world: World) -> None:
    payment = paid(world, dues(world))
    poller = world.poller()
    poller.run_pass()
    world.person("membri_payment", payment, membri_amount="57.49")
    poller.run_pass()
    anew = [event.data for event in entries(world)[12:]]
    assert total(entry.amount for entry in anew) == Decimal("50.00")
    assert [entry.id for entry in anew] == ids(payment, *range(1, 13))


def test_two_payments_of_an_invoice_defer_its_net_together(world: World) -> None:
    bill = dues(world)
    for amount in ("60.00", "54.98"):
        paid(world, bill, membri_amount=amount)
    world.poller().run_pass()
    assert total(event.data.amount for event in entries(world)) == Decimal("100.00")


def test_a_payment_entered_late_does_not_change_what_was_told(world: World) -> None:
    bill = dues(world)
    first = paid(world, bill, membri_amount="33.33")
    poller = world.poller()
    poller.run_pass()
    before = [event.data.amount for event in entries(world)]
    earlier = (today(world) - dt.timedelta(days=3)).isoformat()
    paid(world, bill, membri_amount="81.65", membri_paymentdate=earlier)
    world.person("membri_payment", first, membri_syncstatus=TRANSFERRED)
    poller.run_pass()
    again = world.poller()
    world.advance(2 * DAY_S)
    again.run_pass()
    mine = {e.data.id: e.data.amount for e in entries(world) if e.data.payment_id == first}
    assert list(mine.values()) == before
    late = {e.data.id: e.data.amount for e in entries(world) if e.data.payment_id != first}
    assert total(mine.values()) + total(late.values()) == Decimal("100.00")


@pytest.mark.parametrize(
    ("settings", "bill", "payment"),
    [
        ({"deferred_revenue": "off"}, {}, {}),
        ({}, {"membri_invoicetype": 100000004}, {}),
        ({"deferral_since": dt.date(2020, 1, 1)}, {}, {"membri_paymentdate": "2019-12-31"}),
    ],
)
def test_what_is_not_to_be_deferred_has_no_entries(
    tmp_path: Path, settings: Any, bill: Any, payment: Any
) -> None:
    with open_world(tmp_path, deferring(**settings)) as world:
        paid(world, dues(world, **bill), **payment)
        gone(world, dues(world, **bill), **payment)
        world.poller().run_pass()
        assert (len(world.records()), entries(world)) == (1, [])


def test_upfront_entries_need_not_wait(tmp_path: Path) -> None:
    with open_world(tmp_path, deferring(deferred_revenue="upfront", deferral_periods=3)) as world:
        paid(world, dues(world))
        world.poller().run_pass()
        assert [event.data.not_before for event in entries(world)] == [None] * 3


def test_a_change_of_the_settings_is_for_payments_from_then_on(world: World) -> None:
    before = gone(world, dues(world))
    world.poller().run_pass()
    chapters = Chapters([deferring(deferral_periods=6, deferral_day="first")])
    world.membri = Membri(world.dataverse, load_mapping(), chapters)
    after = gone(world, dues(world))
    poller = world.poller()
    poller.run_pass()
    world.advance(40 * DAY_S)
    poller.run_pass()
    periods = {(event.data.payment_id, event.data.periods) for event in entries(world)}
    assert periods == {(before, 12), (after, 6)}


def test_when_nothing_is_deferred_any_more_a_cancellation_is_still_told(world: World) -> None:
    bill = dues(world)
    gone(world, bill)
    world.poller().run_pass()
    chapters = Chapters([deferring(deferred_revenue="off")])
    world.membri = Membri(world.dataverse, load_mapping(), chapters)
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    world.poller().run_pass()
    assert len(withdrawals(world)) == 12


def test_a_new_state_has_all_entries_of_payments_that_went_published(world: World) -> None:
    payment = gone(world, dues(world))
    world.poller().run_pass()
    assert world.subjects() == ids(payment, *range(1, 13))
    first = entries(world)[0].data.payment
    assert first
    assert (first.reference, first.status) == ("P-1", Status.TRANSFERRED)


def test_each_day_and_after_a_start_those_around_today_are_said_again(world: World) -> None:
    payment = gone(world, dues(world))
    poller = world.poller(sweep_interval_s=0.0)
    poller.run_pass()
    poller.run_pass()
    assert len(entries(world)) == 12
    world.advance(25 * 3600)
    poller.run_pass()
    again = [event.data for event in entries(world)[12:]]
    now = today(world)
    around = (now - dt.timedelta(days=45), now + dt.timedelta(days=7))
    assert again
    assert all(around[0] <= one.date <= around[1] for one in again)
    count = len(entries(world))
    world.poller().run_pass()
    assert {e.subject for e in entries(world)[count:]} == {one.id for one in again}
    assert {one.id for one in again} <= set(ids(payment, *range(1, 13)))


def test_after_months_of_downtime_everything_since_the_last_sweep_is_said_again(
    world: World,
) -> None:
    gone(world, dues(world))
    world.poller().run_pass()
    world.advance(200 * DAY_S)
    world.poller().run_pass()
    again = [event.data.date for event in entries(world)[12:]]
    assert len(again) >= 6
    assert again == sorted(again)
    assert again[-1] <= today(world) + dt.timedelta(days=7)


def test_a_full_queue_makes_the_sweep_go_on_where_it_stopped(world: World) -> None:
    payments = [gone(world, dues(world)) for _ in range(4)]
    poller = world.poller(depth_max=20)
    poller.run_pass()
    assert 12 < len(entries(world)) < 48
    for _ in range(4):
        drain(world)
        poller.run_pass()
    assert len({event.subject for event in entries(world)}) == 48
    assert {event.data.payment_id for event in entries(world)} == set(payments)


def test_entries_that_were_not_confirmed_go_again_with_their_payment(world: World) -> None:
    payment = paid(world, dues(world))
    poller = world.poller()
    world.broker.next_publish(PublishOutcome.CONFIRMED, stored=True, count=5)
    world.broker.next_publish(PublishOutcome.REFUSED)
    assert poller.run_pass().unconfirmed == 1
    poller.run_pass()
    assert world.subjects()[-13:] == [payment, *ids(payment, *range(1, 13))]


def test_a_sweep_that_was_not_confirmed_goes_on_with_the_next_pass(world: World) -> None:
    payment = gone(world, dues(world))
    poller = world.poller()
    world.broker.next_publish(PublishOutcome.REFUSED)
    poller.run_pass()
    assert world.state.deferrals.swept_on is None
    poller.run_pass()
    assert world.subjects()[-12:] == ids(payment, *range(1, 13))
    assert world.state.deferrals.swept_on == today(world)


def test_withdrawals_that_were_not_confirmed_are_said_again(world: World) -> None:
    account = world.account()
    bill = dues(world, account=account)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    note = credit(world, account, bill)
    world.broker.next_publish(PublishOutcome.CONFIRMED, stored=True)
    world.broker.next_publish(PublishOutcome.REFUSED)
    assert poller.run_pass().unconfirmed == 1
    assert [one.cancelled_on for one in world.state.deferrals.of_invoices([bill])] == [""]
    world.person("invoice", note, membri_syncstatus=TRANSFERRED)
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert len(withdrawals(world)) == 24
    [known] = world.state.deferrals.of_invoices([bill])
    assert known.cancelled_on == today(world).isoformat()


def test_a_credit_note_of_the_whole_invoice_withdraws_its_entries_in_the_same_pass(
    world: World,
) -> None:
    account = world.account()
    bill = dues(world, account=account)
    payment = gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    note = credit(world, account, bill)
    poller.run_pass()
    told = withdrawals(world)
    assert world.subjects()[-13:] == [note, *ids(payment, *range(1, 13))]
    assert told[0].data.entry == entries(world)[0].data
    assert told[0].data.status is Status.DO_NOT_SYNC
    assert told[0].dataversion == entries(world)[0].dataversion


def test_a_cancelled_invoice_is_met_by_the_sweep_and_its_entries_never_come_back(
    world: World,
) -> None:
    bill = dues(world)
    payment = gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert [event.subject for event in withdrawals(world)] == ids(payment, *range(1, 13))
    world.person("invoice", bill, statecode=0, statuscode=4)
    count = len(entries(world))
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert len(entries(world)) == count


def test_withdrawals_are_said_again_for_a_while(world: World) -> None:
    bill = dues(world)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", bill, statecode=3, statuscode=CANCELLED)
    counts = []
    for _ in range(3):
        world.advance(2 * DAY_S)
        poller.run_pass()
        counts.append(len(withdrawals(world)))
    assert counts == [12, 24, 36]
    world.advance(60 * DAY_S)
    poller.run_pass()
    assert len(withdrawals(world)) - 36 <= 3  # those around today


def test_a_credit_note_of_a_part_leaves_the_entries(world: World) -> None:
    account = world.account()
    bill = dues(world, account=account)
    gone(world, bill)
    poller = world.poller()
    poller.run_pass()
    credit(world, account, bill, totalamount="57.49", membri_gstamount="2.50")
    poller.run_pass()
    world.advance(2 * DAY_S)
    poller.run_pass()
    assert withdrawals(world) == []


def test_a_payment_of_an_invoice_that_is_cancelled_already_has_no_entries(world: World) -> None:
    bill = dues(world, statecode=3, statuscode=CANCELLED)
    payment = paid(world, bill)
    world.poller().run_pass()
    assert world.subjects() == [payment]


def test_a_payment_that_never_goes_has_no_entries_of_its_own(world: World) -> None:
    bill = dues(world)
    paid(world, bill, membri_amount="50.00", membri_syncstatus=DO_NOT_SYNC)
    other = paid(world, bill, membri_amount="64.98", membri_syncstatus=TO_TRANSFER)
    world.poller().run_pass()
    assert {event.data.payment_id for event in entries(world)} == {other}


def test_outcomes_of_entries_are_settled_without_a_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.settler.TAKE_S", 0.01)
    paid(world, dues(world))
    world.poller().run_pass()
    first, second = entries(world)[:2]
    writes = len(world.requests("PATCH"))
    world.succeed(first, "RPA-1")
    world.fail(second, Reason.PERIOD_NOT_OPEN)
    assert world.settler().drain() == 2
    assert len(world.requests("PATCH")) == writes
    assert world.waiting() == 0
