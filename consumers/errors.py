"""Failures, named by what happens next.

A connector raises one of these; the engine acts on the class and never looks inside a vendor.
Any other exception is our bug: the record becomes a dead letter `bug` with its traceback.
"""

from __future__ import annotations

from schemas.reasons import Reason, SystemReason


class Unavailable(Exception):
    """The system takes nothing for now: pause, give back, probe. No record is failed.

    `retry_after_s` is the vendor's own wish, None when it has none.
    """

    def __init__(
        self, reason: SystemReason, detail: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


class Transient(Exception):
    """This record, not now (locked, stale): waiting room, back-off, at most `retry_max`.

    `sent` False promises that the books are unchanged. When the vendor may have done the work,
    raise OutcomeUnknown instead.
    """

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class OutcomeUnknown(Exception):
    """Sent, and no answer that can be believed: `find` must speak before anything is sent again."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Rejected(Exception):
    """A person must act: dead letter and « Erreur de transfert ».

    `field` is a field of the record (`name`, `total`, `lines.2.gst`); `detail` holds figures,
    names and the vendor's own words, never a secret.
    """

    def __init__(self, reason: Reason, *, field: str = "", detail: str = "") -> None:
        super().__init__(f"{reason} {field} {detail}".strip())
        self.reason = reason
        self.field = field
        self.detail = detail
