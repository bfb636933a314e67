"""The properties of what a company's people set up: accounts, taxes, calendars, codes.

Read through the API to check a configuration (sage-300.md, sections 3, 8 and 9), written by the
seed and by the accountant.
"""

from __future__ import annotations

from ops.sandbox.sage_300.fields import choice, code, day, number, rate, text, yes_no
from ops.sandbox.sage_300.properties import ACTIVE, AUTHORITIES, Properties

PERIODS = tuple(range(1, 14))
_SIDE = choice({"Sales": 1, "Purchases": 2})

GROUP: Properties = {
    "GroupCode": code(6),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    **{name: code(6) for name in ("AccountSet", "Terms", "BillingCycle", "InterestProfile")},
    "CurrencyCode": code(3),
    "TaxGroup": code(12),
    **{f"TaxClassCode{n}": number(1) for n in AUTHORITIES},
}
TERMS: Properties = {
    "TermsCode": code(6),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    "DueDays": number(),
}
DISTRIBUTION_CODE: Properties = {
    "DistributionCode": code(6),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    "RevenueAccount": text(45),
}
PAYMENT_CODE: Properties = {
    "PaymentCode": text(12),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    "PaymentType": choice({"Cash": 1, "Check": 2, "CreditCard": 3, "Other": 4}),
}
BANK: Properties = {
    "BankCode": code(8),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    "BankAccount": text(45),
    "StatementCurrency": code(3),
}
ACCOUNT: Properties = {
    "UnformattedAccount": text(45),
    "AccountNumber": text(45),
    "Description": text(60),
    "Status": choice(ACTIVE, "Active"),
    "AccountType": choice({"BalanceSheet": 1, "IncomeStatement": 2, "RetainedEarnings": 3}),
    "NormalBalanceDRCR": choice({"Debit": 1, "Credit": 2}),
    "ControlAccount": yes_no(),
    "PostToAccount": choice({"Detail": 1, "Consolidated": 2, "Prohibited": 3}),
}
SOURCE_CODE: Properties = {
    "SourceLedger": code(2),
    "SourceType": code(2),
    "Description": text(60),
}
CALENDAR: Properties = {
    "FiscalYear": text(4),
    "NumberofFiscalPeriods": number(12),
    "Active": yes_no("Yes"),
    **{f"FiscalPeriod{n}StartDate": day() for n in PERIODS},
    **{f"FiscalPeriod{n}EndDate": day() for n in PERIODS},
    **{
        f"FiscalPeriod{n}{module}Locked": yes_no() for n in PERIODS for module in ("AR", "BK", "GL")
    },
}
PROFILE: Properties = {
    "DatabaseID": code(6),
    "CompanyName": text(60),
    "FunctionalCurrency": code(3),
    "NumberOfFiscalPeriods": number(12),
    "LockedFiscalPeriod": choice({"None": 0, "Warning": 1, "Error": 2}, "Error"),
    "WarnDateRange": number(30),
    "Multicurrency": yes_no(),
}
TAX_GROUP: Properties = {
    "TaxGroupKey": code(12),
    "TransactionType": _SIDE,
    "Description": text(60),
    "TaxReportingCurrency": code(3),
    "TaxCalculationMethod": choice({"CalculateTaxBySummary": 1, "CalculateTaxByDetail": 2}),
    **{f"TaxAuthority{n}": code(12) for n in AUTHORITIES},
    **{f"Taxable{n}": yes_no() for n in AUTHORITIES},
    **{f"Surtax{n}": yes_no() for n in AUTHORITIES},
    **{f"SurtaxOnAuthority{n}": code(12) for n in AUTHORITIES},
}
TAX_AUTHORITY: Properties = {
    "TaxAuthorityKey": code(12),
    "Description": text(60),
    "TaxReportingCurrency": code(3),
    "TaxIncluded": yes_no(),
}
TAX_RATE: Properties = {
    "TaxAuthority": code(12),
    "TransactionType": _SIDE,
    "BuyerClass": number(1),
    **{f"ItemRate{n}": rate() for n in range(1, 11)},
}
SUPPLIER: Properties = {
    "VendorNumber": code(12),
    "VendorName": text(60),
}
