"""Keeps a set of child processes running, in one thread.

In: `Child` values in the order in which they depend on each other. Out: `Event`s (what happened,
and every line the children write) and at the end an `Ended`. Children start in order, each after
the one before it is ready; one that ends is started again after a growing, jittered delay; at the
end they stop in reverse order, by TERM, then KILL. Refuses: to run outside the main thread
(ValueError from `signal`), and two children of one name.

Each child leads its own session, so a terminal's Ctrl-C reaches the supervisor alone, and is killed
by the kernel when the supervisor dies (see `ops.lifeline`). What a child leaves behind in its
process group is killed with it. Idle, the supervisor sleeps in one `select`.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Literal

from ops.lifeline import tied_to_this_process

READY_POLL_S = 0.1
UNTIL_POLL_S = 1.0
IDLE_S_MAX = 60.0
LINE_BYTES_MAX = 64 * 1024

EventKind = Literal["started", "ready", "line", "exited", "restarting", "stopping", "killed"]


@dataclass(frozen=True)
class Child:
    """A program to keep running.

    `env` is its whole environment (None: ours). `ready` is polled until true before the next child
    starts, for at most `ready_timeout_s`. `restart=False` is for a program that ends by itself.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: Path | None = None
    restart: bool = True
    ready: Callable[[], bool] | None = None
    ready_timeout_s: float = 120.0
    stop_grace_s: float = 15.0
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Event:
    """One thing that happened to a child. `code` is negative for a signal, as in subprocess."""

    kind: EventKind
    child: str
    pid: int | None = None
    line: str = ""
    code: int | None = None
    delay_s: float | None = None


@dataclass(frozen=True)
class Ended:
    """Why the supervisor stopped.

    `signal`: it was told to; `condition`: `until` came true; `not_ready`: `child` was not ready in
    time, or ended first with no restart; `all_exited`: nothing is left to run.
    """

    reason: Literal["signal", "condition", "not_ready", "all_exited"]
    signum: int | None = None
    child: str | None = None


@dataclass(frozen=True)
class Backoff:
    """How long to wait before the nth start in a row; a child up for `steady_s` starts afresh."""

    first_s: float = 0.5
    max_s: float = 30.0
    steady_s: float = 10.0

    def delay_s(self, failure_count: int, jitter: float) -> float:
        """Between half and the whole of the doubled delay; `jitter` is in [0, 1)."""
        doublings = min(failure_count - 1, 30)
        return min(self.max_s, self.first_s * 2.0**doublings) * (0.5 + jitter / 2)


@dataclass
class _Run:
    """The state of one child."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    failure_count: int = 0
    unfinished_line: bytes = b""


class Supervisor:
    """Runs children until a signal or a condition. One `run` at a time, in the main thread."""

    def __init__(
        self,
        on_event: Callable[[Event], None],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._on_event = on_event
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._jitter = jitter
        self._runs: list[_Run] = []
        self._selector: selectors.BaseSelector  # of the current run
        self._signum: int | None = None
        self._signal_count = 0

    def run(self, children: Sequence[Child], *, until: Callable[[], bool] | None = None) -> Ended:
        """Start `children` in order, keep them running, stop them all; say why.

        `until` is asked after every event and once a second; when it is true everything stops.
        Whatever this raises, no child is left.
        """
        if len({child.name for child in children}) != len(children):
            raise ValueError("two children of one name")
        self._runs = []
        self._signum, self._signal_count = None, 0
        with selectors.DefaultSelector() as self._selector, self._signals():
            try:
                ended = self._bring_up(children, until)
                return ended or self._watch(until)
            finally:
                try:
                    self._stop_all()
                finally:
                    self._kill_what_is_left()

    def _bring_up(
        self, children: Sequence[Child], until: Callable[[], bool] | None
    ) -> Ended | None:
        for child in children:
            run = _Run(child)
            self._runs.append(run)
            self._start(run)
            deadline = self._clock() + child.ready_timeout_s
            while child.ready is not None and not child.ready():
                if ended := self._ended(until):
                    return ended
                gone = run.process is None and run.restart_at is None
                if gone or self._clock() > deadline:
                    return Ended("not_ready", child=child.name)
                self._turn(READY_POLL_S)
            if child.ready is not None:
                self._tell("ready", run)
            if ended := self._ended(until):
                return ended
        return None

    def _watch(self, until: Callable[[], bool] | None) -> Ended:
        wait_s = IDLE_S_MAX if until is None else UNTIL_POLL_S
        while True:
            if ended := self._ended(until):
                return ended
            if all(run.process is None and run.restart_at is None for run in self._runs):
                return Ended("all_exited")
            self._turn(wait_s)

    def _ended(self, until: Callable[[], bool] | None) -> Ended | None:
        if self._signum is not None:
            return Ended("signal", signum=self._signum)
        if until is not None and until():
            return Ended("condition")
        return None

    def _turn(self, wait_s: float, *, restart: bool = True) -> None:
        """Sleep until something happens, at most `wait_s`; then deal with all that did."""
        due = [run.restart_at for run in self._runs if run.restart_at is not None]
        if restart and due:
            wait_s = min(wait_s, max(0.0, min(due) - self._clock()))
        for key, _ in self._selector.select(wait_s):
            if isinstance(key.data, _Run):
                self._read(key.data)
            else:
                os.read(key.fd, 4096)
        for run in self._runs:
            if run.process is not None and _has_exited(run.process.pid):
                self._bury(run, restart=restart)
            if restart and run.restart_at is not None and run.restart_at <= self._clock():
                self._start(run)

    def _start(self, run: _Run) -> None:
        run.restart_at = None
        run.unfinished_line = b""
        run.process = subprocess.Popen(  # noqa: S603 - what the composition root asked for
            tied_to_this_process(run.child.argv),
            env=run.child.env,
            cwd=run.child.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        run.started_at = self._clock()
        output = _output(run.process)
        os.set_blocking(output.fileno(), False)
        self._selector.register(output, selectors.EVENT_READ, run)
        self._tell("started", run)

    def _read(self, run: _Run) -> bool:
        """Pass on what the child wrote; False when there is nothing now."""
        if run.process is None:
            return False
        output = _output(run.process)
        try:
            chunk = os.read(output.fileno(), LINE_BYTES_MAX)
        except BlockingIOError:
            return False
        if chunk == b"":
            # Closed, though the process may live on; its end is noticed by SIGCHLD.
            with contextlib.suppress(KeyError):
                self._selector.unregister(output)
            return False
        *lines, rest = (run.unfinished_line + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            lines, rest = [*lines, rest], b""
        run.unfinished_line = rest
        for line in lines:
            self._tell("line", run, line=line.decode(errors="replace").rstrip("\r"))
        return True

    def _bury(self, run: _Run, *, restart: bool) -> None:
        """Sweep up after a child that ended, and decide when it starts again."""
        process = run.process
        if process is None:
            return
        _kill_group(process.pid)  # not reaped yet, so the group id is still its own
        while self._read(run):
            pass
        if run.unfinished_line:
            self._tell("line", run, line=run.unfinished_line.decode(errors="replace"))
        output = _output(process)
        with contextlib.suppress(KeyError):
            self._selector.unregister(output)
        output.close()
        code = process.wait()
        self._tell("exited", run, code=code)
        run.process = None
        if restart and run.child.restart:
            self._plan_restart(run)

    def _plan_restart(self, run: _Run) -> None:
        if self._clock() - run.started_at >= self._backoff.steady_s:
            run.failure_count = 0
        run.failure_count += 1
        delay_s = self._backoff.delay_s(run.failure_count, self._jitter())
        run.restart_at = self._clock() + delay_s
        self._tell("restarting", run, delay_s=delay_s)

    def _stop_all(self) -> None:
        """The last started stops first; a further signal cuts the waiting short."""
        patience = self._signal_count
        for run in reversed(self._runs):
            run.restart_at = None
            if run.process is None:
                continue
            self._tell("stopping", run)
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.process.pid, run.child.stop_signal)
            deadline = time.monotonic() + run.child.stop_grace_s
            while run.process is not None and self._signal_count == patience:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._turn(left_s, restart=False)
            if run.process is not None:
                self._tell("killed", run)
                _kill_group(run.process.pid)
            while run.process is not None:
                self._turn(IDLE_S_MAX, restart=False)

    def _kill_what_is_left(self) -> None:
        """Nothing, unless the listener raised while we were stopping."""
        for run in self._runs:
            if run.process is not None:
                _kill_group(run.process.pid)
                run.process.wait()
                _output(run.process).close()
                run.process = None

    def _tell(
        self,
        kind: EventKind,
        run: _Run,
        *,
        line: str = "",
        code: int | None = None,
        delay_s: float | None = None,
    ) -> None:
        pid = run.process.pid if run.process is not None else None
        self._on_event(Event(kind, run.child.name, pid, line, code, delay_s))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """TERM and INT are noted; they and SIGCHLD wake the `select` through a pipe."""

        def note(signum: int, _frame: FrameType | None) -> None:
            self._signum = signum
            self._signal_count += 1

        def wake(_signum: int, _frame: FrameType | None) -> None:
            """Only there so that the wake-up pipe is written."""

        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        wanted = {signal.SIGTERM: note, signal.SIGINT: note, signal.SIGCHLD: wake}
        before = {signum: signal.signal(signum, handler) for signum, handler in wanted.items()}
        old_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ)
        try:
            yield
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for signum, handler in before.items():
                signal.signal(signum, handler)
            os.close(reader)
            os.close(writer)


def line_printer(stream: IO[str] | None = None) -> Callable[[Event], None]:
    """An `on_event` that writes one prefixed line an event, to standard error by default."""

    def write(event: Event) -> None:
        out = stream or sys.stderr
        out.write(f"{event.child:<14} | {_in_words(event)}\n")
        out.flush()

    return write


def _in_words(event: Event) -> str:
    match event.kind:
        case "line":
            return event.line
        case "started":
            return f"started, process {event.pid}"
        case "exited":
            return f"ended with code {event.code}"
        case "restarting":
            return f"starts again in {event.delay_s:.1f} s"
        case _:
            return event.kind.replace("_", " ")


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise RuntimeError("child was started without a pipe")
    return process.stdout


def _has_exited(pid: int) -> bool:
    """Whether our child ended, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
