"""Every accounting system against the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.system import Lookup
from schemas.reasons import Reason
from tests.contracts.conformance import NameKeyedSystem, NumberKeyedSystem
from tests.contracts.conformance_qbo import QuickBooksBench, quickbooks_bench
from tests.contracts.conformance_reference import ReferenceBench, reference_system
from tests.contracts.conformance_world import (
    Delivery,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)


class TestReferenceThatReplaysKeys(NameKeyedSystem):
    @pytest.fixture
    def bench(self) -> ReferenceBench:
        return ReferenceBench(reference_system(replays=True))

    def test_a_rename_to_a_taken_name_is_refused(self, bench: ReferenceBench) -> None:
        holder = bench.add_customer("Pris")
        account = an_account()
        ref = Delivery(account).attempt(bench.system).ref
        renamed = account.model_copy(update={"name": holder.reference})
        with rejected(Reason.DUPLICATE_NAME):
            bench.system.transfer(Delivery(renamed).task(ref.remote_id))

    def test_documents_are_found_by_what_a_person_typed(self, bench: ReferenceBench) -> None:
        account = an_account()
        customer = Delivery(account).attempt(bench.system).ref
        invoice = an_invoice(account)
        documents = {invoice.id: Delivery(invoice, customer).attempt(bench.system).ref}
        payment = a_payment(account, (invoice, "5.00"))
        entry = a_journal_entry(account, invoice)
        for record in (invoice, payment, entry):
            ref = Delivery(record, customer, documents).attempt(bench.system).ref
            for lookup in (
                Lookup(record.entity, "typed", reference=ref.reference, record=record),
                Lookup(record.entity, "typed", reference=ref.remote_id, record=record),
                Lookup(record.entity, "typed", remote_id=ref.remote_id, record=record),
            ):
                found = bench.system.find(lookup)
                assert found is not None
                assert (found.ref, found.by_marker, found.differences) == (ref, False, ())
            assert bench.system.find(Lookup(record.entity, "typed", reference="none")) is None

    def test_an_unknown_or_inactive_customer_takes_no_invoice(self, bench: ReferenceBench) -> None:
        account = an_account()
        invoice = an_invoice(account)
        with rejected(Reason.REFERENCE_NOT_FOUND):
            bench.system.transfer(Delivery(invoice).task())
        inactive = bench.add_customer("Parti", active=False)
        with rejected(Reason.CUSTOMER_INACTIVE):
            bench.system.transfer(Delivery(invoice, inactive).task())

    def test_another_customers_invoice_differs(self, bench: ReferenceBench) -> None:
        account = an_account()
        customer = Delivery(account).attempt(bench.system).ref
        delivery = Delivery(an_invoice(account), customer)
        delivery.attempt(bench.system)
        other = bench.add_customer("Autre")
        found = Delivery(delivery.record, other).look(bench.system)
        assert found is not None
        assert len(found.differences) == 1
        assert bench.system.books.owed() == delivery.record.total  # type: ignore[union-attr]  # an invoice

    def test_a_payment_that_allocates_more_than_it_holds_is_refused(
        self, bench: ReferenceBench
    ) -> None:
        account = an_account()
        customer = Delivery(account).attempt(bench.system).ref
        invoice = an_invoice(account)
        ref = Delivery(invoice, customer).attempt(bench.system).ref
        payment = a_payment(account, (invoice, "5.00"), amount="4.00")
        with rejected(Reason.TOTALS_DIFFER):
            bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())

    def test_a_closed_system_knows_it(self, bench: ReferenceBench) -> None:
        bench.system.close()
        assert bench.system.closed


class TestReferenceThatDoesNotReplayKeys(NameKeyedSystem):
    @pytest.fixture
    def bench(self) -> ReferenceBench:
        return ReferenceBench(reference_system(replays=False))


class TestReferenceKeyedByNumber(NumberKeyedSystem):
    @pytest.fixture
    def bench(self) -> ReferenceBench:
        return ReferenceBench(reference_system(key="number"))


@pytest.fixture(scope="module")
def quickbooks_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickBooksBench]:
    """One sandbox for all of the suite; whatever bad manners it saw fail the last test."""
    folder: Path = tmp_path_factory.mktemp("qbo")
    with quickbooks_bench(folder) as bench:
        yield bench
        assert bench.sandbox.offences.all() == []


class TestQuickBooksOnline(NameKeyedSystem):
    @pytest.fixture
    def bench(self, quickbooks_world: QuickBooksBench) -> Iterator[QuickBooksBench]:
        quickbooks_world.restarted()
        yield quickbooks_world
        quickbooks_world.sandbox.faults.clear()
        quickbooks_world.accountant(BookCloseDate=None)
        quickbooks_world.close()
