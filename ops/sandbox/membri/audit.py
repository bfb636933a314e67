"""What a write to a sync column must never do, judged as it comes, refused or not.

An accountant reads these columns and Membri e-mails customers on them: status and reference must
arrive together, conditionally, and the reference must be real.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ops.sandbox.membri.metadata import Table

TRANSFERRED = 100_000_002
IN_ERROR = 100_000_003
_PLACEHOLDER = re.compile(
    r"[\s\-–—_.?*#0]*|n/?a|none|null|nil|tbd|todo|temp\w*|pending|unknown|placeholder|xxx+"
    r"|en (?:cours|attente)|à (?:venir|transférer|déterminer)|in progress|processing",
    re.IGNORECASE,
)


def write_offences(
    table: Table,
    changes: dict[str, Any],
    method: str,
    if_match: str | None,
    if_none_match: str | None,
) -> Iterator[tuple[str, str]]:
    """The offences of one PATCH or DELETE as (code, detail)."""
    syncs = table.sync and any(name.startswith("membri_sync") for name in changes)
    if if_match is None and if_none_match is None:
        yield "missing_if_match", f"{method} on {table.name} without If-Match"
    elif if_match == "*" and syncs:
        yield "blind_sync_write", f"{table.name}: sync columns written with If-Match: *"
    if not table.sync:
        return
    status = changes.get("membri_syncstatus")
    if status == TRANSFERRED:
        if "membri_syncreference" not in changes:
            yield "status_without_reference", f"{table.name} set to transferred without a reference"
        elif is_placeholder(changes["membri_syncreference"]):
            reference = changes["membri_syncreference"]
            yield "placeholder_reference", f"{table.name} transferred with {reference!r}"
    if status == IN_ERROR and not str(changes.get("membri_syncerror") or "").strip():
        yield "error_without_text", f"{table.name} set to error without a text"


def is_placeholder(reference: object) -> bool:
    """Whether a reference names nothing in the books."""
    return not isinstance(reference, str) or _PLACEHOLDER.fullmatch(reference.strip()) is not None
