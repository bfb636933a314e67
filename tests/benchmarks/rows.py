"""Invoices of about 4 KB, as Dataverse would answer them and as events on the wire.

What comes in: how many. What goes out: JSON of rows, the same for the same number; three invoices
an account, twenty lines an invoice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from producers.chapters import Chapter, Chapters
from producers.columns import load_mapping
from producers.dataverse.bodies import parse, render
from producers.membri import Membri
from schemas.chapters import ChapterSettings
from schemas.events import Origin, to_transfer
from schemas.records import Invoice
from schemas.statuses import Entity
from schemas.wire.channel import Outgoing
from schemas.wire.codec import to_outgoing

SYSTEM, SLUG = "reference", "banc"
ENVIRONMENT = "https://membri.example"
CHAPTER = Chapter(str(uuid.UUID(int=1)), "Banc d'essai", SLUG, SYSTEM, ChapterSettings())
LINE_COUNT = 20
INVOICES_AN_ACCOUNT = 3
TO_TRANSFER = 100_000_001
MANUAL = 100_000_009

Row = dict[str, Any]


class Replayed:
    """Stands where the Dataverse client stands: answers with JSON kept in memory, parsed anew at
    each reading as an answer from the network would be."""

    url = ENVIRONMENT

    def __init__(self, count: int, *, first: int = 0, line_count: int = LINE_COUNT) -> None:
        """Invoices number `first` and following, and their accounts."""
        numbers = range(first, first + count)
        owners = range(first // INVOICES_AN_ACCOUNT, (first + count - 1) // INVOICES_AN_ACCOUNT + 1)
        self.invoice_ids = [_id(2, number) for number in numbers]
        self._rows = {_id(1, owner): render(_account(owner)) for owner in owners}
        self._rows |= {_id(2, number): render(_invoice(number, line_count)) for number in numbers}

    def tables(self) -> dict[str, list[Row]]:
        """The same rows by table, as the simulated Membri is seeded with them."""
        rows = list(map(parse, self._rows.values()))
        accounts = [row for row in rows if "invoiceid" not in row]
        invoices = [row for row in rows if "invoiceid" in row]
        lines = [
            {**line, "_invoiceid_value": row["invoiceid"]}
            for row in invoices
            for line in row.pop("invoice_details")
        ]
        return {
            name: [_seedable(row) for row in found]
            for name, found in (
                ("accounts", accounts),
                ("invoices", invoices),
                ("invoicedetails", lines),
            )
        }

    def rows_by_id(
        self, _set: str, _id_column: str, ids: Sequence[str], _query: object
    ) -> Iterator[Row]:
        body = b'{"value":[' + b",".join(self._rows[one] for one in ids) + b"]}"
        return iter(parse(body)["value"])


def account_ids(count: int) -> list[str]:
    """The accounts of the first `count` invoices."""
    return [_id(1, owner) for owner in range((count - 1) // INVOICES_AN_ACCOUNT + 1)]


def membri(source: Replayed) -> Membri:
    """What the poller reads records with, over kept answers."""
    return Membri(source, load_mapping(), Chapters([CHAPTER]))  # type: ignore[arg-type]  # the part of the client that fetching needs


def messages(count: int) -> list[Outgoing]:
    """The same invoices as messages that are ready to publish."""
    source = Replayed(count)
    origin = Origin(environment=ENVIRONMENT, chapter=SLUG, system=SYSTEM)
    fetched = membri(source).fetch(Entity.INVOICE, source.invoice_ids)
    found = []
    for one in fetched:
        if not isinstance(one.content, Invoice):
            raise TypeError(f"{one.id} is no invoice: {one.content}")
        event = to_transfer(one.content, origin, dataversion=one.etag, time=one.modified)
        found.append(to_outgoing(event))
    return found


def _id(kind: int, number: int) -> str:
    return str(uuid.UUID(int=(kind << 64) | number))


def _seedable(row: Row) -> Row:
    """JSON has no Decimals, and the server makes its own etags."""
    texts = {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
    texts.pop("@odata.etag")
    return texts


def _account(number: int) -> Row:
    return {
        "@odata.etag": f'W/"{number}"',
        "accountid": _id(1, number),
        "name": f"Société d'élevage n° {number}",
        "emailaddress1": f"compte{number}@example.org",
        "telephone1": "514 555-0100",
        "membri_newaccountforsync": True,
        "membri_syncstatus": None,
        "membri_syncreference": None,
        "membri_syncerror": None,
        "_membri_mainchapterid_value": CHAPTER.id,
        "address1_line1": f"{number} rue Saint-Denis",
        "address1_city": "Montréal",
        "address1_stateorprovince": "QC",
        "address1_postalcode": "H2X 1Y4",
        "address1_country": "Canada",
        "modifiedon": "2026-01-15T12:00:00Z",
    }


def _invoice(number: int, line_count: int) -> Row:
    lines = [_line(number, position) for position in range(1, line_count + 1)]
    gst = sum((line["membri_gstamount"] for line in lines), Decimal(0))
    qst = sum((line["membri_qstamount"] for line in lines), Decimal(0))
    net = sum((line["baseamount"] for line in lines), Decimal(0))
    return {
        "@odata.etag": f'W/"{number}"',
        "invoiceid": _id(2, number),
        "membri_syncstatus": TO_TRANSFER,
        "membri_syncreference": None,
        "membri_syncerror": None,
        "invoicenumber": f"F-{number:06d}",
        "membri_invoicetype": MANUAL,
        "membri_invoicedate": "2026-01-10",
        "duedate": "2026-02-09",
        "description": "Cotisations et inscriptions de l'année",
        "billto_name": f"Société d'élevage n° {number // INVOICES_AN_ACCOUNT}",
        "billto_line1": f"{number} rue Saint-Denis",
        "billto_city": "Montréal",
        "billto_stateorprovince": "QC",
        "billto_postalcode": "H2X 1Y4",
        "billto_country": "Canada",
        "totaldiscountamount": None,
        "freightamount": None,
        "membri_gstamount": gst,
        "membri_qstamount": qst,
        "totalamount": net + gst + qst,
        "statuscode": 4,
        "_customerid_value": _id(1, number // INVOICES_AN_ACCOUNT),
        "_membri_chapterid_value": CHAPTER.id,
        "_membri_relatedinvoiceid_value": None,
        "invoice_details": lines,
        "modifiedon": "2026-01-15T12:00:00Z",
    }


def _line(number: int, position: int) -> Row:
    price = Decimal(10 + (number + position) % 90)
    return {
        "@odata.etag": f'W/"{position}"',
        "invoicedetailid": _id(3, number * LINE_COUNT + position),
        "productname": f"Activité {position}",
        "productdescription": f"Activité {position}",
        "description": None,
        "quantity": Decimal("1.0000000000"),
        "priceperunit": price + Decimal("0.0000"),
        "baseamount": price + Decimal("0.0000"),
        "manualdiscountamount": Decimal("0.0000"),
        "tax": (price * Decimal("0.14975")).quantize(Decimal("0.01")),
        "extendedamount": price * Decimal("1.15"),
        "membri_gstamount": (price * Decimal("0.05")).quantize(Decimal("0.01")),
        "membri_qstamount": (price * Decimal("0.09975")).quantize(Decimal("0.01")),
        "lineitemnumber": position,
    }
