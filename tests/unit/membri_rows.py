"""Rows of Membri as the Web API gives them, and the records that they become."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from producers.chapters import Chapter
from producers.columns import load_mapping
from producers.mapping import (
    Context,
    account,
    invoice,
)
from schemas.chapters import ChapterSettings
from schemas.records import Account, Invoice

MAPPING = load_mapping()


MONTREAL, QUEBEC = "c-montreal", "c-quebec"


CURRENCIES = {"cad-id": "CAD", "usd-id": "USD", "odd-id": "dollar"}


def context(**settings: Any) -> Context:
    chapter = Chapter(MONTREAL, "Montréal", "montreal", "quickbooks_online")
    if settings:
        chapter = Chapter(
            MONTREAL, "Montréal", "montreal", "quickbooks_online", ChapterSettings(**settings)
        )
    return Context(MAPPING, chapter, CURRENCIES)


def account_row(**values: Any) -> dict[str, Any]:
    row = {
        "@odata.etag": 'W/"5"',
        "accountid": "A-1",
        "name": "  Éco L'Été  ",
        "accountnumber": "C-100",
        "emailaddress1": "info@eco.example",
        "telephone1": "514 555-0100",
        "address1_line1": "1, rue du Port",
        "address1_line2": None,
        "address1_line3": "  ",
        "address1_city": "Montréal",
        "address1_stateorprovince": "QC",
        "address1_postalcode": "H2Y 1A1",
        "address1_country": "Canada",
        "membri_newaccountforsync": True,
        "membri_syncreference": "Éco L'Été inc.",
        "membri_syncstatus": 100000001,
        "_membri_mainchapterid_value": MONTREAL,
        "_transactioncurrencyid_value": "CAD-ID",
    }
    return row | values


def line_row(amount: str = "100.00", **values: Any) -> dict[str, Any]:
    row = {
        "invoicedetailid": "L-1",
        "productname": "Cotisation",
        "productdescription": None,
        "description": "Année 2026",
        "quantity": Decimal("2.0000000000"),
        "priceperunit": Decimal("50.0000"),
        "baseamount": Decimal(amount),
        "manualdiscountamount": None,
        "tax": Decimal("14.98"),
        "extendedamount": None,
        "membri_gstamount": Decimal("5.00"),
        "membri_qstamount": Decimal("9.98"),
        "lineitemnumber": 1,
    }
    return row | values


def invoice_row(*lines: dict[str, Any], **values: Any) -> dict[str, Any]:
    row = {
        "invoiceid": "I-1",
        "invoicenumber": "001482",
        "membri_invoicetype": 100000009,
        "membri_invoicedate": "2026-01-05",
        "duedate": None,
        "description": None,
        "billto_name": "Direction des comptes",
        "billto_line1": "2, rue du Port",
        "billto_city": "Québec",
        "totaldiscountamount": None,
        "freightamount": None,
        "membri_gstamount": Decimal("5.0000"),
        "membri_qstamount": Decimal("9.98"),
        "totalamount": Decimal("114.98"),
        "_transactioncurrencyid_value": "cad-id",
        "statuscode": 4,
        "membri_syncreference": None,
        "_membri_relatedinvoiceid_value": None,
        "membri_RelatedInvoiceId": None,
        "invoice_details": list(lines) or [line_row()],
    }
    return row | values


def payment_row(**values: Any) -> dict[str, Any]:
    row = {
        "membri_paymentid": "P-1",
        "membri_name": "Paiement 12",
        "membri_amount": Decimal("114.98"),
        "membri_paymentdate": "2026-02-01",
        "membri_paymenttype": 100000001,
        "_transactioncurrencyid_value": None,
        "membri_syncreference": "R-1",
        "membri_InvoiceId": {
            "invoiceid": "I-1",
            "invoicenumber": "001482",
            "membri_syncreference": "F-9",
            "membri_syncstatus": 100000002,
        },
    }
    return row | values


def customer() -> Account:
    return account(account_row(), context())


def mapped(*lines: dict[str, Any], **values: Any) -> Invoice:
    return invoice(invoice_row(*lines, **values), customer(), context())
