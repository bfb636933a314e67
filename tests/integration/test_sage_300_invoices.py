"""Invoices on the simulated Sage 300: found, checked, drafted (reference page, 5, 9 and 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from consumers.system import Lookup
from consumers.systems.sage_300.markers import document_number, marker
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice, Line
from schemas.statuses import Entity
from tests.contracts.conformance_sage_300 import ACCOUNTS, Sage300Bench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.sage_300_books import INVOICES, batches, billed, books, customer_of, to_bill

pytest_plugins = ["tests.fixtures_sage_300"]


def by_hand(bench: Sage300Bench, customer: str, number: str, net: str = "100") -> None:
    line = {"RevenueAccount": "4200", "ExtendedAmountWithTIP": Decimal(net)}
    entry = {"CustomerNumber": customer, "DocumentNumber": number, "DocumentDate": "2026-03-14"}
    bench.accountant(invoice={**entry, "InvoiceDetails": [line]})


def test_an_invoice_without_a_number_gets_one_made_from_its_id(bench: Sage300Bench) -> None:
    delivery = to_bill(bench, number="")
    ref = bench.system.transfer(delivery.task()).ref
    assert ref.reference == document_number("", delivery.record.id)
    assert len(ref.reference) == 22


def test_a_small_letter_is_no_other_number(bench: Sage300Bench) -> None:
    delivery = to_bill(bench, number="fac-min-1")
    assert bench.system.transfer(delivery.task()).ref.reference == "FAC-MIN-1"
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_what_was_entered_by_hand_under_the_same_number_is_adopted(bench: Sage300Bench) -> None:
    delivery = to_bill(bench, "100.00")
    assert delivery.customer is not None
    record = delivery.record
    assert isinstance(record, Invoice)
    by_hand(bench, delivery.customer.remote_id, record.number)
    found = delivery.look(bench.system)
    assert found is not None
    assert (found.by_marker, found.differences) == (False, ())
    linked = record.model_copy(update={"reference": record.number, "number": "OTHER"})
    typed = Delivery(linked, delivery.customer)
    assert typed.attempt(bench.system).ref == found.ref
    with rejected(Reason.DUPLICATE_NUMBER):  # sent without a look, a namesake is not ours
        bench.system.transfer(delivery.task())


def test_a_typed_reference_that_is_not_posted_is_not_found(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    for reference in ("NOWHERE", "X" * 23):
        lookup = Lookup(Entity.INVOICE, delivery.record.id, reference=reference)
        assert bench.system.find(lookup) is None


def test_an_invoice_of_another_customer_or_kind_differs(bench: Sage300Bench) -> None:
    _, invoice, _ = billed(bench, "100.00")
    other = customer_of(bench, an_account())
    found = Delivery(invoice, other).look(bench.system)
    assert found is not None
    assert [text.split(":")[0] for text in found.differences] == ["CustomerNumber"]
    credit = a_credit_note(invoice, "100.00", number=invoice.number, id=invoice.id)
    found = bench.system.find(
        Lookup(Entity.INVOICE, invoice.id, number=invoice.number, record=credit)
    )
    assert found is not None
    assert found.differences == ("DocumentType: Sage 300 Invoice ≠ CreditNote",)


def test_a_document_of_another_record_is_told_as_such(bench: Sage300Bench) -> None:
    customer, invoice, _ = billed(bench, "100.00")
    twin = an_invoice(invoice.account, "100.00", number=invoice.number)
    found = Delivery(twin, customer).look(bench.system)
    assert found is not None
    assert found.differences == (f"it is the Membri invoice {invoice.id.replace('-', '')}",)


def test_a_number_of_two_customers_is_ours_by_its_marker_else_a_person_s(
    bench: Sage300Bench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    other = customer_of(bench, an_account())
    by_hand(bench, other.remote_id, invoice.number)
    stub = Lookup(Entity.INVOICE, invoice.id, number=invoice.number)
    found = bench.system.find(stub)
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(Lookup(Entity.INVOICE, "another", number=invoice.number))
    assert customer.remote_id in refusal[0].detail
    assert other.remote_id in refusal[0].detail


def test_an_invoice_of_a_cleared_history_is_still_found_and_compared(bench: Sage300Bench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    bench.accountant(clear_history=True)
    delivery = Delivery(invoice, customer)
    assert delivery.attempt(bench.restarted()).ref == ref
    delivery.record = an_invoice(invoice.account, "150.00", id=invoice.id, number=invoice.number)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.system)
    assert "114.98" in refusal[0].detail
    assert "172.46" in refusal[0].detail


def test_a_document_cleared_from_the_posted_ones_is_known_by_its_batch(bench: Sage300Bench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    books(bench).delete("ARPostedDocuments", *ref.remote_id.split("|"))
    found = Delivery(invoice, customer).look(bench.system)
    assert found is not None
    assert (found.ref, found.by_marker, found.unfinished, found.differences) == (
        *(ref, True),
        False,
        (),
    )


def test_a_customer_made_inactive_or_gone_takes_no_invoice(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    assert delivery.customer is not None
    bench.alter("ARCustomers", delivery.customer.remote_id, Status="Inactive")
    with rejected(Reason.CUSTOMER_INACTIVE):
        bench.system.transfer(delivery.task())
    bench.accountant(remove={"resource": "ARCustomers", "key": [delivery.customer.remote_id]})
    with rejected(Reason.REFERENCE_NOT_FOUND):
        bench.system.transfer(delivery.task())


@pytest.mark.parametrize("mode", ["error", "warning"])
def test_a_customer_on_hold_is_refused_in_sage_s_words_or_only_warned_of(
    bench: Sage300Bench, mode: str
) -> None:
    bench.options.on_hold_customer = mode
    delivery = to_bill(bench)
    assert delivery.customer is not None
    bench.alter("ARCustomers", delivery.customer.remote_id, OnHold="Yes")
    if mode == "warning":
        assert bench.system.transfer(delivery.task()).action is Action.CREATED
        return
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "on hold" in refusal[0].detail


def test_a_customer_in_another_currency_takes_no_invoice(bench: Sage300Bench) -> None:
    delivery = to_bill(bench)
    assert delivery.customer is not None
    row = books(bench).get("ARCustomers", delivery.customer.remote_id)
    books(bench).put("ARCustomers", {**row, "CurrencyCode": "USD"})
    with rejected(Reason.CURRENCY_NOT_SUPPORTED) as refusal:
        bench.system.transfer(delivery.task())
    assert "USD" in refusal[0].detail


@pytest.mark.parametrize(
    ("mode", "modules", "reasons"),
    [
        ("Error", ["AR"], [Reason.CLOSED_PERIOD]),
        ("Warning", ["AR"], []),
        ("None", ["AR"], []),
        ("None", ["GL"], [Reason.CLOSED_PERIOD]),
    ],
)
def test_a_locked_period_is_told_by_the_company_s_option(
    bench: Sage300Bench, mode: str, modules: list[str], reasons: list[Reason]
) -> None:
    bench.accountant(locked_period=mode)
    bench.accountant(lock={"modules": modules, "year": "2026", "periods": [3]})
    problems = bench.restarted().check(an_invoice(an_account()))
    assert [p.reason for p in problems] == reasons


def test_a_lock_is_not_told_from_an_old_copy(bench: Sage300Bench) -> None:
    invoice = an_invoice(an_account())
    bench.accountant(lock={"modules": ["AR"], "year": "2026", "periods": [3]})
    system = bench.restarted()
    assert [p.reason for p in system.check(invoice)] == [Reason.CLOSED_PERIOD]
    bench.accountant(closed_until=None)
    bench.time.sleep(31)
    assert list(system.check(invoice)) == []


@pytest.mark.parametrize(
    ("accounts", "values", "reason", "field"),
    [
        ({"default_income": ""}, {}, Reason.UNKNOWN_ACCOUNT, "type"),
        ({"default_income": "NOPE"}, {}, Reason.UNKNOWN_ACCOUNT, "type"),
        ({"income": {"other": "9999"}}, {}, Reason.UNKNOWN_ACCOUNT, "type"),
        ({"terms": "NONE"}, {}, Reason.UNKNOWN_ACCOUNT, "due_date"),
        (
            {"tax_codes": {}},
            {"gst": "0", "qst": "0", "total": "100.00"},
            *(Reason.UNKNOWN_TAX, "lines"),
        ),
        ({"tax_codes": {"taxable": "2"}}, {}, Reason.UNKNOWN_TAX, "gst"),
        ({}, {"lines": (), "gst": "0", "qst": "0", "total": "0"}, Reason.MISSING_FIELD, "lines"),
        ({}, {"total": "-1.00"}, Reason.AMOUNT_NOT_POSITIVE, "total"),
        ({}, {"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        ({}, {"date": dt.date(2031, 1, 1)}, Reason.PERIOD_NOT_OPEN, "date"),
    ],
)
def test_what_sage_would_refuse_is_told_before_anything_is_sent(
    bench: Sage300Bench,
    accounts: dict[str, Any],
    values: dict[str, Any],
    reason: Reason,
    field: str,
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    problems = bench.restarted().check(an_invoice(an_account(), **values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_a_tax_group_that_is_not_there_is_told(bench: Sage300Bench) -> None:
    problems = bench.connector(tax_group="NONE").check(an_invoice(an_account()))
    assert [p.reason for p in problems] == [Reason.UNKNOWN_TAX]
    assert "connection.tax_group" in problems[0].detail


def test_a_distribution_code_may_name_the_revenue(bench: Sage300Bench) -> None:
    delivery = to_bill(bench, type="event")
    bench.system.transfer(delivery.task())
    (batch,) = batches(bench, INVOICES, marker("invoice", delivery.record.id))
    (line,) = batch["Invoices"][0]["InvoiceDetails"]
    assert (line["DistributionCode"], line["RevenueAccount"]) == ("ACTIV", "4200")


# --- drafts and the table of fields -------------------------------------------------------------


def leaves(body: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in body.items():
        if isinstance(value, list):
            for one in value:
                yield from leaves(one, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def sent(bench: Sage300Bench, *deliveries: Delivery, **values: Any) -> set[str]:
    system = bench.connector(**values)
    drafts = [system.draft(one.task()) for one in deliveries]
    return {leaf for draft in drafts for _, body in draft.requests for leaf in leaves(body)}


def test_every_field_that_is_sent_is_declared_and_every_declared_one_is_sent(
    bench: Sage300Bench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    place = {"lines": ("a", "b", "c", "d"), "city": "M", "province": "QC", "country": "CA"}
    account = an_account(phone="514", email="a@b.ca", address={**place, "postal_code": "H0H 0H0"})
    due = dt.date(2026, 4, 1)
    payment = a_payment(invoice.account, (invoice, "1.00"), method="cheque")
    documents = {invoice.id: ref}
    by_entity = {
        Entity.ACCOUNT: [Delivery(account)],
        Entity.INVOICE: [
            Delivery(an_invoice(account, due_date=due, description="Note"), customer),
            Delivery(an_invoice(account, type="event"), customer),
            Delivery(a_credit_note(invoice, "1.00"), customer, documents),
        ],
        Entity.PAYMENT: [Delivery(payment, customer, documents)],
        Entity.JOURNAL_ENTRY: [Delivery(a_journal_entry(account, invoice), customer)],
    }
    for taxes in (True, False):
        fields = bench.connector(send_tax_amounts=taxes).declaration.fields
        for entity, deliveries in by_entity.items():
            declared = {rule.target for rule in fields if rule.entity is entity}
            assert sent(bench, *deliveries, send_tax_amounts=taxes) == declared, entity


def test_a_draft_has_the_very_bodies_that_are_sent(bench: Sage300Bench) -> None:
    lines = (
        Line(description="Cotisation", product="P", amount=Decimal("80.00"), taxable=True),
        Line(product="Don", amount=Decimal("20.00")),
    )
    delivery = to_bill(bench, lines=lines, gst="4.00", qst="7.98", total="111.98")
    draft = bench.connector(send_tax_amounts=True).draft(delivery.task())
    assert (draft.gst, draft.qst, draft.total) == (
        *(Decimal("4.00"), Decimal("7.98")),
        Decimal("111.98"),
    )
    assert [(line.description, line.account, line.tax) for line in draft.lines] == [
        ("Cotisation", "4200", "QC 1/1"),
        ("Don", "4200", "QC 2/2"),
    ]
    system = bench.restarted()
    (_, body), (ready, status), (posting, alone) = system.draft(delivery.task()).requests
    assert ready == "PATCH AR/ARInvoiceBatches(‹batch›)"
    assert status == {"BatchStatus": "ReadyToPost"}
    assert posting == "POST AR/ARPostInvoices('$process')"
    assert alone == {
        "PostAllBatches": "Donotpostallbatches",
        "PostBatchFrom": "‹batch›",
        "PostBatchTo": "‹batch›",
    }
    system.transfer(delivery.task())
    (batch,) = batches(bench, INVOICES, marker("invoice", delivery.record.id))
    (entry,), (kept,) = body["Invoices"], batch["Invoices"]
    names = [name for name in entry if name != "InvoiceDetails"]
    assert [str(kept[name]) for name in names] == [str(entry[name]) for name in names]
    for line, held in zip(entry["InvoiceDetails"], kept["InvoiceDetails"], strict=True):
        assert {name: str(held[name]) for name in line} == {n: str(v) for n, v in line.items()}


def test_long_descriptions_are_cut_and_what_identifies_is_not(bench: Sage300Bench) -> None:
    line = Line(description="é" * 80, amount=Decimal("100.00"), taxable=True)
    delivery = to_bill(bench, "100.00", description="ç\n" * 80, lines=(line,))
    draft = bench.system.draft(delivery.task())
    (entry,) = draft.requests[0][1]["Invoices"]
    assert len(entry["InvoiceDescription"]) <= 60
    assert entry["InvoiceDetails"][0]["Description"] == "é" * 60
    problems = bench.system.check(an_invoice(an_account(), number="F" * 23))
    assert [(p.reason, p.field) for p in problems] == [(Reason.TOO_LONG, "number")]
