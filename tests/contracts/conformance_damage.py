"""What every accounting system must do with a world that breaks, whatever it is.

A plain class of tests: see `tests/contracts/test_system_conformance.py` for how a system binds it.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from consumers.errors import Unavailable
from schemas.reasons import SystemReason
from schemas.records import Account, Address, Invoice, Record
from tests.contracts.conformance_world import (
    DAMAGES,
    Bench,
    Bound,
    Delivery,
    Steps,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    unique,
)


class DamageConformance(Bound):
    """Nothing lost, nothing doubled."""

    def test_a_system_that_cannot_be_reached_fails_no_record(self, bench: Bench) -> None:
        account = an_account()
        bench.cut()
        for call in (
            bench.system.probe,
            lambda: bench.system.find(Delivery(account).lookup),
            lambda: bench.system.transfer(Delivery(account).task()),
        ):
            with pytest.raises(Unavailable) as info:
                call()
            assert info.value.reason is SystemReason.UNREACHABLE
        bench.mend()
        assert bench.restarted().probe().company

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_customer_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        for request in itertools.count():
            delivery = Delivery(an_account())
            bench.spoil(damage, request)
            delivery.carry(bench)
            assert bench.held(delivery.record).count == 1
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_invoice_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        for request in itertools.count():
            number = "" if request % 2 else f"L-{unique()}"
            delivery = Delivery(an_invoice(account, number=number), customer)
            bench.spoil(damage, request)
            delivery.carry(bench)
            held = bench.held(delivery.record)
            assert (held.count, held.balance) == (1, held.total)
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_credit_note_is_doubled_nor_applied_twice(self, bench: Bench, damage: str) -> None:
        for request in itertools.count():
            _, customer, invoice, ref = self.billed(bench.system, "100.00")
            credit = Delivery(a_credit_note(invoice, "40.00"), customer, {invoice.id: ref})
            bench.spoil(damage, request)
            credit.carry(bench)
            assert bench.held(credit.record).count == 1
            assert bench.held(credit.record).balance == 0
            assert bench.held(invoice).balance == Decimal("114.98") - credit.record.total  # type: ignore[union-attr]  # a credit note
            assert bench.applications(credit.record) == 1
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_payment_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        for request in itertools.count():
            account, customer, invoice, ref = self.billed(bench.system, "100.00")
            payment = a_payment(account, (invoice, "114.98"))
            delivery = Delivery(payment, customer, {invoice.id: ref})
            bench.spoil(damage, request)
            delivery.carry(bench)
            assert bench.held(payment).count == 1
            assert bench.held(invoice).balance == 0
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_journal_entry_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        account, customer, invoice, _ = self.billed(bench.system)
        for request in itertools.count():
            delivery = Delivery(a_journal_entry(account, invoice), customer)
            bench.spoil(damage, request)
            delivery.carry(bench)
            held = bench.held(delivery.record)
            assert (held.count, held.total) == (1, Decimal("8.33"))
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize("what", ["invoice", "credit note", "payment", "journal entry"])
    def test_a_process_killed_between_two_steps_leaves_no_double_and_no_orphan(
        self, bench: Bench, what: str, kept: bool
    ) -> None:
        for step in itertools.count():
            account, customer, invoice, ref = self.billed(bench.system, "100.00")
            record = _document(what, account, invoice)
            steps = Steps(dies_at=step, kept=kept)
            delivery = Delivery(record, customer, {invoice.id: ref}, steps=steps)
            delivery.carry(bench)
            assert bench.held(delivery.record).count == 1
            if what == "credit note":
                assert bench.applications(delivery.record) == 1
            if what == "payment":
                assert bench.held(invoice).balance == Decimal("100.00")
            if delivery.steps.dies_at is not None:
                break

    def test_a_throttled_system_fails_no_record(self, bench: Bench) -> None:
        delivery = Delivery(an_account())
        bench.throttle()
        with pytest.raises(Unavailable) as info:
            delivery.attempt(bench.system)
        assert info.value.reason is SystemReason.THROTTLED
        delivery.carry(bench)
        assert bench.held(delivery.record).count == 1

    def test_an_access_that_ends_early_is_renewed(self, bench: Bench) -> None:
        account = an_account()
        self.settle(bench.system, account)
        bench.expire()
        delivery = Delivery(an_account())
        delivery.carry(bench)
        assert bench.held(delivery.record).count == 1

    def test_a_revoked_authorisation_fails_no_record(self, bench: Bench) -> None:
        bench.revoke()
        delivery = Delivery(an_account())
        with pytest.raises(Unavailable) as info:
            delivery.attempt(bench.restarted())
        assert info.value.reason is SystemReason.UNAUTHORISED
        bench.restore()
        delivery.carry(bench)
        assert bench.held(delivery.record).count == 1

    def test_the_same_key_replays_the_first_answer_where_declared(self, bench: Bench) -> None:
        if not bench.system.declaration.replays_same_key:
            return  # then the engine believes `find` only after the longest call
        account = an_account()
        customer = self.settle(bench.system, account)
        task = Delivery(an_invoice(account, number=""), customer).task()
        first = bench.system.transfer(task)
        assert bench.restarted().transfer(task).ref == first.ref
        assert bench.held(task.record).count == 1

    def test_no_text_of_ours_holds_a_secret(self, bench: Bench) -> None:
        assert "secret" not in repr(bench.system).casefold()

    def test_addresses_and_long_texts_are_taken(self, bench: Bench) -> None:
        account = an_account(
            address=Address(
                lines=("1000, rue De La Gauchetière", "Bureau 2400"),
                city="Montréal",
                province="QC",
                postal_code="H3B 4W5",
                country="Canada",
            ),
            phone="514-555-0100",
            email="a@example.org",
        )
        assert list(bench.system.check(account)) == []
        customer = self.settle(bench.system, account)
        invoice = an_invoice(account, description="é" * 900, billing_name="Service des comptes")
        assert list(bench.system.check(invoice)) == []
        bench.system.transfer(Delivery(invoice, customer).task())
        assert bench.held(invoice).count == 1


def _document(what: str, account: Account, invoice: Invoice) -> Record:
    """A document that takes several steps where a system has such."""
    match what:
        case "invoice":
            return an_invoice(account, "80.00")
        case "credit note":
            return a_credit_note(invoice, "40.00")
        case "payment":
            return a_payment(account, (invoice, "14.98"))
        case _:
            return a_journal_entry(account, invoice)
