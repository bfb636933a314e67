"""Posting a whole batch, all lines or none (business-central.md, sections 6 and 7).

In: a batch. Out: ledger entries, the lines gone, sometimes the batch renamed. Nothing of it is told
in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ops.sandbox.business_central.answers import DIALOG, FIELD, Refusal
from ops.sandbox.business_central.books import PERSON, Books, incremented
from ops.sandbox.business_central.journals import filled, foreign, lines_of
from ops.sandbox.business_central.ledger import (
    Posting,
    apply,
    open_invoice,
    post_accounts,
    post_customer,
)
from ops.sandbox.business_central.values import ZERO, amount
from ops.sandbox.kernel.store import Document

Line = tuple[str, Document]


def post(books: Books, batch: Document) -> None:
    """Posts the batch, or has it posted later. Raises Refusal."""
    if not filled(books, batch["id"]):
        raise Refusal(DIALOG, "nothing_to_post")
    if foreign(books, batch):
        books.offend("foreign_lines_posted", f"batch {batch['code']} holds another's lines")
    if books.options.post_with_job_queue:
        due = books.now().timestamp() + books.options.job_queue_delay_s
        books.insert("_jobs", {"id": batch["id"], "due": due, "error": ""})
        return
    with books.store.transaction():
        _post(books, batch)


def run_jobs(books: Books, *, all_of_them: bool = False) -> None:
    """Posts what the job queue has due; what fails stays in its batch, with the error here."""
    for job in books.all("_jobs"):
        if job["error"] or not (all_of_them or job["due"] <= books.now().timestamp()):
            continue
        batch = books.get("_batches", job["id"])
        actor, books.actor = books.actor, PERSON
        try:
            if batch is not None:
                with books.store.transaction():
                    _post(books, batch)
            books.remove("_jobs", job)
        except Refusal as refusal:
            books.change("_jobs", job, error=refusal.text("en"))
        finally:
            books.actor = actor


def _post(books: Books, batch: Document) -> None:
    lines = filled(books, batch["id"])
    for resource, line in lines:
        _check(books, resource, line)
    _check_balance(books, lines)
    for resource, line in lines:
        _note_repeat(books, resource, line)
    transaction = books.next_entry()
    for resource, line in lines:
        if resource == "customerPayments":
            _post_payment(books, line, transaction)
        else:
            _post_entry(books, line, transaction)
    _after(books, batch)


def _check(books: Books, resource: str, line: Document) -> None:
    key = f"Journal Batch Name={line['journalDisplayName']},Line No.={line['lineNumber']}"
    if not line["documentNumber"]:
        raise Refusal(FIELD, "must_have", field="Document No.", table="Gen. Journal Line", key=key)
    books.check_period(line["postingDate"], error=FIELD)
    if resource == "customerPayments":
        if amount(line, "amount") > 0:
            raise Refusal(FIELD, "must_be_negative", key=key)
        _check_customer(books, line["customerNumber"], key)
        return
    for kind, number in _sides(line):
        if kind == "Customer":
            _check_customer(books, number, key)
        elif kind == "G/L Account":
            books.postable(number)
        else:
            raise Refusal(DIALOG, "no_account")


def _sides(line: Document) -> list[tuple[str, str]]:
    sides = [(line["accountType"], line["accountNumber"])]
    if line["_balancing"]:
        sides.append((line["balanceAccountType"], line["_balancing"]))
    return sides


def _check_customer(books: Books, number: str, key: str) -> None:
    customer = books.named("customers", number, "number")
    if customer is None:
        raise Refusal(FIELD, "must_have", field="Account No.", table="Gen. Journal Line", key=key)
    if customer["blocked"] == "All":
        raise Refusal(
            DIALOG, "customer_blocked", what="post", number=number, blocked=customer["blocked"]
        )


def _check_balance(books: Books, lines: list[Line]) -> None:
    """Each posting date must balance, and each document when the template demands it."""
    groupings: list[tuple[str, Callable[[Document], str]]] = [
        ("Posting Date", lambda line: str(line["postingDate"]))
    ]
    if books.options.force_document_balance:
        groupings.append(
            ("Document No.", lambda line: f"{line['documentNumber']} {line['postingDate']}")
        )
    for name, key_of in groupings:
        sums: dict[str, Decimal] = {}
        for _, line in lines:
            if not line["_balancing"]:
                key = key_of(line)
                sums[key] = sums.get(key, ZERO) + amount(line, "amount")
        for key, value in sums.items():
            if value:
                raise Refusal(DIALOG, "out_of_balance", amount=value, key=f"{name}: {key}")


def _note_repeat(books: Books, resource: str, line: Document) -> None:
    """G/L document numbers are not unique: a second identical entry is posted and counted here."""
    kind = "Payment" if resource == "customerPayments" else " "
    for entry in books.find("generalLedgerEntries", "documentNumber", line["documentNumber"]):
        if entry["documentType"] == kind and not entry["_source"]:
            books.offend("duplicate_posting", f"{kind.strip()} {line['documentNumber']}".strip())
            return


def _post_payment(books: Books, line: Document, transaction: int) -> None:
    posting = Posting(
        line["postingDate"], line["documentNumber"], "Payment", line["description"],
        line["externalDocumentNumber"], "", transaction,
    )  # fmt: skip
    value = amount(line, "amount")
    number, customer = line["appliesToInvoiceNumber"], line["customerNumber"]
    invoice = open_invoice(books, number, customer) if number else None
    movements = [(books.setup["_receivables"], value), (line["_balancing"], -value)]
    post_accounts(books, posting, movements)
    entry = post_customer(books, posting, customer, value)
    if invoice is not None:
        apply(books, entry, invoice)


def _post_entry(books: Books, line: Document, transaction: int) -> None:
    posting = Posting(
        line["postingDate"], line["documentNumber"], " ", line["description"],
        line["externalDocumentNumber"], "", transaction,
    )  # fmt: skip
    values = [amount(line, "amount"), -amount(line, "amount")]
    for (kind, number), value in zip(_sides(line), values, strict=False):
        account = number
        if kind == "Customer":
            account = books.setup["_receivables"]
            post_customer(books, posting, number, value)
        post_accounts(books, posting, [(account, value)])


def _after(books: Books, batch: Document) -> None:
    """The lines vanish; a batch whose code holds a number comes back under the next one and
    another id; one without number series keeps an empty line."""
    for resource, line in lines_of(books, batch["id"]):
        books.remove(resource, line)
    if books.options.increment_batch_name and incremented(batch["code"]) != batch["code"]:
        books.remove("_batches", batch)
        fresh = {k: v for k, v in batch.items() if k != "id"}
        batch = books.insert("_batches", {**fresh, "code": incremented(batch["code"])})
    if books.options.empty_line_left:
        books.insert(
            "journalLines",
            {
                "journalId": batch["id"], "journalDisplayName": batch["code"],
                "lineNumber": 10_000, "_balancing": "", "_writer": "",
            },
        )  # fmt: skip
