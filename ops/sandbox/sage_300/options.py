"""What a simulated Sage 300 may be told to do differently, for one run.

Each switch covers an outcome that sage-300.md leaves open (section 16) or that a company's own
settings decide (sections 5 to 9); the defaults are the stricter of the two. Waits end in `_s`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.sandbox.kernel.admin import Switches


@dataclass
class Options(Switches):
    """The switches. Changed at run time by the admin route `POST /options`."""

    # The service.
    max_parallel: int = 8  # more requests at once answer TooManyRequests
    too_many_status: int = 429
    too_many_retry_after_s: int = 0  # 0: no Retry-After, as none is promised
    invalid_status: int = 409  # RecordInvalid, FieldInvalid, General
    duplicate_status: int = 409  # RecordDuplicate
    write_s: float = 0.001  # a write holds its locks that long, so that parallel ones meet
    cold_start_s: float = 0.0
    idle_s: float = 1200.0  # IIS puts the service to sleep after that long
    page_size: int = 100
    ge_operator: bool = False
    admin_allowed: bool = False
    attempts_before_offence: int = 3  # wrong passwords within a minute
    lockout_after: int = 0  # wrong passwords that lock the account; 0: never
    language: str = "en-US"

    # Accounts receivable.
    ready_in_post: bool = True  # BatchStatus ReadyToPost inside the POST
    delete_by_status: bool = True  # an open batch may be set to Deleted
    duplicate_at_entry: bool = False  # a posted document number is refused at entry already
    inactive_customer: str = "error"  # "warning"
    on_hold_customer: str = "error"  # "warning"
    manual_tax: bool = False  # tax amounts sent stick
    force_listing: str = "off"  # "skip": silently not posted; "refuse": cannot be made ready
    overapplied_credit_note: str = "error"  # "open": what exceeds the balance stays open
    email_length: int = 50

    # Receipts.
    receipt_posting_date: str = "PostingDate"  # the property's name in that version
    duplicate_checks: str = "none"  # "warning", "error"
    unapplied_receipts: str = "refused"  # "allowed"

    # General ledger.
    gl_ready_by: str = "ReadyToPost"  # "Status", "either"
    gl_post_from: str = "BatchNumberFrom"
    gl_post_to: str = "BatchNumberTo"

    # Posting.
    post_in_progress_s: float = 0.0  # a posted batch stays PostInProgress that long
