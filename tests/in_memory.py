"""Where tests put files that cost more on a slow disk than the work that is tested.

In: the room that is needed. Out: a directory in memory with that room, or None, which `tempfile`
takes for the system's own. What a killed process wrote is kept in both; only the loss of power is
not played here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - callers make a directory of their own in it


def directory_with(free_bytes: int) -> Path | None:
    """A directory in memory with this many bytes free, else None."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free >= free_bytes:
        return _SHARED_MEMORY
    return None
