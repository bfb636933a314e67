"""Batches of invoices, of receipts, of journal entries: created by POST, changed by PATCH.

In: bodies. Out: kept batches. Every POST is a new batch with a number of its own. Refuses edits of
a batch that is ready, being posted, posted or deleted (sage-300.md, sections 2, 5, 6 and 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import invoices, journals, receipts
from ops.sandbox.sage_300.answers import field_invalid, record_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import Effect, Puts, Session, merge, put_all
from ops.sandbox.sage_300.fields import ZERO, decimal, read
from ops.sandbox.sage_300.periods import enter as enter_period
from ops.sandbox.sage_300.properties import INVOICE_BATCH, JOURNAL_BATCH, RECEIPT_BATCH, Properties
from ops.sandbox.sage_300.resources import INVOICES, JOURNALS, RECEIPTS

Enter = Callable[[Puts, Document, int, Document | None], Document]


@dataclass(frozen=True)
class Kind:
    """What one kind of batch has of its own. `series`: each has its own numbers."""

    resource: str
    properties: Properties
    entries: str
    status: str
    date: str
    enter: Enter
    total: str
    padded: bool = False

    def series(self, record: Document) -> str:
        return f"{self.resource}/{record.get('BatchRecordType', '')}"

    def number(self, books: Books, record: Document) -> int | str:
        found = books.number(self.series(record))
        return f"{found:06d}" if self.padded else found


KINDS = {
    one.resource: one
    for one in (
        Kind(
            *(INVOICES, INVOICE_BATCH, "Invoices", "BatchStatus", "BatchDate", invoices.enter),
            total="DocumentTotalIncludingTax",
        ),
        Kind(
            *(RECEIPTS, RECEIPT_BATCH, "ReceiptsAdjustments", "BatchStatus", "BatchDate"),
            enter=receipts.enter,
            total="BankReceiptAmount",
        ),
        Kind(
            *(JOURNALS, JOURNAL_BATCH, "JournalHeaders", "Status", "DateCreated", journals.enter),
            total="",
            padded=True,
        ),
    )
}


def create(session: Session, kind: Kind, body: Document) -> Document:
    """Raises Refusal."""
    books = session.books
    record = {name: one.default for name, one in kind.properties.items()}
    record |= {kind.date: books.today(), kind.entries: [], kind.status: "Open"}
    if kind.resource == RECEIPTS:
        _require_type(body)
        record["BatchRecordType"] = read(
            "BatchRecordType", RECEIPT_BATCH["BatchRecordType"], body["BatchRecordType"]
        )
    wanted = _wanted_status(books, kind, body)
    if wanted == "ReadyToPost" and not books.options.ready_in_post:
        wanted = "Open"
    record["BatchNumber"] = kind.number(books, record)
    puts = Puts(session, record)
    _put(kind, puts, body)
    if len(record[kind.entries]) > 1 and kind.resource != JOURNALS:
        session.note("many_documents", f"{len(record[kind.entries])} documents in one batch")
    _totals(kind, record)
    _set_status(kind, puts, wanted)
    return books.put(kind.resource, record)


def change(session: Session, kind: Kind, before: Document, body: Document) -> Document:
    """A PATCH. Raises Refusal."""
    puts = Puts(session, dict(before), creating=False)
    wanted = _wanted_status(session.books, kind, body)
    _check_editable(kind, before, body, wanted)
    _put(kind, puts, body)
    _totals(kind, puts.record)
    _set_status(kind, puts, wanted)
    return session.books.put(kind.resource, puts.record)


def _require_type(body: Document) -> None:
    if not body.get("BatchRecordType"):
        raise record_invalid("BatchRecordType cannot be blank.")


def _wanted_status(books: Books, kind: Kind, body: Document) -> str:
    """The status a body asks for, "" when it asks for none. Raises Refusal."""
    wanted = ""
    if kind.status in body:
        wanted = read(kind.status, kind.properties[kind.status], body[kind.status])
    if kind.resource != JOURNALS:
        return wanted
    by = books.options.gl_ready_by
    if wanted == "ReadyToPost" and by == "ReadyToPost":
        raise field_invalid("Status: the field cannot be set to ReadyToPost; see ReadyToPost.")
    if "ReadyToPost" in body and by == "Status":
        raise field_invalid("ReadyToPost: the field is read only in this version; see Status.")
    if "ReadyToPost" in body:
        ready = read("ReadyToPost", JOURNAL_BATCH["ReadyToPost"], body["ReadyToPost"])
        wanted = "ReadyToPost" if ready == "Yes" else "Open"
    return wanted


def _check_editable(kind: Kind, before: Document, body: Document, wanted: str) -> None:
    status, number = before[kind.status], before["BatchNumber"]
    if status == "Open":
        return
    if status != "ReadyToPost":
        raise record_invalid(f"Batch {number} is {status} and cannot be edited.")
    asked = {kind.status, "ReadyToPost", "BatchNumber", "BatchRecordType"}
    if wanted not in ("Open", "ReadyToPost") or set(body) - asked:
        raise record_invalid(f"Batch {number} is Ready To Post and cannot be edited.")


def _put(kind: Kind, puts: Puts, body: Document) -> None:
    statuses = (kind.status, "ReadyToPost") if kind.resource == JOURNALS else (kind.status,)
    rest = {name: value for name, value in body.items() if name not in statuses}
    effects: dict[str, Effect] = {"BankCode": _bank} if kind.resource == RECEIPTS else {}
    if kind.resource != JOURNALS:
        effects[kind.date] = lambda one: _batch_date(kind, one)

    def entries(one: Puts, name: str, raws: list[Document]) -> None:
        if kind.resource == RECEIPTS and not one.record["BankCode"] and _is_cash(one.record):
            raise record_invalid("BankCode cannot be blank.")
        one.record[name] = _entries(kind, one, raws)

    put_all(puts, kind.properties, rest, effects, entries)


def _is_cash(record: Document) -> bool:
    return bool(record["BatchRecordType"] == "CA")


def _bank(puts: Puts) -> None:
    puts.books.existing("BKBanks", puts.record["BankCode"], what="Bank")


def _batch_date(kind: Kind, puts: Puts) -> None:
    if not puts.record[kind.date]:
        raise field_invalid(f"{kind.date}: a date is required.")
    enter_period(Puts(puts.session, {}), puts.record[kind.date], "AR")


def _entries(kind: Kind, puts: Puts, raws: list[Document]) -> list[Document]:
    kept = list(puts.record[kind.entries])
    numbers = [int(one["EntryNumber"]) for one in kept]

    def make(raw: Document) -> Document:
        numbers.append(max(numbers, default=0) + 1)
        return kind.enter(puts, raw, numbers[-1], None)

    def change_one(one: Document, raw: Document) -> Document:
        return kind.enter(puts, raw, int(one["EntryNumber"]), one)

    return merge(puts, kept, raws, "EntryNumber", make, change_one)


def _totals(kind: Kind, record: Document) -> None:
    entries = record[kind.entries]
    record["NumberOfEntries"] = len(entries)
    if kind.total:
        record["BatchTotal"] = sum((decimal(one, kind.total) for one in entries), ZERO)
        return
    lines = [decimal(line, "Amount") for one in entries for line in one["JournalDetails"]]
    record["TotalDebits"] = sum((one for one in lines if one > 0), ZERO)
    record["TotalCredits"] = -sum((one for one in lines if one < 0), ZERO)


def _set_status(kind: Kind, puts: Puts, wanted: str) -> None:
    """Raises Refusal on a status that people cannot give."""
    record, options = puts.record, puts.books.options
    if not wanted or wanted == record[kind.status]:
        return
    if wanted not in ("Open", "ReadyToPost", "Deleted"):
        raise field_invalid(f"{kind.status}: cannot be set to {wanted}.")
    if wanted == "Deleted" and not options.delete_by_status:
        raise field_invalid(f"{kind.status}: cannot be set to Deleted.")
    if wanted == "ReadyToPost":
        if not record[kind.entries]:
            raise record_invalid(f"Batch {record['BatchNumber']} has no entries.")
        if options.force_listing == "refuse" and record["BatchPrintedFlag"] != "Yes":
            raise record_invalid("The batch listing must be printed first.")
    mark(kind, record, wanted)


def mark(kind: Kind, record: Document, status: str) -> None:
    """Sets a batch's status, and the journal's switch that goes with it."""
    record[kind.status] = status
    if kind.resource == JOURNALS:
        record["ReadyToPost"] = "Yes" if status == "ReadyToPost" else "No"
