"""The general ledger: the only place where the API shows what journals posted (page, section 11).

What comes in: a document number. What goes out: its entries and what they moved. `differences` are
in words with both figures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company, money
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.keys import code, fits, plain_enum
from consumers.systems.business_central.lists import date_of
from schemas.money import ZERO, total

DocumentType = Literal["Payment", ""]


def entries(company: Company, number: str, document_type: DocumentType) -> list[Json]:
    """The entries of that document number and type. Raises Unavailable, Transient."""
    if not fits(number):
        return []
    rows = company.client.select(
        "generalLedgerEntries", f"documentNumber eq {quoted(code(number))}"
    )
    return [row for row in rows if plain_enum(row.get("documentType", "")) == document_type]


def moved(rows: Iterable[Json]) -> Decimal:
    """What the entries moved from one side to the other. One that somebody reversed moved nothing.

    By account, so that it does not depend on what the settings name today.
    """
    by_account: dict[str, Decimal] = {}
    for row in rows:
        account = str(row.get("accountNumber"))
        change = money(row, "debitAmount") - money(row, "creditAmount")
        by_account[account] = by_account.get(account, ZERO) + change
    return total(change for change in by_account.values() if change > 0)


def differences(rows: list[Json], amount: Decimal, date: dt.date | None = None) -> tuple[str, ...]:
    """Empty when the entries moved that amount, on that date where one is given."""
    number, found = rows[0].get("documentNumber"), []
    held = moved(rows)
    if held != amount:
        found.append(f"Business Central {held} ≠ Membri {amount} ({number})")
    held_on = date_of(rows[0], "postingDate")
    if date is not None and held_on != date:
        found.append(f"date: Business Central {held_on} ≠ Membri {date} ({number})")
    return tuple(found)
