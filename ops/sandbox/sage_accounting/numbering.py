"""Numbers of invoices and credit notes, and their due dates.

In: a document and what the client asked. Out: the number in the record. The service numbers by
itself; a number that the client gives moves the sequence on, and one in use is refused or accepted
as the options say (sage-accounting.md, section 6).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problems
from ops.sandbox.sage_accounting.books import Books

GROUP = "invoice_settings"


@dataclass(frozen=True)
class Series:
    """`number`: the attribute; `following`, `prefix`: the settings; `draft`: shown until posted."""

    resource: str
    number: str
    following: str
    prefix: str
    draft: str


INVOICE = Series(
    "sales_invoices",
    "invoice_number",
    "next_invoice_number",
    "sales_invoice_number_prefix",
    "SI-DRAFT",
)
CREDIT_NOTE = Series(
    "sales_credit_notes",
    "credit_note_number",
    "next_credit_note_number",
    "sales_credit_note_number_prefix",
    "SCN-DRAFT",
)


def give(
    books: Books, series: Series, problems: Problems, body: Document, record: Document
) -> None:
    """Numbers a document that has no number yet, or gets another one from the client."""
    asked = body.get(series.number)
    held = record.get(series.number)
    if asked in (None, ""):
        if held in (None, series.draft):
            record[series.number] = _next(books, series)
        return
    prefix = body.get(f"{series.number}_prefix", _setting(books, series.prefix, ""))
    wanted = str(asked) if str(asked).startswith(str(prefix)) else f"{prefix}{asked}"
    if wanted == held:
        return
    if books.options.duplicate_invoice_number == "refuse" and _is_taken(books, series, wanted):
        problems.add(f"{series.number} has already been taken", series.number)
        return
    record[series.number] = wanted
    digits = re.search(r"(\d+)\Z", wanted)
    if digits:
        books.change_state(**{GROUP: {series.following: int(digits.group(1)) + 1}})


def due_date(books: Books, record: Document) -> str:
    """The document's date plus the contact's credit days, or the business's."""
    contact = books.existing("contacts", record["contact"]["id"])
    days = contact.get("credit_days", _setting(books, "customer_credit_days", 30))
    return (dt.date.fromisoformat(record["date"]) + dt.timedelta(days=int(days))).isoformat()


def _next(books: Books, series: Series) -> str:
    following = series.following
    if not _setting(books, "separate_invoice_credit_note_numbering", True):
        following = INVOICE.following
    number = int(_setting(books, following, 1))
    books.change_state(**{GROUP: {following: number + 1}})
    return f"{_setting(books, series.prefix, '')}{number}"


def _is_taken(books: Books, series: Series, number: str) -> bool:
    return any(one.get(series.number) == number for one in books.all(series.resource))


def _setting(books: Books, name: str, default: Any) -> Any:
    return books.setting(GROUP, name, default)
