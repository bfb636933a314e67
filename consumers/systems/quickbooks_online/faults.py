"""What QuickBooks answered when it did not do what was asked, and what happens next.

What comes in: a status, headers and a body of any shape. What goes out: a `Fault` (None when the
answer is a success), and from a fault one of `consumers.errors`. One table holds the classes; each
of its rows is a test. Source: error table of the project's QuickBooks reference page, section 14.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._http import plain_words
from schemas.reasons import Reason, SystemReason

Json = dict[str, Any]

THROTTLE_S = 60.0
"""How long to wait after a 429 that does not say ("limits and throttles")."""


class Fault(Exception):
    """A refusal of QuickBooks, read. `code` 0 when it named none."""

    def __init__(
        self,
        status: int,
        code: int = 0,
        message: str = "",
        detail: str = "",
        element: str = "",
        tid: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, code, message, detail)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.tid = tid
        self.retry_after_s = retry_after_s

    @property
    def words(self) -> str:
        """All that an accountant or a helpdesk needs, on one line."""
        said = ": ".join(part for part in (self.message, self.detail) if part)
        number = self.code or f"HTTP {self.status}"
        element = f" ({self.element})" if self.element else ""
        return f"QuickBooks: {number} {said}{element}, intuit_tid={self.tid or '-'}"


class Bug(RuntimeError):
    """QuickBooks says that our request is malformed: the record is not at fault, we are."""


class Next(StrEnum):
    """What happens next. Those after BUG are handled where they occur, or as their reason says."""

    CLOSED = "unavailable"
    UNKNOWN = "unknown"
    REJECT = "reject"
    BUG = "bug"
    STALE = "stale"


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
_UNKNOWN = Row(Next.UNKNOWN)
_INVALID = _reject(Reason.INVALID_FIELD)
_LOCKED = _reject(Reason.DOCUMENT_LOCKED)
_REFUSED = _reject(Reason.REFUSED_BY_SYSTEM)
_TAX = _reject(Reason.UNKNOWN_TAX)

TABLE: dict[int, Row] = {
    100: _closed(SystemReason.UNAUTHORISED),
    110: _closed(SystemReason.UNAUTHORISED),
    120: _closed(SystemReason.UNAUTHORISED),
    130: _closed(SystemReason.MISCONFIGURED),  # sandbox company on the production host, or back
    140: _closed(SystemReason.MAINTENANCE),  # company locked for a while
    150: _closed(SystemReason.MAINTENANCE),
    500: _BUG,
    600: _UNKNOWN,  # a request of that id is or was there: the books say which
    610: _reject(Reason.REFERENCE_NOT_FOUND),
    620: _REFUSED,
    630: _reject(Reason.DUPLICATE_NAME),
    700: _REFUSED,
    800: _REFUSED,
    900: _REFUSED,
    1000: _UNKNOWN,
    1010: _UNKNOWN,
    1020: _UNKNOWN,
    1040: _BUG,
    1050: _BUG,
    2010: _BUG,
    2020: _reject(Reason.MISSING_FIELD),
    2030: _INVALID,
    2040: _reject(Reason.INVALID_CHARACTERS),
    2050: _reject(Reason.TOO_LONG),
    2130: _BUG,
    2170: _BUG,
    2210: _INVALID,
    2220: _reject(Reason.CURRENCY_NOT_SUPPORTED),
    2250: _reject(Reason.MISSING_FIELD),
    2290: _reject(Reason.AMOUNT_NOT_POSITIVE),
    2300: _reject(Reason.TOTALS_DIFFER),
    2500: _reject(Reason.REFERENCE_NOT_FOUND),
    3001: _closed(SystemReason.THROTTLED),
    3100: _closed(SystemReason.UNAUTHORISED),
    3200: _closed(SystemReason.UNAUTHORISED),
    4000: _BUG,
    4001: _BUG,
    4002: _UNKNOWN,
    5010: Row(Next.STALE),
    5020: _closed(SystemReason.UNAUTHORISED),
    5030: _reject(Reason.NOT_SUPPORTED),  # the subscription lacks it; other records may go
    6000: _REFUSED,  # see _business_rule
    6070: _INVALID,
    6080: _reject(Reason.MISSING_FIELD),
    6090: _INVALID,
    6100: _TAX,
    6140: _reject(Reason.DUPLICATE_NUMBER),
    6160: _TAX,
    6170: _TAX,
    6190: _closed(SystemReason.READ_ONLY),
    6200: _reject(Reason.CLOSED_PERIOD),
    6210: _reject(Reason.CLOSED_PERIOD),
    6220: _LOCKED,
    6230: _TAX,
    6240: _reject(Reason.DUPLICATE_NAME),
    6250: _reject(Reason.CUSTOMER_INACTIVE),
    6280: _LOCKED,
    6430: _reject(Reason.UNKNOWN_ACCOUNT),
    6440: _reject(Reason.UNKNOWN_ACCOUNT),
    6450: _LOCKED,
    6470: _TAX,
    6480: _LOCKED,
    6540: _LOCKED,
    10000: _UNKNOWN,
    10100: _BUG,
    10200: _closed(SystemReason.MISCONFIGURED),  # company data was reset: our ids are void
}

_RANGES: tuple[tuple[int, int, Row], ...] = (
    (1, 499, _closed(SystemReason.UNAUTHORISED)),
    (500, 599, _BUG),
    (1000, 1999, _UNKNOWN),
    (2000, 2299, _INVALID),
    (2300, 2999, _INVALID),
    (6000, 6999, _REFUSED),
    (10000, 10**9, _UNKNOWN),
)

_STATUSES: dict[int, Row] = {
    401: _closed(SystemReason.UNAUTHORISED),
    403: _closed(SystemReason.UNAUTHORISED),
    # Nothing of the record is in the address: another record would fare no better.
    404: _closed(SystemReason.MISCONFIGURED),
    413: _BUG,
    429: _closed(SystemReason.THROTTLED),
    500: _UNKNOWN,
    502: _closed(SystemReason.UNREACHABLE),
    503: _closed(SystemReason.UNREACHABLE),
    504: _closed(SystemReason.UNREACHABLE),
}

_FIELDS = {
    "DisplayName": "name",
    "PrimaryEmailAddr": "email",
    "BillEmail": "email",
    "PrimaryPhone": "phone",
    "BillAddr": "address",
    "DocNumber": "number",
    "PaymentRefNum": "number",
    "TxnDate": "date",
    "DueDate": "due_date",
    "CustomerMemo": "description",
    "CustomerRef": "account",
    "CurrencyRef": "currency",
    "Line": "lines",
    "TotalAmt": "total",
}


def row_of(fault: Fault) -> Row:
    """The class of a fault: its code speaks before its status, a throttle before all."""
    if fault.code == 3001 or fault.status == 429:
        return TABLE[3001]
    if fault.code in TABLE:
        return _business_rule(fault) if fault.code == 6000 else TABLE[fault.code]
    for low, high, row in _RANGES:
        if low <= fault.code <= high:
            return row
    if fault.status in _STATUSES:
        return _STATUSES[fault.status]
    if fault.status >= 500:
        return _closed(SystemReason.UNREACHABLE)
    return _REFUSED if fault.code else _BUG


def _business_rule(fault: Fault) -> Row:
    """6000 is for any business rule; only its words tell which."""
    text = f"{fault.message} {fault.detail}".casefold()
    if re.search(r"\b(gst|hst|qst|tps|tvq|tax rate|tax code|sales tax|taxe)\b", text):
        return _TAX
    if re.search(r"clos(ed|ing)|clôtur|ferm(é|eture)", text):
        return TABLE[6200]
    return _REFUSED


def failure(fault: Fault, *, writing: bool) -> Exception:
    """What the engine must be told. `writing`: the request may have changed the books."""
    row = row_of(fault)
    match row.next:
        case Next.CLOSED if writing and row.reason is SystemReason.UNREACHABLE:
            return OutcomeUnknown(fault.words)  # a gateway: the service behind it may have worked
        case Next.CLOSED:
            assert isinstance(row.reason, SystemReason)  # noqa: S101 — the table's own shape
            return Unavailable(row.reason, fault.words, retry_after_s=_wait_s(fault, row.reason))
        case Next.UNKNOWN:
            return OutcomeUnknown(fault.words) if writing else Transient(fault.words)
        case Next.REJECT:
            assert isinstance(row.reason, Reason)  # noqa: S101 — the table's own shape
            return Rejected(row.reason, field=field_of(fault.element), detail=fault.words)
        case Next.STALE:
            return Transient(fault.words)
        case Next.BUG:
            return Bug(fault.words)


def _wait_s(fault: Fault, reason: SystemReason) -> float | None:
    if fault.retry_after_s is not None:
        return fault.retry_after_s
    return THROTTLE_S if reason is SystemReason.THROTTLED else None


def field_of(element: str) -> str:
    """The field of the record behind an element of QuickBooks; empty when there is none."""
    return _FIELDS.get(re.split(r"[.\[]", element, maxsplit=1)[0], "")


def read_answer(
    status: int, body: bytes, *, tid: str, retry_after_s: float | None
) -> tuple[Json | None, Fault | None]:
    """(content, None) for a success, (None, fault) for a refusal, whatever its shape and status.

    (None, None) is a success status with a body that cannot be read: nothing can be concluded.
    """
    content = _json(body)
    errors = _errors(content) if content is not None else _xml_errors(body)
    if errors is not None:
        first = _first_known(errors)
        return None, Fault(status, *first, tid=tid, retry_after_s=retry_after_s)
    if status != 200:
        words = plain_words(body)
        return None, Fault(status, message=words, tid=tid, retry_after_s=retry_after_s)
    return content, None


def _json(body: bytes) -> Json | None:
    try:
        content = json.loads(body, parse_float=Decimal)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


_Error = tuple[int, str, str, str]


def _errors(content: Json) -> list[_Error] | None:
    """The errors of a Fault of either case; None when there is no Fault."""
    for name in ("Fault", "fault"):
        fault = content.get(name)
        if isinstance(fault, dict):
            listed = fault.get("Error", fault.get("error"))
            listed = listed if isinstance(listed, list) else []
            found = [_error(one) for one in listed if isinstance(one, dict)]
            return found or [(0, str(fault.get("type", "Fault")), "", "")]
    return None


def _error(one: Json) -> _Error:
    values = {str(name).casefold(): value for name, value in one.items()}
    message = str(values.get("message") or "")
    digits = re.fullmatch(r"\s*0*(\d+)\s*", str(values.get("code") or ""))
    digits = digits or re.search(r"errorCode=0*(\d+)", message)
    return (
        int(digits.group(1)) if digits else 0,
        message,
        str(values.get("detail") or ""),
        str(values.get("element") or ""),
    )


def _xml_errors(body: bytes) -> list[_Error] | None:
    """Some gateways answer in XML whatever was asked for."""
    text = body[:4000].decode("utf-8", "replace")
    codes = re.findall(r"<Error\b[^>]*\bcode=\"0*(\d+)\"", text)
    return [(int(code), plain_words(body), "", "") for code in codes] or None


def _first_known(errors: list[_Error]) -> _Error:
    """The first error whose code the table has, with the words of all of them."""
    chosen = next((error for error in errors if error[0] in TABLE), errors[0])
    others = [f"{code} {message} {detail}".strip() for code, message, detail, _ in errors]
    others.remove(f"{chosen[0]} {chosen[1]} {chosen[2]}".strip())
    detail = "; also: ".join([chosen[2], *others]) if others else chosen[2]
    return (chosen[0], chosen[1], detail, chosen[3])
