"""By what a record of Membri is recognised in the books, and how codes are compared.

What comes in: ids, numbers and codes. What goes out: markers, document numbers, batch codes.

A sales document carries `membri:invoice:<id>` in `description2` of its first line; a payment and a
journal entry have a document number made from their id, since their lines keep nothing else that
can be searched once posted (page, sections 7 and 11). Batch codes are letters only: a batch whose
code holds digits may be renamed by posting it (section 7).
"""

from __future__ import annotations

import hashlib
import re
import uuid

from consumers.systems import _keys

_NO_GUID = "00000000-0000-0000-0000-000000000000"
NUMBER_MAX = 20
"""Characters of a number of Business Central's: customers, documents, entries (page, 3 and 6)."""
_BATCH_LETTERS = 10


def marker(record_id: str) -> str:
    """`membri:invoice:<id>`: at most 47 of the 50 characters of `description2`. A credit note is
    an invoice in Membri and has the same marker."""
    return f"membri:invoice:{_keys.compact(record_id)}"


def payment_number(record_id: str) -> str:
    """The payment's document number, 15 of 20 characters."""
    return code(_keys.payment_number(record_id))


def entry_number(record_id: str) -> str:
    """The journal entry's document number, 16 of 20 characters: *revenus perçus d'avance*."""
    return code(_keys.entry_number(record_id))


def batch_code(record_id: str) -> str:
    """Ten letters, the journal batch of this record alone."""
    value = int.from_bytes(hashlib.blake2b(record_id.encode(), digest_size=8).digest())
    letters = []
    for _ in range(_BATCH_LETTERS):
        value, letter = divmod(value, 26)
        letters.append(chr(ord("A") + letter))
    return "".join(letters)


def external_number(number: str, record_id: str) -> str:
    """What `externalDocumentNumber` holds: Membri's number, or one made from the id (34 of 35)."""
    return code(number) or f"M-{_keys.compact(record_id).upper()}"


def code(text: str) -> str:
    """A Code field as Business Central keeps it: trimmed, in capitals (page, section 2)."""
    return text.strip().upper()


def fits(text: str, limit: int = NUMBER_MAX) -> bool:
    """Whether a Code field of that length can hold it: nothing longer is there, and a filter on it
    may be refused."""
    return len(code(text)) <= limit


def same_code(one: str, other: str) -> bool:
    """Whether two Code fields are the same, whichever way ours and theirs write capitals."""
    return code(one).casefold() == code(other).casefold()


def plain_enum(value: object) -> str:
    """A value of an enumeration as people read it, whichever way it came: `In_x0020_Review` and
    `In Review` both occur (page, section 2)."""
    found = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m.group(1), 16)), str(value))
    return found.strip()


def is_guid(text: str) -> bool:
    """Whether `text` can stand between the parentheses of an address, and names something there:
    no id is all zeros (page, section 2)."""
    try:
        return str(uuid.UUID(text)) == text.casefold() != _NO_GUID
    except ValueError:
        return False
