"""What is wrong with a setting of a chapter, in English."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.reason_codes import SettingReason
from schemas.reason_texts_en import ACCOUNTANT, ADMIN, BOOKS, SETTINGS
from schemas.reason_texts_fr import ReasonText

_T = ReasonText

TEXTS: Mapping[SettingReason, ReasonText] = {
    SettingReason.NOT_SET: _T(
        "This setting is empty.",
        "Fill it in in the chapter's configuration.",
        SETTINGS,
        ADMIN,
    ),
    SettingReason.NOT_FOUND: _T(
        "Nothing in the accounting system has this code.",
        "Correct the code in the configuration, or create what it names in the books.",
        SETTINGS,
        ADMIN,
    ),
    SettingReason.NOT_POSTABLE: _T(
        "This account exists, but nothing can be posted to it (blocked, inactive or a total).",
        "Allow direct posting in the books, or choose another account.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.WRONG_KIND: _T(
        "This code exists, but it names something else than what is needed here.",
        "Correct the code in the chapter's configuration.",
        SETTINGS,
        ADMIN,
    ),
    SettingReason.TAX_RATE_DIFFERS: _T(
        "The rates of this tax are not 5% (GST) and 9.975% (QST).",
        "Correct the rates in the books, or choose another tax code.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.PERIOD_CLOSED: _T(
        "Today's period is closed in the books.",
        "Open the period in the accounting system.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.PERIOD_MISSING: _T(
        "The periods ahead are not open: entries of future revenue would be refused there.",
        "Create the next fiscal year or widen the allowed dates in the books.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.NUMBERS_REFUSED: _T(
        "The accounting system gives its own numbers and refuses ours.",
        "Allow manual numbers in the books.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.CUSTOMER_SETUP_INCOMPLETE: _T(
        "A new customer would lack what it takes to be invoiced.",
        "Complete the group or the template of new customers in the books.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.DEFERRED_TWICE: _T(
        "The same revenue would be counted twice.",
        "Invoice dues to the deferred revenue account, without automatic deferral in the books.",
        SETTINGS,
        ACCOUNTANT,
    ),
    SettingReason.LIMITED_EDITION: _T(
        "The limited edition of the accounting system does not allow everything.",
        "Do by hand what it refuses, or move to the full edition.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.RIGHTS_MISSING: _T(
        "The synchronisation's user may not read or write this.",
        "Give it this right in the accounting system.",
        BOOKS,
        ADMIN,
    ),
    SettingReason.POSTING_BLOCKED: _T(
        "A setting of the accounting system keeps documents from being posted.",
        "Change this setting in the books.",
        BOOKS,
        ACCOUNTANT,
    ),
    SettingReason.CANNOT_BE_READ: _T(
        "This setting could not be checked.",
        "Check it by hand in the accounting system.",
        BOOKS,
        ACCOUNTANT,
    ),
}
