"""Codes of closed lists as people call them.

What comes in: a code (entity, outcome, state, timeline event, accounting system) and `Words`. What
goes out: its name in the reader's language. A code that is not here is shown as it is: a newer
version wrote it.

Statuses, reasons and field names have their words in `schemas`; steps are those of the manual,
« Voici les différentes actions prises par l'outil ».
"""

from __future__ import annotations

from collections.abc import Mapping

from ops.language import N_, Words
from schemas.reasons import (
    Reason,
    ReasonText,
    SettingReason,
    SystemReason,
    WaitReason,
    field_label,
    setting_text,
    text,
)
from schemas.statuses import LABELS_EN, LABELS_FR, Status

AnyReason = Reason | SettingReason | SystemReason | WaitReason

ENTITIES: Mapping[str, str] = {
    "account": N_("Account"),
    "invoice": N_("Invoice"),
    "payment": N_("Payment"),
    "journal_entry": N_("Journal entry"),
    "unknown": N_("Unknown"),
}
MANY: Mapping[str, str] = {
    "account": N_("Accounts"),
    "invoice": N_("Invoices and credit notes"),
    "payment": N_("Payments"),
    "journal_entry": N_("Journal entries"),
    "unknown": N_("Unknown"),
}
STEPS: Mapping[str, str] = {
    "connect": N_("Connecting to the accounting system"),
    "poll": N_("Reading the records to transfer in Membri"),
    "transfer": N_("Transferring to the accounting system"),
    "settle": N_("Writing statuses and references to Membri"),
}
TRANSFERS: Mapping[str, str] = {
    "account": N_("Creating the new accounts"),
    "account.updated": N_("Updating the accounts"),
    "invoice": N_("Creating the invoices"),
    "payment": N_("Synchronizing the payments"),
    "journal_entry": N_("Creating the journal entries of deferred revenue"),
}
"""What the manual calls each transfer. Accounts have two steps of their own."""

WAITS: Mapping[str, str] = {
    "account_to_verify": N_("Account to verify"),
    "waits_for_account": N_("Waits for its account"),
    "waits_for_invoice": N_("Waits for its invoice"),
    "retry_at": N_("Will be tried again"),
    "outcome_unknown": N_("Outcome being verified"),
    "not_yet_due": N_("Waits for its date"),
}
STATES: Mapping[str, str] = {
    "waiting": N_("Waiting"),
    "sending": N_("Being sent"),
    "unknown": N_("Outcome being verified"),
    "withdrawn": N_("Taken back in Membri"),
}
ACTIONS: Mapping[str, str] = {
    "created": N_("created"),
    "updated": N_("updated"),
    "linked": N_("linked to what a person named"),
    "adopted": N_("found in the books, where it was already"),
    "confirmed": N_("in the books already, unchanged"),
}
CUSTOMER_KEYS: Mapping[str, str] = {
    "name": N_("Customers are found by their name"),
    "number": N_("Customers are found by their number"),
}
OWN: Mapping[str, str] = {
    "business_central": N_("each chapter is a company; documents and journals are posted in steps"),
    "quickbooks_online": N_(
        "a person authorizes it, good for about 100 days; revenue is named by an item"
    ),
    "reference": N_("books in memory, to try the product and to test it"),
    "sage_300": N_("one batch a document, made ready and posted; writes follow one another"),
    "sage_accounting": N_(
        "a person authorizes it; the limited edition has no quantity on lines, only total amounts"
    ),
}
"""What an integrator must know of a system before its keys."""

PREVIEWED: Mapping[str, str] = {
    "create": N_("would be created"),
    "update": N_("would be updated"),
    "link": N_("would be linked to what a person named"),
    "adopt": N_("is in the books already: would be linked"),
    "confirm": N_("is in the books already, unchanged: would be confirmed"),
}
"""What happens without a person, in the words of `preview`."""

EVENTS: Mapping[str, str] = {
    "withdrawn": N_("Taken back in Membri"),
    "dropped": N_("Nothing to do"),
    "superseded": N_("A newer version replaced it"),
    "recovered": N_("Found in the books after an interruption"),
}
DETAILS: Mapping[str, str] = {
    "first_invoice": N_("created with its first invoice to transfer"),
    "status=failed": N_("that record is in transfer error"),
    "not attempted": N_("the batch stopped before it"),
    "customer known": N_("the customer is known"),
    "a newer version was queued behind it": N_("a newer one was waiting behind it"),
    "not in the books": N_("it was not in the books"),
}
"""Details that our own engine writes; all others are figures or a vendor's words."""

SYSTEMS: Mapping[str, str] = {
    "acomba": "Acomba",
    "acomba_x": "AcombaX",
    "avantage": "Avantage",
    "business_central": "Business Central",
    "quickbooks_online": "QuickBooks Online",
    "sage_300": "Sage 300",
    "sage_50": "Sage 50",
    "sage_accounting": N_("Sage Accounting"),
    "reference": N_("Reference books"),
}


def name(codes: Mapping[str, str], code: str, words: Words) -> str:
    """The name of a code of one of the lists above."""
    return words.say(codes[code]) if code in codes else code


def status(code: str, words: Words) -> str:
    """A status as Membri shows it."""
    labels = LABELS_FR if words.language == "fr" else LABELS_EN
    return labels[Status(code)] if code in set(Status) else code


def _text(reason: AnyReason, words: Words) -> ReasonText:
    if isinstance(reason, SettingReason):
        return setting_text(reason, words.language)
    return text(reason, words.language)


def what(reason: AnyReason, words: Words) -> str:
    """What happened."""
    return _text(reason, words).what


def advice(reason: AnyReason, words: Words) -> str:
    """What to correct."""
    return _text(reason, words).correct


def whereabouts(reason: AnyReason, words: Words) -> str:
    """Where it is corrected, and who can."""
    told = _text(reason, words)
    return f"{told.where} · {told.who}"


def state(code: str, words: Words) -> str:
    """Where a record stands, in Membri's words where it has some."""
    match code:
        case "done":
            return status(Status.TRANSFERRED, words)
        case "failed":
            return status(Status.TRANSFER_ERROR, words)
        case _:
            return name(STATES, code, words)


def detail(field: str, told: str, words: Words) -> str:
    """A field's name and the figures, on one line. Details of our own engine are translated."""
    line = " ".join(told.split())
    if line.startswith("status=") and line not in DETAILS:
        line = words.say("status: {status}", status=status(line.removeprefix("status="), words))
    elif line.startswith("failed="):
        code = line.removeprefix("failed=")
        line = what(Reason(code), words) if code in set(Reason) else code
    elif line in set(Reason):
        line = what(Reason(line), words)
    else:
        line = name(DETAILS, line, words)
    label = field_label(field, words.language)
    if not (label and line):
        return label or line
    return f"{label} : {line}" if words.language == "fr" else f"{label}: {line}"


def event(code: str, words: Words) -> str:
    """One step of a timeline: `transferred.created`, `waiting.retry_at`, `failed.too_long`."""
    kind, _, rest = code.partition(".")
    match kind:
        case "transferred":
            return f"{status(Status.TRANSFERRED, words)}, {name(ACTIONS, rest, words)}"
        case "waiting":
            return name(WAITS, rest, words)
        case "failed":
            return status(Status.TRANSFER_ERROR, words)
        case _:
            return name(EVENTS, code, words)


def now(code: str, words: Words) -> str:
    """Where a record stands: a state, or why it waits."""
    return name(WAITS, code, words) if code in WAITS else state(code, words)
