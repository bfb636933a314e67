"""What a record of Membri is recognised and found by, in whichever books.

What comes in: its id, or a name. What goes out: short numbers of ours, the same each time, for
records whose own are missing or not unique; names as they are sent and compared. A system that
keeps numbers in capitals makes them so itself.
"""

from __future__ import annotations

import hashlib
import unicodedata

PAYMENT_PREFIX = "MP-"
_COMPACT_MAX = 32


def payment_number(record_id: str) -> str:
    """`MP-` and 12 hexadecimal digits: Membri's own names of payments are not unique."""
    return f"{PAYMENT_PREFIX}{digest(record_id, 6)}"


def entry_number(record_id: str) -> str:
    """`RPA-` (*revenus perçus d'avance*) and 12 hexadecimal digits: Membri gives none."""
    return f"RPA-{digest(record_id, 6)}"


def compact(record_id: str) -> str:
    """The id without dashes, in small letters, where room is short: at most 32 characters, a
    longer one is hashed."""
    plain = record_id.replace("-", "").casefold()
    return plain if len(plain) <= _COMPACT_MAX else digest(record_id, _COMPACT_MAX // 2)


def digest(text: str, size: int) -> str:
    """`size` bytes of a hash, in hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def clean_name(name: str) -> str:
    """A name as it is sent: composed accents, no blanks around."""
    return unicodedata.normalize("NFC", name).strip()


def same_name(one: str, other: str) -> bool:
    """Neither case nor the way accents are written tells two names apart."""
    return clean_name(one).casefold() == clean_name(other).casefold()
