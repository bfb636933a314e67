"""The members who go on registering, and the person who puts errors right."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ops.sandbox.world import build
from ops.sandbox.world.live import correction, registrations
from ops.sandbox.world.membri_rows import STATUS

TODAY = dt.date(2026, 10, 1)
ERROR = STATUS["transfer_error"]


def account(**values: Any) -> dict[str, Any]:
    usual = {
        "accountid": "a",
        "name": "Club",
        "membri_syncstatus": STATUS["transferred"],
        "membri_syncreference": "Club",
        "membri_newaccountforsync": True,
    }
    return {**usual, **values}


def invoice(**values: Any) -> dict[str, Any]:
    usual = {
        "invoiceid": "i",
        "invoicenumber": "M-1",
        "membri_invoicedate": "2026-09-01",
        "membri_syncstatus": ERROR,
    }
    return {**usual, **values}


def test_the_same_seed_registers_the_same_members() -> None:
    one, other = list(registrations(3, 6)), list(registrations(3, 6))

    assert one == other
    assert len({registration.account_id for registration in one}) == 6


def test_registrations_take_no_moment_number_or_id_of_the_seeded_world() -> None:
    seeded = build("small", 3).membri_rows
    numbers = {row["invoicenumber"] for row in seeded["invoices"]}
    ids = {row["accountid"] for row in seeded["accounts"]}

    for registration in registrations(3, 8):
        (row,) = registration.rows["invoices"]
        assert row["invoicenumber"] not in numbers
        assert registration.account_id not in ids
        assert "modifiedon" not in row
        assert {line["_invoiceid_value"] for line in registration.rows["invoicedetails"]} == {
            row["invoiceid"]
        }


def test_a_name_refused_for_its_colon_is_written_without() -> None:
    order = correction(
        [account(name="Théâtre : Scène", membri_syncstatus=ERROR)], [invoice()], TODAY
    )

    assert order == {
        "table": "account",
        "id": "a",
        "set": {"name": "Théâtre, Scène", "membri_syncstatus": STATUS["to_transfer"]},
    }


def test_an_account_to_verify_is_flagged() -> None:
    order = correction(
        [account(membri_newaccountforsync=False, membri_syncreference=None)], [], TODAY
    )

    assert order is not None
    assert order["set"]["membri_newaccountforsync"] is True


def test_a_long_number_is_cut_and_a_closed_date_moved() -> None:
    long = correction([], [invoice(invoicenumber="N" * 22)], TODAY)
    closed = correction([], [invoice(membri_invoicedate="2024-12-31")], TODAY)

    assert long is not None
    assert long["set"]["invoicenumber"] == "N" * 21
    assert closed is not None
    assert closed["set"]["membri_invoicedate"] == "2026-10-01"


def test_nothing_is_corrected_where_nothing_is_known_to_be_wrong() -> None:
    done = invoice(membri_syncstatus=STATUS["transferred"], invoicenumber="N" * 22)

    assert correction([account()], [invoice(), done], TODAY) is None
