"""Customers of the simulated Business Central: (5) of its list, and what a person does by hand."""

import pytest

from ops.sandbox.business_central.company import TERM
from tests.sandbox_bc_driver import Driver, sale


@pytest.fixture
def driver():
    return Driver()


def test_05_a_display_name_is_required_and_stays(driver):
    for body in ({}, {"displayName": "  "}):
        assert driver.post("customers", body).code == "Application_DialogException"
    made = driver.customer()
    assert driver.patch(f"customers({made['id']})", {"displayName": ""}).status == 400


def test_05_a_number_is_given_by_the_series_or_by_hand_when_that_is_allowed(driver):
    first = driver.made("customers", {"displayName": "Série"})
    assert first["number"].startswith("C1")
    assert driver.made("customers", {"displayName": "Série"})["number"] > first["number"]
    driver.set(manual_customer_numbers=False)
    refused = driver.post("customers", {"displayName": "X", "number": "M-1"})
    assert "may not enter numbers manually" in refused.message
    assert driver.post("customers", {"displayName": "X"}).status == 201


def test_05_a_number_that_exists_is_a_key_violation(driver):
    driver.customer("M-1")
    refused = driver.post("customers", {"displayName": "Autre", "number": " m-1 "})
    assert (refused.status, refused.code) == (400, "Internal_EntityWithSameKeyExists")


def test_05_missing_posting_groups_fail_the_invoice_not_the_customer(driver):
    driver.set(posting_groups_missing=True)
    customer = driver.customer()
    refused = driver.post("salesInvoices", sale(customer))
    assert refused.code == "Application_FieldValidationException"
    assert "Customer Posting Group must have a value" in refused.message
    driver.accountant(customer=customer["number"], posting_groups=True)
    assert driver.post("salesInvoices", sale(customer)).status == 201


def test_05_another_number_in_a_patch_renames_the_customer_and_its_history(driver):
    customer = driver.customer("M-1")
    posted = driver.posted(customer, 100)
    driver.pay(posted, 50)
    driver.patch(f"customers({customer['id']})", {"number": "M-2"})
    assert driver.read(f"salesInvoices({posted['id']})")["customerNumber"] == "M-2"
    assert driver.read(f"customers({customer['id']})")["balanceDue"] == 64.98
    assert driver.offences() == ["customer_number_patched"]


def test_05_references_must_exist(driver):
    stranger = "11111111-1111-1111-1111-111111111111"
    for body, code, words in (
        ({"paymentTermsId": stranger}, "Application_DialogException", "paymentTermsId"),
        ({"taxAreaId": stranger}, "Application_DialogException", "taxAreaId"),
        ({"country": "XX"}, "Internal_InvalidTableRelation", "Country/Region Code"),
        ({"currencyCode": "XXX"}, "Application_DialogException", "currencyCode"),
        ({"phoneNumber": "poste B"}, "Application_FieldValidationException", "letters"),
    ):
        refused = driver.post("customers", {"displayName": "X", **body})
        assert (refused.code, words in refused.message) == (code, True), body
    euro = driver.id_of("currencies", "EUR")
    both = driver.post("customers", {"displayName": "X", "currencyId": euro, "currencyCode": "USD"})
    assert "do not match" in both.message


def test_05_the_terms_of_the_customer_give_the_due_date(driver):
    customer = driver.customer(paymentTermsId=driver.id_of("paymentTerms", TERM))
    assert driver.draft(customer)["dueDate"] == "2026-04-01"
    assert driver.draft(customer, dueDate="2026-03-05", externalDocumentNumber="B")["dueDate"] == (
        "2026-03-05"
    )


def test_a_customer_with_history_is_not_deleted(driver):
    customer = driver.customer()
    driver.draft(customer)
    refused = driver.call("DELETE", f"customers({customer['id']})", headers={"If-Match": "*"})
    assert refused.status == 400
    assert driver.offences() == ["customer_deleted"]


def test_a_person_creates_changes_and_posts_without_offence(driver):
    made = driver.accountant(create_customer={"number": "H-1", "displayName": "À la main"})
    driver.accountant(customer="H-1", set={"displayName": "Renommé", "number": "H-2"})
    body = sale({"number": "H-2"})
    posted = driver.accountant(invoice=body)
    draft = driver.accountant(invoice=body, draft=True)
    assert (posted["status"], draft["status"]) == ("Open", "Draft")
    driver.accountant(document=draft["id"], action="delete")
    driver.accountant(document=posted["id"], action="cancel")
    assert driver.read(f"salesInvoices({posted['id']})")["status"] == "Canceled"
    assert driver.read(f"customers({made['id']})")["displayName"] == "Renommé"
    assert driver.offences() == []
