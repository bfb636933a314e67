"""Whatever a client sends, the simulated Sage Accounting answers by its rules, or says no."""

import json

import pytest

from ops.sandbox.sage_accounting import Options
from ops.sandbox.sage_accounting.company import BANK, DEFERRED, DUES
from tests.sandbox_sage_accounting_driver import Driver, credit, line, paying, sale

JUNK = (
    *(None, True, 0, -1, 5.5, "", " ", "x" * 5000, "é\u0000", "1e400", "²", "NaN"),
    *([], {}, [5], [{}], [[]], {"id": []}),
)


def bodies(driver):
    """A body of each resource that would be taken as it is."""
    anne = driver.contact("Anne")
    invoice, note = driver.invoice(anne), driver.credit_note(anne)
    return {
        "contacts": {
            "name": "Luc",
            "contact_type_ids": ["CUSTOMER"],
            "reference": "C1",
            "email": "a@b.ca",
            "credit_days": 5,
            "credit_terms": "month_end_invoice",
            "main_address": {"city": "Laval", "country_id": "CA", "address_type_id": "ACCOUNTS"},
            "main_contact_person": {"contact_person_type_ids": ["ACCOUNTS"], "email": "a@b.ca"},
            "default_sales_ledger_account_id": DUES,
        },
        "sales_invoices": sale(
            anne,
            invoice_number="7",
            invoice_number_prefix="F-",
            status_id="DRAFT",
            due_date="2025-04-01",
        ),
        "sales_credit_notes": credit(
            anne, original_invoice_date="2025-01-01", original_invoice_number="SI-1"
        ),
        "contact_payments": paying(anne, "5.00", (invoice, "5.00"), reference="T"),
        "contact_allocations": {
            "transaction_type_id": "CUSTOMER_ALLOCATION",
            "contact_id": anne["id"],
            "allocated_artefacts": [
                {"artefact_id": invoice["id"], "amount": "1"},
                {"artefact_id": note["id"], "amount": "-1"},
            ],
        },
        "journals": {
            "date": "2025-03-31",
            "reference": "R",
            "description": "d",
            "journal_lines": [
                {"ledger_account_id": DEFERRED, "debit": "1.00", "credit": "0", "details": "x"},
                {"ledger_account_id": DUES, "debit": "0", "credit": "1.00"},
            ],
        },
    }


def variants(body):
    """The body with junk in the place of each value, however deep."""
    for name, value in body.items():
        for junk in JUNK:
            yield {**body, name: junk}
        if isinstance(value, dict):
            for inner in variants(value):
                yield {**body, name: inner}
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for inner in variants(value[0]):
                yield {**body, name: [inner, *value[1:]]}


@pytest.mark.parametrize("edition", ["ACCOUNTING", "START"])
@pytest.mark.parametrize("choice", ["strict", "loose"])
def test_junk_in_any_attribute_is_taken_or_refused(edition, choice):
    loose = Options(
        lines_of_put="merge",
        missing_tax_amount="zero",
        tax_amount_off="recompute",
        duplicate_contact_names="suffix",
        edition_refusal=422,
        start_allocates_credit_notes=True,
    )
    driver = Driver(loose if choice == "loose" else Options(edition_refusal=422), edition=edition)
    known = bodies(driver)
    made = {}
    for resource, body in known.items():
        first = driver.post(resource, body)
        if first.status == 201:
            made[resource] = first.json["id"]
        for variant in variants(body):
            answer = driver.post(resource, variant)
            assert answer.status in (201, 422), (resource, variant, answer.text)
    for resource, number in made.items():
        for variant in variants(known[resource]):
            answer = driver.put(resource, number, variant)
            assert answer.status in (200, 405, 422), (resource, variant, answer.text)
    assert json.loads(driver.admin("GET", "/dump").body)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "contacts/none",
        "contacts/a/b/c",
        "sales_invoices/none/release",
        "journals/none/release",
        "tax_rates/none",
        "financial_settings",
        "businesses",
        "user",
        "nothing",
    ],
)
def test_any_verb_on_any_path_has_an_answer(method, path):
    answer = Driver().call(method, path, {"contact": {"name": "x"}})
    assert answer.status in (200, 404, 405, 422)


@pytest.mark.parametrize("name", ["page", "items_per_page", "attributes", "sort", "search"])
@pytest.mark.parametrize("value", ["", "0", "-1", "²", "é", "99999999999999999999", ",", "date"])
def test_any_parameter_of_a_list_has_an_answer(name, value):
    driver = Driver()
    driver.invoice(driver.contact())
    assert driver.call("GET", "sales_invoices", params={name: value}).status == 200


def test_a_bank_account_is_no_ledger_account():
    driver = Driver()
    body = sale(driver.contact(), invoice_lines=[line(ledger_account_id=BANK)])
    assert driver.post("sales_invoices", body).status == 422
