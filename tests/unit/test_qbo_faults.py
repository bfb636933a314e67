"""The error table of the reference page, section 14: every row, its class and its reason."""

from __future__ import annotations

import json

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems.quickbooks_online.faults import (
    TABLE,
    THROTTLE_S,
    Bug,
    Fault,
    failure,
    field_of,
    read_answer,
)
from schemas.reasons import Reason, SystemReason, explain, text

CLOSED = [
    (100, SystemReason.UNAUTHORISED),
    (110, SystemReason.UNAUTHORISED),
    (120, SystemReason.UNAUTHORISED),
    (130, SystemReason.MISCONFIGURED),
    (140, SystemReason.MAINTENANCE),
    (150, SystemReason.MAINTENANCE),
    (170, SystemReason.UNAUTHORISED),
    (3001, SystemReason.THROTTLED),
    (3100, SystemReason.UNAUTHORISED),
    (3200, SystemReason.UNAUTHORISED),
    (5020, SystemReason.UNAUTHORISED),
    (6190, SystemReason.READ_ONLY),
    (10200, SystemReason.MISCONFIGURED),
]
REFUSED = [
    (610, Reason.REFERENCE_NOT_FOUND),
    (620, Reason.REFUSED_BY_SYSTEM),
    (630, Reason.DUPLICATE_NAME),
    (700, Reason.REFUSED_BY_SYSTEM),
    (800, Reason.REFUSED_BY_SYSTEM),
    (900, Reason.REFUSED_BY_SYSTEM),
    (2020, Reason.MISSING_FIELD),
    (2030, Reason.INVALID_FIELD),
    (2040, Reason.INVALID_CHARACTERS),
    (2050, Reason.TOO_LONG),
    (2060, Reason.INVALID_FIELD),
    (2070, Reason.INVALID_FIELD),
    (2080, Reason.INVALID_FIELD),
    (2090, Reason.INVALID_FIELD),
    (2110, Reason.INVALID_FIELD),
    (2210, Reason.INVALID_FIELD),
    (2220, Reason.CURRENCY_NOT_SUPPORTED),
    (2250, Reason.MISSING_FIELD),
    (2260, Reason.INVALID_FIELD),
    (2270, Reason.INVALID_FIELD),
    (2280, Reason.INVALID_FIELD),
    (2290, Reason.AMOUNT_NOT_POSITIVE),
    (2300, Reason.TOTALS_DIFFER),
    (2500, Reason.REFERENCE_NOT_FOUND),
    (5030, Reason.NOT_SUPPORTED),
    (6000, Reason.REFUSED_BY_SYSTEM),
    (6070, Reason.INVALID_FIELD),
    (6080, Reason.MISSING_FIELD),
    (6090, Reason.INVALID_FIELD),
    (6100, Reason.UNKNOWN_TAX),
    (6140, Reason.DUPLICATE_NUMBER),
    (6160, Reason.UNKNOWN_TAX),
    (6170, Reason.UNKNOWN_TAX),
    (6200, Reason.CLOSED_PERIOD),
    (6210, Reason.CLOSED_PERIOD),
    (6220, Reason.DOCUMENT_LOCKED),
    (6230, Reason.UNKNOWN_TAX),
    (6240, Reason.DUPLICATE_NAME),
    (6250, Reason.CUSTOMER_INACTIVE),
    (6280, Reason.DOCUMENT_LOCKED),
    (6430, Reason.UNKNOWN_ACCOUNT),
    (6440, Reason.UNKNOWN_ACCOUNT),
    (6450, Reason.DOCUMENT_LOCKED),
    (6470, Reason.UNKNOWN_TAX),
    (6480, Reason.DOCUMENT_LOCKED),
    (6540, Reason.DOCUMENT_LOCKED),
    (6999, Reason.REFUSED_BY_SYSTEM),
]
UNKNOWN = [600, 1000, 1010, 1020, 4002, 10000, 10555]
BUGS = [500, 501, 1040, 1050, 2010, 2130, 2170, 4000, 4001, 10100]


def fault(code: int = 0, status: int = 400, **more: str) -> Fault:
    return Fault(status, code, "Message", "Detail", **{"tid": "1-abc", **more})


@pytest.mark.parametrize(("code", "reason"), CLOSED)
@pytest.mark.parametrize("writing", [True, False])
def test_these_close_the_system_and_fail_no_record(
    code: int, reason: SystemReason, writing: bool
) -> None:
    error = failure(fault(code), writing=writing)
    assert isinstance(error, Unavailable)
    assert error.reason is reason


@pytest.mark.parametrize(("code", "reason"), REFUSED)
def test_these_need_a_person(code: int, reason: Reason) -> None:
    error = failure(fault(code, element="DocNumber"), writing=True)
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (reason, "number")
    for part in (str(code), "Message", "Detail", "intuit_tid=1-abc"):
        assert part in error.detail


@pytest.mark.parametrize(("code", "reason"), REFUSED)
def test_what_the_accountant_reads_says_what_happened_and_quotes_quickbooks(
    code: int, reason: Reason
) -> None:
    error = failure(fault(code), writing=True)
    assert isinstance(error, Rejected)
    told = explain(error.reason, "fr", error.field, error.detail)
    words = text(reason, "fr")
    assert told.startswith(words.what)
    assert f"QuickBooks: {code} Message: Detail" in told
    assert words.correct in told


@pytest.mark.parametrize("code", UNKNOWN)
def test_these_leave_the_outcome_unknown_when_writing(code: int) -> None:
    assert isinstance(failure(fault(code), writing=True), OutcomeUnknown)
    assert isinstance(failure(fault(code), writing=False), Transient)


@pytest.mark.parametrize("code", BUGS)
def test_these_say_that_our_request_is_wrong(code: int) -> None:
    error = failure(fault(code), writing=True)
    assert isinstance(error, Bug)
    assert str(code) in str(error)


def test_a_stale_object_is_tried_again() -> None:
    assert isinstance(failure(fault(5010), writing=True), Transient)


def test_every_code_of_the_table_is_in_a_test() -> None:
    tested = {code for code, _ in CLOSED} | {code for code, _ in REFUSED}
    assert set(TABLE) <= tested | set(UNKNOWN) | set(BUGS) | {5010}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, SystemReason.UNAUTHORISED),
        (403, SystemReason.UNAUTHORISED),
        (404, SystemReason.MISCONFIGURED),
        (429, SystemReason.THROTTLED),
        (502, SystemReason.UNREACHABLE),
        (503, SystemReason.UNREACHABLE),
        (504, SystemReason.UNREACHABLE),
        (520, SystemReason.UNREACHABLE),
    ],
)
def test_a_status_without_a_code_closes_the_system(status: int, reason: SystemReason) -> None:
    error = failure(fault(status=status), writing=False)
    assert isinstance(error, Unavailable)
    assert error.reason is reason


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_after_a_write_a_broken_gateway_leaves_the_outcome_unknown(status: int) -> None:
    assert isinstance(failure(fault(status=status), writing=True), OutcomeUnknown)


@pytest.mark.parametrize("status", [413, 400, 302])
def test_an_unexplained_refusal_is_our_bug(status: int) -> None:
    assert isinstance(failure(fault(status=status), writing=True), Bug)


def test_a_code_nobody_knows_is_shown_to_a_person() -> None:
    error = failure(fault(5999), writing=True)
    assert isinstance(error, Rejected)
    assert error.reason is Reason.REFUSED_BY_SYSTEM


def test_a_throttle_speaks_before_the_403_that_carries_it() -> None:
    error = failure(fault(3001, status=403), writing=True)
    assert isinstance(error, Unavailable)
    assert (error.reason, error.retry_after_s) == (SystemReason.THROTTLED, THROTTLE_S)


def test_the_wish_of_the_vendor_is_kept() -> None:
    throttled = Fault(429, retry_after_s=7.0)
    error = failure(throttled, writing=True)
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Make sure all your transactions have a GST/HST rate before you save.", "unknown_tax"),
        ("Assurez-vous que la TPS figure sur chaque transaction", "unknown_tax"),
        ("The account period has closed", "closed_period"),
        ("La période est fermée (date de clôture)", "closed_period"),
        ("The amount is more than the balance", "refused_by_system"),
    ],
)
def test_the_words_of_6000_tell_which_rule(words: str, reason: str) -> None:
    error = failure(Fault(400, 6000, "Business Validation Error", words), writing=True)
    assert isinstance(error, Rejected)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("element", "field"),
    [
        ("DisplayName", "name"),
        ("Line.Amount", "lines"),
        ("Line[0]", "lines"),
        ("PrimaryEmailAddr.Address", "email"),
        ("Whatever", ""),
        ("", ""),
    ],
)
def test_elements_are_told_as_fields_of_the_record(element: str, field: str) -> None:
    assert field_of(element) == field


def upper(*errors: dict[str, object]) -> bytes:
    return json.dumps({"Fault": {"Error": list(errors), "type": "ValidationFault"}}).encode()


def read(status: int, body: bytes) -> Fault:
    content, found = read_answer(status, body, tid="1-x", retry_after_s=None)
    assert content is None
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_fault_is_one_whatever_the_status(status: int) -> None:
    body = upper({"Message": "m", "Detail": "d", "code": "6240", "element": "DisplayName"})
    found = read(status, body)
    assert (found.code, found.message, found.detail, found.element, found.status) == (
        *(6240, "m", "d", "DisplayName"),
        status,
    )
    assert found.tid == "1-x"


def test_the_gateway_shape_is_read_too() -> None:
    body = {
        "fault": {
            "error": [
                {
                    "message": "message=ApplicationAuthenticationFailed; errorCode=003200;"
                    " statusCode=401",
                    "code": "3200",
                }
            ],
            "type": "AUTHENTICATION",
        }
    }
    assert read(401, json.dumps(body).encode()).code == 3200


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "003001"}, 3001),
        ({"code": 6240}, 6240),
        ({"code": "", "message": "x; errorCode=003100; y"}, 3100),
        ({"code": "oops"}, 0),
        ({}, 0),
    ],
)
def test_codes_are_normalised_and_may_be_missing(error: dict[str, object], code: int) -> None:
    assert read(400, upper(error)).code == code


@pytest.mark.parametrize(
    "body",
    [b'{"Fault": {"Error": [], "type": "SystemFault"}}', b'{"Fault": {"type": "SystemFault"}}'],
)
def test_a_fault_without_errors_is_still_a_fault(body: bytes) -> None:
    found = read(200, body)
    assert (found.code, found.message) == (0, "SystemFault")


def test_the_known_code_leads_and_the_others_are_told() -> None:
    errors = ({"code": "7777", "Message": "strange"}, {"code": "6200", "Message": "closed"})
    found = read(400, upper(*errors))
    assert found.code == 6200
    assert "7777 strange" in found.words


def test_html_is_reduced_to_its_words() -> None:
    found = read(502, b"<html><head></head><body><h1>502 Bad\n Gateway</h1></body></html>")
    assert (found.code, found.message) == (0, "502 Bad Gateway")


def test_a_fault_in_xml_keeps_its_code() -> None:
    body = (
        b'<IntuitResponse><Fault type="x"><Error code="3200"><Message>no</Message></Error></Fault>'
    )
    assert read(401, body).code == 3200


@pytest.mark.parametrize("body", [b"", b'{"Invoice": {"Id"', b"[1]", b"<html>ok</html>"])
def test_nothing_can_be_concluded_from_a_success_that_cannot_be_read(body: bytes) -> None:
    assert read_answer(200, body, tid="", retry_after_s=None) == (None, None)
