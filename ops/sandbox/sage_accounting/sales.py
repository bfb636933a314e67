"""Sales invoices and credit notes: made, changed, released, voided.

In: the body of a write, and the document it changes. Out: the document. Refuses what sections 6 and
6.1 of sage-accounting.md list: attributes, lengths, dates outside the open period, a status that
only the service gives, changes to what is paid, a void without its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import numbering, shares, taxes
from ops.sandbox.sage_accounting.amounts import ZERO, money, shown
from ops.sandbox.sage_accounting.answers import Problems, invalid, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.contacts import customer
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.fields import day, objects, texts
from ops.sandbox.sage_accounting.lines import Sheet
from ops.sandbox.sage_accounting.lists import find, referred
from ops.sandbox.sage_accounting.numbering import CREDIT_NOTE, INVOICE, Series

TEXTS = {"reference": 25, "notes": 2000, "terms_and_conditions": 2000}
SETTLED = "The document is paid, part-paid, locked or void and cannot be changed."


@dataclass(frozen=True)
class SalesKind:
    resource: str
    root: str
    lines: str
    series: Series

    @property
    def known(self) -> frozenset[str]:
        return frozenset(
            {
                *TEXTS,
                *("id", "idempotency_id", "contact_id", "date", "due_date", "status_id"),
                *("tax_address_region_id", "original_invoice_date", "original_invoice_number"),
                *("contact_name", "main_address", "delivery_address"),
                *(self.lines, self.series.number, f"{self.series.number}_prefix"),
            }
        )


INVOICES = SalesKind("sales_invoices", "sales_invoice", "invoice_lines", INVOICE)
CREDIT_NOTES = SalesKind(
    "sales_credit_notes", "sales_credit_note", "credit_note_lines", CREDIT_NOTE
)
KINDS = {kind.resource: kind for kind in (INVOICES, CREDIT_NOTES)}


def save(
    books: Books, kind: SalesKind, body: Document, before: Document | None, how: How
) -> Document:
    """Creates, or changes what the body names. Raises Refusal."""
    problems = Problems(kind.root)
    if before is not None:
        books.check_open(problems, before["date"])
        problems.check()
        if not is_editable(books, before):
            raise invalid(SETTLED)
    record: Document = {
        "sent": False,
        "void_reason": "",
        **dict.fromkeys(TEXTS, ""),
        **(before or {"id": (how.seeding and body.get("id")) or books.new_id()}),
        **texts(problems, body, TEXTS),
    }
    _head(books, problems, body, record, before, how)
    _status(problems, body, record, before)
    _lines(books, kind, problems, body, record, how)
    if record.get("state") not in shares.UNPOSTED or kind.series.number in body:
        numbering.give(books, kind.series, problems, body, record)
    problems.check()
    return _kept(books, kind, record)


def release(books: Books, kind: SalesKind, record: Document) -> Document:
    """Posts a draft or pro-forma. Raises Refusal on anything else."""
    if record.get("state") not in shares.UNPOSTED:
        raise invalid("Only draft and pro-forma documents can be released.")
    problems = Problems(kind.root)
    books.check_open(problems, record["date"])
    posted = {name: value for name, value in record.items() if name != "state"}
    numbering.give(books, kind.series, problems, {}, posted)
    problems.check()
    return _kept(books, kind, posted)


def void(books: Books, kind: SalesKind, record: Document, reason: str) -> Document | None:
    """Voids, or deletes a draft (then None). Raises Refusal."""
    if record.get("state") in shares.UNPOSTED:
        books.remove(kind.resource, record)
        return None
    if record.get("state") == "VOID":
        raise invalid("The document is already void.")
    problems = Problems(kind.root)
    if not reason.strip():
        problems.add("void_reason can't be blank", "void_reason")
    if len(reason) > 200:
        problems.add("void_reason is too long (maximum is 200 characters)", "void_reason")
    if shares.used(books, record["id"]):
        problems.add("The document has payments or allocations and cannot be voided.")
    books.check_open(problems, record["date"])
    problems.check()
    return books.put(kind.resource, {**record, "state": "VOID", "void_reason": reason})


def is_editable(books: Books, record: Document) -> bool:
    return (
        record.get("state") != "VOID"
        and not shares.used(books, record["id"])
        and not books.is_closed(record["date"])
    )


def present(books: Books, record: Document, *, payments: bool = False) -> Document:
    """The document as a read shows it, with what is computed."""
    state = shares.status(books, record)
    left = shares.outstanding(books, record)
    put_on = shares.used(books, record["id"])
    kept = {name: value for name, value in record.items() if name != "state"}
    found = {
        **kept,
        "status": referred(books, "artefact_statuses", state),
        "outstanding_amount": shown(left),
        "total_paid": shown(put_on),
        "payments_allocations_total_amount": shown(put_on),
        "editable": is_editable(books, record),
        "transaction": None
        if state in shares.UNPOSTED
        else reference("transactions", f"{record['id'][::-1]}", record["displayed_as"]),
    }
    if payments:
        found["payments_allocations"] = [
            {
                "artefact": reference(_owner_kind(books, one["owner"]), one["owner"], ""),
                "date": one["date"],
                "amount": shown(abs(money(one, "amount"))),
                "discount": "0.0",
            }
            for one in books.shares("artefact", record["id"])
        ]
    return found


def _owner_kind(books: Books, owner: str) -> str:
    return "contact_payments" if books.get("contact_payments", owner) else "contact_allocations"


def _head(
    books: Books,
    problems: Problems,
    body: Document,
    record: Document,
    before: Document | None,
    how: How,
) -> None:
    if before is None or "contact_id" in body:
        found = customer(books, problems, body.get("contact_id"))
        if found:
            # The name is copied: a later rename leaves the document as it was sent.
            record["contact"] = reference("contacts", found["id"], found["name"])
            record["contact_name"] = found["name"]
            record["contact_reference"] = found["reference"]
    if before is None or "date" in body:
        record["date"] = day(problems, body, "date")
    if not how.seeding:
        books.check_open(problems, record["date"])
    if "due_date" in body:
        record["due_date"] = day(problems, body, "due_date")
    elif "due_date" not in record and record["date"] and "contact" in record:
        record["due_date"] = numbering.due_date(books, record)
    if record.get("due_date") and record["due_date"] < record["date"]:
        problems.add("due_date must be on or after date", "due_date")
    if "original_invoice_date" in body:
        record["original_invoice_date"] = day(problems, body, "original_invoice_date")
    if "original_invoice_number" in body:
        record["original_invoice_number"] = str(body["original_invoice_number"])
    _region(books, problems, body, record, how)


def _region(books: Books, problems: Problems, body: Document, record: Document, how: How) -> None:
    number = body.get("tax_address_region_id") or ("CA-QC" if how.by_hand else None)
    if number:
        record["tax_address_region"] = referred(books, "address_regions", number)
        if record["tax_address_region"] is None:
            problems.add(f"Couldn't find region {number}", "tax_address_region_id")
    elif "tax_address_region" not in record:
        record["tax_address_region"] = None
        if books.options.region_required:
            problems.add("tax_address_region_id can't be blank", "tax_address_region_id")


def _status(problems: Problems, body: Document, record: Document, before: Document | None) -> None:
    wanted = body.get("status_id")
    if wanted is None:
        return
    if wanted not in shares.UNPOSTED or (before is not None and "state" not in before):
        problems.add(f"status_id {wanted} cannot be written", "status_id")
        return
    record["state"] = wanted


def _lines(
    books: Books,
    kind: SalesKind,
    problems: Problems,
    body: Document,
    record: Document,
    how: How,
) -> None:
    if kind.lines not in body and kind.lines in record:
        return
    given = objects(problems, body, kind.lines)
    if not given:
        problems.add("At least one line is needed", kind.lines)
    region = (record.get("tax_address_region") or {}).get("id", "")
    sheet = Sheet(books, problems, how, kind.lines, region)
    lines = [sheet.line(place, one) for place, one in enumerate(given)]
    if books.options.lines_of_put == "merge":
        named = {line["id"]: line for line in lines}
        kept = [named.pop(line["id"], line) for line in record.get(kind.lines, [])]
        lines = [*kept, *named.values()]
    record[kind.lines] = lines
    for name in ("net_amount", "tax_amount", "total_amount"):
        record[name] = shown(sum((money(line, name) for line in lines), ZERO))
    record["tax_analysis"] = taxes.analysis(lines)
    if money(record, "total_amount") < 0:
        problems.add("The total must not be negative")


def _kept(books: Books, kind: SalesKind, record: Document) -> Document:
    number = record.get(kind.series.number) or kind.series.draft
    named = {**record, kind.series.number: number}
    currency = find(books, "currencies", "CAD") or {}
    named["currency"] = reference("currencies", "CAD", currency.get("displayed_as", ""))
    return books.put(kind.resource, named | reference(kind.resource, record["id"], number))
