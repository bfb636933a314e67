"""What is rare: steps left to do, entities a system does not take, damaged waits, lost leases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from consumers.engine import Engine
from consumers.errors import Transient, Unavailable
from consumers.ledger.port import Changes, Entry, Key, LeaseLost, LedgerUnavailable, State, Wait
from consumers.retrying import RetryPolicy
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from schemas.outcomes import Action
from schemas.reasons import SystemReason, WaitReason
from schemas.records import DocumentRef, JournalEntry
from schemas.statuses import Entity, Status
from schemas.wire.codec import encode
from tests.builders import CHAPTER, account, event, invoice, payment, sent, taken_back
from tests.engine_harness import LONGEST_CALL_S, Bench, Books

I1 = Key(Entity.INVOICE, "i1")


def journal(id: str = "j1") -> JournalEntry:  # noqa: A002 — the record's own word
    return JournalEntry(
        id=id,
        account=account(),
        payment_id="p1",
        invoice=DocumentRef(id="i1"),
        date=invoice().date,
        amount=invoice().total,
        period=1,
        periods=1,
    )


class DraftBooks(Books):
    """Invoices are drafted, then posted; `lose_lease` happens between the two."""

    posted: list[str]
    drafts: int = 0

    def __init__(self) -> None:
        super().__init__(replays=False)
        self.posted = []
        self.trouble: list[Exception] = []

    def find(self, lookup: Lookup) -> Found | None:
        found = super().find(lookup)
        if found is None or lookup.entity is not Entity.INVOICE:
            return found
        return replace(found, unfinished=lookup.record_id not in self.posted)

    def transfer(self, task: Task) -> Receipt:
        if task.record.entity is not Entity.INVOICE:
            return super().transfer(task)
        draft = task.steps.get("draft") or task.remote_id
        if not draft:
            self.drafts += 1
            draft = super().transfer(task).ref.remote_id
            task.steps.remember("draft", draft)
        assert task.steps.get("draft") in (None, draft)
        if self.trouble:
            raise self.trouble.pop(0)
        self.posted.append(task.record.id)
        return Receipt(RemoteRef(draft, f"N-{task.record.id}"), Action.CREATED)


def test_a_transfer_of_several_steps_goes_on_after_the_last_finished_one() -> None:
    books = DraftBooks()
    books.trouble = [Transient("locked")]
    bench = Bench(books)
    bench.run(sent(invoice()))
    assert books.posted == []
    bench.later(100.0)
    assert (books.drafts, books.posted) == (1, ["i1"])
    assert bench.transferred()[-1][:2] == ("i1", "created")


def test_a_step_that_the_ledger_forgot_is_found_in_the_books() -> None:
    books = DraftBooks()
    books.trouble = [Transient("locked")]
    bench = Bench(books)
    bench.run(sent(invoice()))
    bench.ledger._steps.clear()
    bench.later(100.0)
    assert (books.drafts, books.posted) == (1, ["i1"])


def test_a_process_that_lost_its_lease_between_two_steps_remembers_nothing_more() -> None:
    books = DraftBooks()
    bench = Bench(books)
    bench.run(sent(invoice("i0")))
    calls = len(books.tasks)

    def lost_after_the_call() -> None:
        if len(books.tasks) > calls:
            raise LeaseLost("another one serves")

    bench.lease.check = lost_after_the_call
    with pytest.raises(LeaseLost):
        bench.run(sent(invoice("i1")))
    assert bench.ledger.steps(I1, 0) == {}
    entry = bench.entry(*I1)
    assert entry is not None
    assert entry.state is State.SENDING


def test_an_entity_that_a_system_does_not_take_is_an_error_not_a_wait() -> None:
    bench = Bench(upfront=True)
    bench.run(sent(invoice()), sent(payment()), sent(journal()))
    assert bench.buried() == [("journal_entry.reference.montreal", "not_supported")]


def test_a_journal_entry_goes_once_its_payment_is_there() -> None:
    bench = Bench(upfront=True)
    bench.run(sent(journal()))
    wait = bench.wait(Entity.JOURNAL_ENTRY, "j1")
    assert wait is not None
    assert wait.waits_for == Key(Entity.PAYMENT, "p1")
    bench.run(sent(invoice()), sent(payment()))
    bench.settle_down()
    assert bench.wait(Entity.JOURNAL_ENTRY, "j1") is None


def test_a_record_taken_back_after_it_was_transferred_stays_as_it_is() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    bench.run(taken_back(invoice()))
    entry = bench.entry(*I1)
    assert entry is not None
    assert entry.state is State.DONE
    assert bench.ledger.timeline("i1")[-1].what == "dropped"


def damaged(bench: Bench, body: bytes, due_at: float | None, **values: object) -> None:
    wait = Wait(I1, WaitReason.RETRY_AT, body, "a1", bench.now, due_at=due_at)
    wait = replace(wait, **values)  # type: ignore[arg-type]  # fields of Wait
    entry = Entry(I1, State.WAITING, "a1", "v1")
    bench.ledger.commit(Changes(entries=[entry], waits=[wait]), None, bench.now)


def test_a_damaged_wait_is_buried_once_and_leaves_the_waiting_room() -> None:
    bench = Bench()
    damaged(bench, b"torn", bench.now)
    bench.run()
    bench.settle_down()
    assert bench.buried() == [("invoice.reference.montreal", "unreadable")]
    assert bench.ledger.waiting() == []


def test_a_damaged_wait_does_not_keep_the_next_version_from_going() -> None:
    bench = Bench()
    damaged(bench, b"torn", None, attempts=7, first_failed_at=1.0)
    bench.books.before = [None, Transient("locked")]
    bench.run(sent(invoice()))
    wait = bench.wait(*I1)
    assert wait is not None
    assert wait.attempts == 1
    bench.later(100.0)
    assert bench.ledger.waiting() == []


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.WITHDRAWN])
def test_a_held_account_in_the_waiting_room_is_not_due_for_ever(state: State) -> None:
    bench = Bench()
    held = account(status=Status.ON_HOLD)
    key = Key(Entity.ACCOUNT, "a1")
    wait = Wait(key, WaitReason.RETRY_AT, encode(event(held)), "a1", bench.now, due_at=bench.now)
    entry = Entry(key, state, "a1", "v1", remote_id="77", reference="Ami")
    bench.ledger.commit(Changes(entries=[entry], waits=[wait]), None, bench.now)
    bench.settle_down()
    assert bench.books.rows == []
    left = bench.wait(*key)
    assert (left is None) is (state is State.DONE)


def test_documents_to_be_looked_for_are_not_while_the_system_is_closed() -> None:
    books = Books(known={"F-1": RemoteRef("500", "F-1"), "Ami": RemoteRef("7", "Ami")})
    books.on_find = [None, Unavailable(SystemReason.UNREACHABLE, "refused")]
    bench = Bench(books)
    stub = DocumentRef(id="i1", reference="F-1", status=Status.TRANSFERRED)
    part = {"invoice": stub, "amount": "114.98"}
    linked = account(reference="Ami")
    bench.run(*[sent(payment(p, of=linked, allocations=(part,))) for p in ("p1", "p2")])
    assert [verb for verb, _ in books.calls] == ["find", "find"]
    assert {w.reason for w in bench.ledger.waiting()} == {WaitReason.RETRY_AT}
    bench.settle_down()
    assert sorted(books.sent()) == ["p1", "p2"]


def test_a_document_that_membri_has_and_the_books_do_not_makes_its_payment_wait() -> None:
    books = Books(known={"Ami": RemoteRef("7", "Ami")})
    bench = Bench(books)
    stub = DocumentRef(id="i1", reference="F-1", status=Status.TRANSFERRED)
    part = {"invoice": stub, "amount": "114.98"}
    bench.run(sent(payment(of=account(reference="Ami"), allocations=(part,))))
    wait = bench.wait(Entity.PAYMENT, "p1")
    assert wait is not None
    assert wait.detail == "status=transferred"


# --- several threads ----------------------------------------------------------------------------


def threaded(bench: Bench, pool: ThreadPoolExecutor) -> Engine:
    return Engine(
        bench.books,
        bench.ledger,
        chapter=CHAPTER,
        failed_by="bench",
        lease=bench.lease,
        executor=pool,
        policy=RetryPolicy(),
        now=lambda: bench.now,
    )


def test_records_of_several_accounts_go_over_threads_and_those_of_one_in_order() -> None:
    bench = Bench()
    records = []
    for a in range(6):
        of = account(f"a{a}")
        records += [invoice(f"i{a}{n}", of=of) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        threaded(bench, pool).run([sent(r) for r in records], [])
    assert sorted(bench.books.sent()) == sorted(
        {*(r.id for r in records), *(f"a{a}" for a in range(6))}
    )
    for a in range(6):
        order = [i for i in bench.books.sent() if i.startswith(f"i{a}")]
        assert order == [f"i{a}{n}" for n in range(4)]


def test_when_the_ledger_goes_away_in_one_thread_no_other_starts_a_call() -> None:
    class Failing(Books):
        def transfer(self, task: Task) -> Receipt:
            if task.record.id == "i0":
                raise LedgerUnavailable("no disk")
            return super().transfer(task)

    bench = Bench(Failing())
    with ThreadPoolExecutor(1) as pool:
        engine = threaded(bench, pool)
        engine.run([sent(account(f"a{n}")) for n in range(4)], [])
        records = [invoice(f"i{n}", of=account(f"a{n}")) for n in range(4)]
        with pytest.raises(LedgerUnavailable):
            engine.run([sent(r) for r in records], [])
    assert not [i for i in bench.books.sent() if i.startswith("i")]
    bench.restart()
    bench.books.transfer = lambda task: Books.transfer(bench.books, task)  # type: ignore[method-assign]  # the disk is back
    bench.run(*[sent(r, redelivered=True) for r in records])
    bench.later(LONGEST_CALL_S)
    assert all(bench.books.count(Entity.INVOICE, f"i{n}") == 1 for n in range(4))


def test_a_wait_holds_the_bytes_that_came() -> None:
    bench = Bench()
    bench.run(sent(payment()))
    wait = bench.wait(Entity.PAYMENT, "p1")
    assert wait is not None
    assert wait.body.startswith(encode(event(payment()))[:40])
