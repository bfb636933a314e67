"""What Business Central answered when it did not do what was asked, and what happens next.

What comes in: a status and a body of any shape. What goes out: a `Fault`, and from a fault one of
`consumers.errors`. Classified by code first, then by fragments of the text (English is forced),
then by status. One table holds the classes; each of its rows is a test. Source: error table of the
project's Business Central page, section 14.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._exchange import Answer
from consumers.systems._http import plain_words
from schemas.reasons import Reason, SystemReason

Json = dict[str, Any]

THROTTLE_S = 10.0
"""Silence after a 429 that names no time; the engine's own back-off comes on top (section 13)."""
_CORRELATION = re.compile(r"\s*CorrelationId:\s*([0-9a-fA-F-]{8,})\.?\s*$")
SAME_KEY = "Internal_EntityWithSameKeyExists"
STALE = "Request_EntityChanged"
NO_DATA = "Internal_DataNotFoundFilter"
NO_RELATION = "Internal_InvalidTableRelation"
NOT_THERE = frozenset({"BadRequest_NotFound", "Internal_RecordNotFound"})
"""What a read of one record by its id answers when there is none."""


class Fault(Exception):
    """A refusal of Business Central, read. `code` empty when it named none."""

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        correlation: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.correlation = correlation
        self.retry_after_s = retry_after_s

    @property
    def words(self) -> str:
        """All that an accountant or a helpdesk needs, on one line."""
        said = f"{self.code or f'HTTP {self.status}'} {self.message}".strip()
        return f"Business Central: {said} (CorrelationId {self.correlation or '-'})"


def says_settled(fault: Fault) -> bool:
    """Whether the invoice to apply to is no longer open: paid, cancelled, another customer's. Said
    by a code of its own, or by the text alone when posting raises it again (page, 4 and 6)."""
    return "Cust. Ledger Entry within the filter" in fault.message


class Bug(RuntimeError):
    """Business Central says that our request is malformed: the record is not at fault, we are."""


class Next(StrEnum):
    """What happens next."""

    CLOSED = "unavailable"
    UNKNOWN = "unknown"
    REJECT = "reject"
    BUG = "bug"
    AGAIN = "transient"


@dataclass(frozen=True)
class Row:
    """One line of the table. `reason` is a SystemReason for CLOSED, a Reason for REJECT; `field`
    the record's field that is meant, where one is."""

    next: Next
    reason: Reason | SystemReason | None = None
    field: str = ""


def _closed(reason: SystemReason) -> Row:
    return Row(Next.CLOSED, reason)


def _reject(reason: Reason, field: str = "") -> Row:
    return Row(Next.REJECT, reason, field)


_BUG = Row(Next.BUG)
_UNKNOWN = Row(Next.UNKNOWN)
_AGAIN = Row(Next.AGAIN)
_REFUSED = _reject(Reason.REFUSED_BY_SYSTEM)
_UNAUTHORISED = _closed(SystemReason.UNAUTHORISED)
_MISCONFIGURED = _closed(SystemReason.MISCONFIGURED)
_MAYBE_DONE = (SystemReason.UNREACHABLE, SystemReason.MAINTENANCE)
_PROXY = 407
"""Nothing of such a request went further than the proxy."""

CODES: dict[str, Row] = {
    "Application_CallbackNotAllowed": _REFUSED,  # a customisation asks a question
    "Application_EvaluateException": _reject(Reason.INVALID_FIELD),
    "Application_FilterErrorException": _reject(Reason.INVALID_FIELD),
    "Application_InvalidGUID": _reject(Reason.INVALID_FIELD),
    "Application_StringExceededLength": _reject(Reason.TOO_LONG),
    "Authentication_InvalidCredentials": _UNAUTHORISED,
    "BadRequest": _BUG,
    "BadRequest_InvalidOperation": _BUG,
    "BadRequest_InvalidRequestUrl": _BUG,
    "BadRequest_InvalidToken": _BUG,
    "BadRequest_MethodNotAllowed": _BUG,
    "BadRequest_NotFound": _reject(Reason.REFERENCE_NOT_FOUND, "reference"),
    "BadRequest_RequiredParamNotProvided": _BUG,
    "BadRequest_ResourceNotFound": _MISCONFIGURED,  # nothing of the record is in such an address
    "Internal_CompanyNotFound": _MISCONFIGURED,
    NO_DATA: _REFUSED,  # a closed invoice, an approval: the caller knows which
    SAME_KEY: _reject(Reason.DUPLICATE_NUMBER, "number"),
    NO_RELATION: _reject(Reason.INVALID_FIELD),
    "Internal_RecordNotFound": _reject(Reason.REFERENCE_NOT_FOUND, "reference"),
    "Internal_ServerError": _UNKNOWN,
    "Internal_TenantUnavailable": _closed(SystemReason.MAINTENANCE),
    STALE: _AGAIN,
    "Unknown": _UNKNOWN,  # looked up, tried again; the engine ends it after `retry_max`
}

# Codes that a customisation, a lock and a closed period share: only their words tell.
_SPOKEN = ("Application_DialogException", "Application_FieldValidationException", NO_DATA)
TEXTS: tuple[tuple[str, Row], ...] = (
    # First: it goes on with the filter's own fields, whose names are those of other rows.
    (r"cust\. ledger entry within the filter", _REFUSED),
    (r"range of allowed posting dates", _reject(Reason.CLOSED_PERIOD, "date")),
    (r"earlier posting date", _reject(Reason.PAYMENT_BEFORE_INVOICE, "date")),
    (
        r"locked by another user|deadlock|lock.?timeout|another user has (already )?(modif|chang)",
        _AGAIN,
    ),
    (r"already exists", _reject(Reason.DUPLICATE_NUMBER, "number")),
    (r"out of balance", _reject(Reason.TOTALS_DIFFER, "amount")),
    (r"enter numbers manually|manual nos", _reject(Reason.CUSTOMER_SETUP, "number")),
    (r"posting (group|setup)", _reject(Reason.CUSTOMER_SETUP)),
    (r"customer .*blocked|blocked .*customer", _reject(Reason.CUSTOMER_INACTIVE)),
    (r"currency|exchange rate", _reject(Reason.CURRENCY_NOT_SUPPORTED, "currency")),
    (r"direct posting|account does not exist|g/l account", _reject(Reason.UNKNOWN_ACCOUNT)),
    (r"tax (area|group|jurisdiction|detail)", _reject(Reason.UNKNOWN_TAX)),
    (r"displayname.*(filled|blank)", _reject(Reason.MISSING_FIELD, "name")),
    (r"phone", _reject(Reason.INVALID_FIELD, "phone")),
)

STATUSES: dict[int, Row] = {
    401: _UNAUTHORISED,
    403: _UNAUTHORISED,
    404: _MISCONFIGURED,
    405: _BUG,
    407: _closed(SystemReason.UNREACHABLE),  # a proxy on the way
    408: _UNKNOWN,
    409: _AGAIN,
    413: _BUG,
    415: _BUG,
    429: _closed(SystemReason.THROTTLED),
    502: _closed(SystemReason.UNREACHABLE),
    503: _closed(SystemReason.UNREACHABLE),
    504: _closed(SystemReason.UNREACHABLE),
}


def row_of(fault: Fault) -> Row:
    """The class of a fault: a throttle before all, then its code, its words, its status."""
    if fault.status == 429:
        return STATUSES[429]
    if fault.code.startswith("Authorization_"):
        return _UNAUTHORISED
    spoken = fault.code in _SPOKEN or fault.code not in CODES
    if spoken and fault.status < 500:
        for pattern, row in TEXTS:
            if re.search(pattern, fault.message, re.IGNORECASE):
                return row
    if fault.code in CODES:
        return CODES[fault.code]
    if fault.code in _SPOKEN:
        return _REFUSED
    if fault.status in STATUSES:
        return STATUSES[fault.status]
    if 300 <= fault.status < 400:  # a sign-in page on the way, or an address that has moved
        return _MISCONFIGURED
    if fault.status >= 500:
        return _UNKNOWN
    return _REFUSED if fault.code else _BUG


def failure(fault: Fault, *, writing: bool, field: str = "") -> Exception:
    """What the engine must be told. `writing`: the request may have changed the books. `field`:
    the record's field meant where the table names none."""
    row = row_of(fault)
    match row.next:
        case Next.CLOSED if writing and row.reason in _MAYBE_DONE and fault.status != _PROXY:
            return OutcomeUnknown(fault.words)  # a gateway: the server behind it may have worked
        case Next.CLOSED:
            assert isinstance(row.reason, SystemReason)  # noqa: S101 — the table's own shape
            return Unavailable(row.reason, fault.words, retry_after_s=fault.retry_after_s)
        case Next.UNKNOWN:
            return OutcomeUnknown(fault.words) if writing else Transient(fault.words)
        case Next.REJECT:
            assert isinstance(row.reason, Reason)  # noqa: S101 — the table's own shape
            return Rejected(row.reason, field=row.field or field, detail=fault.words)
        case Next.AGAIN:
            return Transient(fault.words, retry_after_s=fault.retry_after_s)
        case Next.BUG:
            return Bug(fault.words)


def fault_of(answer: Answer) -> Fault:
    """The refusal that an answer of another status than 2xx is, whatever its shape."""
    code, message = "", ""
    try:
        content = answer.json()
        error = content.get("error") if isinstance(content, dict) else None
        if isinstance(error, dict):
            code, message = str(error.get("code") or ""), str(error.get("message") or "")
    except ValueError:
        pass
    message = message or plain_words(answer.content)
    found = _CORRELATION.search(message)
    correlation = found.group(1) if found else ""
    message = " ".join(_CORRELATION.sub("", message).split())
    return Fault(answer.status, code, message, correlation, answer.retry_after_s)
