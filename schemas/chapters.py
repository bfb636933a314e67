"""What a chapter's accounting settings say, for producers and consumers alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ChapterSettings(BaseModel):
    """`[chapters.settings]`: what the manual calls paramètres comptables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: bool = False
    new_account_default: bool = False
    sync_memberships_when_paid: bool = False
    import_payments: bool = True
    deferred_revenue: Literal["off", "on_date", "upfront"] = "off"
    duplicate_names: Literal["refuse", "append_number"] = "refuse"
