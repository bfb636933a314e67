"""What a simulated Business Central may be told to do differently, for one run.

Each switch covers a setting a tenant may have, or an outcome business-central.md, section 17, calls
unverified; the defaults are the stricter of the two. Lives and waits are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.sandbox.kernel.admin import Switches


@dataclass
class Options(Switches):
    """The switches. Changed at run time by the admin route `POST /options`."""

    # Login.
    access_token_life_s: int = 3900
    application_enabled: bool = True  # False: valid token, unknown on "Entra applications": 401

    # Limits, per application registration (section 13).
    requests_per_window: int = 6000
    window_s: float = 300.0
    max_connections: int = 100
    in_flight_tolerated: int = 4  # more, several times: an offence
    processing_s: float = 0.0  # how long each answer is made to take
    retry_after_s: int = 0  # 0: a 429 of the limits carries no Retry-After
    page_size: int = 20_000

    # Wire.
    enum_encoding: str = "encoded"  # "plain": `G/L Account` rather than `G_x002F_L_x0020_Account`
    property_order: str = "payload"  # "page": values are validated in the page's order
    user_language: str = "fr"  # of messages when a request names no language
    delete_needs_etag: bool = False

    # Company setup.
    manual_customer_numbers: bool = True
    posting_groups_missing: bool = False  # customers made from now on lack them
    same_document_series: bool = False  # posted documents keep the draft's number
    external_number_mandatory: bool = False
    approval_workflow: bool = False
    post_with_job_queue: bool = False  # journals only: 204 first, posted `job_queue_delay_s` later
    job_queue_delay_s: float = 5.0
    force_document_balance: bool = True
    increment_batch_name: bool = True
    empty_line_left: bool = True  # batches have no number series
    cash_receipts_posted: bool = True  # False: journals(id) does not find a cash receipts batch
    tax_rounding: str = "document"  # "line": each jurisdiction rounded on each line
