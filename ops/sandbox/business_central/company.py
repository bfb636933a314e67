"""A plausible Québec company to start from: accounts, taxes, terms, payment methods.

Out: the records of one company, ready for the seed. Numbers are fixed, so that a configuration and
an expectation can name them. Tax area and groups: the Canadian demo data (business-central.md, 9).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document

BANK, RECEIVABLE, DEFERRED, GST, QST = "10100", "11200", "24200", "23100", "23200"
DUES, EVENTS, DONATIONS = "41100", "41200", "41300"
TAXABLE, EXEMPT, AREA = "TAXABLE", "NONTAXABLE", "QC"
TERM = "N30"

_ACCOUNTS = (
    (BANK, "Banque, compte chèques", "Assets", "Posting", True),
    ("10900", "Placements (fermé)", "Assets", "Posting", True),
    ("11000", "Actif à court terme", "Assets", "Heading", False),
    (RECEIVABLE, "Comptes clients", "Assets", "Posting", False),
    (GST, "TPS à payer", "Liabilities", "Posting", False),
    (QST, "TVQ à payer", "Liabilities", "Posting", False),
    (DEFERRED, "Revenus perçus d'avance", "Liabilities", "Posting", True),
    (DUES, "Cotisations", "Income", "Posting", True),
    (EVENTS, "Activités et formations", "Income", "Posting", True),
    (DONATIONS, "Dons", "Income", "Posting", True),
    ("61000", "Frais bancaires", "Expense", "Posting", True),
)
_TERMS = (
    ("CM", "Payable à la réception", "0D"),
    ("N15", "Net 15 jours", "15D"),
    (TERM, "Net 30 jours", "30D"),
)
_METHODS = (
    *(("COMPTANT", "Comptant"), ("CHEQUE", "Chèque"), ("CARTE", "Carte de crédit")),
    *(("VIREMENT", "Virement"), ("INTERAC", "Interac")),
)


def default_company(name: str) -> Document:
    """The seed of one company named `name`."""
    return {
        "name": name,
        "displayName": name,
        "generalLedgerSetup": [
            {
                "localCurrencyCode": "CAD",
                "localCurrencySymbol": "$",
                "_receivables": RECEIVABLE,
                "_taxAccounts": {"CA": GST, "CAQC": QST},
            }
        ],
        "accounts": [
            {
                "number": number, "displayName": label, "category": category,
                "accountType": kind, "directPosting": direct, "blocked": number == "10900",
            }
            for number, label, category, kind, direct in _ACCOUNTS
        ],
        "taxAreas": [
            {"code": AREA, "displayName": "Québec", "_jurisdictions": ["CA", "CAQC"]},
            {"code": "ON", "displayName": "Ontario", "_jurisdictions": ["CAON"]},
        ],
        "taxGroups": [
            {
                "code": TAXABLE, "displayName": "Taxable",
                "_rates": {"CA": "5", "CAQC": "9.975", "CAON": "13"},
            },
            {"code": EXEMPT, "displayName": "Non taxable", "_rates": {}},
        ],
        "paymentTerms": [
            {"code": code, "displayName": label, "dueDateCalculation": due}
            for code, label, due in _TERMS
        ],
        "paymentMethods": [{"code": code, "displayName": label} for code, label in _METHODS],
        "shipmentMethods": [{"code": "EXW", "displayName": "À l'usine"}],
        "currencies": [
            {
                "code": code, "displayName": label, "amountDecimalPlaces": "2:2",
                "amountRoundingPrecision": "0.01", "_rate": rate,
            }
            for code, label, rate in (("USD", "Dollar américain", "1.36"), ("EUR", "Euro", ""))
        ],
        "countriesRegions": [
            {"code": code, "displayName": label}
            for code, label in (("CA", "Canada"), ("US", "États-Unis"), ("FR", "France"))
        ],
        "batches": [
            {"resource": "journals", "code": "DEFAULT", "displayName": "Feuille par défaut"},
            {"resource": "customerPaymentJournals", "code": "ENCAISS", "displayName": "Comptoir"},
        ],
    }  # fmt: skip
