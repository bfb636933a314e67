"""What the end-to-end tests share: real processes, a real broker, the sandbox over TLS.

In: a folder. Out: a running sandbox with a configuration that points at it, the command line as a
person types it, and what /proc says of processes and ports. Refused: a machine without /proc.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ops import settings as config
from ops import wiring
from ops.dead_letters import DeadLetters
from ops.sandbox import run as sandbox_run
from ops.sandbox.world import DEFAULT_SYSTEMS, World, build
from ops.sandbox.world.live import Admin
from ops.sandbox.world.membri_rows import STATUS
from ops.settings import Settings
from schemas.wire.rabbit import RabbitBroker

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120.0
TO_TRANSFER, TRANSFERRED = STATUS["to_transfer"], STATUS["transferred"]
ON_HOLD, TRANSFER_ERROR = STATUS["on_hold"], STATUS["transfer_error"]
PRIMARY = {"account": "accountid", "invoice": "invoiceid", "membri_payment": "membri_paymentid"}


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change the configuration under test."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEMBRI_SYNC")}
    return {**kept, "COLUMNS": "200", "LC_ALL": "en_CA.UTF-8", **more}


def eventually(holds: Callable[[], Any], what: str, *, within_s: float = PATIENCE_S) -> Any:
    """The first true answer of `holds`. Fails, naming `what`, when there is none for long."""
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.1)
    return found


@dataclasses.dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one document on stdout; anything beside it fails."""
        return json.loads(self.out)

    def expect(self, code: int) -> Self:
        assert self.code == code, f"exit {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"
        return self


def membri_sync(
    *arguments: str, typed: str = "", variables: Mapping[str, str] | None = None
) -> Ran:
    """`membri-sync ARGUMENTS`, as a process of its own, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        cwd=ROOT,
        env=environment(**(variables or {})),
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


class Started:
    """A long-running program, its lines in a file; ended by its id."""

    def __init__(self, argv: list[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    def lines(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def said(self, words: str) -> bool:
        return words in self.lines()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        self.kill()


def start_role(*arguments: str, log: Path) -> Started:
    """A role that goes on, such as `consume montreal`."""
    return Started([sys.executable, "-m", "ops.cli", *arguments], log)


class Rehearsal:
    """A sandbox in a folder, a configuration that points at it, and whoever acts on both."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        *,
        world: str = "tiny",
        systems: Sequence[str] = DEFAULT_SYSTEMS,
    ) -> None:
        self.folder = folder
        self.broker_url = broker_url
        self.world: World = build(world, 1, systems)
        self._world_name = world
        self._systems = systems
        self._sandbox: Started | None = None
        self.start_sandbox()
        self.file = sandbox_run.write_configuration(folder, broker_url, metrics_port=0)

    # --- the sandbox ----------------------------------------------------------------------------

    def start_sandbox(self) -> None:
        argv = [sys.executable, "-m", "ops.sandbox.run", "--folder", str(self.folder)]
        argv += [word for system in self._systems for word in ("--system", system)]
        self._sandbox = Started([*argv, "--world", self._world_name], self.folder / "sandbox.log")
        eventually(self._answers, "the sandbox answers")

    def stop_sandbox(self) -> None:
        if self._sandbox is not None:
            self._sandbox.stop()

    def _answers(self) -> bool:
        assert self._sandbox is not None
        assert self._sandbox.process.poll() is None, self._sandbox.lines()
        try:
            sandbox_run.offences(self.folder)
        except (OSError, ValueError):
            return False
        return True

    @property
    def membri(self) -> Admin:
        return Admin(sandbox_run.read_sandbox(self.folder)["membri"]["admin_url"])

    @property
    def quickbooks(self) -> Admin:
        return self.books_of("quickbooks_online")

    def books_of(self, system: str) -> Admin:
        """The admin port of an accounting system."""
        return Admin(sandbox_run.read_sandbox(self.folder)[system]["admin_url"])

    def described(self) -> dict[str, Any]:
        return sandbox_run.read_sandbox(self.folder)

    def person(self, table: str, record_id: str, **columns: Any) -> None:
        """A person changes a row in Membri."""
        self.membri.send("/person", {"table": table, "id": record_id, "set": columns})

    def row(self, table: str, record_id: str) -> dict[str, Any]:
        """A row of Membri as it is now."""
        return next(r for r in self.membri.rows(table) if r[PRIMARY[table]] == record_id)

    def case(self, chapter: str, name: str, index: int = 0) -> str:
        """The record of a situation of the world."""
        return self.world.cases[chapter][name][index]

    def differences(self) -> list[str]:
        return sandbox_run.differences(self.folder)

    def offences(self) -> list[dict[str, Any]]:
        return sandbox_run.offences(self.folder)

    # --- the program ----------------------------------------------------------------------------

    def run(self, *arguments: str, typed: str = "", **variables: str) -> Ran:
        """`membri-sync --config … ARGUMENTS` to its end."""
        return membri_sync("--config", str(self.file), *arguments, typed=typed, variables=variables)

    def start(self, *arguments: str, name: str) -> Started:
        """A role of this configuration that goes on; its lines go to `<name>.log`."""
        log = self.folder / f"{name}.log"
        return start_role("--config", str(self.file), *arguments, log=log)

    def settings(self) -> Settings:
        return config.load(self.file, {})

    def broker(self) -> RabbitBroker:
        return wiring.broker(self.settings(), "test")

    def letters(self) -> DeadLetters:
        return DeadLetters(self.broker(), self._systems)

    def rewrite(self, before: str, after: str) -> None:
        """A person edits the configuration."""
        text = self.file.read_text(encoding="utf-8")
        assert before in text, f"{before!r} is not in the configuration"
        self.file.write_text(text.replace(before, after), encoding="utf-8")


@contextlib.contextmanager
def rehearsal(
    folder: Path,
    broker_url: str,
    *,
    world: str = "tiny",
    systems: Sequence[str] = DEFAULT_SYSTEMS,
) -> Iterator[Rehearsal]:
    """A rehearsal, its sandbox ended whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Rehearsal(folder, broker_url, world=world, systems=systems)
    try:
        yield one
    finally:
        one.stop_sandbox()


# --- what /proc says --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Process:
    """A process as /proc shows it. `command`: its words, joined by spaces."""

    pid: int
    command: str

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[Process]:
    """Living processes whose command, environment or working directory names `folder`."""
    needle = str(folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            words = [
                command,
                (entry / "environ").read_bytes(),
                bytes((entry / "cwd").readlink()),
            ]
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            continue  # gone meanwhile, or another user's
        if state != "Z" and any(needle in text for text in words):
            text = command.replace(b"\0", b" ").decode(errors="replace").strip()
            found.append(Process(int(entry.name), text))
    return found


def listening_addresses(pids: list[int]) -> list[tuple[str, int]]:
    """Hexadecimal local addresses (as in /proc/net/tcp) and ports where these processes listen."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for handle in (Path("/proc") / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(str(handle.readlink()))
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            listens = words[3] == "0A"  # TCP_LISTEN, include/net/tcp_states.h of Linux
            if listens and f"socket:[{words[9]}]" in inodes:
                address, _, port = words[1].partition(":")
                found.append((address, int(port, 16)))
    return found


LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
"""127.0.0.1, ::1 and 127.0.0.1 in IPv6, as /proc/net writes them on little-endian machines."""
