"""The figures of the page for accountants are those that the code computes."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import get_args

import ops
from consumers.system import AccountsSettings
from producers.deferral import Paid, Terms, schedule, shares
from schemas.chapters import ChapterSettings, DeferralStart
from schemas.money import total
from schemas.records import DocumentRef, Invoice, InvoiceType, JournalEntry
from schemas.statuses import Status
from tests.builders import invoice, payment

PAGE = (Path(ops.__file__).parent / "runbooks" / "deferred-revenue.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CONFIGURED = tomllib.loads(BLOCK)["chapters"]
SETTINGS = ChapterSettings.model_validate(CONFIGURED["settings"])
CANCELLED_ON = dt.date(2026, 6, 15)


def dues() -> Invoice:
    return invoice(net="250.00", type=InvoiceType.MEMBERSHIP)


def entries(amount: Decimal, day: dt.date) -> list[JournalEntry]:
    terms = Terms.of(SETTINGS)
    assert terms is not None
    paid = payment(date=day)
    reference = DocumentRef(id=paid.id, number=paid.number, status=Status.TRANSFERRED)
    return schedule(paid, reference, dues(), amount, terms)


def test_the_taxes_of_the_example_are_those_of_its_invoice() -> None:
    one = dues()
    assert f"Membership of {one.subtotal} $: GST {one.gst}, QST {one.qst}, total {one.total}" in (
        PAGE
    )


def test_the_twelve_entries_are_those_of_the_page() -> None:
    made = entries(dues().subtotal, dt.date(2026, 3, 10))
    rows = re.findall(r"^\| (\d+/12) \| ([\d-]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert rows == [(f"{e.period}/{e.periods}", e.date.isoformat(), f"{e.amount}") for e in made]
    assert total(e.amount for e in made) == dues().subtotal


def test_two_payments_defer_what_the_page_says() -> None:
    days = [dt.date(2026, 3, 10), dt.date(2026, 5, 4)]
    paid = [
        Paid(str(n), day, Decimal(part))
        for n, (day, part) in enumerate(zip(days, ("100.00", "187.44"), strict=True))
    ]
    deferred = shares(dues(), paid, {})
    assert total(deferred.values()) == dues().subtotal
    rows = re.findall(
        r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d-]+) \| ([\d-]+) \|$",
        PAGE,
        re.MULTILINE,
    )
    told = []
    for one in paid:
        made = entries(deferred[one.id], one.date)
        (equal,) = {entry.amount for entry in made[:-1]}
        ends = (made[0].date.isoformat(), made[-1].date.isoformat())
        told.append(
            (f"{one.amount}", f"{deferred[one.id]}", f"{equal}", f"{made[-1].amount}", *ends)
        )
    assert rows == told


def test_what_a_cancellation_leaves_is_what_the_page_says() -> None:
    made = entries(dues().subtotal, dt.date(2026, 3, 10))
    went = [entry.amount for entry in made if entry.date <= CANCELLED_ON]
    assert len(went) == 3
    assert f"Cancelled on {CANCELLED_ON}" in PAGE
    assert f"have not gone, {dues().subtotal - total(went)}," in PAGE
    assert f"{total(went)}: each becomes" in PAGE


def test_the_settings_of_the_page_exist_and_dues_go_to_the_account_that_entries_empty() -> None:
    accounts = AccountsSettings.model_validate(CONFIGURED["accounts"])
    assert accounts.income_for("membership") == accounts.deferred_revenue
    assert accounts.income_for("renewal") == accounts.deferred_revenue
    table = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(table) == sorted(
        name for name in ChapterSettings.model_fields if name.startswith("defer")
    )


def test_every_start_is_explained() -> None:
    (row,) = re.findall(r"^\| `deferral_start` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(get_args(DeferralStart))
