"""The error table of the reference page, section 11: every row, its class and what is read."""

from __future__ import annotations

import json

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems.sage_300.faults import (
    TABLE,
    THROTTLE_S,
    Bug,
    Fault,
    ServerFailed,
    failure,
    read_fault,
)
from schemas.reasons import Reason, SystemReason, explain, text

CLOSED = [
    (401, "Unauthorized", SystemReason.UNAUTHORISED),
    (403, "Forbidden", SystemReason.MISCONFIGURED),
    (429, "TooManyRequests", SystemReason.THROTTLED),
    (500, "SessionError", SystemReason.UNREACHABLE),
    (500, "DBLinkError", SystemReason.UNREACHABLE),
    (404, "ResourceNotFound", SystemReason.MISCONFIGURED),
    (400, "InvalidParameters", SystemReason.MISCONFIGURED),
    (400, "InvalidAction", SystemReason.MISCONFIGURED),
    (405, "MethodNotAllowed", SystemReason.MISCONFIGURED),
]
BUGS = [(400, "InvalidPayload"), (400, "InvalidEntityKey")]
REFUSED = [
    (404, "RecordNotFound", Reason.REFERENCE_NOT_FOUND, ""),
    (409, "RecordDuplicate", Reason.DUPLICATE_NUMBER, "number"),
    (409, "RecordInvalid", Reason.REFUSED_BY_SYSTEM, ""),
    (409, "FieldInvalid", Reason.INVALID_FIELD, ""),
    (409, "General", Reason.REFUSED_BY_SYSTEM, ""),
]
WORDS = [
    ("Document F-1 already exists.", Reason.DUPLICATE_NUMBER, "number"),
    ("Le document F-1 existe déjà.", Reason.DUPLICATE_NUMBER, "number"),
    ("This is a locked fiscal period.", Reason.CLOSED_PERIOD, "date"),
    ("Period 03 is locked for Accounts Receivable.", Reason.CLOSED_PERIOD, "date"),
    ("La période 03 est verrouillée.", Reason.CLOSED_PERIOD, "date"),
    (
        "The fiscal period of 2031-01-01 cannot be determined: add the fiscal year.",
        Reason.PERIOD_NOT_OPEN,
        "date",
    ),
    ("Fiscal calendar for 2031 does not exist.", Reason.PERIOD_NOT_OPEN, "date"),
    ("G/L account 4110 is not defined.", Reason.UNKNOWN_ACCOUNT, ""),
    ("G/L account 4110 is inactive.", Reason.UNKNOWN_ACCOUNT, ""),
    ("You are not permitted to use G/L account 4110.", Reason.UNKNOWN_ACCOUNT, ""),
    ("Bank CCB does not exist.", Reason.UNKNOWN_ACCOUNT, ""),
    ("Tax group QC does not exist.", Reason.UNKNOWN_TAX, ""),
    ("The customer is over the credit limit.", Reason.REFUSED_BY_SYSTEM, ""),
    ("Customer M1 is on hold.", Reason.REFUSED_BY_SYSTEM, ""),
    ("Customer M1 is inactive.", Reason.CUSTOMER_INACTIVE, "account"),
    ("Optional field REGION is required.", Reason.CUSTOMER_SETUP, "account"),
    ("Currency USD: no rate for this date.", Reason.CURRENCY_NOT_SUPPORTED, "currency"),
]
LOCKED = [
    "Processing conflict.",
    "Batch 12: Post in Progress.",
    "The record is locked by another user.",
    "The record was modified by another program.",
    "Lot verrouillé par un autre utilisateur",
]


def told(fault: Fault, *, writing: bool = True) -> Exception:
    return failure(fault, writing=writing, lock_wait_s=60.0)


@pytest.mark.parametrize(("status", "code", "reason"), CLOSED)
@pytest.mark.parametrize("writing", [True, False])
def test_these_close_the_system_and_fail_no_record(
    status: int, code: str, reason: SystemReason, writing: bool
) -> None:
    error = told(Fault(status, code, "Words.", module="AR"), writing=writing)
    assert isinstance(error, Unavailable)
    assert error.reason is reason
    assert f"Sage 300: {code} Words." in error.detail
    for lang in ("fr", "en"):
        assert text(reason, lang).what in explain(reason, lang, "", error.detail)


@pytest.mark.parametrize(("status", "code", "reason", "field"), REFUSED)
def test_these_need_a_person(status: int, code: str, reason: Reason, field: str) -> None:
    error = told(Fault(status, code, "Something is wrong."))
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (reason, field)
    assert error.detail == f"Sage 300: {code} Something is wrong."


@pytest.mark.parametrize(("words", "reason", "field"), WORDS)
@pytest.mark.parametrize("code", ["RecordInvalid", "FieldInvalid", "General"])
def test_the_words_of_a_business_error_tell_which_it_is(
    code: str, words: str, reason: Reason, field: str
) -> None:
    error = told(Fault(409, code, words))
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (reason, field)


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        *((code, "Quoi.", reason) for _, code, reason, _ in REFUSED),
        *(("General", *w[:2]) for w in WORDS),
    ],
)
def test_what_the_accountant_reads_says_what_happened_and_quotes_sage(
    code: str, words: str, reason: Reason, lang: str
) -> None:
    error = told(Fault(409, code, words))
    assert isinstance(error, Rejected)
    read = explain(error.reason, lang, error.field, error.detail)
    sentence = text(reason, lang)
    assert read.startswith(sentence.what)
    assert sentence.correct in read
    assert f"Sage 300: {code} {words}" in read


@pytest.mark.parametrize("words", LOCKED)
def test_a_lock_passes_and_says_how_long_to_wait(words: str) -> None:
    error = told(Fault(409, "General", words))
    assert isinstance(error, Transient)
    assert error.retry_after_s == 60.0


@pytest.mark.parametrize(("status", "code"), BUGS)
def test_these_say_that_our_request_is_wrong(status: int, code: str) -> None:
    error = told(Fault(status, code, "Unknown property."))
    assert isinstance(error, Bug)
    assert code in str(error)


@pytest.mark.parametrize("code", ["InternalServerError", ""])
def test_500_leaves_the_outcome_unknown_when_writing(code: str) -> None:
    assert isinstance(told(Fault(500, code, "An error has occurred.")), ServerFailed)
    assert isinstance(told(Fault(500, code), writing=False), Transient)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_leaves_the_outcome_unknown_when_writing(status: int) -> None:
    error = told(Fault(status, text="Bad Gateway"))
    assert isinstance(error, OutcomeUnknown)
    assert not isinstance(error, ServerFailed)
    read = told(Fault(status), writing=False)
    assert isinstance(read, Unavailable)
    assert read.reason is SystemReason.UNREACHABLE


def test_every_documented_code_is_in_a_test() -> None:
    tested = {code for _, code, _ in CLOSED} | {code for _, code in BUGS}
    tested |= {code for _, code, _, _ in REFUSED} | {"InternalServerError"}
    assert set(TABLE) == tested


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, SystemReason.UNAUTHORISED),
        (403, SystemReason.MISCONFIGURED),
        (404, SystemReason.MISCONFIGURED),
        (405, SystemReason.MISCONFIGURED),
        (429, SystemReason.THROTTLED),
    ],
)
def test_a_status_without_a_code_closes_the_system(status: int, reason: SystemReason) -> None:
    error = told(Fault(status, text="IIS"))
    assert isinstance(error, Unavailable)
    assert error.reason is reason


def test_the_status_of_business_errors_does_not_matter() -> None:
    error = told(Fault(422, "General", "Period 01 is locked for General Ledger."))
    assert isinstance(error, Rejected)
    assert error.reason is Reason.CLOSED_PERIOD


def test_a_409_of_an_undocumented_code_is_read_by_its_words() -> None:
    error = told(Fault(409, "Whatever", "The batch is locked by another user."))
    assert isinstance(error, Transient)


def test_an_unexplained_answer_is_our_bug() -> None:
    assert isinstance(told(Fault(418, text="Teapot")), Bug)


@pytest.mark.parametrize("writing", [True, False])
def test_a_redirection_is_a_wrong_address_and_no_record_s_fault(writing: bool) -> None:
    error = told(Fault(302, text="Object moved"), writing=writing)
    assert isinstance(error, Unavailable)
    assert error.reason is SystemReason.MISCONFIGURED
    assert "base_url" in error.detail


def test_the_missing_right_is_named_with_its_module() -> None:
    error = told(Fault(403, "Forbidden", "No right.", module="BK"))
    assert isinstance(error, Unavailable)
    assert "BK" in error.detail
    assert "Sage 300 Web API" in error.detail
    absent = told(Fault(404, "ResourceNotFound", "Not there.", module="TX"))
    assert isinstance(absent, Unavailable)
    assert "TX" in absent.detail


@pytest.mark.parametrize(("asked", "expected"), [(7.0, 7.0), (None, THROTTLE_S)])
def test_the_wish_of_the_vendor_is_kept_else_ours(asked: float | None, expected: float) -> None:
    error = told(Fault(429, "TooManyRequests", "Too many.", retry_after_s=asked))
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == expected


def test_several_messages_come_on_one_line() -> None:
    fault = Fault(409, "General", "First.\r\n\r\nSecond.\n")
    assert fault.words == "Sage 300: General First.; Second."


def read(content: object) -> tuple[str, str]:
    body = json.dumps(content).encode()
    return read_fault(409, content, body)


def test_the_message_is_an_object_and_may_be_a_text() -> None:
    message = {"lang": "en-US", "value": "No."}
    assert read({"error": {"code": "General", "message": message}}) == ("General", "No.")
    assert read({"error": {"code": "General", "message": "No."}}) == ("General", "No.")
    assert read({"error": {"code": "General"}}) == ("General", "HTTP 409")


def test_what_is_no_error_body_gives_its_words() -> None:
    assert read_fault(503, None, b"<h1>Service Unavailable</h1>") == ("", "Service Unavailable")
    assert read_fault(409, ["x"], b'["x"]') == ("", '["x"]')
