"""Whether a document of Sage counts in the books.

What comes in: a row. What goes out: yes or no. Facts: Sage page, section 6 (statuses).
"""

from __future__ import annotations

import datetime as dt

from consumers.systems.sage_accounting.faults import Json


def _status(row: Json) -> str:
    return str((row.get("status") or {}).get("id") or "")


def is_void(row: Json) -> bool:
    return _status(row) == "VOID"


def is_draft(row: Json) -> bool:
    """Nothing that we make: a person's, without effect on the books."""
    return _status(row) in ("DRAFT", "PRO_FORMA")


EDITED_S = 60.0
"""A creation's own steps in Sage end sooner than this; nothing says that both times are equal."""


def is_edited(row: Json) -> bool:
    """Whether somebody changed the record after it was created."""
    try:
        made, changed = (dt.datetime.fromisoformat(row[name]) for name in _TIMES)
        return (changed - made).total_seconds() > EDITED_S
    except (KeyError, TypeError, ValueError):
        return False


_TIMES = ("created_at", "updated_at")
