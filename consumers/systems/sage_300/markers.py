"""How a record of Membri is recognised in the books, and what numbers we give by ourselves.

What comes in: ids and numbers. What goes out: markers, numbers, yes or no. The marker is
the whole description of a batch (60 characters), which the service can search by equality only.
"""

from __future__ import annotations

from consumers.systems._keys import compact, digest, payment_number

DESCRIPTION_MAX = 60
CUSTOMER_MAX = 12
NUMBER_MAX = 22
_WITHDRAWN = "NE PAS VALIDER/DO NOT POST "


def marker(what: str, record_id: str) -> str:
    """`membri:invoice:<compact id>`; credit notes are invoices in Membri and have the same."""
    return f"membri:{what}:{compact(record_id)}"


def set_aside_mark(description: str) -> str:
    """The description of a batch that nobody may post, where it cannot be deleted."""
    return f"{_WITHDRAWN}{description.rsplit(':', 1)[-1]}"[:DESCRIPTION_MAX]


def owner(description: str, what: str) -> str:
    """The compact id of the Membri record of a batch; empty when it is none of ours."""
    start = f"membri:{what}:"
    return description.removeprefix(start) if description.startswith(start) else ""


def customer_number(number: str) -> str:
    """As Sage 300 keeps it."""
    return number.strip().upper()


def document_number(number: str, record_id: str) -> str:
    """Membri's number in capitals; without one, 22 characters made from the id."""
    return number.strip().upper() or f"M{digest(record_id, 11)[:21]}".upper()


def receipt_number(record_id: str) -> str:
    """The receipt's own number, 15 characters of 24: the same for every attempt."""
    return payment_number(record_id).upper()


def remote_id(customer: str, number: str) -> str:
    """The key of a posted document or receipt: both parts are needed (AROBL, section 14)."""
    return f"{customer}|{number}"


def parts(remote: str) -> tuple[str, str]:
    """Customer and number of a remote id; the customer is empty when there is none in it."""
    customer, bar, number = remote.partition("|")
    return (customer, number) if bar else ("", customer)
