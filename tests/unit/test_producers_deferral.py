"""The schedule of deferred revenue: exact to the cent, in order, and the same every time."""

from __future__ import annotations

import calendar
import datetime as dt
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.deferral import (
    Paid,
    Settled,
    Terms,
    dates,
    dates_until,
    deferrable,
    entry_id,
    schedule,
    shares,
    straight_line,
    version_of,
    version_of_all,
)
from schemas.chapters import ChapterSettings
from schemas.days import midnight
from schemas.money import ZERO, total
from schemas.records import DocumentRef, Invoice, InvoiceType, JournalEntry, Payment
from schemas.statuses import Status
from tests.builders import invoice, payment

STARTS = ("payment_month", "next_month", "invoice_month", "january", "next_january")
AMOUNTS = st.integers(0, 10_000_000).map(lambda n: Decimal(n) / 100)
DAYS = st.dates(dt.date(2019, 1, 1), dt.date(2031, 12, 31))
TERMS = st.builds(
    Terms,
    periods=st.integers(1, 60),
    start=st.sampled_from(STARTS),
    day=st.sampled_from(["first", "last"]),
    upfront=st.booleans(),
)


def dues(net: str = "100.00", **values: object) -> Invoice:
    return invoice(net=net, type=InvoiceType.MEMBERSHIP, **values)  # type: ignore[arg-type]  # fields of Invoice


def terms(**values: object) -> Terms:
    given = {"periods": 12, "start": "payment_month", "day": "last"} | values
    return Terms.model_validate(given)


def entries(
    amount: str = "100.00", of: Payment | None = None, **values: object
) -> list[JournalEntry]:
    paid = of or payment()
    reference = DocumentRef(id=paid.id, number=paid.number, status=Status.TO_TRANSFER)
    return schedule(paid, reference, dues(), Decimal(amount), terms(**values))


@given(amount=AMOUNTS, periods=st.integers(1, 60))
def test_parts_sum_to_the_amount_none_is_negative_and_only_the_last_differs(
    amount: Decimal, periods: int
) -> None:
    parts = straight_line(amount, periods)
    assert len(parts) == periods
    assert total(parts) == amount
    assert len(set(parts[:-1])) <= 1
    assert min(parts) >= ZERO
    assert parts[-1] - parts[0] < Decimal("0.01") * periods


@given(amount=AMOUNTS, paid_on=DAYS, invoiced_on=DAYS, given_terms=TERMS)
def test_entries_sum_to_the_amount_with_distinct_ascending_dates(
    amount: Decimal, paid_on: dt.date, invoiced_on: dt.date, given_terms: Terms
) -> None:
    made = schedule(
        payment(date=paid_on), DocumentRef(id="p1"), dues(date=invoiced_on), amount, given_terms
    )
    days = [entry.date for entry in made]
    assert total(entry.amount for entry in made) == amount
    assert days == sorted(set(days))
    assert all(entry.amount > ZERO for entry in made)
    assert len({entry.id for entry in made}) == len(made)
    whole = amount >= Decimal("0.01") * given_terms.periods
    assert len(made) == (given_terms.periods if whole else min(1, int(amount * 100)))


@given(paid_on=DAYS, invoiced_on=DAYS, given_terms=TERMS)
def test_each_period_is_the_first_or_the_last_day_of_the_next_month(
    paid_on: dt.date, invoiced_on: dt.date, given_terms: Terms
) -> None:
    days = dates(given_terms, paid_on, invoiced_on)
    months = [day.year * 12 + day.month for day in days]
    assert months == list(range(months[0], months[0] + given_terms.periods))
    for day in days:
        last = calendar.monthrange(day.year, day.month)[1]
        assert day.day == (1 if given_terms.day == "first" else last)
    if invoiced_on <= paid_on:
        assert (days[-1] - paid_on).days <= given_terms.longest_days


PART = st.tuples(st.integers(-5_000, 20_000).map(lambda n: Decimal(n) / 100), DAYS)


@given(
    net=st.integers(1, 500_000).map(lambda n: f"{Decimal(n) / 100:.2f}"),
    cuts=st.lists(st.floats(0, 1), max_size=6),
    days=st.lists(DAYS, min_size=7, max_size=7),
)
def test_payments_that_settle_an_invoice_defer_exactly_its_net(
    net: str, cuts: list[float], days: list[dt.date]
) -> None:
    bill = dues(net)
    edges = sorted({ZERO, bill.total, *(_cut(bill.total, cut) for cut in cuts)})
    paid = [
        Paid(f"p{index}", day, high - low)
        for index, (low, high, day) in enumerate(zip(edges, edges[1:], days, strict=False))
    ]
    told = shares(bill, paid, {})
    assert total(told.values()) == bill.subtotal
    assert min(told.values()) >= ZERO


def _cut(whole: Decimal, part: float) -> Decimal:
    return (whole * Decimal(part)).quantize(Decimal("0.01"))


@given(parts=st.lists(PART, min_size=1, max_size=6), split=st.integers(0, 6))
def test_whatever_is_paid_or_given_back_no_more_than_the_net_is_deferred_and_what_was_told_stands(
    parts: list[tuple[Decimal, dt.date]], split: int
) -> None:
    bill = dues()
    paid = [Paid(f"p{n}", day, amount) for n, (amount, day) in enumerate(parts)]
    first = shares(bill, paid[:split], {})
    settled = {one.id: Settled(one.amount, first[one.id]) for one in paid[:split]}
    told = shares(bill, paid, settled)
    assert {key: told[key] for key in first} == first
    assert ZERO <= total(told.values()) <= bill.subtotal
    received = total(max(one.amount, ZERO) for one in paid)
    if received >= bill.total:
        assert total(told.values()) == bill.subtotal


def test_a_payment_that_changed_is_reckoned_anew() -> None:
    paid = [Paid("p1", dt.date(2026, 1, 1), Decimal("57.49"))]
    told = shares(dues(), paid, {"p1": Settled(Decimal("114.98"), Decimal("100.00"))})
    assert told == {"p1": Decimal("50.00")}


def test_a_payment_on_what_is_already_settled_defers_nothing() -> None:
    whole = [Paid(f"p{n}", dt.date(2026, 1, n), Decimal("114.98")) for n in (1, 2)]
    assert shares(dues(), whole, {}) == {"p1": Decimal("100.00"), "p2": ZERO}
    assert entries("0.00") == []


@pytest.mark.parametrize(
    "bill",
    [
        invoice(type=InvoiceType.EVENT),
        dues("0.00"),
        invoice(type=InvoiceType.RENEWAL, kind="credit_note"),
    ],
)
def test_only_dues_that_are_worth_something_are_deferred(bill: Invoice) -> None:
    paid = [Paid("p1", dt.date(2026, 1, 1), Decimal("114.98"))]
    assert not deferrable(bill)
    assert shares(bill, paid, {}) == {"p1": ZERO}


def test_a_hundred_dollars_over_twelve_months_leave_the_last_one_four_cents_more() -> None:
    made = entries()
    assert [entry.amount for entry in made] == [*[Decimal("8.33")] * 11, Decimal("8.37")]
    assert (made[0].date, made[1].date) == (dt.date(2026, 1, 31), dt.date(2026, 2, 28))
    assert (made[0].period, made[-1].period, made[0].periods) == (1, 12, 12)


def test_one_cent_over_twelve_months_is_one_entry_in_the_last_of_them() -> None:
    (only,) = entries("0.01")
    assert (only.period, only.amount) == (12, Decimal("0.01"))


def test_one_period_is_one_entry_of_all_of_it() -> None:
    (only,) = entries("99.99", periods=1)
    assert (only.amount, only.date) == (Decimal("99.99"), dt.date(2026, 1, 31))


def test_the_last_day_of_february_in_a_leap_year_is_its_twenty_ninth() -> None:
    made = entries(of=payment(date=dt.date(2028, 1, 31)), periods=2)
    assert [entry.date for entry in made] == [dt.date(2028, 1, 31), dt.date(2028, 2, 29)]


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("payment_month", dt.date(2026, 11, 1)),
        ("next_month", dt.date(2026, 12, 1)),
        ("invoice_month", dt.date(2026, 10, 1)),
        ("january", dt.date(2026, 1, 1)),
        ("next_january", dt.date(2027, 1, 1)),
    ],
)
def test_the_first_month_is_what_the_settings_say(start: str, first: dt.date) -> None:
    given_terms = terms(start=start, day="first")
    assert dates(given_terms, dt.date(2026, 11, 12), dt.date(2026, 10, 3))[0] == first


def test_a_payment_of_january_itself_is_earned_from_that_january() -> None:
    given_terms = terms(start="next_january", day="first")
    paid_on = dt.date(2026, 1, 20)
    assert dates(given_terms, paid_on, paid_on)[0] == dt.date(2026, 1, 1)


def test_a_day_begins_at_midnight_in_montreal_in_winter_and_in_summer() -> None:
    assert midnight(dt.date(2026, 1, 31)) == dt.datetime(2026, 1, 31, 5, tzinfo=dt.UTC)
    assert midnight(dt.date(2026, 7, 31)) == dt.datetime(2026, 7, 31, 4, tzinfo=dt.UTC)


def test_on_date_entries_wait_for_their_day_and_upfront_ones_do_not() -> None:
    assert entries()[0].not_before == midnight(dt.date(2026, 1, 31))
    assert entries(upfront=True)[0].not_before is None


def test_ids_are_guids_that_depend_on_the_payment_and_the_period_alone() -> None:
    assert [entry.id for entry in entries()] == [entry_id("p1", n) for n in range(1, 13)]
    assert uuid.UUID(entry_id("p1", 1)) != uuid.UUID(entry_id("p2", 1))


def test_the_version_changes_with_the_content_and_not_with_the_payments_status() -> None:
    before = entries()
    after = [
        entry.model_copy(update={"payment": DocumentRef(id="p1", status=Status.TRANSFERRED)})
        for entry in before
    ]
    assert version_of_all(before) == version_of_all(after)
    assert version_of_all(before) != version_of_all(entries("101.00"))
    assert version_of(before[0]) != version_of(entries(upfront=True)[0])


def test_the_terms_are_those_of_the_chapter() -> None:
    assert Terms.of(ChapterSettings()) is None
    found = Terms.of(ChapterSettings(deferred_revenue="upfront", deferral_periods=3))
    assert found == Terms(periods=3, start="payment_month", day="last", upfront=True)


@given(paid_on=DAYS, invoiced_on=DAYS, given_terms=TERMS)
def test_the_days_that_were_told_are_known_from_their_last_one(
    paid_on: dt.date, invoiced_on: dt.date, given_terms: Terms
) -> None:
    days = dates(given_terms, paid_on, invoiced_on)
    assert dates_until(given_terms, days[-1]) == days


def test_what_stands_in_the_books_keeps_its_share_whatever_its_amount_is_now() -> None:
    told = {"p1": Settled(Decimal("114.98"), Decimal("100.00"), went=True)}
    now = Paid("p1", dt.date(2026, 1, 1), Decimal("57.49"), referenced=True)
    later = Paid("p2", dt.date(2026, 1, 2), Decimal("57.49"))
    assert shares(dues(), [now, later], told) == {"p1": Decimal("100.00"), "p2": ZERO}
    emptied = Paid("p1", now.date, now.amount)
    assert shares(dues(), [emptied], told) == {"p1": Decimal("50.00")}
