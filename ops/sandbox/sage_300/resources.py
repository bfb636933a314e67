"""Which resources there are, their module, keys and verbs, and what their records hold.

The verbs table is that of sage-300.md, sections 2 and 3: master data take every verb, transaction
batches GET, POST and PATCH, processes POST, inquiries GET.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ops.sandbox.sage_300 import masters
from ops.sandbox.sage_300 import properties as p
from ops.sandbox.sage_300.fields import text
from ops.sandbox.sage_300.properties import Properties

MASTER = ("GET", "POST", "PUT", "PATCH", "DELETE")
BATCH = ("GET", "POST", "PATCH")
INQUIRY = ("GET",)
PROCESS = ("POST",)
INVOICES = "ARInvoiceBatches"
RECEIPTS = "ARReceiptAndAdjustmentBatches"
JOURNALS = "GLJournalBatches"
BATCHES = (INVOICES, RECEIPTS, JOURNALS)


@dataclass(frozen=True)
class Resource:
    """`keys`: the properties of its key, in order. `indexed`: found fast by equality. `view_of`:
    the resource whose records it shows, when it has none of its own."""

    module: str
    name: str
    properties: Properties
    keys: tuple[str, ...] = ()
    verbs: tuple[str, ...] = INQUIRY
    indexed: tuple[str, ...] = ()
    view_of: str = ""

    @property
    def table(self) -> str:
        """The resource that keeps its records."""
        return self.view_of or self.name


DETAILS: dict[str, Properties] = {
    "OptionalField": p.OPTIONAL_FIELD,
    "Invoice": p.INVOICE,
    "InvoiceDetail": p.INVOICE_DETAIL,
    "InvoicePaymentSchedule": p.SCHEDULE,
    "Receipt": p.RECEIPT,
    "AppliedReceipt": p.APPLIED,
    "Distribution": p.DISTRIBUTION,
    "JournalHeader": p.JOURNAL_HEADER,
    "JournalDetail": p.JOURNAL_DETAIL,
    "Warning": {"Message": text(500), "Priority": text(20)},
}
"""What the elements of each detail collection hold, by the collection's entity."""


def details_of(entity: str, receipt_posting_date: str) -> Properties:
    """The same for one version, where a receipt's posting date may have another name."""
    held = DETAILS[entity]
    if entity != "Receipt" or receipt_posting_date == "PostingDate":
        return held
    return {(receipt_posting_date if k == "PostingDate" else k): one for k, one in held.items()}


def _masters() -> Sequence[Resource]:
    rows = (
        ("AR", "ARCustomerGroups", masters.GROUP, ("GroupCode",)),
        ("AR", "ARTerms", masters.TERMS, ("TermsCode",)),
        ("AR", "ARDistributionCodes", masters.DISTRIBUTION_CODE, ("DistributionCode",)),
        ("AR", "ARPaymentCodes", masters.PAYMENT_CODE, ("PaymentCode",)),
        ("AP", "APVendors", masters.SUPPLIER, ("VendorNumber",)),
        ("BK", "BKBanks", masters.BANK, ("BankCode",)),
        ("GL", "GLAccounts", masters.ACCOUNT, ("UnformattedAccount",)),
        ("GL", "GLSourceCodes", masters.SOURCE_CODE, ("SourceLedger", "SourceType")),
        ("CS", "CSFiscalCalendars", masters.CALENDAR, ("FiscalYear",)),
        ("CS", "CSCompanyProfile", masters.PROFILE, ("DatabaseID",)),
        ("TX", "TXTaxGroups", masters.TAX_GROUP, ("TaxGroupKey", "TransactionType")),
        ("TX", "TXTaxAuthorities", masters.TAX_AUTHORITY, ("TaxAuthorityKey",)),
        (
            *("TX", "TXTaxRates", masters.TAX_RATE),
            ("TaxAuthority", "TransactionType", "BuyerClass"),
        ),
    )
    return [Resource(module, name, table, keys) for module, name, table, keys in rows]


def _transactions() -> Sequence[Resource]:
    receipt_keys = ("BatchRecordType", "BatchNumber")
    return [
        Resource("AR", "ARCustomers", p.CUSTOMER, ("CustomerNumber",), MASTER, ("CustomerName",)),
        Resource("AR", INVOICES, p.INVOICE_BATCH, ("BatchNumber",), BATCH, ("Description",)),
        Resource("AR", RECEIPTS, p.RECEIPT_BATCH, receipt_keys, BATCH, ("Description",)),
        Resource("GL", JOURNALS, p.JOURNAL_BATCH, ("BatchNumber",), BATCH, ("Description",)),
    ]


def _inquiries() -> Sequence[Resource]:
    receipt_keys = ("BankCode", "CustomerNumber", "CheckReceiptNumber", "DocumentNumber")
    receipt_indexes = ("CustomerNumber", "CheckReceiptNumber", "DocumentNumber")
    return [
        Resource(
            *("AR", "ARPostedDocuments", p.POSTED_DOCUMENT, ("CustomerNumber", "DocumentNumber")),
            indexed=("CustomerNumber", "DocumentNumber", "CheckReceiptNumber"),
        ),
        Resource(
            *("AR", "ARPostedReceipts", p.POSTED_RECEIPT, receipt_keys), indexed=receipt_indexes
        ),
        Resource(*("AR", "ARPayments", p.POSTED_RECEIPT, receipt_keys), view_of="ARPostedReceipts"),
        Resource(
            *("GL", "GLPostedTransactions", p.POSTED_TRANSACTION),
            ("BatchNumber", "EntryNumber", "TransactionNumber"),
            indexed=("BatchNumber", "JournalDetailReference"),
        ),
    ]


def _processes() -> Sequence[Resource]:
    # What a process takes depends on options: see processes.py.
    rows = (
        *(("AR", "ARPostInvoices"), ("AR", "ARPostReceiptsAndAdjustments")),
        *(("AR", "ARCreateGLBatch"), ("GL", "GLPostJournal")),
    )
    return [Resource(module, name, {}, verbs=PROCESS) for module, name in rows]


RESOURCES: dict[str, Resource] = {
    one.name: one for one in (*_masters(), *_transactions(), *_inquiries(), *_processes())
}
MODULES = ("AP", "AR", "BK", "CS", "GL", "TX")
SINGLETONS = ("CSCompanyProfile",)
"""Read by their name alone: there is one in each company."""
