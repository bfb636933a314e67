"""A RabbitMQ node of our own, as a child process.

In: an empty or earlier used base directory. Out: a broker on loopback that comes back on the same
ports, with the same user and the same data, whatever way it ended; `NodeAddress` says where.
Refuses: to start without Debian's rabbitmq-server, or twice on one base directory.

Layout of the base directory: `node.json` (ports, user, password; mode 0600), `lock`, `home/` (the
Erlang cookie), `data/`, `log/`, and generated configuration. The upstream scripts below
/usr/lib/rabbitmq/bin are used, since the wrappers in /usr/sbin change user and directory.

`python -m ops.broker.node --base DIR` is the same node as a supervised process: it ends when
RabbitMQ ends, and RabbitMQ ends when it ends, also by SIGKILL.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Self

from ops.broker.layout import (
    BrokerNotInstalledError,
    BrokerStartError,
    NodeAddress,
    ServiceUser,
    environment,
    node_address,
    prepare,
    service_user,
)
from ops.broker.readiness import amqp_ready, port_is_free
from ops.lifeline import tied_to_this_process

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
START_TIMEOUT_S = 90.0
# A clean stop takes about 6 s with the management plugin (measured on 3.10.8: 5 of them fixed).
CLEAN_STOP_S = 30.0
CTL_TIMEOUT_S = 60.0
PORTS_FREED_S = 15.0
POLL_S = 0.1

_SYNC = "[dets:sync(Table) || Table <- dets:all()]."
# A queue whose name was lost (see keep_declarations) returns without a leader, and whoever consumes
# from it hangs for 65 s and is then thrown out. Queues that have a leader take no notice.
_ELECT = (
    "[ra:trigger_election(amqqueue:get_pid(Queue))"
    " || Queue <- rabbit_amqqueue:list_by_type(rabbit_quorum_queue)]."
)


class PrivateNode:
    """One RabbitMQ node, child of this process. Must be started from a thread that stays alive.

    Linux tells a child that its parent died when the *thread* that made it ends.
    """

    def __init__(self, base_dir: Path, *, output: IO[bytes] | int | None = None) -> None:
        self.base_dir = base_dir.resolve()
        self.address: NodeAddress = node_address(self.base_dir)
        self._output = output
        self._user: ServiceUser | None = None
        self._lock: IO[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._beam: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(clean=False)

    @property
    def url(self) -> str:
        """AMQP address of the default vhost, user and password included."""
        return self.address.url

    @property
    def management_url(self) -> str:
        """Base of the management HTTP API, without the password."""
        return self.address.management_url

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of RabbitMQ and its epmd, running or not."""
        return tuple(p.pid for p in (self._beam, self._epmd) if p is not None)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait until the AMQP handshake is answered.

        Raises BrokerNotInstalledError without the Debian package, BrokerStartError when the base
        directory is in use, a port is taken, or the node ends or stays silent for `timeout_s`.
        """
        if not (SCRIPTS / "rabbitmq-server").exists() or shutil.which("epmd") is None:
            raise BrokerNotInstalledError
        self._take_lock()
        known = (self.base_dir / "initialised").exists()
        try:
            self._wait_for_ports(deadline=time.monotonic() + PORTS_FREED_S)
            self._user = service_user(self.base_dir)
            prepare(self.base_dir, self.address, self._user)
            self._epmd = self._spawn(self._epmd_argv())
            self._beam = self._spawn([str(SCRIPTS / "rabbitmq-server")])
            self._wait_until_ready(deadline=time.monotonic() + timeout_s)
            if known:
                self.ctl("eval", _ELECT)
        except subprocess.SubprocessError as exc:
            self.stop(clean=False)
            raise BrokerStartError(f"the node in {self.base_dir} ended while starting") from exc
        except BaseException:
            self.stop(clean=False)
            raise
        (self.base_dir / "initialised").touch()

    def exited(self) -> bool:
        """Whether RabbitMQ or its epmd is no longer there."""
        return any(p is None or p.poll() is not None for p in (self._beam, self._epmd))

    def stop(self, *, clean: bool = True) -> None:
        """End the node: a clean stop takes about 6 s, the other is a SIGKILL. Repeatable."""
        if clean and self._beam is not None and self._beam.poll() is None:
            self._beam.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._beam.wait(CLEAN_STOP_S)
        for process in (self._beam, self._epmd):
            if process is not None:
                _kill_group(process)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self, *, clean: bool = False) -> None:
        """Stop and start again on the same ports and data."""
        self.stop(clean=clean)
        self.start()

    def ctl(self, *args: str) -> str:
        """Standard output of `rabbitmqctl ARGS`. Raises CalledProcessError."""
        return node_ctl(self.base_dir, *args)

    def _take_lock(self) -> None:
        lock = (self.base_dir / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.close()
            raise BrokerStartError(f"another node runs in {self.base_dir}") from exc
        self._lock = lock

    def _wait_for_ports(self, deadline: float) -> None:
        """A killed predecessor may still be letting go of them."""
        for port in self.address.ports:
            while not port_is_free(port):
                if time.monotonic() > deadline:
                    raise BrokerStartError(
                        f"port {port} of {self.base_dir / 'node.json'} is taken by another program"
                    )
                time.sleep(POLL_S)

    def _epmd_argv(self) -> list[str]:
        # In the foreground: Erlang would otherwise start one as a daemon that outlives us.
        port = str(self.address.epmd_port)
        return ["epmd", "-port", port, "-address", "127.0.0.1", "-relaxed_command_check"]

    def _spawn(self, argv: list[str]) -> subprocess.Popen[bytes]:
        user = self._user
        return subprocess.Popen(  # noqa: S603 - fixed programs
            tied_to_this_process(argv),
            env=environment(self.base_dir, self.address),
            cwd=self.base_dir,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT if self._output is not None else None,
            start_new_session=True,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=() if user else None,
        )

    def _wait_until_ready(self, deadline: float) -> None:
        while not amqp_ready(self.address.amqp_port):
            if self.exited():
                raise BrokerStartError(f"the node in {self.base_dir} ended while starting")
            if time.monotonic() > deadline:
                raise BrokerStartError(f"the node in {self.base_dir} did not answer in time")
            time.sleep(POLL_S)


def node_ctl(base_dir: Path, *args: str) -> str:
    """Standard output of `rabbitmqctl ARGS` for the node of `base_dir`, whoever runs it.

    Raises CalledProcessError when the node is not there or refuses, TimeoutExpired when it hangs.
    """
    address = node_address(base_dir)
    user = service_user(base_dir)
    answer = subprocess.run(  # noqa: S603 - fixed program, arguments are our own
        [str(SCRIPTS / "rabbitmqctl"), "-n", address.node_name, *args],
        env=environment(base_dir, address),
        cwd=base_dir,  # the node's own user may not be able to look into ours
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=() if user else None,
        check=True,
        capture_output=True,
        text=True,
        timeout=CTL_TIMEOUT_S,
    )
    return answer.stdout


def keep_declarations(base_dir: Path) -> None:
    """Make queues declared until now survive a SIGKILL of the node, contents included.

    Measured on 3.10.8: a quorum queue's name reaches the disk up to 3 s after its declaration (a
    delayed write of Erlang's dets). Killed in between, the node comes back with an empty queue,
    though its messages were confirmed. To be called after declaring, before the first message.
    Raises CalledProcessError when the node does not answer.
    """
    node_ctl(base_dir.resolve(), "eval", _SYNC)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Before wait(): as long as the leader is not reaped its group id cannot be someone else's.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_node(base_dir: Path, *, until_exit_of: int | None = None) -> int:
    """Run a node in the foreground until a signal (0), its own end (1) or the end of a process.

    `until_exit_of` is the id of a process the node shall not outlive (returns 0). SIGTERM stops
    the node cleanly; a second signal, or the end of the watched process, kills it.
    """
    node = PrivateNode(base_dir)
    with _signal_pipe() as wake, contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        selector.register(wake, selectors.EVENT_READ, "signal")
        if until_exit_of is not None:
            owner = os.pidfd_open(until_exit_of)
            stack.callback(os.close, owner)
            selector.register(owner, selectors.EVENT_READ, "owner")
        node.start()
        for pid in node.pids:
            pidfd = os.pidfd_open(pid)
            stack.callback(os.close, pidfd)
            selector.register(pidfd, selectors.EVENT_READ, "node")
        why = {key.data for key, _ in selector.select()}
        node.stop(clean=why == {"signal"})
    return 1 if "node" in why else 0


@contextlib.contextmanager
def _signal_pipe() -> Iterator[int]:
    """A descriptor that becomes readable at SIGTERM or SIGINT; the second one ends us at once."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def note(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        with contextlib.suppress(BlockingIOError):
            os.write(writer, b"!")

    before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reader
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        os.close(reader)
        os.close(writer)


def main(argv: list[str] | None = None) -> int:
    """Command line of the supervised process. Exit 3: not installed or cannot start."""
    parser = argparse.ArgumentParser(prog="python -m ops.broker.node", description=main.__doc__)
    parser.add_argument("--base", type=Path, required=True, help="base directory of the node")
    parser.add_argument("--until-exit-of", type=int, help="end when this process id ends")
    options = parser.parse_args(argv)
    try:
        return run_node(options.base, until_exit_of=options.until_exit_of)
    except (BrokerNotInstalledError, BrokerStartError) as problem:
        print(problem, file=sys.stderr)
        return 3


if __name__ == "__main__":
    raise SystemExit(main())
