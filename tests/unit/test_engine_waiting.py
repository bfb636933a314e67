"""Nobody waits for ever, and nobody holds up the others."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from consumers.engine import TOLD_LATELY_S
from consumers.errors import Rejected, Transient
from consumers.system import Problem, Receipt, RemoteRef, Task
from schemas.reasons import Reason, WaitReason
from schemas.records import DocumentRef
from schemas.statuses import Entity, Status
from tests.builders import account, invoice, payment, sent
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


def test_documents_go_when_their_customer_was_linked_though_its_update_was_refused() -> None:
    books = linked_books(before=[Rejected(Reason.INVALID_FIELD, field="email")])
    bench = Bench(books)
    bench.run(sent(invoice(of=account(new_account=False, status=None))))
    bench.run(sent(account(reference="Les Amis", dataversion="a1-v2"), "a1-v2"))
    bench.settle_down()
    assert books.count(Entity.INVOICE, "i1") == 1


def test_the_newest_snapshot_counts_though_an_older_event_of_its_invoice_came_first() -> None:
    bench = Bench()
    unverified = account(new_account=False, status=None)
    bench.run(sent(invoice("i1", of=unverified)), sent(invoice("i2", of=unverified)))
    bench.run(
        sent(invoice("i1", of=unverified)),
        sent(invoice("i2", of=unverified)),
        sent(invoice("i1", of=account(dataversion="a1-v2"))),
    )
    bench.settle_down()
    assert sorted(bench.books.sent()) == ["a1", "i1", "i2"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: sent(account(reference="Les Amis", phone="514", dataversion="v2"), "v2"),
        lambda: bill("v2", net="200.00"),
    ],
    ids=["account", "invoice"],
)
def test_another_version_of_what_is_in_the_books_is_tried_a_bounded_number_of_times(
    make: Callable[[], object],
) -> None:
    books = linked_books()
    bench = Bench(books)
    bench.run(sent(LINKED), bill())
    books.before = [Transient("locked")] * 50
    books.on_find = [Transient("locked")] * 50
    bench.run(make())  # type: ignore[arg-type]  # a delivery
    for _ in range(8):
        bench.later(5000.0)
    assert [reason for _, reason in bench.buried()] == ["retries_exhausted"]
    assert bench.ledger.waiting() == []


def test_a_failed_record_tried_again_as_another_version_is_tried_a_bounded_number_of_times() -> (
    None
):
    books = linked_books(problems={"i1": Problem(Reason.CLOSED_PERIOD)})
    bench = Bench(books)
    bench.run(bill())
    books.problems.clear()
    books.before = [Transient("locked")] * 50
    bench.run(bill("v2"))
    for _ in range(8):
        bench.later(5000.0)
    assert [reason for _, reason in bench.buried()] == ["closed_period", "retries_exhausted"]


def test_a_newer_version_starts_counting_its_tries_anew_and_the_same_one_does_not() -> None:
    books = linked_books(before=[Transient("locked")] * 50)
    bench = Bench(books)
    bench.run(bill())
    bench.run(bill())
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert wait.attempts == 2
    bench.run(bill("v2"))
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert wait.attempts == 1


class OneCloses(Books):
    """Finds itself closed at one record only."""

    culprit = "i1"

    def transfer(self, task: Task) -> Receipt:
        if task.record.id == self.culprit:
            raise CLOSED
        return super().transfer(task)


@pytest.mark.parametrize("culprit", ["i1", "a1"])
def test_a_record_that_alone_finds_the_system_closed_does_not_hold_up_the_others(
    culprit: str,
) -> None:
    bench = Bench(OneCloses())
    bench.books.culprit = culprit  # type: ignore[attr-defined]  # of OneCloses
    bench.run(
        *[sent(invoice(f"i{n}", of=account(f"a{n}"))) for n in range(1, 6)],
    )
    for _ in range(4):
        bench.now += 0.1
        bench.run()
    assert {f"i{n}" for n in range(2, 6)} <= set(bench.books.sent())
    assert bench.buried() == []
    bench.books.culprit = ""  # type: ignore[attr-defined]  # of OneCloses
    bench.later(500.0)
    assert bench.ledger.waiting() == []


def stub_payment(id: str = "p1"):  # type: ignore[no-untyped-def]  # noqa: A002 — the record's own word
    stub = DocumentRef(id="i1", reference="F-1", status=Status.TRANSFERRED)
    return sent(payment(id, of=LINKED, allocations=({"invoice": stub, "amount": "114.98"},)))


def test_a_look_for_a_lost_invoice_that_is_not_possible_now_closes_nothing() -> None:
    books = linked_books(on_find=[None, Transient("locked")])
    bench = Bench(books)
    bench.run(sent(LINKED))
    result = bench.run(stub_payment())
    assert result.closed is None
    wait = bench.wait(Entity.PAYMENT, "p1")
    assert wait is not None
    assert wait.reason is WaitReason.RETRY_AT


def test_a_bug_in_the_look_for_a_lost_invoice_buries_the_payment_and_no_other() -> None:
    books = linked_books(on_find=[None, KeyError("oups")])
    bench = Bench(books)
    bench.run(stub_payment(), sent(payment("p2", on="i2", of=LINKED)))
    assert bench.buried() == [("payment.reference.montreal", "bug")]
    assert bench.wait(Entity.PAYMENT, "p2") is not None


def test_a_lost_invoice_that_the_books_refuse_to_name_makes_its_payment_wait() -> None:
    books = linked_books(on_find=[None, Rejected(Reason.DIFFERS_FROM_BOOKS)])
    bench = Bench(books)
    bench.run(stub_payment())
    wait = bench.wait(Entity.PAYMENT, "p1")
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.WAITS_FOR_INVOICE, "status=transferred")


def test_a_system_closed_at_the_look_for_a_lost_invoice_fails_nothing() -> None:
    books = linked_books(on_find=[None, CLOSED])
    books.known["F-1"] = RemoteRef("500", "F-1")
    bench = Bench(books)
    result = bench.run(stub_payment())
    assert result.closed is not None
    bench.settle_down()
    assert books.sent() == ["p1"]


def test_an_invoice_linked_by_hand_leaves_the_waiting_room() -> None:
    """It waited for its account; a person made it by hand and said so in Membri."""
    bench = Bench(linked_books())
    bench.run(sent(invoice(of=account(new_account=False, status=None))))
    bench.books.known["F-1"] = RemoteRef("500", "F-1")
    bench.run(stub_payment())
    bench.settle_down()
    assert bench.books.sent() == ["p1"]
    assert bench.ledger.waiting() == []


def test_a_customer_that_failed_is_buried_once_not_with_each_of_its_invoices() -> None:
    bench = Bench()
    wrong = account(reference="Inconnu")
    for n in range(4):
        bench.run(sent(invoice(f"i{n}", of=wrong)))
    assert bench.buried() == [("account.reference.montreal", "reference_not_found")]
    found = account(reference="Les Amis", dataversion="a1-v2")
    bench.books.known["Les Amis"] = RemoteRef("77", "Les Amis")
    bench.run(sent(invoice("i9", of=found)))
    bench.settle_down()
    assert bench.books.count(Entity.INVOICE, "i0") == 1


def test_a_customer_that_failed_is_not_buried_again_because_its_error_was_written_down() -> None:
    """Writing Erreur de transfert in Membri gives the account another version, and its invoices
    bring that along at the next sweep."""
    bench = Bench()
    wrong = account(reference="Inconnu")
    bench.run(sent(wrong, "a1-v1"), sent(invoice(of=wrong)))
    marked = wrong.model_copy(update={"status": Status.TRANSFER_ERROR, "dataversion": "a1-v2"})
    bench.run(sent(invoice("i2", of=marked)))
    assert bench.buried() == [("account.reference.montreal", "reference_not_found")]
    wait = bench.wait(Entity.INVOICE, "i2")
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_ACCOUNT
    # A person who types the right reference links it, whatever status it is left in (rule 12).
    bench.books.known["Les Amis"] = RemoteRef("77", "Les Amis")
    typed = marked.model_copy(update={"reference": "Les Amis", "dataversion": "a1-v3"})
    bench.run(sent(invoice("i3", of=typed)))
    bench.settle_down()
    assert {bench.books.count(Entity.INVOICE, one) for one in ("i1", "i2", "i3")} == {1}


def test_a_failure_said_again_before_membri_shows_it_is_buried_once() -> None:
    refusals = [Rejected(Reason.CLOSED_PERIOD, field="date")] * 3
    bench = Bench(linked_books(before=refusals))
    told = [("invoice.reference.montreal", "closed_period")]
    bench.run(bill("v1"))
    bench.run(bill("v1"))
    assert bench.buried() == told
    # Said again much later, the failure was lost on its way to Membri: it is told anew.
    bench.later(TOLD_LATELY_S)
    bench.run(bill("v1"))
    assert bench.buried() == told * 2
    # A person set it À transférer again: that is another version.
    bench.run(bill("v2"))
    assert bench.buried() == told * 3


def test_payments_go_when_another_version_of_their_invoice_is_in_the_books() -> None:
    """v1 reached the books without an answer; then the invoice was changed: rule 12."""
    books = linked_books(replays=True, after=[LOST_REPLY])
    bench = Bench(books)
    bench.run(bill(), sent(payment(of=LINKED)))
    bench.run(bill("v2", net="50.00"))
    bench.later(LONGEST_CALL_S)
    assert bench.buried() == [("invoice.reference.montreal", "differs_from_books")]
    assert books.count(Entity.PAYMENT, "p1") == 1
    bench.run(bill("v3"))
    assert bench.transferred()[-1] == ("i1", "confirmed", "N-i1")


def test_payments_wait_when_a_typed_reference_names_an_invoice_of_another_amount() -> None:
    books = linked_books(totals={"F-99": Decimal("90.00")})
    books.known["F-99"] = RemoteRef("500", "F-99")
    bench = Bench(books)
    bench.run(bill(reference="F-99"), sent(payment(of=LINKED)))
    assert bench.buried() == [("invoice.reference.montreal", "differs_from_books")]
    assert books.sent() == []


# --- what is told -------------------------------------------------------------------------------


def test_another_reference_typed_on_a_record_in_the_books_links_what_it_names() -> None:
    books = linked_books()
    bench = Bench(books)
    bench.run(bill())
    books.known["F-99"] = RemoteRef("500", "F-99")
    bench.run(bill("v2", reference="F-99"))
    assert bench.transferred()[-1] == ("i1", "linked", "F-99")


def test_a_change_of_a_customer_whose_creation_had_no_answer_reaches_the_books() -> None:
    books = Books(replays=True, after=[LOST_REPLY])
    bench = Bench(books)
    bench.run(sent(account()), sent(invoice()))
    bench.run(sent(account(phone="514 555-0199", dataversion="a1-v2"), "a1-v2"))
    bench.later(LONGEST_CALL_S)
    assert books.count(Entity.ACCOUNT, "a1") == 1
    update = [task for task in books.tasks if task.record.id == "a1"][-1]
    assert (update.remote_id, update.record.phone) == ("r-Association a1", "514 555-0199")  # type: ignore[union-attr]  # an account
    assert books.count(Entity.INVOICE, "i1") == 1
