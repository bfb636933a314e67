"""Invoices and credit memos of the simulated Business Central: (6), (7), (8) of its list."""

import pytest

from tests.sandbox_bc_driver import Driver


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def customer(driver):
    return driver.customer()


def test_06_the_server_numbers_the_draft_and_computes_each_tax_on_the_base(driver, customer):
    made = driver.draft(customer, 240)
    assert made["number"].startswith("S-INV")
    assert made["status"] == "Draft"
    assert (made["totalAmountExcludingTax"], made["totalTaxAmount"]) == (240, 35.94)
    assert made["totalAmountIncludingTax"] == made["remainingAmount"] == 275.94
    found = driver.read(f"salesInvoices({made['id']})/salesInvoiceLines")["value"]
    assert [(one["sequence"], one["taxPercent"], one["netAmount"]) for one in found] == [
        (10000, 14.975, 240)
    ]
    assert driver.offences() == []


def test_07_posting_keeps_the_id_and_changes_the_number(driver, customer):
    made = driver.draft(customer, 240)
    driver.done(f"salesInvoices({made['id']})/Microsoft.NAV.post")
    posted = driver.read(f"salesInvoices({made['id']})")
    assert (posted["id"], posted["status"]) == (made["id"], "Open")
    assert posted["number"].startswith("PS-INV")
    assert posted["@odata.etag"] != made["@odata.etag"]
    entries = driver.read("generalLedgerEntries", filter=f"documentNumber eq '{posted['number']}'")[
        "value"
    ]
    assert sum(one["debitAmount"] for one in entries) == 275.94
    assert round(sum(one["creditAmount"] for one in entries), 2) == 275.94


def test_09_a_payment_posted_through_its_journal_closes_the_invoice(driver, customer):
    posted = driver.posted(customer, 100)
    driver.pay(posted, 114.98)
    paid = driver.read(f"salesInvoices({posted['id']})")
    assert (paid["status"], paid["remainingAmount"]) == ("Paid", 0)
    assert driver.offences() == []
