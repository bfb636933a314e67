"""What every accounting system must do with documents, whatever it is.

A plain class of tests: see `tests/contracts/test_system_conformance.py` for how a system binds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from consumers.errors import Rejected
from consumers.system import Lookup, RemoteRef
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice, Line
from tests.contracts.conformance_world import (
    DAY,
    Bench,
    Bound,
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    key_of,
    rejected,
    unique,
)


class DocumentConformance(Bound):
    """Posted once, exact to the cent, refused with both figures."""

    def test_an_invoice_is_posted_with_its_number_and_exact_totals(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "19.99", "0.05", "1234567.89")
        held = bench.held(invoice)
        assert (held.count, held.total, held.balance) == (1, invoice.total, invoice.total)
        typed = Lookup(invoice.entity, invoice.id, reference=ref.reference, customer=customer)
        by_reference = bench.system.find(typed)
        assert by_reference is not None
        assert by_reference.ref == ref
        found = bench.system.find(Delivery(invoice, customer).lookup)
        assert found is not None
        assert (found.ref, found.by_marker, found.differences) == (ref, True, ())
        assert found.balance == invoice.total
        assert account.id != invoice.id

    def test_an_invoice_without_a_number_is_found_again_by_our_marker(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        delivery = Delivery(an_invoice(account, number=""), customer)
        receipt = delivery.attempt(bench.system)
        assert receipt.ref.reference
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        assert bench.held(delivery.record).count == 1

    def test_a_stub_finds_its_invoice_by_number(self, bench: Bench) -> None:
        _, customer, invoice, ref = self.billed(bench.system)
        lookup = Lookup(invoice.entity, invoice.id, number=invoice.number, customer=customer)
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.differences) == (ref, ())

    def test_our_remote_id_finds_the_invoice(self, bench: Bench) -> None:
        _, _, invoice, ref = self.billed(bench.system)
        found = bench.system.find(Lookup(invoice.entity, invoice.id, remote_id=ref.remote_id))
        assert found is not None
        assert found.ref == ref

    def test_other_content_under_our_marker_differs_with_both_figures(self, bench: Bench) -> None:
        _, customer, invoice, _ = self.billed(bench.system, "100.00")
        changed = an_invoice(invoice.account, "150.00", id=invoice.id, number=invoice.number)
        with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
            Delivery(changed, customer).attempt(bench.system)
        assert "114.98" in refusal[0].detail
        assert "172.46" in refusal[0].detail
        assert bench.held(invoice).count == 1

    def test_a_number_of_something_else_is_refused_with_both_figures(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system, "100.00")
        other = Delivery(an_invoice(account, "150.00", number=invoice.number), customer)
        with pytest.raises(Rejected) as refusal:
            other.attempt(bench.system)
        assert refusal.value.reason in (Reason.DUPLICATE_NUMBER, Reason.DIFFERS_FROM_BOOKS)
        assert "114.98" in refusal.value.detail
        assert "172.46" in refusal.value.detail
        assert bench.held(other.record).count == 0

    def test_the_longest_texts_and_every_accent_are_taken(self, bench: Bench) -> None:
        limits = bench.system.declaration.field_limits
        account = an_account()
        customer = self.settle(bench.system, account)
        number = f"L{unique()}-".ljust(limits["number"], "X")
        long = "Œuvre d’Élodie & Frères « ça » \\ 100 % — " * 60
        lines = (
            Line(description=long[:500], amount=Decimal("70.00"), taxable=True),
            Line(description="", amount=Decimal("30.00"), taxable=True),
        )
        invoice = an_invoice(
            account,
            "100.00",
            number=number,
            description=long[: limits.get("description", 2000)],
            lines=lines,
        )
        assert list(bench.system.check(invoice)) == []
        Delivery(invoice, customer).attempt(bench.system)
        assert bench.held(invoice).total == invoice.total

    def test_a_number_beyond_the_limit_is_told(self, bench: Bench) -> None:
        limit = bench.system.declaration.field_limits["number"]
        problems = bench.system.check(an_invoice(an_account(), number="9" * (limit + 1)))
        assert [(p.reason, p.field) for p in problems] == [(Reason.TOO_LONG, "number")]
        assert str(limit) in problems[0].detail

    @pytest.mark.parametrize(
        "nets", [("10.10", "10.10", "10.10"), ("10.10",), ("33.33", "0.99"), ("0.01",)]
    )
    def test_cents_round_as_membri_rounds_them_or_are_refused(
        self, bench: Bench, nets: tuple[str, ...]
    ) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        self.exact_or_refused(bench, Delivery(an_invoice(account, *nets), customer))

    def test_a_tax_one_cent_off_is_kept_to_the_cent_or_refused(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        right = an_invoice(account, "100.00")
        cent = Decimal("0.01")
        wrong = right.model_copy(update={"qst": right.qst + cent, "total": right.total + cent})
        self.exact_or_refused(bench, Delivery(wrong, customer))

    def exact_or_refused(self, bench: Bench, delivery: Delivery) -> None:
        """Membri's figures to the cent, or both figures in a refusal and nothing posted."""
        invoice = delivery.record
        assert isinstance(invoice, Invoice)
        refusal: Rejected | None = None
        try:
            delivery.attempt(bench.system)
        except Rejected as error:
            refusal = error
        if refusal is None:
            assert bench.held(invoice).total == invoice.total
            return
        assert refusal.reason is Reason.TAX_MISMATCH, refusal
        assert str(invoice.qst) in refusal.detail or str(invoice.total) in refusal.detail
        assert bench.held(invoice).count == 0

    def test_exempt_lines_bear_no_tax(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        lines = (
            Line(description="Guide", amount=Decimal("29.99"), taxable=True),
            Line(description="Cotisation", amount=Decimal("149.95"), taxable=False),
        )
        taxes = {"gst": Decimal("1.50"), "qst": Decimal("2.99")}
        total = Decimal("179.94") + Decimal("4.49")
        invoice = an_invoice(account, lines=lines, total=total, **taxes)
        Delivery(invoice, customer).attempt(bench.system)
        assert bench.held(invoice).total == total

    def test_a_draft_is_what_is_sent_and_sends_nothing(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        delivery = Delivery(an_invoice(account, "19.99", "5.00"), customer)
        draft = bench.system.draft(delivery.task())
        assert bench.held(delivery.record).count == 0
        assert [line.amount for line in draft.lines] == [Decimal("19.99"), Decimal("5.00")]
        assert draft.requests
        assert delivery.record.number in str(draft.requests)  # type: ignore[union-attr]  # an invoice
        delivery.attempt(bench.system)
        assert bench.held(delivery.record).count == 1

    def test_everything_can_be_drafted_before_anything_is_in_the_books(self, bench: Bench) -> None:
        account = an_account()
        customer = RemoteRef("‹customer›", key_of(bench.system, account))
        invoice = an_invoice(account)
        documents = {invoice.id: RemoteRef("‹invoice›", invoice.number)}
        for record in (
            account,
            invoice,
            a_credit_note(invoice),
            a_payment(account, (invoice, "5.00")),
            a_journal_entry(account, invoice),
        ):
            draft = bench.system.draft(Delivery(record, customer, documents).task())
            assert draft.requests, record
            assert all(path and isinstance(body, Mapping) for path, body in draft.requests)

    def test_the_settings_of_a_good_company_are_good(self, bench: Bench) -> None:
        looked_at = bench.system.check_settings()
        assert [one for one in looked_at if one.reason and one.blocking] == []

    def test_a_closed_period_is_told_and_refused_until_reopened(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        invoice = an_invoice(account)
        bench.close_until(DAY)
        problems = bench.system.check(invoice)
        assert [(p.reason, p.field) for p in problems] == [(Reason.CLOSED_PERIOD, "date")]
        with rejected(Reason.CLOSED_PERIOD):
            bench.system.transfer(Delivery(invoice, customer).task())
        assert bench.held(invoice).count == 0
        bench.close_until(None)
        Delivery(invoice, customer).carry(bench)
        assert bench.held(invoice).count == 1

    def test_a_credit_note_settles_its_invoice(self, bench: Bench) -> None:
        _, customer, invoice, ref = self.billed(bench.system, "100.00")
        credit = a_credit_note(invoice, "100.00")
        bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
        assert bench.held(invoice).balance == 0
        assert bench.held(credit).balance == 0
        assert bench.applications(credit) == 1

    def test_what_an_invoice_does_not_owe_any_more_stays_open_credit(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        documents = {invoice.id: ref}
        paid = a_payment(account, (invoice, "100.00"))
        bench.system.transfer(Delivery(paid, customer, documents).task())
        credit = Delivery(a_credit_note(invoice, "100.00"), customer, documents)
        credit.attempt(bench.system)
        assert bench.held(invoice).balance == 0
        assert bench.held(credit.record).balance == Decimal("100.00")
        assert credit.attempt(bench.restarted()).action is Action.ADOPTED
        assert bench.held(credit.record).count == 1

    def test_a_credit_note_without_its_invoice_is_refused(self, bench: Bench) -> None:
        _, customer, invoice, _ = self.billed(bench.system)
        credit = a_credit_note(invoice)
        with rejected(Reason.REFERENCE_NOT_FOUND):
            bench.system.transfer(Delivery(credit, customer).task())

    def test_a_partial_payment_leaves_the_rest_open(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        delivery = Delivery(a_payment(account, (invoice, "14.98")), customer, {invoice.id: ref})
        receipt = delivery.attempt(bench.system)
        assert bench.held(invoice).balance == Decimal("100.00")
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        assert bench.held(delivery.record).count == 1

    def test_one_payment_pays_two_invoices(self, bench: Bench) -> None:
        account, customer, first, first_ref = self.billed(bench.system, "100.00")
        second = an_invoice(account, "50.00")
        second_ref = bench.system.transfer(Delivery(second, customer).task()).ref
        parts = ((first, "114.98"), (second, "7.49"))
        payment = a_payment(account, *parts)
        documents = {first.id: first_ref, second.id: second_ref}
        bench.system.transfer(Delivery(payment, customer, documents).task())
        assert bench.held(first).balance == 0
        assert bench.held(second).balance == second.total - Decimal("7.49")
        assert bench.held(payment).total == Decimal("122.47")

    def test_more_than_is_owed_is_refused_with_both_figures(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        payment = a_payment(account, (invoice, "114.99"))
        with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
            bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
        assert "114.99" in refusal[0].detail
        assert "114.98" in refusal[0].detail
        assert bench.held(payment).count == 0
        assert bench.held(invoice).balance == invoice.total

    def test_a_payment_without_its_invoice_is_refused(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system)
        payment = a_payment(account, (invoice, "1.00"))
        with rejected(Reason.REFERENCE_NOT_FOUND):
            bench.system.transfer(Delivery(payment, customer).task())

    def test_a_journal_entry_is_posted_once(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system)
        delivery = Delivery(a_journal_entry(account, invoice), customer)
        receipt = delivery.attempt(bench.system)
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        held = bench.held(delivery.record)
        assert (held.count, held.total) == (1, Decimal("8.33"))
