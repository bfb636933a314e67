"""Payments and allocations of the simulated Sage Accounting: (21) to (23), and Start's refusals."""

import pytest

from ops.sandbox.sage_accounting import Options
from tests.sandbox_sage_accounting_driver import Driver, credit, line, paying, sale

ALREADY_PAID = "You can only pay unpaid or part-paid invoices."


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def anne(driver):
    return driver.contact()


def allocating(contact, *artefacts, **more):
    return {
        "transaction_type_id": "CUSTOMER_ALLOCATION",
        "contact_id": contact["id"],
        "allocated_artefacts": [
            {"artefact_id": number, "amount": amount} for number, amount in artefacts
        ],
        **more,
    }


def state(driver, invoice):
    now = driver.read("sales_invoices", invoice["id"])
    return now["status"]["id"], now["outstanding_amount"]


def test_21_a_payment_part_pays_then_pays(driver, anne):
    invoice = driver.invoice(anne)
    first = driver.payment(anne, "14.98", (invoice, "14.98"), reference="T-1")
    assert state(driver, invoice) == ("PART_PAID", "100.0")
    assert first["payment_on_account"] is None
    driver.payment(anne, "100.00", (invoice, "100.00"), reference="T-2")
    assert state(driver, invoice) == ("PAID", "0.0")
    rows = driver.read("sales_invoices", invoice["id"], show_payments_allocations="true")
    assert [one["amount"] for one in rows["payments_allocations"]] == ["14.98", "100.0"]
    assert rows["payments_allocations"][0]["artefact"]["id"] == first["id"]
    assert rows["total_paid"] == "114.98"


def test_21_a_payment_updates_the_invoice_for_whoever_polls(driver, anne):
    invoice = driver.invoice(anne)
    driver.advance(3600)
    payment = driver.payment(anne, "5.00", (invoice, "5.00"))

    def changed(moment):
        rows = driver.found("sales_invoices", updated_or_created_since=moment)
        return [row["id"] for row in rows]

    assert changed("2025-04-01T12:30:00Z") == [invoice["id"]]
    driver.advance(3600)
    assert changed("2025-04-01T13:30:00Z") == []
    driver.call("DELETE", f"contact_payments/{payment['id']}")
    assert changed("2025-04-01T13:30:00Z") == [invoice["id"]]


def test_21_a_settled_invoice_is_refused_by_the_fixed_text(driver, anne):
    invoice = driver.invoice(anne)
    driver.payment(anne, "114.98", (invoice, "114.98"))
    draft = driver.invoice(anne, status_id="DRAFT")
    for settled in (invoice, draft):
        answer = driver.post("contact_payments", paying(anne, "5.00", (settled, "5.00")))
        assert answer.status == 422
        assert answer.json[0]["$message"] == ALREADY_PAID


@pytest.mark.parametrize(
    ("total", "amount"),
    [("114.99", "114.99"), ("10.00", "20.00"), ("0.00", "0.00"), ("5.005", "5.00")],
)
def test_21_sums_that_do_not_hold_are_refused(driver, anne, total, amount):
    invoice = driver.invoice(anne)
    answer = driver.post("contact_payments", paying(anne, total, (invoice, amount)))
    assert answer.status == 422
    assert state(driver, invoice) == ("UNPAID", "114.98")
    assert driver.found("contact_payments") == []


def test_21_an_artefact_belongs_to_the_payer(driver, anne):
    luc = driver.contact("Luc")
    invoice = driver.invoice(luc)
    assert driver.post("contact_payments", paying(anne, "5.00", (invoice, "5.00"))).status == 422
    unknown = {"id": "f" * 32}
    answer = driver.post("contact_payments", paying(anne, "5.00", (unknown, "5.00")))
    assert "Couldn't find artefact" in answer.text


@pytest.mark.parametrize(
    "missing", ["transaction_type_id", "contact_id", "bank_account_id", "date", "total_amount"]
)
def test_21_a_payment_needs_its_parts(driver, anne, missing):
    body = paying(anne, "5.00")
    del body[missing]
    answer = driver.post("contact_payments", body)
    assert answer.status == 422
    assert f"contact_payment.{missing}" in answer.sources


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({"reference": "x" * 26}, "reference"),
        ({"payment_method_id": "BARTER"}, "payment_method_id"),
        ({"transaction_type_id": "VENDOR_PAYMENT"}, "transaction_type_id"),
        ({"date": "2014-01-01"}, "date"),
    ],
)
def test_21_what_a_payment_cannot_hold_is_named(driver, anne, more, source):
    answer = driver.post("contact_payments", paying(anne, "5.00", **more))
    assert f"contact_payment.{source}" in answer.sources


def test_21_a_payment_method_has_a_default(driver, anne):
    made = driver.payment(anne, "5.00", payment_method_id="CREDIT_DEBIT")
    body = paying(anne, "5.00")
    del body["payment_method_id"]
    assert driver.made("contact_payments", body)["payment_method"] == made["payment_method"]


def test_22_the_excess_is_a_payment_on_account_with_an_id_of_its_own(driver, anne):
    invoice, later = driver.invoice(anne), driver.invoice(anne, "10.00")
    payment = driver.payment(anne, "150.00", (invoice, "114.98"))
    on_account = payment["payment_on_account"]
    assert on_account["id"] != payment["id"]
    assert on_account["outstanding_amount"] == "35.02"
    body = allocating(anne, (later["id"], 11.5), (on_account["id"], -11.5))
    allocation = driver.made("contact_allocations", body)
    assert state(driver, later) == ("PAID", "0.0")
    now = driver.read("contact_payments", payment["id"])
    assert now["payment_on_account"]["outstanding_amount"] == "23.52"
    assert driver.call("DELETE", f"contact_payments/{payment['id']}").status == 422
    assert driver.call("DELETE", f"contact_allocations/{allocation['id']}").status == 204
    assert state(driver, later) == ("UNPAID", "11.5")
    assert driver.call("DELETE", f"contact_payments/{payment['id']}").status == 204
    assert state(driver, invoice) == ("UNPAID", "114.98")


def test_22_an_allocation_names_the_payment_on_account_and_not_the_payment(driver, anne):
    invoice = driver.invoice(anne)
    payment = driver.payment(anne, "50.00")
    body = allocating(anne, (invoice["id"], 50), (payment["id"], -50))
    assert driver.post("contact_allocations", body).status == 422


@pytest.mark.parametrize(("plus", "minus"), [(10, -9), (-10, 10), (10, 10), (200, -200), (0, 0)])
def test_22_signed_amounts_sum_to_zero_within_what_is_open(driver, anne, plus, minus):
    invoice, note = driver.invoice(anne), driver.credit_note(anne, "50.00")
    body = allocating(anne, (invoice["id"], plus), (note["id"], minus))
    assert driver.post("contact_allocations", body).status == 422
    assert state(driver, invoice) == ("UNPAID", "114.98")


def test_22_a_credit_note_goes_on_an_invoice_and_comes_back(driver, anne):
    invoice, note = driver.invoice(anne), driver.credit_note(anne, "100.00")
    body = allocating(anne, (invoice["id"], "114.98"), (note["id"], "-114.98"))
    allocation = driver.made("contact_allocations", body)
    assert state(driver, invoice) == ("PAID", "0.0")
    assert driver.read("sales_credit_notes", note["id"])["status"]["id"] == "PAID"
    less = allocating(anne, (invoice["id"], "10"), (note["id"], "-10"))
    assert driver.put("contact_allocations", allocation["id"], less).status == 200
    assert state(driver, invoice) == ("PART_PAID", "104.98")
    voiding = driver.call("DELETE", f"sales_credit_notes/{note['id']}", params={"void_reason": "x"})
    assert voiding.status == 422


@pytest.mark.parametrize("missing", ["transaction_type_id", "contact_id", "allocated_artefacts"])
def test_22_an_allocation_needs_its_parts(driver, anne, missing):
    body = allocating(anne, (driver.invoice(anne)["id"], 1), (driver.credit_note(anne)["id"], -1))
    del body[missing]
    assert driver.post("contact_allocations", body).status == 422


def test_23_taking_the_allocations_off_a_receipt_restores_the_balances(driver, anne):
    invoice = driver.invoice(anne)
    payment = driver.payment(anne, "114.98", (invoice, "114.98"))
    changed = driver.put("contact_payments", payment["id"], {"allocated_artefacts": []}).json
    assert state(driver, invoice) == ("UNPAID", "114.98")
    assert changed["payment_on_account"]["outstanding_amount"] == "114.98"
    again = [{"artefact_id": invoice["id"], "amount": "114.98"}]
    changed = driver.put("contact_payments", payment["id"], {"allocated_artefacts": again}).json
    assert state(driver, invoice) == ("PAID", "0.0")
    assert changed["payment_on_account"] is None


def test_23_a_refund_pays_a_credit_note_out_and_never_more(driver, anne):
    note = driver.credit_note(anne, "100.00")
    refund = {"transaction_type_id": "CUSTOMER_REFUND"}
    more = driver.post("contact_payments", paying(anne, "120.00", (note, "120.00"), **refund))
    assert more.status == 422
    short = driver.post("contact_payments", paying(anne, "114.98", (note, "100.00"), **refund))
    assert short.status == 422
    invoice = driver.invoice(anne)
    wrong = driver.post("contact_payments", paying(anne, "5.00", (invoice, "5.00"), **refund))
    assert wrong.status == 422
    driver.payment(anne, "114.98", (note, "114.98"), **refund)
    assert driver.read("sales_credit_notes", note["id"])["outstanding_amount"] == "0.0"


def test_23_a_receipt_is_refunded_through_its_payment_on_account(driver, anne):
    payment = driver.payment(anne, "50.00")
    on_account = payment["payment_on_account"]
    body = paying(anne, "50.00", (on_account, "50.00"), transaction_type_id="CUSTOMER_REFUND")
    assert driver.post("contact_payments", body).status == 201
    now = driver.read("contact_payments", payment["id"])
    assert now["payment_on_account"]["outstanding_amount"] == "0.0"


def test_17_a_payment_in_a_closed_period_stays_as_it_is(driver, anne):
    invoice = driver.invoice(anne)
    payment = driver.payment(anne, "5.00", (invoice, "5.00"))
    driver.accountant(closed_until="2025-03-31")
    assert driver.call("DELETE", f"contact_payments/{payment['id']}").status == 422
    assert driver.put("contact_payments", payment["id"], {"reference": "x"}).status == 422
    assert driver.post("contact_payments", paying(anne, "5.00", (invoice, "5.00"))).status == 422
    assert state(driver, invoice) == ("PART_PAID", "109.98")


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "SubscriptionAccessDenied"), (404, "RecordNotFound"), (422, "RecordInvalid")],
)
def test_21_start_refuses_what_it_does_not_have(status, code):
    driver = Driver(Options(edition_refusal=status), edition="START")
    anne = driver.contact()
    invoice, note = driver.invoice(anne), driver.credit_note(anne, "10.00")
    allocation = allocating(anne, (invoice["id"], 1), (note["id"], -1))
    refund = paying(anne, "11.50", (note, "11.50"), transaction_type_id="CUSTOMER_REFUND")
    draft = driver.credit_note(anne, status_id="DRAFT")
    answers = [
        driver.post("contact_allocations", allocation),
        driver.post("contact_payments", refund),
        driver.post("contact_payments", paying(anne, "5.00")),
        driver.post("contact_payments", paying(anne, "5.00", (invoice, "4.00"))),
        driver.put("sales_credit_notes", note["id"], {"notes": "x"}),
        driver.call("POST", f"sales_credit_notes/{draft['id']}/release"),
        driver.call("POST", "products", {"product": {"description": "x"}}),
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(status, code)}
    assert driver.offences() == ["outside_edition"] * len(answers)
    assert driver.found("contact_payments") == []
    assert state(driver, invoice) == ("UNPAID", "114.98")


def test_21_start_does_the_rest():
    driver = Driver(edition="START")
    anne = driver.contact()
    invoice, note = driver.invoice(anne), driver.credit_note(anne, "10.00")
    payment = driver.payment(anne, "100.00", (invoice, "100.00"))
    unallocated = driver.put("contact_payments", payment["id"], {"allocated_artefacts": []})
    assert unallocated.status == 403
    assert driver.call("DELETE", f"contact_payments/{payment['id']}").status == 204
    reason = {"void_reason": "x"}
    assert driver.call("DELETE", f"sales_credit_notes/{note['id']}", params=reason).status == 200
    assert driver.put("sales_invoices", invoice["id"], {"notes": "x"}).status == 200


def test_16_start_may_after_all_allocate_a_credit_note_once():
    driver = Driver(Options(start_allocates_credit_notes=True), edition="START")
    anne = driver.contact()
    invoice, note = driver.invoice(anne), driver.credit_note(anne, "10.00")
    body = allocating(anne, (invoice["id"], 5), (note["id"], -5))
    assert driver.post("contact_allocations", body).status == 201
    assert driver.post("contact_allocations", body).status == 403


def test_a_second_payment_of_one_reference_day_and_amount_is_an_offence(driver, anne):
    invoice = driver.invoice(anne)
    for amount in ("5.00", "6.00", "5.00"):
        driver.payment(anne, amount, (invoice, amount), reference="T-1")
    assert driver.offences() == ["duplicate_document"]


def test_an_accountant_computes_taxes_by_the_program(driver, anne):
    bare = line(description="Don")
    for name in ("tax_amount", "quantity"):
        del bare[name]
    body = sale(anne, invoice_lines=[bare])
    del body["tax_address_region_id"]
    made = driver.accountant(resource="sales_invoices", create=body)
    assert made["tax_amount"] == "14.98"
    voided = driver.accountant(resource="sales_invoices", id=made["id"], action="void")
    assert voided["status"]["id"] == "VOID"
    draft = driver.accountant(resource="sales_credit_notes", create=credit(anne, status_id="DRAFT"))
    released = driver.accountant(resource="sales_credit_notes", id=draft["id"], action="release")
    assert released["status"]["id"] == "UNPAID"
    receipt = driver.accountant(resource="contact_payments", create=paying(anne, "5.00"))
    driver.accountant(resource="contact_payments", id=receipt["id"], action="delete")
    assert driver.found("contact_payments") == []
    assert driver.offences() == []


@pytest.mark.parametrize(
    "order",
    [
        {"nothing": 1},
        {"resource": "quotes", "create": {}},
        {"resource": "contacts", "id": "none", "set": {"notes": "x"}},
        {"resource": "contacts", "create": {"name": ""}},
        {"edition": "PRO"},
        {"roles": {"Sales": "boss"}},
        {"lead": "f" * 32},
    ],
)
def test_an_order_that_nobody_could_give_is_refused(driver, order):
    order = {"business": "5f0c8e1ad2b94c7e8a6f3b2d1c0e9f71", **order}
    assert driver.admin("POST", "/accountant", order).status == 400
