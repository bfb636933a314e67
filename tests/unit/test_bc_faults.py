"""The table of Business Central's faults: every code, text and status, and what a person reads."""

from __future__ import annotations

import json
import re

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._exchange import Answer
from consumers.systems.business_central.faults import (
    CODES,
    STATUSES,
    TEXTS,
    Bug,
    Fault,
    failure,
    fault_of,
    row_of,
)
from schemas.reasons import Reason, SystemReason, explain, text

DIALOG, FIELD = "Application_DialogException", "Application_FieldValidationException"
TRACE = "1f2e3d4c-0000-4000-8000-123456789abc"

CLOSED = [
    ("Authentication_InvalidCredentials", SystemReason.UNAUTHORISED),
    ("Authorization_RequestDenied", SystemReason.UNAUTHORISED),
    ("BadRequest_ResourceNotFound", SystemReason.MISCONFIGURED),
    ("Internal_CompanyNotFound", SystemReason.MISCONFIGURED),
]
REFUSED = [
    ("Application_CallbackNotAllowed", "Do you want to continue?", Reason.REFUSED_BY_SYSTEM),
    ("Application_EvaluateException", "", Reason.INVALID_FIELD),
    ("Application_FilterErrorException", "", Reason.INVALID_FIELD),
    ("Application_InvalidGUID", "", Reason.INVALID_FIELD),
    ("Application_StringExceededLength", "The length is 36", Reason.TOO_LONG),
    ("BadRequest_NotFound", "", Reason.REFERENCE_NOT_FOUND),
    ("Internal_EntityWithSameKeyExists", "already exists", Reason.DUPLICATE_NUMBER),
    ("Internal_InvalidTableRelation", "", Reason.INVALID_FIELD),
    ("Internal_RecordNotFound", "", Reason.REFERENCE_NOT_FOUND),
    ("Internal_DataNotFoundFilter", "There is no Sales Header", Reason.REFUSED_BY_SYSTEM),
    (
        DIALOG,
        "There is no Cust. Ledger Entry within the filter. Filters: Currency Code: CAD",
        Reason.REFUSED_BY_SYSTEM,
    ),
    (DIALOG, "Posting Date is not within your range of allowed posting dates", "closed_period"),
    (FIELD, "is not within your range of allowed posting dates.", Reason.CLOSED_PERIOD),
    (
        DIALOG,
        "You cannot apply and post an entry to an entry with an earlier posting date.",
        Reason.PAYMENT_BEFORE_INVOICE,
    ),
    (DIALOG, "Sales Invoice PS-INV103 already exists", Reason.DUPLICATE_NUMBER),
    (DIALOG, "The lines are out of balance by 5.00", Reason.TOTALS_DIFFER),
    (DIALOG, "You may not enter numbers manually.", Reason.CUSTOMER_SETUP),
    (FIELD, "Customer Posting Group must have a value in Customer", Reason.CUSTOMER_SETUP),
    (FIELD, "The General Posting Setup does not exist", Reason.CUSTOMER_SETUP),
    (
        DIALOG,
        "You cannot create this type of document when Customer M1 is blocked with type All.",
        Reason.CUSTOMER_INACTIVE,
    ),
    (DIALOG, "There is no Currency Exchange Rate", Reason.CURRENCY_NOT_SUPPORTED),
    (FIELD, "Direct Posting must be equal to 'Yes' in G/L Account", Reason.UNKNOWN_ACCOUNT),
    (DIALOG, "Account does not exist.", Reason.UNKNOWN_ACCOUNT),
    (FIELD, "Tax Group Code must have a value", Reason.UNKNOWN_TAX),
    (DIALOG, 'The "displayName" must be filled in.', Reason.MISSING_FIELD),
    (FIELD, "Phone No. must not contain letters", Reason.INVALID_FIELD),
    (DIALOG, "Something of this company's own", Reason.REFUSED_BY_SYSTEM),
    (FIELD, "Something of this company's own", Reason.REFUSED_BY_SYSTEM),
    ("Application_Newcomer", "Nobody knows this code", Reason.REFUSED_BY_SYSTEM),
]
UNKNOWN = ["Internal_ServerError", "Unknown"]
BUGS = [
    "BadRequest",
    "BadRequest_InvalidOperation",
    "BadRequest_InvalidRequestUrl",
    "BadRequest_InvalidToken",
    "BadRequest_MethodNotAllowed",
    "BadRequest_RequiredParamNotProvided",
]


def fault(code: str, message: str = "Message", status: int = 400) -> Fault:
    return Fault(status, code, message, TRACE)


def answer(status: int, body: object) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {}, content, None)


@pytest.mark.parametrize(("code", "reason"), CLOSED)
@pytest.mark.parametrize("writing", [True, False])
def test_these_close_the_system_and_fail_no_record(
    code: str, reason: SystemReason, writing: bool
) -> None:
    error = failure(fault(code), writing=writing)
    assert isinstance(error, Unavailable)
    assert error.reason is reason


@pytest.mark.parametrize(("code", "message", "reason"), REFUSED)
def test_these_need_a_person_who_reads_why_in_french_and_in_english(
    code: str, message: str, reason: Reason
) -> None:
    error = failure(fault(code, message), writing=True)
    assert isinstance(error, Rejected)
    assert error.reason == reason
    for lang in ("fr", "en"):
        told = explain(error.reason, lang, error.field, error.detail)
        words = text(error.reason, lang)
        assert told.startswith(words.what)
        assert told.endswith(words.correct)
        assert f"Business Central: {code} {message}".strip() in told
        assert TRACE in told


@pytest.mark.parametrize("code", UNKNOWN)
def test_these_leave_the_outcome_unknown_when_writing(code: str) -> None:
    assert isinstance(failure(fault(code, status=500), writing=True), OutcomeUnknown)
    assert isinstance(failure(fault(code, status=500), writing=False), Transient)


def test_a_tenant_that_is_not_available_may_have_done_a_write_and_no_read() -> None:
    gone = fault("Internal_TenantUnavailable", status=503)
    assert isinstance(failure(gone, writing=True), OutcomeUnknown)
    error = failure(gone, writing=False)
    assert isinstance(error, Unavailable)
    assert error.reason is SystemReason.MAINTENANCE


@pytest.mark.parametrize("code", BUGS)
def test_these_say_that_our_request_is_wrong(code: str) -> None:
    error = failure(fault(code), writing=True)
    assert isinstance(error, Bug)
    assert code in str(error)
    assert TRACE in str(error)


LOCKED = [
    "The Sales Header table cannot be changed because it is locked by another user.",
    "The transaction was chosen as a deadlock victim",
    "The operation failed: lock timeout",
    "Another user has already changed the record",
]


@pytest.mark.parametrize("message", LOCKED)
def test_a_lock_is_tried_again(message: str) -> None:
    assert isinstance(failure(fault(DIALOG, message), writing=True), Transient)


def test_a_stale_record_is_tried_again() -> None:
    assert isinstance(failure(fault("Request_EntityChanged", status=409), writing=True), Transient)
    assert isinstance(failure(fault("", status=409), writing=True), Transient)


def test_every_row_of_the_table_is_in_a_test() -> None:
    tested = {code for code, *_ in REFUSED} | {code for code, _ in CLOSED}
    others = {*UNKNOWN, *BUGS, "Internal_TenantUnavailable", "Request_EntityChanged"}
    assert set(CODES) <= tested | others
    told = [*LOCKED, *(message for _, message, _ in REFUSED)]
    for pattern, row in TEXTS:
        spoken = [one for one in told if re.search(pattern, one, re.IGNORECASE)]
        assert row in [row_of(fault(DIALOG, one)) for one in spoken], pattern


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, SystemReason.UNAUTHORISED),
        (403, SystemReason.UNAUTHORISED),
        (302, SystemReason.MISCONFIGURED),
        (404, SystemReason.MISCONFIGURED),
        (407, SystemReason.UNREACHABLE),
        (429, SystemReason.THROTTLED),
        (502, SystemReason.UNREACHABLE),
        (503, SystemReason.UNREACHABLE),
        (504, SystemReason.UNREACHABLE),
    ],
)
def test_a_status_without_a_code_closes_the_system(status: int, reason: SystemReason) -> None:
    error = failure(fault("", status=status), writing=False)
    assert isinstance(error, Unavailable)
    assert error.reason is reason


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_after_a_write_a_broken_gateway_leaves_the_outcome_unknown(status: int) -> None:
    assert isinstance(failure(fault("", status=status), writing=True), OutcomeUnknown)


@pytest.mark.parametrize("status", [400, 405, 413, 415])
def test_an_unexplained_refusal_is_our_bug(status: int) -> None:
    assert isinstance(failure(fault("", "", status), writing=True), Bug)


def test_every_status_of_the_table_is_in_a_test() -> None:
    assert set(STATUSES) == {401, 403, 404, 405, 407, 408, 409, 413, 415, 429, 502, 503, 504}


def test_a_throttle_speaks_before_the_code_that_carries_it() -> None:
    throttled = Fault(429, "Application_TooManyRequests", retry_after_s=7.0)
    error = failure(throttled, writing=True)
    assert isinstance(error, Unavailable)
    assert (error.reason, error.retry_after_s) == (SystemReason.THROTTLED, 7.0)


def test_the_field_of_the_caller_is_named_where_the_table_names_none() -> None:
    error = failure(fault("Application_EvaluateException"), writing=True, field="email")
    assert isinstance(error, Rejected)
    assert error.field == "email"


def test_the_correlation_id_is_taken_out_of_the_text_and_kept() -> None:
    message = f"No.  Series must allow it.  CorrelationId:  {TRACE}."
    found = fault_of(answer(400, {"error": {"code": DIALOG, "message": message}}))
    assert (found.code, found.message, found.correlation) == (
        DIALOG,
        "No. Series must allow it.",
        TRACE,
    )
    assert found.words == (
        f"Business Central: {DIALOG} No. Series must allow it. (CorrelationId {TRACE})"
    )


@pytest.mark.parametrize("body", [b"<html><h1>502 Bad\n Gateway</h1></html>", b"502 Bad Gateway"])
def test_what_is_no_json_is_reduced_to_its_words(body: bytes) -> None:
    found = fault_of(answer(502, body))
    assert (found.code, found.message, found.correlation) == ("", "502 Bad Gateway", "")
    assert found.words == "Business Central: HTTP 502 502 Bad Gateway (CorrelationId -)"


@pytest.mark.parametrize("body", [[], {"error": "no"}, {"error": {}}])
def test_a_refusal_of_an_unknown_shape_is_still_one(body: object) -> None:
    assert fault_of(answer(400, body)).code == ""
