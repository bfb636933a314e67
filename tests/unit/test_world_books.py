"""`compare` is silent on books that are right, and names each kind of difference."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ops.sandbox.books import compare
from ops.sandbox.kernel.store import Store
from ops.sandbox.membri import membri_system
from ops.sandbox.quickbooks_online import quickbooks_system
from ops.sandbox.world import World, build
from ops.sandbox.world.expected import ExpectedBooks
from ops.sandbox.world.membri_rows import STATUS

Dumps = tuple[dict[str, Any], dict[str, Any]]
REALM = "9130347596842001"
KEYS = {"account": "accountid", "invoice": "invoiceid", "membri_payment": "membri_paymentid"}


def fulfilled(world: World) -> Dumps:
    """The dumps of a world in which everything that can go went."""
    realms = {realm: _books(books) for realm, books in world.expected.realms.items()}
    references = {
        row["PrivateNote"].rpartition(":")[2]: row.get("DocNumber") or row["Id"]
        for books in realms.values()
        for rows in books.values()
        for row in rows
        if row.get("PrivateNote", "").startswith(("membri:invoice:", "membri:payment:"))
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
    return membri, realms


def _books(books: ExpectedBooks) -> dict[str, list[dict[str, Any]]]:
    dump: dict[str, list[dict[str, Any]]] = {
        "Customer": [], "Vendor": [{"DisplayName": name} for name in books.vendors],
        "Invoice": [], "CreditMemo": [], "Payment": [], "JournalEntry": [],
    }  # fmt: skip
    ids: dict[str, str] = {}
    for number, customer in enumerate(books.customers.values(), 1):
        ids[customer.name] = str(number)
        dump["Customer"].append(
            {
                "Id": str(number), "DisplayName": customer.name, "Active": True,
                "Notes": customer.marker,
                "PrimaryPhone": {"FreeFormNumber": customer.phone},
            }
        )  # fmt: skip
    links: dict[str, tuple[str, str]] = {}
    for number, (key, document) in enumerate(books.documents.items(), 10_000):
        by_hand = not key.startswith("membri:")
        row_id = key.partition(":")[2] if by_hand else str(number)
        links[key] = (document.kind, row_id)
        dump[document.kind].append(
            {
                "Id": row_id, "DocNumber": document.number, "PrivateNote": "" if by_hand else key,
                "CustomerRef": {"value": ids[document.customer]},
                "TotalAmt": float(document.total), "Balance": float(document.balance),
                "TxnTaxDetail": {"TotalTax": float(document.tax)},
            }
        )  # fmt: skip
    payments = {**books.payments}
    payments |= {f"membri:application:{key}": one for key, one in books.applications.items()}
    for number, (key, payment) in enumerate(payments.items(), 20_000):
        dump["Payment"].append(
            {
                "Id": str(number), "PrivateNote": key, "TotalAmt": float(payment.total),
                "UnappliedAmt": 0, "CustomerRef": {"value": ids[payment.customer]},
                "Line": [
                    {
                        "Amount": float(amount),
                        "LinkedTxn": [{"TxnType": links[to][0], "TxnId": links[to][1]}],
                    }
                    for to, amount in payment.applied.items()
                ],
            }
        )  # fmt: skip
    return dump


@pytest.fixture(scope="module")
def world() -> World:
    return build("small")


@pytest.fixture(scope="module")
def right(world: World) -> Dumps:
    return fulfilled(world)


def test_right_books_have_no_difference(world: World, right: Dumps) -> None:
    assert compare(world.expected, *right) == []


def test_the_world_before_anything_went_differs_where_something_must_go(world: World) -> None:
    membri = membri_system(Store(), client_id="c", client_secret="s")
    membri.seed(world.membri_rows)
    quickbooks = quickbooks_system(Store(), client_id="c", client_secret="s")
    quickbooks.seed({"realms": world.realms})

    found = compare(world.expected, membri.dump(), quickbooks.dump())

    moving = sum(world.expected.transferred().values()) + sum(world.expected.errors().values())
    assert len([line for line in found if line.startswith("Membri")]) == moving
    # What was in the books is as expected, but for what is still to be applied or renamed.
    rest = [line for line in found if "realm" in line and "missing" not in line]
    (renamed,) = [line for line in rest if "balance" not in line]
    assert renamed.endswith("unexpected")


def first(rows: list[dict[str, Any]], **having: Any) -> dict[str, Any]:
    return next(r for r in rows if all(str(r.get(k, "")).startswith(v) for k, v in having.items()))


OURS = {"PrivateNote": "membri:invoice:"}
PAID = {"PrivateNote": "membri:payment:"}


def _change(entity: str, name: str, value: Any, **having: Any) -> Callable[[Dumps], None]:
    def plant(dumps: Dumps) -> None:
        first(dumps[1][REALM][entity], **having)[name] = value

    return plant


def _remove(entity: str, **having: Any) -> Callable[[Dumps], None]:
    def plant(dumps: Dumps) -> None:
        rows = dumps[1][REALM][entity]
        rows.remove(first(rows, **having))

    return plant


def _double(entity: str, **having: Any) -> Callable[[Dumps], None]:
    def plant(dumps: Dumps) -> None:
        rows = dumps[1][REALM][entity]
        rows.append({**first(rows, **having), "Id": "99999"})

    return plant


def _add(entity: str, **values: Any) -> Callable[[Dumps], None]:
    def plant(dumps: Dumps) -> None:
        dumps[1][REALM][entity].append(values)

    return plant


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (_remove("Customer", Notes="membri:account:"), "missing"),
        (_remove("Invoice", **OURS), "missing"),
        (_remove("CreditMemo", **OURS), "missing"),
        (_remove("Payment", **PAID), "missing"),
        (_remove("Payment", PrivateNote="membri:application:"), "missing"),
        (_double("Customer", Notes="membri:account:"), "2 times"),
        (_double("Invoice", **OURS), "2 times"),
        (_double("CreditMemo", **OURS), "2 times"),
        (_double("Payment", **PAID), "2 times"),
        (_double("Payment", PrivateNote="membri:application:"), "2 times"),
        (_add("Customer", Id="9", DisplayName="Intrus"), "customer 'Intrus': unexpected"),
        (_add("Invoice", Id="9999"), "document Invoice:9999: unexpected"),
        (_add("Payment", Id="9999"), "payment Payment:9999: unexpected"),
        (_add("JournalEntry", Id="9"), "JournalEntry 9: unexpected"),
        (_change("Invoice", "TotalAmt", 0.01, **OURS), "total 0.01, expected"),
        (_change("Invoice", "TxnTaxDetail", {"TotalTax": 0.02}, **OURS), "tax 0.02, expected"),
        (_change("Invoice", "Balance", 0.03, **OURS), "balance 0.03, expected"),
        (_change("Invoice", "DocNumber", "X", **OURS), "number X, expected"),
        (_change("Invoice", "CustomerRef", {"value": "1"}, **OURS), "customer "),
        (_change("Payment", "TotalAmt", 0.01, **PAID), "total 0.01, expected"),
        (_change("Payment", "UnappliedAmt", 0.01, **PAID), "0.01 not applied"),
        (_change("Payment", "Line", [], **PAID), "applied nothing, expected"),
        (_change("Payment", "CustomerRef", {"value": "1"}, **PAID), "customer "),
        (_change("Customer", "Notes", "", Notes="membri:account:"), "no marker"),
        (_change("Customer", "Active", False, Notes="membri:account:"), "inactive"),
        (_remove("Vendor"), "vendor 'Postes Canada': missing"),
    ],
)
def test_a_difference_in_the_books_is_named(
    world: World, right: Dumps, plant: Callable[[Dumps], None], told: str
) -> None:
    dumps = copy.deepcopy(right)
    plant(dumps)

    found = compare(world.expected, *dumps)

    assert any(f"realm {REALM}: " in line and told in line for line in found), found


def test_a_cent_is_a_difference(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    invoice = first(dumps[1][REALM]["Invoice"], **OURS)
    invoice["TotalAmt"] = float(Decimal(str(invoice["TotalAmt"])) + Decimal("0.01"))

    assert len(compare(world.expected, *dumps)) == 1


def test_a_company_that_is_not_there_or_not_known_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    dumps[1]["1"] = dumps[1].pop(REALM)

    found = compare(world.expected, *dumps)

    assert f"realm {REALM}: missing" in found
    assert "realm 1: unexpected" in found


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
    first(dumps[0][table], **{KEYS[table]: record_id})[column] = value

    (found,) = compare(world.expected, *dumps)

    assert record_id in found
    assert told in found


def test_an_error_without_a_text_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    (record_id,) = world.cases["montreal"]["totals_differ"]
    first(dumps[0]["invoice"], invoiceid=record_id)["membri_syncerror"] = ""

    (found,) = compare(world.expected, *dumps)

    assert "in error without an error text" in found


def test_a_reference_on_what_still_waits_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    (record_id,) = world.cases["montreal"]["credit_waits"]
    first(dumps[0]["invoice"], invoiceid=record_id)["membri_syncreference"] = "12"

    (found,) = compare(world.expected, *dumps)

    assert "reference '12' where there was none" in found


def test_a_record_that_vanished_or_came_from_nowhere_is_named(world: World, right: Dumps) -> None:
    dumps = copy.deepcopy(right)
    dumps[0]["membri_payment"][0] = {"membri_paymentid": "stranger"}

    found = compare(world.expected, *dumps)

    assert [line.rpartition(": ")[2] for line in found] == ["missing", "unexpected"]
