"""Journal entries. In: a conformed document. Out: the document to keep.

Refuses one line only (2020), no PostingType (2260), debits unequal to credits (2300), a line on
receivables or payables without its customer or vendor (6000).
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books, reference_to
from ops.sandbox.quickbooks_online.conform import amount, money_text
from ops.sandbox.quickbooks_online.numbering import doc_number

_PARTIES = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}


def prepare_journal(
    books: Books,
    document: Document,
    before: Document | None,
    *,
    duplicates_allowed: bool = False,
) -> Document:
    """The complete journal entry. Raises Refusal."""
    if "ExchangeRate" in document and amount(document, "ExchangeRate") <= 0:
        raise Refusal(2090, "Invalid number: ExchangeRate must be above 0", element="ExchangeRate")
    asked = document.get("Line") or []
    if len(asked) < 2:
        raise Refusal(2020, "Required parameter Line is missing: two lines at least")
    lines = [_line(books, line, number) for number, line in enumerate(asked)]
    debits, credits_ = (_total(lines, side) for side in ("Debit", "Credit"))
    if debits != credits_:
        raise Refusal(2300, f"Debits {debits} are not equal to credits {credits_}", element="Line")
    customers = {
        line["JournalEntryLineDetail"]["Entity"]["EntityRef"]["value"]
        for line in lines
        if line["JournalEntryLineDetail"].get("Entity", {}).get("Type") == "Customer"
    }
    if len(customers) > 1:
        raise Refusal(6000, "Business Validation Error: only one customer in a journal entry")
    complete = {
        "Adjustment": False,
        **document,
        "TxnDate": document.get("TxnDate") or books.now().date().isoformat(),
        "DocNumber": doc_number(
            books, "JournalEntry", document, before, duplicates_allowed=duplicates_allowed
        ),
        "CurrencyRef": {"value": books.home_currency},
        "Line": lines,
        "TotalAmt": money_text(debits),
    }
    if complete["DocNumber"] is None:
        del complete["DocNumber"]
    return complete


def _total(lines: list[Document], side: str) -> Decimal:
    return sum(
        (
            amount(line, "Amount")
            for line in lines
            if line["JournalEntryLineDetail"]["PostingType"] == side
        ),
        Decimal(0),
    )


def _line(books: Books, line: Document, number: int) -> Document:
    if line.get("DetailType") != "JournalEntryLineDetail":
        raise Refusal(2170, f"Invalid Enumeration : {line.get('DetailType')}", element="DetailType")
    detail = dict(line.get("JournalEntryLineDetail") or {})
    if "PostingType" not in detail:
        raise Refusal(2260, "A posting type is needed: Credit or Debit", element="PostingType")
    if "Amount" not in line:
        raise Refusal(2020, "Required parameter Line.Amount is missing in the request")
    if amount(line, "Amount") < 0:
        raise Refusal(2290, "Negative amounts are not supported on lines", element="Line.Amount")
    account = books.reference("Account", detail.get("AccountRef"), "AccountRef")
    if account is None:
        raise Refusal(2020, "Required parameter AccountRef is missing", element="AccountRef")
    detail["AccountRef"] = reference_to(account)
    _check_tax(detail)
    party = _PARTIES.get(account.get("AccountType", ""))
    if party:
        detail["Entity"] = _party(books, detail.get("Entity") or {}, party)
    return {**line, "Id": str(number), "JournalEntryLineDetail": detail}


def _check_tax(detail: Document) -> None:
    if not detail.get("TaxCodeRef"):
        return
    if not detail.get("TaxApplicableOn"):
        raise Refusal(2270, "TaxApplicableOn is needed with a tax code")
    if "TaxAmount" not in detail:
        raise Refusal(2280, "TaxAmount is needed with a tax code")


def _party(books: Books, entity: Document, kind: str) -> Document:
    reference = entity.get("EntityRef")
    if entity.get("Type") != kind or not reference:
        raise Refusal(
            6000,
            f"Business Validation Error: when you use this account, choose a {kind.lower()} in"
            " the Name field",
            element="Entity",
        )
    found = books.reference(kind, reference, "EntityRef")
    return {"Type": kind, "EntityRef": reference_to(found)} if found else entity
