"""What Sage answered when it did not do what was asked, and what happens next.

What comes in: a status and a body of any shape. What goes out: a `Fault`, and from a fault one of
`consumers.errors`. Sage has few codes: a refusal is classed by its words, which are always English,
then by its `$dataCode`, then by its status. Each row is a test. Source: Sage page, section 13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._exchange import Answer
from consumers.systems._http import plain_words
from consumers.systems.sage_accounting.settings import SHORT
from schemas.reasons import Reason, SystemReason
from schemas.sentences import say

Json = dict[str, Any]

THROTTLE_S = 30.0
"""Silence after a 429 that names no time ("wait and repeat", section 11)."""
UNAUTHORISED = 401
TOO_MANY = 429


@dataclass(frozen=True)
class Entry:
    """One entry of the array of errors. `source`: the attribute, `base` or empty."""

    code: str = ""
    message: str = ""
    source: str = ""

    @property
    def words(self) -> str:
        said = f"{self.code} {self.message}".strip()
        return f"{said} ({self.source})" if self.source not in ("", "base") else said


class Fault(Exception):
    """A refusal of Sage, read. `request_id`: what its support asks for."""

    def __init__(
        self,
        status: int,
        entries: tuple[Entry, ...],
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, entries)
        self.status = status
        self.entries = entries
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    @property
    def words(self) -> str:
        """All that an accountant or a helpdesk needs, on one line."""
        said = "; ".join(entry.words for entry in self.entries if entry.words)
        return f"Sage: HTTP {self.status} {said}, x_request_id={self.request_id or '-'}"

    def says(self, pattern: str) -> bool:
        """Whether any entry holds these words."""
        return any(re.search(pattern, entry.message, re.IGNORECASE) for entry in self.entries)


class Bug(RuntimeError):
    """Sage says that our request is malformed: the record is not at fault, we are."""


class Next(StrEnum):
    """What happens next."""

    CLOSED = "unavailable"
    UNKNOWN = "unknown"
    REJECT = "reject"
    BUG = "bug"
    AGAIN = "transient"


@dataclass(frozen=True)
class Row:
    """One line of the table. `reason`: a SystemReason for CLOSED, a Reason for REJECT. `pattern`:
    words of the message, `source`: of the attribute's path; both empty for any."""

    next: Next
    reason: Reason | SystemReason | None = None
    pattern: str = ""
    source: str = ""


def _closed(reason: SystemReason, pattern: str = "") -> Row:
    return Row(Next.CLOSED, reason, pattern)


def _reject(reason: Reason, pattern: str = "", source: str = "") -> Row:
    return Row(Next.REJECT, reason, pattern, source)


NO_SUBSCRIPTION = r"no active subscription"
SETTLED = r"can only pay unpaid"
TAKEN = r"already (been )?(taken|used|in use|exists)|must be unique|not unique"
VOIDED = r"already void"

WORDS: tuple[Row, ...] = (
    _closed(SystemReason.MISCONFIGURED, NO_SUBSCRIPTION),
    _closed(SystemReason.MISCONFIGURED, r"\bbusiness\b.*(not be found|not found)"),
    # A request of that id was there before: the books say which.
    Row(Next.UNKNOWN, pattern=r"idempotency"),
    _reject(Reason.EDITION_LIMIT, r"not available (in|for|with) (your|this)|your subscription"),
    _reject(Reason.PAYMENT_EXCEEDS_BALANCE, SETTLED),
    _reject(Reason.PAYMENT_EXCEEDS_BALANCE, r"(greater|more) than the outstanding|outstanding amo"),
    _reject(Reason.DOCUMENT_LOCKED, r"payments or allocations|cannot be changed|reconciled"),
    _reject(Reason.CLOSED_PERIOD, r"lock(ed|down)|closed|year.?end|accounts? start", r"\bdate$"),
    _reject(Reason.CLOSED_PERIOD, r"(lock(ed|down)|closed).*(year|period)|accounts? start date"),
    _reject(Reason.CLOSED_PERIOD, r"(year|period|books).*(lock(ed|down)|closed)|year.?end"),
    _reject(Reason.CUSTOMER_INACTIVE, r"inactive|obfuscated", r"contact_id|^contact\b"),
    _reject(Reason.CUSTOMER_INACTIVE, r"(contact|customer)\b.*(inactive|obfuscated)"),
    _reject(Reason.UNKNOWN_ACCOUNT, r"inactive|closed", r"(ledger|bank)_account_id"),
    _reject(Reason.REFERENCE_NOT_FOUND, r"can.?t find customer|another contact"),
    _reject(Reason.REFERENCE_NOT_FOUND, r"couldn.?t find (contact|artefact|customer)\b"),
    _reject(Reason.UNKNOWN_ACCOUNT, r"couldn.?t find (ledger|bank|payment)|control account"),
    _reject(Reason.DUPLICATE_NAME, TAKEN, r"contact\.name"),
    # Sage numbers documents itself: that number is taken when somebody posts at the same instant.
    Row(Next.AGAIN, None, TAKEN, r"(invoice|credit_note)_number"),
    Row(Next.AGAIN, None, r"\bnumber has already"),
    _reject(Reason.DUPLICATE_NUMBER, TAKEN),
    _reject(Reason.TOO_LONG, r"too long"),
    _reject(Reason.TAX_MISMATCH, r"match|differ|incorrect|expected", r"tax_amount"),
    _reject(Reason.UNKNOWN_TAX, r"", r"tax_rate|tax_amount|tax_address"),
    _reject(Reason.MISSING_FIELD, r"can.?t be blank|is required|is missing"),
    _reject(Reason.TOTALS_DIFFER, r"not balance|sum to zero|less than"),
    _reject(Reason.AMOUNT_NOT_POSITIVE, r"greater than 0|not be (negative|zero)"),
    _reject(Reason.CURRENCY_NOT_SUPPORTED, r"currenc"),
)
"""Only for refusals (4xx); the first row that fits."""

CODES: dict[str, Row] = {
    "AuthorizationFailure": _closed(SystemReason.UNAUTHORISED),
    "MultiUserAccessDenied": _closed(SystemReason.MISCONFIGURED),
    "RecordNotFound": _reject(Reason.REFERENCE_NOT_FOUND),
    "RecordInvalid": _reject(Reason.REFUSED_BY_SYSTEM),
    "UnexpectedError": Row(Next.UNKNOWN),
}

STATUSES: dict[int, Row] = {
    400: Row(Next.BUG),
    401: _closed(SystemReason.UNAUTHORISED),
    403: _closed(SystemReason.UNAUTHORISED),
    # An address that does not exist: another record would fare no better.
    404: _closed(SystemReason.MISCONFIGURED),
    405: Row(Next.BUG),
    # Not of Sage's page: what a proxy says of a request that may be on its way all the same.
    408: Row(Next.UNKNOWN),
    409: Row(Next.UNKNOWN),
    415: Row(Next.BUG),
    422: _reject(Reason.REFUSED_BY_SYSTEM),
    429: _closed(SystemReason.THROTTLED),
    500: Row(Next.UNKNOWN),
}


def row_of(fault: Fault) -> Row:
    """The class of a fault: throttle and failure by status, a refusal by its words, then codes."""
    if fault.status == TOO_MANY:
        return STATUSES[TOO_MANY]
    if fault.status < 500:
        known = _known(fault)
        if known is not None:
            return known[1]
        if fault.status == UNAUTHORISED:
            return STATUSES[UNAUTHORISED]
    for entry in fault.entries:
        if entry.code in CODES:
            return CODES[entry.code]
    if fault.status in STATUSES:
        return STATUSES[fault.status]
    if fault.status >= 500:
        return _closed(SystemReason.UNREACHABLE)
    # A redirection: the address is not Sage's, or no longer.
    return _closed(SystemReason.MISCONFIGURED) if fault.status < 400 else Row(Next.BUG)


def _known(fault: Fault) -> tuple[Entry, Row] | None:
    """The first entry whose words are in the table, and its row."""
    fitting = ((entry, row) for entry in fault.entries for row in WORDS if _fits(row, entry))
    return next(fitting, None)


def _fits(row: Row, entry: Entry) -> bool:
    words = re.search(row.pattern, entry.message, re.IGNORECASE)
    return bool(entry.message and words and re.search(row.source, entry.source))


def failure(fault: Fault, *, writing: bool) -> Exception:
    """What the engine must be told. `writing`: the request may have changed the books."""
    row = row_of(fault)
    match row.next:
        case Next.CLOSED if writing and row.reason is SystemReason.UNREACHABLE:
            return OutcomeUnknown(fault.words)  # a gateway: the service behind it may have worked
        case Next.CLOSED:
            assert isinstance(row.reason, SystemReason)  # noqa: S101 — the table's own shape
            return Unavailable(row.reason, _closing(fault), retry_after_s=_wait_s(fault))
        case Next.UNKNOWN:
            return OutcomeUnknown(fault.words) if writing else Transient(fault.words)
        case Next.REJECT:
            assert isinstance(row.reason, Reason)  # noqa: S101 — the table's own shape
            return Rejected(row.reason, field=_field(fault), detail=fault.words)
        case Next.AGAIN:
            return Transient(fault.words)
        case Next.BUG:
            return Bug(fault.words)


def _closing(fault: Fault) -> str:
    """The words, and what to do where Sage's own do not say it."""
    if fault.says(NO_SUBSCRIPTION):
        return say("{words}; renew the {system} subscription", words=fault.words, system=SHORT)
    if any(entry.code == "MultiUserAccessDenied" for entry in fault.entries):
        return say(
            "{words}; give the user of the authorisation Full Access in {system}",
            words=fault.words,
            system=SHORT,
        )
    if fault.status in (UNAUTHORISED, 403):
        return say("{words}; authorise again", words=fault.words)
    return fault.words


def _wait_s(fault: Fault) -> float | None:
    if fault.retry_after_s is not None:
        return fault.retry_after_s
    return THROTTLE_S if fault.status == TOO_MANY else None


_FIELDS = {
    "contact.name": "name",
    "contact.reference": "number",
    "contact.notes": "",
    "main_address": "address",
    "main_contact_person.email": "email",
    "main_contact_person.telephone": "phone",
    "contact_id": "account",
    "date": "date",
    "due_date": "due_date",
    "reference": "number",
    "notes": "description",
    "description": "description",
    "invoice_lines": "lines",
    "credit_note_lines": "lines",
    "allocated_artefacts": "allocations",
    "total_amount": "amount",
    "payment_method_id": "method",
}
_ROOT = r"^(contact|sales_invoice|sales_credit_note|contact_payment|contact_allocation|journal)\."


def _field(fault: Fault) -> str:
    """The field of the entry that gave the reason, else the first that any entry names."""
    known = _known(fault)
    entries = (known[0],) if known is not None and field_of(known[0].source) else fault.entries
    return next((found for entry in entries if (found := field_of(entry.source))), "")


def field_of(source: str) -> str:
    """The field of the record behind an attribute of Sage; empty when there is none."""
    if source in _FIELDS:
        return _FIELDS[source]
    path = re.sub(_ROOT, "", source)
    if path in _FIELDS:
        return _FIELDS[path]
    head = re.match(r"(\w+)(?:\[(\d+)\])?(?:\.(\w+))?", path)
    if head is None or head.group(1) not in _FIELDS:
        return ""
    name, place, rest = _FIELDS[head.group(1)], head.group(2), head.group(3)
    if place is not None:
        return f"{name}.{place}"
    return f"{name}.{rest}" if name == "address" and rest in ("city", "postal_code") else name


def fault_of(answer: Answer) -> Fault:
    """The refusal in an answer that is no success, whatever its shape."""
    request_id = str(answer.headers.get("x_request_id") or answer.headers.get("x-request-id") or "")
    try:
        content = answer.json()
    except ValueError:
        content = None
    entries = tuple(_entries(content)) or (Entry(message=plain_words(answer.content)),)
    return Fault(answer.status, entries, request_id, answer.retry_after_s)


def _entries(content: object) -> list[Entry]:
    rows = content if isinstance(content, list) else [content]
    found = []
    for row in rows:
        if isinstance(row, dict):
            code = str(row.get("$dataCode") or row.get("error") or "")
            message = str(row.get("$message") or row.get("error_description") or "")
            found.append(Entry(code, message, str(row.get("$source") or "")))
    return [entry for entry in found if entry.code or entry.message]
