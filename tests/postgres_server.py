"""A private PostgreSQL server for tests: a child process in a directory of its own, on loopback.

In: nothing but Debian's package `postgresql` (its programs, not its service). Out: databases, each
with a name of its own. Refuses to run without the programs: a skipped database is an untested one.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ops.lifeline import tied_to_this_process
from tests.in_memory import directory_with

PASSWORD = "a-password-nobody-may-see"
_USER = "membri"
_START_S = 60
# A run leaves some dozens of databases of 8 MB behind; on a slow disk their files cost most of it.
_ROOM_BYTES = 4 * 1024**3


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    program = str(found[0]) if found else shutil.which(name)
    if program is None:
        raise RuntimeError(f"{name} is missing: apt-get install postgresql")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrivatePostgres:
    """One cluster. It keeps its port and its data over `stop` and `start`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._data = home / "data"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        password_file = home / "password"
        password_file.write_text(PASSWORD)
        # PostgreSQL refuses to run as root.
        self._unprivileged = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
        if self._unprivileged:
            shutil.chown(home, **self._unprivileged)
            shutil.chown(password_file, **self._unprivileged)
        self._run([
            *(_program("initdb"), "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"--username={_USER}"),
            *("-D", str(self._data)),
        ])  # fmt: skip

    def _run(self, argv: Sequence[str]) -> None:
        done = subprocess.run(
            argv,
            capture_output=True,
            cwd=self._home,
            check=False,
            extra_groups=[] if self._unprivileged else None,
            **self._unprivileged,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # Every session that forgets to say otherwise would notice in the crash tests.
            "synchronous_commit": "off",
            "max_wal_size": "64MB",
        }
        settings = [part for name, text in options.items() for part in ("-c", f"{name}={text}")]
        command = [_program("postgres"), "-D", str(self._data), "-p", str(self._port), *settings]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                tied_to_this_process(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                extra_groups=[] if self._unprivileged else None,
                **self._unprivileged,
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        gives_up_at = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self._conninfo("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > gives_up_at:
                    raise RuntimeError((self._home / "server.log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends all sessions and closes cleanly, SIGQUIT leaves at once as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger_{next(self._numbers)}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://{_USER}:{PASSWORD}@127.0.0.1:{self._port}/{name}"

    def _conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self._port, user=_USER, password=PASSWORD, dbname=database
        )


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """A running server, gone with its directory at the end."""
    # Not under pytest's directory: that one is closed to the user the server runs as.
    home = Path(tempfile.mkdtemp(prefix="ledger-postgres-", dir=directory_with(_ROOM_BYTES)))
    try:
        server = PrivatePostgres(home)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # nobody reads its data again: no last checkpoint
    finally:
        shutil.rmtree(home)
