"""What a simulated Sage Accounting may be told to do differently, for one run.

Each switch covers an outcome that the real service is not verified to have (sage-accounting.md,
section 16); the defaults are the more dangerous or the stricter one. Lives and waits in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ops.sandbox.kernel.admin import Switches

EDITIONS = ("ACCOUNTING", "ACCOUNTING_10", "START", "MICRO")
CHOICES: dict[str, tuple[Any, ...]] = {
    "edition": EDITIONS,
    "duplicate_contact_names": ("accept", "refuse", "suffix"),
    "duplicate_invoice_number": ("refuse", "accept"),
    "missing_tax_amount": ("refuse", "zero"),
    "tax_amount_off": ("refuse", "recompute", "accept"),
    "lines_of_put": ("replace", "merge"),
    "void_reason_in": ("either", "query", "body"),
    "future_journals": ("accept", "refuse"),
    "edition_refusal": (403, 404, 422),
    "other_body_same_id": ("refuse", "replay"),
    "parallel_posts": ("accept", "422", "500"),
}


@dataclass
class Options(Switches):
    """The switches. Changed at run time by the admin route `POST /options`."""

    choices = CHOICES

    # OAuth.
    access_token_life_s: int = 300
    refresh_token_life_s: int = 2_678_400
    code_life_s: int = 60
    refresh_grace_s: float = 0.0  # a used refresh token gives the same answer again so long
    redirect_uris: tuple[str, ...] = ()  # empty: any https address, or http on localhost
    country: str = "ca"
    signed_in: str = ""  # whose browser answers the consent page: a business id, empty: the first
    expired_token_code: str = "AuthenticationFailure"  # noqa: S105 — a $dataCode, not a password

    # Limits, per application.
    daily_requests: int = 1_296_000
    concurrent_requests: int = 150
    retry_after_s: int = 0  # 0: a 429 carries no Retry-After
    numbering_s: float = 0.002  # how long a POST holds its sequence number
    parallel_posts: str = "accept"

    # Contacts and documents.
    duplicate_contact_names: str = "accept"
    source_guid_echo: bool = True
    duplicate_invoice_number: str = "refuse"
    description_length: int = 200
    missing_tax_amount: str = "refuse"
    tax_tolerance_cents: int = 2  # a cent for each of the two taxes
    tax_amount_off: str = "refuse"  # beyond the tolerance
    component_percentages: bool = True  # False: component_tax_rates are bare references
    region_required: bool = True
    lines_of_put: str = "replace"
    void_reason_in: str = "either"
    future_journals: str = "accept"
    control_accounts_refused: bool = True
    before_start_text: str = "The date must be on or after the accounts start date."
    closed_text: str = "The date is in a locked financial year."

    # Editions.
    edition: str = "ACCOUNTING"  # of a business whose seed names none
    edition_refusal: int = 403
    start_quantity_must_be_one: bool = True
    start_allocates_credit_notes: bool = False

    # Idempotency.
    idempotency_life_s: int = 604_800
    other_body_same_id: str = "refuse"
    replay_errors: bool = False
