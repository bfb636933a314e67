"""Bodies in shapes that we did not choose: those of sage-300.md, section 17.

The vendor's samples (properties, their order, numbers sent although the system assigns them, an
enumeration as a figure) and what a client in the field sends to a live server.
"""

import pytest

from ops.sandbox.sage_300.company import fiscal_year
from tests.sandbox_sage_300_driver import COMPANY, Driver, invoice, line, receipt_key

ONTARIO = {
    "TXTaxGroups": [{"TaxGroupKey": "ON", "TransactionType": "Sales", "TaxAuthority1": "TVH"}],
    "TXTaxRates": [
        {
            "TaxAuthority": "TVH",
            "TransactionType": "Sales",
            "BuyerClass": 1,
            "ItemRate1": "13",
            "ItemRate2": "0",
        }
    ],
    "ARCustomerGroups": [
        {"GroupCode": "WHL", "Terms": "N30", "CurrencyCode": "CAD", "TaxGroup": "ON"}
    ],
    "ARDistributionCodes": [{"DistributionCode": "CACCSE", "RevenueAccount": "4200"}],
    "BKBanks": [{"BankCode": "SEATAC", "BankAccount": "1010", "StatementCurrency": "CAD"}],
    "GLAccounts": [
        {"UnformattedAccount": one, "AccountNumber": one}
        for one in ("9999", "1000", "6000", "6000100", "4030")
    ],
    "CSFiscalCalendars": [fiscal_year(2020)],
}


@pytest.fixture
def driver():
    one = Driver()
    one.system.seed({"companies": {COMPANY: ONTARIO}})
    return one


def customer(number):
    """The shape of the vendor's ARCustomers sample."""
    return {
        "CustomerNumber": number,
        "ShortName": number,
        "GroupCode": "WHL",
        "NationalAccount": "",
        "Status": "Active",
        "OnHold": "No",
        "CustomerName": f"Customer {number}",
        "AccountSet": "CAD",
        "BillingCycle": "BILLMT",
        "InterestProfile": "INTWHS",
        "CurrencyCode": "CAD",
        "PrintStatements": "Yes",
        "AccountType": "OpenItem",
        "Terms": "N30",
        "TaxGroup": "ON",
        "CreditLimitCustomerCurrency": 12345,
        "CustomerPriceList": "WHS",
    }


def document(entry, kind, amount, due, **more):
    """The shape of one entry of the vendor's ARInvoiceBatches sample."""
    keys = {"BatchNumber": 75, "EntryNumber": entry}
    return {
        **keys,
        "CustomerNumber": "1400",
        "DocumentType": kind,
        **more,
        "DocumentDate": "2020-01-15",
        "DueDate": "2020-01-15",
        "InvoiceType": "Summary",
        "InvoiceDetails": [
            {**keys, "LineNumber": 20, "DistributionCode": "CACCSE"}
            | {"ExtendedAmountWithTIP": amount}
        ],
        "InvoicePaymentSchedules": [
            {**keys, "PaymentNumber": 1, "AmountDue": due, "DueDate": "2020-01-15"}
        ],
    }


def test_the_vendors_customer_is_taken(driver):
    made = driver.made("AR/ARCustomers", customer("1501"))
    assert (made["TaxGroup"], made["CreditLimitCustomerCurrency"]) == ("ON", 12345)
    assert driver.offences() == []


def test_the_vendors_invoice_batch_makes_the_vendors_totals(driver):
    driver.made("AR/ARCustomers", customer("1400"))
    body = {
        "BatchNumber": 75,
        "BatchDate": "2020-01-15",
        "BatchStatus": "Open",
        "Description": "TEST WEBAPI",
        "Invoices": [
            document(1, "Invoice", 200, 226),
            document(2, "DebitNote", 20, 22.6),
            document(3, "CreditNote", 30, 33.9),
            document(4, "4", 40, 40, TransactionType="InterestCharge"),
        ],
    }
    made = driver.made("AR/ARInvoiceBatches", body)
    entries = made["Invoices"]
    assert [e["DocumentType"] for e in entries] == [
        "Invoice",
        "DebitNote",
        "CreditNote",
        "Interest",
    ]
    assert [e["DocumentTotalIncludingTax"] for e in entries][:3] == [226.0, 22.6, 33.9]
    assert entries[3]["TransactionType"] == "InterestCharge"
    rest = f"AR/ARInvoiceBatches({made['BatchNumber']})"
    driver.ready(rest)
    driver.expect(
        200, "POST", "AR/ARPostInvoices('$process')", {"PostAllBatches": "Postallbatches"}
    )
    assert driver.read(rest)["NumberOfErrors"] == 0
    sequence = {
        "ProcessInvoiceBatch": "PostInvoicebatches",
        "InvoiceThroughPostingSequenceNumber": 999999999,
    }
    driver.expect(200, "POST", "AR/ARCreateGLBatch('$process')", sequence)
    assert sorted(driver.offences()) == ["many_documents", "numbers_sent", "post_all_batches"]


def test_the_vendors_prepayment_is_posted(driver):
    driver.made("AR/ARCustomers", customer("1500"))
    keys = {"BatchType": "CA", "BatchNumber": 146, "EntryNumber": 1}
    entry = {
        **keys,
        "CustomerNumber": "1500",
        "ReceiptDateAdjustmentDate": "2020-01-05",
        "EntryDescription": "1",
        "EntryReference": "",
        "BankReceiptAmount": 22,
        "CustomerReceiptAmount": 22,
        "TotalCustomerAmountApplied": 22,
        "ReceiptTransactionType": "Prepayment",
        "CustomerUnappliedAmount": 0,
        "AppliedReceiptsAdjustments": [
            {**keys, "LineNumber": 20, "CustomerNumber": "1500", "PaymentNumber": 1}
            | {"CustomerReceiptAmount": 22}
        ],
    }
    body = {
        "BatchRecordType": "CA",
        "BatchNumber": 146,
        "BatchDate": "2020-01-05",
        "Description": "prepay",
        "NumberOfEntries": 1,
        "BankCode": "SEATAC",
        "DefaultBankCurrency": "CAD",
        "ReceiptsAdjustments": [entry],
    }
    made = driver.made("AR/ARReceiptAndAdjustmentBatches", body)
    driver.ready(receipt_key(made["BatchNumber"]))
    driver.process_receipts(made["BatchNumber"])
    number = made["ReceiptsAdjustments"][0]["DocumentNumber"]
    assert driver.due(number, "1500") == -22


def test_the_vendors_adjustment_is_taken(driver):
    driver.made("AR/ARCustomers", customer("1200"))
    entry = {**invoice("TR-INV-003", line(100.0)), "CustomerNumber": "1200"}
    driver.post_invoice({**entry, "TaxGroup": "ON"})
    keys = {"BatchType": "AD", "BatchNumber": 2, "EntryNumber": 1}
    distribution = {
        **keys,
        "LineNumber": 20,
        "SequenceNumber": 1,
        "TransactionType": 81,
        "DistributionAmount": -1,
        "DistributionCode": "DESK",
        "DistributionGLAccount": "4030",
    }
    applied = {
        **keys,
        "LineNumber": 20,
        "CustomerNumber": "1200",
        "DocumentNumber": "TR-INV-003",
        "PaymentNumber": 1,
        "Description": "",
        "Reference": "",
        "AdjustmentGLDistributions": [distribution],
    }
    body = {
        "BatchRecordType": "AD",
        "BatchNumber": 2,
        "BatchDate": "2020-11-02",
        "Description": "test adjustment webapi",
        "ReceiptsAdjustments": [
            {**keys, "CustomerNumber": "1200", "ReceiptDateAdjustmentDate": "2020-11-02"}
            | {"EntryDescription": "webapi", "EntryReference": ""}
            | {"AppliedReceiptsAdjustments": [applied]}
        ],
    }
    made = driver.made("AR/ARReceiptAndAdjustmentBatches", body)
    driver.ready(receipt_key(made["BatchNumber"], "AD"))
    driver.process_receipts(made["BatchNumber"], "AD")
    assert driver.due("TR-INV-003", "1200") == 112.0


def test_the_vendors_journal_batch_is_posted(driver):
    def header(entry, *lines):
        keys = {"BatchNumber": "000490", "EntryNumber": entry}
        return {
            **keys,
            "SourceLedger": "GL",
            "SourceType": "JE",
            "Description": f"entry {entry}",
            "DocumentDate": "2020-01-05",
            "JournalDetails": [
                {**keys, "TransactionNumber": f"{20 * n:010d}", "AccountNumber": account}
                | {"Amount": amount, "SourceCurrencyAmount": amount}
                for n, (account, amount) in enumerate(lines, 1)
            ],
        }

    body = {
        "BatchNumber": "000490",
        "Status": "Open",
        "Description": "gl journal entry",
        "JournalHeaders": [
            header("00001", ("9999", 30), ("1000", -10), ("6000", -20)),
            header("00002", ("6000100", 20), ("9999", -20)),
        ],
    }
    made = driver.made("GL/GLJournalBatches", body)
    assert (made["BatchNumber"], made["TotalDebits"]) == ("000001", 50.0)
    driver.ready("GL/GLJournalBatches('000001')")
    driver.process_journal("000001")
    assert len(driver.rows("GL/GLPostedTransactions")) == 5


def test_a_receipt_of_the_field_needs_no_amount_on_its_line(driver):
    driver.customer()
    driver.post_invoice(invoice("F-1", line(100.0)))
    applied = {
        "TransactionType": "ReceiptPosted",
        "CustomerNumber": "M00042",
        "DocumentAmountDue": 50.0,
        "DocumentNumber": "F-1",
    }
    entry = {
        "CustomerNumber": "M00042",
        "EntryDescription": "Moneris",
        "BankReceiptAmount": 50.0,
        "ReceiptTransactionType": "Receipt",
        "CheckReceiptNumber": "1234",
        "PaymentCode": "CARD",
        "AppliedReceiptsAdjustments": [applied],
    }
    driver.post_receipt(entry)
    assert driver.due("F-1") == 64.98


def test_an_invoice_of_the_field_sends_totals_and_is_computed_all_the_same(driver):
    driver.customer()
    for authority in ("TPS", "TVQ"):
        record = {"TaxAuthority": authority, "TransactionType": "Sales", "BuyerClass": 2}
        driver.accountant(create={"resource": "TXTaxRates", "record": record})
    entry = {
        "CustomerNumber": "M00042",
        "DocumentNumber": "POL-1-DIS",
        "InvoiceDescription": "D.POL-1",
        "DocumentDate": "2025-03-02",
        "DocumentType": "CreditNote",
        "CurrencyCode": "CAD",
        "DueDate": "2025-03-09",
        "AsOfDate": "2025-03-09",
        "TaxGroup": "QC",
        "TaxClass1": 2,
        "TaxClass2": 2,
        "DocumentTotalBeforeTax": 10.5,
        "DocumentTotalIncludingTax": 10.5,
        "PostingDate": "2025-03-03",
        "InvoiceDetails": [
            {
                "Description": "D.POL-1",
                "TaxClass1": 2,
                "TaxClass2": 2,
                "RevenueAccount": "4200",
                "ExtendedAmountWithTIP": 10.5,
                "ExtendedAmountWithoutTIP": 10.5,
            }
        ],
        "InvoicePaymentSchedules": [{"DueDate": "2025-03-09"}],
        "InvoiceOptionalFields": [{"OptionalField": "CLASS", "Value": "10"}],
    }
    driver.post_invoice(entry)
    assert driver.due("POL-1-DIS") == -10.5
    assert driver.offences() == []
