"""The user and password of one company, and what is known of their being refused.

What comes in: the settings. What goes out: the Authorization header. Refused: a request with a
password that the service just refused, until the password file changes or a pause has passed:
repeated failures lock the account (reference page, section 11).
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

from consumers.errors import Unavailable
from consumers.systems.sage_300.settings import TITLE, Connection
from schemas.reasons import SystemReason
from schemas.sentences import say


class Credentials:
    """Shared by all threads of one company."""

    def __init__(self, connection: Connection, monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sent = ""
        self._refused = ""
        self._words = ""
        self._until = float("-inf")

    def header(self) -> str:
        """`Basic …`. Raises Unavailable: unauthorised while a refusal is remembered, misconfigured
        when the password file cannot be read."""
        secret = self._connection.secret()
        with self._lock:
            left = self._until - self._monotonic()
            if secret == self._refused and left > 0:
                raise Unavailable(
                    SystemReason.UNAUTHORISED,
                    say(
                        "{words}; not tried again for {left} s, or until the password"
                        " changes, so as not to lock the account",
                        words=self._words,
                        left=f"{left:.0f}",
                    ),
                )
            self._sent = secret
        return f"Basic {self._pair(secret)}"

    def refused(self, words: str) -> None:
        """The service said 401 to what `header` gives."""
        with self._lock:
            self._refused = self._sent  # the file may hold another one by now
            self._words = say(
                "{system} refuses the user {user}: {words}",
                system=TITLE,
                user=self._connection.user,
                words=words,
            )
            self._until = self._monotonic() + self._connection.unauthorised_pause_s

    def accepted(self) -> None:
        """The service took it: whatever was refused before is forgotten."""
        with self._lock:
            self._refused, self._until = "", float("-inf")

    def scrub(self, text: str) -> str:
        """`text` without the password: nobody may read it in a dead letter."""
        if not self._sent:
            return text
        return text.replace(self._pair(self._sent), "…").replace(self._sent, "…")

    def _pair(self, secret: str) -> str:
        return base64.b64encode(f"{self._connection.user}:{secret}".encode()).decode("ascii")
