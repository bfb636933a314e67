"""Who writes, and what the limited edition (Start) refuses.

In: a feature's name. Out: nothing in the full edition, a refusal and an offence in Start: clients
can know beforehand (sage-accounting.md, section 8). The status of the refusal is an option.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ops.sandbox.sage_accounting.answers import Problem, Refusal, invalid, not_found
from ops.sandbox.sage_accounting.books import Books

# Not simulated, and refused to Start when written (section 8).
NOT_IN_START = (
    *("quotes", "estimates", "products", "services", "stock_items", "sales_quick_entries"),
    *("purchase_quick_entries", "purchase_invoices", "purchase_credit_notes", "analysis_types"),
)


@dataclass
class How:
    """`by_hand`: a person in the program, which computes taxes and fills in the rest. `seeding`:
    what was there before the period closed. `noted`: offences, kept until the work is done or
    refused, as a refusal takes back what was written."""

    by_hand: bool = False
    seeding: bool = False
    noted: list[tuple[str, str]] = field(default_factory=list)

    def offend(self, code: str, detail: str) -> None:
        self.noted.append((code, detail))


def check_feature(books: Books, how: How, feature: str) -> None:
    """Raises Refusal when the business has the limited edition."""
    if not books.is_start or how.seeding:
        return
    how.offend("outside_edition", f"{feature} is not in Start")
    status = books.options.edition_refusal
    if status == 404:
        raise not_found()
    message = f"{feature} is not available in your subscription."
    if status == 422:
        raise invalid(message)
    raise Refusal(403, Problem("SubscriptionAccessDenied", message))
