"""What Dataverse refused, named by what the caller does next.

What comes in: an HTTP answer that is not a success, parsed defensively (JSON, HTML or garbage).
What goes out: one of the exceptions below. Codes and names: Microsoft's error-code enumeration and
the Dataverse troubleshooting pages. No request body, query string or token ever enters a text.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.reasons import SystemReason

EXCERPT_LENGTH = 160
MESSAGE_LENGTH = 400


class MembriError(Exception):
    """Base of all that can go wrong with Membri. `code`: Dataverse's, lower case, or empty."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class MembriUnavailable(MembriError):
    """Not now: unreachable, throttled, failing. Nothing was changed by the request. Wait, then go
    on; `retry_after_s` is what the server asked for, None when it asked for nothing."""

    def __init__(self, message: str, *, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class AuthFault(MembriError):
    """Our identity is refused: secret, application or tenant. A person must act; no record
    fails."""


class ConfigFault(MembriError):
    """The mapping, the URL or the rights are wrong for `table` (empty: for everything)."""

    def __init__(self, message: str, *, table: str = "", code: str = "") -> None:
        super().__init__(message, code=code)
        self.table = table


class RecordGone(MembriError):
    """The record no longer exists."""


class Refused(MembriError):
    """This write on this record is refused, usually by a plug-in: the text says why."""


class VersionMismatch(MembriError):
    """Someone changed the record since it was read (412): read again and decide."""


class OutcomeUnknown(MembriError):
    """A write was sent and its answer is missing or unclear: read before writing again."""


def system_reason(error: MembriError) -> SystemReason:
    """Why Membri takes nothing for now."""
    match error:
        case AuthFault():
            return SystemReason.UNAUTHORISED
        case ConfigFault():
            return SystemReason.MISCONFIGURED
        case MembriUnavailable(retry_after_s=float() | int()):
            return SystemReason.THROTTLED
        case _:
            return SystemReason.UNREACHABLE


@dataclass(frozen=True)
class Answer:
    """What is needed of an HTTP answer to class it. `path` without query."""

    method: str
    path: str
    status: int
    code: str = ""
    message: str = ""
    retry_after_s: float | None = None
    json: bool = True

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def table(self) -> str:
        """The entity set or metadata collection addressed, empty for the service root."""
        return self.path.rsplit("/api/data/", 1)[-1].partition("/")[2].partition("(")[0]

    @property
    def on_record(self) -> bool:
        """Whether one record is addressed, not a set."""
        return self.path.endswith(")")

    @property
    def text(self) -> str:
        says = f": {self.message[:MESSAGE_LENGTH]}" if self.message else ""
        code = f" {self.code}" if self.code else ""
        return f"{self.method} {self.path} → {self.status}{code}{says}"


_VERSION = frozenset({"0x80060882"})
_GONE = frozenset({"0x80040217", "0x80060891"})
_CONFIG = frozenset(
    {
        "0x8006088a",  # no such entity set
        "0x80048d19",  # payload or binding error
        "0x80060883",  # version not given
        "0x8006088d",  # optimistic concurrency not enabled on the table
        "0x80040220",  # the role lacks a privilege
        "0x80072560",  # not a member of the organisation
        "0x80042f09",  # no roles
        "0x80040225",  # user disabled
    }
)
_REFUSED = frozenset(
    {
        "0x80040265",  # plug-in refused
        "0x80044331",  # string too long
        "0x80040203",  # invalid argument
        "0x80048408",  # state and status do not go together
        "0x8004022e",  # read-only
        "0x80100000",  # invoice not active
        "0x80048306",  # access check failed on this record
        "0x80040237",  # duplicate record
        "0x80060892",  # duplicate key
        "0x80040333",  # duplicate detection rule
    }
)
_THROTTLED = frozenset({"0x80072321", "0x80072322", "0x80072326"})


def classify(answer: Answer) -> MembriError:
    """The exception for an answer that is not a success. 401 is the client's to handle first."""
    if answer.status == 401:
        return AuthFault(answer.text, code=answer.code)
    if answer.status == 429 or answer.code in _THROTTLED:
        return MembriUnavailable(answer.text, code=answer.code, retry_after_s=answer.retry_after_s)
    if by_code := _by_code(answer):
        return by_code
    return _by_status(answer)


def _by_code(answer: Answer) -> MembriError | None:
    if answer.code in _VERSION:
        return VersionMismatch(answer.text, code=answer.code)
    if answer.code in _GONE and answer.status == 404:
        return RecordGone(answer.text, code=answer.code)
    if answer.code in _CONFIG:
        return ConfigFault(answer.text, table=answer.table, code=answer.code)
    if answer.code in _REFUSED:
        return Refused(answer.text, code=answer.code)
    return None


def _by_status(answer: Answer) -> MembriError:
    status, code = answer.status, answer.code
    if status == 412:
        return VersionMismatch(answer.text, code=code)
    if status == 404 and answer.json and answer.on_record:
        return RecordGone(answer.text, code=code)
    if status >= 500 or status == 408:
        if answer.is_write:
            return OutcomeUnknown(answer.text, code=code)
        return MembriUnavailable(answer.text, code=code, retry_after_s=answer.retry_after_s)
    if status == 400 and answer.is_write and not _names_a_property(answer.message):
        return Refused(answer.text, code=code)
    return ConfigFault(answer.text, table=answer.table, code=code)


def _names_a_property(message: str) -> bool:
    """Code 0x0 covers many things; a column that does not exist is told by its text only."""
    lowered = message.lower()
    return "property named" in lowered or "undeclared property" in lowered
