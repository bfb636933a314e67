"""The six sync statuses of Membri, and the entities that carry one.

Source: manual-fr, « Les statuts de synchronisations ».
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Sync status of a record in Membri. Only TO_TRANSFER is ever published."""

    ON_HOLD = "on_hold"
    TO_TRANSFER = "to_transfer"
    TRANSFERRED = "transferred"
    TRANSFER_ERROR = "transfer_error"
    DO_NOT_SYNC = "do_not_sync"
    IN_REVIEW = "in_review"


class Entity(StrEnum):
    """What moves, in the order in which it must move for one account."""

    ACCOUNT = "account"
    INVOICE = "invoice"
    PAYMENT = "payment"
    JOURNAL_ENTRY = "journal_entry"


HELD = frozenset({Status.ON_HOLD, Status.IN_REVIEW, Status.DO_NOT_SYNC, Status.TRANSFER_ERROR})
"""An account in one of these is neither created nor updated (domain, rule 5)."""

WITHDRAWN = frozenset({Status.ON_HOLD, Status.IN_REVIEW, Status.DO_NOT_SYNC})
"""A record that someone moved to one of these after it was published is withdrawn."""

TAKEN_OUT = WITHDRAWN | {Status.TRANSFERRED}
"""And one that is Transfert complété must not be sent any more: we did it, or a person did it by
hand while it was waiting for something."""

LABELS_FR: dict[Status, str] = {
    Status.ON_HOLD: "En attente",
    Status.TO_TRANSFER: "À transférer",
    Status.TRANSFERRED: "Transfert complété",
    Status.TRANSFER_ERROR: "Erreur de transfert",
    Status.DO_NOT_SYNC: "Ne pas synchroniser",
    Status.IN_REVIEW: "En revue",
}

LABELS_EN: dict[Status, str] = {
    Status.ON_HOLD: "On hold",
    Status.TO_TRANSFER: "To transfer",
    Status.TRANSFERRED: "Transfer completed",
    Status.TRANSFER_ERROR: "Transfer error",
    Status.DO_NOT_SYNC: "Do not synchronize",
    Status.IN_REVIEW: "In review",
}
