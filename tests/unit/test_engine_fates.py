"""Fates that are unknown stay unknown until the books speak: nothing is sent twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient
from consumers.ledger.port import Key, LeaseLost, State
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.statuses import Entity
from tests.builders import account, invoice, sent
from tests.engine_harness import (
    CLOSED,
    LINKED,
    LONGEST_CALL_S,
    LOST_REPLY,
    Bench,
    Books,
    bill,
    linked_books,
)


class LateBooks(Books):
    """The first call that is not answered is still running: its work shows when a test says so."""

    def __init__(self, **values: object) -> None:
        super().__init__(**values)  # type: ignore[arg-type]  # fields of Books
        self.known["Les Amis"] = RemoteRef("77", "Les Amis")
        self.replays = False
        self.running: list[Task] = []

    def transfer(self, task: Task) -> Receipt:
        if not self.running and task.record.entity is Entity.INVOICE:
            self.calls.append(("transfer", task.record.id))
            self.running.append(task)
            raise LOST_REPLY
        return super().transfer(task)

    def land(self) -> None:
        self._write(self.running[0])


@pytest.mark.parametrize("error", [KeyError("oups"), Rejected(Reason.DUPLICATE_NUMBER)])
def test_a_record_buried_while_its_fate_was_unknown_is_not_sent_again_before_the_call_ended(
    error: Exception,
) -> None:
    books = LateBooks()
    bench = Bench(books)
    bench.run(bill())
    books.on_find = [error]
    bench.later(5.0)
    assert len(bench.buried()) == 1
    bench.run(bill("v2"))
    books.land()
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.INVOICE, "i1") == 1
    assert ("i1", "adopted", "N-i1") in bench.transferred()


def test_a_bug_after_the_request_left_is_an_unknown_fate_with_the_same_key() -> None:
    books = linked_books(replays=True, after=[TimeoutError("not wrapped")])
    bench = Bench(books)
    bench.run(bill())
    assert bench.buried() == [("invoice.reference.montreal", "bug")]
    bench.books.remove(Key(Entity.INVOICE, "i1"))  # the look does not show it yet
    bench.run(bill("v2"))
    first, second = (task.key for task in books.tasks)
    assert first == second


def test_an_unknown_fate_survives_a_batch_in_which_the_system_was_closed() -> None:
    """The account's look-up closes the system before the invoice is reached."""
    books = LateBooks()
    bench = Bench(books)
    bench.run(bill())
    books.on_find = [CLOSED]
    other = account("a2", reference="Les Amis")
    bench.now += 5.0
    bench.run(sent(other))
    assert books.on_find == []
    books.on_find = []
    bench.settle_down()
    assert books.sent().count("i1") == 1, "the first call may still be running"
    books.land()
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.INVOICE, "i1") == 1


def test_an_intent_without_an_ending_stays_an_unknown_fate_when_the_system_is_closed() -> None:
    from consumers.ledger.port import Changes

    bench = Bench(LateBooks())
    bench.run(bill())
    [entry] = bench.ledger.entries([Key(Entity.INVOICE, "i1")]).values()
    crashed = replace(entry, state=State.SENDING)
    bench.ledger.commit(
        Changes(entries=[crashed], leave=[crashed.key]), bench.lease.current(), bench.now
    )
    bench.books.on_find = [CLOSED]
    bench.run(sent(account("a2", reference="Les Amis")), sent(invoice(of=LINKED), redelivered=True))
    after = bench.entry(Entity.INVOICE, "i1")
    assert after is not None
    assert (after.state, after.sent_at) == (State.UNKNOWN, entry.sent_at)
    bench.settle_down()
    assert bench.books.sent().count("i1") == 1


def test_a_definite_refusal_after_an_unknown_fate_gets_another_key() -> None:
    books = linked_books(replays=True, before=[LOST_REPLY, Transient("locked")])
    bench = Bench(books)
    bench.run(bill())
    bench.later(100.0)
    bench.later(100.0)
    keys = [task.key for task in books.tasks]
    assert keys[0] == keys[1] != keys[2]
    assert books.count(Entity.INVOICE, "i1") == 1


@pytest.mark.parametrize("refusal", [Transient("locked"), Rejected(Reason.CLOSED_PERIOD), CLOSED])
def test_a_refused_repetition_says_nothing_of_the_call_that_still_runs(refusal: Exception) -> None:
    """The vendor knows the key once the first call ends; until then it refuses the second one."""
    books = LateBooks()
    books.replays = True
    bench = Bench(books)
    bench.run(bill())
    books.before = [refusal] * 50
    bench.later(5.0)
    assert books.sent().count("i1") > 1
    bench.run(bill("v2", net="200.00"))
    bench.run(bill("v3"))
    books.before.clear()
    books.land()
    books.by_key[books.running[0].key] = Receipt(RemoteRef("r-N-i1", "N-i1"), Action.CREATED)
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.INVOICE, "i1") == 1
    assert len({task.key for task in [*books.running, *books.tasks] if task.record.id == "i1"}) == 1


def test_a_changed_version_is_not_sent_while_the_call_of_the_other_one_may_still_run() -> None:
    books = LateBooks()
    books.replays = True
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill("v2", net="200.00"))
    bench.later(10.0)
    assert books.sent().count("i1") == 1
    books.land()
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.INVOICE, "i1") == 1


def test_what_is_sent_anew_is_written_down_as_such_before_it_is_sent() -> None:
    """Its reference was emptied and it is gone from the books: the sending has a new generation."""
    books = linked_books()
    bench = Bench(books)
    bench.run(bill())
    books.remove(Key(Entity.INVOICE, "i1"))
    seen: list[tuple[State, int, float | None]] = []
    write = books._write

    def watched(task: Task) -> Receipt:
        entry = bench.entry(Entity.INVOICE, "i1")
        assert entry is not None
        seen.append((entry.state, entry.generation, entry.sent_at))
        return write(task)

    books._write = watched  # type: ignore[method-assign]  # to look at the ledger meanwhile
    bench.run(bill("v2"))
    assert seen == [(State.SENDING, 1, bench.now)]


def test_a_lease_that_ends_within_a_batch_keeps_the_rest_of_it_from_being_sent() -> None:
    books = linked_books()
    bench = Bench(books)
    bench.run(sent(LINKED))

    before = len(books.tasks)

    def ended_after_the_first_call() -> None:
        if len(books.tasks) > before:
            raise LeaseLost("another one serves")

    bench.lease.check = ended_after_the_first_call
    with pytest.raises(LeaseLost):
        bench.run(bill(), sent(invoice("i2", of=LINKED)))
    assert books.sent() == ["a1", "i1"]
    assert ("find", "i2") not in books.calls


@pytest.mark.parametrize("look", ["first", "unknown"])
def test_a_namesake_in_the_books_is_not_taken_for_the_customer(look: str) -> None:
    class Namesakes(Books):
        def find(self, lookup: Lookup) -> Found | None:
            found = super().find(lookup)
            there = RemoteRef("9", lookup.name)
            return Found(there) if found is None and lookup.name else found

    books = Namesakes(before=[LOST_REPLY] if look == "unknown" else [])
    bench = Bench(books)
    bench.run(sent(invoice()))
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.ACCOUNT, "a1") == 1
    assert books.tasks[-1].customer == RemoteRef("r-Association a1", "Association a1")


def test_a_look_without_answer_is_not_taken_for_a_sending() -> None:
    books = linked_books(replays=True, on_find=[None, OutcomeUnknown("half an answer")])
    bench = Bench(books)
    bench.run(bill())
    entry = bench.entry(Entity.INVOICE, "i1")
    assert entry is not None
    assert (entry.state, entry.sent_at) == (State.WAITING, None)
    bench.later(100.0)
    assert books.count(Entity.INVOICE, "i1") == 1


def test_a_version_that_does_not_add_up_is_never_sent_after_an_unknown_fate() -> None:
    books = linked_books(replays=True, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill("v2", total="114.97"))
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.INVOICE, "i1") == 0
    assert bench.buried() == [("invoice.reference.montreal", "totals_differ")]


def test_a_reference_typed_while_the_fate_was_unknown_creates_nothing() -> None:
    books = linked_books(replays=True, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill("v2", reference="F-99"))
    bench.later(LONGEST_CALL_S)
    assert bench.buried() == [("invoice.reference.montreal", "reference_not_found")]
    assert books.count(Entity.INVOICE, "i1") == 0


def test_a_customer_whose_reference_was_typed_while_its_fate_was_unknown_is_linked() -> None:
    books = linked_books(replays=True, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(sent(invoice()))
    bench.run(sent(invoice(of=account(reference="Les Amis", dataversion="a1-v2"))))
    assert books.count(Entity.ACCOUNT, "a1") == 0
    assert books.tasks[-1].customer == RemoteRef("77", "Les Amis")
