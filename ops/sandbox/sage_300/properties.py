"""The properties of every record that the simulated Web API takes or gives.

Names and lengths: sage-300.md, sections 4 to 9. The names of the amounts of posted documents and
of the journal's posted transactions are not verified there: `$metadata` shows those used here.
"""

from __future__ import annotations

from ops.sandbox.sage_300.fields import (
    Field,
    amount,
    choice,
    code,
    day,
    details,
    number,
    phone,
    text,
    yes_no,
)

AR_STATUS = {"Open": 1, "Posted": 3, "Deleted": 4, "PostInProgress": 5, "ReadyToPost": 7}
GL_STATUS = {
    "Open": 1,
    "Deleted": 3,
    "Posted": 4,
    "ProvPosted": 6,
    "PostInProgress": 8,
    "ReadyToPost": 9,
}
DOCUMENT_TYPE = {"Invoice": 1, "DebitNote": 2, "CreditNote": 3, "Interest": 4}
POSTED_TYPE = {**DOCUMENT_TYPE, "UnappliedCash": 5, "Prepayment": 10, "Receipt": 11, "Refund": 19}
RECEIPT_TYPE = {
    "Receipt": 1,
    "Prepayment": 2,
    "UnappliedCash": 3,
    "ApplyDocument": 4,
    "MiscReceipt": 5,
    "WriteOff": 6,
    "Adjustment": 7,
}
OPERATION = {"Unspecified": 0, "Insert": 1, "Update": 2, "Delete": 3}
ACTIVE = {"Inactive": 0, "Active": 1}
TRANSACTION_TYPE = {
    "InvoiceItemEntered": 11,
    "InvoiceSummaryEntered": 12,
    "DebitNoteItemEntered": 21,
    "DebitNoteSummaryEntered": 22,
    "CreditNoteItemEntered": 31,
    "CreditNoteSummaryEntered": 32,
    "InterestCharge": 40,
}
AUTHORITIES = (1, 2, 3, 4, 5)

Properties = dict[str, Field]


def _each(name: str, field: Field) -> Properties:
    return {f"{name}{n}": field for n in AUTHORITIES}


_OPERATION: Properties = {
    "UpdateOperation": choice(OPERATION),
    "ETag": Field("text", 60, default="", assigned=True),
}
_AR_KEYS: Properties = {"BatchNumber": number(assigned=True), "EntryNumber": number(assigned=True)}
OPTIONAL_FIELD: Properties = {"OptionalField": code(12), "Value": text(60), **_OPERATION}

CUSTOMER: Properties = {
    "CustomerNumber": code(12),
    "ShortName": text(10),
    "GroupCode": code(6),
    "NationalAccount": code(12),
    "Status": choice(ACTIVE, "Active"),
    "OnHold": yes_no(),
    "InactiveDate": day(),
    "StartDate": day(),
    "DateLastMaintained": day(),
    "CustomerName": text(60),
    **{f"AddressLine{n}": text(60) for n in (1, 2, 3, 4)},
    **{name: text(30) for name in ("City", "StateProvince", "Country")},
    "ZipPostalCode": text(20),
    "ContactName": text(60),
    **{name: phone() for name in ("PhoneNumber", "FaxNumber", "ContactsPhone", "ContactsFax")},
    **{name: text(100) for name in ("Email", "ContactsEmail", "WebSite")},
    **{
        name: code(6)
        for name in (
            *("AccountSet", "Terms", "BillingCycle", "InterestProfile"),
            *("TerritoryCode", "CustomerPriceList"),
        )
    },
    "AccountType": choice({"OpenItem": 0, "BalanceForward": 1}),
    "PrintStatements": yes_no(),
    "DeliveryMethod": choice({"Mail": 0, "Email": 1, "ContactsEmail": 4}),
    "CurrencyCode": code(3),
    "CreditLimitCustomerCurrency": amount(),
    "PaymentCode": text(12),
    "TaxGroup": code(12),
    **_each("TaxClassCode", number(1)),
    **_each("TaxRegistrationNumber", text(20)),
    "CheckForDuplicatePOs": choice({"None": 0, "Warning": 1, "Error": 2}),
    "BalanceDueInCustomerCurrency": amount(assigned=True),
    "Comments": text(250),
    "CustomerOptionalFieldValues": details("OptionalField"),
}

INVOICE_BATCH: Properties = {
    "BatchNumber": number(assigned=True),
    "BatchDate": day(),
    "Description": text(60),
    "NumberOfEntries": number(assigned=True),
    "BatchTotal": amount(assigned=True),
    "BatchType": choice({"Entered": 1, "Imported": 2, "Generated": 3, "Recurring": 4}),
    "BatchStatus": choice(AR_STATUS),
    "DefaultInvoiceType": choice({"Item": 1, "Summary": 2}, "Summary"),
    "NumberOfErrors": number(assigned=True),
    "PostingSequenceNumber": number(assigned=True),
    "SourceApplication": text(2),
    "BatchPrintedFlag": yes_no(),
    "Invoices": details("Invoice"),
}

INVOICE: Properties = {
    **_AR_KEYS,
    "CustomerNumber": code(12),
    "DocumentNumber": code(22),
    "DocumentType": choice(DOCUMENT_TYPE),
    "TransactionType": choice(TRANSACTION_TYPE, "InvoiceSummaryEntered"),
    "InvoiceType": choice({"Item": 1, "Summary": 2}, "Summary"),
    "DocumentDate": day(),
    "AsOfDate": day(),
    "PostingDate": day(),
    "DueDate": day(),
    "FiscalYear": text(4),
    "FiscalPeriod": text(2),
    "InvoiceDescription": text(60),
    "OrderNumber": text(22),
    "PONumber": text(22),
    "ApplytoDocument": code(22),
    "SpecialInstructions": text(60),
    "CurrencyCode": code(3),
    "Terms": code(6),
    "AccountSet": code(6),
    "TaxGroup": code(12),
    **_each("TaxClass", number(1)),
    **_each("TaxBase", amount(assigned=True)),
    **_each("TaxAmount", amount()),
    "TaxTotal": amount(assigned=True),
    "DocumentTotalBeforeTax": amount(assigned=True),
    "DocumentTotalIncludingTax": amount(assigned=True),
    "InvoiceDetails": details("InvoiceDetail"),
    "InvoicePaymentSchedules": details("InvoicePaymentSchedule"),
    "InvoiceOptionalFields": details("OptionalField"),
    "Warnings": details("Warning"),
    **_OPERATION,
}

INVOICE_DETAIL: Properties = {
    **_AR_KEYS,
    "LineNumber": number(assigned=True),
    "DistributionCode": code(6),
    "Description": text(60),
    "ItemNumber": code(16),
    "RevenueAccount": code(45),
    "Quantity": amount(),
    "Price": amount(),
    "ExtendedAmountWithTIP": amount(),
    "ExtendedAmountWithoutTIP": amount(assigned=True),
    **_each("TaxClass", number(1)),
    **_each("TaxIncluded", yes_no()),
    **_each("TaxBase", amount(assigned=True)),
    **_each("TaxAmount", amount()),
    "TaxTotal": amount(assigned=True),
    "Comments": text(250),
    "Warnings": details("Warning"),
    **_OPERATION,
}

SCHEDULE: Properties = {
    **_AR_KEYS,
    "PaymentNumber": number(1),
    "DueDate": day(),
    "AmountDue": amount(),
    "CustomerAmountDue": amount(assigned=True),
    **_OPERATION,
}

RECEIPT_BATCH: Properties = {
    "BatchRecordType": choice({"CA": 1, "AD": 2}),
    "BatchNumber": number(assigned=True),
    "BatchDate": day(),
    "Description": text(60),
    "NumberOfEntries": number(assigned=True),
    "BatchTotal": amount(assigned=True),
    "BatchStatus": choice(AR_STATUS),
    "BankCode": code(8),
    "DefaultBankCurrency": code(3),
    "NumberOfErrors": number(assigned=True),
    "PostingSequenceNumber": number(assigned=True),
    "BatchPrintedFlag": yes_no(),
    "ReceiptsAdjustments": details("Receipt"),
}

RECEIPT: Properties = {
    "BatchType": choice({"CA": 1, "AD": 2}),
    **_AR_KEYS,
    "CustomerNumber": code(12),
    "BankCode": code(8),
    "ReceiptDateAdjustmentDate": day(),
    "PostingDate": day(),
    "FiscalYear": text(4),
    "FiscalPeriod": text(2),
    "ReceiptTransactionType": choice(RECEIPT_TYPE),
    "PaymentCode": text(12),
    "CheckReceiptNumber": code(24),
    "BankReceiptAmount": amount(),
    "CustomerReceiptAmount": amount(),
    "TotalCustomerAmountApplied": amount(assigned=True),
    "CustomerUnappliedAmount": amount(assigned=True),
    "DocumentNumber": code(22),
    "DocumentType": choice(POSTED_TYPE, "Receipt"),
    "EntryDescription": text(60),
    "EntryReference": text(60),
    "AppliedReceiptsAdjustments": details("AppliedReceipt"),
    "Warnings": details("Warning"),
    **_OPERATION,
}

APPLIED: Properties = {
    "BatchType": choice({"CA": 1, "AD": 2}),
    **_AR_KEYS,
    "LineNumber": number(assigned=True),
    "CustomerNumber": code(12),
    "DocumentNumber": code(22),
    "PaymentNumber": number(1),
    "ReceiptTransactionType": choice(RECEIPT_TYPE),
    "TransactionType": text(30),
    "CustomerReceiptAmount": amount(),
    "DocumentAmountDue": amount(assigned=True),
    "Description": text(60),
    "Reference": text(60),
    "AdjustmentGLDistributions": details("Distribution"),
    **_OPERATION,
}

DISTRIBUTION: Properties = {
    "BatchType": choice({"CA": 1, "AD": 2}),
    **_AR_KEYS,
    "LineNumber": number(assigned=True),
    "SequenceNumber": number(assigned=True),
    "TransactionType": number(81),
    "DistributionAmount": amount(),
    "DistributionCode": code(6),
    "DistributionGLAccount": code(45),
    **_OPERATION,
}

_GL_KEYS: Properties = {
    "BatchNumber": Field("text", 6, default="", assigned=True),
    "EntryNumber": Field("text", 5, default="", assigned=True),
}

JOURNAL_BATCH: Properties = {
    "BatchNumber": Field("text", 6, default="", assigned=True),
    "Description": text(60),
    "SourceLedger": code(2),
    "DateCreated": day(),
    "NumberOfEntries": number(assigned=True),
    "Status": choice(GL_STATUS),
    "ReadyToPost": yes_no(),
    "TotalDebits": amount(assigned=True),
    "TotalCredits": amount(assigned=True),
    "NumberOfErrors": number(assigned=True),
    "PostingSequence": number(assigned=True),
    "BatchPrintedFlag": yes_no(),
    "JournalHeaders": details("JournalHeader"),
}

JOURNAL_HEADER: Properties = {
    **_GL_KEYS,
    "SourceLedger": code(2),
    "SourceType": code(2),
    "Description": text(60),
    "DocumentDate": day(),
    "PostingDate": day(),
    "FiscalYear": text(4),
    "FiscalPeriod": text(2),
    "AutoReversal": choice({"No": 0, "NextPeriod": 1, "SpecificPeriod": 2}),
    "OutOfBalanceBy": amount(assigned=True),
    "ErrorBatch": number(assigned=True),
    "ErrorEntry": number(assigned=True),
    "JournalDetails": details("JournalDetail"),
    "Warnings": details("Warning"),
    **_OPERATION,
}

JOURNAL_DETAIL: Properties = {
    **_GL_KEYS,
    "TransactionNumber": Field("text", 10, default="", assigned=True),
    "AccountNumber": text(45),
    "Amount": amount(),
    "SourceCurrencyAmount": amount(),
    "Reference": text(60),
    "Description": text(60),
    "Comment": text(250),
    **_OPERATION,
}

POSTED_DOCUMENT: Properties = {
    "CustomerNumber": code(12),
    "DocumentNumber": code(22),
    "CheckReceiptNumber": code(24),
    "OrderNumber": text(22),
    "PONumber": text(22),
    "DueDate": day(),
    "DocumentDate": day(),
    "PostingDate": day(),
    "DatePaid": day(),
    "FiscalYear": text(4),
    "FiscalPeriod": text(2),
    "DocumentType": choice(POSTED_TYPE),
    "InvoiceType": choice({"Item": 1, "Summary": 2}, "Summary"),
    "BatchType": text(2),
    "BatchNumber": number(),
    "EntryNumber": number(),
    "DocumentDescription": text(60),
    "CurrencyCode": code(3),
    "FullyPaid": yes_no(),
    "OriginalAmountInCustomerCurrency": amount(),
    "AmountDueInCustomerCurrency": amount(),
    "TaxAmountInCustomerCurrency": amount(),
}

POSTED_RECEIPT: Properties = {
    "BankCode": code(8),
    "CustomerNumber": code(12),
    "CheckReceiptNumber": code(24),
    "DocumentNumber": code(22),
    "ReceiptDate": day(),
    "PostingDate": day(),
    "PaymentCode": text(12),
    "BankReceiptAmount": amount(),
    "CustomerReceiptAmount": amount(),
    "BatchNumber": number(),
    "EntryNumber": number(),
    "EntryDescription": text(60),
    "EntryReference": text(60),
}

POSTED_TRANSACTION: Properties = {
    "AccountNumber": text(45),
    "FiscalYear": text(4),
    "FiscalPeriod": text(2),
    "SourceLedger": code(2),
    "SourceType": code(2),
    "PostingSequence": number(),
    "BatchNumber": text(6),
    "EntryNumber": text(5),
    "TransactionNumber": text(10),
    "JournalDate": day(),
    "JournalTransactionAmount": amount(),
    "JournalDetailDescription": text(60),
    "JournalDetailReference": text(60),
}
