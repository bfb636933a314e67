"""The cycle collector of long-running roles."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from ops.collector import YOUNG_MAX, spare_the_collector
spare_the_collector()
assert gc.isenabled(), "cycles are still collected"
assert gc.get_threshold()[0] == YOUNG_MAX
assert gc.get_freeze_count() > 0
"""


def test_cycles_are_still_collected_only_more_rarely() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
