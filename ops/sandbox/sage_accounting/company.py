"""A plausible Québec business to start from: accounts, taxes, banks, payment methods.

Out: the seed of one business. Ids are fixed, so that a configuration and an expectation can name
them; those of user data are 32 hexadecimal characters that say nothing, as Sage's.
"""

from __future__ import annotations

import hashlib

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import reference


def _id(name: str) -> str:
    return hashlib.md5(f"sage-accounting/{name}".encode(), usedforsecurity=False).hexdigest()


DUES, EVENTS, DONATIONS = _id("dues"), _id("events"), _id("donations")
DEFERRED, RECEIVABLE, GST_ACCOUNT, QST_ACCOUNT = (
    *(_id("deferred"), _id("receivable"), _id("gst account"), _id("qst account")),
)
BANK_LEDGER, PAYABLE, EXPENSES = _id("bank ledger"), _id("payable"), _id("expenses")
BANK, CASH_BOX = _id("bank"), _id("cash box")
TAX_GST, TAX_QST, TAX_GST_QST, TAX_HST = _id("gst"), _id("qst"), _id("gst+qst"), _id("hst")
TAX_ZERO, TAX_EXEMPT, TAX_NONE = _id("zero"), _id("exempt"), _id("no tax")
REGION = "CA-QC"


def default_company(name: str) -> Document:
    """The seed of one business named `name`."""
    return {
        "name": name,
        "financial_settings": {
            "accounts_start_date": "2015-01-01",
            "year_end_lockdown_date": None,
            "base_currency": reference("currencies", "CAD", "Canadian Dollar (CAD)"),
            "multi_currency_enabled": False,
            "sales_tax_calculation": "line",
        },
        "invoice_settings": {
            "next_invoice_number": 1,
            "next_credit_note_number": 1,
            "sales_invoice_number_prefix": "SI-",
            "sales_credit_note_number_prefix": "SCN-",
            "separate_invoice_credit_note_numbering": True,
            "customer_credit_days": 30,
            "customer_credit_terms": "date_from_invoice",
        },
        "ledger_accounts": _ledger_accounts(),
        "tax_rates": _tax_rates(),
        "bank_accounts": [
            _bank(BANK, "Compte chèques", "1060"),
            _bank(CASH_BOX, "Petite caisse", "1070"),
        ],
        "payment_methods": [
            {"id": number, "displayed_as": label, "name": label}
            for number, label in (
                ("CASH", "Cash"),
                ("CHECK", "Cheque"),
                ("CREDIT_DEBIT", "Credit/Debit"),
                ("ELECTRONIC", "Electronic"),
            )
        ],
    }


def _ledger_accounts() -> list[Document]:
    rows = (
        # id, name, code, seen in sales, seen in journals, control account
        (DUES, "Cotisations", "4000", True, True, False),
        (EVENTS, "Activités et formations", "4010", True, True, False),
        (DONATIONS, "Dons", "4020", True, True, False),
        (DEFERRED, "Produits reportés", "2400", True, True, False),
        (RECEIVABLE, "Comptes clients", "1200", False, True, True),
        (PAYABLE, "Comptes fournisseurs", "2100", False, True, True),
        (GST_ACCOUNT, "TPS à payer", "2310", False, True, True),
        (QST_ACCOUNT, "TVQ à payer", "2320", False, True, True),
        (BANK_LEDGER, "Compte chèques", "1060", False, False, False),
        (EXPENSES, "Frais bancaires", "5600", False, True, False),
    )
    return [
        {
            "id": number,
            "displayed_as": f"{name} ({code})",
            "name": name,
            "display_name": name,
            "nominal_code": int(code),
            "visible_in_sales": sales,
            "visible_in_journals": journals,
            "is_control_account": control,
        }
        for number, name, code, sales, journals, control in rows
    ]


def _tax_rates() -> list[Document]:
    rows: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
        (TAX_GST_QST, "GST/QST QC", "14.975", (REGION,), (TAX_GST, TAX_QST)),
        (TAX_GST, "GST", "5.0", (), ()),
        (TAX_QST, "QST QC", "9.975", (REGION,), ()),
        (TAX_HST, "HST ON", "13.0", ("CA-ON",), ()),
        (TAX_ZERO, "Zero Rated", "0.0", (), ()),
        (TAX_EXEMPT, "Exempt", "0.0", (), ()),
        (TAX_NONE, "No Tax", "0.0", (), ()),
    )
    return [
        {
            "id": number,
            "displayed_as": f"{name} {percentage}%",
            "name": name,
            "percentage": percentage,
            "percentages": [{"percentage": percentage, "from_date": "2013-01-01", "to_date": None}],
            "is_visible": True,
            "is_combined_rate": bool(components),
            "regions": list(regions),  # none: everywhere in the country
            "components": list(components),
        }
        for number, name, percentage, regions, components in rows
    ]


def _bank(number: str, name: str, code: str) -> Document:
    return {
        "id": number,
        "displayed_as": f"{name} ({code})",
        "account_name": name,
        "nominal_code": int(code),
        "currency": reference("currencies", "CAD", "Canadian Dollar (CAD)"),
        "is_active": True,
    }
