"""The engine on what is À transférer: same rules and words, nothing written anywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from consumers.engine import Engine
from consumers.errors import Unavailable
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Entry, Key, Lease, State, Wait
from consumers.retrying import RetryPolicy
from consumers.system import AccountsSettings, Setup
from consumers.systems.reference.books import CustomerRow
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.reference.system import ReferenceSystem
from ops.dry_run import DryRun, Moved, Shadow, dry_run
from schemas.chapters import ChapterSettings
from schemas.outcomes import Action, TransferFailed
from schemas.reasons import Reason, SystemReason, WaitReason
from schemas.records import Account, DocumentRef, JournalEntry, Record, fingerprint
from schemas.statuses import Entity, Status
from schemas.wire.channel import Delivery
from schemas.wire.codec import encode
from tests.builders import account, credit_note, event, invoice, payment, sent


class Untouched(MemoryLedger):
    """A ledger that a test fills, and that nobody may write to afterwards."""

    locked = False

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        assert not self.locked, "the ledger was written to"
        super().commit(changes, lease, now)

    def pause(self, reason: str | None) -> None:  # noqa: ARG002 — the port
        raise AssertionError("the chapter was paused")


def reference(**values: object) -> ReferenceSystem:
    connection = ReferenceConnection.model_validate(values)
    return ReferenceSystem(Setup("montreal", connection, AccountsSettings(), ChapterSettings()))


def run(
    *records: Record,
    system: ReferenceSystem | None = None,
    ledger: Untouched | None = None,
    appends: bool = False,
) -> DryRun:
    system, ledger = system or reference(), ledger or Untouched("montreal")
    ledger.locked = True
    before = dict(system.counts)
    found = dry_run(
        system, ledger, [sent(one) for one in records], chapter="montreal", appends=appends
    )
    assert system.counts["transfer"] == before["transfer"]
    assert len(system.books.by_record) == 0
    return found


def end(found: DryRun, record: Record) -> object:
    return found.ends.get(Key(record.entity, record.id))


def refusal(found: DryRun, record: Record) -> TransferFailed:
    ended = end(found, record)
    assert isinstance(ended, TransferFailed), ended
    return ended


def wait(found: DryRun, record: Record) -> Wait:
    ended = end(found, record)
    assert isinstance(ended, Wait), ended
    return ended


def test_everything_new_would_be_created_customer_first_and_nothing_is_posted() -> None:
    bill, paid = invoice(), payment()
    found = run(paid, bill, credit_note("c1", corrects="i1"))
    assert [key.id for key in found.drafts] == ["a1", "i1", "p1", "c1"]
    assert {type(one) for one in found.ends.values()} == {Moved}
    _, body = found.drafts[Key(Entity.PAYMENT, "p1")].requests[0]
    assert body["customer_id"] == "‹customer›"
    assert body["applied"] == {"‹invoice F-i1›": Decimal("114.98")}
    assert end(found, bill) == Moved(Action.CREATED, "F-i1")


def test_what_waits_says_for_what() -> None:
    unknown = account(new_account=False)
    bill, paid = invoice(of=unknown), payment(of=unknown)
    found = run(unknown, bill, paid)
    assert not found.drafts
    assert wait(found, unknown).reason is WaitReason.ACCOUNT_TO_VERIFY
    assert wait(found, bill).waits_for == Key(Entity.ACCOUNT, "a1")
    assert wait(found, paid).waits_for == Key(Entity.INVOICE, "i1")


def test_what_does_not_add_up_brings_no_customer_along() -> None:
    wrong = invoice(total="1.00")
    found = run(wrong)
    assert not found.drafts
    assert refusal(found, wrong).reason is Reason.TOTALS_DIFFER
    assert refusal(found, wrong).detail == "114.98 ≠ 1.00"


def test_a_closed_period_is_refused_by_the_check_of_the_system() -> None:
    bill = invoice()
    found = run(bill, system=reference(closed_until="2026-01-31"))
    assert refusal(found, bill).reason is Reason.CLOSED_PERIOD
    assert list(found.drafts) == [Key(Entity.ACCOUNT, "a1")]


def test_a_typed_reference_links_and_one_that_is_not_there_is_refused() -> None:
    system = reference()
    system.books.add(CustomerRow(system.books.next_id(), "Chambre"))
    linked, lost = account(reference="Chambre"), account("a2", reference="Nulle part")
    found = run(linked, lost, system=system)
    assert end(found, linked) == Moved(Action.UPDATED, "Chambre")
    assert refusal(found, lost).reason is Reason.REFERENCE_NOT_FOUND


def test_the_second_of_two_namesakes_is_refused_unless_numbers_tell_them_apart() -> None:
    first, second = account(name="Érables"), account("a2", name="érables")
    records = [first, second, invoice(of=first), invoice("i2", of=second)]
    found = run(*records, system=reference(concurrency=1))
    assert end(found, first) == Moved(Action.CREATED, "Érables")
    assert refusal(found, second).reason is Reason.DUPLICATE_NAME
    assert refusal(found, second).detail == "« Érables » (Membri account a1)"
    assert wait(found, records[3]).reason is WaitReason.WAITS_FOR_ACCOUNT
    assert isinstance(end(run(*records, appends=True), second), Moved)


def test_the_second_of_two_numbers_is_refused_where_customers_have_numbers() -> None:
    first, second = account(number="M1"), account("a2", number="M1")
    found = run(
        *(first, second, invoice(of=first), invoice("i2", of=second)),
        system=reference(customer_key="number", concurrency=1),
        appends=True,
    )
    assert end(found, first) == Moved(Action.CREATED, "M1")
    assert refusal(found, second).reason is Reason.DUPLICATE_NUMBER


def test_payments_of_one_run_may_not_exceed_what_is_open_together() -> None:
    part, too_much = payment("p1", amount="100.00"), payment("p2", amount="20.00")
    found = run(invoice(), part, too_much)
    assert isinstance(end(found, part), Moved)
    assert refusal(found, too_much).reason is Reason.PAYMENT_EXCEEDS_BALANCE
    assert refusal(found, too_much).detail == "20.00 > 14.98 ()"
    assert refusal(found, too_much).field == "amount"


def in_the_books(system: ReferenceSystem, *records: Record) -> Untouched:
    """A ledger after these were really transferred; the test then looks at the rest."""
    ledger = Untouched("montreal")
    real(system, ledger, [sent(one) for one in records])
    system.books.by_record.clear()  # for `run`, which demands that it stays empty
    return ledger


def real(system: ReferenceSystem, ledger: MemoryLedger, deliveries: Sequence[Delivery]) -> None:
    lease = ledger.take_lease("test", 0, 1e12, 0)
    assert lease is not None

    class Held:
        def current(self) -> Lease:
            return lease

    Engine(
        system,
        ledger,
        chapter="montreal",
        failed_by="test",
        lease=Held(),
        executor=None,
        policy=RetryPolicy(),
    ).run(deliveries, [])


def test_the_balance_in_the_books_counts_for_what_is_there_already() -> None:
    system = reference()
    ledger = in_the_books(system, invoice())
    rest, more = payment("p1", amount="114.98"), payment("p2", amount="0.01")
    credit = credit_note("c1", corrects="i1")
    found = run(rest, more, credit, system=system, ledger=ledger)
    assert isinstance(end(found, rest), Moved)
    assert refusal(found, more).detail.startswith("0.01 > 0.00")
    assert isinstance(end(found, credit), Moved)


def test_a_record_that_went_already_is_confirmed_and_a_changed_account_updated() -> None:
    system = reference()
    ledger = in_the_books(system, invoice())
    renamed = account(name="Autre nom")
    found = run(invoice(), renamed, system=system, ledger=ledger)
    assert end(found, invoice()) == Moved(Action.CONFIRMED, "F-i1")
    assert end(found, renamed) == Moved(Action.UPDATED, "Autre nom")
    assert [key.id for key in found.drafts] == ["a1"]


def test_entries_that_wait_for_their_date_are_told_with_it_and_due_ones_are_drafted() -> None:
    system = reference()
    ledger = in_the_books(system, invoice(), payment())
    now = dt.datetime.now(dt.UTC)
    entries = [
        JournalEntry(
            id=f"j{days}",
            account=account(),
            payment_id="p1",
            payment=DocumentRef(id="p1", status=Status.TRANSFERRED),
            invoice=DocumentRef(id="i1", number="F-i1"),
            date=(now + dt.timedelta(days=days)).date(),
            not_before=now + dt.timedelta(days=days),
            amount=Decimal("8.33"),
            period=1,
            periods=12,
        )
        for days in (-2, 30)
    ]
    waits = [
        Wait(
            Key(Entity.JOURNAL_ENTRY, one.id),
            WaitReason.NOT_YET_DUE,
            encode(event(one)),
            "a1",
            since=0.0,
        )
        for one in entries
    ]
    ledger.commit(Changes(waits=waits), None, 0.0)
    found = run(system=system, ledger=ledger)
    due, later = entries
    assert isinstance(end(found, due), Moved)
    assert [key.id for key in found.drafts] == [due.id]
    assert wait(found, later).reason is WaitReason.NOT_YET_DUE
    assert wait(found, later).due_at == later.not_before.timestamp()  # type: ignore[union-attr]  # given above


def test_a_system_that_cannot_be_asked_ends_the_run() -> None:
    system = reference()
    system.down = SystemReason.UNREACHABLE
    with pytest.raises(Unavailable):
        dry_run(system, MemoryLedger("montreal"), [sent(invoice())], chapter="montreal")


def test_progress_counts_records_and_not_requests() -> None:
    told: list[int] = []
    dry_run(
        reference(concurrency=1),
        MemoryLedger("montreal"),
        [sent(invoice()), sent(payment())],
        chapter="montreal",
        on_look=told.append,
    )
    assert sorted(set(told)) == [1, 2, 3]
    assert told == sorted(told)


def test_it_foretells_what_the_engine_then_does() -> None:
    stranger = account("a2", new_account=False)
    records: list[Record] = [
        account(name="Un"),
        invoice(of=account(name="Un")),
        payment(of=account(name="Un")),
        credit_note("c1", corrects="i1", of=account(name="Un")),
        invoice("i2", of=stranger),
        invoice("i3", of=account("a3", name="un"), number="F-9"),
        invoice("i4", of=account("a4"), total="3.00"),
        payment("p5", on="i5", of=account("a5")),
        invoice("i6", of=account("a6", status=Status.ON_HOLD)),
        invoice("i7", of=account("a7", name="  "), number="X" * 22),
    ]
    deliveries = [sent(one) for one in records]
    foretold = dry_run(
        reference(concurrency=1), MemoryLedger("montreal"), deliveries, chapter="montreal"
    )
    system, after = reference(concurrency=1), Shadow(MemoryLedger("montreal"))
    real(system, after, deliveries)

    def told(ended: object) -> object:
        match ended:
            case Moved(action):
                return action
            case TransferFailed():
                return (ended.reason, ended.field)
            case Wait():
                return (ended.reason, ended.waits_for, ended.detail)
        raise AssertionError(ended)

    assert {k: told(e) for k, e in foretold.ends.items()} == {
        k: told(e) for k, e in after.ends.items()
    }


def test_what_left_the_waiting_room_in_memory_does_not_come_back_from_the_ledger() -> None:
    real_one = MemoryLedger("montreal")
    key = Key(Entity.INVOICE, "i1")
    waiting = Wait(key, WaitReason.RETRY_AT, b"", "a1", since=0.0)
    entry = Entry(key, State.WAITING, "a1", fingerprint=fingerprint(invoice()))
    real_one.commit(Changes(entries=[entry], waits=[waiting]), None, 0.0)
    shadow = Shadow(real_one)
    assert shadow.waits([key]) == {key: waiting}
    assert shadow.entries([key]) == {key: entry}
    done = replace(entry, state=State.DONE)
    shadow.commit(Changes(entries=[done], leave=[key]), None, 0.0)
    assert shadow.waits([key]) == {}
    assert shadow.entries([key]) == {key: done}
    assert real_one.waits([key]) == {key: waiting}
    assert real_one.entries([key]) == {key: entry}


def test_an_account_alone_is_told_to_wait_for_its_first_invoice() -> None:
    found = run(account())
    assert wait(found, account()).detail == "first_invoice"
    assert isinstance(account(), Account)
