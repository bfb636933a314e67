"""What is refused in the small world."""

from __future__ import annotations

REFUSALS = {
    "duplicate_name",
    "invalid_characters",
    "reference_not_found",
    "totals_differ",
    "tax_mismatch",
    "closed_period",
    "too_long",
    "currency_not_supported",
    "differs_from_books",
}
"""By QuickBooks Online; each other system refuses what its own page says."""
