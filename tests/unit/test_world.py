"""The world is repeatable, has every situation it promises, and its figures are sound."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from ops.sandbox.kernel.books import SeedCompany
from ops.sandbox.world import World, build, large
from ops.sandbox.world.membri_rows import INVOICE_TYPES, STATUS, TYPE
from tests.world_refusals import REFUSALS

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def small() -> World:
    return build("small")


def outcomes(world: World, slug: str, case: str) -> list[tuple[str, str, str]]:
    records = world.expected.records
    found = [records[one] for one in world.cases[slug][case]]
    return [(one.status, one.reason, one.waiting) for one in found]


def by_id(world: World, table: str, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in world.membri_rows[table]}


def seeds(world: World) -> dict[str, SeedCompany]:
    return {key: company.seed() for key, company in world.companies.items()}


def half_up(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def test_the_same_seed_makes_the_same_world() -> None:
    one, other = build("small", 7), build("small", 7)

    assert one.membri_rows == other.membri_rows
    assert seeds(one) == seeds(other)
    assert one.expected == other.expected


def test_another_seed_makes_another_world() -> None:
    assert build("tiny", 1).membri_rows != build("tiny", 2).membri_rows


@pytest.mark.parametrize("name", ["big", "large", "large:1", "large:x", ""])
def test_an_unknown_world_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown world"):
        build(name)


def test_the_sizes_are_as_said(small: World) -> None:
    def sizes(world: World) -> tuple[int, ...]:
        return tuple(len(world.membri_rows[t]) for t in ("accounts", "invoices", "membri_payments"))

    accounts, invoices, payments = sizes(small)
    assert 55 <= accounts <= 70
    assert 115 <= invoices <= 140
    assert 100 <= payments <= 125
    assert sizes(build("tiny"))[0] in range(10, 15)
    assert sizes(large(400))[1] == 400


def test_the_expected_counts_are_stable(small: World) -> None:
    tiny = build("tiny").expected

    assert tiny.transferred() == {"account": 6, "invoice": 11, "payment": 7}
    assert tiny.errors() == {"closed_period": 2, "duplicate_name": 1, "tax_mismatch": 1}
    assert tiny.waiting() == {
        "waits_for_invoice": 5, "account_to_verify": 4, "dues_unpaid": 2, "waits_for_account": 1,
    }  # fmt: skip
    assert small.expected.errors() == {
        "closed_period": 4, "duplicate_name": 2, "tax_mismatch": 2, "invalid_characters": 1,
        "reference_not_found": 1, "totals_differ": 1, "too_long": 1, "currency_not_supported": 1,
        "differs_from_books": 1,
    }  # fmt: skip


def test_every_cause_of_refusal_is_there_and_files_the_records_that_end_with_it(
    small: World,
) -> None:
    for case in REFUSALS:
        assert set(outcomes(small, "montreal", case)) == {("transfer_error", case, "")}
    assert set(small.expected.errors()) == REFUSALS


@pytest.mark.parametrize(
    ("case", "waiting"),
    [
        ("waits_for_account", "waits_for_account"),
        ("waits_for_invoice", "waits_for_invoice"),
        ("payment_waits", "waits_for_invoice"),
        ("credit_waits", "waits_for_invoice"),
        ("invoice_to_verify", "account_to_verify"),
        ("dues_unpaid", "dues_unpaid"),
        ("no_invoice", "waits_for_invoice"),
    ],
)
def test_what_waits_is_still_to_transfer_and_says_for_what(
    small: World, case: str, waiting: str
) -> None:
    assert set(outcomes(small, "montreal", case)) == {("to_transfer", "", waiting)}


@pytest.mark.parametrize(
    "case",
    [
        "trap_name", "rounding", "line_discount", "empty_status", "several_payments",
        "partial_payment", "payment_first", "no_number", "credit_before_payment",
        "credit_after_payment", "linked_invoice", "changed_account", "changed_invoice",
        "second_payment", "by_hand", "longest_number",
    ],
)  # fmt: skip
def test_what_can_go_goes(small: World, case: str) -> None:
    assert set(outcomes(small, "montreal", case)) == {("transferred", "", "")}


def test_dues_are_held_until_paid_only_where_the_chapter_says_so(small: World) -> None:
    assert {status for status, _, _ in outcomes(small, "montreal", "dues_unpaid")} == {
        "to_transfer"
    }
    assert {status for status, _, _ in outcomes(small, "quebec", "dues_unpaid")} == {"transferred"}


@pytest.mark.parametrize("table", ["accounts", "invoices", "membri_payments"])
def test_all_six_statuses_are_there(small: World, table: str) -> None:
    found = {row["membri_syncstatus"] for row in small.membri_rows[table]} - {None}

    assert found == set(STATUS.values())


def test_what_is_not_to_transfer_stays_as_it_is(small: World) -> None:
    keys = {"accounts": "accountid", "invoices": "invoiceid", "membri_payments": "membri_paymentid"}
    names = {value: name for name, value in STATUS.items()}
    for table, key in keys.items():
        for row in small.membri_rows[table]:
            if row["membri_syncstatus"] not in (STATUS["to_transfer"], None):
                outcome = small.expected.records[row[key]]
                assert outcome.status == names[row["membri_syncstatus"]]
                assert not outcome.moved


def test_every_invoice_type_and_every_number_of_lines_is_there(small: World) -> None:
    lines = Counter(row["_invoiceid_value"] for row in small.membri_rows["invoicedetails"])

    assert {row["membri_invoicetype"] for row in small.membri_rows["invoices"]} == {
        TYPE[name] for name in INVOICE_TYPES
    }
    assert set(lines.values()) == {1, 2, 3, 4, 5, 6}


def test_names_have_every_trap(small: World) -> None:
    names = [row["name"] for row in small.membri_rows["accounts"]]
    text = "".join(names)

    assert all(trap in text for trap in ("Œ", "œ", "É", "'", "’", "&", '"', "\\", "-", ":"))
    assert max(len(name) for name in names) == 160
    assert max(Counter(names).values()) >= 2


def test_figures_add_up_except_where_a_refusal_is_meant(small: World) -> None:
    nets: dict[str, Decimal] = defaultdict(Decimal)
    for line in small.membri_rows["invoicedetails"]:
        net = line["baseamount"] - line["manualdiscountamount"]
        assert line["extendedamount"] == net + line["tax"]
        nets[line["_invoiceid_value"]] += net
    wrong = [
        row["invoiceid"]
        for row in small.membri_rows["invoices"]
        if nets[row["invoiceid"]] + row["membri_gstamount"] + row["membri_qstamount"]
        != row["totalamount"]
    ]

    assert wrong == small.cases["montreal"]["totals_differ"]


def test_taxes_are_each_rate_on_the_summed_net_except_where_a_mismatch_is_meant(
    small: World,
) -> None:
    taxable: dict[str, Decimal] = defaultdict(Decimal)
    for line in small.membri_rows["invoicedetails"]:
        if line["tax"]:
            net = line["baseamount"] - line["manualdiscountamount"]
            taxable[line["_invoiceid_value"]] += abs(net)
    wrong = {
        row["invoiceid"]
        for row in small.membri_rows["invoices"]
        if abs(row["membri_gstamount"]) != half_up(taxable[row["invoiceid"]] / 20)
        or abs(row["membri_qstamount"])
        != half_up(taxable[row["invoiceid"]] * Decimal("9.975") / 100)
    }

    meant = [one for chapter in small.cases.values() for one in chapter["tax_mismatch"]]
    assert wrong == set(meant)


def test_cents_round_both_ways(small: World) -> None:
    ways = set()
    for row in small.membri_rows["invoices"]:
        exact = abs(row["totallineitemamount"]) * Decimal("0.09975")
        if half_up(exact) != exact:
            ways.add(half_up(exact) > exact)

    assert ways == {True, False}


def test_line_taxes_that_round_differently_from_the_sum_are_there(small: World) -> None:
    by_line: dict[str, Decimal] = defaultdict(Decimal)
    for line in small.membri_rows["invoicedetails"]:
        by_line[line["_invoiceid_value"]] += line["membri_qstamount"]
    invoices = by_id(small, "invoices", "invoiceid")

    vector = small.cases["montreal"]["rounding"][0]
    assert (by_line[vector], invoices[vector]["membri_qstamount"]) == (
        Decimal("3.03"),
        Decimal("3.02"),
    )


def test_a_payment_is_met_before_its_invoice(small: World) -> None:
    invoice_id, payment_id = small.cases["montreal"]["payment_first"]
    invoice = by_id(small, "invoices", "invoiceid")[invoice_id]
    payment = by_id(small, "membri_payments", "membri_paymentid")[payment_id]

    assert payment["modifiedon"] < invoice["modifiedon"]


def test_balances_are_totals_less_what_is_applied(small: World) -> None:
    for books in small.expected.companies.values():
        applied: dict[str, Decimal] = defaultdict(Decimal)
        for one in books.payments.values():
            for key, amount in one.applied.items():
                assert amount > 0
                applied[key] += amount
        for note, (key, amount) in books.applications.items():
            assert amount > 0
            applied[note] += amount
            applied[key] += amount
        for key, document in books.documents.items():
            assert document.balance == document.total - applied[key]
            assert document.balance >= 0


def test_a_credit_note_closes_its_unpaid_invoice_and_stays_open_on_a_paid_one(
    small: World,
) -> None:
    (closing,) = small.cases["montreal"]["credit_before_payment"]
    (open_credit,) = small.cases["quebec"]["credit_of_paid"]
    montreal, quebec = small.expected.companies.values()

    assert montreal.documents[closing].balance == 0
    assert closing in montreal.applications
    assert quebec.documents[open_credit].balance == Decimal("86.52")
    assert open_credit not in quebec.applications


def test_a_changed_account_renames_its_customer(small: World) -> None:
    (account_id,) = small.cases["montreal"]["changed_account"]
    account = by_id(small, "accounts", "accountid")[account_id]
    books = next(iter(small.expected.companies.values()))

    assert account["membri_syncreference"] not in books.customers
    assert books.customers[account["name"]].phone == account["telephone1"]
    assert small.expected.records[account_id].reference == account["name"]


def test_nothing_is_created_for_accounts_without_an_invoice_to_transfer(small: World) -> None:
    customers = {name for books in small.expected.companies.values() for name in books.customers}
    accounts = by_id(small, "accounts", "accountid")
    for case in ("no_invoice", "dues_account", "account_to_verify", "account_on_hold"):
        for account_id in small.cases["montreal"][case]:
            assert accounts[account_id]["name"] not in customers


def test_closed_periods_are_refused_up_to_their_last_day(small: World) -> None:
    invoices = by_id(small, "invoices", "invoiceid")
    days = {invoices[one]["membri_invoicedate"] for one in small.cases["quebec"]["closed_period"]}

    assert max(days) == dt.date(2025, 12, 31).isoformat()
    assert "2026-01-01" in {row["membri_invoicedate"] for row in small.membri_rows["invoices"]}


def test_each_lookup_points_at_a_row_of_the_world(small: World) -> None:
    keys = {
        "transactioncurrencies": "transactioncurrencyid",
        "membri_chapters": "membri_chapterid",
        "accounts": "accountid",
        "invoices": "invoiceid",
    }
    known = {row[key] for table, key in keys.items() for row in small.membri_rows[table]}
    for rows in small.membri_rows.values():
        for row in rows:
            pointed = {v for k, v in row.items() if k.startswith("_") and v is not None}
            assert pointed <= known


def test_document_numbers_are_never_used_twice_in_a_company(small: World) -> None:
    for books in small.expected.companies.values():
        numbers = Counter((d.kind, d.number) for d in books.documents.values() if d.number)
        assert set(numbers.values()) == {1}
