"""Customers of the simulated Sage 300: (3), (4) and (14) of sage-300.md, section 15."""

import pytest

from tests.sandbox_sage_300_driver import Driver, invoice


@pytest.fixture
def driver():
    return Driver()


def new(number="M1", **more):
    return {"CustomerNumber": number, "GroupCode": "MEMBRE", "CustomerName": "Anne Roy", **more}


def test_4_a_customer_takes_the_defaults_of_its_group(driver):
    made = driver.made("AR/ARCustomers", new("m1"))
    assert made["CustomerNumber"] == "M1"
    assert (made["Terms"], made["TaxGroup"], made["AccountSet"]) == ("N30", "QC", "CAD")
    assert (made["CurrencyCode"], made["Status"], made["OnHold"]) == ("CAD", "Active", "No")
    assert made["TaxClassCode1"] == 1
    assert driver.read("AR/ARCustomers('M1')")["CustomerName"] == "Anne Roy"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CustomerNumber": ""}, "RecordInvalid"),
        ({"GroupCode": ""}, "FieldInvalid"),
        ({"GroupCode": "RIEN"}, "FieldInvalid"),
        ({"Terms": "RIEN"}, "FieldInvalid"),
        ({"TaxGroup": "RIEN"}, "FieldInvalid"),
        ({"CurrencyCode": "USD"}, "FieldInvalid"),
        ({"CustomerNumber": "M" * 13}, "FieldInvalid"),
        ({"CustomerName": "x" * 61}, "FieldInvalid"),
        ({"ShortName": "x" * 11}, "FieldInvalid"),
        ({"AddressLine1": "x" * 61}, "FieldInvalid"),
        ({"City": "x" * 31}, "FieldInvalid"),
        ({"ZipPostalCode": "x" * 21}, "FieldInvalid"),
        ({"PhoneNumber": "1" * 31}, "FieldInvalid"),
        ({"Email": "x" * 51}, "FieldInvalid"),
        ({"Status": "Peut-être"}, "InvalidPayload"),
        ({"CustomerName": 5}, "InvalidPayload"),
        ({"CreditLimitCustomerCurrency": "5"}, "InvalidPayload"),
    ],
)
def test_4_what_a_customer_may_not_be_is_refused(driver, changes, code):
    answer = driver.call("POST", "AR/ARCustomers", new(**changes))
    assert answer.code == code
    assert answer.status == (400 if code == "InvalidPayload" else 409)


def test_4_a_group_is_mandatory_and_a_number_is_taken_once(driver):
    body = new()
    del body["GroupCode"]
    assert driver.refused("AR/ARCustomers", body) == "RecordInvalid"
    driver.made("AR/ARCustomers", new())
    answer = driver.call("POST", "AR/ARCustomers", new("m1"))
    assert (answer.status, answer.code) == (409, "RecordDuplicate")


def test_lengths_are_counted_in_characters(driver):
    made = driver.made("AR/ARCustomers", new(CustomerName="é" * 60))
    assert made["CustomerName"] == "é" * 60


def test_a_patch_changes_what_it_names_and_answers_nothing(driver):
    driver.customer(City="Laval")
    answer = driver.expect(204, "PATCH", "AR/ARCustomers('M00042')", {"CustomerName": "Luc Roy"})
    assert answer.body == b""
    found = driver.read("AR/ARCustomers('M00042')")
    assert (found["CustomerName"], found["City"]) == ("Luc Roy", "Laval")
    assert driver.refused("AR/ARCustomers('M00042')", {"CustomerNumber": "M2"}, "PATCH") == (
        "RecordInvalid"
    )
    assert driver.refused("AR/ARCustomers('M9')", {"City": "x"}, "PATCH") == "RecordNotFound"


def test_phone_numbers_come_back_in_the_companys_mask(driver):
    driver.customer(PhoneNumber="514 555-0123")
    assert driver.read("AR/ARCustomers('M00042')")["PhoneNumber"] == "(514) 555-0123"


def test_3_a_tax_group_sent_before_the_group_is_lost_and_counted(driver):
    driver.accountant(
        create={
            "resource": "TXTaxGroups",
            "record": {"TaxGroupKey": "EXPORT", "TransactionType": "Sales"},
        }
    )
    wrong = {"TaxGroup": "EXPORT", **new()}
    assert driver.made("AR/ARCustomers", wrong)["TaxGroup"] == "QC"
    assert driver.offences() == ["key_order"]
    assert driver.made("AR/ARCustomers", new("M2", TaxGroup="EXPORT"))["TaxGroup"] == "EXPORT"
    assert driver.offences() == ["key_order"]


def test_14_a_put_purges_the_details_that_it_does_not_hold(driver):
    values = [{"OptionalField": "PROV", "Value": "QC"}]
    driver.customer(CustomerOptionalFieldValues=values)
    driver.expect(204, "PATCH", "AR/ARCustomers('M00042')", {"City": "Laval"})
    assert driver.read("AR/ARCustomers('M00042')")["CustomerOptionalFieldValues"]
    driver.expect(204, "PUT", "AR/ARCustomers('M00042')", new("M00042"))
    found = driver.read("AR/ARCustomers('M00042')")
    assert (found["CustomerOptionalFieldValues"], found["City"]) == ([], "")
    assert driver.offences() == ["put"]


def test_an_optional_field_that_the_company_requires_must_come(driver):
    driver.accountant(required_customer_fields=["PROV"])
    answer = driver.call("POST", "AR/ARCustomers", new())
    assert (answer.code, "PROV" in answer.message) == ("RecordInvalid", True)
    value = [{"OptionalField": "PROV", "Value": "QC"}]
    driver.made("AR/ARCustomers", new(CustomerOptionalFieldValues=value))
    bad = [{"OptionalField": "PROV", "Value": 5}]
    assert driver.refused("AR/ARCustomers", new("M2", CustomerOptionalFieldValues=bad)) == (
        "InvalidPayload"
    )


def test_13_a_deleted_customer_is_not_found_at_once_and_one_with_documents_stays(driver):
    driver.customer("M1")
    driver.expect(204, "DELETE", "AR/ARCustomers('M1')")
    assert driver.call("GET", "AR/ARCustomers('M1')").code == "RecordNotFound"
    driver.customer()
    driver.post_invoice(invoice())
    assert driver.refused("AR/ARCustomers('M00042')", None, "DELETE") == "RecordInvalid"
