"""Every property this simulator knows of each entity, and its kind.

Names, enumerations and lengths: Intuit's Finance.xsd and entity pages as cited in the project's
reference page. A property absent from here is refused with 2010, as the service does.
"""

from __future__ import annotations

from ops.sandbox.quickbooks_online.kinds import (
    ADDRESS,
    ANY,
    BASE,
    BOOL,
    CUSTOM_FIELDS,
    EMAIL,
    MONEY,
    NUMBER,
    PHONE,
    REF,
    WHOLE,
    Kind,
    many,
    one_of,
    record,
    text,
)
from ops.sandbox.quickbooks_online.transaction_properties import (
    CREDIT_MEMO,
    INVOICE,
    JOURNAL_ENTRY,
    PAYMENT,
)

NAME_LIST: dict[str, Kind] = {
    **BASE,
    "Title": text(16),
    "GivenName": text(100),
    "MiddleName": text(100),
    "FamilyName": text(100),
    "Suffix": text(16),
    "FullyQualifiedName": text(),
    "CompanyName": text(100),
    "DisplayName": text(500),
    "PrintOnCheckName": text(110),
    "Active": BOOL,
    "PrimaryPhone": PHONE,
    "AlternatePhone": PHONE,
    "Mobile": PHONE,
    "Fax": PHONE,
    "PrimaryEmailAddr": EMAIL,
    "WebAddr": record(URI=text(1000)),
    "OtherContactInfo": ANY,
}
CUSTOMER: dict[str, Kind] = {
    **NAME_LIST,
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "Notes": text(2000),
    "Job": BOOL,
    "BillWithParent": BOOL,
    "IsProject": BOOL,
    "Taxable": BOOL,
    "Balance": MONEY,
    "BalanceWithJobs": MONEY,
    "OpenBalanceDate": text(),
    "PreferredDeliveryMethod": text(),
    "ResaleNum": text(16),
    "Level": WHOLE,
    "PrimaryTaxIdentifier": text(),
    "SecondaryTaxIdentifier": text(),
    "BusinessNumber": text(),
    "CustomField": CUSTOM_FIELDS,
    "V4IDPseudonym": text(),
    "ClientEntityId": text(),
    "TaxExemptionReasonId": text(),
    **dict.fromkeys(
        (
            "DefaultTaxCodeRef",
            "SalesTermRef",
            "PaymentMethodRef",
            "CurrencyRef",
            "ParentRef",
            "RootCustomerRef",
            "ARAccountRef",
            "CustomerTypeRef",
            "PriceLevelRef",
            "DefaultShipMethodRef",
        ),
        REF,
    ),
}
VENDOR: dict[str, Kind] = {
    **NAME_LIST,
    "BillAddr": ADDRESS,
    "TaxIdentifier": text(20),
    "BusinessNumber": text(),
    "Balance": MONEY,
    "BillRate": NUMBER,
    "AcctNum": text(100),
    "Vendor1099": BOOL,
    "T4AEligible": BOOL,
    "T5018Eligible": BOOL,
    "TaxReportingBasis": text(),
    "V4IDPseudonym": text(),
    "TermRef": REF,
    "CurrencyRef": REF,
    "APAccountRef": REF,
}
EMPLOYEE: dict[str, Kind] = {
    **NAME_LIST,
    "PrimaryAddr": ADDRESS,
    "SSN": text(),
    "EmployeeNumber": text(),
    "EmailAddress": ANY,
    "BillRate": NUMBER,
    "CostRate": NUMBER,
    "BirthDate": text(),
    "Gender": text(),
    "HiredDate": text(),
    "ReleasedDate": text(),
    "Organization": BOOL,
    "BillableTime": BOOL,
    "V4IDPseudonym": text(),
}

ITEM: dict[str, Kind] = {
    **BASE,
    "Name": text(100),
    "Sku": text(100),
    "Description": text(4000),
    "Active": BOOL,
    "SubItem": BOOL,
    "FullyQualifiedName": text(),
    "Level": WHOLE,
    "Taxable": BOOL,
    "SalesTaxIncluded": BOOL,
    "PurchaseTaxIncluded": BOOL,
    "UnitPrice": NUMBER,
    "Type": one_of("Service", "NonInventory", "Inventory", "Category", "Group"),
    "PurchaseDesc": text(1000),
    "PurchaseCost": NUMBER,
    "TrackQtyOnHand": BOOL,
    "QtyOnHand": NUMBER,
    "InvStartDate": text(),
    "AbatementRate": NUMBER,
    "ReverseChargeRate": NUMBER,
    "ServiceType": text(),
    "ItemCategoryType": text(),
    **dict.fromkeys(
        (
            "IncomeAccountRef",
            "ExpenseAccountRef",
            "AssetAccountRef",
            "ParentRef",
            "SalesTaxCodeRef",
            "PurchaseTaxCodeRef",
        ),
        REF,
    ),
}
ACCOUNT: dict[str, Kind] = {
    **BASE,
    "Name": text(100),
    "SubAccount": BOOL,
    "FullyQualifiedName": text(),
    "Active": BOOL,
    "Classification": text(),
    "AccountType": text(),
    "AccountSubType": text(),
    "Description": text(100),
    "AcctNum": text(20),
    "CurrentBalance": MONEY,
    "CurrentBalanceWithSubAccounts": MONEY,
    "CurrencyRef": REF,
    "ParentRef": REF,
    "TaxCodeRef": REF,
}
TERM: dict[str, Kind] = {
    **BASE,
    "Name": text(31),
    "Active": BOOL,
    "Type": text(),
    "DiscountPercent": NUMBER,
    **dict.fromkeys(
        ("DueDays", "DiscountDays", "DayOfMonthDue", "DueNextMonthDays", "DiscountDayOfMonth"),
        WHOLE,
    ),
}
PAYMENT_METHOD: dict[str, Kind] = {**BASE, "Name": text(31), "Active": BOOL, "Type": text()}
TAX_RATES = record(
    TaxRateDetail=many(
        record(TaxRateRef=REF, TaxTypeApplicable=text(), TaxOrder=WHOLE, TaxOnTaxOrder=WHOLE)
    )
)
TAX_CODE: dict[str, Kind] = {
    **BASE,
    "Name": text(),
    "Description": text(),
    "Active": BOOL,
    "Hidden": BOOL,
    "Taxable": BOOL,
    "TaxGroup": BOOL,
    "TaxCodeConfigType": text(),
    "SalesTaxRateList": TAX_RATES,
    "PurchaseTaxRateList": TAX_RATES,
    "AdjustmentTaxRateList": TAX_RATES,
}
TAX_RATE: dict[str, Kind] = {
    **BASE,
    "Name": text(),
    "Description": text(),
    "Active": BOOL,
    "RateValue": NUMBER,
    "SpecialTaxType": text(),
    "DisplayType": text(),
    "OriginalTaxRate": text(),
    "EffectiveTaxRate": ANY,
    "AgencyRef": REF,
    "TaxReturnLineRef": REF,
}

ENTITIES: dict[str, Kind] = {
    "Customer": record(**CUSTOMER),
    "Vendor": record(**VENDOR),
    "Employee": record(**EMPLOYEE),
    "Invoice": record(**INVOICE),
    "CreditMemo": record(**CREDIT_MEMO),
    "Payment": record(**PAYMENT),
    "JournalEntry": record(**JOURNAL_ENTRY),
    "Item": record(**ITEM),
    "Account": record(**ACCOUNT),
    "Term": record(**TERM),
    "PaymentMethod": record(**PAYMENT_METHOD),
    "TaxCode": record(**TAX_CODE),
    "TaxRate": record(**TAX_RATE),
    "CompanyInfo": ANY,
    "Preferences": ANY,
}
BY_PATH = {name.lower(): name for name in ENTITIES}
PEOPLE = ("Customer", "Vendor", "Employee")
TRANSACTIONS = ("Invoice", "CreditMemo", "Payment", "JournalEntry")
READ_ONLY_ENTITIES = ("TaxCode", "TaxRate", "CompanyInfo", "Preferences")
COMPUTED = frozenset(
    {
        *("Id", "SyncToken", "MetaData", "domain", "sparse", "status", "FullyQualifiedName"),
        *("Level", "Balance", "BalanceWithJobs", "HomeBalance", "HomeTotalAmt", "InvoiceLink"),
        *("RemainingCredit", "UnappliedAmt", "LinkedTxn", "CurrentBalance", "V4IDPseudonym"),
        *("CurrentBalanceWithSubAccounts", "OpenBalanceDate", "RootCustomerRef"),
    }
)


def _numbers(kind: Kind, found: set[str]) -> set[str]:
    for name, inner in kind.fields.items():
        if inner.name in ("money", "number"):
            found.add(name)
        _numbers(inner, found)
    if kind.item:
        _numbers(kind.item, found)
    return found


NUMBERS: frozenset[str] = frozenset().union(*(_numbers(k, set()) for k in ENTITIES.values()))

META_TIMES = ("MetaData.CreateTime", "MetaData.LastUpdatedTime")
_NAMED = ("Id", "Name", "Active", *META_TIMES)
_PERSON = (
    *("Id", "DisplayName", "GivenName", "MiddleName", "FamilyName", "PrintOnCheckName"),
    *("Active", *META_TIMES),
)
_SALE = ("Id", "DocNumber", "TxnDate", "CustomerRef", "TotalAmt", "Balance", *META_TIMES)
FILTERABLE: dict[str, tuple[str, ...]] = {
    "Customer": (*_PERSON, "CompanyName", "FullyQualifiedName", "Balance", "PrimaryEmailAddr"),
    "Vendor": (*_PERSON, "CompanyName", "Balance", "PrimaryEmailAddr"),
    "Employee": (*_PERSON, "PrimaryEmailAddr"),
    "Invoice": (*_SALE, "DueDate", "SalesTermRef"),
    "CreditMemo": _SALE,
    # The XSD says that DocNumber is no filter on Payment; PaymentRefNum is not announced as one.
    "Payment": ("Id", "TxnDate", "CustomerRef", "TotalAmt", *META_TIMES),
    "JournalEntry": ("Id", "DocNumber", "TxnDate", *META_TIMES),
    "Item": (*_NAMED, "Type", "Sku", "FullyQualifiedName"),
    "Account": (
        *(*_NAMED, "AccountType", "AccountSubType", "Classification", "FullyQualifiedName"),
        *("AcctNum", "CurrentBalance"),
    ),
    "Term": _NAMED,
    "PaymentMethod": _NAMED,
    "TaxCode": _NAMED,
    "TaxRate": _NAMED,
    "CompanyInfo": ("Id", *META_TIMES),
    "Preferences": ("Id", *META_TIMES),
}
