"""The processes: `POST …('$process')` posts ready batches, partially when it must.

In: which batches. Out: nothing but HTTP success: entries with errors go to a new open batch, the
others post, and the batch is Posted with `NumberOfErrors` (sage-300.md, section 5). Refuses while
another posting of that kind lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import postings
from ops.sandbox.sage_300.answers import Refusal, bad_payload
from ops.sandbox.sage_300.batches import KINDS, Kind, mark
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import Session, check_names
from ops.sandbox.sage_300.fields import Field, choice, number, read
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.properties import Properties
from ops.sandbox.sage_300.resources import INVOICES, JOURNALS, RECEIPTS

_ALL = choice({"Donotpostallbatches": 0, "Postallbatches": 1})
_BATCHES = {
    "ARPostInvoices": INVOICES,
    "ARPostReceiptsAndAdjustments": RECEIPTS,
    "GLPostJournal": JOURNALS,
}
_POST: dict[str, Callable[[Books, Document, Document], None]] = {
    INVOICES: postings.post_invoice,
    RECEIPTS: postings.post_receipt,
    JOURNALS: postings.post_journal,
}


def properties(process: str, options: Options) -> Properties:
    """What a process takes."""
    if process == "GLPostJournal":
        padded = Field("text", 6, default="")
        return {
            "PostAllBatches": _ALL,
            options.gl_post_from: padded,
            options.gl_post_to: padded,
        }
    if process == "ARCreateGLBatch":
        once = {"DonotpostInvoicebatches": 0, "PostInvoicebatches": 1}
        return {
            "ProcessInvoiceBatch": choice(once),
            "InvoiceThroughPostingSequenceNumber": number(),
        }
    kinds = choice({"CA": 1, "AD": 2})
    found = {"PostAllBatches": _ALL, "PostBatchFrom": number(), "PostBatchTo": number()}
    return {"BatchType": kinds, **found} if process == "ARPostReceiptsAndAdjustments" else found


def template(process: str, options: Options) -> Document:
    """`$template`: every parameter with its default."""
    return {name: one.default for name, one in properties(process, options).items()}


def run(session: Session, process: str, body: Document) -> None:
    """Raises Refusal."""
    books = session.books
    owned = properties(process, books.options)
    check_names(owned, body)
    given = template(process, books.options)
    given |= {name: read(name, owned[name], value) for name, value in body.items()}
    if process == "ARCreateGLBatch":
        return  # A/R postings reach the general ledger by themselves here
    kind = KINDS[_BATCHES[process]]
    _refuse_during_another(books, kind)
    chosen = _chosen(session, process, kind, given)
    ready = [one for one in chosen if one[kind.status] == "ReadyToPost"]
    for batch in ready:
        if books.options.force_listing == "skip" and batch["BatchPrintedFlag"] != "Yes":
            continue
        _start(books, kind, batch)


def _refuse_during_another(books: Books, kind: Kind) -> None:
    if books.state.get("posting", {}).get(kind.resource):
        raise Refusal("General", "Processing conflict. Post in Progress by another user.")


def _chosen(session: Session, process: str, kind: Kind, given: Document) -> list[Document]:
    books = session.books
    if given["PostAllBatches"] == "Postallbatches":
        session.note("post_all_batches", f"{process}: other people's batches would be posted")
        return [one for one in books.all(kind.resource) if one[kind.status] == "ReadyToPost"]
    names = ("PostBatchFrom", "PostBatchTo")
    if process == "GLPostJournal":
        names = (books.options.gl_post_from, books.options.gl_post_to)
    first, last = (_number(kind, given[name]) for name in names)
    if first != last:
        session.note("range_posted", f"{process}: from {first} to {last}")
    chosen = []
    for one in range(first, min(last, first + 9999) + 1):
        key: tuple[Any, ...] = (f"{one:06d}",) if kind.padded else (one,)
        if kind.resource == RECEIPTS:
            key = (given["BatchType"], *key)
        batch = books.get(kind.resource, *key)
        if batch is not None:
            if batch[kind.status] in ("Open", "Deleted"):
                session.note("posted_not_ready", f"{process}: batch {one} is {batch[kind.status]}")
            chosen.append(batch)
    return chosen


def _number(kind: Kind, value: Any) -> int:
    if kind.padded:
        if not str(value).isdigit():
            raise bad_payload(f"{value!r} is not a batch number.")
        return int(value)
    return int(value)


def _start(books: Books, kind: Kind, batch: Document) -> None:
    lasts_s = books.options.post_in_progress_s
    if not lasts_s:
        post_now(books, kind, batch)
        return
    record = dict(batch)
    mark(kind, record, "PostInProgress")
    books.put(kind.resource, record)
    ends = (books.now() + timedelta(seconds=lasts_s)).isoformat()
    posting = dict(books.state.get("posting", {}))
    waiting = [*posting.get(kind.resource, []), {"key": list(_key(books, kind, batch)), "at": ends}]
    books.change_state(posting={**posting, kind.resource: waiting})


def _key(books: Books, kind: Kind, batch: Document) -> tuple[Any, ...]:
    return books.key_of(kind.resource, batch)


def finish_due(books: Books) -> None:
    """Ends the postings whose time has come; called before anything looks at the books."""
    posting = books.state.get("posting")
    if not posting or not any(posting.values()):
        return
    now = books.now()
    with books.transaction():
        left: Document = {}
        for resource, waiting in posting.items():
            kind = KINDS[resource]
            for one in waiting:
                if datetime.fromisoformat(one["at"]) > now:
                    left.setdefault(resource, []).append(one)
                    continue
                batch = books.get(resource, *one["key"])
                if batch is not None and batch[kind.status] == "PostInProgress":
                    post_now(books, kind, batch)
        books.change_state(posting=left)


def post_now(books: Books, kind: Kind, batch: Document) -> None:
    """Posts a batch: its good entries, and an error batch for the others."""
    record = dict(batch)
    sequence = "PostingSequence" if kind.resource == JOURNALS else "PostingSequenceNumber"
    record[sequence] = books.number(f"posting/{kind.resource}")
    failed: list[tuple[Document, str]] = []
    for entry in record[kind.entries]:
        try:
            _POST[kind.resource](books, record, entry)
        except Refusal as refusal:
            failed.append((entry, refusal.text))
    mark(kind, record, "Posted")
    record["NumberOfErrors"] = len(failed)
    if failed:
        record[kind.entries] = _move_errors(books, kind, record, failed)
    books.put(kind.resource, record)


def _move_errors(
    books: Books, kind: Kind, batch: Document, failed: list[tuple[Document, str]]
) -> list[Document]:
    """Makes the error batch; the original's entries, the journal's pointing at it."""
    new = kind.number(books, batch)
    moved = []
    for at, (entry, _) in enumerate(failed, 1):
        own = f"{at:05d}" if kind.padded else at
        moved.append({**entry, "BatchNumber": new, "EntryNumber": own})
    error = {
        **batch,
        "BatchNumber": new,
        "Description": f"Errors from posting batch {batch['BatchNumber']}",
        "NumberOfEntries": len(moved),
        "NumberOfErrors": 0,
        kind.entries: moved,
        "_errors": [text for _, text in failed],
        "_errors_of": batch["BatchNumber"],
    }
    mark(kind, error, "Open")
    books.put(kind.resource, error)
    if kind.resource != JOURNALS:
        return list(batch[kind.entries])
    place = {entry["EntryNumber"]: at for at, (entry, _) in enumerate(failed, 1)}
    return [
        {**entry, "ErrorBatch": int(new), "ErrorEntry": place[entry["EntryNumber"]]}
        if entry["EntryNumber"] in place
        else entry
        for entry in batch[kind.entries]
    ]
