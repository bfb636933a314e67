"""What a chapter's accounting settings say, for producers and consumers alike."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DeferralStart = Literal["payment_month", "next_month", "invoice_month", "january", "next_january"]
"""The month of the first period: that of the payment, the one after it, that of the invoice, the
January of the invoice's year, or the first January not before the payment's month."""


class ChapterSettings(BaseModel):
    """`[chapters.settings]`: what the manual calls paramètres comptables.

    The `deferral_…` ones are the *paramètres de facturation* of deferred revenue: a dues payment is
    earned over `deferral_periods` months, each on the `deferral_day` of its month. Payments dated
    before `deferral_since` are not deferred. A change is for payments published from then on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: bool = False
    new_account_default: bool = False
    sync_memberships_when_paid: bool = False
    import_payments: bool = True
    deferred_revenue: Literal["off", "on_date", "upfront"] = "off"
    deferral_periods: int = Field(default=12, ge=1, le=60)
    deferral_start: DeferralStart = "payment_month"
    deferral_day: Literal["first", "last"] = "last"
    deferral_since: dt.date | None = None
    duplicate_names: Literal["refuse", "append_number"] = "refuse"
