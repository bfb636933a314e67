"""Invoice batches: (3), (5), (6), (7) and (10) of sage-300.md, section 15."""

import pytest

from tests.sandbox_sage_300_driver import (
    Driver,
    credit_note,
    exempt,
    invoice,
    invoice_batch,
    line,
)


@pytest.fixture
def driver():
    one = Driver()
    one.customer()
    return one


def entry_of(driver, entry):
    return driver.made("AR/ARInvoiceBatches", invoice_batch(entry))["Invoices"][0]


def test_5_every_post_is_a_new_batch_and_numbers_sent_are_ignored(driver):
    first = driver.made("AR/ARInvoiceBatches", invoice_batch())
    second = driver.made(
        "AR/ARInvoiceBatches", {"BatchNumber": 75, **invoice_batch(invoice("F-2"))}
    )
    assert (first["BatchNumber"], second["BatchNumber"]) == (1, 2)
    assert second["Invoices"][0]["BatchNumber"] == 2
    assert [d["LineNumber"] for d in second["Invoices"][0]["InvoiceDetails"]] == [20]
    assert (second["BatchStatus"], second["NumberOfEntries"]) == ("Open", 1)
    assert driver.offences() == ["numbers_sent"]


def test_5_a_document_without_number_gets_one(driver):
    entry = invoice()
    del entry["DocumentNumber"]
    assert entry_of(driver, entry)["DocumentNumber"] == "IN0000000001"


def test_10_taxes_are_computed_by_class_and_totals_returned(driver):
    entry = entry_of(driver, invoice("F-1", line(33.33), line(33.33), exempt(10.0)))
    assert (entry["TaxBase1"], entry["TaxAmount1"]) == (76.66, 3.33)
    assert (entry["TaxBase2"], entry["TaxAmount2"]) == (76.66, 6.65)
    assert entry["DocumentTotalBeforeTax"] == 76.66
    assert entry["DocumentTotalIncludingTax"] == 86.64
    (schedule,) = entry["InvoicePaymentSchedules"]
    assert (schedule["AmountDue"], schedule["DueDate"]) == (86.64, "2025-04-01T00:00:00Z")


def test_10_a_group_may_compute_by_detail(driver):
    driver.accountant(
        alter={
            "resource": "TXTaxGroups",
            "key": ["QC", "Sales"],
            "set": {"TaxCalculationMethod": "CalculateTaxByDetail"},
        }
    )
    lines = [line(0.1), line(0.1)]
    entry = entry_of(driver, invoice("F-1", *lines))
    assert (entry["TaxAmount1"], entry["TaxAmount2"]) == (0.02, 0.02)
    driver.accountant(
        alter={
            "resource": "TXTaxGroups",
            "key": ["QC", "Sales"],
            "set": {"TaxCalculationMethod": "CalculateTaxBySummary", "Surtax2": "Yes"},
        }
    )
    entry = entry_of(driver, invoice("F-2", line(100.0)))
    assert entry["TaxAmount2"] == 10.47


def test_10_tax_included_in_the_price_is_taken_out(driver):
    included = line(114.98, TaxIncluded1="Yes", TaxIncluded2="Yes")
    entry = entry_of(driver, invoice("F-1", included))
    assert entry["InvoiceDetails"][0]["ExtendedAmountWithoutTIP"] == 100.0
    assert entry["DocumentTotalIncludingTax"] == 114.98


@pytest.mark.parametrize(("manual", "tax"), [(False, 5.0), (True, 5.01)])
def test_10_tax_amounts_sent_stick_only_where_taxes_are_manual(manual, tax):
    driver = Driver(manual_tax=manual)
    driver.customer()
    assert (
        entry_of(driver, {**invoice("F-1", line(100.0)), "TaxAmount1": 5.01})["TaxAmount1"] == tax
    )
    by_line = invoice("F-2", line(60.0, TaxAmount1=3.01), line(40.0, TaxAmount1=2.0))
    assert entry_of(driver, by_line)["TaxAmount1"] == tax


def test_3_later_puts_overwrite_what_was_sent_before_them(driver):
    group = {"TaxGroupKey": "EXPORT", "TransactionType": "Sales"}
    driver.accountant(create={"resource": "TXTaxGroups", "record": group})
    early = {"TaxGroup": "EXPORT", **{k: v for k, v in invoice().items() if k != "TaxGroup"}}
    assert entry_of(driver, early)["TaxGroup"] == "QC"
    assert driver.offences() == ["key_order"]
    late = entry_of(driver, invoice("F-2", TaxGroup="EXPORT"))
    assert (late["TaxGroup"], late["TaxTotal"]) == ("EXPORT", 0.0)


def test_3_a_due_date_sent_before_the_terms_is_computed_again(driver):
    entry = entry_of(driver, {**invoice(), "Terms": "CPT"})
    assert entry["DueDate"] == "2025-03-02T00:00:00Z"
    assert driver.offences() == ["key_order"]


def test_3_sorted_keys_lose_the_due_date(driver):
    body = invoice(DueDate="2025-03-09", Terms="N30")
    entry = entry_of(driver, dict(sorted(body.items())))
    assert entry["DueDate"] == "2025-04-01T00:00:00Z"
    assert driver.offences() == ["key_order"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CustomerNumber": "RIEN"}, "FieldInvalid"),
        ({"DocumentNumber": "F" * 23}, "FieldInvalid"),
        ({"InvoiceDescription": "x" * 61}, "FieldInvalid"),
        ({"TaxGroup": "RIEN"}, "FieldInvalid"),
        ({"Terms": "RIEN"}, "FieldInvalid"),
        ({"CurrencyCode": "USD"}, "FieldInvalid"),
        ({"ApplytoDocument": "F-1"}, "FieldInvalid"),
        ({"DocumentType": "CreditNote", "ApplytoDocument": "F-1"}, "FieldInvalid"),
        ({"DocumentType": "Facture"}, "InvalidPayload"),
        ({"InvoiceDetails": []}, "RecordInvalid"),
        ({"InvoiceDetails": {}}, "InvalidPayload"),
        ({"InvoiceDetails": [{"ExtendedAmountWithTIP": 5}]}, "RecordInvalid"),
        ({"InvoiceDetails": [line(5.0, RevenueAccount="9999")]}, "FieldInvalid"),
        ({"InvoiceDetails": [line(5.0, DistributionCode="RIEN")]}, "FieldInvalid"),
        ({"InvoiceDetails": [line(5.0, TaxClass1=11)]}, "FieldInvalid"),
        ({"InvoiceDetails": [line(5.0, Inconnu=1)]}, "InvalidPayload"),
        ({"InvoiceDetails": [line(-5.0)]}, "RecordInvalid"),
        ({"DocumentDate": "le 2 mars"}, "InvalidPayload"),
        ({"PostingDate": "1999-01-01"}, "FieldInvalid"),
    ],
)
def test_4_what_an_invoice_may_not_be_is_refused_and_leaves_nothing(driver, changes, code):
    assert driver.refused("AR/ARInvoiceBatches", invoice_batch({**invoice(), **changes})) == code
    assert driver.rows("AR/ARInvoiceBatches") == []


def test_a_distribution_code_gives_its_account_and_is_upper_case(driver):
    entry = invoice("F-1", {"DistributionCode": "cotis", "ExtendedAmountWithTIP": 240})
    found = entry_of(driver, entry)["InvoiceDetails"][0]
    assert (found["DistributionCode"], found["RevenueAccount"]) == ("COTIS", "4100")


def test_several_payments_must_make_the_total(driver):
    two = [
        {"PaymentNumber": 1, "DueDate": "2025-04-01", "AmountDue": 100},
        {"PaymentNumber": 2, "DueDate": "2025-05-01", "AmountDue": 14.98},
    ]
    entry = entry_of(driver, {**invoice("F-1", line(100.0)), "InvoicePaymentSchedules": two})
    assert [s["AmountDue"] for s in entry["InvoicePaymentSchedules"]] == [100.0, 14.98]
    two[1]["AmountDue"] = 14.99
    wrong = {**invoice("F-2", line(100.0)), "InvoicePaymentSchedules": two}
    assert driver.refused("AR/ARInvoiceBatches", invoice_batch(wrong)) == "RecordInvalid"


@pytest.mark.parametrize(
    ("field", "option"), [("Status", "inactive_customer"), ("OnHold", "on_hold_customer")]
)
def test_a_customer_inactive_or_on_hold_gives_an_error_or_a_warning(field, option):
    value = {"Status": "Inactive", "OnHold": "Yes"}[field]
    for mode in ("error", "warning"):
        driver = Driver(**{option: mode})
        driver.customer()
        driver.accountant(
            alter={"resource": "ARCustomers", "key": ["M00042"], "set": {field: value}}
        )
        if mode == "error":
            assert driver.refused("AR/ARInvoiceBatches", invoice_batch()) == "RecordInvalid"
        else:
            (warning,) = entry_of(driver, invoice())["Warnings"]
            assert warning["Priority"] == "Warning"


def test_a_credit_limit_is_a_warning(driver):
    driver.expect(204, "PATCH", "AR/ARCustomers('M00042')", {"CreditLimitCustomerCurrency": 100})
    (warning,) = entry_of(driver, invoice())["Warnings"]
    assert "credit limit" in warning["Message"]


# The life of a batch.


def test_6_an_open_batch_is_edited_a_ready_one_is_not(driver):
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"
    driver.expect(204, "PATCH", rest, {"Description": "autre"})
    driver.ready(rest)
    assert driver.read(rest)["BatchStatus"] == "ReadyToPost"
    assert driver.refused(rest, {"Description": "x"}, "PATCH") == "RecordInvalid"
    driver.ready(rest)
    driver.expect(204, "PATCH", rest, {"BatchStatus": "Open"})
    driver.expect(204, "PATCH", rest, {"Description": "encore"})
    driver.ready(rest)
    assert driver.process_invoices(number).status == 200
    assert driver.read(rest)["BatchStatus"] == "Posted"
    for body in ({"Description": "x"}, {"BatchStatus": "Open"}, {"BatchStatus": "ReadyToPost"}):
        assert driver.refused(rest, body, "PATCH") == "RecordInvalid"


@pytest.mark.parametrize("status", ["Posted", "PostInProgress"])
def test_6_nobody_sets_a_batch_posted_by_hand(driver, status):
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    body = {"BatchStatus": status}
    assert driver.refused(f"AR/ARInvoiceBatches({number})", body, "PATCH") == "FieldInvalid"


def test_6_an_empty_batch_cannot_be_made_ready(driver):
    number = driver.made("AR/ARInvoiceBatches", {"Description": "vide"})["BatchNumber"]
    body = {"BatchStatus": "ReadyToPost"}
    assert driver.refused(f"AR/ARInvoiceBatches({number})", body, "PATCH") == "RecordInvalid"


@pytest.mark.parametrize(("option", "status"), [(True, "ReadyToPost"), (False, "Open")])
def test_6_a_batch_may_be_made_ready_by_its_own_post_on_some_versions(option, status):
    driver = Driver(ready_in_post=option)
    driver.customer()
    made = driver.made("AR/ARInvoiceBatches", {"BatchStatus": "ReadyToPost", **invoice_batch()})
    assert made["BatchStatus"] == status


@pytest.mark.parametrize("option", [True, False])
def test_6_an_open_batch_may_be_deleted_by_its_status_on_some_versions(option):
    driver = Driver(delete_by_status=option)
    driver.customer()
    rest = (
        f"AR/ARInvoiceBatches({driver.made('AR/ARInvoiceBatches', invoice_batch())['BatchNumber']})"
    )
    answer = driver.call("PATCH", rest, {"BatchStatus": "Deleted"})
    assert answer.status == (204 if option else 409)
    assert driver.read(rest)["BatchStatus"] == ("Deleted" if option else "Open")


def test_6_an_open_batch_is_not_posted_and_that_is_counted(driver):
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    assert driver.process_invoices(number).status == 200
    assert driver.read(f"AR/ARInvoiceBatches({number})")["BatchStatus"] == "Open"
    assert driver.rows("AR/ARPostedDocuments") == []
    assert driver.offences() == ["posted_not_ready"]


def test_6_posting_a_posted_batch_again_does_nothing(driver):
    batch = driver.post_invoice()
    assert driver.process_invoices(batch["BatchNumber"]).status == 200
    assert len(driver.rows("AR/ARPostedDocuments")) == 1
    assert driver.offences() == []


def test_6_post_all_batches_posts_other_peoples(driver):
    for number in ("F-1", "F-2"):
        made = driver.made("AR/ARInvoiceBatches", invoice_batch(invoice(number)))
        driver.ready(f"AR/ARInvoiceBatches({made['BatchNumber']})")
    driver.expect(
        200, "POST", "AR/ARPostInvoices('$process')", {"PostAllBatches": "Postallbatches"}
    )
    assert len(driver.rows("AR/ARPostedDocuments")) == 2
    assert driver.offences() == ["post_all_batches"]


def test_14_a_patch_of_details_without_operation_adds_an_invoice(driver):
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"
    driver.expect(204, "PATCH", rest, {"Invoices": [invoice("F-2")]})
    assert [e["EntryNumber"] for e in driver.read(rest)["Invoices"]] == [1, 2]
    assert driver.offences() == ["update_operation_missing"]


def test_patches_with_operations_insert_update_and_delete(driver):
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"

    def patch(**entry):
        driver.expect(204, "PATCH", rest, {"Invoices": [entry]})

    patch(UpdateOperation="Insert", **invoice("F-2"))
    changed = {"UpdateOperation": "Update", "LineNumber": 20, "ExtendedAmountWithTIP": 100}
    patch(UpdateOperation="Update", EntryNumber=2, InvoiceDetails=[changed])
    patch(UpdateOperation="Delete", EntryNumber=1)
    found = driver.read(rest)
    (entry,) = found["Invoices"]
    assert (entry["DocumentNumber"], entry["DocumentTotalIncludingTax"]) == ("F-2", 114.98)
    assert found["BatchTotal"] == 114.98
    gone = {"Invoices": [{"UpdateOperation": "Update", "EntryNumber": 9}]}
    assert driver.refused(rest, gone, "PATCH") == "RecordNotFound"
    assert driver.offences() == []


# Posting.


def test_7_a_number_that_is_taken_is_found_at_posting_the_others_post(driver):
    driver.post_invoice(invoice("F-1"))
    batch = driver.post_invoice(invoice("F-1"), Description="membri:invoice:2")
    assert (batch["BatchStatus"], batch["NumberOfErrors"]) == ("Posted", 1)
    error = driver.read(f"AR/ARInvoiceBatches({batch['BatchNumber'] + 1})")
    assert (error["BatchStatus"], len(error["Invoices"])) == ("Open", 1)
    assert str(batch["BatchNumber"]) in error["Description"]
    assert len(driver.rows("AR/ARPostedDocuments")) == 1


def test_7_good_entries_post_beside_bad_ones(driver):
    driver.post_invoice(invoice("F-1"))
    both = invoice_batch(invoice("F-1"), invoice("F-2"))
    made = driver.made("AR/ARInvoiceBatches", both)
    rest = f"AR/ARInvoiceBatches({made['BatchNumber']})"
    driver.ready(rest)
    driver.process_invoices(made["BatchNumber"])
    found = driver.read(rest)
    assert (found["BatchStatus"], found["NumberOfErrors"], len(found["Invoices"])) == (
        "Posted",
        1,
        2,
    )
    assert driver.due("F-2") == 275.94
    assert sorted(driver.offences()) == ["duplicate_document", "many_documents"]


def test_7_numbers_are_unique_by_customer_only(driver):
    driver.customer("M2")
    driver.post_invoice(invoice("F-1"))
    other = driver.post_invoice({**invoice("F-1"), "CustomerNumber": "M2"})
    assert other["NumberOfErrors"] == 0


def test_7_a_number_may_be_refused_at_entry_where_the_option_says_so():
    driver = Driver(duplicate_at_entry=True)
    driver.customer()
    driver.post_invoice(invoice("F-1"))
    answer = driver.call("POST", "AR/ARInvoiceBatches", invoice_batch(invoice("F-1")))
    assert (answer.status, "already exists" in answer.message) == (409, True)


def test_7_an_account_that_goes_between_entry_and_posting_makes_an_error_batch(driver):
    made = driver.made("AR/ARInvoiceBatches", invoice_batch())
    rest = f"AR/ARInvoiceBatches({made['BatchNumber']})"
    driver.ready(rest)
    driver.accountant(
        alter={"resource": "GLAccounts", "key": ["4100"], "set": {"Status": "Inactive"}}
    )
    driver.process_invoices(made["BatchNumber"])
    assert driver.read(rest)["NumberOfErrors"] == 1
    assert driver.refused("AR/ARInvoiceBatches", invoice_batch(invoice("F-9"))) == "FieldInvalid"


def test_a_credit_note_takes_off_the_document_that_it_names(driver):
    driver.post_invoice(invoice("F-1", line(100.0)))
    driver.post_invoice(credit_note("C-1", line(40.0), of="F-1"))
    assert driver.due("F-1") == 68.99
    credit = driver.read("AR/ARPostedDocuments(CustomerNumber='M00042',DocumentNumber='C-1')")
    assert credit["DocumentType"] == "CreditNote"
    assert credit["OriginalAmountInCustomerCurrency"] == -45.99
    assert (credit["AmountDueInCustomerCurrency"], credit["FullyPaid"]) == (0, "Yes")
    driver.post_invoice(credit_note("C-2", line(10.0)))
    assert driver.due("C-2") == -11.5


@pytest.mark.parametrize(("mode", "errors"), [("error", 1), ("open", 0)])
def test_a_credit_above_the_balance_is_an_error_or_stays_open_in_part(mode, errors):
    driver = Driver(overapplied_credit_note=mode)
    driver.customer()
    driver.post_invoice(invoice("F-1", line(100.0)))
    batch = driver.post_invoice(credit_note("C-1", line(200.0), of="F-1"))
    assert batch["NumberOfErrors"] == errors
    assert driver.due("F-1") == (114.98 if errors else 0)
    if not errors:
        assert driver.due("C-1") == -114.97


def test_posted_documents_are_found_by_customer_and_number(driver):
    driver.post_invoice(invoice("F-1"))
    driver.post_invoice(invoice("F-2"))
    where = "CustomerNumber eq 'M00042' and DocumentNumber eq 'F-2'"
    (found,) = driver.rows(f"AR/ARPostedDocuments?$filter={where}")
    assert (found["BatchNumber"], found["EntryNumber"], found["FullyPaid"]) == (2, 1, "No")
    assert driver.rows("AR/ARPostedDocuments?$filter=CustomerNumber eq 'AUTRE'") == []


@pytest.mark.parametrize("mode", ["off", "skip", "refuse"])
def test_forced_listing_keeps_batches_from_posting(mode):
    driver = Driver(force_listing=mode)
    driver.customer()
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"
    if mode == "refuse":
        assert driver.refused(rest, {"BatchStatus": "ReadyToPost"}, "PATCH") == "RecordInvalid"
        driver.accountant(
            batch={"resource": "ARInvoiceBatches", "key": [number], "action": "print"}
        )
    driver.ready(rest)
    driver.process_invoices(number)
    expected = "ReadyToPost" if mode == "skip" else "Posted"
    assert driver.read(rest)["BatchStatus"] == expected
