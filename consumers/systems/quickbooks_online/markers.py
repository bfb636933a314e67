"""How a record of Membri is recognised in the books.

What comes in: ids and notes. What goes out: markers and yes or no. Our marker is a word of
the private note (of the notes, for a customer); people may write around it.
"""

from __future__ import annotations

from consumers.systems.quickbooks_online.faults import Json


def marker(what: str, record_id: str) -> str:
    """`membri:invoice:<id>`; credit notes are invoices in Membri and have the same marker."""
    return f"membri:{what}:{record_id.casefold()}"


def marked(row: Json, what: str, record_id: str) -> bool:
    """Whether the row holds our marker for that record."""
    note = str(row.get("PrivateNote") or row.get("Notes") or "")
    return marker(what, record_id) in note.casefold().split()


def owner(row: Json, what: str) -> str:
    """The id of the Membri record that the row belongs to; empty when it is none of ours."""
    start = f"membri:{what}:"
    note = str(row.get("PrivateNote") or row.get("Notes") or "")
    words = [word for word in note.casefold().split() if word.startswith(start)]
    return words[0].removeprefix(start) if words else ""
