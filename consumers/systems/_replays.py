"""A system that gives its first answer to a key again, whatever became of the record since.

What comes in: when a record was made, and when it was asked for. What goes out: whether the answer
may be an earlier one's, so that the record must be read anew before anybody believes it.

Incident: an invoice was created, its answer lost, the invoice deleted by a person; sent again under
the same key, the first answer was believed and the invoice reported as transferred, in no books.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from consumers.errors import Rejected
from schemas.reasons import Reason
from schemas.sentences import say

SKEW_S = 10.0
"""How far their clock may be behind ours before each creation costs one more read."""


def is_replayed(made_at: object, sent_at: float) -> bool:
    """Whether a record made at that moment (ISO 8601, UTC where it names no zone) may be older
    than a request sent then (epoch seconds). So for a record that does not say when it was made."""
    try:
        made = dt.datetime.fromisoformat(str(made_at))
    except ValueError:
        return True
    made = made if made.tzinfo else made.replace(tzinfo=dt.UTC)
    return made.timestamp() < sent_at - SKEW_S


class TakenAway(Rejected):
    """A record was made by an earlier request and is in the books no more. `told`: as it was."""

    def __init__(self, title: str, told: dict[str, Any], words: str) -> None:
        """`words`: the record as a person would look for it."""
        super().__init__(
            Reason.DIFFERS_FROM_BOOKS,
            detail=say(
                "{system} made {record} when this was sent before, and somebody voided or deleted"
                " it since; transfer again to make another one",
                system=title,
                record=words,
            ),
        )
        self.told = told
