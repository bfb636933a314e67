"""The eight accounting systems, by the slug that routing keys, folders and settings use."""

from __future__ import annotations

from enum import StrEnum


class System(StrEnum):
    """What this project knows of. A connector may not exist yet."""

    ACOMBA = "acomba"
    ACOMBA_X = "acomba_x"
    AVANTAGE = "avantage"
    BUSINESS_CENTRAL = "business_central"
    QUICKBOOKS_ONLINE = "quickbooks_online"
    SAGE_300 = "sage_300"
    SAGE_ACCOUNTING = "sage_accounting"
    SAGE_50 = "sage_50"
