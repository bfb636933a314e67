"""Journal entries, as they are entered in a general ledger batch.

In: the elements of `JournalHeaders`. Out: entries with padded numbers and their own period. Refuses
entries that do not balance, unknown source codes and accounts, dates in locked or missing periods.
sage-300.md, section 7.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import periods
from ops.sandbox.sage_300.answers import field_invalid, record_invalid
from ops.sandbox.sage_300.entry import Effect, Puts, merge, put_all
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.properties import JOURNAL_DETAIL, JOURNAL_HEADER

_DETAILS = "JournalDetails"


def enter(batch: Puts, raw: Document, number: int, before: Document | None = None) -> Document:
    """One entry of a batch, new or changed. Raises Refusal."""
    new = before is None
    record = dict(before or {})
    if new:
        today = batch.books.today()
        record = {name: one.default for name, one in JOURNAL_HEADER.items()}
        record |= {"BatchNumber": batch.record["BatchNumber"], "EntryNumber": f"{number:05d}"}
        record |= {"DocumentDate": today, "PostingDate": today, _DETAILS: []}
    record["Warnings"] = []
    puts = Puts(batch.session, record, creating=new)
    put_all(puts, JOURNAL_HEADER, raw, {}, _details)
    if new and "PostingDate" not in puts.sent:
        puts.session.note("posting_date_missing", "a journal entry without PostingDate")
    _finish(puts)
    return record


def _finish(puts: Puts) -> None:
    record = puts.record
    source = record["SourceLedger"], record["SourceType"]
    if puts.books.get("GLSourceCodes", *source) is None:
        raise field_invalid(f"Source code {source[0]}-{source[1]} does not exist.")
    if not record[_DETAILS]:
        raise record_invalid("The entry has no details.")
    period = periods.enter(puts, record["PostingDate"], "GL")
    record["FiscalYear"], record["FiscalPeriod"] = period.year, f"{period.number:02d}"
    for line in record[_DETAILS]:
        line["BatchNumber"], line["EntryNumber"] = record["BatchNumber"], record["EntryNumber"]
    for name in ("Amount", "SourceCurrencyAmount"):
        gap = sum((decimal(line, name) for line in record[_DETAILS]), ZERO)
        record["OutOfBalanceBy"] = gap
        if gap:
            raise record_invalid(f"Entry {record['EntryNumber']} is out of balance by {gap}.")


def _details(puts: Puts, name: str, raws: list[Document]) -> None:
    if name != _DETAILS:
        return
    kept = list(puts.record[name])
    numbers = [int(one["TransactionNumber"]) for one in kept]

    def make(raw: Document) -> Document:
        numbers.append(max(numbers, default=0) + 20)
        line = {n: one.default for n, one in JOURNAL_DETAIL.items()}
        line["TransactionNumber"] = f"{numbers[-1]:010d}"
        return _line(puts, line, raw, new=True)

    puts.record[name] = merge(
        *(puts, kept, raws, "TransactionNumber", make),
        lambda one, raw: _line(puts, dict(one), raw, new=False),
    )


def _line(entry: Puts, line: Document, raw: Document, *, new: bool) -> Document:
    puts = Puts(entry.session, line, creating=new)
    put_all(puts, JOURNAL_DETAIL, raw, _EFFECTS, lambda *_: None)
    if not line["AccountNumber"]:
        raise record_invalid("Account Number cannot be blank.")
    for name, other in (
        ("Amount", "SourceCurrencyAmount"),
        ("SourceCurrencyAmount", "Amount"),
    ):
        if name not in puts.sent and other in puts.sent:
            line[name] = line[other]
    return line


def _account(puts: Puts) -> None:
    written = puts.record["AccountNumber"]
    key = puts.books.account(written)
    if puts.books.one("GLAccounts", key).get("ControlAccount") == "Yes":
        raise field_invalid(f"G/L account {written} is a control account.")
    puts.record["AccountNumber"] = key


_EFFECTS: dict[str, Effect] = {"AccountNumber": _account}
