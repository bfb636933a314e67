"""Why a record failed, waits, or why a system is closed: closed lists. Texts: `reasons.py`."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a record became an « Erreur de transfert »: what a person must correct."""

    # The message itself
    UNREADABLE = "unreadable"
    UNKNOWN_CHAPTER = "unknown_chapter"
    UNKNOWN_SYSTEM = "unknown_system"
    UNKNOWN_ENTITY = "unknown_entity"
    DELIVERY_LIMIT = "delivery_limit"
    BUG = "bug"
    RETRIES_EXHAUSTED = "retries_exhausted"
    # The record in Membri
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    TOO_LONG = "too_long"
    INVALID_CHARACTERS = "invalid_characters"
    TOTALS_DIFFER = "totals_differ"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    NOT_SUPPORTED = "not_supported"
    # The record against the books
    REFERENCE_NOT_FOUND = "reference_not_found"
    DUPLICATE_NAME = "duplicate_name"
    DUPLICATE_NUMBER = "duplicate_number"
    DIFFERS_FROM_BOOKS = "differs_from_books"
    TAX_MISMATCH = "tax_mismatch"
    CLOSED_PERIOD = "closed_period"
    CUSTOMER_INACTIVE = "customer_inactive"
    PAYMENT_EXCEEDS_BALANCE = "payment_exceeds_balance"
    CREDIT_EXCEEDS_BALANCE = "credit_exceeds_balance"
    PERIOD_NOT_OPEN = "period_not_open"
    PAYMENT_BEFORE_INVOICE = "payment_before_invoice"
    AWAITING_APPROVAL = "awaiting_approval"
    AMBIGUOUS = "ambiguous"
    DOCUMENT_LOCKED = "document_locked"
    EDITION_LIMIT = "edition_limit"
    CANCELLED_AFTER_ENTRY = "cancelled_after_entry"
    REFUSED_BY_SYSTEM = "refused_by_system"
    # The settings of the chapter
    UNKNOWN_TAX = "unknown_tax"
    UNKNOWN_ACCOUNT = "unknown_account"
    CUSTOMER_SETUP = "customer_setup"


class SystemReason(StrEnum):
    """Why an accounting system takes nothing for now. No record is failed by these."""

    UNREACHABLE = "unreachable"
    UNAUTHORISED = "unauthorised"
    THROTTLED = "throttled"
    READ_ONLY = "read_only"
    MAINTENANCE = "maintenance"
    MISCONFIGURED = "misconfigured"


class SettingReason(StrEnum):
    """What is wrong with a setting of a chapter, seen by `membri-sync check`."""

    NOT_SET = "not_set"
    NOT_FOUND = "not_found"
    NOT_POSTABLE = "not_postable"
    WRONG_KIND = "wrong_kind"
    TAX_RATE_DIFFERS = "tax_rate_differs"
    PERIOD_CLOSED = "period_closed"
    PERIOD_MISSING = "period_missing"
    NUMBERS_REFUSED = "numbers_refused"
    CUSTOMER_SETUP_INCOMPLETE = "customer_setup_incomplete"
    DEFERRED_TWICE = "deferred_twice"
    LIMITED_EDITION = "limited_edition"
    RIGHTS_MISSING = "rights_missing"
    POSTING_BLOCKED = "posting_blocked"
    CANNOT_BE_READ = "cannot_be_read"


class WaitReason(StrEnum):
    """Why a record stands in the waiting room."""

    ACCOUNT_TO_VERIFY = "account_to_verify"
    WAITS_FOR_ACCOUNT = "waits_for_account"
    WAITS_FOR_INVOICE = "waits_for_invoice"
    RETRY_AT = "retry_at"
    OUTCOME_UNKNOWN = "outcome_unknown"
    NOT_YET_DUE = "not_yet_due"
