"""`[chapters.connection]` of the reference system: which kind of system it plays."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReferenceConnection(BaseModel):
    """`replays_same_key`: see `consumers.system.Declaration`. Seconds end in `_s`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company: str = "Livres de référence"
    customer_key: Literal["number", "name"] = "name"
    replays_same_key: bool = True
    concurrency: int = Field(default=4, ge=1)
    longest_call_s: float = Field(default=5.0, gt=0)
    closed_until: dt.date | None = None
