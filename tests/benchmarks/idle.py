"""How much of a processor an `up` with nothing to do uses, process by process.

    python tests/benchmarks/idle.py [--json] [--seconds N]

What goes out: percent of one core for each process of the tree (supervisor, private RabbitMQ node,
poller, settler, consumers, overview), and their sum. The sandbox that stands for the outside world
runs beside and is not counted. Everything was transferred before the counting starts.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run by its path
    sys.path.insert(0, str(ROOT))

from ops.sandbox.run import SANDBOX_FILE, write_configuration  # noqa: E402 - after the path set above
from tests.benchmarks.processes import Process, cpu_s, machine  # noqa: E402

SECONDS = 120.0
SETTLE_S = 90.0
"""Until the world has moved and the poller has slowed down to its idle pace."""
AIM_PERCENT = 3.0
_COMMAND_WORDS = ("up", "overview", "poll", "settle", "consume")


def measure(seconds: float, settle_s: float, folder: Path) -> dict[str, object]:
    """Percent of one core by process name."""
    world = Process(
        *("-m", "ops.sandbox.run", "--folder", str(folder), "--world", "tiny"),
        log=folder / "sandbox.log",
    )
    try:
        while not (folder / SANDBOX_FILE).exists():
            if not world.alive():
                raise RuntimeError(world.log())
            time.sleep(0.2)
        file = write_configuration(folder, metrics_port=0)
        # The sandbox's configuration polls every second; what is measured is the default.
        lines = file.read_text(encoding="utf-8").splitlines()
        kept = [
            line for line in lines if not line.startswith(("poll_interval_s", "sweep_interval"))
        ]
        kept += ["[broker]", 'folder = "state/broker"']
        file.write_text("\n".join(kept), encoding="utf-8")
        fleet = Process("-m", "ops.cli", "--config", str(file), "up", log=folder / "up.log")
        try:
            time.sleep(settle_s)
            return _counted(fleet, seconds)
        finally:
            os.kill(fleet.pid, signal.SIGTERM)
            fleet.end()
    finally:
        world.end()


def _counted(fleet: Process, seconds: float) -> dict[str, object]:
    pids = [fleet.pid, *_descendants(fleet.pid)]
    names = {pid: _name(pid) for pid in pids}
    before = {pid: cpu_s(pid) for pid in pids}
    started_at = time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - started_at
    if not fleet.alive() or set(_descendants(fleet.pid)) - set(pids):
        raise RuntimeError(f"processes came or went: {fleet.log()}")
    percent: dict[str, float] = {}
    for pid in pids:
        used = 100 * (cpu_s(pid) - before[pid]) / elapsed_s
        percent[names[pid]] = round(percent.get(names[pid], 0.0) + used, 3)
    return {
        "percent_of_a_core": dict(sorted(percent.items(), key=lambda item: -item[1])),
        "total_percent": round(sum(percent.values()), 2),
        "seconds": round(elapsed_s, 1),
        "machine": machine(),
    }


def _descendants(pid: int) -> list[int]:
    """Children of all threads (/proc/PID/task/TID/children, proc(5)), and theirs."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _name(pid: int) -> str:
    """What a process is in our words: its role, or its program."""
    words = [w for w in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if w]
    if "ops.cli" in words:
        at = next((i for i, word in enumerate(words) if word in _COMMAND_WORDS), len(words) - 1)
        return " ".join(words[at:])
    if "ops.broker.node" in words:
        return "broker (ours)"
    return Path(words[0]).name if words else str(pid)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long to count")
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="how long to wait first")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = measure(options.seconds, options.settle, Path(folder))
    if options.json:
        print(json.dumps(figures))
        return
    print(f"idle for {figures['seconds']} s, {figures['machine']}")
    found = figures["percent_of_a_core"]
    if isinstance(found, dict):
        for name, percent in found.items():
            print(f"{name:<24}{percent:>8.3f} %")
    print(f"{'total':<24}{figures['total_percent']:>8} %   (aim: below {AIM_PERCENT} %)")


if __name__ == "__main__":
    main()
