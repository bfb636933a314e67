"""Whatever dies whenever: each record ends in the books once, after what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Lease, LeaseLost, State
from consumers.system import Receipt, Task
from schemas.reasons import SystemReason, WaitReason
from schemas.records import Record
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from tests.builders import account, credit_note, invoice, payment, sent, taken_back
from tests.engine_harness import LONGEST_CALL_S, LOST_REPLY, Bench, Books


class Killed(BaseException):
    """The process dies here: no handler runs."""


class Fuse:
    """Dies at the n-th moment that matters; None never does."""

    def __init__(self) -> None:
        self.left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed


class MortalBooks(Books):
    """Books at which the process may die before a call, or after it was done."""

    fuse: Fuse

    def transfer(self, task: Task) -> Receipt:
        self.fuse.burn()
        receipt = super().transfer(task)
        self.fuse.burn()
        return receipt


class MortalLedger(MemoryLedger):
    """A ledger at which the process may die before a commit, or after it."""

    fuse: Fuse

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        self.fuse.burn()
        super().commit(changes, lease, now)
        self.fuse.burn()


class MortalBench(Bench):
    def __init__(self, books: MortalBooks) -> None:
        self.fuse = books.fuse = Fuse()
        super().__init__(books)

    def _lease(self):  # type: ignore[no-untyped-def]  # a hook of the bench
        mortal = MortalLedger("montreal")
        mortal.fuse = self.fuse
        self.ledger = mortal
        return super()._lease()

    def survive(self, deliveries: list[Delivery], deaths: list[int]) -> None:
        """Runs a batch to its acknowledgement, dying as told; the broker redelivers."""
        pending = deliveries
        for death in [*deaths, None]:
            self.fuse.left = death
            try:
                self.run(*pending)
            except Killed:
                pending = [replace(d, redelivered=True) for d in pending]
                self.restart()
            else:
                self.fuse.left = None
                return

    def rest(self) -> None:
        """Long enough for every fate to become known."""
        self.fuse.left = None
        for _ in range(12):
            self.later(LONGEST_CALL_S)


@st.composite
def worlds(draw: st.DrawFn) -> list[Record]:
    records: list[Record] = []
    for a in range(draw(st.integers(1, 3))):
        owner = account(f"a{a}")
        for i in range(draw(st.integers(1, 2))):
            number = f"{a}{i}"
            records.append(invoice(f"i{number}", of=owner))
            if draw(st.booleans()):
                records.append(payment(f"p{number}", on=f"i{number}", of=owner))
            if draw(st.booleans()):
                records.append(credit_note(f"c{number}", corrects=f"i{number}", of=owner))
    return draw(st.permutations(records))


@pytest.mark.parametrize("replays", [True, False])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=worlds(),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    deaths=st.lists(st.lists(st.integers(0, 14), max_size=3), max_size=8),
)
def test_each_record_is_in_the_books_once_and_in_order_whenever_the_process_dies(
    replays: bool, world: list[Record], sizes: list[int], deaths: list[list[int]]
) -> None:
    bench = MortalBench(MortalBooks(replays=replays))
    left, turn = list(world), 0
    while left:
        size = sizes[turn % len(sizes)]
        batch, left = left[:size], left[size:]
        bench.survive([sent(r) for r in batch], deaths[turn] if turn < len(deaths) else [])
        turn += 1
    bench.rest()
    order = [key.id for key, _, _ in bench.books.rows]
    assert sorted(order) == sorted({*(r.account_id for r in world), *(r.id for r in world)})
    for record in world:
        assert order.index(record.account_id) < order.index(record.id)
        for need in _needs(record):
            assert order.index(need) < order.index(record.id)
    told = {subject for subject, _, _ in bench.transferred()}
    assert told == set(order), "Membri hears of every one"
    assert bench.buried() == []
    assert bench.ledger.waiting() == []


def _needs(record: Record) -> list[str]:
    if record.entity is Entity.PAYMENT:
        return [a.invoice.id for a in record.allocations]  # type: ignore[union-attr]  # a payment
    corrected = getattr(record, "corrects", None)
    return [corrected.id] if corrected else []


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(
        st.sampled_from(
            [
                None,
                Transient("locked"),
                Unavailable(SystemReason.UNREACHABLE, "refused"),
                LOST_REPLY,
            ]
        ),
        max_size=6,
    ),
    after=st.lists(st.sampled_from([None, OutcomeUnknown("no answer")]), max_size=6),
    replays=st.booleans(),
)
def test_lost_replies_refusals_and_locks_never_double_anything(
    before: list[Exception | None], after: list[Exception | None], replays: bool
) -> None:
    bench = Bench(Books(replays=replays, before=list(before), after=list(after)))
    bench.run(sent(payment()), sent(invoice()))
    for _ in range(30):
        bench.later(2000.0)
    counts = [
        bench.books.count(Entity.ACCOUNT, "a1"),
        bench.books.count(Entity.INVOICE, "i1"),
        bench.books.count(Entity.PAYMENT, "p1"),
    ]
    if bench.buried():  # locked too often: buried, and what needs it waits
        assert max(counts) <= 1
        assert {reason for _, reason in bench.buried()} == {"retries_exhausted"}
    else:
        assert counts == [1, 1, 1]
        assert bench.ledger.waiting() == []


def test_nothing_is_sent_again_before_the_books_were_asked() -> None:
    bench = Bench(Books(replays=False, after=[None, LOST_REPLY]))
    bench.run(sent(invoice()))
    bench.books.calls.clear()
    bench.later(10.0)
    verbs = [verb for verb, record_id in bench.books.calls if record_id == "i1"]
    assert verbs == ["find"]
    assert bench.books.count(Entity.INVOICE, "i1") == 1
    assert ("i1", "adopted", "N-i1") in bench.transferred()


def test_not_there_is_not_believed_while_the_call_may_still_be_running() -> None:
    bench = Bench(Books(replays=False, before=[None, LOST_REPLY]))
    bench.run(sent(invoice()))
    bench.later(10.0)
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert wait.reason is WaitReason.OUTCOME_UNKNOWN
    assert bench.books.sent().count("i1") == 1
    bench.later(LONGEST_CALL_S)
    assert bench.books.count(Entity.INVOICE, "i1") == 1


@pytest.mark.parametrize(
    ("accident", "same_key"), [(LOST_REPLY, True), (Transient("locked"), False)]
)
def test_an_unknown_fate_keeps_its_key_and_a_refusal_gets_another(
    accident: Exception, same_key: bool
) -> None:
    bench = Bench(Books(before=[None, accident]))
    bench.run(sent(invoice()))
    bench.later(100.0)
    first, second = (task.key for task in bench.books.tasks if task.record.id == "i1")
    assert (first == second) is same_key


def test_when_the_books_cannot_be_read_an_unknown_fate_stays_unknown() -> None:
    bench = Bench(
        Books(replays=True, after=[None, LOST_REPLY], on_find=[None, None, Transient("x")])
    )
    bench.run(sent(invoice()))
    bench.later(10.0)
    entry = bench.entry(Entity.INVOICE, "i1")
    assert entry is not None
    assert entry.state is State.UNKNOWN
    bench.later(100.0)
    assert bench.books.count(Entity.INVOICE, "i1") == 1


def test_a_record_taken_back_while_its_fate_was_unknown_is_looked_up_and_never_sent() -> None:
    bench = Bench(Books(replays=True, before=[None, LOST_REPLY]))
    bench.run(sent(invoice()))
    bench.run(taken_back(invoice()))
    for _ in range(3):
        bench.later(LONGEST_CALL_S)
    assert bench.books.count(Entity.INVOICE, "i1") == 0
    entry = bench.entry(Entity.INVOICE, "i1")
    assert entry is not None
    assert entry.state is State.WITHDRAWN


def test_a_record_taken_back_after_it_reached_the_books_is_told() -> None:
    bench = Bench(Books(replays=True, after=[None, LOST_REPLY]))
    bench.run(sent(invoice()))
    bench.run(taken_back(invoice()))
    bench.later(LONGEST_CALL_S)
    assert ("i1", "adopted", "N-i1") in bench.transferred()


def test_a_locked_record_is_tried_a_bounded_number_of_times() -> None:
    bench = Bench(Books(before=[None, *[Transient("locked")] * 9]))
    bench.run(sent(invoice()), sent(payment()))
    for _ in range(8):
        bench.later(5000.0)
    assert bench.buried() == [("invoice.reference.montreal", "retries_exhausted")]
    assert bench.books.sent().count("i1") == 4, "one try and three more"
    assert bench.wait(Entity.PAYMENT, "p1") is not None


def test_a_bug_of_ours_buries_the_record_with_its_traceback_and_spares_the_others() -> None:
    bench = Bench(Books(before=[None, KeyError("oups")]))
    bench.run(sent(invoice("i1")), sent(invoice("i2")))
    assert bench.buried() == [("invoice.reference.montreal", "bug")]
    headers = next(h for exchange, _, h, _ in bench.told if exchange == "membri.dead")
    assert "KeyError" in str(headers["x-detail"])
    assert bench.books.count(Entity.INVOICE, "i2") == 1


def test_bugs_in_a_row_pause_the_consumer_instead_of_emptying_the_queue() -> None:
    bench = Bench(Books(before=[None, *[KeyError("oups")] * 50]), dead_letter_run_max=5)
    result = bench.run(*[sent(invoice(f"i{n}")) for n in range(12)])
    assert result.paused is not None
    assert bench.ledger.paused() == result.paused
    assert len(bench.buried()) == 5
    assert len(bench.ledger.waiting()) == 7, "the others stand in the waiting room, untouched"


def test_refusals_that_a_person_can_correct_do_not_pause_anything() -> None:
    from consumers.system import Problem
    from schemas.reasons import Reason

    closed = Problem(Reason.CLOSED_PERIOD)
    bench = Bench(Books(problems={f"i{n}": closed for n in range(12)}), dead_letter_run_max=5)
    result = bench.run(*[sent(invoice(f"i{n}")) for n in range(12)])
    assert result.paused is None
    assert len(bench.buried()) == 12


def test_a_process_that_lost_its_lease_sends_nothing() -> None:
    bench = Bench()

    def lost() -> None:
        raise LeaseLost("another one serves")

    bench.lease.check = lost
    with pytest.raises(LeaseLost):
        bench.run(sent(invoice()))
    assert bench.books.calls == []
    assert bench.ledger.outbox(10) == []


def test_a_failure_told_before_a_crash_is_not_tried_again_by_its_redelivery() -> None:
    from consumers.system import Problem
    from schemas.reasons import Reason

    bench = Bench(Books(problems={"i1": Problem(Reason.CLOSED_PERIOD)}))
    bench.run(sent(invoice()))
    bench.run(sent(invoice(), redelivered=True))
    assert len(bench.buried()) == 1
    bench.run(sent(invoice(), redelivered=True, headers={"x-replayed-by": "somebody"}))
    assert len(bench.buried()) == 2


def unreadable() -> list[tuple[str, Callable[[], Delivery]]]:
    from schemas.wire.codec import encode
    from tests.builders import ORIGIN, delivery, event

    elsewhere = ORIGIN.model_copy(update={"chapter": "quebec"})
    other = ORIGIN.model_copy(update={"system": "sage_50"})
    return [
        ("unreadable", lambda: delivery(b'{"half": ')),
        ("unreadable", lambda: delivery(b"<html></html>")),
        ("unknown_chapter", lambda: delivery(encode(event(invoice(), origin=elsewhere)))),
        ("unknown_system", lambda: delivery(encode(event(invoice(), origin=other)))),
    ]


@pytest.mark.parametrize(("reason", "make"), unreadable())
def test_what_is_no_record_of_ours_is_buried_with_its_bytes(
    reason: str, make: Callable[[], Delivery]
) -> None:
    bench = Bench()
    given_ = make()
    bench.run(given_, sent(invoice()))
    assert [r for _, r in bench.buried()] == [reason]
    bodies = [body for exchange, _, _, body in bench.told if exchange == "membri.dead"]
    assert bodies == [given_.body]
    assert bench.books.count(Entity.INVOICE, "i1") == 1
