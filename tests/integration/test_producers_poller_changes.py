"""What the poller does when records change, are withdrawn, or get no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.statuses import Status
from schemas.wire.channel import PublishOutcome
from tests.integration.producers_world import (
    DO_NOT_SYNC,
    IN_ERROR,
    IN_REVIEW,
    MEMBERSHIP,
    MONTREAL,
    ON_HOLD,
    QUEBEC,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    chapter,
    open_world,
)

pytest_plugins = ["tests.fixtures_producers"]


def test_what_got_no_answer_goes_again_after_its_lease(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller(lease_s=900)
    poller.run_pass()
    world.advance(899)
    poller.run_pass()
    assert len(world.records()) == 1

    world.advance(2)
    poller.run_pass()

    assert world.subjects() == [invoice, invoice]
    assert len({e.id for e in world.records()}) == 1


def test_leases_grow_with_each_publication(world: World) -> None:
    world.invoice(world.account())
    poller = world.poller(lease_s=900)
    poller.run_pass()
    for _ in range(4):
        world.advance(901)
        poller.run_pass()
    assert len(world.records()) == 3  # at 0, 901 and 2703 s


def test_what_was_settled_is_forgotten_when_its_lease_ends(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller(sweep_interval_s=1e9)
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=TRANSFERRED)
    world.advance(1000)
    poller.run_pass()
    assert world.state.in_flight_count() == 0
    assert [e.type for e in world.records()] == [
        "membri.invoice.to_transfer",
        "membri.invoice.withdrawn",  # a person may have made it by hand while it was waiting
    ]
    world.advance(1000)
    poller.run_pass()
    assert len(world.records()) == 2


@pytest.mark.parametrize("status", [ON_HOLD, DO_NOT_SYNC, IN_REVIEW])
def test_a_person_who_withdraws_a_published_record_is_heard_in_the_next_pass(
    world: World, status: int
) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=status)

    assert poller.run_pass().withdrawn == 1

    event = world.records()[-1]
    assert event.type == "membri.invoice.withdrawn"
    assert event.subject == invoice
    assert event.data.status in (Status.ON_HOLD, Status.DO_NOT_SYNC, Status.IN_REVIEW)
    assert poller.run_pass().withdrawn == 0


def test_a_withdrawal_that_a_scan_missed_is_found_by_the_full_sweep(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller(sweep_interval_s=600, lease_s=1e9)
    poller.run_pass()
    world.sandbox.options(modified_skew_s=7200.0)
    world.person("invoice", invoice, membri_syncstatus=ON_HOLD)
    assert poller.run_pass().withdrawn == 0
    world.time.advance(601)
    assert poller.run_pass().withdrawn == 1


def test_an_unconfirmed_withdrawal_is_sent_again(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=ON_HOLD)
    world.broker.next_publish(PublishOutcome.UNKNOWN)
    assert poller.run_pass().unconfirmed == 1
    assert poller.run_pass().withdrawn == 1


def test_a_withdrawn_record_set_back_goes_again(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=ON_HOLD)
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=TO_TRANSFER)
    poller.run_pass()
    types = [e.type.rpartition(".")[2] for e in world.records()]
    assert types == ["to_transfer", "withdrawn", "to_transfer"]


def test_a_late_commit_is_met_by_the_full_sweep(world: World) -> None:
    poller = world.poller(sweep_interval_s=600)
    poller.run_pass()
    world.sandbox.options(modified_skew_s=86400.0)
    invoice = world.invoice(world.account(), membri_syncstatus=ON_HOLD)
    world.person("invoice", invoice, membri_syncstatus=TO_TRANSFER)
    poller.run_pass()
    assert world.records() == []
    world.advance(601)
    poller.run_pass()
    assert world.subjects() == [invoice]


def test_rule_04_flagging_an_account_sends_its_waiting_invoices_again(world: World) -> None:
    account = world.account(membri_newaccountforsync=False)
    invoice = world.invoice(account)
    payment = world.payment(invoice)
    other = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    assert set(world.subjects()) == {invoice, payment, other}

    world.person("account", account, membri_newaccountforsync=True)
    poller.run_pass()

    again = world.records()[3:]
    assert [e.subject for e in again] == [invoice, payment]
    assert all(e.data.account.new_account for e in again)
    assert {e.id for e in again} < {e.id for e in world.records()[:3]}
    poller.run_pass()
    assert len(world.records()) == 5


def test_rule_04_linking_an_account_sends_its_reference_along(world: World) -> None:
    account = world.account(membri_newaccountforsync=False)
    world.invoice(account)
    poller = world.poller()
    poller.run_pass()
    world.person("account", account, membri_syncreference="Éco L'Été inc.")
    poller.run_pass()
    assert world.records()[-1].data.account.reference == "Éco L'Été inc."


def test_a_settled_invoice_is_not_sent_again_when_its_account_changes(world: World) -> None:
    account = world.account()
    invoice = world.invoice(account)
    gone = world.invoice(account)
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=TRANSFERRED)
    world.sandbox.person(table="invoice", id=gone, delete=True)
    world.person("account", account, telephone1="514 555-0199")
    poller.run_pass()
    assert len(world.records()) == 2
    assert world.state.in_flight_count() == 0


def test_rule_07_membership_invoices_wait_until_paid(tmp_path: Path) -> None:
    waits = chapter(MONTREAL, "montreal", sync_memberships_when_paid=True)
    with open_world(tmp_path, waits, chapter(QUEBEC, "quebec")) as world:
        account = world.account()
        dues = world.invoice(account, membri_invoicetype=MEMBERSHIP)
        nameless = world.invoice(
            account, membri_invoicetype=MEMBERSHIP, _membri_chapterid_value=None
        )
        manual = world.invoice(account)
        elsewhere = world.invoice(
            account, membri_invoicetype=MEMBERSHIP, _membri_chapterid_value=QUEBEC
        )
        poller = world.poller()
        assert poller.run_pass().held == 2
        assert set(world.subjects()) == {manual, elsewhere}

        for invoice in (dues, nameless):
            world.person("invoice", invoice, statecode=2, statuscode=100001)
        poller.run_pass()
        assert set(world.subjects()) == {manual, elsewhere, dues, nameless}


def test_rule_07_a_partly_paid_membership_still_waits(tmp_path: Path) -> None:
    waits = chapter(MONTREAL, "montreal", sync_memberships_when_paid=True)
    with open_world(tmp_path, waits) as world:
        world.invoice(
            world.account(), membri_invoicetype=MEMBERSHIP, statecode=2, statuscode=100002
        )
        assert world.poller().run_pass().held == 1
        assert world.records() == []


def test_rule_13_a_record_in_error_set_back_goes_as_it_is_now(world: World) -> None:
    invoice = world.invoice(world.account())
    poller = world.poller()
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=IN_ERROR)
    poller.run_pass()
    world.person("invoice", invoice, membri_syncstatus=TO_TRANSFER, duedate="2026-03-01")
    poller.run_pass()
    first, second = world.records()
    assert first.id != second.id
    assert str(second.data.due_date) == "2026-03-01"
