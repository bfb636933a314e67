"""Whether what Sage told of a record still holds.

What comes in: a row, and when it was asked for. What goes out: yes or no. Facts: Sage page,
sections 6 (statuses) and 10 (the first answer to an idempotency id is given again for 7 days).
"""

from __future__ import annotations

import datetime as dt

from consumers.systems.sage_accounting.faults import Json

SKEW_S = 10.0
"""How far Sage's clock may be behind ours before each creation costs one more read."""


def _status(row: Json) -> str:
    return str((row.get("status") or {}).get("id") or "")


def is_void(row: Json) -> bool:
    return _status(row) == "VOID"


def is_draft(row: Json) -> bool:
    """Nothing that we make: a person's, without effect on the books."""
    return _status(row) in ("DRAFT", "PRO_FORMA")


def is_older(row: Json, sent_at: float) -> bool:
    """Whether the row may have been made before that moment (epoch seconds): by an earlier request
    whose answer is given again. So for a row that does not say when it was made."""
    try:
        made = dt.datetime.fromisoformat(str(row.get("created_at") or ""))
    except ValueError:
        return True
    made = made if made.tzinfo else made.replace(tzinfo=dt.UTC)
    return made.timestamp() < sent_at - SKEW_S
