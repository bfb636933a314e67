"""Document numbers: the company's choice between its own and the service's, and duplicates.

In: the document and the one it replaces. Out: its DocNumber, or None. Refuses a number already
used by a transaction of the same type (6140), where the company warns of duplicates.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books

AUTO = "AUTO_GENERATE"


def doc_number(
    books: Books,
    entity: str,
    document: Document,
    before: Document | None,
    *,
    duplicates_allowed: bool = False,
) -> str | None:
    """With CustomTxnNumbers on, the client's number (none when it gave none); off, the next one."""
    asked = document.get("DocNumber")
    if before and asked and asked == before.get("DocNumber"):
        return str(asked)
    custom = bool(books.preference("SalesFormsPrefs", "CustomTxnNumbers", default=False))
    if not custom and before:
        return before.get("DocNumber")
    if not custom or asked == AUTO or (document.get("AutoDocNumber") and not asked):
        return _next_number(books, entity)
    if asked and not duplicates_allowed:
        _check_free(books, entity, asked, before)
    return asked


def _next_number(books: Books, entity: str) -> str:
    while True:
        number = str(books.store.next_number(books.kind(f"number/{entity}"), 1001))
        if not books.find(entity, "DocNumber", number):
            return number


def _check_free(books: Books, entity: str, number: str, before: Document | None) -> None:
    if not books.preference("OtherPrefs", "WarnDuplicateNumber", default=True):
        return
    for holder in books.find(entity, "DocNumber", number):
        if before is None or holder["Id"] != before["Id"]:
            raise Refusal(
                6140,
                "You must specify a different number. This number has already been used."
                f" DocNumber={number} is assigned to TxnType={entity} with"
                f" TxnId={holder['Id']}",
                element="DocNumber",
            )
