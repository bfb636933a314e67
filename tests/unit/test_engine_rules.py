"""The rules of the domain page that the consumers enforce, by their numbers."""

from __future__ import annotations

import pytest

from consumers.errors import Unavailable
from consumers.ledger.port import State
from consumers.system import RemoteRef
from schemas.reasons import SystemReason, WaitReason
from schemas.records import DocumentRef
from schemas.statuses import HELD, Entity, Status
from tests.builders import account, credit_note, invoice, payment, sent, taken_back
from tests.engine_harness import Bench, Books


def test_rule_01_a_flagged_account_without_an_invoice_is_not_created() -> None:
    bench = Bench()
    bench.run(sent(account()))
    assert bench.books.rows == []
    wait = bench.wait(Entity.ACCOUNT, "a1")
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_INVOICE


def test_rule_01_a_flagged_account_is_created_with_its_first_invoice() -> None:
    bench = Bench()
    bench.run(sent(account()))
    bench.run(sent(invoice()))
    assert bench.books.sent() == ["a1", "i1"]
    assert bench.wait(Entity.ACCOUNT, "a1") is None


def test_rule_01_an_account_without_the_flag_is_not_created_by_an_invoice() -> None:
    bench = Bench()
    bench.run(sent(invoice(of=account(new_account=False, status=None))))
    assert bench.books.rows == []


def test_rule_03_an_account_with_a_reference_is_linked_and_none_is_created() -> None:
    books = Books(known={"Les Amis": RemoteRef("77", "Les Amis")})
    bench = Bench(books)
    bench.run(sent(invoice(of=account(reference="Les Amis", new_account=False))))
    assert books.sent() == ["i1"]
    assert ("a1", "linked", "Les Amis") in bench.transferred()
    assert books.tasks[0].customer == RemoteRef("77", "Les Amis")


def test_rule_03_a_reference_that_no_customer_has_is_an_error_naming_field_and_key() -> None:
    bench = Bench()
    bench.run(sent(account(reference="Inconnu")))
    assert bench.buried() == [("account.reference.montreal", "reference_not_found")]
    headers = next(h for exchange, _, h, _ in bench.told if exchange == "membri.dead")
    assert headers["x-field"] == "reference"
    assert headers["x-detail"] == "Inconnu"


def test_rule_04_documents_of_an_account_to_verify_wait_and_are_no_errors() -> None:
    bench = Bench()
    unverified = account(new_account=False, status=None)
    bench.run(sent(invoice(of=unverified)), sent(payment(of=unverified)))
    assert bench.buried() == []
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert wait.reason is WaitReason.ACCOUNT_TO_VERIFY


def test_rule_04_once_flagged_they_go_without_anyone_touching_the_invoices() -> None:
    bench = Bench()
    unverified = account(new_account=False, status=None)
    bench.run(sent(invoice(of=unverified)), sent(payment(of=unverified)))
    bench.run(sent(account(dataversion="a1-v2"), "a1-v2"))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "i1", "p1"]


def test_rule_04_a_fresh_snapshot_of_the_same_invoice_is_enough() -> None:
    bench = Bench()
    bench.run(sent(invoice(of=account(new_account=False, status=None))))
    bench.run(sent(invoice(of=account(dataversion="a1-v2"))))
    assert bench.books.sent() == ["a1", "i1"]


def test_rule_05_a_changed_account_is_updated() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    bench.run(sent(account(phone="514 555-0199", dataversion="a1-v2"), "a1-v2"))
    task = bench.books.tasks[-1]
    assert (task.record.id, task.remote_id) == ("a1", "r-Association a1")
    assert bench.transferred()[-1] == ("a1", "updated", "Association a1")


def test_rule_05_an_account_linked_elsewhere_before_is_updated_when_it_is_to_transfer() -> None:
    """The desktop tool linked it; our ledger has never seen it."""
    books = Books(known={"Les Amis": RemoteRef("77", "Les Amis")})
    bench = Bench(books)
    bench.run(sent(account(reference="Les Amis", name="Les Amis réunis"), "a1-v1"))
    assert [(task.record.id, task.remote_id) for task in books.tasks] == [("a1", "77")]
    assert bench.transferred() == [("a1", "updated", "Les Amis réunis")]


def test_rule_05_documents_of_a_linked_account_go_though_its_update_was_refused() -> None:
    from consumers.errors import Rejected
    from schemas.reasons import Reason

    books = Books(
        known={"Les Amis": RemoteRef("77", "Les Amis")},
        before=[Rejected(Reason.INVALID_FIELD, field="email")],
    )
    bench = Bench(books)
    linked = account(reference="Les Amis")
    bench.run(sent(linked, "a1-v1"), sent(invoice(of=linked)))
    assert bench.buried() == [("account.reference.montreal", "invalid_field")]
    assert books.count(Entity.INVOICE, "i1") == 1


def test_rule_05_a_linked_customer_is_remembered_before_an_update_that_renames_it() -> None:
    """Killed in between, it could not be found by its old name any more."""
    from tests.engine_harness import LOST_REPLY

    books = Books(known={"Les Amis": RemoteRef("77", "Les Amis")}, after=[LOST_REPLY])
    bench = Bench(books)
    bench.run(sent(account(reference="Les Amis", name="Les Amis réunis"), "a1-v1"))
    books.known.clear()
    bench.later(1000.0)
    assert [task.remote_id for task in books.tasks] == ["77", "77"]
    assert bench.buried() == []
    assert bench.transferred()[-1][:2] == ("a1", "updated")


@pytest.mark.parametrize("lost", ["before", "after"])
def test_rule_05_an_update_without_answer_is_repeated_and_creates_nothing(lost: str) -> None:
    from tests.engine_harness import LOST_REPLY

    books = Books(known={"Les Amis": RemoteRef("77", "Les Amis")})
    getattr(books, lost).append(LOST_REPLY)
    bench = Bench(books)
    bench.run(sent(account(reference="Les Amis"), "a1-v1"))
    bench.later(1000.0)
    assert books.rows == []
    assert [task.remote_id for task in books.tasks] == ["77", "77"]
    assert bench.transferred()[-1][:2] == ("a1", "updated")


def test_rule_05_an_account_with_the_same_content_is_confirmed_not_written() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    writes = len(bench.books.tasks)
    bench.run(sent(account(dataversion="a1-v2"), "a1-v2"))
    assert len(bench.books.tasks) == writes
    assert bench.transferred()[-1] == ("a1", "confirmed", "Association a1")


@pytest.mark.parametrize("status", sorted(HELD))
def test_rule_05_a_held_account_without_customer_makes_its_invoices_wait(status: Status) -> None:
    bench = Bench()
    bench.run(sent(invoice(of=account(status=status))))
    assert bench.books.rows == []
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.WAITS_FOR_ACCOUNT, f"status={status}")


@pytest.mark.parametrize("status", sorted(HELD))
def test_rule_05_invoices_of_a_held_account_that_is_linked_go(status: Status) -> None:
    bench = Bench(Books(known={"Les Amis": RemoteRef("77", "Les Amis")}))
    bench.run(sent(invoice(of=account(status=status, reference="Les Amis"))))
    assert bench.books.sent() == ["i1"]
    told = [subject for subject, _, _ in bench.transferred()]
    assert told == ["i1"], "the status that a person gave the account is left alone"


def test_rule_05_an_empty_status_does_not_hold_an_account() -> None:
    bench = Bench()
    bench.run(sent(invoice(of=account(status=None))))
    assert bench.books.sent() == ["a1", "i1"]


def test_rule_06_an_invoice_waits_for_an_account_that_failed() -> None:
    from consumers.errors import Rejected
    from schemas.reasons import Reason

    bench = Bench(Books(before=[Rejected(Reason.DUPLICATE_NAME, field="name")]))
    bench.run(sent(invoice()))
    assert bench.buried() == [("account.reference.montreal", "duplicate_name")]
    wait = bench.wait(Entity.INVOICE, "i1")
    assert wait is not None
    assert (wait.reason, wait.detail) == (WaitReason.WAITS_FOR_ACCOUNT, "failed=duplicate_name")
    bench.run(sent(account(name="Autre nom", dataversion="a1-v2"), "a1-v2"))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "a1", "i1"]


def test_rule_08_a_credit_note_waits_for_the_invoice_it_corrects() -> None:
    bench = Bench()
    bench.run(sent(credit_note("c1", corrects="i1")))
    wait = bench.wait(Entity.INVOICE, "c1")
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_INVOICE
    bench.run(sent(invoice("i1")))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "i1", "c1"]


def test_rule_09_a_payment_waits_for_its_invoice_and_goes_by_itself() -> None:
    bench = Bench()
    bench.run(sent(payment()))
    assert bench.buried() == []
    wait = bench.wait(Entity.PAYMENT, "p1")
    assert wait is not None
    assert wait.reason is WaitReason.WAITS_FOR_INVOICE
    bench.run(sent(invoice()))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "i1", "p1"]


def test_rule_09_a_payment_taken_before_its_invoice_in_one_batch_goes_after_it() -> None:
    bench = Bench()
    bench.run(sent(payment()), sent(invoice()), sent(account()))
    assert bench.books.sent() == ["a1", "i1", "p1"]


def test_rule_09_a_payment_on_an_invoice_that_membri_has_as_transferred_finds_it() -> None:
    """The ledger was lost, or a person made the invoice by hand."""
    books = Books(known={"F-1": RemoteRef("500", "F-1"), "Ami": RemoteRef("7", "Ami")})
    bench = Bench(books)
    stub = DocumentRef(id="i1", reference="F-1", status=Status.TRANSFERRED)
    linked = account(reference="Ami")
    allocation = {"invoice": stub, "amount": "114.98"}
    bench.run(sent(payment(of=linked, allocations=(allocation,))))
    assert books.sent() == ["p1"]
    assert books.tasks[0].documents == {"i1": RemoteRef("500", "F-1")}


def test_rule_12_a_typed_reference_links_an_invoice_and_creates_nothing() -> None:
    books = Books(known={"F-99": RemoteRef("500", "F-99")})
    bench = Bench(books)
    bench.run(sent(invoice(reference="F-99")))
    assert books.sent() == ["a1"]
    assert ("i1", "linked", "F-99") in bench.transferred()


def test_rule_12_a_linked_invoice_of_another_amount_is_an_error_with_both_figures() -> None:
    from decimal import Decimal

    books = Books(known={"F-99": RemoteRef("500", "F-99")}, totals={"F-99": Decimal("90.00")})
    bench = Bench(books)
    bench.run(sent(invoice(reference="F-99")))
    assert bench.buried() == [("invoice.reference.montreal", "differs_from_books")]
    headers = next(h for exchange, _, h, _ in bench.told if exchange == "membri.dead")
    assert "114.98" in str(headers["x-detail"])
    assert "90.00" in str(headers["x-detail"])


def test_rule_12_the_same_content_again_is_confirmed_not_doubled() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    bench.run(sent(invoice(reference="N-i1"), "v2"))
    assert bench.books.count(Entity.INVOICE, "i1") == 1
    assert bench.transferred()[-1] == ("i1", "confirmed", "N-i1")


def test_rule_12_other_content_again_is_an_error_and_payments_still_go() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    bench.run(sent(invoice(net="200.00", reference="N-i1"), "v2"), sent(payment()))
    assert bench.buried() == [("invoice.reference.montreal", "differs_from_books")]
    assert bench.books.sent() == ["a1", "i1", "p1"]


def test_rule_12_an_emptied_reference_adopts_what_is_there() -> None:
    bench = Bench()
    bench.run(sent(invoice()))
    bench.run(sent(invoice(), "v2"))
    assert bench.books.count(Entity.INVOICE, "i1") == 1
    assert bench.transferred()[-1][:2] == ("i1", "confirmed")


def test_rule_12_an_emptied_reference_sends_anew_what_is_gone_with_another_key() -> None:
    from consumers.ledger.port import Key

    bench = Bench()
    bench.run(sent(invoice()))
    bench.books.remove(Key(Entity.INVOICE, "i1"))
    bench.run(sent(invoice(), "v2"))
    assert bench.books.count(Entity.INVOICE, "i1") == 1
    keys = [task.key for task in bench.books.tasks if task.record.id == "i1"]
    assert len(set(keys)) == 2, "the first key would replay the answer of what was deleted"
    entry = bench.entry(Entity.INVOICE, "i1")
    assert entry is not None
    assert entry.generation == 1


@pytest.mark.parametrize("net", ["100.00", "50.00"])
def test_rule_12_a_kept_reference_of_something_deleted_is_an_error(net: str) -> None:
    from consumers.ledger.port import Key

    bench = Bench()
    bench.run(sent(invoice()))
    bench.books.remove(Key(Entity.INVOICE, "i1"))
    bench.run(sent(invoice(net=net, reference="N-i1"), "v2"))
    assert bench.buried() == [("invoice.reference.montreal", "reference_not_found")]


def test_rule_13_a_corrected_record_is_tried_again_as_it_is_now() -> None:
    from consumers.system import Problem
    from schemas.reasons import Reason

    books = Books(problems={"i1": Problem(Reason.CLOSED_PERIOD, "date", "2026-01-10")})
    bench = Bench(books)
    bench.run(sent(invoice()))
    assert bench.buried() == [("invoice.reference.montreal", "closed_period")]
    books.problems.clear()
    bench.run(sent(invoice(net="80.00"), "v2"))
    assert books.sent() == ["a1", "i1"]
    assert books.tasks[-1].record == invoice(net="80.00")


def test_rule_14_a_closed_system_fails_no_record_and_all_go_later() -> None:
    books = Books(before=[None, Unavailable(SystemReason.UNREACHABLE, "refused")])
    bench = Bench(books)
    result = bench.run(sent(invoice()), sent(payment()))
    assert result.closed is not None
    assert bench.buried() == []
    bench.settle_down()
    assert books.count(Entity.INVOICE, "i1") == 1
    assert books.count(Entity.PAYMENT, "p1") == 1


def test_rule_15_lines_that_do_not_add_up_are_refused_before_anything_is_sent() -> None:
    bench = Bench()
    bench.run(sent(invoice(total="114.97")))
    assert bench.books.calls == [], "not even its customer"
    assert bench.buried() == [("invoice.reference.montreal", "totals_differ")]
    headers = next(h for exchange, _, h, _ in bench.told if exchange == "membri.dead")
    assert "114.98" in str(headers["x-detail"])
    assert "114.97" in str(headers["x-detail"])


def test_a_record_taken_back_while_it_waits_is_never_sent() -> None:
    bench = Bench()
    bench.run(sent(payment()))
    bench.run(taken_back(payment()))
    bench.run(sent(invoice()))
    bench.settle_down()
    assert bench.books.sent() == ["a1", "i1"]
    entry = bench.entry(Entity.PAYMENT, "p1")
    assert entry is not None
    assert entry.state is State.WITHDRAWN


def test_a_record_taken_back_in_the_same_batch_is_never_sent() -> None:
    bench = Bench()
    bench.run(sent(invoice()), taken_back(invoice()))
    assert bench.books.rows == []


def test_a_record_taken_back_and_set_to_transfer_again_goes() -> None:
    bench = Bench()
    bench.run(sent(invoice()), taken_back(invoice(), "v2"), sent(invoice(), "v3"))
    assert bench.books.sent() == ["a1", "i1"]


def test_the_newest_of_several_events_of_one_record_counts() -> None:
    bench = Bench()
    bench.run(sent(invoice(net="10.00"), "v1"), sent(invoice(net="20.00"), "v2"))
    assert [task.record for task in bench.books.tasks][1:] == [invoice(net="20.00")]
