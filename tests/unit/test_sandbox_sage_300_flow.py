"""The whole way of the simulated Sage 300: customer, invoice, receipt, journal entry, books."""

import pytest

from ops.sandbox.sage_300 import SIMULATION
from tests.sandbox_sage_300_driver import (
    COMPANY,
    Driver,
    credit_note,
    exempt,
    invoice,
    journal,
    line,
    receipt,
)


@pytest.fixture
def driver():
    return Driver()


def test_a_document_a_receipt_and_entries_go_all_the_way_with_no_offence(driver):
    driver.customer()
    batch = driver.post_invoice(invoice("F-1", line(200.0), exempt(40.0)))
    assert (batch["BatchStatus"], batch["NumberOfErrors"]) == ("Posted", 0)
    entry = batch["Invoices"][0]
    taxes = entry["TaxAmount1"], entry["TaxAmount2"], entry["TaxTotal"]
    assert taxes == (10.0, 19.95, 29.95)
    assert entry["DocumentTotalIncludingTax"] == 269.95
    assert entry["PostingDate"] == "2025-03-02T00:00:00Z"
    paid = driver.post_receipt(receipt(269.95, ("F-1", 269.95)))
    assert paid["ReceiptsAdjustments"][0]["DocumentNumber"].startswith("PY")
    assert driver.due("F-1") == 0
    moved = driver.post_journal(journal("2025-04-30"), journal("2025-05-31", 20.01))
    assert moved["Status"] == "Posted"
    assert [h["FiscalPeriod"] for h in moved["JournalHeaders"]] == ["04", "05"]
    assert driver.offences() == []


def test_the_books_say_what_was_posted_applied_and_left_behind(driver):
    driver.customer()
    driver.post_invoice(invoice("F-1", line(100.0)), Description="membri:invoice:1")
    driver.post_receipt(receipt(50.0, ("F-1", 50.0)), Description="membri:payment:2")
    driver.post_invoice(credit_note("C-1", line(10.0), of="F-1"), Description="membri:invoice:3")
    driver.post_journal(journal(), Description="membri:deferral:4")
    left = driver.made(
        "AR/ARInvoiceBatches",
        {"BatchDate": "2025-03-02", "Description": "left", "Invoices": [invoice("F-2")]},
    )
    found = SIMULATION.books(driver.admin("GET", "/dump").json)[COMPANY]
    first, second, waiting = found.documents
    assert (first.number, first.note, str(first.total)) == ("F-1", "membri:invoice:1", "114.98")
    assert (str(first.tax), str(first.balance)) == ("14.98", "53.48")
    assert (second.kind, str(second.total), str(second.balance)) == ("credit_note", "11.50", "0.00")
    assert (waiting.number, waiting.posted) == ("F-2", False)
    (application,) = found.applications
    assert (application.invoice, str(application.amount)) == (first.id, "11.50")
    (payment,) = found.payments
    assert (payment.number, payment.note) == ("PAY-88123", "membri:payment:2")
    assert {k: str(v) for k, v in payment.applied.items()} == {first.id: "50.00"}
    (entry,) = found.entries
    assert (entry.number, entry.note) == ("INV-2025-0193", "membri:deferral:4")
    assert sorted(str(v) for v in entry.lines.values()) == ["-20.00", "20.00"]
    assert found.other == [f"ARInvoiceBatches({left['BatchNumber']}): Open: left"]
