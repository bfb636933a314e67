"""Invoices and credit memos of Business Central: drafts, posting, numbers, taxes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Lookup, RemoteRef
from consumers.systems.business_central.keys import marker
from ops.sandbox.business_central import Options
from ops.sandbox.business_central.company import DUES, EVENTS, EXEMPT, TAXABLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Address, Invoice, InvoiceType, Line
from tests.contracts.conformance_business_central import (
    BusinessCentralBench,
    business_central_bench,
)
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    a_credit_note,
    a_payment,
    an_account,
    an_invoice,
    rejected,
    unique,
)
from tests.integration.bc_records import a_customer, billed, lines_of, row, sent


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusinessCentralBench]:
    with business_central_bench(tmp_path_factory.mktemp("bc-sales")) as made:
        yield made


@pytest.fixture
def bench(world: BusinessCentralBench) -> Iterator[BusinessCentralBench]:
    world.restarted()
    yield world
    world.options.change(vars(Options()))
    world.accountant(closed_until="", allow_posting_to="0001-01-01", user_from="0001-01-01")
    world.accountant(tax_group=TAXABLE, rates={"CA": "5", "CAQC": "9.975", "CAON": "13"})
    world.sandbox.faults.clear()
    world.close()
    codes = {one["code"] for one in world.sandbox.offences.all()}
    assert codes <= {"duplicate_document"}, "people may do what we may not"


def by_hand(
    bench: BusinessCentralBench, number: str, customer: RemoteRef, price: int = 100, **order: Any
) -> str:
    """A document that somebody makes in Business Central; its id."""
    line = {
        "lineType": "Account",
        "lineObjectNumber": EVENTS,
        "quantity": 1,
        "unitPrice": price,
        "taxCode": TAXABLE,
    }
    day = DAY.isoformat()
    body = {
        "customerId": customer.remote_id,
        "externalDocumentNumber": number,
        "invoiceDate": day,
        "postingDate": day,
        "salesInvoiceLines": [line],
    }
    return str(bench.accountant(invoice=body, **order)["id"])


# What is sent.


def test_a_document_is_all_that_membri_says(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    lines = (
        Line(description="Cotisation", amount=Decimal(100), taxable=True),
        Line(description="Guide " + "é" * 150, amount=Decimal(20), taxable=False),
    )
    invoice = an_invoice(
        account,
        type=InvoiceType.MEMBERSHIP,
        lines=lines,
        gst=Decimal("5.00"),
        qst=Decimal("9.98"),
        total=Decimal("134.98"),
        due_date=dt.date(2026, 5, 1),
        description="Merci !\nÀ bientôt",
        billing_name="Service des comptes",
        billing_address=Address(lines=("1, rue A", "B"), city="Laval", country="Canada"),
    )
    ref = sent(bench.system, invoice, customer).ref
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["externalDocumentNumber"] == invoice.number
    assert (held["invoiceDate"], held["postingDate"]) == (DAY.isoformat(), DAY.isoformat())
    assert held["dueDate"] == "2026-05-01"  # not what the terms would make of it
    assert held["sellToAddressLine1"] == "Service des comptes, 1, rue A"
    assert (held["sellToAddressLine2"], held["sellToCountry"]) == ("B", "CA")
    kept = lines_of(bench, "salesInvoiceLines", ref.remote_id)
    assert [one["lineType"] for one in kept] == ["Account", "Account", *["Comment"] * 4]
    assert [one["taxCode"] for one in kept[:2]] == [TAXABLE, EXEMPT]
    assert kept[0]["description2"] == marker(invoice.id)
    assert {one["description2"] for one in kept[1:]} == {""}
    texts = [one["description"] for one in kept]
    assert (texts[0], texts[1], texts[2]) == ("Cotisation", "Guide", "é" * 100)
    assert texts[3:] == ["é" * 50, "Merci !", "À bientôt"]
    assert {one["lineObjectNumber"] for one in kept[:2]} == {DUES}


def test_the_number_changes_when_posting_and_the_id_stays(bench: BusinessCentralBench) -> None:
    _, customer, invoice, ref = billed(bench)
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["status"] == "Open"
    assert ref.reference == held["number"]
    assert ref.reference.startswith("PS-INV")
    for typed in (ref.reference.lower(), invoice.number.lower()):
        lookup = Lookup(invoice.entity, "other", reference=typed, customer=customer)
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.by_marker) == (ref, False)
    assert bench.system.find(Lookup(invoice.entity, "other", reference="PS-NONE")) is None


def test_a_company_with_one_series_for_drafts_and_invoices_works_too(
    bench: BusinessCentralBench,
) -> None:
    bench.options.same_document_series = True
    _, _, invoice, ref = billed(bench)
    assert ref.reference.startswith("S-INV")
    found = bench.system.find(Lookup(invoice.entity, invoice.id, reference=ref.reference))
    assert found is not None
    assert found.ref == ref


def test_an_invoice_without_number_has_one_made_from_its_id(bench: BusinessCentralBench) -> None:
    _, _, invoice, ref = billed(bench, number="")
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["externalDocumentNumber"] == f"M-{invoice.id.replace('-', '').upper()}"


def test_another_currency_is_said_and_kept(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench, currency="USD")
    dollars, home = (an_invoice(account, currency=code) for code in ("USD", "CAD"))
    for invoice, kept in ((dollars, "USD"), (home, "")):
        ref = sent(bench.system, invoice, customer).ref
        assert row(bench, "salesInvoices", ref.remote_id)["currencyCode"] in (
            kept,
            invoice.currency,
        )
    euros = an_invoice(account, currency="EUR")
    assert list(bench.system.check(euros)) == []
    with rejected(Reason.CURRENCY_NOT_SUPPORTED):  # known, without a rate on that day
        sent(bench.system, euros, customer)


# Once, and only once.


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
    account, customer, invoice, ref = billed(bench)
    for price in (100, 80):
        by_hand(bench, invoice.number, customer, price)
    again = sent(bench.restarted(), invoice, customer, {})
    assert (again.action, again.ref) == (Action.ADOPTED, ref)
    assert account.number


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


def test_a_cancelled_document_or_another_records_is_not_ours(bench: BusinessCentralBench) -> None:
    account, customer, other, _ = billed(bench)
    cancelled = an_invoice(account)
    bench.accountant(document=by_hand(bench, cancelled.number, customer), action="cancel")
    named = an_invoice(account, number=other.number)
    for invoice, word in ((cancelled, "cancelled"), (named, other.id.replace("-", ""))):
        with rejected(Reason.DUPLICATE_NUMBER) as refusal:
            bench.system.transfer(Delivery(invoice, customer).task())
        assert word in refusal[0].detail


def test_another_customers_document_differs_and_is_named(bench: BusinessCentralBench) -> None:
    account, customer, invoice, _ = billed(bench)
    holder, stranger = a_customer(bench)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        sent(bench.system, invoice, stranger)
    assert account.number in refusal[0].detail
    assert customer.remote_id != stranger.remote_id
    assert holder.name not in refusal[0].detail


def test_a_draft_of_ours_that_a_crash_left_is_compared_and_posted(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, delivery, remote_id = _left_as_a_draft(bench)
    found = bench.restarted().find(delivery.lookup)
    assert found is not None
    assert (found.unfinished, found.by_marker) == (True, True)
    receipt = delivery.attempt(bench.system)
    assert receipt.ref.remote_id == remote_id
    assert bench.held(invoice).count == 1
    assert customer.remote_id


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
    assert receipt.ref.remote_id == remote_id
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


# What posting refuses.


def test_posting_groups_that_lack_are_explained_and_nothing_stays(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(customer=account.number, posting_groups=False)
    invoice = an_invoice(account)
    with rejected(Reason.CUSTOMER_SETUP):
        sent(bench.system, invoice, customer)
    assert bench.held(invoice).count == 0


def test_a_document_held_for_approval_waits_for_a_person_and_is_then_adopted(
    bench: BusinessCentralBench,
) -> None:
    bench.options.approval_workflow = True
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    for _ in range(2):  # set back to À transférer before anybody approved
        with rejected(Reason.AWAITING_APPROVAL) as refusal:
            sent(bench.system, invoice, customer)
        assert "In Review" in refusal[0].detail
    (mine,) = [one for one in bench.books().documents if one.note == marker(invoice.id)]
    bench.accountant(document=mine.id, action="approve")
    receipt = sent(bench.system, invoice, customer)
    assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, mine.id)


def test_a_date_after_the_allowed_ones_is_not_open_yet(bench: BusinessCentralBench) -> None:
    bench.accountant(allow_posting_to="2026-03-01")
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    problems = bench.restarted().check(invoice)
    assert [(p.reason, p.field) for p in problems] == [(Reason.PERIOD_NOT_OPEN, "date")]
    assert "2026-03-01" in problems[0].detail
    with rejected(Reason.PERIOD_NOT_OPEN):
        bench.system.transfer(Delivery(invoice, customer).task())
    assert bench.held(invoice).count == 0


def test_the_posting_dates_of_the_user_win_and_cannot_be_read(bench: BusinessCentralBench) -> None:
    bench.accountant(allow_posting_to="2026-03-01", user_from="2026-01-01")
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    system = bench.connector(own_posting_dates=True)
    assert list(system.check(invoice)) == []
    assert sent(system, invoice, customer).action is Action.CREATED


def test_a_tax_area_that_lacks_makes_other_taxes_and_the_draft_is_deleted(
    bench: BusinessCentralBench,
) -> None:
    account = an_account()
    customer = sent(bench.connector(tax_area=""), account).ref
    invoice = an_invoice(account)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        sent(bench.system, invoice, customer)
    for figure in ("100.00", "114.98", "0.00", "14.98"):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 0


def test_a_wrong_draft_that_cannot_be_deleted_is_said_to_stand(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5"})
    invoice = an_invoice(account)
    body = '{"error": {"code": "Application_DialogException", "message": "You may not."}}'
    bench.sandbox.faults.arm(kind="status", status=400, method="DELETE", body=body)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        sent(bench.system, invoice, customer)
    assert "delete it by hand" in refusal[0].detail
    assert "You may not." in refusal[0].detail
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5", "CAQC": "9.975"})
    sent(bench.system, invoice, customer)  # the draft that stands is made anew
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize("rounding", ["document", "line"])
def test_cents_are_membris_or_nothing_is_posted(bench: BusinessCentralBench, rounding: str) -> None:
    bench.options.tax_rounding = rounding
    account, customer = a_customer(bench)
    invoice = an_invoice(account, "10.10", "10.10", "10.10")
    if rounding == "document":
        assert sent(bench.system, invoice, customer).action is Action.CREATED
        return
    with rejected(Reason.TAX_MISMATCH):
        sent(bench.system, invoice, customer)
    assert bench.held(invoice).count == 0


def test_a_post_that_another_try_did_already_is_no_failure(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    text = "The action can be applied to a draft invoice only."
    body = f'{{"error": {{"code": "Application_DialogException", "message": "{text}"}}}}'
    bench.sandbox.faults.arm(kind="status_after", status=400, path="NAV.post", body=body)
    assert sent(bench.system, invoice, customer).action is Action.CREATED
    assert bench.held(invoice).balance == invoice.total


def test_a_locked_table_is_tried_again_and_the_draft_is_kept(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    text = "The Sales Header table is locked by another user."
    body = f'{{"error": {{"code": "Application_DialogException", "message": "{text}"}}}}'
    bench.sandbox.faults.arm(kind="status", status=400, path="NAV.post", body=body)
    with pytest.raises(OutcomeUnknown, match="locked"):  # a draft was made before
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


# Credit memos.


def test_a_credit_memo_may_be_for_more_than_is_still_owed(bench: BusinessCentralBench) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    sent(bench.system, a_payment(account, (invoice, "100.00")), customer, documents)
    credit = a_credit_note(invoice, "100.00")
    memo = sent(bench.system, credit, customer, documents).ref
    assert memo.reference.startswith("PS-CR")
    assert bench.held(invoice).balance == 0
    assert bench.held(credit).balance == Decimal("100.00")
    assert bench.applications(credit) == 1


def test_a_credit_memo_on_a_paid_invoice_stays_open(bench: BusinessCentralBench) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    sent(bench.system, a_payment(account, (invoice, "114.98")), customer, documents)
    credit = a_credit_note(invoice, "100.00")
    sent(bench.system, credit, customer, documents)
    assert bench.held(credit).balance == credit.total
    assert bench.applications(credit) == 0


def test_an_invoice_paid_between_the_draft_and_its_posting_is_no_longer_applied(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    delivery = Delivery(a_credit_note(invoice, "100.00"), customer, documents)
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    sent(bench.restarted(), a_payment(account, (invoice, "114.98")), customer, documents)
    with pytest.raises((OutcomeUnknown, Transient), match="settled meanwhile"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    held = bench.held(delivery.record)
    assert (held.count, held.balance) == (1, delivery.record.total)  # type: ignore[union-attr]  # a credit note


def test_a_credit_memo_needs_a_posted_invoice_of_its_own_customer(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench)
    _, stranger = a_customer(bench)
    credit = a_credit_note(invoice)
    gone = RemoteRef("00000000-0000-4000-8000-000000000001", "PS-INV0")
    draft = RemoteRef(by_hand(bench, f"D-{unique()}", customer, draft=True), "S-INV")
    for target in (gone, draft):
        with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
            sent(bench.system, credit, customer, {invoice.id: target})
        assert refusal[0].field == "corrects"
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        sent(bench.system, credit, stranger, {invoice.id: ref})
    assert account.number in refusal[0].detail
    assert bench.held(credit).count == 0


def test_a_credit_note_that_corrects_nothing_is_open_credit(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    credit = an_invoice(account, kind="credit_note")
    sent(bench.system, credit, customer)
    assert bench.held(credit).balance == credit.total
    assert credit.corrects is None


# What is told before anything is sent.


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"lines": (), "total": Decimal(0)}, Reason.MISSING_FIELD, "lines"),
        ({"total": Decimal(-1)}, Reason.AMOUNT_NOT_POSITIVE, "total"),
        ({"currency": "GBP"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        (
            {"billing_address": Address(country="Atlantide")},
            Reason.INVALID_FIELD,
            "billing_address.country",
        ),
        ({"billing_name": "x" * 101}, Reason.TOO_LONG, "billing_address.lines.0"),
        (
            {"lines": (Line(amount=Decimal(1)),) * 751},
            Reason.TOO_LONG,
            "lines",
        ),
        (
            {"lines": (Line(amount=Decimal(100), gst=Decimal(5), taxable=True),)},
            Reason.UNKNOWN_TAX,
            "lines.0.gst",
        ),
    ],
)
def test_what_would_be_refused_is_told_first(
    bench: BusinessCentralBench, values: dict[str, object], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_invoice(an_account(), **values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


@pytest.mark.parametrize(
    ("accounts", "reason", "field", "word"),
    [
        ({"default_income": ""}, Reason.UNKNOWN_ACCOUNT, "type", "is not set"),
        ({"default_income": "99999"}, Reason.UNKNOWN_ACCOUNT, "type", "99999"),
        ({"default_income": "11000"}, Reason.UNKNOWN_ACCOUNT, "type", "may not be posted to"),
        ({"income": {"other": "10900"}}, Reason.UNKNOWN_ACCOUNT, "type", "income.other"),
        ({"terms": "N99"}, Reason.UNKNOWN_ACCOUNT, "due_date", "N99"),
        ({"tax_codes": {"taxable": "TPSTVQ"}}, Reason.UNKNOWN_TAX, "lines.0.gst", "TPSTVQ"),
    ],
)
def test_settings_that_name_nothing_are_told_with_their_name(
    bench: BusinessCentralBench, accounts: dict[str, Any], reason: Reason, field: str, word: str
) -> None:
    kept = bench.accounts
    bench.accounts = kept.model_copy(update=accounts)
    try:
        (problem,) = bench.restarted().check(an_invoice(an_account()))
    finally:
        bench.accounts = kept
    assert (problem.reason, problem.field) == (reason, field)
    assert word in problem.detail


def test_an_account_may_be_named_by_its_id(bench: BusinessCentralBench) -> None:
    (held,) = [one for one in bench.dump()["accounts"] if one["number"] == DUES]
    kept = bench.accounts
    bench.accounts = kept.model_copy(update={"default_income": held["id"]})
    try:
        _, _, _, ref = billed(bench_restarted(bench))
    finally:
        bench.accounts = kept
    assert lines_of(bench, "salesInvoiceLines", ref.remote_id)[0]["lineObjectNumber"] == DUES


def bench_restarted(bench: BusinessCentralBench) -> BusinessCentralBench:
    bench.restarted()
    return bench


def test_a_document_goes_to_a_customer_or_not_at_all(bench: BusinessCentralBench) -> None:
    with pytest.raises(ValueError, match="customer"):
        bench.system.transfer(Delivery(an_invoice(an_account())).task())


def test_an_unreadable_answer_leaves_the_outcome_unknown(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    bench.sandbox.faults.arm(
        kind="status_after", status=201, method="POST", path=r"salesInvoices$", body="<html>"
    )
    with pytest.raises(OutcomeUnknown, match="no JSON"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_lost_reads_fail_no_record(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account, corrects=None)
    for fault, error in (
        ({"kind": "status", "status": 200, "body": "[]"}, Transient),
        ({"kind": "status", "status": 200, "body": "{}"}, Transient),
        ({"kind": "status", "status": 503, "headers": {"Retry-After": "7"}}, Unavailable),
        ({"kind": "status", "status": 408}, Transient),
    ):
        bench.sandbox.faults.arm(method="GET", path="salesInvoices", **fault)
        with pytest.raises(error) as info:
            bench.system.find(Delivery(invoice, customer).lookup)
        if error is Unavailable:
            assert info.value.retry_after_s == 7


def test_totals_changed_by_hand_after_a_transfer_differ_with_both_figures(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref = billed(bench)
    books = bench.sandbox.companies.books(bench.connection().company_id)
    kept = books.get("salesInvoices", ref.remote_id)
    assert kept is not None
    books.change("salesInvoices", kept, totalAmountIncludingTax="115.98")
    with pytest.raises(Rejected) as info:
        bench.system.transfer(Delivery(invoice, customer).task(ref.remote_id))
    assert info.value.reason is Reason.DIFFERS_FROM_BOOKS
    assert "115.98" in info.value.detail
