"""Invoices and credit notes of the simulated Sage Accounting: (14) to (20) and (27)."""

import pytest

from ops.sandbox.sage_accounting import Options
from ops.sandbox.sage_accounting.company import (
    DUES,
    RECEIVABLE,
    TAX_EXEMPT,
    TAX_GST,
    TAX_GST_QST,
    TAX_HST,
    TAX_QST,
)
from tests.sandbox_sage_accounting_driver import Driver, credit, line, sale


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def anne(driver):
    return driver.contact()


@pytest.mark.parametrize("missing", ["contact_id", "date", "invoice_lines"])
def test_14_an_invoice_needs_its_contact_date_and_lines(driver, anne, missing):
    body = sale(anne)
    del body[missing]
    answer = driver.post("sales_invoices", body)
    assert answer.status == 422
    assert f"sales_invoice.{missing}" in answer.sources


@pytest.mark.parametrize(
    "missing", ["description", "ledger_account_id", "quantity", "unit_price", "tax_rate_id"]
)
def test_14_a_line_needs_all_its_parts(driver, anne, missing):
    whole = line()
    del whole[missing]
    answer = driver.post("sales_invoices", sale(anne, invoice_lines=[line(), whole]))
    assert answer.status == 422
    assert f"sales_invoice.invoice_lines[1].{missing}" in answer.sources


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({"reference": "x" * 26}, "reference"),
        ({"notes": "x" * 2001}, "notes"),
        ({"date": "14/03/2025"}, "date"),
        ({"date": "2025-02-30"}, "date"),
        ({"due_date": "2025-03-01"}, "due_date"),
        ({"tax_address_region_id": "CA-ZZ"}, "tax_address_region_id"),
        ({"invoice_lines": []}, "invoice_lines"),
        ({"invoice_lines": "none"}, "invoice_lines"),
        ({"invoice_lines": [line(description="x" * 201)]}, "invoice_lines[0].description"),
        ({"invoice_lines": [line(unit_price="dix")]}, "invoice_lines[0].unit_price"),
        ({"invoice_lines": [line(tax_amount="14.975")]}, "invoice_lines[0].tax_amount"),
        (
            {"invoice_lines": [line(ledger_account_id=RECEIVABLE)]},
            "invoice_lines[0].ledger_account_id",
        ),
        ({"invoice_lines": [line(tax_rate_id="none")]}, "invoice_lines[0].tax_rate_id"),
        (
            {"invoice_lines": [line(tax_rate_id=TAX_HST, tax_amount="13")]},
            "invoice_lines[0].tax_rate_id",
        ),
    ],
)
def test_14_what_an_invoice_cannot_hold_is_named(driver, anne, more, source):
    answer = driver.post("sales_invoices", sale(anne, **more))
    assert answer.status == 422
    assert f"sales_invoice.{source}" in answer.sources
    assert driver.found("sales_invoices") == []


def test_14_a_reference_of_25_characters_goes(driver, anne):
    assert driver.invoice(anne, reference="é" * 25)["reference"] == "é" * 25


def test_14_the_tax_region_is_needed_in_canada(driver, anne):
    body = sale(anne)
    del body["tax_address_region_id"]
    answer = driver.post("sales_invoices", body)
    assert (answer.status, answer.sources) == (422, ["sales_invoice.tax_address_region_id"])
    driver.system.options.region_required = False
    assert driver.invoice(anne, tax_address_region_id=None)["tax_address_region"] is None


def test_14_a_missing_tax_amount_is_refused_and_counted(driver, anne):
    bare = line()
    del bare["tax_amount"]
    answer = driver.post("sales_invoices", sale(anne, invoice_lines=[bare]))
    assert answer.sources == ["sales_invoice.invoice_lines[0].tax_amount"]
    assert driver.offences() == ["tax_amount_missing"]
    driver.system.options.missing_tax_amount = "zero"
    made = driver.invoice(anne, invoice_lines=[bare])
    assert (made["tax_amount"], made["total_amount"]) == ("0.0", "100.0")
    assert driver.offences() == ["tax_amount_missing"] * 2


def test_14_an_exempt_line_infers_its_zero_and_takes_nothing_else(driver, anne):
    exempt = line(tax_rate_id=TAX_EXEMPT)
    del exempt["tax_amount"]
    assert driver.invoice(anne, invoice_lines=[exempt])["tax_amount"] == "0.0"
    taxed = line(tax_rate_id=TAX_EXEMPT, tax_amount="1.00")
    assert driver.post("sales_invoices", sale(anne, invoice_lines=[taxed])).status == 422
    assert driver.offences() == []


@pytest.mark.parametrize(
    ("claimed", "choice", "tolerance", "booked"),
    [
        ("1.52", "refuse", 0, "1.52"),  # each tax to the cent
        ("1.51", "refuse", 0, "1.51"),  # 14.975 % to the cent
        ("1.53", "refuse", 0, None),
        ("1.53", "refuse", 1, "1.53"),
        ("1.53", "recompute", 0, "1.52"),
        ("9.99", "accept", 0, "9.99"),
    ],
)
def test_14_the_claimed_tax_is_checked_as_the_options_say(claimed, choice, tolerance, booked):
    driver = Driver(Options(tax_amount_off=choice, tax_tolerance_cents=tolerance))
    body = sale(driver.contact(), invoice_lines=[line("10.10", tax_amount=claimed)])
    answer = driver.post("sales_invoices", body)
    assert (answer.json["tax_amount"] if answer.status == 201 else None) == booked


@pytest.mark.parametrize("edition", ["START", "MICRO"])
def test_15_start_takes_lines_of_one(edition):
    driver = Driver(edition=edition)
    anne = driver.contact()
    two = line("100.00", quantity="2", unit_price="50.00")
    answer = driver.post("sales_invoices", sale(anne, invoice_lines=[two]))
    assert answer.sources == ["sales_invoice.invoice_lines[0].quantity"]
    assert driver.offences() == ["quantity_in_start"]
    driver.system.options.start_quantity_must_be_one = False
    assert driver.invoice(anne, invoice_lines=[two])["net_amount"] == "100.0"
    assert driver.invoice(anne)["net_amount"] == "100.0"


def test_15_the_full_edition_multiplies_and_takes_discounts_off(driver, anne):
    lines = [
        line("100.00", quantity="3", unit_price="33.333"),
        line("90.00", unit_price="100.00", discount_amount="10.00"),
        line("95.00", unit_price="100.00", discount_percentage="5"),
    ]
    made = driver.invoice(anne, invoice_lines=lines)
    assert [one["net_amount"] for one in made["invoice_lines"]] == ["100.0", "90.0", "95.0"]


def test_16_numbers_follow_each_other_and_a_given_one_moves_the_sequence(driver, anne):
    assert driver.invoice(anne)["invoice_number"] == "SI-1"
    assert driver.invoice(anne)["displayed_as"] == "SI-2"
    assert driver.invoice(anne, invoice_number="40")["invoice_number"] == "SI-40"
    own = driver.invoice(anne, invoice_number="F-77", invoice_number_prefix="F-")
    assert own["invoice_number"] == "F-77"
    assert driver.invoice(anne)["invoice_number"] == "SI-78"
    assert driver.credit_note(anne)["credit_note_number"] == "SCN-1"
    taken = driver.post("sales_invoices", sale(anne, invoice_number="SI-2"))
    assert taken.sources == ["sales_invoice.invoice_number"]
    driver.system.options.duplicate_invoice_number = "accept"
    assert driver.invoice(anne, invoice_number="SI-2")["invoice_number"] == "SI-2"


def test_16_one_sequence_may_serve_both_kinds(driver, anne):
    driver.accountant(invoice_settings={"separate_invoice_credit_note_numbering": False})
    driver.invoice(anne)
    assert driver.credit_note(anne)["credit_note_number"] == "SCN-2"
    assert driver.invoice(anne)["invoice_number"] == "SI-3"


def test_16_the_due_date_comes_from_the_contact_else_from_the_business(driver, anne):
    assert driver.invoice(anne)["due_date"] == "2025-04-13"
    luc = driver.contact("Luc", credit_days=10)
    assert driver.invoice(luc)["due_date"] == "2025-03-24"
    assert driver.invoice(luc, due_date="2025-03-14")["due_date"] == "2025-03-14"


@pytest.mark.parametrize("status", ["UNPAID", "PAID", "PART_PAID", "VOID", "DISPUTED"])
def test_16_a_status_is_computed_and_not_written(driver, anne, status):
    answer = driver.post("sales_invoices", sale(anne, status_id=status))
    assert answer.sources == ["sales_invoice.status_id"]
    made = driver.invoice(anne)
    assert driver.put("sales_invoices", made["id"], {"status_id": status}).status == 422


@pytest.mark.parametrize("status", ["DRAFT", "PRO_FORMA"])
def test_16_a_draft_has_no_transaction_until_it_is_released(driver, anne, status):
    draft = driver.invoice(anne, status_id=status)
    assert (draft["status"]["id"], draft["invoice_number"]) == (status, "SI-DRAFT")
    assert draft["transaction"] is None
    assert draft["outstanding_amount"] == "0.0"
    released = driver.call("POST", f"sales_invoices/{draft['id']}/release")
    assert released.status == 201
    assert (released.json["status"]["id"], released.json["invoice_number"]) == ("UNPAID", "SI-1")
    assert released.json["transaction"]["id"]
    assert driver.call("POST", f"sales_invoices/{draft['id']}/release").status == 422


@pytest.mark.parametrize(
    ("day", "status"),
    [("2024-12-31", 422), ("2025-01-01", 201), ("2014-12-31", 422)],
)
def test_17_a_date_must_be_in_the_open_period(driver, anne, day, status):
    driver.accountant(closed_until="2024-12-31")
    answer = driver.post("sales_invoices", sale(anne, date=day))
    assert answer.status == status
    assert driver.post("sales_credit_notes", credit(anne, date=day)).status == status


def test_17_the_texts_about_closed_dates_are_options(anne, driver):
    driver.system.options.closed_text = "This date is in a closed period"
    driver.system.options.before_start_text = "Before your accounts start date"
    driver.accountant(closed_until="2024-12-31")
    assert "in a closed period" in driver.post("sales_invoices", sale(anne, date="2024-06-01")).text
    driver.accountant(closed_until=None, accounts_start_date="2025-01-01")
    answer = driver.post("sales_invoices", sale(anne, date="2024-06-01"))
    assert "Before your accounts start date" in answer.text
    assert answer.sources == ["sales_invoice.date"]


def test_17_a_locked_invoice_is_neither_changed_nor_void(driver, anne):
    made = driver.invoice(anne)
    driver.accountant(closed_until="2025-03-31")
    assert driver.read("sales_invoices", made["id"])["editable"] is False
    assert driver.put("sales_invoices", made["id"], {"notes": "x"}).status == 422
    voided = driver.call("DELETE", f"sales_invoices/{made['id']}", params={"void_reason": "x"})
    assert (voided.status, voided.sources) == (422, ["sales_invoice.date"])
    driver.accountant(closed_until=None)
    moved = driver.put("sales_invoices", made["id"], {"date": "2014-06-01"})
    assert moved.status == 422
    assert driver.read("sales_invoices", made["id"])["date"] == "2025-03-14"


@pytest.mark.parametrize(
    ("place", "query", "body", "status"),
    [
        ("either", "", None, 422),
        ("either", "Erreur", None, 200),
        ("either", "", {"sales_invoice": {"void_reason": "Erreur"}}, 200),
        ("either", "", {"void_reason": "Erreur"}, 200),
        ("query", "", {"void_reason": "Erreur"}, 422),
        ("body", "Erreur", None, 422),
        ("query", "x" * 201, None, 422),
    ],
)
def test_18_voiding_needs_a_reason(place, query, body, status):
    driver = Driver(Options(void_reason_in=place))
    made = driver.invoice(driver.contact())
    params = {"void_reason": query} if query else {}
    answer = driver.call("DELETE", f"sales_invoices/{made['id']}", body, params=params)
    assert answer.status == status
    if status == 200:
        assert (answer.json["status"]["id"], answer.json["void_reason"]) == ("VOID", "Erreur")
        assert answer.json["outstanding_amount"] == "0.0"
        assert driver.found("sales_invoices", status_id="VOID")[0]["id"] == made["id"]


def test_18_a_paid_document_is_neither_void_nor_changed(driver, anne):
    made = driver.invoice(anne)
    payment = driver.payment(anne, "10.00", (made, "10.00"))
    reason = {"void_reason": "x"}
    assert driver.call("DELETE", f"sales_invoices/{made['id']}", params=reason).status == 422
    assert driver.put("sales_invoices", made["id"], {"notes": "x"}).status == 422
    assert driver.call("DELETE", f"contact_payments/{payment['id']}").status == 204
    assert driver.call("DELETE", f"sales_invoices/{made['id']}", params=reason).status == 200
    assert driver.call("DELETE", f"sales_invoices/{made['id']}", params=reason).status == 422


def test_18_a_draft_is_really_deleted(driver, anne):
    draft = driver.invoice(anne, status_id="DRAFT")
    assert driver.call("DELETE", f"sales_invoices/{draft['id']}").status == 204
    assert driver.call("GET", f"sales_invoices/{draft['id']}").status == 404


def test_20_taxes_come_back_by_component(driver, anne):
    made = driver.invoice(anne, "10.10", "100.00")
    (first, second) = made["invoice_lines"]
    parts = {one["tax_rate"]["id"]: one["amount"] for one in first["tax_breakdown"]}
    assert parts == {TAX_GST: "0.51", TAX_QST: "1.01"}
    assert [one["amount"] for one in second["tax_breakdown"]] == ["5.0", "9.98"]
    totals = {one["tax_rate"]["id"]: one["tax_amount"] for one in made["tax_analysis"]}
    assert totals == {TAX_GST: "5.51", TAX_QST: "10.99"}
    off = driver.invoice(anne, invoice_lines=[line("10.10", tax_amount="1.51")])
    amounts = [one["amount"] for one in off["invoice_lines"][0]["tax_breakdown"]]
    assert amounts == ["0.51", "1.0"]


def test_27_a_plain_read_of_one_document_marks_it_as_sent(driver, anne):
    for resource, made in (
        ("sales_invoices", driver.invoice(anne)),
        ("sales_credit_notes", driver.credit_note(anne)),
    ):
        assert driver.read(resource, made["id"])["sent"] is False
        assert driver.found(resource, attributes="sent")[0]["sent"] is False
        assert driver.call("GET", f"{resource}/{made['id']}").json["sent"] is True
        assert driver.read(resource, made["id"])["sent"] is True
    assert driver.offences() == ["mark_as_sent"] * 2


def test_27_the_last_writer_wins(driver, anne):
    made = driver.invoice(anne, notes="a")
    driver.accountant(resource="sales_invoices", id=made["id"], set={"reference": "R"})
    changed = driver.put("sales_invoices", made["id"], {"notes": "b"}).json
    assert (changed["notes"], changed["reference"]) == ("b", "R")
    assert changed["invoice_number"] == made["invoice_number"]


@pytest.mark.parametrize(("choice", "totals"), [("replace", 1), ("merge", 2)])
def test_27_the_lines_of_a_put_replace_or_join_the_others(choice, totals):
    driver = Driver(Options(lines_of_put=choice))
    made = driver.invoice(driver.contact(), "100.00", "50.00")
    first = made["invoice_lines"][0]
    body = {"invoice_lines": [line("80.00", id=first["id"])]}
    changed = driver.put("sales_invoices", made["id"], body).json
    assert len(changed["invoice_lines"]) == totals
    assert changed["net_amount"] == ("80.0" if choice == "replace" else "130.0")


def test_06_a_credit_note_has_positive_amounts_and_its_own_lines(driver, anne):
    made = driver.credit_note(anne, "100.00", reference="NC-1", original_invoice_date="2025-03-01")
    assert (made["total_amount"], made["outstanding_amount"]) == ("114.98", "114.98")
    assert made["credit_note_lines"][0]["ledger_account"]["id"] == DUES
    assert made["credit_note_lines"][0]["tax_rate"]["id"] == TAX_GST_QST
    changed = driver.put("sales_credit_notes", made["id"], {"notes": "x"})
    assert (changed.status, changed.json["notes"]) == (200, "x")
    voided = driver.call("DELETE", f"sales_credit_notes/{made['id']}", params={"void_reason": "x"})
    assert voided.json["status"]["id"] == "VOID"


def test_a_document_of_negative_total_is_refused(driver, anne):
    lines = [line("10.00"), line("-20.00")]
    assert driver.post("sales_invoices", sale(anne, invoice_lines=lines)).status == 422


def test_search_of_documents_finds_more_than_the_reference_asked_for(driver, anne):
    short = driver.invoice(anne, reference="F-1")
    longer = driver.invoice(anne, reference="F-10")
    driver.invoice(driver.contact("F-1 inc."), reference="X")
    rows = driver.found("sales_invoices", contact_id=anne["id"], search="f-1")
    assert [row["id"] for row in rows] == [short["id"], longer["id"]]
    assert len(driver.found("sales_invoices", search="F-1")) == 3


def test_a_second_document_of_one_reference_is_an_offence(driver, anne):
    first = driver.invoice(anne, reference="F-1")
    driver.invoice(driver.contact("Luc"), reference="F-1")
    assert driver.offences() == []
    driver.call("DELETE", f"sales_invoices/{first['id']}", params={"void_reason": "x"})
    driver.invoice(anne, reference="F-1")
    assert driver.offences() == []
    driver.invoice(anne, reference="F-1")
    assert driver.offences() == ["duplicate_document"]


def test_a_document_can_be_had_as_a_pdf(driver, anne):
    made = driver.invoice(anne)
    answer = driver.call(
        "GET",
        f"sales_invoices/{made['id']}",
        params={"mark_as_sent": "false"},
        headers={"accept": "application/pdf"},
    )
    assert answer.headers["content-type"] == "application/pdf"
