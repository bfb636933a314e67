"""Periods, postings that last, the accountant's orders: (7) and (13) of sage-300.md, section 15."""

import pytest

from ops.sandbox.kernel.store import Store
from tests.sandbox_sage_300_driver import (
    Driver,
    Refused,
    invoice,
    invoice_batch,
    journal,
    journal_batch,
    line,
    receipt,
    receipt_batch,
)

BATCHES = "AR/ARInvoiceBatches"


@pytest.fixture
def driver():
    one = Driver()
    one.customer()
    return one


def lock(driver, *modules):
    driver.accountant(lock={"modules": list(modules), "year": "2025", "periods": [3]})


def test_7_a_locked_period_is_an_error_a_warning_or_nothing_at_entry(driver):
    lock(driver, "AR")
    answer = driver.call("POST", BATCHES, invoice_batch())
    assert answer.status == 409
    assert "is locked for Accounts Receivable" in answer.message
    batch = invoice_batch(BatchDate="2025-06-01")
    driver.accountant(locked_period="Warning")
    entry = driver.made(BATCHES, batch)["Invoices"][0]
    assert "locked fiscal period" in entry["Warnings"][0]["Message"]
    driver.accountant(locked_period="None")
    other = invoice_batch(invoice("F-2"), BatchDate="2025-06-01")
    assert driver.made(BATCHES, other)["Invoices"][0]["Warnings"] == []


def test_7_posting_refuses_a_locked_period_whatever_entry_said(driver):
    lock(driver, "AR")
    driver.accountant(locked_period="None")
    assert driver.post_invoice()["NumberOfErrors"] == 1


def test_7_the_general_ledgers_lock_is_found_at_posting(driver):
    lock(driver, "GL")
    assert driver.post_invoice()["NumberOfErrors"] == 1
    assert driver.rows("AR/ARPostedDocuments") == []


def test_7_a_receipt_is_refused_by_the_banks_lock_too(driver):
    driver.post_invoice(invoice("F-1", line(100.0)))
    lock(driver, "BK")
    entry = receipt_batch(receipt(5.0, ("F-1", 5.0)), BatchDate="2025-06-01")
    answer = driver.call("POST", "AR/ARReceiptAndAdjustmentBatches", entry)
    assert "is locked for Bank Services" in answer.message


def test_7_a_journal_entry_looks_at_the_ledgers_lock_alone(driver):
    driver.accountant(lock={"modules": ["AR", "BK"], "year": "2025", "periods": [4]})
    driver.made("GL/GLJournalBatches", journal_batch())
    driver.accountant(lock={"modules": ["GL"], "year": "2025", "periods": [4]})
    answer = driver.call("POST", "GL/GLJournalBatches", journal_batch())
    assert "is locked for General Ledger" in answer.message


def test_7_a_year_that_is_not_in_the_calendar_is_an_error_until_it_is_added(driver):
    entry = journal("2031-01-31")
    answer = driver.call("POST", "GL/GLJournalBatches", journal_batch(entry))
    assert (answer.code, "cannot be determined" in answer.message) == ("FieldInvalid", True)
    driver.accountant(fiscal_year=2031)
    driver.made("GL/GLJournalBatches", journal_batch(entry))
    driver.accountant(remove_fiscal_year=2031)
    assert driver.refused("GL/GLJournalBatches", journal_batch(entry)) == "FieldInvalid"


def test_7_closing_until_a_day_locks_the_periods_that_end_by_then(driver):
    driver.accountant(closed_until="2025-03-31")
    calendar = driver.read("CS/CSFiscalCalendars('2025')")
    found = [calendar[f"FiscalPeriod{n}ARLocked"] for n in (1, 3, 4)]
    assert found == ["Yes", "Yes", "No"]
    assert calendar["FiscalPeriod3EndDate"] == "2025-03-31T00:00:00Z"
    assert driver.read("CS/CSFiscalCalendars('2024')")["FiscalPeriod12GLLocked"] == "Yes"
    driver.accountant(closed_until=None)
    assert driver.read("CS/CSFiscalCalendars('2025')")["FiscalPeriod1ARLocked"] == "No"


# Postings that last.


def test_13_a_posting_that_lasts_refuses_others_and_ends_in_its_time(driver):
    driver.options.post_in_progress_s = 60.0
    batch = driver.post_invoice()
    assert batch["BatchStatus"] == "PostInProgress"
    rest = f"{BATCHES}({batch['BatchNumber']})"
    assert driver.refused(rest, {"Description": "x"}, "PATCH") == "RecordInvalid"
    answer = driver.process_invoices(batch["BatchNumber"])
    assert (answer.status, "Post in Progress" in answer.message) == (409, True)
    assert driver.process_receipts(1).status == 200
    assert driver.rows("AR/ARPostedDocuments") == []
    driver.admin("POST", "/clock", {"advance_s": 60})
    assert driver.read(rest)["BatchStatus"] == "Posted"
    assert len(driver.rows("AR/ARPostedDocuments")) == 1
    assert driver.offences() == []


def test_13_a_posting_goes_on_after_a_restart():
    store = Store()
    driver = Driver(store, post_in_progress_s=60.0)
    driver.customer()
    batch = driver.post_invoice()
    again = Driver(store)
    again.admin("POST", "/clock", {"advance_s": 61})
    assert again.read(f"{BATCHES}({batch['BatchNumber']})")["BatchStatus"] == "Posted"


# The accountant.


def test_an_accountant_enters_documents_receipts_and_entries_by_hand(driver):
    driver.accountant(invoice={**invoice("F-1", line(100.0)), "Description": "à la main"})
    paid = {**receipt(50.0, ("F-1", 50.0)), "BankCode": "BNC", "Description": "à la main"}
    driver.accountant(receipt=paid)
    driver.accountant(journal=journal())
    assert driver.due("F-1") == 64.98
    assert driver.rows("GL/GLJournalBatches")[0]["Status"] == "Posted"
    driver.accountant(invoice={**invoice("F-2"), "post": False})
    assert driver.read(f"{BATCHES}(2)")["BatchStatus"] == "Open"
    assert driver.offences() == []


def test_an_accountant_works_on_batches(driver):
    number = driver.made(BATCHES, invoice_batch())["BatchNumber"]
    rest, order = f"{BATCHES}({number})", {"resource": "ARInvoiceBatches", "key": [number]}
    for action, status in (("ready", "ReadyToPost"), ("open", "Open"), ("delete", "Deleted")):
        driver.accountant(batch={**order, "action": action})
        assert driver.read(rest)["BatchStatus"] == status
    assert driver.refused(rest, {"BatchStatus": "Open"}, "PATCH") == "RecordInvalid"
    number = driver.made(BATCHES, invoice_batch())["BatchNumber"]
    order["key"] = [number]
    driver.accountant(edit={**order, "set": {"Description": "autre"}})
    driver.accountant(batch={**order, "action": "post"})
    assert driver.read(f"{BATCHES}({number})")["BatchStatus"] == "Posted"
    driver.accountant(clear_history=True)
    assert driver.rows(BATCHES) == []
    assert len(driver.rows("AR/ARPostedDocuments")) == 1


def test_an_accountant_alters_what_is_set_up(driver):
    driver.accountant(
        alter={"resource": "ARCustomers", "key": ["M00042"], "set": {"OnHold": "Yes"}}
    )
    assert driver.read("AR/ARCustomers('M00042')")["OnHold"] == "Yes"
    record = {"CustomerNumber": "M7", "CustomerName": "Luc", "GroupCode": "MEMBRE"}
    driver.accountant(create={"resource": "ARCustomers", "record": record})
    driver.accountant(remove={"resource": "ARCustomers", "key": ["M7"]})
    assert driver.call("GET", "AR/ARCustomers('M7')").code == "RecordNotFound"
    driver.accountant(remove={"resource": "ARTerms", "key": ["CPT"]})
    assert [t["TermsCode"] for t in driver.rows("AR/ARTerms")] == ["N30"]


@pytest.mark.parametrize(
    "order",
    [
        {"inconnu": 1},
        {"create": {"resource": "ARPostedDocuments", "record": {}}},
        {"create": {"resource": "ARTerms", "record": {"Inconnu": 1}}},
        {"batch": {"resource": "ARInvoiceBatches", "key": [99], "action": "post"}},
        {"alter": {"resource": "ARTerms", "key": ["RIEN"], "set": {}}},
        {"locked_period": "Peut-être"},
        {"invoice": {"CustomerNumber": "RIEN"}},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(driver, order):
    with pytest.raises(Refused):
        driver.accountant(**order)


def test_the_admin_port_shows_and_changes_the_options(driver):
    assert driver.admin("GET", "/options").json["page_size"] == 100
    assert driver.admin("POST", "/options", {"page_size": 2}).json["page_size"] == 2
    assert driver.admin("POST", "/options", {"page_size": "2"}).status == 400
    assert driver.admin("POST", "/options", {"inconnu": 2}).status == 400
    assert driver.admin("POST", "/clock", {"advance_s": -1}).status == 400
    assert driver.admin("POST", "/accountant", {"company": "AUTRE"}).status == 400


def test_what_there_is_to_check_a_configuration_is_readable(driver):
    profile = driver.read("CS/CSCompanyProfile")
    assert (profile["FunctionalCurrency"], profile["LockedFiscalPeriod"]) == ("CAD", "Error")
    group = driver.read("TX/TXTaxGroups(TaxGroupKey='QC',TransactionType='Sales')")
    assert (group["TaxAuthority1"], group["TaxAuthority2"], group["Surtax2"]) == (
        "TPS",
        "TVQ",
        "No",
    )
    (rate,) = driver.rows("TX/TXTaxRates?$filter=TaxAuthority eq 'TVQ'")
    assert (rate["ItemRate1"], rate["ItemRate2"]) == (9.975, 0)
    assert driver.read("GL/GLAccounts('2400')")["Status"] == "Active"
    assert driver.read("GL/GLSourceCodes(SourceLedger='GL',SourceType='JE')")
    assert driver.read("BK/BKBanks('BNC')")["StatementCurrency"] == "CAD"
    for rest in ("AR/ARPaymentCodes('CHECK')", "AR/ARDistributionCodes('COTIS')"):
        assert driver.read(rest)["Status"] == "Active"
    assert driver.read("AR/ARCustomerGroups('MEMBRE')")["TaxGroup"] == "QC"
    assert driver.call("POST", "AR/ARCreateGLBatch('$process')", {}).status == 200
