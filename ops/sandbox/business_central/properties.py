"""Every resource of the simulated API: its properties, their kinds, lengths and who may write them.

Sources: business-central.md sections 3 to 7, 9 and 10, and for the properties it does not list the
v2.0 API pages themselves (microsoft/ALAppExtensions, Apps/W1/APIV2/app/src/pages).

A property is written `name kind [ro|insert]`: `ro` is refused in any write, `insert` in a PATCH.
Kinds: textN, codeN, decimal, int, date, moment, guid, bool, enum:Name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NO_DATE = "0001-01-01"
NO_GUID = "00000000-0000-0000-0000-000000000000"

ENUMS: Mapping[str, tuple[str, ...]] = {
    "customerType": ("Company", "Person"),
    "blocked": (" ", "Ship", "Invoice", "All"),
    "lineType": (
        *("Comment", "Account", "Item", "Resource", "Fixed Asset", "Charge", "Allocation Account"),
    ),
    "documentStatus": (*(" ", "Draft", "In Review", "Open", "Canceled", "Corrective", "Paid"),),
    "journalAccountType": ("G/L Account", "Customer", "Vendor", "Bank Account"),
    "documentType": (" ", "Payment", "Invoice", "Credit Memo"),
    "accountType": ("Posting", "Heading", "Total", "Begin-Total", "End-Total"),
    "category": (
        *(" ", "Assets", "Liabilities", "Equity", "Income", "Cost of Goods Sold", "Expense"),
    ),
    "taxType": ("Sales Tax", "VAT"),
}


@dataclass(frozen=True)
class Property:
    """`length` 0 is unlimited; `write`: always, insert or never."""

    name: str
    kind: str
    length: int = 0
    write: str = "always"
    choices: tuple[str, ...] = ()

    @property
    def empty(self) -> object:
        """The value of a property nobody gave: AL has no null."""
        if self.kind in ("text", "code"):
            return ""
        if self.kind == "enum":
            return self.choices[0]
        return {
            "decimal": "0", "int": 0, "date": NO_DATE, "moment": "0001-01-01T00:00:00Z",
            "guid": NO_GUID, "bool": False,
        }[self.kind]  # fmt: skip


@dataclass(frozen=True)
class Resource:
    """`children`: navigation name → the child's property that holds our id."""

    name: str
    entity: str
    properties: Mapping[str, Property]
    methods: frozenset[str]
    children: Mapping[str, str] = field(default_factory=dict)
    parent_key: str = ""


def _property(line: str) -> Property:
    name, kind, *rest = line.split()
    write = {"ro": "never", "insert": "insert"}.get(rest[0], "always") if rest else "always"
    if kind.startswith("enum:"):
        return Property(name, "enum", 0, write, ENUMS[kind[5:]])
    found = re.fullmatch(r"(text|code)(\d+)", kind)
    if found:
        return Property(name, found[1], int(found[2]), write)
    return Property(name, kind, 0, write)


def _resource(
    name: str, entity: str, text: str, methods: str = "GET", parent_key: str = "",
    children: Mapping[str, str] | None = None,
) -> Resource:  # fmt: skip
    listed = [_property(line) for line in text.strip().splitlines()]
    return Resource(
        name, entity, {p.name: p for p in listed}, frozenset(methods.split()), children or {},
        parent_key,
    )  # fmt: skip


_ALL = "GET POST PATCH DELETE"

_CUSTOMER = """
id guid ro
number code20
displayName text100
type enum:customerType
addressLine1 text100
addressLine2 text50
city text30
state text30
country code10
postalCode code20
phoneNumber text30
email text80
website text80
salespersonCode code20
balanceDue decimal ro
creditLimit decimal
taxLiable bool
taxAreaId guid
taxAreaDisplayName text100 ro
taxRegistrationNumber text20
currencyId guid
currencyCode code10
paymentTermsId guid
shipmentMethodId guid
paymentMethodId guid
blocked enum:blocked
lastModifiedDateTime moment ro
"""

_HEADER = """
id guid ro
number code20 ro
externalDocumentNumber code35
{date} date
postingDate date
dueDate date
{more}
customerId guid
customerNumber code20
customerName text100 ro
billToName text100 ro
billToCustomerId guid
billToCustomerNumber code20
shipToName text100
shipToContact text100
sellToAddressLine1 text100
sellToAddressLine2 text50
sellToCity text30
sellToCountry code10
sellToState text30
sellToPostCode code20
billToAddressLine1 text100 ro
billToAddressLine2 text50 ro
billToCity text30 ro
billToCountry code10 ro
billToState text30 ro
billToPostCode code20 ro
shipToAddressLine1 text100
shipToAddressLine2 text50
shipToCity text30
shipToCountry code10
shipToState text30
shipToPostCode code20
currencyId guid
currencyCode code10
shortcutDimension1Code code20
shortcutDimension2Code code20
paymentTermsId guid
shipmentMethodId guid
salesperson code20
pricesIncludeTax bool ro
discountAmount decimal
discountAppliedBeforeTax bool ro
totalAmountExcludingTax decimal ro
totalTaxAmount decimal ro
totalAmountIncludingTax decimal ro
remainingAmount decimal ro
status enum:documentStatus ro
phoneNumber text30
email text80
lastModifiedDateTime moment ro
"""

_INVOICE = _HEADER.format(
    date="invoiceDate",
    more="promisedPayDate date\ncustomerPurchaseOrderReference text35\norderId guid ro\n"
    "orderNumber code20 ro\ndisputeStatusId guid\ndisputeStatus code10",
)
_MEMO = _HEADER.format(
    date="creditMemoDate",
    more="invoiceId guid\ninvoiceNumber code20\ncustomerReturnReasonId guid",
)

_LINE = """
id guid ro
documentId guid insert
sequence int insert
itemId guid
accountId guid
lineType enum:lineType
lineObjectNumber code20 insert
description text100
description2 text50
unitOfMeasureId guid
unitOfMeasureCode code10
quantity decimal
unitPrice decimal
discountAmount decimal
discountPercent decimal
discountAppliedBeforeTax bool ro
amountExcludingTax decimal ro
taxCode code20
taxPercent decimal ro
totalTaxAmount decimal ro
amountIncludingTax decimal ro
invoiceDiscountAllocation decimal ro
netAmount decimal ro
netTaxAmount decimal ro
netAmountIncludingTax decimal ro
shipmentDate date
itemVariantId guid
locationId guid
"""

_PAYMENT_JOURNAL = """
id guid ro
code code10
displayName text100
lastModifiedDateTime moment ro
balancingAccountId guid
balancingAccountNumber code20 ro
"""

_PAYMENT = """
id guid ro
journalId guid insert
journalDisplayName code10 insert
lineNumber int
customerId guid
customerNumber code20
postingDate date
documentNumber code20
externalDocumentNumber code35
amount decimal
appliesToInvoiceId guid
appliesToInvoiceNumber code20
description text100
comment text250
lastModifiedDateTime moment ro
"""

_JOURNAL = """
id guid ro
code code10
displayName text100
templateDisplayName code10
lastModifiedDateTime moment ro
balancingAccountId guid
balancingAccountNumber code20 ro
"""

_JOURNAL_LINE = """
id guid ro
journalId guid ro
journalDisplayName code10 ro
lineNumber int
accountType enum:journalAccountType
accountId guid
accountNumber code20
postingDate date
documentNumber code20
externalDocumentNumber code35
amount decimal
description text100
comment text250
taxCode code20
balanceAccountType enum:journalAccountType
balancingAccountId guid
balancingAccountNumber code20
lastModifiedDateTime moment ro
"""

_ENTRY = """
id guid ro
entryNumber int ro
postingDate date ro
documentNumber code20 ro
documentType enum:documentType ro
accountId guid ro
accountNumber code20 ro
description text100 ro
debitAmount decimal ro
creditAmount decimal ro
lastModifiedDateTime moment ro
"""

_ACCOUNT = """
id guid ro
number code20 ro
displayName text100 ro
category enum:category ro
subCategory text80 ro
blocked bool ro
accountType enum:accountType ro
directPosting bool ro
netChange decimal ro
lastModifiedDateTime moment ro
"""

_SETUP = """
id guid ro
allowPostingFrom date ro
allowPostingTo date ro
additionalReportingCurrency code10 ro
localCurrencyCode code10 ro
localCurrencySymbol text10 ro
lastModifiedDateTime moment ro
"""

_TERMS = """
id guid ro
code code10
displayName text100
dueDateCalculation text32
discountDateCalculation text32
discountPercent decimal
calculateDiscountOnCreditMemos bool
lastModifiedDateTime moment ro
"""

_CODED = """
id guid ro
code code20
displayName text100
lastModifiedDateTime moment ro
"""
_TAXED = _CODED + "taxType enum:taxType\n"
_CURRENCY = _CODED + "amountDecimalPlaces text5\namountRoundingPrecision decimal\n"

RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        _resource("customers", "customer", _CUSTOMER, _ALL),
        _resource(
            "salesInvoices", "salesInvoice", _INVOICE, _ALL,
            children={"salesInvoiceLines": "documentId"},
        ),
        _resource("salesInvoiceLines", "salesInvoiceLine", _LINE, _ALL, "documentId"),
        _resource(
            "salesCreditMemos", "salesCreditMemo", _MEMO, _ALL,
            children={"salesCreditMemoLines": "documentId"},
        ),
        _resource("salesCreditMemoLines", "salesCreditMemoLine", _LINE, _ALL, "documentId"),
        _resource(
            "customerPaymentJournals", "customerPaymentJournal", _PAYMENT_JOURNAL, _ALL,
            children={"customerPayments": "journalId"},
        ),
        _resource("customerPayments", "customerPayment", _PAYMENT, _ALL, "journalId"),
        _resource("journals", "journal", _JOURNAL, _ALL, children={"journalLines": "journalId"}),
        _resource("journalLines", "journalLine", _JOURNAL_LINE, _ALL, "journalId"),
        _resource("generalLedgerEntries", "generalLedgerEntry", _ENTRY),
        _resource("accounts", "account", _ACCOUNT),
        _resource("generalLedgerSetup", "generalLedgerSetup", _SETUP),
        _resource("paymentTerms", "paymentTerm", _TERMS),
        _resource("paymentMethods", "paymentMethod", _CODED),
        _resource("shipmentMethods", "shipmentMethod", _CODED),
        _resource("taxGroups", "taxGroup", _TAXED),
        _resource("taxAreas", "taxArea", _TAXED),
        _resource("currencies", "currency", _CURRENCY),
        _resource("countriesRegions", "countryRegion", _CODED),
        _resource("companies", "company", "id guid ro\nname text30 ro\ndisplayName text250 ro"),
    )
}  # fmt: skip
