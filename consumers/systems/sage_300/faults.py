"""What Sage 300 answered when it did not do what was asked, and what happens next.

What comes in: a status and a body of any shape. What goes out: a `Fault`, and from a fault one of
`consumers.errors`. The code decides; the text of the business errors (409) is looked at for the
rows that only differ by their words. Source: reference page, section 11; each row is a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._http import plain_words
from schemas.reasons import Reason, SystemReason
from schemas.sentences import say

Json = dict[str, Any]

THROTTLE_S = 30.0
"""How long to wait after TooManyRequests, which promises no Retry-After."""


class Fault(Exception):
    """A refusal of Sage 300, read. `code` empty when it named none; `module` from the address."""

    def __init__(
        self,
        status: int,
        code: str = "",
        text: str = "",
        *,
        module: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, code, text)
        self.status = status
        self.code = code
        self.text = text
        self.module = module
        self.retry_after_s = retry_after_s

    @property
    def words(self) -> str:
        """What the vendor said, on one line: several messages come one on each line."""
        said = "; ".join(line.strip() for line in self.text.splitlines() if line.strip())
        return f"Sage 300: {self.code or f'HTTP {self.status}'} {said}".rstrip()


class Bug(RuntimeError):
    """Sage 300 says that our request is malformed: the record is not at fault, we are."""


class ServerFailed(OutcomeUnknown):
    """500: the service broke down, and may have done the work."""


class Next(StrEnum):
    CLOSED = "unavailable"
    FAILED = "failed"  # 500: unknown when writing, again later when reading
    LOCKED = "locked"  # somebody else is posting or editing
    REJECT = "reject"
    BUG = "bug"


@dataclass(frozen=True)
class Row:
    """One line of the table. `reason` is a SystemReason for CLOSED, else a Reason."""

    next: Next
    reason: Reason | SystemReason | None = None


def _closed(reason: SystemReason) -> Row:
    return Row(Next.CLOSED, reason)


def _reject(reason: Reason) -> Row:
    return Row(Next.REJECT, reason)


_BUG = Row(Next.BUG)
_FAILED = Row(Next.FAILED)
_MISCONFIGURED = _closed(SystemReason.MISCONFIGURED)

TABLE: dict[str, Row] = {
    "InternalServerError": _FAILED,
    "Unauthorized": _closed(SystemReason.UNAUTHORISED),
    "Forbidden": _MISCONFIGURED,
    "TooManyRequests": _closed(SystemReason.THROTTLED),
    "SessionError": _closed(SystemReason.UNREACHABLE),
    "DBLinkError": _closed(SystemReason.UNREACHABLE),
    "RecordNotFound": _reject(Reason.REFERENCE_NOT_FOUND),
    # Another record would fare no better: a module that is not activated, another version.
    "ResourceNotFound": _MISCONFIGURED,
    "InvalidParameters": _MISCONFIGURED,
    "InvalidAction": _MISCONFIGURED,
    "MethodNotAllowed": _MISCONFIGURED,
    "InvalidEntityKey": _BUG,
    "InvalidPayload": _BUG,
    "RecordDuplicate": _reject(Reason.DUPLICATE_NUMBER),
    "RecordInvalid": _reject(Reason.REFUSED_BY_SYSTEM),
    "FieldInvalid": _reject(Reason.INVALID_FIELD),
    "General": _reject(Reason.REFUSED_BY_SYSTEM),
}
BUSINESS = ("RecordInvalid", "FieldInvalid", "General")

_STATUSES: dict[int, Row] = {
    401: TABLE["Unauthorized"],
    403: TABLE["Forbidden"],
    404: TABLE["ResourceNotFound"],
    405: TABLE["MethodNotAllowed"],
    409: TABLE["General"],
    429: TABLE["TooManyRequests"],
    500: _FAILED,
}

_LOCKED_WORDS = (
    r"processing conflict|post(ing)? in progress|locked by another user"
    r"|modified by another program|conflit de traitement|verrouillée? par un autre utilisateur"
    r"|modifiée? par un autre programme|en cours de (report|validation)"
)
_NO_PERIOD_WORDS = (
    r"add the (fiscal )?year|period .*(cannot|could not) be determined"
    r"|no fiscal (year|calendar)|ajoute[rz] l.(exercice|année)"
    r"|fiscal (year|calendar)[^.]* (does not exist|not (been )?found|is not defined)"
)
_CLOSED_WORDS = (
    r"locked fiscal period|is locked for|fiscal period[^.]* locked"
    r"|période[^.]* (verrouillée|fermée)"
)
_ACCOUNT_WORDS = (
    r"g/l account|general ledger account|distribution code|payment code|terms code"
    r"|\bbank\b[^.]*(does not exist|inactive)|compte (du|de) g(/l|rand livre)"
)
_INACTIVE_WORDS = r"customer [^.]*is inactive|inactive customer|client[^.]* inactif"
_REFUSED = _reject(Reason.REFUSED_BY_SYSTEM)

WORDS: tuple[tuple[str, Row, str], ...] = (
    (_LOCKED_WORDS, Row(Next.LOCKED), ""),
    (_NO_PERIOD_WORDS, _reject(Reason.PERIOD_NOT_OPEN), "date"),
    (_CLOSED_WORDS, _reject(Reason.CLOSED_PERIOD), "date"),
    (r"already exists|existe déjà", _reject(Reason.DUPLICATE_NUMBER), "number"),
    (_ACCOUNT_WORDS, _reject(Reason.UNKNOWN_ACCOUNT), ""),
    (r"\btax (group|class|authority|rate)\b|groupe de taxes?", _reject(Reason.UNKNOWN_TAX), ""),
    (r"credit limit|on hold|limite de crédit|en attente", _REFUSED, ""),
    (_INACTIVE_WORDS, _reject(Reason.CUSTOMER_INACTIVE), "account"),
    (
        r"optional field|customer group|account set",
        _reject(Reason.CUSTOMER_SETUP),
        "account",
    ),
    (r"\bcurrency\b|\bdevise\b", _reject(Reason.CURRENCY_NOT_SUPPORTED), "currency"),
)
"""Words of business errors, in the order in which they are looked for: (pattern, row, field)."""


def row_of(fault: Fault) -> tuple[Row, str]:
    """The class of a fault and the record's field: words before codes before statuses."""
    text = " ".join(fault.text.split()).casefold()
    if fault.code in BUSINESS or (fault.status == 409 and fault.code not in TABLE):
        for pattern, row, field in WORDS:
            if re.search(pattern, text):
                return row, field
    if fault.code in TABLE:
        return TABLE[fault.code], "number" if fault.code == "RecordDuplicate" else ""
    if fault.status in _STATUSES:
        return _STATUSES[fault.status], ""
    if fault.status > 500:
        return _closed(SystemReason.UNREACHABLE), ""
    # A redirection: the address is not the service's, or no longer.
    return (_MISCONFIGURED if fault.status < 400 else _BUG), ""


def failure(fault: Fault, *, writing: bool, lock_wait_s: float) -> Exception:
    """What the engine must be told. `writing`: the request may have changed the books."""
    row, field = row_of(fault)
    match row.next:
        case Next.FAILED:
            return ServerFailed(fault.words) if writing else Transient(fault.words)
        case Next.LOCKED:
            return Transient(fault.words, retry_after_s=lock_wait_s)
        case Next.CLOSED if writing and not fault.code and fault.status > 500:
            return OutcomeUnknown(fault.words)  # a gateway: the service behind it may have worked
        case Next.CLOSED:
            assert isinstance(row.reason, SystemReason)  # noqa: S101 — the table's own shape
            return Unavailable(row.reason, _told(fault), retry_after_s=_wait_s(fault, row.reason))
        case Next.REJECT:
            assert isinstance(row.reason, Reason)  # noqa: S101 — the table's own shape
            return Rejected(row.reason, field=field, detail=fault.words)
        case Next.BUG:
            return Bug(fault.words)


def _told(fault: Fault) -> str:
    """The words, and for a missing right which one."""
    if fault.status == 403 or fault.code == "Forbidden":
        return say(
            "{words}; give the user « Sage 300 Web API » and the rights to enter and post in"
            " {module} (ADMIN is refused by default)",
            words=fault.words,
            module=fault.module or say("this module"),
        )
    if fault.status < 400:
        return say("{words}; it redirects elsewhere: is base_url right?", words=fault.words)
    if fault.code == "ResourceNotFound":
        return say(
            "{words}; is the module {module} activated, and base_url right?",
            words=fault.words,
            module=fault.module,
        )
    return fault.words


def _wait_s(fault: Fault, reason: SystemReason) -> float | None:
    if fault.retry_after_s is not None:
        return fault.retry_after_s
    return THROTTLE_S if reason is SystemReason.THROTTLED else None


def read_fault(status: int, content: Any, body: bytes) -> tuple[str, str]:
    """(code, text) of an error body. The message is an object here, a text elsewhere (section 11);
    what is no JSON at all gives its readable words."""
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return "", plain_words(body)
    message = error.get("message")
    text = message.get("value") if isinstance(message, dict) else message
    return str(error.get("code") or ""), str(text or f"HTTP {status}")
