"""The tokens of one company: read from their file, renewed by one at a time, written before use.

What comes in: the token file that `membri-sync authorize` wrote, and the vendor's own way of
renewing. What goes out: an access token with some life in it. Refused: a file of another company,
a grant that the vendor no longer honours (a person must authorise again).

Each renewal may replace the refresh token, and the former one must be taken for dead at once. So
one renewal runs at a time, across processes too (a lock file), the file is read again under the
lock, and the new tokens are on disk, mode 0600, before anyone uses them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from consumers.errors import Unavailable
from schemas.reasons import SystemReason
from schemas.sentences import say

if sys.platform == "win32":
    import msvcrt

    def _take(lock: IO[str]) -> None:
        """Raises OSError while another process holds it; ends with the process."""
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(lock: IO[str]) -> None:
        """Raises OSError while another process holds it; ends with the process."""
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOCK_POLL_S = 0.05
_ROOM = 16_384
"""Characters of a token file at most: two tokens of 4096, and what stands around them."""


class NoReply(Exception):
    """The token request may or may not have been carried out."""


class DeadGrant(Exception):
    """The vendor no longer honours the refresh token or the code: a person must authorise anew."""


@dataclass(frozen=True)
class Token:
    """What the token file holds. Times in epoch seconds, 0 when unknown. `realm_id`: the company
    that the tokens open, empty where they open all that a user sees."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int
    refresh_expires_at: int
    realm_id: str = ""


def read_token(path: Path) -> Token:
    """Raises ValueError when the file is not a token file, OSError when it cannot be read."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or not values.get("refresh_token"):
        raise ValueError("no refresh_token in it")
    return Token(
        access_token=str(values.get("access_token") or ""),
        refresh_token=str(values["refresh_token"]),
        expires_at=_epoch(values.get("expires_at")),
        refresh_expires_at=_epoch(values.get("refresh_expires_at")),
        realm_id=str(values.get("realm_id") or ""),
    )


def _epoch(value: Any) -> int:
    """Epoch seconds from a number or an ISO date; 0 when absent."""
    if not value:
        return 0
    if isinstance(value, str) and not value.isdigit():
        moment = dt.datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    return int(value)


class Place:
    """Room made for a new token file, before the tokens that it will hold are asked for.

    Made first so that a full or read-only disk is known before the vendor replaces the old tokens.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when nothing can be written there."""
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        self._draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.fdopen(os.open(self._draft, flags, 0o600), "w", encoding="utf-8")
        try:
            self._file.write(" " * _ROOM)  # an empty file fits on a full disk, tokens do not
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self.clear()
            raise

    def fill(self, token: Token) -> None:
        """Durable when it returns."""
        self._file.seek(0)
        json.dump(asdict(token), self._file)
        self._file.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._path)
        if sys.platform != "win32":  # there a folder cannot be opened, nor needs it
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def clear(self) -> None:
        """Leaves no draft behind; harmless after `fill`."""
        with contextlib.suppress(OSError):  # what could not be written is given up
            self._file.close()
        self._draft.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path: Path, wait_max_s: float) -> Iterator[None]:
    """Nobody else renews the tokens of `path` inside, in any process.

    Raises Unavailable after `wait_max_s` seconds.
    """
    give_up_at = time.monotonic() + wait_max_s
    with path.with_name(f".{path.name}.lock").open("a", encoding="utf-8") as lock:
        while True:
            try:
                _take(lock)
                break
            except OSError as error:
                if time.monotonic() > give_up_at:
                    raise Unavailable(
                        SystemReason.UNREACHABLE,
                        say("{file}: another process is renewing the tokens", file=path),
                    ) from error
                time.sleep(_LOCK_POLL_S)
        yield


Renew = Callable[[Token], Token]
"""Asks the vendor for tokens in exchange for those given. Raises DeadGrant, NoReply, Unavailable;
the answer must not be used before it is on disk."""


class Tokens:
    """The tokens of one company, shared by the threads of this process."""

    def __init__(
        self,
        chapter: str,
        path: Path,
        renew: Renew,
        *,
        service: str,
        company: str = "",
        renew_before_s: float,
        wait_max_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`service`: who renews, as people call it. `company`: whose file it must be, empty for
        any. `renew_before_s`: least life of a token that is given. `wait_max_s`: longest wait for
        another thread or process that renews."""
        self._chapter = chapter
        self._path = path
        self._ask_vendor = renew
        self._service = service
        self._company = company
        self._renew_before_s = renew_before_s
        self._wait_max_s = wait_max_s
        self._clock = clock
        self._lock = threading.Lock()
        self._dead = ""
        self._read: tuple[tuple[int, int, int], Token] | None = None

    def current(self) -> Token:
        """An access token with life in it. Raises Unavailable."""
        token = self._on_disk()
        if token.access_token and token.expires_at - self._clock() >= self._renew_before_s:
            return token
        try:
            return self._renew(token.access_token)
        except Unavailable as error:
            unreached = error.reason in (SystemReason.UNREACHABLE, SystemReason.THROTTLED)
            if unreached and token.access_token and token.expires_at > self._clock():
                return token  # it lives a little more; the next call tries again
            raise

    def renewed(self, refused: str) -> Token:
        """Another token than `refused`, which the vendor just answered with 401."""
        return self._renew(refused)

    def authorised_until(self) -> dt.datetime | None:
        """When a person must have authorised again, if nothing renews the tokens before."""
        until = self._on_disk().refresh_expires_at
        return dt.datetime.fromtimestamp(until, dt.UTC) if until else None

    def secrets(self) -> tuple[str, ...]:
        """What must never appear in a text."""
        token = self._read[1] if self._read else None
        return (token.access_token, token.refresh_token) if token else ()

    def _on_disk(self) -> Token:
        """The file's content; read again only when the file changed."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            held = self._read
            if held is None or held[0] != stamp:
                held = (stamp, read_token(self._path))
                self._read = held
        except FileNotFoundError as error:
            raise self._unauthorised(say("no token file {file}", file=self._path)) from error
        except (OSError, ValueError) as error:
            detail = say("token file {file}: {error}", file=self._path, error=type(error).__name__)
            raise self._unauthorised(detail) from error
        company = self._company
        if company and held[1].realm_id and company != held[1].realm_id:
            raise Unavailable(
                SystemReason.MISCONFIGURED,
                say(
                    "token file {file} is of company {found}, not of {expected}",
                    file=self._path,
                    found=held[1].realm_id,
                    expected=company,
                ),
            )
        return held[1]

    def _renew(self, used: str) -> Token:
        with self._alone():
            token = self._on_disk()
            fresh = token.expires_at - self._clock() >= self._renew_before_s
            if token.access_token and token.access_token != used and fresh:
                return token  # another thread, process or person was faster
            if token.refresh_token == self._dead:
                raise self._unauthorised(
                    say(
                        "{service} refused the refresh token (invalid_grant)", service=self._service
                    )
                )
            return self._ask(token)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        give_up_at = time.monotonic() + self._wait_max_s
        if not self._lock.acquire(timeout=self._wait_max_s):
            raise Unavailable(
                SystemReason.UNREACHABLE,
                say("{service} has not renewed the tokens yet", service=self._service),
            )
        try:
            with alone(self._path, max(0.0, give_up_at - time.monotonic())):
                yield
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._lock.release()

    def _ask(self, token: Token) -> Token:
        place = Place(self._path)
        try:
            place.fill(self._ask_vendor(token))
        except DeadGrant as error:
            self._dead = token.refresh_token
            raise self._unauthorised(
                say(
                    "{service} refused the refresh token: {error}",
                    service=self._service,
                    error=error,
                )
            ) from error
        except NoReply as error:
            # The old token is tried again next time: if it was replaced, the vendor says so then.
            raise Unavailable(
                SystemReason.UNREACHABLE,
                say("no usable answer of the token service: {error}", error=error),
            ) from error
        finally:
            place.clear()
        return self._on_disk()

    def _unauthorised(self, why: str) -> Unavailable:
        return Unavailable(
            SystemReason.UNAUTHORISED,
            say(
                "{why}; run `{command}`", why=why, command=f"membri-sync authorize {self._chapter}"
            ),
        )

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(
            SystemReason.MISCONFIGURED,
            say(
                "token file {file} cannot be written: {error}",
                file=self._path,
                error=type(error).__name__,
            ),
        )
