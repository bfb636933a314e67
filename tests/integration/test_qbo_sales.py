"""Invoices, credit notes and payments in the sandbox's books, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.system import Lookup, RemoteRef
from ops.sandbox.quickbooks_online.company import (
    BANK,
    ITEM_DUES,
    ITEM_EVENT,
    TAX_EXEMPT,
    TAX_GST_QST,
    TERM_NET_15,
)
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Address, Invoice, Line
from tests.contracts.conformance import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.contracts.conformance_qbo import (
    ACCOUNTS,
    REALM,
    QuickBooksBench,
    quickbooks_bench,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickBooksBench]:
    with quickbooks_bench(tmp_path_factory.mktemp("qbo")) as made:
        yield made


@pytest.fixture
def bench(shared: QuickBooksBench) -> Iterator[QuickBooksBench]:
    shared.restarted()
    before = len(shared.sandbox.offences.all())
    yield shared
    shared.sandbox.faults.clear()
    shared.accounts = ACCOUNTS
    shared.sandbox.options.change({"tax_rounding": "rate", "replay_faults": False})
    sales = {"CustomTxnNumbers": True, "AutoApplyCredit": False}
    shared.accountant(
        BookCloseDate=None,
        read_only=False,
        preferences={"SalesFormsPrefs": sales, "TaxPrefs": {"UsingSalesTax": True}},
    )
    shared.close()
    assert shared.sandbox.offences.all()[before:] == []


def customer_of(bench: QuickBooksBench, account: Any) -> RemoteRef:
    return bench.system.transfer(Delivery(account).task()).ref


def billed(bench: QuickBooksBench, *nets: str) -> tuple[RemoteRef, Invoice, RemoteRef]:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = an_invoice(account, *nets)
    return customer, invoice, bench.system.transfer(Delivery(invoice, customer).task()).ref


def row(bench: QuickBooksBench, kind: str, ref: RemoteRef) -> dict[str, Any]:
    (found,) = [r for r in bench.rows(kind) if r["Id"] == ref.remote_id]
    return found


def by_line(account: Any, **values: Any) -> Invoice:
    """By line TPS is 1.53 and TVQ 3.03; on the sum 1.52 and 3.02 (reference page, section 8)."""
    line = Line(amount=Decimal("10.10"), gst=Decimal("0.51"), qst=Decimal("1.01"), taxable=True)
    figures = {"gst": "1.53", "qst": "3.03", "total": "34.86", "lines": (line,) * 3}
    return an_invoice(account, **{**figures, **values})


# --- the form -------------------------------------------------------------------------------


def test_a_form_holds_what_membri_says_and_nothing_of_the_library(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    lines = (
        Line(
            description="Cotisation",
            quantity=Decimal(2),
            unit_price=Decimal("49.995"),
            amount=Decimal("99.99"),
            taxable=True,
        ),
        Line(
            product="Rabais compris",
            quantity=Decimal(1),
            unit_price=Decimal(20),
            amount=Decimal("15.00"),
            taxable=True,
        ),
        Line(description="Don", amount=Decimal("10.00")),
    )
    invoice = an_invoice(
        account,
        lines=lines,
        gst="5.75",
        qst="11.47",
        total="142.21",
        due_date="2026-04-13",
        description="Merci",
        billing_name="Comptes à payer",
        billing_address=Address(lines=("1", "2", "3", "4", "5", "6"), city="Lévis"),
        type="event",
    )
    ref = bench.system.transfer(Delivery(invoice, customer).task()).ref
    made = row(bench, "Invoice", ref)
    assert made["DocNumber"] == invoice.number
    assert (made["TxnDate"], made["DueDate"]) == ("2026-03-14", "2026-04-13")
    assert made["PrivateNote"] == f"membri:invoice:{invoice.id}"
    assert made["CustomerMemo"] == {"value": "Merci"}
    billing = made["BillAddr"]
    assert [billing[f"Line{n}"] for n in range(1, 6)] == [
        *("Comptes à payer", "1", "2", "3", "4, 5, 6"),
    ]
    details = [line["SalesItemLineDetail"] for line in made["Line"][:3]]
    assert [d["ItemRef"]["value"] for d in details] == [ITEM_EVENT] * 3
    assert [d["TaxCodeRef"]["value"] for d in details] == [TAX_GST_QST, TAX_GST_QST, TAX_EXEMPT]
    assert (details[0]["Qty"], details[0]["UnitPrice"]) == (2, 49.995)
    assert "Qty" not in details[1], "a discounted line goes as an amount (6070)"
    assert made["Line"][1]["Description"] == "Rabais compris"
    for unwanted in ("ExchangeRate", "ShipDate", "Deposit", "TrackingNum", "AllowIPNPayment"):
        assert unwanted not in made


def test_terms_are_named_where_the_chapter_has_them(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"terms": "Net 15"})
    bench.restarted()
    _, _, ref = billed(bench)
    made = row(bench, "Invoice", ref)
    assert made["SalesTermRef"]["value"] == TERM_NET_15
    assert made["DueDate"] == "2026-03-29"


def test_a_negative_line_becomes_a_discount_before_taxes(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = an_invoice(account, "100.00", "-20.00")
    assert list(bench.system.check(invoice)) == []
    ref = bench.system.transfer(Delivery(invoice, customer).task()).ref
    made = row(bench, "Invoice", ref)
    assert Decimal(str(made["TotalAmt"])) == invoice.total == Decimal("91.98")
    kinds = [line["DetailType"] for line in made["Line"]]
    assert kinds == ["SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail"]


@pytest.mark.parametrize(
    "lines",
    [
        (("100.00", True), ("-20.00", False)),
        (("-20.00", True),),
    ],
)
def test_a_discount_that_quickbooks_cannot_hold_is_told(
    bench: QuickBooksBench, lines: tuple[tuple[str, bool], ...]
) -> None:
    made = tuple(Line(amount=Decimal(amount), taxable=taxable) for amount, taxable in lines)
    net = sum(line.amount for line in made)
    invoice = an_invoice(
        an_account(), lines=made, gst="5.00", qst="9.98", total=net + Decimal("14.98")
    )
    reasons = [p.reason for p in bench.system.check(invoice)]
    assert Reason.NOT_SUPPORTED in reasons


# --- taxes ----------------------------------------------------------------------------------


def test_other_taxes_than_membris_leave_nothing_in_the_books(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    delivery = Delivery(by_line(account), customer)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        delivery.attempt(bench.system)
    for figure in ("34.84", "34.86", "4.54", "4.56", "GST 1.53", "QST 3.03", "3.02"):
        assert figure in refusal[0].detail
    assert refusal[0].field == "total"
    assert bench.held(delivery.record).count == 0


def test_the_company_may_round_by_line(bench: QuickBooksBench) -> None:
    bench.sandbox.options.change({"tax_rounding": "line"})
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    delivery.attempt(bench.system)
    assert bench.held(delivery.record).total == Decimal("34.86")


def test_an_override_makes_quickbooks_keep_membris_taxes(bench: QuickBooksBench) -> None:
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    delivery.attempt(bench.connector(send_tax_override=True))
    assert bench.held(delivery.record).total == Decimal("34.86")


def test_after_a_mismatch_a_corrected_setting_is_enough(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    with rejected(Reason.TAX_MISMATCH):
        Delivery(invoice, customer).attempt(bench.system)
    # The engine gives another key after a definite refusal: an old answer must not be replayed.
    Delivery(invoice, customer).attempt(bench.connector(send_tax_override=True))
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "status_after"])
@pytest.mark.parametrize("numbered", [True, False])
def test_a_mismatch_leaves_nothing_wherever_a_reply_is_lost(
    bench: QuickBooksBench, kind: str, *, numbered: bool
) -> None:
    for skip in range(12):
        account = an_account()
        customer = customer_of(bench, account)
        invoice = by_line(account)
        if not numbered:
            invoice = invoice.model_copy(update={"number": ""})
        delivery = Delivery(invoice, customer)
        bench.sandbox.faults.arm(kind=kind, status=504, path="/v3/", skip=skip)
        with rejected(Reason.TAX_MISMATCH):
            delivery.carry(bench)
        assert bench.held(invoice).count == 0
        if not bench.spoiled():
            return
    raise AssertionError("the requests never ended")


def test_a_wrong_form_that_cannot_be_removed_is_told_to_be_removed_by_hand(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    fault = '{"Fault":{"Error":[{"Message":"locked","code":"6480"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(kind="status", path="operation=delete", status=400, body=fault)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        delivery.attempt(bench.system)
    assert "remove it by hand" in refusal[0].detail
    assert bench.held(delivery.record).count == 1
    bench.sandbox.faults.arm(kind="status", path="operation=delete", status=500)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())


def test_what_a_dead_transfer_left_wrong_is_replaced_once_the_setting_is_right(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    assert bench.held(invoice).total == Decimal("34.84")
    right = bench.connector(send_tax_override=True)
    with_another_key = Delivery(invoice, customer)
    assert with_another_key.look(right).unfinished  # type: ignore[union-attr]  # it is found
    with_another_key.attempt(right)
    assert (bench.held(invoice).count, bench.held(invoice).total) == (1, Decimal("34.86"))


def test_the_same_is_replaced_when_it_is_met_as_a_taken_number(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    right = bench.connector(send_tax_override=True)
    receipt = right.transfer(Delivery(invoice, customer).task())
    assert receipt.action is Action.CREATED
    assert (bench.held(invoice).count, bench.held(invoice).total) == (1, Decimal("34.86"))


def test_a_form_that_a_person_touched_is_never_removed(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    (made,) = [r for r in bench.rows("Invoice") if r.get("DocNumber") == invoice.number]
    bench.accountant(entity="Invoice", id=made["Id"], set={"CustomerMemo": {"value": "vu"}})
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        Delivery(invoice, customer).attempt(bench.system)
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(invoice, customer).task())
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(invoice, customer).task(made["Id"]))
    assert bench.held(invoice).count == 1


def test_a_tax_that_the_company_does_not_have_is_told(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"tax_codes": {"taxable": "999"}})
    bench.restarted()
    account = an_account()
    invoice = an_invoice(account)
    problems = bench.system.check(invoice)
    assert [(p.reason, p.field) for p in problems] == [(Reason.UNKNOWN_TAX, "lines.1.gst")]
    assert "999" in problems[0].detail
    with rejected(Reason.UNKNOWN_TAX):
        bench.system.transfer(Delivery(invoice, RemoteRef("1", "x")).task())


def test_a_company_without_sales_tax_takes_untaxed_invoices_only(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"TaxPrefs": {"UsingSalesTax": False}})
    account = an_account()
    reasons = [p.reason for p in bench.system.check(an_invoice(account))]
    assert reasons == [Reason.UNKNOWN_TAX]
    untaxed = an_invoice(account, lines=(Line(amount=Decimal(9)),), gst="0", qst="0", total="9")
    assert list(bench.system.check(untaxed)) == []
    assert "sales tax is not set up in QuickBooks" in bench.system.probe().notes


# --- numbers --------------------------------------------------------------------------------


def test_a_form_made_by_hand_with_our_number_and_figures_is_adopted(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    bench.accountant(entity="Invoice", id=ref.remote_id, set={"PrivateNote": "faite à la main"})
    delivery = Delivery(invoice, customer)
    found = delivery.look(bench.restarted())
    assert found is not None
    assert (found.by_marker, found.differences, found.unfinished) == (False, (), False)
    receipt = bench.system.transfer(Delivery(invoice, customer).task())
    assert (receipt.ref, receipt.action) == (ref, Action.ADOPTED)


def test_the_form_of_another_membri_invoice_is_never_adopted(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench, "100.00")
    twin = an_invoice(invoice.account, "100.00", number=invoice.number)
    found = Delivery(twin, customer).look(bench.system)
    assert found is not None
    assert invoice.id in "; ".join(found.differences)
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        bench.system.transfer(Delivery(twin, customer).task())
    assert invoice.number in refusal[0].detail


def test_another_customers_form_differs_by_its_customer(bench: QuickBooksBench) -> None:
    _, invoice, _ = billed(bench, "100.00")
    other = bench.add_customer(an_account().name)
    found = bench.system.find(
        Lookup(invoice.entity, "other", number=invoice.number, record=invoice, customer=other)
    )
    assert found is not None
    assert any("customer" in told for told in found.differences)


def test_quickbooks_own_numbering_gives_the_reference_and_the_marker_finds_it(
    bench: QuickBooksBench,
) -> None:
    bench.accountant(preferences={"SalesFormsPrefs": {"CustomTxnNumbers": False}})
    bench.restarted()
    customer, invoice, ref = billed(bench)
    assert ref.reference != invoice.number
    found = Delivery(invoice, customer).look(bench.restarted())
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)
    without_customer = bench.system.find(
        Lookup(invoice.entity, invoice.id, number=invoice.number, record=invoice)
    )
    assert without_customer is not None
    assert without_customer.ref == ref
    assert any("numbers sales forms itself" in note for note in bench.system.probe().notes)


def test_a_typed_number_links_and_an_id_only_with_our_marker(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    by_number = invoice.model_copy(update={"reference": invoice.number, "id": "typed"})
    found = Delivery(by_number, customer).look(bench.system)
    assert found is not None
    assert found.ref == ref
    by_id = bench.system.find(Lookup(invoice.entity, invoice.id, reference=ref.remote_id))
    assert by_id is not None
    assert by_id.by_marker
    assert bench.system.find(Lookup(invoice.entity, "typed", reference=ref.remote_id)) is None
    assert bench.system.find(Lookup(invoice.entity, "typed", reference="999999")) is None
    assert bench.system.find(Lookup(invoice.entity, "typed", reference="F-nowhere")) is None


def test_a_remembered_form_that_was_deleted_is_not_there(bench: QuickBooksBench) -> None:
    _, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    lookup = Lookup(invoice.entity, invoice.id, remote_id=ref.remote_id, record=invoice)
    assert bench.system.find(lookup) is None


def test_a_form_voided_by_the_accountant_differs(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="void")
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(invoice, customer).attempt(bench.restarted())
    assert "total 0.00 in QuickBooks" in refusal[0].detail


def test_limits_of_a_form_are_told_at_once(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account(), number="F" * 22, description="é" * 1001, currency="USD")
    told = {(p.reason, p.field) for p in bench.system.check(invoice)}
    assert told == {
        (Reason.TOO_LONG, "number"),
        (Reason.TOO_LONG, "description"),
        (Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    }
    many = an_invoice(an_account(), *(["0.01"] * 751))
    assert (Reason.TOO_LONG, "lines") in {(p.reason, p.field) for p in bench.system.check(many)}
    empty = an_invoice(an_account(), lines=(), gst="0", qst="0", total="-1")
    assert {(p.reason, p.field) for p in bench.system.check(empty)} == {
        (Reason.MISSING_FIELD, "lines"),
        (Reason.AMOUNT_NOT_POSITIVE, "total"),
    }


def test_an_item_that_does_not_exist_is_told(bench: QuickBooksBench) -> None:
    for default, words in (("", "set accounts.default_income"), ("Inconnu", "'Inconnu'")):
        bench.accounts = ACCOUNTS.model_copy(update={"default_income": default})
        problems = bench.restarted().check(an_invoice(an_account()))
        assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
        assert words in problems[0].detail


def test_items_may_be_named(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": "cotisation"})
    bench.restarted()
    _, _, ref = billed(bench)
    detail = row(bench, "Invoice", ref)["Line"][0]["SalesItemLineDetail"]
    assert detail["ItemRef"]["value"] == ITEM_DUES


def test_a_term_that_does_not_exist_is_refused(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"terms": "Net 999"})
    bench.restarted()
    account = an_account()
    customer = customer_of(bench, account)
    with rejected(Reason.UNKNOWN_ACCOUNT):
        bench.system.transfer(Delivery(an_invoice(account), customer).task())


def test_an_inactive_customer_takes_no_invoice(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    bench.accountant(entity="Customer", id=customer.remote_id, set={"Active": False})
    with rejected(Reason.CUSTOMER_INACTIVE):
        bench.system.transfer(Delivery(an_invoice(account), customer).task())


# --- the state of the company ---------------------------------------------------------------


def test_a_period_closed_while_we_run_is_refused_by_quickbooks(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench)
    bench.accountant(BookCloseDate="2026-03-14")
    late = an_invoice(invoice.account)
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(Delivery(late, customer).task())
    assert "6200" in refusal[0].detail
    assert "intuit_tid=1-" in refusal[0].detail


def test_a_reopened_period_is_noticed_within_half_a_minute(bench: QuickBooksBench) -> None:
    bench.accountant(BookCloseDate="2026-03-14")
    invoice = an_invoice(an_account())
    system = bench.system
    assert [p.reason for p in system.check(invoice)] == [Reason.CLOSED_PERIOD]
    bench.accountant(BookCloseDate=None)
    bench.time.sleep(31)
    assert list(system.check(invoice)) == []


def test_a_read_only_company_closes_the_system(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench)
    bench.accountant(read_only=True)
    with pytest.raises(Unavailable) as info:
        bench.system.transfer(Delivery(an_invoice(invoice.account), customer).task())
    assert info.value.reason == "read_only"


# --- credit notes ---------------------------------------------------------------------------


def test_an_application_is_a_payment_of_nothing_with_its_own_request_id(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "40.00"), customer, {invoice.id: ref})
    made = credit.attempt(bench.system).ref
    (payment,) = [
        p for p in bench.rows("Payment") if p.get("PrivateNote", "").endswith(credit.record.id)
    ]
    assert payment["TotalAmt"] == 0
    links = [(ln["Amount"], ln["LinkedTxn"][0]["TxnId"]) for ln in payment["Line"]]
    assert links == [(45.99, ref.remote_id), (45.99, made.remote_id)]
    assert credit.steps.get("applied") == made.remote_id
    before = len(bench.sandbox.log)
    bench.system.transfer(credit.task(made.remote_id))
    assert len(bench.sandbox.log) - before == 1, "a finished step is not done again"


def test_a_credit_note_that_corrects_nothing_stays_open(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    credit = an_invoice(account, kind="credit_note")
    Delivery(credit, customer).attempt(bench.system)
    assert bench.held(credit).balance == credit.total
    found = Delivery(credit, customer).look(bench.restarted())
    assert found is not None
    assert not found.unfinished


def test_where_quickbooks_applies_credits_itself_we_do_not(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"SalesFormsPrefs": {"AutoApplyCredit": True}})
    bench.restarted()
    customer, invoice, ref = billed(bench, "100.00")
    credit = a_credit_note(invoice, "40.00")
    bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
    assert bench.applications(credit) == 0
    assert any("applies credits by itself" in note for note in bench.system.probe().notes)


def test_a_credit_note_whose_invoice_was_deleted_is_refused(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        credit = a_credit_note(invoice)
        bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
    assert refusal[0].field == "corrects"


def test_an_application_that_is_refused_is_resumed_when_tried_again(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), customer, {invoice.id: ref})
    body = '{"Fault":{"Error":[{"Message":"no","code":"620"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/payment", contains="membri:application"
    )
    with rejected(Reason.REFUSED_BY_SYSTEM):
        credit.attempt(bench.system)
    again = Delivery(credit.record, customer, {invoice.id: ref})
    assert again.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.held(invoice).balance == 0
    assert bench.held(credit.record).count == 1


def test_what_closes_the_system_between_two_steps_leaves_the_outcome_unknown(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), customer, {invoice.id: ref})
    bench.sandbox.faults.arm(kind="status", status=503, path=r"/invoice/\d+")
    with pytest.raises(OutcomeUnknown, match="after a first step"):
        credit.attempt(bench.system)
    credit.carry(bench)
    assert bench.applications(credit.record) == 1


# --- payments -------------------------------------------------------------------------------


def test_a_payment_names_its_account_method_and_number(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"), method="cheque")
    made = row(
        bench,
        "Payment",
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref,
    )
    assert made["PaymentRefNum"] == payment.number
    assert made["DepositToAccountRef"]["value"] == BANK
    methods = {m["Id"]: m["Name"] for m in bench.rows("PaymentMethod")}
    assert methods[made["PaymentMethodRef"]["value"]] == "Chèque"
    assert made["PrivateNote"] == f"membri:payment:{payment.id}"


def test_what_is_not_allocated_stays_a_credit_of_the_customer(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "100.00"), amount="150.00")
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    assert row(bench, "Payment", made)["UnappliedAmt"] == 50


def test_an_invoice_of_another_customer_is_told_with_its_holder(bench: QuickBooksBench) -> None:
    _, invoice, ref = billed(bench, "100.00")
    other_account = an_account()
    other = customer_of(bench, other_account)
    payment = a_payment(other_account, (invoice, "10.00"))
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(Delivery(payment, other, {invoice.id: ref}).task())
    assert invoice.account.name in refusal[0].detail


def test_a_payment_on_a_deleted_invoice_is_refused(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    with rejected(Reason.REFERENCE_NOT_FOUND):
        payment = a_payment(invoice.account, (invoice, "10.00"))
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())


def test_a_payment_still_under_way_when_we_looked_is_not_taken_for_too_much(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "114.98"))
    first = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    late = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    assert (late.ref, late.action) == (first.ref, Action.ADOPTED)
    assert bench.held(payment).count == 1


def test_a_payment_made_by_hand_is_recognised_by_number_amount_and_customer(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    bench.accountant(entity="Payment", id=made.remote_id, set={"PrivateNote": "à la main"})
    found = Delivery(payment, customer).look(bench.restarted())
    assert found is not None
    assert (found.ref, found.by_marker, found.differences) == (made, False, ())
    typed = payment.model_copy(update={"reference": payment.number, "amount": Decimal("51.00")})
    linked = Delivery(typed, customer).look(bench.system)
    assert linked is not None
    assert any("51.00" in told for told in linked.differences)


def test_a_payment_without_number_is_known_by_its_id(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"), number="")
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    assert made.reference == made.remote_id
    by_reference = bench.system.find(Lookup(payment.entity, payment.id, reference=made.reference))
    assert by_reference is not None
    assert by_reference.ref == made
    by_id = bench.system.find(Lookup(payment.entity, payment.id, remote_id=made.remote_id))
    assert by_id is not None
    assert bench.system.find(Lookup(payment.entity, "other", reference="nothing")) is None


def test_the_marker_of_another_payment_is_a_difference(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    twin = payment.model_copy(update={"id": "p-twin"})
    found = Delivery(twin, customer).look(bench.system)
    assert found is not None
    assert payment.id in "; ".join(found.differences)


def test_amounts_that_are_not_positive_are_told(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "0.00"), number="9" * 22)
    told = [(p.reason, p.field) for p in bench.system.check(payment)]
    assert told == [
        (Reason.TOO_LONG, "number"),
        (Reason.AMOUNT_NOT_POSITIVE, "amount"),
        (Reason.AMOUNT_NOT_POSITIVE, "allocations.1.amount"),
    ]


def test_a_deposit_account_that_does_not_exist_is_told(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"deposit": "4321"})
    invoice = an_invoice(an_account())
    problems = bench.restarted().check(a_payment(invoice.account, (invoice, "1.00")))
    assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
    assert "accounts.deposit = '4321'" in problems[0].detail


def test_a_payment_that_quickbooks_books_otherwise_is_taken_back(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    answer = '{"Payment":{"Id":"77777","SyncToken":"0","TotalAmt":49.00}}'
    bench.sandbox.faults.arm(
        kind="status", status=200, body=answer, path="/payment", contains=payment.id
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    assert "49.00" in refusal[0].detail


# --- journal entries ------------------------------------------------------------------------


def test_a_period_moves_from_the_deferred_account_to_the_items_revenue(
    bench: QuickBooksBench,
) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    ref = bench.system.transfer(Delivery(entry).task()).ref
    made = row(bench, "JournalEntry", ref)
    lines = [
        (d["PostingType"], d["AccountRef"]["value"], line["Amount"])
        for line in made["Line"]
        for d in [line["JournalEntryLineDetail"]]
    ]
    assert lines == [("Debit", "4", 8.33), ("Credit", "10", 8.33)]
    assert made["DocNumber"].startswith("RPA-")
    by_id = bench.system.find(Lookup(entry.entity, entry.id, remote_id=ref.remote_id))
    assert by_id is not None
    changed = entry.model_copy(update={"amount": Decimal("9.00")})
    found = Delivery(changed).look(bench.system)
    assert found is not None
    assert any("8.33" in told and "9.00" in told for told in found.differences)
    assert bench.system.find(Lookup(entry.entity, "none")) is None


def test_an_entry_met_as_a_taken_number_is_adopted(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    first = bench.system.transfer(Delivery(entry).task())
    body = '{"Fault":{"Error":[{"Message":"dup","code":"6140"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/journalentry", contains=entry.id
    )
    again = bench.system.transfer(Delivery(entry).task())
    assert (again.ref, again.action) == (first.ref, Action.ADOPTED)
    changed = entry.model_copy(update={"amount": Decimal("9.00")})
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/journalentry", contains=entry.id
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(changed).task())


def test_what_is_wrong_with_an_entry_is_told(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    zero = entry.model_copy(update={"amount": Decimal(0)})
    assert [p.reason for p in bench.system.check(zero)] == [Reason.AMOUNT_NOT_POSITIVE]
    for missing in ("deferred_revenue", "default_income"):
        bench.accounts = ACCOUNTS.model_copy(update={missing: ""})
        problems = bench.restarted().check(entry)
        assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
        assert f"accounts.{missing}" in problems[0].detail


# --- what a connector must be given ---------------------------------------------------------


def test_documents_need_a_customer(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    for record in (invoice, a_payment(invoice.account, (invoice, "1.00"))):
        with pytest.raises(ValueError, match="to a customer"):
            bench.system.transfer(Delivery(record).task())


def test_a_read_that_cannot_be_understood_is_told_as_the_port_says(
    bench: QuickBooksBench,
) -> None:
    invoice = an_invoice(an_account())
    bench.sandbox.faults.arm(kind="status", status=200, body="{", path="/v3/", times=3)
    with pytest.raises(Transient):
        bench.system.find(Delivery(invoice).lookup)
    with pytest.raises(Unavailable):
        bench.system.check(invoice)
    with pytest.raises(Unavailable):
        bench.system.probe()


def test_every_write_of_the_suite_carried_a_request_id(bench: QuickBooksBench) -> None:
    writes = [
        entry["query"]
        for entry in bench.sandbox.log
        if entry["method"] == "POST"
        and f"/company/{REALM}/" in entry["path"]
        and not entry["path"].endswith("/query")
    ]
    assert writes
    assert all("requestid=" in query for query in writes)
