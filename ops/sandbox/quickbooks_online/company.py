"""A plausible Québec company to start from: accounts, items, taxes, terms, payment methods.

Out: the documents of one realm, ready for the seed. Ids are fixed, so that a configuration and an
expectation can name them.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document

RECEIVABLE, BANK, UNDEPOSITED, DEFERRED = "1", "2", "3", "4"
DUES, EVENTS, DONATIONS = "10", "11", "12"
ITEM_DUES, ITEM_EVENT, ITEM_DONATION, ITEM_DEFERRED = "20", "21", "22", "23"
TAX_GST_QST, TAX_EXEMPT, TAX_ZERO, TAX_OUT, TAX_GST, TAX_QST, TAX_HST = (
    *("30", "31", "32", "33", "34", "35", "36"),
)
RATE_GST, RATE_QST, RATE_ZERO, RATE_HST = "40", "41", "42", "43"
TERM_ON_RECEIPT, TERM_NET_15, TERM_NET_30 = "50", "51", "52"


def default_company(name: str) -> Document:
    """The seed of one realm named `name`."""
    return {
        "CompanyInfo": _company_info(name),
        "Preferences": _preferences(),
        "Account": _accounts(),
        "Item": _items(),
        "TaxRate": _rates(),
        "TaxCode": _codes(),
        "Term": [
            {"Id": TERM_ON_RECEIPT, "Name": "Payable à la réception", "DueDays": 0},
            {"Id": TERM_NET_15, "Name": "Net 15", "DueDays": 15},
            {"Id": TERM_NET_30, "Name": "Net 30", "DueDays": 30},
        ],
        "PaymentMethod": [
            {"Id": str(60 + n), "Name": label, "Type": kind}
            for n, (label, kind) in enumerate(_METHODS)
        ],
        "Customer": [],
        "Vendor": [{"Id": "90", "DisplayName": "Hydro-Québec"}],
        "Employee": [{"Id": "91", "GivenName": "Zoé", "FamilyName": "L’Écuyer"}],
    }


_METHODS = (
    ("Comptant", "NON_CREDIT_CARD"),
    ("Chèque", "NON_CREDIT_CARD"),
    ("Visa", "CREDIT_CARD"),
    ("Mastercard", "CREDIT_CARD"),
    ("Virement", "NON_CREDIT_CARD"),
    ("Interac", "NON_CREDIT_CARD"),
)


def _company_info(name: str) -> Document:
    return {
        "CompanyName": name,
        "LegalName": name,
        "Country": "CA",
        "CompanyStartDate": "2019-04-01",
        "FiscalYearStartMonth": "April",
        "SupportedLanguages": "en,fr",
        "CompanyAddr": {
            "Id": "1",
            "Line1": "1000, rue De La Gauchetière",
            "City": "Montréal",
            "CountrySubDivisionCode": "QC",
            "PostalCode": "H3B 4W5",
            "Country": "CAN",
        },
        "NameValue": [{"Name": "IndustryType", "Value": "Associations"}],
    }


def _preferences() -> Document:
    return {
        "AccountingInfoPrefs": {"FirstMonthOfFiscalYear": "April", "UseAccountNumbers": False},
        "SalesFormsPrefs": {
            "CustomTxnNumbers": True,
            "AutoApplyCredit": False,
            "AutoApplyPayments": False,
            "AllowDiscount": True,
            "DefaultTerms": {"value": TERM_NET_30},
        },
        "TaxPrefs": {"UsingSalesTax": True},
        "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "CAD"}},
        "OtherPrefs": {"WarnDuplicateNumber": True},
    }


def _accounts() -> list[Document]:
    rows = (
        (RECEIVABLE, "Comptes clients", "Accounts Receivable", "AccountsReceivable"),
        (BANK, "Compte chèques", "Bank", "Checking"),
        (UNDEPOSITED, "Fonds non déposés", "Other Current Asset", "UndepositedFunds"),
        (DEFERRED, "Produits reportés", "Other Current Liability", "DeferredRevenue"),
        ("5", "Comptes fournisseurs", "Accounts Payable", "AccountsPayable"),
        ("6", "TPS à payer", "Other Current Liability", "GlobalTaxPayable"),
        ("7", "TVQ à payer", "Other Current Liability", "GlobalTaxPayable"),
        ("8", "Capitaux propres", "Equity", "RetainedEarnings"),
        (DUES, "Cotisations", "Income", "ServiceFeeIncome"),
        (EVENTS, "Activités et formations", "Income", "ServiceFeeIncome"),
        (DONATIONS, "Dons", "Income", "OtherPrimaryIncome"),
        ("13", "Frais bancaires", "Expense", "BankCharges"),
    )
    return [
        {"Id": number, "Name": name, "AccountType": kind, "AccountSubType": sub_kind}
        for number, name, kind, sub_kind in rows
    ]


def _items() -> list[Document]:
    rows = (
        (ITEM_DUES, "Cotisation", DUES),
        (ITEM_EVENT, "Activité", EVENTS),
        (ITEM_DONATION, "Don", DONATIONS),
        (ITEM_DEFERRED, "Cotisation reportée", DEFERRED),
    )
    return [
        {"Id": number, "Name": name, "Type": "Service", "IncomeAccountRef": {"value": account}}
        for number, name, account in rows
    ]


def _rates() -> list[Document]:
    rows = (
        (RATE_GST, "TPS/GST", "5"),
        (RATE_QST, "TVQ/QST 9.975", "9.975"),
        (RATE_ZERO, "Taux zéro", "0"),
        (RATE_HST, "HST ON", "13"),
    )
    return [
        {
            "Id": number,
            "Name": name,
            "RateValue": value,
            "SpecialTaxType": "NONE",
            "DisplayType": "ReadOnly",
        }
        for number, name, value in rows
    ]


def _codes() -> list[Document]:
    rows: tuple[tuple[str, str, bool, tuple[str, ...]], ...] = (
        (TAX_GST_QST, "GST/QST QC - 9.975", True, (RATE_GST, RATE_QST)),
        (TAX_EXEMPT, "Exempt", False, ()),
        (TAX_ZERO, "Zero-rated", True, (RATE_ZERO,)),
        (TAX_OUT, "Out of Scope", False, ()),
        (TAX_GST, "GST", True, (RATE_GST,)),
        (TAX_QST, "QST QC - 9.975", True, (RATE_QST,)),
        (TAX_HST, "HST ON", True, (RATE_HST,)),
    )
    return [
        {
            "Id": number,
            "Name": name,
            "Description": name,
            "Taxable": taxable,
            "TaxGroup": True,
            "SalesTaxRateList": {
                "TaxRateDetail": [
                    {
                        "TaxRateRef": {"value": rate},
                        "TaxTypeApplicable": "TaxOnAmount",
                        "TaxOrder": 0,
                    }
                    for rate in rates
                ]
            },
        }
        for number, name, taxable, rates in rows
    ]
