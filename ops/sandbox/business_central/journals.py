"""Batches and their lines: general journals and customer payments (business-central.md, 6 and 7).

In: conformed values. Out: the batch or line as kept. Both kinds of batch are one table with two
templates; each API page shows its own lines only.
"""

from __future__ import annotations

from ops.sandbox.business_central.answers import DIALOG, NO_RELATION, SAME_KEY, Refusal
from ops.sandbox.business_central.books import Books, incremented
from ops.sandbox.business_central.properties import NO_DATE, NO_GUID
from ops.sandbox.business_central.sales import INVOICE, posted_invoice
from ops.sandbox.business_central.values import ZERO, amount
from ops.sandbox.kernel.store import Document

GENERAL, CASH = "GENERAL", "CASHRCPT"
TEMPLATES = {"journals": GENERAL, "customerPaymentJournals": CASH}
LINES = ("journalLines", "customerPayments")
_LINE_STEP = 10_000


# Batches.


def batches(books: Books, resource: str) -> list[Document]:
    """What a list without template filter shows: the page's own template."""
    return [one for one in books.all("_batches") if one["_template"] == TEMPLATES[resource]]


def batch(books: Books, resource: str, key: str) -> Document | None:
    """One batch by id: the journals page takes any template's (section 6)."""
    found = books.get("_batches", key)
    if found is None or (resource != "journals" and found["_template"] != TEMPLATES[resource]):
        return None
    return found


def seen(books: Books, found: Document) -> Document:
    account = books.get("accounts", found.get("balancingAccountId", NO_GUID))
    return {
        **found,
        "templateDisplayName": found["_template"],
        "balancingAccountNumber": account["number"] if account else "",
    }


def create_batch(books: Books, resource: str, values: Document) -> Document:
    name = values.get("code", "")
    if not name:
        key = "Name"
        raise Refusal(DIALOG, "must_have", field=key, table="Gen. Journal Batch", key="")
    if any(letter.isdigit() for letter in name):
        books.offend("batch_code_with_digits", name)
    template = values.get("templateDisplayName") or TEMPLATES[resource]
    if template not in TEMPLATES.values():
        raise Refusal(
            NO_RELATION, "relation", field="Journal Template Name", table="Gen. Journal Batch",
            value=template, related="Gen. Journal Template",
        )  # fmt: skip
    if any(one["_template"] == template for one in books.find("_batches", "code", name)):
        key = f"Journal Template Name='{template}',Name='{name}'"
        raise Refusal(SAME_KEY, "same_key", table="Gen. Journal Batch", key=key)
    _check_balancing(books, values)
    return books.insert("_batches", {**values, "_template": template})


def change_batch(books: Books, found: Document, values: Document) -> Document:
    _check_balancing(books, values)
    return books.change("_batches", found, **values)


def remove_batch(books: Books, found: Document) -> None:
    if foreign(books, found):
        books.offend("foreign_lines_deleted", f"batch {found['code']}")
    for resource in LINES:
        for line in books.find(resource, "journalId", found["id"]):
            books.remove(resource, line)
    books.remove("_batches", found)


def _check_balancing(books: Books, values: Document) -> None:
    books.referenced(
        "accounts", values.get("balancingAccountId", NO_GUID), "balancingAccountId", "Account"
    )


# Lines.


def is_empty(line: Document) -> bool:
    """The line a batch without number series is left with."""
    return not (amount(line, "amount") or line.get("accountNumber") or line.get("customerNumber"))


def lines_of(books: Books, journal: str) -> list[tuple[str, Document]]:
    """(resource, line) of a batch, in line order, whatever the page that shows them."""
    found = [(name, line) for name in LINES for line in books.find(name, "journalId", journal)]
    return sorted(found, key=lambda one: int(one[1]["lineNumber"]))


def filled(books: Books, journal: str) -> list[tuple[str, Document]]:
    return [one for one in lines_of(books, journal) if not is_empty(one[1])]


def foreign(books: Books, found: Document) -> list[Document]:
    """The lines of a batch that whoever acts now did not write."""
    return [
        line
        for _, line in filled(books, found["id"])
        if line["_writer"] != books.actor.writer and books.is_other(line["_writer"])
    ]


def add_line(books: Books, resource: str, journal: str, values: Document) -> Document:
    found = books.get("_batches", journal)
    if found is None:
        raise Refusal(DIALOG, "no_journal")
    if foreign(books, found):
        books.offend("shared_batch", f"a line into {found['code']}, which holds another's lines")
    values = _with_defaults(books, found, values)
    work = _payment if resource == "customerPayments" else _entry
    values = work(books, found, values)
    return books.insert(
        resource,
        {
            **values,
            "journalId": journal,
            "journalDisplayName": found["code"],
            "_writer": books.actor.writer,
        },
    )


def change_line(books: Books, resource: str, line: Document, values: Document) -> Document:
    for name in ("journalId", "journalDisplayName"):
        if name in values and values[name] != line[name]:
            raise Refusal(DIALOG, "cannot_modify", name=name)
    merged = {**line, **values}
    if resource == "customerPayments":
        values = {**values, **_invoice_of(books, merged, values)}
        if "customerId" in values or "customerNumber" in values:
            values = {**values, **_customer_of(books, values)}
    else:
        values = {**values, **_accounts_of(books, merged, values)}
    return books.change(resource, line, **values)


def _with_defaults(books: Books, found: Document, values: Document) -> Document:
    """Dates and numbers not given are copied from the line before (section 7)."""
    lines = [line for _, line in lines_of(books, found["id"])]
    before = next((line for line in reversed(lines) if not is_empty(line)), None)
    missing = [
        name
        for name, empty in (("postingDate", NO_DATE), ("documentNumber", ""))
        if values.get(name, empty) == empty
    ]
    if missing:
        books.offend("sticky_default", f"{found['code']}: {', '.join(missing)} not given")
    if "postingDate" in missing:
        values = {**values, "postingDate": before["postingDate"] if before else books.today()}
    if "documentNumber" in missing and before:
        number = before["documentNumber"]
        if not _unbalanced(lines, number):
            number = incremented(number)
        values = {**values, "documentNumber": number}
    if not values.get("lineNumber"):
        last = max((int(line["lineNumber"]) for line in lines), default=0)
        values = {**values, "lineNumber": last + _LINE_STEP}
    return values


def _unbalanced(lines: list[Document], number: str) -> bool:
    same = [line for line in lines if line["documentNumber"] == number]
    return bool(sum((amount(one, "amount") for one in same if not one["_balancing"]), ZERO))


def _payment(books: Books, found: Document, values: Document) -> Document:
    if amount(values, "amount") > 0:
        books.offend("payment_sign", f"{values.get('documentNumber')}: a payment above zero")
    values = {**values, **_invoice_of(books, values, values)}
    values = {**values, **_customer_of(books, values)}
    account = books.get("accounts", found.get("balancingAccountId", NO_GUID))
    return {**values, "_balancing": account["number"] if account else ""}


def _customer_of(books: Books, values: Document) -> Document:
    customer = books.pair("customers", values, "customerId", "customerNumber", "Customer", "number")
    if customer is None:
        return {"customerId": NO_GUID, "customerNumber": ""}
    return {"customerId": customer["id"], "customerNumber": customer["number"]}


def _invoice_of(books: Books, merged: Document, given: Document) -> Document:
    """The id must be a posted invoice's; the number alone is not checked. The customer is filled
    from the invoice when missing, and never overwritten."""
    guid = given.get("appliesToInvoiceId", NO_GUID)
    number = given.get("appliesToInvoiceNumber", "")
    if guid == NO_GUID and not number:
        return {}
    if guid != NO_GUID:
        invoice = books.get(INVOICE.name, guid)
        if invoice is None or invoice["status"] in ("Draft", "In Review"):
            raise Refusal(DIALOG, "applies_to")
        if number and number != invoice["number"]:
            raise Refusal(DIALOG, "applies_disagree")
    else:
        invoice = posted_invoice(books, number)
    if invoice is None:
        return {"appliesToInvoiceId": NO_GUID, "appliesToInvoiceNumber": number}
    filled_in = {"appliesToInvoiceId": invoice["id"], "appliesToInvoiceNumber": invoice["number"]}
    nobody = merged.get("customerId", NO_GUID) == NO_GUID and not merged.get("customerNumber")
    if nobody:
        filled_in["customerNumber"] = invoice["billToCustomerNumber"]
    return filled_in


def _entry(books: Books, found: Document, values: Document) -> Document:
    values = {**values, **_accounts_of(books, values, values)}
    if not values.get("balancingAccountNumber"):
        account = books.get("accounts", found.get("balancingAccountId", NO_GUID))
        number, guid = (account["number"], account["id"]) if account else ("", NO_GUID)
        values = {**values, "balancingAccountNumber": number, "balancingAccountId": guid}
    return {**values, "_balancing": values["balancingAccountNumber"]}


def _accounts_of(books: Books, merged: Document, given: Document) -> Document:
    """Both sides of a line by id or number; only G/L accounts are looked up."""
    done: Document = {}
    sides = (
        ("accountType", "accountId", "accountNumber"),
        ("balanceAccountType", "balancingAccountId", "balancingAccountNumber"),
    )
    for kind, guid, number in sides:
        if merged.get(kind, "G/L Account") != "G/L Account" or not {guid, number} & set(given):
            continue
        account = books.pair("accounts", given, guid, number, "Account", "number")
        done[guid] = account["id"] if account else NO_GUID
        done[number] = account["number"] if account else ""
    if "balancingAccountNumber" in done:
        done["_balancing"] = done["balancingAccountNumber"]
    return done
