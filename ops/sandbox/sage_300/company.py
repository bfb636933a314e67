"""A plausible Québec association's company to start from: accounts, taxes, codes, calendar.

Out: the seed of one company, by resource. Keys are fixed, so that a configuration and an
expectation can name them.
"""

from __future__ import annotations

import calendar

from ops.sandbox.kernel.store import Document

RECEIVABLE, BANK_ACCOUNT, DEFERRED = "1100", "1010", "2400"
DUES, EVENTS, DONATIONS = "4100", "4200", "4300"
BANK, GROUP, TAX_GROUP, NET_30 = "BNC", "MEMBRE", "QC", "N30"
DISTRIBUTION_DUES, DISTRIBUTION_EVENTS = "COTIS", "ACTIV"
CLASS_TAXABLE, CLASS_EXEMPT = 1, 2
SOURCE = ("GL", "JE")
FIRST_YEAR, LAST_YEAR = 2019, 2030


def default_company(name: str) -> Document:
    """The seed of one company named `name`; its key is given where it is seeded."""
    return {
        "CSCompanyProfile": [{"CompanyName": name, "FunctionalCurrency": "CAD"}],
        "CSFiscalCalendars": [fiscal_year(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)],
        "GLAccounts": _accounts(),
        "GLSourceCodes": [
            {"SourceLedger": SOURCE[0], "SourceType": SOURCE[1], "Description": "Écritures"},
            {"SourceLedger": "AR", "SourceType": "IN", "Description": "Factures"},
        ],
        "TXTaxAuthorities": [
            {"TaxAuthorityKey": "TPS", "Description": "TPS", "TaxReportingCurrency": "CAD"},
            {"TaxAuthorityKey": "TVQ", "Description": "TVQ", "TaxReportingCurrency": "CAD"},
        ],
        "TXTaxGroups": [_tax_group()],
        "TXTaxRates": [_rate("TPS", "5"), _rate("TVQ", "9.975")],
        "BKBanks": [
            {
                "BankCode": BANK,
                "Description": "Banque Nationale, opérations",
                "BankAccount": BANK_ACCOUNT,
                "StatementCurrency": "CAD",
            }
        ],
        "ARTerms": [
            {"TermsCode": "CPT", "Description": "Comptant", "DueDays": 0},
            {"TermsCode": NET_30, "Description": "Net 30 jours", "DueDays": 30},
        ],
        "ARDistributionCodes": [
            {
                "DistributionCode": DISTRIBUTION_DUES,
                "Description": "Cotisation",
                "RevenueAccount": DUES,
            },
            {
                "DistributionCode": DISTRIBUTION_EVENTS,
                "Description": "Activité",
                "RevenueAccount": EVENTS,
            },
        ],
        "ARPaymentCodes": [
            {"PaymentCode": code, "Description": label, "PaymentType": kind}
            for code, label, kind in _PAYMENT_CODES
        ],
        "ARCustomerGroups": [_group()],
        "APVendors": [{"VendorNumber": "HYDRO", "VendorName": "Hydro-Québec"}],
        "ARCustomers": [],
    }


_PAYMENT_CODES = (
    ("CASH", "Comptant", "Cash"),
    ("CHECK", "Chèque", "Check"),
    ("CARD", "Carte de crédit", "CreditCard"),
    ("TRANSF", "Virement", "Other"),
)


def fiscal_year(year: int) -> Document:
    """Twelve open periods, one for each month of the year."""
    found: Document = {"FiscalYear": str(year), "NumberofFiscalPeriods": 12, "Active": "Yes"}
    for month in range(1, 13):
        last = calendar.monthrange(year, month)[1]
        found[f"FiscalPeriod{month}StartDate"] = f"{year}-{month:02d}-01"
        found[f"FiscalPeriod{month}EndDate"] = f"{year}-{month:02d}-{last:02d}"
    return found


def _accounts() -> list[Document]:
    rows = (
        (BANK_ACCOUNT, "Encaisse", "BalanceSheet", "No"),
        (RECEIVABLE, "Comptes clients", "BalanceSheet", "Yes"),
        ("2310", "TPS à payer", "BalanceSheet", "No"),
        ("2320", "TVQ à payer", "BalanceSheet", "No"),
        (DEFERRED, "Produits reportés", "BalanceSheet", "No"),
        ("3000", "Actif net", "RetainedEarnings", "No"),
        (DUES, "Cotisations", "IncomeStatement", "No"),
        (EVENTS, "Activités et formations", "IncomeStatement", "No"),
        (DONATIONS, "Dons", "IncomeStatement", "No"),
        ("5100", "Frais bancaires", "IncomeStatement", "No"),
    )
    return [
        {
            "UnformattedAccount": number,
            "AccountNumber": number,
            "Description": label,
            "AccountType": kind,
            "ControlAccount": control,
        }
        for number, label, kind, control in rows
    ]


def _tax_group() -> Document:
    return {
        "TaxGroupKey": TAX_GROUP,
        "TransactionType": "Sales",
        "Description": "TPS et TVQ",
        "TaxReportingCurrency": "CAD",
        "TaxAuthority1": "TPS",
        "TaxAuthority2": "TVQ",
    }


def _rate(authority: str, percent: str) -> Document:
    """Line class 1 is taxed, line class 2 is exempt."""
    return {
        "TaxAuthority": authority,
        "TransactionType": "Sales",
        "BuyerClass": 1,
        f"ItemRate{CLASS_TAXABLE}": percent,
        f"ItemRate{CLASS_EXEMPT}": "0",
    }


def _group() -> Document:
    return {
        "GroupCode": GROUP,
        "Description": "Membres",
        "AccountSet": "CAD",
        "Terms": NET_30,
        "BillingCycle": "MENS",
        "InterestProfile": "AUCUN",
        "CurrencyCode": "CAD",
        "TaxGroup": TAX_GROUP,
    }
