"""Each accounting system has a world of its own; membership fees make entries in all of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import pytest

from ops.sandbox.world import World, build, chapters
from tests.world_refusals import REFUSALS


@pytest.fixture(scope="module")
def small() -> World:
    return build("small")


def on(system: str) -> World:
    return build("small", 1, (system,))


def test_one_system_keeps_two_chapters_and_several_keep_one_each() -> None:
    alone = chapters(("sage_300",))
    together = chapters(("sage_300", "quickbooks_online", "business_central"))

    assert [(c.slug, c.system) for c in alone] == [("montreal", "sage_300"), ("quebec", "sage_300")]
    assert [(c.slug, c.system) for c in together] == [
        ("montreal", "sage_300"),
        ("quebec", "quickbooks_online"),
        ("outaouais", "business_central"),
    ]
    assert len({c.company for c in (*alone, *chapters(("sage_accounting",)))}) == 4


@pytest.mark.parametrize("systems", [(), ("xero",), ("sage_300", "sage_300")])
def test_systems_that_cannot_be_rehearsed_on_are_refused(systems: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"system|simulated"):
        chapters(systems)


def test_each_system_refuses_what_its_own_page_says() -> None:
    by_number = REFUSALS - {"duplicate_name", "invalid_characters"} | {"duplicate_number"}

    assert set(on("quickbooks_online").expected.errors()) == REFUSALS
    assert set(on("business_central").expected.errors()) == by_number
    assert set(on("sage_300").expected.errors()) == by_number
    assert set(on("sage_accounting").expected.errors()) == REFUSALS - {
        "invalid_characters",
        "tax_mismatch",
    }


@pytest.mark.parametrize(
    ("system", "name_max", "number_max"),
    [("business_central", 100, 35), ("sage_300", 60, 22), ("sage_accounting", 100, 25)],
)
def test_the_longest_names_and_numbers_are_those_of_the_system(
    system: str, name_max: int, number_max: int
) -> None:
    (company, _) = on(system).expected.companies.values()

    assert max(len(customer.name) for customer in company.customers.values()) == name_max
    assert max(len(document.number) for document in company.documents.values()) == number_max


def test_customers_keyed_by_number_keep_it_when_their_name_changes() -> None:
    world = on("sage_300")
    (account_id,) = world.cases["montreal"]["changed_account"]
    (account,) = [r for r in world.membri_rows["accounts"] if r["accountid"] == account_id]
    books = world.expected.companies[world.chapters[0].company]

    assert world.expected.records[account_id].reference == account["accountnumber"]
    assert books.customers[account["accountnumber"]].name == account["name"]


# --- deferred revenue ---------------------------------------------------------------------------


def test_the_entries_of_a_fee_paid_in_parts_make_its_net_whole() -> None:
    world = build("tiny")
    quebec = world.expected.companies[world.chapters[1].company]
    months = Counter(entry.day.strftime("%m-%d") for entry in quebec.entries)

    # 100.01 before taxes in three parts, and 0.13 in one; over four months.
    assert sum(entry.amount for entry in quebec.entries) == Decimal("100.14")
    assert len(quebec.entries) == 3 * 4 + 4
    assert {entry.amount for entry in quebec.entries if entry.amount < 1} == {
        Decimal("0.03"),
        Decimal("0.04"),
    }
    assert set(months) <= {"05-31", "06-30", "07-31", "08-31", "09-30", "10-31"}


def test_entries_wait_for_their_day_unless_they_go_at_once(small: World) -> None:
    montreal, quebec = small.expected.companies.values()
    early, late = dt.date(2026, 7, 1), dt.date(2028, 1, 1)

    assert 0 < len(montreal.entries_on(early)) < len(montreal.entries_on(late))
    assert len(quebec.entries_on(early)) == len(quebec.entries) > 0


def test_a_cancelled_fee_defers_nothing(small: World) -> None:
    (note,) = small.cases["quebec"]["dues_cancelled"]
    quebec = small.expected.companies[small.chapters[1].company]
    (invoice, amount) = quebec.applications[note]

    assert quebec.documents[invoice].balance == 0
    assert amount == quebec.documents[invoice].total
    paid = sum((p.total for p in quebec.payments.values()), Decimal(0))
    assert sum(entry.amount for entry in quebec.entries) < paid
