"""What sage-300.md leaves open (section 16), both ways, and what no server prevents: offences."""

import pytest

from ops.sandbox.sage_300 import Options
from tests.sandbox_sage_300_driver import (
    ROOT,
    Driver,
    basic,
    invoice,
    invoice_batch,
    line,
    receipt,
    receipt_batch,
)

INVOICES = "AR/ARInvoiceBatches"


@pytest.fixture
def driver():
    one = Driver()
    one.customer()
    return one


def test_business_errors_may_come_with_other_statuses():
    driver = Driver(invalid_status=400, duplicate_status=400, language="fr-CA")
    driver.customer()
    taken = {"CustomerNumber": "M00042", "CustomerName": "X", "GroupCode": "MEMBRE"}
    answer = driver.call("POST", "AR/ARCustomers", taken)
    assert (answer.status, answer.code) == (400, "RecordDuplicate")
    assert answer.json["error"]["message"]["lang"] == "fr-CA"
    answer = driver.call("POST", INVOICES, invoice_batch(invoice(Terms="RIEN")))
    assert (answer.status, answer.code) == (400, "FieldInvalid")


@pytest.mark.parametrize(("known", "status"), [(False, 400), (True, 200)])
def test_some_versions_know_ge(known, status):
    driver = Driver(ge_operator=known)
    driver.customer()
    answer = driver.call("GET", "AR/ARCustomers?$filter=StartDate ge 2025-06-15")
    assert answer.status == status
    if known:
        assert len(answer.json["value"]) == 1


@pytest.mark.parametrize("length", [50, 100])
def test_an_e_mail_is_as_long_as_the_version_lets_it(length):
    driver = Driver(email_length=length)
    driver.customer(Email="x" * length)
    body = {"Email": "x" * (length + 1)}
    assert driver.refused("AR/ARCustomers('M00042')", body, "PATCH") == "FieldInvalid"


def test_an_option_has_a_name_and_a_type():
    options = Options()
    options.change({"page_size": 5, "cold_start_s": 2})
    assert (options.page_size, options.cold_start_s) == (5, 2)
    for wrong in ({"inconnu": 1}, {"page_size": True}, {"manual_tax": 1}, {"language": 5}):
        with pytest.raises(ValueError, match="option"):
            options.change(wrong)


# Offences.


def test_a_document_made_twice_is_an_offence_while_the_first_stands(driver):
    made = driver.made(INVOICES, invoice_batch(invoice("F-1")))
    driver.made(INVOICES, invoice_batch(invoice("f-1")))
    assert driver.offences() == ["duplicate_document"]
    for number in (made["BatchNumber"], made["BatchNumber"] + 1):
        driver.expect(204, "PATCH", f"{INVOICES}({number})", {"BatchStatus": "Deleted"})
    driver.post_invoice(invoice("F-1"))
    assert driver.offences() == ["duplicate_document"]
    driver.made(INVOICES, invoice_batch(invoice("F-1")))
    assert driver.offences() == ["duplicate_document"] * 2


def test_a_receipt_made_twice_is_an_offence_and_one_without_number_is_not(driver):
    driver.post_invoice(invoice("F-1", line(100.0)))
    rest = "AR/ARReceiptAndAdjustmentBatches"
    for _ in range(2):
        driver.made(rest, receipt_batch(receipt(5.0, ("F-1", 5.0), number="")))
    assert driver.offences() == []
    for _ in range(2):
        driver.made(rest, receipt_batch(receipt(5.0, ("F-1", 5.0))))
    assert driver.offences() == ["duplicate_receipt"]


def test_a_number_taken_by_hand_counts_too(driver):
    driver.accountant(invoice=invoice("F-1"))
    driver.made(INVOICES, invoice_batch(invoice("F-1")))
    assert driver.offences() == ["duplicate_document"]


def test_several_receipts_in_one_batch_or_a_range_posted_are_offences(driver):
    driver.post_invoice(invoice("F-1", line(100.0)))
    two = [receipt(5.0, ("F-1", 5.0), number=n) for n in ("P-1", "P-2")]
    made = driver.made("AR/ARReceiptAndAdjustmentBatches", receipt_batch(*two))
    body = {"PostBatchFrom": made["BatchNumber"], "PostBatchTo": made["BatchNumber"] + 5}
    process = "AR/ARPostReceiptsAndAdjustments('$process')"
    driver.expect(200, "POST", process, {"BatchType": "CA", **body})
    assert driver.offences() == ["many_documents", "range_posted", "posted_not_ready"]


def test_a_refused_write_leaves_its_offence_and_nothing_else(driver):
    body = {"BatchNumber": 5, **invoice_batch(invoice(Terms="RIEN"))}
    assert driver.refused(INVOICES, body) == "FieldInvalid"
    assert driver.offences() == ["numbers_sent"]
    assert driver.made(INVOICES, invoice_batch())["BatchNumber"] == 1


# Values.


@pytest.mark.parametrize(
    "body",
    [
        b'{"CustomerNumber":"M1","CreditLimitCustomerCurrency":NaN}',
        b'{"CustomerNumber":"M1","CreditLimitCustomerCurrency":Infinity}',
        b'{"CustomerNumber":"M1","CreditLimitCustomerCurrency":true}',
        b'{"CustomerNumber":"M1","TaxClassCode1":1.5}',
        b'{"CustomerNumber":"M1","TaxClassCode1":99999999999999999999}',
        b'{"CustomerNumber":"M1","StartDate":null}',
        b'{"CustomerNumber":"M1","StartDate":"2025-02-30"}',
    ],
)
def test_values_that_are_none_are_refused(driver, body):
    headers = {"authorization": basic(), "content-type": "application/json"}
    answer = driver.raw("POST", ROOT + "AR/ARCustomers", headers=headers, body=body)
    assert (answer.status, answer.code) == (400, "InvalidPayload")


def test_an_amount_that_is_too_large_is_refused_and_others_are_rounded_to_cents(driver):
    limit = {"CreditLimitCustomerCurrency": 10**15}
    assert driver.refused("AR/ARCustomers('M00042')", limit, "PATCH") == "FieldInvalid"
    driver.expect(204, "PATCH", "AR/ARCustomers('M00042')", {"CreditLimitCustomerCurrency": 1.005})
    assert driver.read("AR/ARCustomers('M00042')")["CreditLimitCustomerCurrency"] == 1.01


def test_item_details_are_quantity_times_price(driver):
    item = {"RevenueAccount": "4100", "ItemNumber": "COTIS", "Quantity": 3, "Price": 33.33}
    made = driver.made(INVOICES, invoice_batch({**invoice("F-1", item), "InvoiceType": "Item"}))
    assert made["Invoices"][0]["DocumentTotalBeforeTax"] == 99.99


def test_payments_of_a_document_are_paid_one_by_one(driver):
    two = [
        {"PaymentNumber": 1, "DueDate": "2025-04-01", "AmountDue": 100},
        {"PaymentNumber": 2, "DueDate": "2025-05-01", "AmountDue": 14.98},
    ]
    driver.post_invoice({**invoice("F-1", line(100.0)), "InvoicePaymentSchedules": two})
    rest = "AR/ARReceiptAndAdjustmentBatches"
    entry = receipt(20.0, ("F-1", 20.0))
    entry["AppliedReceiptsAdjustments"][0]["PaymentNumber"] = 2
    assert driver.refused(rest, receipt_batch(entry)) == "RecordInvalid"
    entry = receipt(14.98, ("F-1", 14.98))
    entry["AppliedReceiptsAdjustments"][0]["PaymentNumber"] = 2
    driver.post_receipt(entry)
    assert driver.due("F-1") == 100
    credit = {**invoice("C-1", line(50.0)), "DocumentType": "CreditNote", "ApplytoDocument": "F-1"}
    driver.post_invoice(credit)
    assert driver.due("F-1") == 42.51


def test_the_currency_of_a_customer_with_documents_stays(driver):
    driver.post_invoice(invoice("F-1"))
    profile = {"Multicurrency": "Yes"}
    driver.accountant(alter={"resource": "CSCompanyProfile", "key": ["MTLDAT"], "set": profile})
    body = {"CurrencyCode": "USD"}
    assert driver.refused("AR/ARCustomers('M00042')", body, "PATCH") == "RecordInvalid"
    driver.customer("M2", CurrencyCode="USD")
    entry = {**invoice("F-2"), "CustomerNumber": "M2"}
    assert driver.post_invoice({**entry, "CurrencyCode": "CAD"})["NumberOfErrors"] == 0


@pytest.mark.parametrize("missing", ["CustomerNumber", "InvoiceDetails"])
def test_an_invoice_has_a_customer_and_details(driver, missing):
    entry = {k: v for k, v in invoice("F-1").items() if k not in (missing, "TaxGroup", "DueDate")}
    assert driver.refused(INVOICES, invoice_batch(entry)) == "RecordInvalid"


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("POST", "AR/ARCustomers('M00042')"),
        ("PATCH", "AR/ARCustomers"),
        ("DELETE", "AR/ARCustomers"),
        ("PATCH", "AR/ARInvoiceBatches"),
        ("GET", "AR/ARCustomers(5)"),
        ("GET", "AR/ARCustomers('M1''')')"),
        ("GET", "AR/ARCustomers('M1';'M2')"),
    ],
)
def test_a_key_goes_with_its_verb_and_is_of_its_type(driver, method, rest):
    answer = driver.call(method, rest, {})
    assert (answer.status, answer.code) == (400, "InvalidEntityKey")
    assert driver.offences() == ["invalid_key"]


def test_a_batch_type_may_be_given_by_its_figure(driver):
    rest = "AR/ARReceiptAndAdjustmentBatches"
    driver.made(rest, {"BatchRecordType": "1", "BankCode": "BNC"})
    assert driver.read(f"{rest}(BatchRecordType='1',BatchNumber=1)")["BatchRecordType"] == "CA"
