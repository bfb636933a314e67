"""The error table of the Sage page, section 13: every row, its class, its reason, its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._exchange import Answer
from consumers.systems.sage_accounting.faults import (
    CODES,
    STATUSES,
    THROTTLE_S,
    WORDS,
    Bug,
    Entry,
    Fault,
    Next,
    failure,
    fault_of,
    field_of,
    row_of,
)
from schemas.reasons import Reason, SystemReason, explain, text

INVALID = "RecordInvalid"


def fault(status: int, *entries: tuple[str, str, str], wait_s: float | None = None) -> Fault:
    return Fault(status, tuple(Entry(*one) for one in entries), "req-1", wait_s)


REFUSED: list[tuple[int, str, str, str, Reason, str]] = [
    # status, $dataCode, $message, $source, reason, field of the record
    (
        *(422, INVALID, "unit_price is not a number", "sales_invoice.invoice_lines[1].unit_price"),
        *(Reason.REFUSED_BY_SYSTEM, "lines.1"),
    ),
    (
        *(422, INVALID, "can't find customer 0f", "sales_invoice.contact_id"),
        *(Reason.REFERENCE_NOT_FOUND, "account"),
    ),
    (
        *(422, INVALID, "Couldn't find contact 0f", "contact_payment.contact_id"),
        *(Reason.REFERENCE_NOT_FOUND, "account"),
    ),
    (
        *(422, INVALID, "Couldn't find artefact 0f", "allocated_artefacts[2].artefact_id"),
        *(Reason.REFERENCE_NOT_FOUND, "allocations.2"),
    ),
    (
        *(422, INVALID, "You can only pay unpaid or part-paid invoices.", "base"),
        *(Reason.PAYMENT_EXCEEDS_BALANCE, ""),
    ),
    (
        *(422, INVALID, "The amount is greater than the outstanding amount", "base"),
        *(Reason.PAYMENT_EXCEEDS_BALANCE, ""),
    ),
    (
        *(422, INVALID, "The date is in a locked financial year.", "sales_invoice.date"),
        *(Reason.CLOSED_PERIOD, "date"),
    ),
    (
        *(422, INVALID, "The date must be on or after the accounts start date.", "journal.date"),
        *(Reason.CLOSED_PERIOD, "date"),
    ),
    (
        *(422, INVALID, "Reference has already been taken", "contact.reference"),
        *(Reason.DUPLICATE_NUMBER, "number"),
    ),
    (
        *(422, INVALID, "Name has already been taken", "contact.name"),
        *(Reason.DUPLICATE_NAME, "name"),
    ),
    (
        *(422, INVALID, "The contact is inactive.", "sales_invoice.contact_id"),
        *(Reason.CUSTOMER_INACTIVE, "account"),
    ),
    (
        *(422, INVALID, "Couldn't find ledger account 1 for sales", "sales_invoice.invoice_lines"),
        *(Reason.UNKNOWN_ACCOUNT, "lines"),
    ),
    (
        *(422, INVALID, "Couldn't find payment_method X", "contact_payment.payment_method_id"),
        *(Reason.UNKNOWN_ACCOUNT, "method"),
    ),
    (
        *(422, INVALID, "tax_amount can't be blank", "credit_note_lines[0].tax_amount"),
        *(Reason.UNKNOWN_TAX, "lines.0"),
    ),
    (
        *(422, INVALID, "tax_amount does not match", "sales_invoice.invoice_lines[0].tax_amount"),
        *(Reason.TAX_MISMATCH, "lines.0"),
    ),
    (
        *(422, INVALID, "The tax rate is inactive", "sales_invoice.invoice_lines[0].tax_rate_id"),
        *(Reason.UNKNOWN_TAX, "lines.0"),
    ),
    (
        *(422, INVALID, "The account is inactive", "journal.journal_lines[0].ledger_account_id"),
        *(Reason.UNKNOWN_ACCOUNT, ""),
    ),
    (
        *(422, INVALID, "The account is closed", "contact_payment.bank_account_id"),
        *(Reason.UNKNOWN_ACCOUNT, ""),
    ),
    (
        *(422, INVALID, "This customer is obfuscated", "base"),
        *(Reason.CUSTOMER_INACTIVE, ""),
    ),
    (
        *(422, INVALID, "This period is closed", "base"),
        *(Reason.CLOSED_PERIOD, ""),
    ),
    (
        *(422, INVALID, "That falls in a locked year", "base"),
        *(Reason.CLOSED_PERIOD, ""),
    ),
    (
        *(422, INVALID, "postal_code is too long (maximum 10)", "contact.main_address.postal_code"),
        *(Reason.TOO_LONG, "address.postal_code"),
    ),
    (
        *(422, INVALID, "date can't be blank", "contact_payment.date"),
        *(Reason.MISSING_FIELD, "date"),
    ),
    (
        *(422, INVALID, "The journal does not balance", "journal.journal_lines"),
        *(Reason.TOTALS_DIFFER, ""),
    ),
    (
        *(422, INVALID, "total_amount must be greater than 0", "contact_payment.total_amount"),
        *(Reason.AMOUNT_NOT_POSITIVE, "amount"),
    ),
    (
        *(422, INVALID, "currency_id is not enabled", "contact.currency_id"),
        *(Reason.CURRENCY_NOT_SUPPORTED, ""),
    ),
    (
        *(422, INVALID, "The document has payments or allocations", "base"),
        *(Reason.DOCUMENT_LOCKED, ""),
    ),
    (
        *(403, "SubscriptionAccessDenied", "An allocation is not available in your subscription."),
        *("base", Reason.EDITION_LIMIT, ""),
    ),
    (
        *(404, "RecordNotFound", "The record could not be found.", ""),
        *(Reason.REFERENCE_NOT_FOUND, ""),
    ),
]
CLOSED: list[tuple[int, str, str, SystemReason]] = [
    (401, "AuthenticationFailure", "The access token has expired", SystemReason.UNAUTHORISED),
    (401, "AuthorizationFailure", "No active subscription. (MSE)", SystemReason.MISCONFIGURED),
    (403, "AuthorizationFailure", "The token has the readonly scope", SystemReason.UNAUTHORISED),
    (403, "MultiUserAccessDenied", "No access to this area", SystemReason.MISCONFIGURED),
    (403, "", "Forbidden", SystemReason.UNAUTHORISED),
    (404, "RecordNotFound", "The business could not be found.", SystemReason.MISCONFIGURED),
    (404, "", "no such page", SystemReason.MISCONFIGURED),
    (302, "", "moved", SystemReason.MISCONFIGURED),
    (429, "", "Too many", SystemReason.THROTTLED),
]


@pytest.mark.parametrize(("status", "code", "message", "source", "reason", "field"), REFUSED)
def test_these_need_a_person_and_say_it_in_both_languages(
    status: int, code: str, message: str, source: str, reason: Reason, field: str
) -> None:
    error = failure(fault(status, (code, message, source)), writing=True)
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (reason, field)
    for part in (str(status), code, message, "x_request_id=req-1"):
        assert part in error.detail
    for lang in ("fr", "en"):
        told = explain(error.reason, lang, error.field, error.detail)
        assert told.startswith(text(reason, lang).what)
        assert message in told
        assert text(reason, lang).correct in told


@pytest.mark.parametrize(("status", "code", "message", "reason"), CLOSED)
@pytest.mark.parametrize("writing", [True, False])
def test_these_close_the_system_and_fail_no_record(
    status: int, code: str, message: str, reason: SystemReason, writing: bool
) -> None:
    error = failure(fault(status, (code, message, "")), writing=writing)
    assert isinstance(error, Unavailable)
    assert error.reason is reason
    for lang in ("fr", "en"):
        assert text(reason, lang).what in explain(reason, lang, "", error.detail)


def test_a_closed_system_says_what_to_do() -> None:
    def told(status: int, code: str, message: str) -> str:
        return str(failure(fault(status, (code, message, "")), writing=False))

    assert "renew the Sage subscription" in told(401, "x", "No active subscription. (MSE)")
    assert "Full Access" in told(403, "MultiUserAccessDenied", "no")
    assert "authorise again" in told(403, "", "no")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 525, 599])
def test_after_a_write_a_failure_leaves_the_outcome_unknown(status: int) -> None:
    broken = fault(status, ("UnexpectedError" if status == 500 else "", "oops", ""))
    assert isinstance(failure(broken, writing=True), OutcomeUnknown)
    assert isinstance(failure(broken, writing=False), Transient | Unavailable)


def test_a_500_without_its_code_is_one_too() -> None:
    assert isinstance(failure(fault(500, ("", "<h1>", "")), writing=True), OutcomeUnknown)


def test_a_500_that_quotes_a_refusal_is_still_unknown() -> None:
    broken = fault(500, ("UnexpectedError", "Reference has already been taken", "x.reference"))
    assert isinstance(failure(broken, writing=True), OutcomeUnknown)


@pytest.mark.parametrize("status", [400, 405, 415, 418])
def test_these_say_that_our_request_is_wrong(status: int) -> None:
    error = failure(fault(status, ("MethodNotAllowed", "no", "")), writing=True)
    assert isinstance(error, Bug)
    assert str(status) in str(error)


def test_an_id_used_before_is_looked_up_in_the_books() -> None:
    used = fault(422, (INVALID, "idempotency_id was used with another request", "x"))
    assert isinstance(failure(used, writing=True), OutcomeUnknown)


@pytest.mark.parametrize(
    "entry",
    [
        (INVALID, "invoice_number has already been taken", "sales_invoice.invoice_number"),
        (INVALID, "The number has already been taken", "base"),
    ],
)
def test_a_number_of_sages_own_that_collides_is_tried_again(entry: tuple[str, str, str]) -> None:
    assert isinstance(failure(fault(422, entry), writing=True), Transient)


def test_the_vendors_wait_is_kept_and_else_a_default() -> None:
    told = failure(fault(429, ("", "slow", ""), wait_s=7.0), writing=True)
    assert isinstance(told, Unavailable)
    assert told.retry_after_s == 7.0
    untold = failure(fault(429, ("", "slow", "")), writing=True)
    assert isinstance(untold, Unavailable)
    assert untold.retry_after_s == THROTTLE_S
    other = failure(fault(403, ("", "no", "")), writing=True)
    assert isinstance(other, Unavailable)
    assert other.retry_after_s is None


def test_several_entries_are_all_told_and_the_known_one_leads() -> None:
    error = failure(
        fault(422, (INVALID, "strange", "base"), (INVALID, "name is too long", "contact.name")),
        writing=True,
    )
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (Reason.TOO_LONG, "name")
    assert "strange" in error.detail
    assert "name is too long" in error.detail


def test_the_field_is_that_of_the_entry_which_gave_the_reason() -> None:
    error = failure(
        fault(
            422,
            (INVALID, "strange", "sales_invoice.contact_id"),
            (INVALID, "reference is too long", "sales_invoice.reference"),
        ),
        writing=True,
    )
    assert isinstance(error, Rejected)
    assert (error.reason, error.field) == (Reason.TOO_LONG, "number")


@pytest.mark.parametrize("status", [408, 409])
def test_what_a_proxy_says_of_a_request_on_its_way_leaves_its_outcome_unknown(status: int) -> None:
    assert isinstance(failure(fault(status, ("", "wait", "")), writing=True), OutcomeUnknown)
    assert isinstance(failure(fault(status, ("", "wait", "")), writing=False), Transient)


def test_every_row_of_the_table_is_in_a_test() -> None:
    said = [Entry(one[1], one[2], one[3]) for one in REFUSED]
    said += [Entry(code, message) for _, code, message, _ in CLOSED]
    hit = {id(row_of(Fault(422, (entry,)))) for entry in said}
    rejecting = [r for r in WORDS if r.next in (Next.REJECT, Next.CLOSED)]
    missed = [row for row in rejecting if id(row) not in hit]
    assert missed == []
    assert {code for _, code, *_ in REFUSED} | {c for _, c, *_ in CLOSED} | {"UnexpectedError"} >= (
        set(CODES)
    )
    assert {400, 401, 403, 404, 405, 408, 409, 415, 422, 429, 500} == set(STATUSES)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("contact.name", "name"),
        ("contact.main_contact_person.email", "email"),
        ("contact.main_contact_person.telephone", "phone"),
        ("contact.main_address.city", "address.city"),
        ("contact.main_address.address_line_1", "address"),
        ("sales_invoice.reference", "number"),
        ("sales_invoice.invoice_lines[12].tax_rate_id", "lines.12"),
        ("line_items.tax_rate_id", ""),
        ("base", ""),
        ("", ""),
        ("[0]", ""),
    ],
)
def test_attributes_are_told_as_fields_of_the_record(source: str, field: str) -> None:
    assert field_of(source) == field


def answer(status: int, content: Any, **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, headers, body, None)


def test_an_array_of_errors_is_read_whole() -> None:
    rows = [
        {"$severity": "error", "$dataCode": "A", "$message": "one", "$source": "contact.name"},
        {"$severity": "error", "$dataCode": "B", "$message": "two", "$source": ""},
        {"$severity": "error"},
        "noise",
    ]
    found = fault_of(answer(422, rows, x_request_id="r-9"))
    assert found.entries == (Entry("A", "one", "contact.name"), Entry("B", "two"))
    assert found.words == "Sage: HTTP 422 A one (contact.name); B two, x_request_id=r-9"


def test_a_plain_object_and_html_are_read_too() -> None:
    found = fault_of(answer(400, {"error": "invalid_client", "error_description": "who?"}))
    assert found.entries == (Entry("invalid_client", "who?"),)
    html = fault_of(answer(502, b"<html><h1>502 Bad\n Gateway</h1></html>"))
    assert html.entries == (Entry(message="502 Bad Gateway"),)
    assert "x_request_id=-" in html.words
