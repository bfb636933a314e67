"""Receipts and adjustments of the simulated Sage 300: (8) of sage-300.md, section 15."""

import pytest

from tests.sandbox_sage_300_driver import (
    Driver,
    credit_note,
    invoice,
    line,
    receipt,
    receipt_batch,
    receipt_key,
)

BATCHES = "AR/ARReceiptAndAdjustmentBatches"


def with_invoice(**options):
    """A driver whose books hold F-1, of 114.98."""
    driver = Driver(**options)
    driver.customer()
    driver.post_invoice(invoice("F-1", line(100.0)))
    return driver


@pytest.fixture
def driver():
    return with_invoice()


def test_8_a_receipt_gets_a_number_of_the_system_and_pays_in_part(driver):
    batch = driver.post_receipt(receipt(50.0, ("F-1", 50.0)))
    (entry,) = batch["ReceiptsAdjustments"]
    assert entry["DocumentNumber"] == "PY0000000001"
    assert (entry["TotalCustomerAmountApplied"], entry["CustomerUnappliedAmount"]) == (50.0, 0.0)
    assert driver.due("F-1") == 64.98
    where = "CustomerNumber eq 'M00042' and CheckReceiptNumber eq 'PAY-88123'"
    for resource in ("ARPostedReceipts", "ARPayments"):
        (found,) = driver.rows(f"AR/{resource}?$filter={where}")
        assert (found["BankReceiptAmount"], found["BatchNumber"]) == (50.0, 1)
    (found,) = driver.rows(f"AR/ARPostedDocuments?$filter={where}")
    assert (found["DocumentType"], found["DocumentNumber"]) == ("Receipt", "PY0000000001")
    driver.post_receipt(receipt(64.98, ("F-1", 64.98), number="PAY-2"))
    paid = driver.read("AR/ARPostedDocuments(CustomerNumber='M00042',DocumentNumber='F-1')")
    assert (paid["FullyPaid"], paid["DatePaid"]) == ("Yes", "2025-03-05T00:00:00Z")
    assert driver.offences() == []


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (receipt(50.0, ("RIEN", 50.0)), "FieldInvalid"),
        (receipt(120.0, ("F-1", 120.0)), "RecordInvalid"),
        (receipt(100.0, ("F-1", 60.0), ("F-1", 40.0), ("F-1", 20.0)), "RecordInvalid"),
        (receipt(50.0, ("F-1", 60.0)), "RecordInvalid"),
        (receipt(50.0, ("F-1", 40.0)), "RecordInvalid"),
        (receipt(50.0, ("F-1", -50.0)), "RecordInvalid"),
        (receipt(0.0), "RecordInvalid"),
        (receipt(-5.0), "RecordInvalid"),
        (receipt(50.0, ("F-1", 50.0), PaymentCode="RIEN"), "FieldInvalid"),
        (receipt(50.0, ("F-1", 50.0), CustomerNumber="RIEN"), "FieldInvalid"),
        (receipt(50.0, ("F-1", 50.0), number="P" * 25), "FieldInvalid"),
        (receipt(50.0, ("F-1", 50.0), EntryDescription="x" * 61), "FieldInvalid"),
        (receipt(50.0, ("F-1", 50.0), BankCode="RIEN"), "FieldInvalid"),
        (receipt(50.0, ReceiptTransactionType="MiscReceipt"), "FieldInvalid"),
        (receipt(50.0, ("F-1", 50.0), PostingDate="1999-01-01"), "FieldInvalid"),
    ],
)
def test_8_what_a_receipt_may_not_be_is_refused(driver, entry, code):
    assert driver.refused(BATCHES, receipt_batch(entry)) == code
    assert driver.rows(BATCHES) == []


def test_8_a_document_must_be_posted_before_it_is_paid(driver):
    driver.made("AR/ARInvoiceBatches", {"Invoices": [invoice("F-2")]})
    assert driver.refused(BATCHES, receipt_batch(receipt(5.0, ("F-2", 5.0)))) == "FieldInvalid"


def test_8_a_wrong_payment_number_is_refused(driver):
    entry = receipt(5.0, ("F-1", 5.0))
    entry["AppliedReceiptsAdjustments"][0]["PaymentNumber"] = 2
    assert driver.refused(BATCHES, receipt_batch(entry)) == "FieldInvalid"


def test_8_the_batch_type_and_the_bank_are_required(driver):
    body = receipt_batch(receipt(5.0, ("F-1", 5.0)))
    for name in ("BatchRecordType", "BankCode"):
        without = {k: v for k, v in body.items() if k != name}
        assert driver.refused(BATCHES, without) == "RecordInvalid"


def test_8_a_document_paid_in_the_meantime_makes_an_error_batch(driver):
    made = driver.made(BATCHES, receipt_batch(receipt(114.98, ("F-1", 114.98))))
    driver.post_receipt(receipt(50.0, ("F-1", 50.0), number="PAY-2"))
    rest = receipt_key(made["BatchNumber"])
    driver.ready(rest)
    driver.process_receipts(made["BatchNumber"])
    assert driver.read(rest)["NumberOfErrors"] == 1
    assert driver.due("F-1") == 64.98
    assert driver.read(receipt_key(3))["BatchStatus"] == "Open"


def test_8_a_prepayment_is_applied_later_by_lines_of_both_signs(driver):
    entry = receipt(114.98, ReceiptTransactionType="Prepayment")
    batch = driver.post_receipt(entry)
    number = batch["ReceiptsAdjustments"][0]["DocumentNumber"]
    assert (number[:2], driver.due(number)) == ("PP", -114.98)
    both = receipt(0.0, ("F-1", 114.98), (number, -114.98), number="")
    assert driver.post_receipt(both)["NumberOfErrors"] == 0
    assert (driver.due(number), driver.due("F-1")) == (0, 0)


def test_8_an_open_credit_is_applied_by_an_apply_document_entry(driver):
    driver.post_invoice(credit_note("C-1", line(20.0)))
    entry = receipt(0.0, ("F-1", 23.0), number="", ReceiptTransactionType="ApplyDocument")
    entry |= {"DocumentType": "CreditNote", "DocumentNumber": "C-1"}
    entry["AppliedReceiptsAdjustments"] = entry.pop("AppliedReceiptsAdjustments")
    driver.post_receipt(entry)
    assert (driver.due("C-1"), driver.due("F-1")) == (0, 91.98)
    assert driver.refused(BATCHES, receipt_batch(entry)) == "RecordInvalid"


def test_8_unapplied_cash_stays_open(driver):
    batch = driver.post_receipt(receipt(30.0, ReceiptTransactionType="UnappliedCash"))
    number = batch["ReceiptsAdjustments"][0]["DocumentNumber"]
    assert (number[:2], driver.due(number)) == ("UC", -30.0)


def test_8_what_is_not_applied_stays_open_where_the_company_allows_it():
    driver = with_invoice(unapplied_receipts="allowed")
    batch = driver.post_receipt(receipt(50.0, ("F-1", 40.0)))
    (entry,) = batch["ReceiptsAdjustments"]
    assert entry["CustomerUnappliedAmount"] == 10.0
    assert driver.due(entry["DocumentNumber"]) == -10.0


@pytest.mark.parametrize("mode", ["none", "warning", "error"])
def test_8_a_check_number_may_come_twice_unless_the_company_checks(mode):
    driver = with_invoice(duplicate_checks=mode)
    driver.post_receipt(receipt(50.0, ("F-1", 50.0)))
    answer = driver.call("POST", BATCHES, receipt_batch(receipt(5.0, ("F-1", 5.0))))
    assert answer.status == (409 if mode == "error" else 201)
    if mode != "error":
        warnings = answer.json["ReceiptsAdjustments"][0]["Warnings"]
        assert len(warnings) == (1 if mode == "warning" else 0)
        assert driver.offences() == ["duplicate_receipt"]


@pytest.mark.parametrize("name", ["PostingDate", "DatePosted"])
def test_the_posting_date_has_another_name_in_some_versions(name):
    driver = with_invoice(receipt_posting_date=name)
    entry = receipt(5.0, ("F-1", 5.0))
    if name != "PostingDate":
        assert driver.refused(BATCHES, receipt_batch(entry)) == "InvalidPayload"
    entry = {(name if k == "PostingDate" else k): v for k, v in entry.items()}
    entry[name] = "2025-04-09"
    found = driver.post_receipt(entry)["ReceiptsAdjustments"][0]
    assert (found[name], found["FiscalPeriod"]) == ("2025-04-09T00:00:00Z", "04")


def test_an_adjustment_changes_what_is_due(driver):
    distribution = {"DistributionAmount": -14.98, "DistributionGLAccount": "4200"}
    applied = {
        "BatchType": "AD",
        "CustomerNumber": "M00042",
        "DocumentNumber": "F-1",
        "PaymentNumber": 1,
        "AdjustmentGLDistributions": [distribution],
    }
    entry = {
        "BatchType": "AD",
        "CustomerNumber": "M00042",
        "ReceiptDateAdjustmentDate": "2025-03-05",
        "AppliedReceiptsAdjustments": [applied],
    }
    body = {"BatchRecordType": "AD", "Description": "x", "ReceiptsAdjustments": [entry]}
    made = driver.made(BATCHES, body)
    driver.ready(receipt_key(made["BatchNumber"], "AD"))
    driver.process_receipts(made["BatchNumber"], "AD")
    assert driver.due("F-1") == 100.0


def test_an_open_receipt_is_changed_by_patch(driver):
    number = driver.made(BATCHES, receipt_batch(receipt(50.0, ("F-1", 50.0))))["BatchNumber"]
    line_ = {"UpdateOperation": "Update", "LineNumber": 20, "CustomerReceiptAmount": 60.0}
    entry = {"UpdateOperation": "Update", "EntryNumber": 1, "BankReceiptAmount": 60.0}
    entry["AppliedReceiptsAdjustments"] = [line_]
    driver.expect(204, "PATCH", receipt_key(number), {"ReceiptsAdjustments": [entry]})
    assert driver.read(receipt_key(number))["BatchTotal"] == 60.0
    assert driver.offences() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CustomerNumber": "AUTRE"}, "FieldInvalid"),
        ({"DocumentNumber": "RIEN"}, "FieldInvalid"),
        ({"CustomerReceiptAmount": 0}, "RecordInvalid"),
    ],
)
def test_8_an_applied_line_names_an_open_document_of_that_customer(driver, changes, code):
    entry = receipt(50.0, ("F-1", 50.0))
    entry["AppliedReceiptsAdjustments"][0] |= changes
    assert driver.refused(BATCHES, receipt_batch(entry)) == code


def test_a_source_that_does_not_exist_applies_nothing(driver):
    entry = receipt(0.0, ("F-1", 5.0), ReceiptTransactionType="ApplyDocument")
    assert driver.refused(BATCHES, receipt_batch(entry)) == "FieldInvalid"
    for missing in ({"CustomerNumber": ""}, {"BankReceiptAmount": 0.0}):
        prepaid = receipt(5.0, ReceiptTransactionType="Prepayment") | missing
        assert driver.call("POST", BATCHES, receipt_batch(prepaid)).status == 409
