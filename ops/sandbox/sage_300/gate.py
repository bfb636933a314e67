"""Who may call, how many at once, and who holds what.

In: a call's user, company, number in flight. Out: nothing, or a Refusal: Unauthorized, Forbidden,
TooManyRequests, a conflict of locks (sage-300.md, sections 1, 11 and 12). Hammering after a refused
password and parallel writes of one company are offences.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ops.sandbox.sage_300.answers import Refusal
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.options import Options

MINUTE_S = 60.0
Lock = tuple[str, ...]


class Gate:
    """`monotonic` gives seconds and only ever grows. Locks and counts are in memory: they die
    with the process, as sessions do."""

    def __init__(
        self, user: str, password: str, options: Options, monotonic: Callable[[], float]
    ) -> None:
        self._user = user
        self._password = password
        self._options = options
        self._monotonic = monotonic
        self._failures: deque[float] = deque()
        self._locked_out = False
        self._in_flight = 0
        self._last_call: float | None = None
        self._writing: dict[str, int] = {}
        self._held: set[Lock] = set()

    def user(self, authorization: str) -> tuple[str, bool]:
        """(the user, whether it hammers). Raises nothing: an unknown one is ""."""
        name, password = _basic(authorization)
        right = secrets.compare_digest(password.encode(), self._password.encode())
        if right and name == self._user and not self._locked_out:
            self._failures.clear()
            return name, False
        now = self._monotonic()
        while self._failures and now - self._failures[0] >= MINUTE_S:
            self._failures.popleft()
        self._failures.append(now)
        options = self._options
        if options.lockout_after and len(self._failures) >= options.lockout_after:
            self._locked_out = True
        return "", len(self._failures) > options.attempts_before_offence

    def unlock(self) -> None:
        """The administrator unlocks the account."""
        self._locked_out = False
        self._failures.clear()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One request in flight. Raises Refusal when it is one too many."""
        self._in_flight += 1
        try:
            if self._in_flight > self._options.max_parallel:
                raise Refusal("TooManyRequests", "Too many concurrent requests.")
            yield
        finally:
            self._in_flight -= 1

    def waking_s(self) -> float:
        """How long this call waits for the service to wake up, in seconds."""
        now, before = self._monotonic(), self._last_call
        self._last_call = now
        asleep = before is None or now - before >= self._options.idle_s
        return self._options.cold_start_s if asleep else 0.0

    @contextmanager
    def writing(self, company: str, locks: set[Lock]) -> Iterator[bool]:
        """Holds the locks of one write. Yields whether the company's writes are parallel. Raises
        Refusal when another write holds one of the locks."""
        before = self._writing.get(company, 0)
        self._writing[company] = before + 1
        try:
            if locks & self._held:
                raise conflict()
            self._held |= locks
            try:
                yield before > 0
            finally:
                self._held -= locks
        finally:
            self._writing[company] -= 1


def conflict() -> Refusal:
    return Refusal(
        "General", "Processing conflict. The batch is locked by another user. Try again later."
    )


def check_rights(books: Books, user: str, module: str, options: Options) -> None:
    """Raises Refusal."""
    state = books.state
    if user == "ADMIN" and not options.admin_allowed:
        raise Refusal("Forbidden", "The user ADMIN may not use the Web API.")
    if user not in state.get("users", [user]):
        raise Refusal("Unauthorized", "Unauthorized")
    if module not in state.get("rights", {}).get(user, [module]):
        raise Refusal("Forbidden", f"The user has no Web API right in {module}.")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password
