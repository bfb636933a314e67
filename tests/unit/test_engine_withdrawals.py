"""What a person took back is not sent, whatever was under way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.ledger.port import Key, State
from schemas.reasons import WaitReason
from schemas.statuses import Entity, Status
from tests.builders import account, invoice, payment, sent, taken_back
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


@pytest.mark.parametrize("again", [OutcomeUnknown("x"), Transient("x"), CLOSED, KeyError("x")])
def test_a_withdrawn_record_is_not_sent_however_the_look_for_it_ends(again: Exception) -> None:
    books = linked_books(replays=True, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    bench.run(taken_back(invoice(of=LINKED)))
    books.on_find = [again]
    for _ in range(4):
        bench.later(LONGEST_CALL_S)
    assert books.sent() == ["i1"]


def test_a_newer_version_withdrawn_while_the_older_one_was_unknown_is_not_sent() -> None:
    """v1 has no answer, v2 waits to be looked for, v3 takes it back."""
    books = linked_books(replays=False, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill("v2", net="200.00"))
    bench.run(taken_back(invoice(of=LINKED), "v3"))
    for _ in range(4):
        bench.later(LONGEST_CALL_S)
    assert books.sent() == ["i1"]
    assert bench.ledger.waiting() == []


@pytest.mark.parametrize("replays", [True, False])
def test_a_newer_version_and_its_withdrawal_in_one_batch_send_nothing(replays: bool) -> None:
    books = linked_books(replays=replays, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill("v2", net="200.00"), taken_back(invoice(of=LINKED), "v3"))
    for _ in range(4):
        bench.later(LONGEST_CALL_S)
    assert books.sent() == ["i1"]
    assert bench.ledger.waiting() == []


def test_two_withdrawals_after_a_crash_end_the_look_instead_of_repeating_it() -> None:
    from consumers.ledger.port import Changes

    books = linked_books(replays=False, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill())
    [entry] = bench.ledger.entries([Key(Entity.INVOICE, "i1")]).values()
    crashed = replace(entry, state=State.SENDING)
    bench.ledger.commit(
        Changes(entries=[crashed], leave=[crashed.key]), bench.lease.current(), bench.now
    )
    gone = invoice(of=LINKED)
    bench.run(
        sent(invoice(of=LINKED), redelivered=True),
        taken_back(gone, "v2"),
        taken_back(gone, "v3", Status.DO_NOT_SYNC),
    )
    bench.settle_down()
    bench.later(LONGEST_CALL_S)
    after = bench.entry(Entity.INVOICE, "i1")
    assert after is not None
    assert after.state is State.WITHDRAWN
    assert books.sent() == ["i1"]


def test_a_withdrawn_record_redelivered_after_its_withdrawal_is_not_sent() -> None:
    bench = Bench(linked_books())
    bench.run(sent(payment(of=LINKED)))
    bench.run(taken_back(payment(of=LINKED)))
    bench.run(bill())
    bench.run(sent(payment(of=LINKED), redelivered=True))
    assert bench.books.sent() == ["i1"]


def test_a_held_customer_whose_fate_was_unknown_is_looked_for_and_not_created() -> None:
    books = Books(replays=True, before=[LOST_REPLY])
    bench = Bench(books)
    bench.run(sent(invoice()))
    held = account(status=Status.ON_HOLD, dataversion="a1-v2")
    bench.run(sent(invoice(of=held)))
    assert books.sent() == ["a1"]
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_ACCOUNT


def test_a_customer_put_on_hold_in_the_batch_of_its_invoice_is_not_created() -> None:
    bench = Bench()
    bench.run(sent(invoice()), taken_back(account()))
    assert bench.books.rows == []
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.WAITS_FOR_ACCOUNT, "status=on_hold")


def test_a_record_that_a_person_completed_by_hand_while_it_waited_is_never_sent() -> None:
    bench = Bench()
    bench.run(sent(payment()))
    bench.run(taken_back(payment(), status=Status.TRANSFERRED))
    bench.run(sent(invoice()))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "i1"]


def test_our_own_success_come_back_changes_nothing() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    before, told = bench.entry(Entity.INVOICE, "i1"), len(bench.told)
    bench.run(taken_back(invoice(), status=Status.TRANSFERRED))
    assert bench.entry(Entity.INVOICE, "i1") == before
    assert len(bench.told) == told
