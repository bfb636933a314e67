"""The switches of the simulated Membri, kept in its store and settable through the admin port.

Durations in seconds. Defaults are Microsoft's where Microsoft says one (dataverse.md 1.2, 4).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.sandbox.kernel.store import Store

DAY_S = 86_400.0


@dataclass
class Options:
    base_language: int = 1036  # UI language of the application user: decides formatted values
    token_lifetime_s: int = 4500
    secret_expired: bool = False
    clock_offset_s: float = 0.0  # added to the real clock
    modified_skew_s: float = 0.0  # how long before its commit a write says it was modified

    requests_limit: int = 6000  # per user, server and window
    execution_limit_s: float = 1200.0
    concurrency_limit: int = 52
    window_s: float = 300.0
    execution_cost_s: float = 0.02  # what one operation is counted as
    retry_after_s: int = 5
    retry_after_max_s: int = 300
    retry_after_grace_s: float = 0.5  # calls already on their way when the 429 left are no offence
    servers: int = 1

    page_size_max: int = 5000
    write_time_s: float = 0.0  # how long a write holds its row
    bump_after_person_s: float | None = None  # a plug-in saves the row again, that long after
    bump_after_write_s: float | None = None  # same, after a write through the API
    paid_becomes_complete: bool = False  # a paid invoice transferred gets the status Complete
    read_only_paid_invoices: bool = False
    refuse_writes: dict[str, str] = field(default_factory=dict)  # table or row id → message
    forbidden: dict[str, str] = field(default_factory=dict)  # table → "read", "write" or "all"
    delta_expiry_s: float = 7 * DAY_S

    missing_columns: list[str] = field(default_factory=list)  # as table.column
    without_concurrency: list[str] = field(default_factory=list)
    without_change_tracking: list[str] = field(default_factory=list)
    max_lengths: dict[str, int] = field(default_factory=dict)  # table.column → characters

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_s)


class OptionsBox:
    """The current options: read through `.now`, changed through `change`."""

    def __init__(self, store: Store, initial: dict[str, Any]) -> None:
        self._store = store
        self.current = Options()
        kept = store.get("_options", "current")
        self._apply({**initial, **(kept or {})})

    def change(self, values: dict[str, Any]) -> None:
        """Sets and keeps options. Raises ValueError on an unknown name or a wrong type."""
        self._apply(values)
        kept = self._store.get("_options", "current") or {}
        self._store.put("_options", "current", {**kept, **values})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self.current)

    def _apply(self, values: dict[str, Any]) -> None:
        known = {f.name for f in fields(Options)}
        if unknown := set(values) - known:
            raise ValueError(
                f"unknown option(s) {', '.join(sorted(unknown))}; known: {sorted(known)}"
            )
        for name, value in values.items():
            expected = type(getattr(Options(), name))
            number = expected in (float, type(None)) and isinstance(value, int | float | None)
            if not number and not isinstance(value, expected):
                raise ValueError(f"option {name} must be {expected.__name__}, not {value!r}")
        for name, value in values.items():
            setattr(self.current, name, value)
