"""The lease on a chapter's books: who may send, and until when.

A process that was frozen and wakes finds its lease ended and starts no call; a successor waits for
that end plus the longest call, unless the former holder ran on this machine and is dead.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from consumers.ledger.port import Lease, LeaseLost, Ledger, LedgerUnavailable

log = logging.getLogger(__name__)


class HeldLease:
    """A lease renewed by a thread of its own for as long as it can be."""

    def __init__(
        self,
        ledger: Ledger,
        lease: Lease,
        *,
        ttl_s: float,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lease` was taken just now. `monotonic` bounds it as well: a clock that is set back
        while the process is frozen must not make a lease that ended look alive."""
        self._ledger = ledger
        self._ttl_s = ttl_s
        self._now = now
        self._monotonic = monotonic
        # One value, so that a reader never sees the end of one renewal with that of another.
        self._held = (lease, monotonic() + ttl_s)
        self._stop = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def current(self) -> Lease:
        """The lease while it lasts. Raises LeaseLost at or after its end."""
        lease, end = self._held
        if self._lost or self._now() >= lease.until or self._monotonic() >= end:
            raise LeaseLost(f"the lease of {lease.owner} ended")
        return lease

    def close(self) -> None:
        """Gives the lease back, so that a successor need not wait."""
        self._stop.set()
        self._thread.join(timeout=self._ttl_s)
        try:
            self._ledger.release_lease(self._held[0])
        except LedgerUnavailable as error:
            log.warning("the lease was not given back; it ends by itself: %s", error)

    def _renew(self) -> None:
        while not self._stop.wait(self._ttl_s / 3):
            asked_at = self._monotonic()
            try:
                lease = self._ledger.renew_lease(self._held[0], self._now(), self._ttl_s)
                self._held = (lease, asked_at + self._ttl_s)
            except LeaseLost:
                self._lost = True
                return
            except LedgerUnavailable as error:
                log.warning("the lease could not be renewed, trying again: %s", error)


def process_name() -> str:
    """This process, so that another one on this machine can tell whether it is still alive."""
    pid = os.getpid()
    return "|".join((socket.gethostname(), _boot_id(), _pid_space(), str(pid), _started(pid)))


def is_dead(owner: str) -> bool:
    """Whether the process of that name surely runs no more. False when it cannot be known.

    Host names are not unique (clones, containers): only the same boot of the same kernel and the
    same numbering of processes make its number mean anything here.
    """
    parts = owner.split("|")
    if len(parts) != 5 or not all(parts[1:]) or not parts[3].isdigit():
        return False
    _, boot, space, pid, started = parts
    return (boot, space) == (_boot_id(), _pid_space()) and _started(int(pid)) != started


def _pid_space() -> str:
    """The namespace that process numbers belong to (pid_namespaces(7)); empty when unknown."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux: nobody is ever declared dead
        return ""


def _started(pid: int) -> str:
    """The start time of a process in clock ticks, field 22 of /proc/PID/stat (proc(5)); empty when
    there is none, or when it is a zombie, which starts no call any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
