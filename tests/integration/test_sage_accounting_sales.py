"""Invoices and credit notes in the sandbox's books: numbers, taxes to the cent, both editions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.system import Found, Lookup, RemoteRef
from consumers.systems.sage_accounting.markers import marker
from ops.sandbox.sage_accounting.company import (
    DUES,
    EVENTS,
    REGION,
    TAX_EXEMPT,
    TAX_GST,
    TAX_GST_QST,
)
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account, Invoice, Line
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench
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

pytest_plugins = ["tests.fixtures_sage_accounting"]


def customer(bench: SageBench) -> tuple[Account, RemoteRef]:
    account = an_account()
    return account, Delivery(account).attempt(bench.system).ref


def billed(bench: SageBench, *nets: str, **values: Any) -> tuple[RemoteRef, Invoice, RemoteRef]:
    account, ref = customer(bench)
    invoice = an_invoice(account, *nets, **values)
    return ref, invoice, Delivery(invoice, ref).attempt(bench.system).ref


def row(bench: SageBench, ref: RemoteRef, resource: str = "sales_invoices") -> dict[str, Any]:
    (found,) = [
        one for one in bench.sandbox.dump()["b" * 32][resource] if one["id"] == ref.remote_id
    ]
    return found


def lines(*values: dict[str, Any], gst: str, qst: str) -> dict[str, Any]:
    """Lines and totals of an invoice."""
    made = tuple(Line.model_validate(one) for one in values)
    total = sum((one.amount for one in made), Decimal(gst) + Decimal(qst))
    return {"lines": made, "gst": gst, "qst": qst, "total": total}


def test_an_invoice_carries_our_number_marker_region_and_taxes(bench: SageBench) -> None:
    _, invoice, ref = billed(bench, "100.00", description="Merci", due_date="2026-04-13")
    held = row(bench, ref)
    assert (held["reference"], ref.reference) == (invoice.number, invoice.number)
    assert held["notes"] == f"{marker('invoice', invoice.id)}\nMerci"
    assert (held["date"], held["due_date"]) == (DAY.isoformat(), "2026-04-13")
    assert held["tax_address_region"]["id"] == REGION
    assert held["invoice_number"].startswith("SI-"), "Sage numbers by itself"
    (line,) = held["invoice_lines"]
    assert line["ledger_account"]["id"] == DUES
    assert (line["tax_rate"]["id"], line["tax_amount"]) == (TAX_GST_QST, "14.98")
    assert held["sent"] is False, "no read of ours marks it as sent"


def test_types_have_their_own_revenue_account(bench: SageBench) -> None:
    _, _, ref = billed(bench, type="event")
    assert row(bench, ref)["invoice_lines"][0]["ledger_account"]["id"] == EVENTS


def test_quantity_and_price_go_where_their_product_is_the_net_amount(bench: SageBench) -> None:
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        {"amount": "850.00", "quantity": "2", "unit_price": "510", "product": "Kiosque"},
        {"amount": "10.00", "quantity": "3", "unit_price": "3.3333", "description": "x" * 250},
        {"amount": "5.00", "quantity": "2"},
        gst="0",
        qst="0",
    )
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    held = row(bench, Delivery(invoice, ref).attempt(bench.system).ref)["invoice_lines"]
    assert [(one["quantity"], one["unit_price"]) for one in held] == [
        *(("3.0", "20.0"), ("1.0", "850.0"), ("1.0", "10.0"), ("1.0", "5.0")),
    ]
    assert held[0]["description"] == "Repas"
    assert held[1]["description"] == "2 × 510 : Kiosque"
    assert held[2]["description"].startswith("3 × 3.3333 : xxx")
    assert len(held[2]["description"]) == 200
    assert held[2]["description"].endswith("…")
    assert held[3]["description"] == invoice.number
    assert {one["tax_rate"]["id"] for one in held} == {TAX_EXEMPT}


def test_the_limited_edition_takes_each_line_as_one_amount(bench: SageBench) -> None:
    bench.accountant(edition="START")
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        {"amount": "20.00", "quantity": "1", "unit_price": "20", "description": "Vin"},
        gst="0",
        qst="0",
    )
    _, _, ref = billed(bench, **values)
    repas, vin = row(bench, ref)["invoice_lines"]
    assert (repas["quantity"], repas["unit_price"]) == ("1.0", "60.0")
    assert repas["description"] == "3 × 20 : Repas"
    assert vin["description"] == "Vin"


def test_the_edition_may_be_said_in_the_settings(bench: SageBench) -> None:
    bench.accountant(edition="START")
    bench.values = {"edition": "full"}
    bench.restarted()
    bench.excused.add("quantity_in_start")
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        gst="0",
        qst="0",
    )
    with rejected(Reason.EDITION_LIMIT) as refusal:
        billed(bench, **values)
    assert "quantity must be 1 in your subscription" in refusal[0].detail


@pytest.mark.parametrize(
    "nets",
    [("10.10",), ("30.10",), ("19.99", "0.05", "1234567.89"), ("0.33",) * 7, ("0.01", "99999.99")],
)
def test_taxes_are_membris_to_the_cent(bench: SageBench, nets: tuple[str, ...]) -> None:
    _, invoice, ref = billed(bench, *nets)
    held = row(bench, ref)
    assert Decimal(held["tax_amount"]) == invoice.gst + invoice.qst
    assert Decimal(held["total_amount"]) == invoice.total


def test_a_line_may_bear_one_tax_only(bench: SageBench) -> None:
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="0")
    _, _, ref = billed(bench, **values)
    assert row(bench, ref)["invoice_lines"][0]["tax_rate"]["id"] == TAX_GST


def test_a_discount_line_is_sent_as_it_is(bench: SageBench) -> None:
    values = lines(
        {"amount": "100.00", "taxable": True, "description": "Cotisation"},
        {"amount": "-10.00", "taxable": True, "description": "Rabais"},
        gst="4.50",
        qst="8.98",
    )
    _, invoice, ref = billed(bench, **values)
    assert Decimal(row(bench, ref)["total_amount"]) == invoice.total


def test_taxes_that_sage_would_not_take_are_refused_with_its_words(bench: SageBench) -> None:
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    with rejected(Reason.UNKNOWN_TAX) as refusal:
        Delivery(an_invoice(account, **values), ref).attempt(bench.system)
    assert "tax_amount does not match" in refusal[0].detail
    assert refusal[0].field == "lines.0"


def test_taxes_that_sage_recomputes_are_refused_and_nothing_stays(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    for figure in ("114.98", "114.80", "14.98", "14.80", "TPS 5.00", "TVQ 9.80", "9.975 %: 9.98"):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 0
    (void,) = [
        one
        for one in bench.sandbox.dump()["b" * 32]["sales_invoices"]
        if one["reference"] == invoice.number
    ]
    assert (void["status"]["id"], void["void_reason"]) == ("VOID", "Membri: montants différents")


@pytest.mark.parametrize("place", ["query", "body"])
def test_the_reason_of_a_void_is_where_sage_looks_for_it(bench: SageBench, place: str) -> None:
    bench.options.change({"tax_amount_off": "recompute", "void_reason_in": place})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    with rejected(Reason.TAX_MISMATCH):
        Delivery(invoice, ref).attempt(bench.system)
    assert bench.held(invoice).count == 0


def test_a_document_that_cannot_be_voided_is_named_as_standing(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    bench.accountant(roles={"Sales": "full"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    error = '[{"$dataCode": "RecordInvalid", "$message": "reconciled", "$source": "base"}]'
    bench.sandbox.faults.arm(kind="status", method="DELETE", status=422, body=error)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    assert "void it by hand" in refusal[0].detail
    assert "reconciled" in refusal[0].detail
    assert bench.held(invoice).count == 1


def test_a_crash_between_creating_and_voiding_leaves_nothing_wrong(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    delivery = Delivery(an_invoice(account, **values), ref)
    bench.sandbox.faults.arm(kind="drop_before", method="DELETE")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    found = delivery.look(bench.restarted())
    assert found is not None
    assert found.unfinished
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.system)
    assert bench.held(delivery.record).count == 0
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 0


def test_what_somebody_edited_since_is_not_ours_to_void(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    other = an_invoice(invoice.account, "150.00", id=invoice.id, number=invoice.number)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(other, ref).task(made.remote_id))
    for figure in ("114.98", "172.46", invoice.number):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize(("cents", "refused"), [(1, False), (0, True)])
def test_components_may_be_shared_otherwise_by_a_cent_a_line(
    bench: SageBench, cents: int, refused: bool
) -> None:
    """The sum is exact; Sage's own split of it by component may round otherwise (section 9)."""
    bench.values = {"component_cents_per_line": cents}
    bench.restarted()
    account, ref = customer(bench)
    invoice = an_invoice(account, "19.99", "0.05", "1234567.89")
    if not refused:
        Delivery(invoice, ref).attempt(bench.system)
        assert bench.held(invoice).total == invoice.total
        return
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    assert "TPS: Sage 61729.39 ≠ Membri 61729.40" in refusal[0].detail
    assert bench.held(invoice).count == 0


@pytest.mark.parametrize("choice", ["refuse", "zero"])
def test_tax_is_sent_on_every_line_whatever_sage_does_without(
    bench: SageBench, choice: str
) -> None:
    bench.options.change({"missing_tax_amount": choice})
    _, invoice, ref = billed(bench, "100.00", "50.00")
    assert Decimal(row(bench, ref)["tax_amount"]) == invoice.gst + invoice.qst


def test_an_invoice_made_by_hand_with_the_same_amounts_is_adopted(bench: SageBench) -> None:
    account, ref = customer(bench)
    invoice = an_invoice(account, "100.00")
    made = by_hand(bench, ref, invoice.number)
    receipt = bench.system.transfer(Delivery(invoice, ref).task())
    assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, made)


def by_hand(bench: SageBench, ref: RemoteRef, number: str, price: str = "100.00") -> str:
    line = {
        "description": "Cotisation",
        "ledger_account_id": DUES,
        "unit_price": price,
        "tax_rate_id": TAX_GST_QST,
    }
    body = {"contact_id": ref.remote_id, "date": DAY.isoformat(), "reference": number}
    made = bench.accountant(resource="sales_invoices", create={**body, "invoice_lines": [line]})
    return str(made["id"])


def test_two_documents_of_one_number_are_ambiguous(bench: SageBench) -> None:
    account, ref = customer(bench)
    number = f"D-{unique()}"
    ids = [by_hand(bench, ref, number) for _ in range(2)]
    lookup = Lookup(an_invoice(account).entity, "x", number=number, customer=ref)
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(lookup)
    assert all(one in refusal[0].detail for one in ids)
    with rejected(Reason.DUPLICATE_NUMBER):
        bench.system.transfer(Delivery(an_invoice(account, number=number), ref).task())


def test_the_number_of_another_membri_invoice_is_refused_and_named(bench: SageBench) -> None:
    ref, invoice, _ = billed(bench, "100.00")
    twin = an_invoice(invoice.account, "100.00", number=invoice.number)
    with rejected(Reason.DUPLICATE_NUMBER):
        bench.system.transfer(Delivery(twin, ref).task())
    found = bench.system.find(Delivery(twin, ref).lookup)
    assert found is not None
    assert found.differences == (f"it is the Membri invoice {invoice.id}",)


def test_a_number_corrected_while_the_answer_was_lost_makes_no_second_invoice(
    bench: SageBench,
) -> None:
    account, ref = customer(bench)
    invoice = an_invoice(account, "100.00")
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="sales_invoices")
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, ref).attempt(bench.system)
    corrected = invoice.model_copy(
        update={"number": f"{invoice.number}-B", "date": invoice.date.replace(day=20)}
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(corrected, ref).attempt(bench.restarted())
    assert f"number: Sage {invoice.number} ≠ Membri {corrected.number}" in refusal[0].detail
    assert "date: Sage 2026-03-14 ≠ Membri 2026-03-20" in refusal[0].detail
    assert bench.held(invoice).count == 1


def test_another_customers_number_is_no_obstacle(bench: SageBench) -> None:
    _, invoice, _ = billed(bench)
    account, ref = customer(bench)
    receipt = bench.system.transfer(
        Delivery(an_invoice(account, number=invoice.number), ref).task()
    )
    assert receipt.action is Action.CREATED


def test_void_documents_and_drafts_are_not_there(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    bench.accountant(resource="sales_invoices", id=made.remote_id, action="void", reason="x")
    for lookup in (
        Delivery(invoice, ref).lookup,
        Lookup(invoice.entity, invoice.id, remote_id=made.remote_id),
        Lookup(invoice.entity, invoice.id, reference=invoice.number, customer=ref),
    ):
        assert bench.system.find(lookup) is None
    by_hand(bench, ref, "BROUILLON")
    (draft,) = [one for one in bench.rows("sales_invoices") if one["reference"] == "BROUILLON"]
    store = bench.sandbox.store
    kept = store.get(bench.books.kind("sales_invoices"), draft["id"])
    store.put(bench.books.kind("sales_invoices"), draft["id"], {**kept, "state": "DRAFT"})
    lookup = Lookup(invoice.entity, "x", number="BROUILLON", customer=ref)
    assert bench.system.find(lookup) is None


def test_sages_own_number_or_id_may_be_typed(bench: SageBench) -> None:
    account, ref = customer(bench)
    made = by_hand(bench, ref, "")
    number = row(bench, RemoteRef(made, ""))["invoice_number"]
    record = an_invoice(account, "100.00")

    def found(reference: str, holder: RemoteRef | None) -> Found | None:
        lookup = Lookup(
            record.entity, record.id, reference=reference, record=record, customer=holder
        )
        return bench.system.find(lookup)

    for typed in (number, made):
        linked = found(typed, ref)
        assert linked is not None
        assert linked.ref == RemoteRef(made, number)
        assert (linked.by_marker, linked.differences) == (False, ())
    by_id = found(made, None)
    assert by_id is not None
    assert found("SI-999999", ref) is None
    assert found("SI-999999", None) is None


def test_an_invoice_of_somebody_else_differs(bench: SageBench) -> None:
    _, invoice, made = billed(bench)
    _, other = customer(bench)
    lookup = Lookup(
        invoice.entity, invoice.id, remote_id=made.remote_id, record=invoice, customer=other
    )
    found = bench.system.find(lookup)
    assert found is not None
    assert other.remote_id in found.differences[0]


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"number": "n" * 26}, Reason.TOO_LONG, "number"),
        ({"description": "d" * 1801}, Reason.TOO_LONG, "description"),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        ({"lines": (), "total": "14.98"}, Reason.MISSING_FIELD, "lines"),
        ({"date": "2014-12-31"}, Reason.CLOSED_PERIOD, "date"),
        (
            lines({"amount": "-1.00"}, gst="0", qst="0"),
            Reason.AMOUNT_NOT_POSITIVE,
            "total",
        ),
        (
            lines({"amount": "1.00", "gst": "1.00"}, {"amount": "1.00"}, gst="1.00", qst="2.00"),
            Reason.TOTALS_DIFFER,
            "qst",
        ),
    ],
)
def test_what_sage_would_refuse_is_told_before(
    bench: SageBench, values: dict[str, Any], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_invoice(an_account(), **values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_a_date_before_the_accounts_start_tells_both(bench: SageBench) -> None:
    (problem,) = bench.system.check(an_invoice(an_account(), date="2014-12-31"))
    assert "2014-12-31 < 2015-01-01" in problem.detail


@pytest.mark.parametrize(
    ("accounts", "reason", "words"),
    [
        ({"default_income": ""}, Reason.UNKNOWN_ACCOUNT, "set accounts.default_income"),
        ({"default_income": "9999"}, Reason.UNKNOWN_ACCOUNT, "accounts.default_income = '9999'"),
        ({"tax_codes": {"taxable": "x"}}, Reason.UNKNOWN_TAX, "tax_codes.taxable = 'x'"),
    ],
)
def test_what_the_settings_name_wrongly_is_told(
    bench: SageBench, accounts: dict[str, Any], reason: Reason, words: str
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    problems = bench.restarted().check(an_invoice(an_account()))
    assert [p.reason for p in problems] == [reason]
    assert words in problems[0].detail


def test_accounts_may_be_named_by_code_or_name(bench: SageBench) -> None:
    for value in ("4000", "Cotisations", "Cotisations (4000)"):
        bench.accounts = ACCOUNTS.model_copy(update={"default_income": value})
        assert list(bench.restarted().check(an_invoice(an_account()))) == []


def test_a_correction_in_the_books_is_seen_within_half_a_minute(bench: SageBench) -> None:
    bench.close_until(DAY)
    invoice = an_invoice(an_account())
    assert [p.reason for p in bench.system.check(invoice)] == [Reason.CLOSED_PERIOD]
    bench.accountant(closed_until=None)
    bench.time.sleep(31)
    assert list(bench.system.check(invoice)) == []


# --- credit notes -------------------------------------------------------------------------------


def test_a_credit_note_is_applied_by_an_allocation_of_signed_amounts(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    credit = a_credit_note(invoice, "40.00", due_date="2026-04-13")
    receipt = Delivery(credit, ref, {invoice.id: made}).attempt(bench.system)
    (allocation,) = [
        one for one in bench.rows("contact_allocations") if one["contact"]["id"] == ref.remote_id
    ]
    amounts = {one["artefact"]["id"]: one["amount"] for one in allocation["allocated_artefacts"]}
    assert amounts == {made.remote_id: "45.99", receipt.ref.remote_id: "-45.99"}
    assert allocation["transaction_type"]["id"] == "CUSTOMER_ALLOCATION"
    assert bench.held(invoice).balance == Decimal("68.99")


def test_a_credit_note_without_an_invoice_stays_open(bench: SageBench) -> None:
    account, ref = customer(bench)
    credit = an_invoice(account, "10.00", kind="credit_note")
    Delivery(credit, ref).attempt(bench.system)
    assert bench.held(credit).balance == credit.total


def test_a_credit_note_of_an_invoice_that_owes_nothing_stays_whole(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    paid = a_payment(invoice.account, (invoice, "114.98"))
    Delivery(paid, ref, {invoice.id: made}).attempt(bench.system)
    credit = Delivery(a_credit_note(invoice, "40.00"), ref, {invoice.id: made})
    credit.attempt(bench.system)
    assert bench.held(credit.record).balance == credit.record.total
    assert bench.applications(credit.record) == 0
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED


def test_a_credit_note_whose_invoice_is_unknown_is_not_created(bench: SageBench) -> None:
    ref, invoice, _ = billed(bench)
    credit = a_credit_note(invoice)
    with rejected(Reason.REFERENCE_NOT_FOUND):
        bench.system.transfer(Delivery(credit, ref).task())
    assert bench.held(credit).count == 0


def test_an_invoice_that_is_gone_leaves_the_credit_note_to_be_finished(bench: SageBench) -> None:
    ref, invoice, _ = billed(bench)
    credit = Delivery(a_credit_note(invoice), ref, {invoice.id: RemoteRef("f" * 32, "")})
    with rejected(Reason.REFERENCE_NOT_FOUND):
        credit.attempt(bench.system)
    found = credit.look(bench.restarted())
    assert found is not None
    assert found.unfinished


def test_what_a_person_applied_meanwhile_is_left_to_them(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    bench.sandbox.faults.arm(kind="drop_before", path="contact_allocations")
    with pytest.raises(OutcomeUnknown):
        credit.attempt(bench.system)
    (note,) = [
        one for one in bench.rows("sales_credit_notes") if one["contact"]["id"] == ref.remote_id
    ]
    other = by_hand(bench, ref, "AUTRE", "20.00")
    artefacts = [(other, "22.99"), (note["id"], "-22.99")]
    bench.accountant(
        resource="contact_allocations",
        create={
            "transaction_type_id": "CUSTOMER_ALLOCATION",
            "contact_id": ref.remote_id,
            "allocated_artefacts": [{"artefact_id": i, "amount": a} for i, a in artefacts],
        },
    )
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.applications(credit.record) == 1
    assert bench.held(invoice).balance == invoice.total


def test_an_application_refused_by_sage_is_explained(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    credit = Delivery(a_credit_note(invoice), ref, {invoice.id: made})
    error = '[{"$dataCode": "RecordInvalid", "$message": "no", "$source": "base"}]'
    bench.sandbox.faults.arm(kind="status", path="contact_allocations", status=422, body=error)
    with rejected(Reason.REFUSED_BY_SYSTEM):
        credit.attempt(bench.system)
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.held(credit.record).balance == 0


def test_the_limited_edition_leaves_the_application_to_a_person_and_says_so_on_the_note(
    bench: SageBench,
) -> None:
    bench.accountant(edition="START")
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    receipt = credit.attempt(bench.system)
    held = row(bench, receipt.ref, "sales_credit_notes")
    assert held["notes"].endswith(f"\nÀ imputer à la facture {invoice.number} dans Sage.")
    assert held["status"]["id"] == "UNPAID", "posted at once: a draft could never be released there"
    assert bench.held(credit.record).balance == credit.record.total
    assert bench.applications(credit.record) == 0
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert any("by hand" in note for note in bench.system.probe().notes)


def test_the_limited_edition_may_apply_after_all_if_the_settings_say_so(bench: SageBench) -> None:
    bench.accountant(edition="START")
    bench.options.change({"start_allocates_credit_notes": True})
    bench.values = {"limited_credit_notes": "apply"}
    bench.restarted()
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    credit.attempt(bench.system)
    assert bench.applications(credit.record) == 1
    assert bench.held(invoice).balance == 0


@pytest.mark.parametrize("status", [403, 404, 422])
def test_however_sage_refuses_what_the_edition_lacks_it_is_told_as_that(
    bench: SageBench, status: int
) -> None:
    bench.accountant(edition="START")
    bench.excused.add("outside_edition")
    bench.options.change({"edition_refusal": status})
    bench.values = {"limited_credit_notes": "apply"}
    bench.restarted()
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    with rejected(Reason.EDITION_LIMIT) as refusal:
        credit.attempt(bench.system)
    assert f"apply it by hand to the invoice {invoice.number}" in refusal[0].detail
    assert bench.held(credit.record).count == 1


def test_the_limited_edition_may_refuse_credit_notes(bench: SageBench) -> None:
    bench.accountant(edition="MICRO")
    bench.values = {"limited_credit_notes": "refuse"}
    system = bench.restarted()
    credit = a_credit_note(an_invoice(an_account()))
    assert [(p.reason, p.field) for p in system.check(credit)] == [
        (Reason.EDITION_LIMIT, "kind"),
    ]


@pytest.mark.parametrize("how", ["422", "500"])
def test_another_program_that_posts_at_the_same_instant_costs_a_second_try(
    bench: SageBench, how: str
) -> None:
    """Sequence numbers collide (section 10): what Sage says then is not documented."""
    account, ref = customer(bench)
    delivery = Delivery(an_invoice(account), ref)
    message = "The number has already been taken"
    code = "RecordInvalid" if how == "422" else "UnexpectedError"
    error = f'[{{"$dataCode": "{code}", "$message": "{message}", "$source": "base"}}]'
    bench.sandbox.faults.arm(kind="status", method="POST", status=int(how), body=error)
    with pytest.raises((Transient, OutcomeUnknown)):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_payments_on_a_wrong_document_keep_it_from_being_cleared(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    documents = {invoice.id: made}
    paid = a_payment(invoice.account, (invoice, "14.98"))
    Delivery(paid, ref, documents).attempt(bench.system)
    changed = an_invoice(invoice.account, **lines({"amount": "100.00"}, gst="0", qst="0"))
    changed = changed.model_copy(update={"id": invoice.id, "number": invoice.number})
    found = bench.system.find(Delivery(changed, ref).lookup)
    assert found is not None
    assert not found.unfinished
    assert found.differences
