"""Invoices and credit memos: drafted, compared to the cent, posted, read again.

What comes in: an invoice or a credit note. What goes out: the posted document. Refused: a number
that something else has, taxes that Business Central computes otherwise (the draft is deleted
first, so nothing wrong stays), a document that an approval holds back.

Kept right across crashes: Business Central takes the same `externalDocumentNumber` twice (page,
section 11), so the books are searched before each draft; a draft of ours that is found again is
compared and posted, or deleted and made anew; the id stays when posting changes the number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from consumers.errors import Rejected, Transient
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems._exchange import exact_json
from consumers.systems._keys import compact
from consumers.systems.business_central import sales
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company, money
from consumers.systems.business_central.credit_notes import corrected
from consumers.systems.business_central.documents import UNPOSTED, is_cancelled, status_of, words
from consumers.systems.business_central.faults import (
    STALE,
    Bug,
    Fault,
    Json,
    failure,
    says_settled,
)
from consumers.systems.business_central.fields import LIMITS
from consumers.systems.business_central.keys import (
    NUMBER_MAX,
    code,
    external_number,
    fits,
    same_code,
)
from consumers.systems.business_central.sales import INVOICE, Kind, kind_of
from consumers.systems.business_central.settings import TITLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say

DRAFTED = "draft"
"""Step: the id of our draft, which stays the posted document's."""
NUMBERED = "number"
"""Step: the external number of our draft, before it is made: Membri's may be corrected since."""


_LENGTHS = {
    "number": NUMBER_MAX,
    "externalDocumentNumber": LIMITS["salesInvoices.externalDocumentNumber"],
}


def find(company: Company, lookup: Lookup) -> Found | None:
    """The document of an invoice or a credit note.

    Raises Rejected(ambiguous) for several that may be it, Unavailable, Transient.
    """
    record = lookup.record if isinstance(lookup.record, Invoice) else None
    kind = kind_of(record)
    row = None
    if lookup.remote_id:
        row = company.client.by_id(kind.resource, lookup.remote_id, kind.lines)
        if row is not None and not lookup.reference and is_cancelled(row):
            row = None  # cancelled there, its reference emptied: it is not there any more
    if row is None and lookup.reference:
        row = _numbered(company, kind, "number", (lookup.reference,), lookup.record_id)
        row = row or _numbered(
            company, kind, "externalDocumentNumber", (lookup.reference,), lookup.record_id
        )
    elif row is None:
        row = _searched(company, kind, lookup.number, lookup.record_id)
    return _found(company, lookup, record, row) if row is not None else None


def _searched(
    company: Company, kind: Kind, number: str, record_id: str, former: str = ""
) -> Json | None:
    """By the external number, or by the one made from the id (a notice is numbered when it is
    paid), or by a `former` one. What was cancelled is not there."""
    numbers = dict.fromkeys(
        (external_number(number, record_id), external_number("", record_id), former)
    )
    where = tuple(one for one in numbers if one)
    row = _numbered(company, kind, "externalDocumentNumber", where, record_id)
    return None if row is not None and is_cancelled(row) else row


def _numbered(
    company: Company, kind: Kind, field: str, numbers: tuple[str, ...], record_id: str
) -> Json | None:
    """The one document of that number: ours if one is, else the only one of the first number. What
    stands goes before what is cancelled, a posted one before a draft that bears its number.
    Raises Rejected(ambiguous)."""
    asked = [code(number) for number in numbers if fits(number, _LENGTHS[field])]
    if not asked:
        return None
    where = " or ".join(f"{field} eq {quoted(number)}" for number in asked)
    rows = company.client.select(kind.resource, where, kind.lines)
    rows = [row for row in rows if not is_cancelled(row)] or rows
    rows = [row for row in rows if sales.marked(row, record_id)] or [
        row for row in rows if same_code(str(row.get(field) or ""), numbers[0])
    ]
    if field == "number":
        rows = [row for row in rows if status_of(row) not in UNPOSTED] or rows
    if len(rows) > 1:
        listed = "; ".join(words(kind, row) for row in rows)
        raise Rejected(Reason.AMBIGUOUS, field="number", detail=listed)
    return rows[0] if rows else None


def _found(company: Company, lookup: Lookup, record: Invoice | None, row: Json) -> Found:
    mine = sales.marked(row, lookup.record_id)
    found: tuple[str, ...] = ()
    if record is not None:
        customer_id = lookup.customer.remote_id if lookup.customer else ""
        found = (
            *sales.differences(company, row, record, customer_id),
            *_not_ours(row, record, mine=mine),
        )
    return Found(
        _ref(row, lookup.reference),
        by_marker=mine,
        differences=found,
        balance=money(row, "remainingAmount") if "remainingAmount" in row else None,
        unfinished=mine and status_of(row) in UNPOSTED,
    )


def _not_ours(row: Json, invoice: Invoice, *, mine: bool) -> Sequence[str]:
    """Why a document cannot be taken for the record's, whatever its figures."""
    found = []
    if is_cancelled(row):
        found.append(
            say("it is cancelled in {system} ({number})", system=TITLE, number=row.get("number"))
        )
    if mine:
        return found
    other = sales.owner(row)
    # A memo that cancels an invoice of ours is a copy of it, marker included.
    copied = compact(invoice.corrects.id) if invoice.corrects is not None else ""
    if other and other != copied:
        found.append(say("it is the Membri invoice {id}", id=other))
    if status_of(row) in UNPOSTED:
        found.append(
            say(
                "it is a draft ({number}) that somebody has yet to post or delete",
                number=row.get("number"),
            )
        )
    return found


@dataclass(frozen=True)
class _Sale:
    """One document on its way."""

    company: Company
    task: Task
    invoice: Invoice
    customer_id: str

    @property
    def kind(self) -> Kind:
        return kind_of(self.invoice)

    def path(self, row: Json) -> str:
        return f"{self.kind.resource}({row['id']})"

    def wrong(self, row: Json) -> tuple[str, ...]:
        return sales.differences(self.company, row, self.invoice, self.customer_id)


def transfer(company: Company, task: Task, invoice: Invoice) -> Receipt:
    """Posts the document, or finishes one that is there. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("an invoice is transferred to a customer")
    sale = _Sale(company, task, invoice, task.customer.remote_id)
    row = _standing(sale)
    if row is not None and status_of(row) not in UNPOSTED:
        return _receipt(sale, row, Action.ADOPTED)
    if row is not None and status_of(row) == "In Review":
        raise _awaiting(sale, row)
    body = sales.body(company, invoice, sale.customer_id, corrected(company, task, invoice))
    if row is not None and (sale.wrong(row) or not _is_of(task, row, body)):
        _remove(sale, row)  # a draft of an earlier version, or one that came out wrong
        row = None
    if row is None:
        row = _drafted(sale, body)
        task.steps.remember(DRAFTED, _drafted_as(row, body))
        wrong = sale.wrong(row)
        if wrong:
            refusal = _mismatch(row, invoice, wrong)
            _remove(sale, row, refusal)
            raise refusal
    return _receipt(sale, _posted(sale, row), Action.CREATED)


def _drafted_as(row: Json, body: Json) -> str:
    """The draft's id, and what it was made of: a later version may differ in a date alone."""
    digest = hashlib.blake2b(exact_json(body).encode(), digest_size=16)
    return f"{row['id']} {digest.hexdigest()}"


def _is_of(task: Task, row: Json, body: Json) -> bool:
    return task.steps.get(DRAFTED) == _drafted_as(row, body)


def _standing(sale: _Sale) -> Json | None:
    """What the books have of the record already. Raises Rejected(duplicate_number, ambiguous)."""
    company, invoice, kind, steps = sale.company, sale.invoice, sale.kind, sale.task.steps
    drafted = (steps.get(DRAFTED) or "").partition(" ")[0]
    for remote_id in (sale.task.remote_id, drafted):
        row = company.client.by_id(kind.resource, remote_id, kind.lines)
        if row is not None and sales.marked(row, invoice.id) and not is_cancelled(row):
            return row
    row = _searched(company, kind, invoice.number, invoice.id, steps.get(NUMBERED) or "")
    if row is None or sales.marked(row, invoice.id):
        return row
    wrong = (*sale.wrong(row), *_not_ours(row, invoice, mine=False))
    if wrong:
        detail = "; ".join((words(kind, row), *wrong))
        raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)
    return row


def _drafted(sale: _Sale, body: Json) -> Json:
    """A new draft, with its lines. Raises Rejected, OutcomeUnknown, Unavailable, Transient."""
    sale.task.steps.remember(NUMBERED, str(body["externalDocumentNumber"]))
    try:
        made = sale.company.client.create(sale.kind.resource, body)
    except Fault as fault:
        raise sale.company.refusal(fault, sale.invoice.date) from fault
    # Totals stand in the answer, our marker in the lines: both are read back, not believed.
    return _read_again(sale, made)


def _read_again(sale: _Sale, row: Json) -> Json:
    again = sale.company.client.read(sale.path(row), sale.kind.lines)
    if again is None:
        raise Transient(
            say("{document} is not there when read again", document=words(sale.kind, row))
        )
    return again


def _posted(sale: _Sale, row: Json) -> Json:
    """The document after posting: another number, the same id (page, section 4)."""
    refusal: Fault | None = None
    try:
        sale.company.client.act(sale.path(row), "post")
    except Fault as fault:
        refusal = fault
    again = _read_again(sale, row)
    if status_of(again) not in UNPOSTED:
        return again  # also when another try of ours was faster: « draft invoice only »
    if status_of(again) == "In Review":
        raise _awaiting(sale, again, refusal)
    if refusal is None:
        raise Transient(
            say("{document} is still a draft after posting", document=words(sale.kind, again))
        )
    error = sale.company.refusal(refusal, sale.invoice.date)
    if isinstance(error, Rejected | Bug):
        _remove(sale, again, error if isinstance(error, Rejected) else None)
    if says_settled(refusal) and sale.kind is not INVOICE:
        # Whatever the invoice still owed was settled meanwhile: made again without applying it.
        raise Transient(
            say("the invoice was settled meanwhile; {words}", words=refusal.words)
        ) from refusal
    raise error from refusal


def _remove(sale: _Sale, row: Json, refusal: Rejected | None = None) -> None:
    """Deletes a draft as it was read. Raises Rejected that says that it stands, OutcomeUnknown, and
    Transient when somebody changed or posted it meanwhile."""
    try:
        sale.company.client.remove(sale.path(row), str(row["@odata.etag"]))
    except Fault as fault:
        if fault.code == STALE:
            raise Transient(
                say("{document} was changed meanwhile", document=words(sale.kind, row))
            ) from fault
        error = failure(fault, writing=True)
        if not isinstance(error, Rejected):
            raise error from fault
        why = f"{refusal.detail}; " if refusal is not None else ""
        detail = say(
            "{document} could not be deleted, delete it by hand: {refusal}",
            document=words(sale.kind, row),
            refusal=fault.words,
        )
        reason = refusal.reason if refusal is not None else Reason.DIFFERS_FROM_BOOKS
        field = refusal.field if refusal is not None else ""
        raise Rejected(reason, field=field, detail=why + detail) from fault


def _receipt(sale: _Sale, row: Json, action: Action) -> Receipt:
    wrong = sale.wrong(row)
    if wrong:
        detail = "; ".join((words(sale.kind, row), *wrong))
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=detail)
    return Receipt(_ref(row), action)


def _mismatch(row: Json, invoice: Invoice, wrong: Sequence[str]) -> Rejected:
    differ = sales.taxes_differ(row, invoice)
    reason = Reason.TAX_MISMATCH if differ else Reason.DIFFERS_FROM_BOOKS
    return Rejected(reason, field="total", detail="; ".join(wrong))


def _awaiting(sale: _Sale, row: Json, fault: Fault | None = None) -> Rejected:
    said = f"; {fault.words}" if fault is not None else ""
    detail = f"{words(sale.kind, row)}: In Review{said}"
    return Rejected(Reason.AWAITING_APPROVAL, detail=detail)


def _ref(row: Json, typed: str = "") -> RemoteRef:
    """The number that Business Central gave is what a person looks for there. One who typed the
    external number instead reads it again: what a person wrote is not written over."""
    external = str(row.get("externalDocumentNumber") or "")
    kept = typed if typed and same_code(typed, external) else str(row.get("number") or "")
    return RemoteRef(str(row["id"]), kept)
