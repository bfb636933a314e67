"""The gate: may this record go now, and how? Pure: no clock, no I/O.

What comes in: a record, what the ledger knows of it and of what it needs. What goes out: one of
Send, Confirm, Hold or Drop. The rules are those of the domain page; each branch names its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from consumers.ledger.port import Entry, Key, State
from schemas.reasons import WaitReason
from schemas.records import Account, DocumentRef, Invoice, JournalEntry, Payment, Record
from schemas.statuses import HELD, Entity, Status


class Look(StrEnum):
    """What must be asked of the books before anything is sent."""

    FIRST = "first"  # the ledger does not know it: it may be there already
    LINK = "link"  # a person typed its reference: it must be there
    UNKNOWN = "unknown"  # we sent it and no answer came
    COMPARE = "compare"  # it was done; has the person changed it, or emptied its reference?
    ONLY = "only"  # taken back while its fate was unknown: look, never send


@dataclass(frozen=True, slots=True)
class Send:
    """Go: look as told, then create or update. `update` non-empty is the remote id to update;
    `and_update`: what the look finds is to be updated too."""

    look: Look | None
    update: str = ""
    and_update: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Already in the books with the same content: say so again, send nothing."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now: into the waiting room. `due_at`: when it is tried again by itself, epoch seconds."""

    reason: WaitReason
    waits_for: Key | None = None
    detail: str = ""
    due_at: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing to do, and nothing to tell."""

    why: str


Decision = Send | Confirm | Hold | Drop

_IN_FLIGHT = frozenset({State.SENDING, State.UNKNOWN})
_TOLD = frozenset({State.FAILED, State.WITHDRAWN})
TAKEN_BACK = "withdrawn"
"""`Entry.reason` of a record taken back while its fate was unknown."""


def fate_unknown(entry: Entry) -> bool:
    """Whether it was sent and may be in the books without our knowing.

    A record may fail, or be taken back, before the books could say: `sent_at` then stays, and the
    next version is looked for first, however much later it comes.
    """
    return entry.state in _IN_FLIGHT or (entry.state in _TOLD and entry.sent_at is not None)


def account_key(account: Account) -> Key:
    return Key(Entity.ACCOUNT, account.id)


def gate_account(
    account: Account,
    entry: Entry | None,
    *,
    asked: bool,
    has_invoice: bool,
    fingerprint: str = "",
    dataversion: str = "",
) -> Decision:
    """The decision for an account.

    `asked`: it is À transférer itself, not merely brought along by a document. `has_invoice`: one
    of its invoices is to be transferred. `fingerprint`, `dataversion`: of this version.
    """
    if entry and entry.state is State.DONE:
        return _known_account(account, entry, asked, fingerprint)
    if entry and not asked and _still_wrong(account, entry, fingerprint, dataversion):
        return Hold(WaitReason.WAITS_FOR_ACCOUNT, account_key(account), detail="status=failed")
    if entry and fate_unknown(entry) and not account.reference:
        return _account_in_flight(account, entry, asked, fingerprint, dataversion)
    if account.reference:
        # Rule 3, and rule 5 when it is À transférer itself. Linking alone writes nothing, so a
        # held account may be linked.
        return Send(Look.LINK, and_update=asked)
    if account.status in HELD and not asked:
        return Hold(
            WaitReason.WAITS_FOR_ACCOUNT, account_key(account), detail=f"status={account.status}"
        )
    if not account.new_account:
        return Hold(WaitReason.ACCOUNT_TO_VERIFY, account_key(account))  # rule 4
    if not has_invoice:
        return Hold(WaitReason.WAITS_FOR_INVOICE, detail="first_invoice")  # rule 1a
    return Send(Look.FIRST, and_update=asked)


def _still_wrong(account: Account, entry: Entry, fingerprint: str, dataversion: str) -> bool:
    """It failed, and nobody corrected it: what changed since is at most that we wrote Erreur de
    transfert."""
    if entry.state is not State.FAILED:
        return False
    same = entry.fingerprint == fingerprint and entry.reference == account.reference
    return entry.dataversion == dataversion or (same and account.status is Status.TRANSFER_ERROR)


def _account_in_flight(
    account: Account, entry: Entry, asked: bool, fingerprint: str, dataversion: str
) -> Send:
    if account.status in HELD and not asked:
        return Send(Look.ONLY)  # held since it was sent: if it is not there, it is not created
    send = _in_flight(entry, dataversion)
    changed = asked and entry.fingerprint != fingerprint
    return replace(send, and_update=changed and send.look is Look.UNKNOWN)


def _known_account(account: Account, entry: Entry, asked: bool, fingerprint: str) -> Decision:
    if not asked:
        return Drop("customer known")
    if account.reference and account.reference != entry.reference:
        return Send(Look.LINK, update=entry.remote_id, and_update=True)
    if entry.fingerprint == fingerprint:
        return Confirm(entry)
    return Send(None, update=entry.remote_id)  # rule 5


def gate_document(
    record: Record,
    entry: Entry | None,
    others: Mapping[Key, Entry],
    blocked: Mapping[str, Hold],
    *,
    fingerprint: str,
    dataversion: str,
) -> Decision:
    """The decision for an invoice, a credit note or a payment; see the gate of each. Those of
    deferred revenue have a gate of their own, in `deferring`."""
    match record:
        case Invoice():
            return gate_invoice(
                record, entry, others, blocked, fingerprint=fingerprint, dataversion=dataversion
            )
        case Payment():
            return gate_payment(
                record, entry, others, blocked, fingerprint=fingerprint, dataversion=dataversion
            )
        case Account() | JournalEntry():
            raise TypeError(f"{record.id} is no document")


def gate_invoice(
    invoice: Invoice,
    entry: Entry | None,
    others: Mapping[Key, Entry],
    blocked: Mapping[str, Hold],
    *,
    fingerprint: str,
    dataversion: str,
) -> Decision:
    """The decision for an invoice or a credit note.

    `others`: entries of what it needs. `blocked`: account id → why that account could not go.
    """
    early = created_once(entry, invoice.reference, fingerprint, dataversion)
    if early is not None:
        return early
    hold = _needs_customer(invoice.account, others, blocked)  # rule 6
    if hold is None and invoice.corrects is not None:
        hold = _needs_documents([invoice.corrects], others)  # rule 8
    if hold is not None:
        return hold
    return Send(Look.LINK if invoice.reference else Look.FIRST)  # rule 12


def gate_payment(
    payment: Payment,
    entry: Entry | None,
    others: Mapping[Key, Entry],
    blocked: Mapping[str, Hold],
    *,
    fingerprint: str,
    dataversion: str,
) -> Decision:
    """The decision for a payment: its invoices first (rule 9), then its customer."""
    early = created_once(entry, payment.reference, fingerprint, dataversion)
    if early is not None:
        return early
    hold = _needs_documents([a.invoice for a in payment.allocations], others)
    if hold is None:
        hold = _needs_customer(payment.account, others, blocked)
    if hold is not None:
        return hold
    return Send(Look.LINK if payment.reference else Look.FIRST)


def created_once(
    entry: Entry | None, reference: str, fingerprint: str, dataversion: str
) -> Decision | None:
    """Rule 12: what is created once is confirmed, compared or looked for, never doubled."""
    if entry is None:
        return None
    if fate_unknown(entry):
        return _in_flight(entry, dataversion)
    if entry.state is not State.DONE:
        return None
    if reference and entry.reference and reference != entry.reference:
        return Send(Look.LINK)  # a person typed another one: what that names is the record now
    if entry.fingerprint == fingerprint and entry.dataversion == dataversion:
        return Confirm(entry)  # the very version that we transferred, delivered again
    # Another version: a person changed it, emptied its reference, or set it À transférer again
    # after something happened to it in the books; or our own answer has not reached Membri yet.
    # The books know.
    return Send(Look.COMPARE)


def _in_flight(entry: Entry, dataversion: str) -> Send:
    if entry.reason == TAKEN_BACK and entry.dataversion == dataversion:
        return Send(Look.ONLY)
    return Send(Look.UNKNOWN)


def _needs_customer(
    account: Account, others: Mapping[Key, Entry], blocked: Mapping[str, Hold]
) -> Hold | None:
    key = account_key(account)
    if _done(others.get(key)):
        return None
    hold = blocked.get(account.id)
    if hold is None:
        return Hold(WaitReason.WAITS_FOR_ACCOUNT, key)
    if hold.reason is WaitReason.ACCOUNT_TO_VERIFY:
        return Hold(hold.reason, key, hold.detail)
    return Hold(WaitReason.WAITS_FOR_ACCOUNT, key, hold.detail)


def _needs_documents(documents: list[DocumentRef], others: Mapping[Key, Entry]) -> Hold | None:
    for document in documents:
        key = Key(Entity.INVOICE, document.id)
        if not _done(others.get(key)):
            status = document.status
            shown = f"status={status}" if status and status is not Status.TO_TRANSFER else ""
            return Hold(WaitReason.WAITS_FOR_INVOICE, key, shown)
    return None


def _done(entry: Entry | None) -> bool:
    return entry is not None and entry.state is State.DONE
