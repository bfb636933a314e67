"""A private broker and processes of ours to measure with, all of them ended at the end.

What comes in: command lines. What goes out: lines that a process writes, figures of /proc. Nothing
is left running, whatever ends the benchmark.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from ops.broker.node import PrivateNode
from ops.lifeline import tied_to_this_process
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import topology

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def private_broker(folder: Path, chapters: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The address of a node with the topology of these (system, chapter) pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.log").open("wb") as output, PrivateNode(folder, output=output) as node:
        RabbitBroker(node.url, client_name="benchmark").apply(topology(list(chapters)))
        yield node.url


class Process:
    """A child of ours that speaks in lines: it is told things on stdin, it answers on stdout."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._popen = subprocess.Popen(
                tied_to_this_process([sys.executable, *arguments]),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": _python_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def alive(self) -> bool:
        return self._popen.poll() is None

    def log(self) -> str:
        """The end of what it wrote on stderr."""
        return self._log.read_text(errors="replace")[-2000:]

    def tell(self, line: str) -> None:
        stream = cast("TextIO", self._popen.stdin)
        stream.write(line + "\n")
        stream.flush()

    def hear(self) -> Any:
        """The next line, as JSON. Raises RuntimeError with its log when it ended instead."""
        line = cast("TextIO", self._popen.stdout).readline()
        if not line:
            raise RuntimeError(f"a process of the benchmark ended: {self.log()}")
        return json.loads(line)

    def end(self) -> None:
        """SIGTERM, then SIGKILL."""
        with self._popen:
            self._popen.terminate()
            try:
                self._popen.wait(20)
            except subprocess.TimeoutExpired:
                self._popen.kill()


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process ever had in RAM (VmHWM of proc(5)), in MB of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"the kernel does not say how much memory {pid} had")


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used (utime and stime of proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """What the figures were measured on, in one line."""
    info = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    return f"{os.cpu_count()} × {names[0] if names else 'unknown processor'}, Python {_python()}"


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))
