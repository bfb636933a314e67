"""What a simulated QuickBooks Online may be told to do differently, for one run.

Each switch covers an outcome the real service is known, or only reported, to have; the defaults
are the stricter of the two. Numbers are counts, lives and waits are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.sandbox.kernel.admin import Switches


@dataclass
class Options(Switches):
    """The switches. Changed at run time by the admin route `POST /options`."""

    environment: str = "production"  # companies seeded for another one answer 403/130

    # OAuth. Refresh tokens last 100 days, a connection 5 years.
    access_token_life_s: int = 3600
    refresh_token_life_s: int = 8_640_000
    connection_life_s: int = 157_680_000
    code_life_s: int = 600
    rotate_refresh_token: bool = True
    old_refresh_token_dies: bool = True
    redirect_uris: tuple[str, ...] = ()  # empty: any https or loopback address

    # Limits, per company.
    per_second: int = 10
    per_minute: int = 500
    batches_per_minute: int = 40
    throttle_wait_s: float = 60.0
    throttle_grace_s: float = 1.0  # calls already on their way when the 429 left
    throttle_status: int = 429  # 403 is the other form seen
    retry_after: bool = True
    monthly_reads: int = 0  # 0: no quota

    # Answers.
    fault_status: int = 400  # 200: the fault comes with a success status
    fault_case: str = "upper"  # "lower": a refusal in the gateway's shape
    gateway_case: str = "lower"  # "upper": 401, 403 and 429 in the service's shape

    # Books.
    tax_rounding: str = "rate"  # "line": each line's tax is rounded, then summed
    empty_dates_refused: bool = True
    query_case_sensitive: bool = False
    other_body_same_requestid: str = "replay"  # "fault": 600
    replay_faults: bool = False
