"""How a record of Membri is recognised in Sage's books, and how names are compared.

What comes in: ids, notes and names. What goes out: markers, references of ours, yes or no. A marker
is a word of the notes (of the description, for a journal); people may write around it. A payment
has no such text: there our reference, made from the record's id, says whose it is.
"""

from __future__ import annotations

import re
import unicodedata

from consumers.systems._keys import digest
from consumers.systems.sage_accounting.faults import Json

_BLANKS = " \u00a0\u2007\u202f"
"""The common one, and those that do not break a line; a tab or a new line is refused."""


def marker(what: str, record_id: str) -> str:
    """`membri:invoice:<id>`; credit notes are invoices in Membri and have the same marker. An id
    longer than 36 characters is replaced by a digest of it, so that every marker fits."""
    known = record_id.casefold()
    if len(known) > 36:
        known = digest(known, 16)
    return f"membri:{what}:{known}"


def _words(row: Json) -> list[str]:
    return f"{row.get('notes') or ''} {row.get('description') or ''}".casefold().split()


def marked(row: Json, what: str, record_id: str) -> bool:
    """Whether the row holds our marker for that record."""
    return marker(what, record_id) in _words(row)


def owner(row: Json, what: str) -> str:
    """The id of the Membri record that the row belongs to; empty when it is none of ours."""
    start = f"membri:{what}:"
    return next((w.removeprefix(start) for w in _words(row) if w.startswith(start)), "")


def clean_name(name: str) -> str:
    """A name as it is sent: composed accents, single blanks, none around."""
    return re.sub(f"[{_BLANKS}]+", " ", unicodedata.normalize("NFC", name)).strip()


def same_name(one: str, other: str) -> bool:
    """Neither case nor the way accents and blanks are written tells two customers apart."""
    return clean_name(one).casefold() == clean_name(other).casefold()
