"""The reasons in English. Labels of Membri stay as people see them: in French, quoted."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.reason_codes import Reason, SystemReason, WaitReason
from schemas.reason_texts_fr import ReasonText

_T = ReasonText

ACCOUNT = "Account, « onglet Facturation »"
INVOICE = "Invoice, « onglet Comptabilité »"
PAYMENT = "Payment form"
FORM = "The record's form, « Statut de synchronisation »"
DASHBOARD = "« Tableau de bord de synchronisation comptable »"
BOOKS = "Accounting system"
TOOL = "Synchronisation tool"
SETTINGS = "Accounting settings of the chapter"

ACCOUNTANT = "The person in charge of accounting"
ADMIN = "The administrator of the synchronisation"
NOBODY = "Nobody: it settles by itself"

AGAIN = "set the status back to « À transférer »"

TEXTS: Mapping[Reason | SystemReason | WaitReason, ReasonText] = {
    Reason.UNREADABLE: _T(
        "The synchronisation tool cannot read the message of this record.",
        f"Have the tool's version checked, then {AGAIN}.",
        TOOL,
        ADMIN,
    ),
    Reason.UNKNOWN_CHAPTER: _T(
        "No accounting system is configured for the chapter of this record.",
        f"Correct the chapter or have it added to the configuration, then {AGAIN}.",
        "The record's « Chapitre », or the tool's configuration",
        ADMIN,
    ),
    Reason.UNKNOWN_SYSTEM: _T(
        "The accounting system asked for is not the one that this chapter uses.",
        f"Have the chapter's configuration corrected, then {AGAIN}.",
        SETTINGS,
        ADMIN,
    ),
    Reason.UNKNOWN_ENTITY: _T(
        "The synchronisation does not handle this kind of record.",
        "Enter it by hand in the accounting system, then type its reference in « Référence de "
        "synchronisation ».",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.DELIVERY_LIMIT: _T(
        "The transfer was interrupted too many times before it ended.",
        "Look in the accounting system whether the record is there, have the tool checked, then "
        f"{AGAIN}.",
        TOOL,
        ADMIN,
    ),
    Reason.BUG: _T(
        "The synchronisation tool met an error of its own.",
        f"Report it to the support team; once the tool is corrected, {AGAIN}.",
        TOOL,
        ADMIN,
    ),
    Reason.RETRIES_EXHAUSTED: _T(
        "The accounting system did not take the record, although it was tried several times.",
        f"See that nobody keeps the form open in the accounting system, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.MISSING_FIELD: _T(
        "A field that the accounting system needs is empty.",
        f"Fill the field in Membri, then {AGAIN}.",
        "The record's form, the field named",
        ACCOUNTANT,
    ),
    Reason.INVALID_FIELD: _T(
        "The accounting system does not accept the value of a field.",
        f"Correct the field in Membri, then {AGAIN}.",
        "The record's form, the field named",
        ACCOUNTANT,
    ),
    Reason.TOO_LONG: _T(
        "A text is too long for the accounting system.",
        f"Shorten it in Membri, then {AGAIN}. Nothing is cut automatically.",
        "The record's form, the field named",
        ACCOUNTANT,
    ),
    Reason.INVALID_CHARACTERS: _T(
        "A text holds characters that the accounting system does not accept.",
        f"Remove them in Membri, then {AGAIN}.",
        "The record's form, the field named",
        ACCOUNTANT,
    ),
    Reason.TOTALS_DIFFER: _T(
        "The amounts do not add up: nothing was transferred.",
        f"Check the lines, TPS, TVQ and the total, then {AGAIN}.",
        INVOICE,
        ACCOUNTANT,
    ),
    Reason.AMOUNT_NOT_POSITIVE: _T(
        "The amount must be more than zero to be transferred.",
        f"Correct the amount and {AGAIN}, or choose « Ne pas synchroniser ».",
        FORM,
        ACCOUNTANT,
    ),
    Reason.CURRENCY_NOT_SUPPORTED: _T(
        "The books do not take the currency of this record, or the customer has another one.",
        f"Turn the currency on in the accounting system or correct the invoice, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.NOT_SUPPORTED: _T(
        "The accounting system cannot receive this record.",
        "Enter it by hand in the accounting system, then type its reference in « Référence de "
        "synchronisation ».",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.REFERENCE_NOT_FOUND: _T(
        "The sync reference typed in Membri does not exist in the accounting system.",
        f"Correct or empty « Référence de synchronisation », then {AGAIN}.",
        f"{ACCOUNT}; {INVOICE}",
        ACCOUNTANT,
    ),
    Reason.DUPLICATE_NAME: _T(
        "Another customer already has this name in the accounting system.",
        "If it is the same one, type its name or number in « Référence de synchronisation »; "
        f"otherwise change the account's name. Then {AGAIN}.",
        ACCOUNT,
        ACCOUNTANT,
    ),
    Reason.DUPLICATE_NUMBER: _T(
        "This document number is already used in the accounting system.",
        "If it is the same document, type its number in « Référence de synchronisation »; "
        f"otherwise change one of the two numbers. Then {AGAIN}.",
        INVOICE,
        ACCOUNTANT,
    ),
    Reason.DIFFERS_FROM_BOOKS: _T(
        "The record is in the books already, with other content: it is not changed there.",
        f"Have a credit note and a new invoice made, or put the former value back and {AGAIN}.",
        INVOICE,
        ACCOUNTANT,
    ),
    Reason.TAX_MISMATCH: _T(
        "The accounting system computes other taxes than Membri: nothing is kept there.",
        f"Compare TPS and TVQ of the lines with the tax codes in the books, then {AGAIN}.",
        INVOICE,
        ACCOUNTANT,
    ),
    Reason.CLOSED_PERIOD: _T(
        "The date falls in a closed period of the accounting system.",
        f"Open the period again or change the date, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.CUSTOMER_INACTIVE: _T(
        "The customer is inactive in the accounting system.",
        "Make it active, or type another customer in « Référence de synchronisation », then "
        f"{AGAIN}.",
        ACCOUNT,
        ACCOUNTANT,
    ),
    Reason.PAYMENT_EXCEEDS_BALANCE: _T(
        "The payment is more than the invoice's balance in the accounting system.",
        f"Look for a payment entered there already, correct one of the two, then {AGAIN}.",
        PAYMENT,
        ACCOUNTANT,
    ),
    Reason.CREDIT_EXCEEDS_BALANCE: _T(
        "The credit note is more than the balance of the invoice that it corrects.",
        f"Check the invoice's balance in the accounting system, then {AGAIN}.",
        INVOICE,
        ACCOUNTANT,
    ),
    Reason.PERIOD_NOT_OPEN: _T(
        "The date falls in a period that is not open yet in the books.",
        f"Open the period or create the fiscal year in the accounting system, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.PAYMENT_BEFORE_INVOICE: _T(
        "The payment is dated before its invoice, and the books refuse it.",
        f"Correct the date of the payment or of the invoice, then {AGAIN}.",
        PAYMENT,
        ACCOUNTANT,
    ),
    Reason.AWAITING_APPROVAL: _T(
        "The accounting system holds the document until a person approves it.",
        f"Approve it in the accounting system, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.AMBIGUOUS: _T(
        "Several documents in the books bear this number, and nothing tells which one it is.",
        "Remove the double from the books, or type the right key in « Référence de "
        f"synchronisation », then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.DOCUMENT_LOCKED: _T(
        "The document is locked in the accounting system (reconciled, printed or posted).",
        f"Unlock it or make the correction in the accounting system, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.EDITION_LIMIT: _T(
        "The limited edition of the accounting system does not allow this.",
        f"Do it by hand or move to the full edition, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.CANCELLED_AFTER_ENTRY: _T(
        "The invoice is cancelled, but this entry of deferred revenue is in the books already.",
        "Reverse the entry of that date, amount and number in the books.",
        BOOKS,
        ACCOUNTANT,
    ),
    Reason.REFUSED_BY_SYSTEM: _T(
        "The accounting system refused the record and explains it in its own words.",
        f"Correct what its message says, then {AGAIN}.",
        FORM,
        ACCOUNTANT,
    ),
    Reason.UNKNOWN_TAX: _T(
        "No tax code of the accounting system matches the taxes of the invoice.",
        "Correct the taxes of the invoice, or have the chapter's tax code configured, then "
        f"{AGAIN}.",
        SETTINGS,
        ADMIN,
    ),
    Reason.UNKNOWN_ACCOUNT: _T(
        "A configured account, item or payment method does not exist in the books.",
        f"Have the chapter's accounts corrected in the configuration, then {AGAIN}.",
        SETTINGS,
        ADMIN,
    ),
    Reason.CUSTOMER_SETUP: _T(
        "In the accounting system the customer lacks what it takes to be invoiced.",
        f"Complete its card or the template of new customers in the books, then {AGAIN}.",
        BOOKS,
        ACCOUNTANT,
    ),
    SystemReason.UNREACHABLE: _T(
        "The accounting system does not answer; everything waits and nothing is lost.",
        "Open the accounting system or check the network; the transfer resumes by itself.",
        BOOKS,
        ADMIN,
    ),
    SystemReason.UNAUTHORISED: _T(
        "The tool is no longer authorised in the accounting system; everything waits.",
        "Authorise it again; the transfer resumes by itself.",
        "Synchronisation tool, « Autorisation » button",
        ACCOUNTANT,
    ),
    SystemReason.THROTTLED: _T(
        "The accounting system asks to slow down; everything waits a moment.",
        "Nothing to correct; the transfer resumes by itself.",
        TOOL,
        NOBODY,
    ),
    SystemReason.READ_ONLY: _T(
        "The books are read-only; everything waits.",
        "Settle the subscription or the company's mode; the transfer resumes by itself.",
        BOOKS,
        ACCOUNTANT,
    ),
    SystemReason.MAINTENANCE: _T(
        "The accounting system is under maintenance; everything waits.",
        "Nothing to correct; the transfer resumes by itself.",
        BOOKS,
        NOBODY,
    ),
    SystemReason.MISCONFIGURED: _T(
        "The connection to the accounting system is configured wrongly; everything waits.",
        "Have the chapter's configuration corrected and the tool restarted.",
        SETTINGS,
        ADMIN,
    ),
    WaitReason.ACCOUNT_TO_VERIFY: _T(
        "The account is neither to be created nor linked to an existing customer.",
        "Set « Nouveau compte pour la synchronisation » to Oui, or type the existing customer in "
        "« Référence de synchronisation ».",
        f"{DASHBOARD}; {ACCOUNT}",
        ACCOUNTANT,
    ),
    WaitReason.WAITS_FOR_ACCOUNT: _T(
        "The record waits for its account to be in the accounting system.",
        "Check the sync status of the account; the rest goes by itself.",
        ACCOUNT,
        ACCOUNTANT,
    ),
    WaitReason.WAITS_FOR_INVOICE: _T(
        "The record waits for its invoice to be in the accounting system.",
        "Check the sync status of the invoice; the rest goes by itself.",
        INVOICE,
        ACCOUNTANT,
    ),
    WaitReason.RETRY_AT: _T(
        "The last attempt did not succeed; another one is planned.",
        "Nothing to correct for now.",
        TOOL,
        NOBODY,
    ),
    WaitReason.OUTCOME_UNKNOWN: _T(
        "The accounting system did not answer: whether it kept the record is checked first.",
        "Do not enter it by hand: the check is made by itself.",
        TOOL,
        NOBODY,
    ),
    WaitReason.NOT_YET_DUE: _T(
        "The journal entry waits for its date.",
        "Nothing to correct; it goes on its date.",
        DASHBOARD,
        NOBODY,
    ),
}
