"""`compare` is silent on books that are right, and names each kind of difference."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from ops.sandbox.books import compare
from ops.sandbox.kernel.books import (
    BookedApplication,
    BookedCustomer,
    BookedDocument,
    BookedEntry,
    BookedPayment,
    CompanyBooks,
)
from ops.sandbox.kernel.store import Store
from ops.sandbox.membri import membri_system
from ops.sandbox.quickbooks_online.simulation import SIMULATION
from ops.sandbox.world import World, build
from ops.sandbox.world.expected import ExpectedBooks
from ops.sandbox.world.membri_rows import STATUS
from ops.sandbox.world.traits import short_number, traits_of

TODAY = dt.date(2026, 9, 15)
DAY = dt.date(2026, 6, 2)
KEYS = {"account": "accountid", "invoice": "invoiceid", "membri_payment": "membri_paymentid"}


@dataclass
class Dumps:
    """What the admin ports would tell: Membri's rows, and the books by company."""

    membri: dict[str, Any]
    books: dict[str, CompanyBooks]

    @property
    def first(self) -> CompanyBooks:
        return next(iter(self.books.values()))


def differences(world: World, dumps: Dumps) -> list[str]:
    return compare(world.expected, dumps.membri, dumps.books, TODAY)


def fulfilled(world: World) -> Dumps:
    """The dumps of a world in which everything that can go went."""
    books = {company: _books(one) for company, one in world.expected.companies.items()}
    references = {
        record: number
        for company in world.expected.companies.values()
        for record, number in [
            *((key, one.number or "none given") for key, one in company.documents.items()),
            *((key, short_number("MP", key)) for key in company.payments),
        ]
    }
    sets = {"accounts": "account", "invoices": "invoice", "membri_payments": "membri_payment"}
    membri: dict[str, Any] = {}
    for set_name, table in sets.items():
        membri[table] = [dict(row) for row in world.membri_rows[set_name]]
        for row in membri[table]:
            record_id = row[KEYS[table]]
            outcome = world.expected.records[record_id]
            row["membri_syncstatus"] = STATUS[outcome.status] if outcome.status else None
            if outcome.reason:
                row["membri_syncerror"] = "Pourquoi, et que corriger."
            if outcome.moved:
                row["membri_syncreference"] = outcome.reference or references[record_id]
                row["membri_syncerror"] = None
    return Dumps(membri, books)


def _books(expected: ExpectedBooks) -> CompanyBooks:
    mark = traits_of(expected.system).mark
    ids = {key: str(number) for number, key in enumerate(expected.customers, 1)}
    documents = {key: str(number) for number, key in enumerate(expected.documents, 10_000)}
    return CompanyBooks(
        customers=[
            BookedCustomer(
                ids[key], key, c.name, mark("account", c.record) if c.record else "", c.phone
            )
            for key, c in expected.customers.items()
        ],
        suppliers=list(expected.suppliers),
        documents=[
            BookedDocument(
                documents[key], "invoice" if d.kind == "invoice" else "credit_note",
                ids[d.customer], d.number or "none given",
                "" if key.startswith("by hand") else mark("invoice", key),
                DAY, d.total, d.tax, d.balance,
            )
            for key, d in expected.documents.items()
        ],
        payments=[
            BookedPayment(
                str(number), ids[p.customer], short_number("MP", key), "", DAY, p.total,
                Decimal(0), {documents[to]: amount for to, amount in p.applied.items()},
            )
            for number, (key, p) in enumerate(expected.payments.items(), 20_000)
        ],
        applications=[
            BookedApplication(documents[note], documents[to], amount)
            for note, (to, amount) in expected.applications.items()
        ],
        entries=[
            BookedEntry(
                str(number), f"RPA-{number}", "", entry.day,
                {"2420": entry.amount, "4110": -entry.amount},
            )
            for number, entry in enumerate(expected.entries_on(TODAY), 30_000)
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return build("small")


@pytest.fixture(scope="module")
def right(world: World) -> Dumps:
    return fulfilled(world)


@pytest.mark.parametrize(
    "system", ["quickbooks_online", "business_central", "sage_300", "sage_accounting"]
)
def test_right_books_have_no_difference(system: str) -> None:
    made = build("small", 1, (system,))
    assert differences(made, fulfilled(made)) == []


def test_the_world_before_anything_went_differs_where_something_must_go(
    world: World, tmp_path: Any
) -> None:
    membri = membri_system(Store(), client_id="c", client_secret="s")
    membri.seed(world.membri_rows)
    quickbooks = SIMULATION.build(Store(), tmp_path)
    SIMULATION.seed(quickbooks, {key: one.seed() for key, one in world.companies.items()})

    found = differences(world, Dumps(membri.dump(), SIMULATION.books(quickbooks.dump())))

    moving = sum(world.expected.transferred().values()) + sum(world.expected.errors().values())
    assert len([line for line in found if line.startswith("Membri")]) == moving
    # What was in the books is as expected, but for what is still to be applied or renamed.
    rest = [line for line in found if "company" in line and "missing" not in line]
    (renamed,) = [line for line in rest if "balance" not in line and "applied nothing" not in line]
    assert renamed.endswith("unexpected")


Plant = Callable[[CompanyBooks], None]


def _ours(books: CompanyBooks, part: str, kind: str = "") -> Any:
    """The first of that part of the books that a record of Membri made."""
    return next(
        one
        for one in getattr(books, part)
        if part in ("applications", "entries")
        or (part == "payments" and one.number)
        or (one.note and (not kind or one.kind == kind))
    )


def _remove(part: str, kind: str = "") -> Plant:
    return lambda books: getattr(books, part).remove(_ours(books, part, kind))


def _double(part: str, kind: str = "") -> Plant:
    return lambda books: getattr(books, part).append(
        replace(_ours(books, part, kind), **({} if part == "applications" else {"id": "99999"}))
    )


def _change(part: str, **values: Any) -> Plant:
    def plant(books: CompanyBooks) -> None:
        kept = getattr(books, part)
        one = _ours(books, part)
        kept[kept.index(one)] = replace(one, **values)

    return plant


CENT = Decimal("0.01")
STRANGER = BookedDocument("9999", "invoice", "1", "X-1", "", DAY, CENT, CENT, CENT)
GIFT = BookedPayment("9999", "1", "", "", DAY, CENT, CENT, {})
ENTRY = BookedEntry("9", "E-9", "", DAY, {"2420": CENT, "4110": -CENT})


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (_remove("customers"), "missing"),
        (_remove("documents", "invoice"), "missing"),
        (_remove("documents", "credit_note"), "missing"),
        (_remove("payments"), "missing"),
        (_remove("applications"), "applied nothing, expected"),
        (_remove("entries"), "missing"),
        (_double("customers"), "2 times"),
        (_double("documents", "invoice"), "2 times"),
        (_double("documents", "credit_note"), "2 times"),
        (_double("payments"), "2 times"),
        (_double("applications"), "applied "),
        (_double("entries"), "unexpected"),
        (lambda b: b.customers.append(BookedCustomer("9", "Intrus", "I")), "Intrus: unexpected"),
        (lambda b: b.documents.append(STRANGER), "document document 9999: unexpected"),
        (lambda b: b.payments.append(GIFT), "payment payment 9999: unexpected"),
        (lambda b: b.entries.append(ENTRY), "entry of 0.01 on 2026-06-02: unexpected"),
        (lambda b: b.other.append("batch 000012"), "batch 000012: unexpected"),
        (_change("documents", total=CENT), "total 0.01, expected"),
        (_change("documents", tax=CENT), "tax 0.01, expected"),
        (_change("documents", balance=CENT), "balance 0.01, expected"),
        (_change("documents", number="X"), "number x, expected"),
        (_change("documents", customer="1"), "customer "),
        (_change("documents", posted=False), "is not posted"),
        (_change("payments", total=CENT), "total 0.01, expected"),
        (_change("payments", unapplied=CENT), "0.01 not applied"),
        (_change("payments", applied={}), "applied nothing, expected"),
        (_change("payments", customer="1"), "customer "),
        (_change("payments", posted=False), "is not posted"),
        (_change("entries", day=dt.date(2026, 7, 1)), "on 2026-07-01: unexpected"),
        (_change("entries", posted=False), "is not posted"),
        (_change("entries", lines={"2420": CENT}), "lines 0.01 on 2420"),
        (_change("customers", name="Autre nom"), "name 'Autre nom', expected"),
        (_change("customers", note="membri:account:other"), "the mark of another account"),
        (_change("customers", active=False), "inactive"),
        (lambda b: b.suppliers.clear(), "supplier 'Postes Canada': missing"),
    ],
)
def test_a_difference_in_the_books_is_named(
    world: World, right: Dumps, plant: Plant, told: str
) -> None:
    dumps = copy.deepcopy(right)
    company = next(iter(dumps.books))
    plant(dumps.first)

    found = differences(world, dumps)

    assert any(f"company {company}: " in line and told in line for line in found), found


def test_a_cent_is_a_difference(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    _change("documents", total=_ours(dumps.first, "documents").total + CENT)(dumps.first)

    assert len(differences(world, dumps)) == 1


def test_entries_between_other_accounts_are_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    amount = next(iter(_ours(dumps.first, "entries").lines.values()))
    _change("entries", lines={"2420": amount, "9999": -amount})(dumps.first)

    (found,) = differences(world, dumps)

    assert "between different accounts" in found


def test_a_company_that_is_not_there_or_not_known_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    company = next(iter(dumps.books))
    dumps.books["1"] = dumps.books.pop(company)

    found = differences(world, dumps)

    assert f"company {company}: missing" in found
    assert "company 1: unexpected" in found


def first(rows: list[dict[str, Any]], **having: Any) -> dict[str, Any]:
    return next(r for r in rows if all(r.get(k) == v for k, v in having.items()))


def _moved(world: World, table: str) -> str:
    entity = {"membri_payment": "payment"}.get(table, table)
    return next(key for key, one in world.expected.of(entity) if one.moved)


@pytest.mark.parametrize("table", ["account", "invoice", "membri_payment"])
@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("membri_syncstatus", STATUS["to_transfer"], "status to_transfer, expected transferred"),
        ("membri_syncreference", "nowhere", "reference 'nowhere'"),
        ("membri_syncreference", None, "reference ''"),
        ("membri_syncerror", "resté là", "an error text stays"),
    ],
)
def test_a_difference_in_membri_is_named(
    world: World, right: Dumps, table: str, column: str, value: Any, told: str
) -> None:
    dumps = copy.deepcopy(right)
    record_id = _moved(world, table)
    first(dumps.membri[table], **{KEYS[table]: record_id})[column] = value

    (found,) = differences(world, dumps)

    assert record_id in found
    assert told in found


def test_an_error_without_a_text_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    (record_id,) = world.cases["montreal"]["totals_differ"]
    first(dumps.membri["invoice"], invoiceid=record_id)["membri_syncerror"] = ""

    (found,) = differences(world, dumps)

    assert "in error without an error text" in found


def test_a_reference_on_what_still_waits_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    (record_id,) = world.cases["montreal"]["credit_waits"]
    first(dumps.membri["invoice"], invoiceid=record_id)["membri_syncreference"] = "12"

    (found,) = differences(world, dumps)

    assert "reference '12' where there was none" in found


def test_a_record_that_vanished_or_came_from_nowhere_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    dumps.membri["membri_payment"][0] = {"membri_paymentid": "stranger"}

    found = differences(world, dumps)

    assert [line.rpartition(": ")[2] for line in found] == ["missing", "unexpected"]
