"""The tokens of one company: read from their file, renewed by one at a time, written before use.

What comes in: the token file that `membri-sync authorize` wrote. What goes out: an access token
good for five minutes at least. Refused: a file of another company, a grant that Intuit no longer
honours (a person must authorise again).

Each renewal may replace the refresh token, and the former one must be taken for dead at once. So
one renewal runs at a time, across processes too (a lock file), the file is read again under the
lock, and the new tokens are on disk, mode 0600, before anyone uses them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from consumers.errors import Unavailable
from consumers.systems.quickbooks_online.oauth import (
    BoundedAuthClient,
    DeadGrant,
    NoReply,
    auth_client,
    exchange,
)
from consumers.systems.quickbooks_online.settings import Connection
from schemas.facts import Observer, unobserved
from schemas.reasons import SystemReason

RENEW_BEFORE_S = 300
_LOCK_POLL_S = 0.05


@dataclass(frozen=True)
class Token:
    """What the token file holds. Times in epoch seconds; 0 when unknown."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: int
    refresh_expires_at: int
    realm_id: str


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

    Made first so that a full or read-only disk is known before Intuit replaces the old tokens.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when nothing can be written there."""
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        self._draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.fdopen(os.open(self._draft, flags, 0o600), "w", encoding="utf-8")

    def fill(self, token: Token) -> None:
        """Durable when it returns."""
        json.dump(asdict(token), self._file)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def clear(self) -> None:
        """Leaves no draft behind; harmless after `fill`."""
        self._file.close()
        self._draft.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path: Path, wait_max_s: float) -> Iterator[None]:
    """Nobody else renews the tokens of `path` inside, in any process.

    Raises Unavailable after `wait_max_s` seconds.
    """
    give_up_at = time.monotonic() + wait_max_s
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > give_up_at:
                    raise Unavailable(
                        SystemReason.UNREACHABLE, f"{path}: another process is renewing the tokens"
                    ) from error
                time.sleep(_LOCK_POLL_S)
        yield


def granted(client: BoundedAuthClient, old: Token | None, realm_id: str, now: float) -> Token:
    """The tokens that the client was just given."""
    refresh_life_s = client.x_refresh_token_expires_in
    kept = old.refresh_expires_at if old else 0
    return Token(
        access_token=str(client.access_token),
        refresh_token=str(client.refresh_token),
        expires_at=int(now) + int(client.expires_in or 0),
        refresh_expires_at=int(now) + int(refresh_life_s) if refresh_life_s else kept,
        realm_id=realm_id,
    )


class Tokens:
    """The tokens of one company, shared by the threads of this process."""

    def __init__(
        self,
        chapter: str,
        connection: Connection,
        observer: Observer = unobserved,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._chapter = chapter
        self._connection = connection
        self._observer = observer
        self._clock = clock
        self._path = Path(connection.token_file)
        self._lock = threading.Lock()
        self._client: BoundedAuthClient | None = None
        self._dead = ""
        self._read: tuple[tuple[int, int, int], Token] | None = None

    def current(self) -> Token:
        """An access token with life in it. Raises Unavailable."""
        token = self._on_disk()
        if token.access_token and token.expires_at - self._clock() >= RENEW_BEFORE_S:
            return token
        try:
            return self._renew(token.access_token)
        except Unavailable as error:
            unreached = error.reason in (SystemReason.UNREACHABLE, SystemReason.THROTTLED)
            if unreached and token.access_token and token.expires_at > self._clock():
                return token  # it lives a few minutes more; the next call tries again
            raise

    def renewed(self, refused: str) -> Token:
        """Another token than `refused`, which QuickBooks just answered with 401."""
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
            raise self._unauthorised(f"no token file {self._path}") from error
        except (OSError, ValueError) as error:
            detail = f"token file {self._path}: {type(error).__name__}"
            raise self._unauthorised(detail) from error
        realm = self._connection.realm_id
        if realm and held[1].realm_id and realm != held[1].realm_id:
            raise Unavailable(
                SystemReason.MISCONFIGURED,
                f"token file {self._path} is of company {held[1].realm_id}, not of {realm}",
            )
        return held[1]

    def _renew(self, used: str) -> Token:
        wait_max_s = 3 * self._connection.timeout_s
        with self._lock, self._alone(wait_max_s):
            token = self._on_disk()
            fresh = token.expires_at - self._clock() >= RENEW_BEFORE_S
            if token.access_token and token.access_token != used and fresh:
                return token  # another thread, process or person was faster
            if token.refresh_token == self._dead:
                raise self._unauthorised("Intuit refused the refresh token (invalid_grant)")
            return self._ask(token)

    @contextlib.contextmanager
    def _alone(self, wait_max_s: float) -> Iterator[None]:
        try:
            with alone(self._path, wait_max_s):
                yield
        except OSError as error:
            raise self._unwritable(error) from error

    def _ask(self, token: Token) -> Token:
        client = self._client or auth_client(self._connection, self._observer)
        self._client = client
        place = Place(self._path)
        try:
            exchange(lambda: client.refresh(refresh_token=token.refresh_token))
            new = granted(client, token, token.realm_id, self._clock())
            place.fill(new)
        except DeadGrant as error:
            self._dead = token.refresh_token
            raise self._unauthorised(f"Intuit refused the refresh token: {error}") from error
        except NoReply as error:
            # The old token is tried again next time: if Intuit did replace it, it says so then.
            raise Unavailable(
                SystemReason.UNREACHABLE, f"no usable answer of the token service: {error}"
            ) from error
        finally:
            place.clear()
        return self._on_disk()

    def _unauthorised(self, why: str) -> Unavailable:
        return Unavailable(
            SystemReason.UNAUTHORISED,
            f"{why}; run `membri-sync authorize {self._chapter}`",
        )

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(
            SystemReason.MISCONFIGURED,
            f"token file {self._path} cannot be written: {type(error).__name__}",
        )
