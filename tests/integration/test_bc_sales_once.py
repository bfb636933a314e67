"""Invoices of Business Central: never two of one, never the wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup, RemoteRef
from consumers.systems.business_central.keys import marker
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import Delivery, an_invoice, rejected, unique
from tests.integration.bc_records import a_customer, billed, by_hand, clean, row, sent

pytest_plugins = ["tests.fixtures_business_central"]


@pytest.fixture
def bench(business_central_shared: BusinessCentralBench) -> Iterator[BusinessCentralBench]:
    with clean(business_central_shared, excused={"duplicate_document"}) as made:
        yield made  # people may do what we may not


def test_the_same_number_twice_in_the_books_is_for_a_person_to_sort_out(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    number = f"D-{unique()}"
    for price in (100, 80):
        by_hand(bench, number, customer, price)
    invoice = an_invoice(account, number=number)
    for call in (
        lambda: bench.system.find(Delivery(invoice, customer).lookup),
        lambda: bench.system.transfer(Delivery(invoice, customer).task()),
        lambda: bench.system.find(Lookup(invoice.entity, invoice.id, number=number)),
    ):
        with rejected(Reason.AMBIGUOUS) as refusal:
            call()
        assert "114.98" in refusal[0].detail
        assert "91.98" in refusal[0].detail


def test_our_marker_tells_ours_from_others_of_that_number(bench: BusinessCentralBench) -> None:
    _, customer, invoice, ref = billed(bench)
    for price in (100, 80):
        by_hand(bench, invoice.number, customer, price)
    again = sent(bench.restarted(), invoice, customer, {})
    assert (again.action, again.ref) == (Action.ADOPTED, ref)


def test_a_document_made_by_hand_is_adopted_when_it_is_the_same(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    remote_id = by_hand(bench, invoice.number, customer)
    found = bench.system.find(Delivery(invoice, customer).lookup)
    assert found is not None
    assert (found.ref.remote_id, found.by_marker, found.differences) == (remote_id, False, ())
    receipt = bench.system.transfer(Delivery(invoice, customer).task())
    assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, remote_id)


def test_a_draft_made_by_hand_is_neither_adopted_nor_posted(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    remote_id = by_hand(bench, invoice.number, customer, draft=True)
    found = bench.system.find(Delivery(invoice, customer).lookup)
    assert found is not None
    assert not found.unfinished
    assert "draft" in found.differences[0]
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        bench.system.transfer(Delivery(invoice, customer).task())
    assert "draft" in refusal[0].detail
    assert row(bench, "salesInvoices", remote_id)["status"] == "Draft"


def test_another_records_document_is_not_ours(bench: BusinessCentralBench) -> None:
    account, customer, other, _ = billed(bench)
    named = an_invoice(account, number=other.number)
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        bench.system.transfer(Delivery(named, customer).task())
    assert other.id.replace("-", "") in refusal[0].detail


def test_another_customers_document_differs_and_is_named(bench: BusinessCentralBench) -> None:
    account, _, invoice, _ = billed(bench)
    _, stranger = a_customer(bench)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        sent(bench.system, invoice, stranger)
    assert account.number in refusal[0].detail


def test_a_draft_of_ours_that_a_crash_left_is_compared_and_posted(
    bench: BusinessCentralBench,
) -> None:
    _, _, invoice, delivery, remote_id = _left_as_a_draft(bench)
    found = bench.restarted().find(delivery.lookup)
    assert found is not None
    assert (found.unfinished, found.by_marker) == (True, True)
    receipt = delivery.attempt(bench.system)
    assert receipt.ref.remote_id == remote_id
    assert bench.held(invoice).count == 1


def test_a_draft_of_an_earlier_version_is_deleted_and_made_anew(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, delivery, remote_id = _left_as_a_draft(bench)
    changed = an_invoice(account, "150.00", id=invoice.id, number=invoice.number)
    later = Delivery(changed, customer, key=delivery.key, steps=delivery.steps)
    receipt = later.attempt(bench.restarted())
    assert receipt.ref.remote_id != remote_id
    assert (bench.held(changed).count, bench.held(changed).total) == (1, changed.total)


def test_our_remembered_draft_is_found_even_when_its_number_was_changed(
    bench: BusinessCentralBench,
) -> None:
    _, _, invoice, delivery, remote_id = _left_as_a_draft(bench)
    books = bench.sandbox.companies.books(bench.connection().company_id)
    kept = books.get("salesInvoices", remote_id)
    assert kept is not None
    books.change("salesInvoices", kept, externalDocumentNumber="ELSE")
    receipt = bench.restarted().transfer(delivery.task())
    assert receipt.ref.remote_id != remote_id  # deleted, and made anew with its own number
    assert bench.held(invoice).count == 1


def _left_as_a_draft(
    bench: BusinessCentralBench,
) -> tuple[Any, RemoteRef, Invoice, Delivery, str]:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    delivery = Delivery(invoice, customer)
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    (mine,) = [one for one in bench.books().documents if one.note == marker(invoice.id)]
    assert not mine.posted
    return account, customer, invoice, delivery, mine.id
