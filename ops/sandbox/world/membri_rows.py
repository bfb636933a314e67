"""Rows of Membri as a chapter's staff would make them: accounts, invoices with lines, payments.

In: what a person knows (name, lines, amounts, status by code name). Out: rows of the tables of
`membri-schema.md`, lookups as `_x_value`, money as Decimal. Refuses unknown statuses and types
(KeyError). Everything that varies comes from the given random source, so the same seed makes the
same rows.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ops.sandbox.world.names import CITIES, STREETS
from ops.sandbox.world.taxes import ZERO, cents, taxes, total

Row = dict[str, Any]

FIRST_CHOICE = 100_000_000
STATUS = {
    name: FIRST_CHOICE + number
    for number, name in enumerate(
        ("on_hold", "to_transfer", "transferred", "transfer_error", "do_not_sync", "in_review")
    )
}
INVOICE_TYPES = (
    "membership", "delegate", "renewal", "upgrade", "event", "order", "donation", "contract",
    "sponsor", "manual", "refund", "opening_balance",
)  # fmt: skip
TYPE = {name: FIRST_CHOICE + number for number, name in enumerate(INVOICE_TYPES)}
METHOD = {n: FIRST_CHOICE + i for i, n in enumerate(("cheque", "card", "transfer", "cash"))}
BILLED = (0, 4)
PAID = (2, 100001)
CANCELLED = (3, 100003)
FIRST_MOMENT = dt.datetime(2026, 6, 2, 13, 0, tzinfo=dt.UTC)
OLD_ERROR = "Une erreur corrigée par personne : champ obligatoire manquant."
USD = str(uuid.uuid5(uuid.NAMESPACE_URL, "membri-sync/world/USD"))


@dataclass(frozen=True)
class Line:
    """One line to bill: net of its discount once multiplied, in dollars."""

    product: str
    price: Decimal
    quantity: Decimal = Decimal(1)
    taxable: bool = True
    discount: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return cents(self.price * self.quantity) - self.discount


def figures(lines: Sequence[Line]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """(net, TPS, TVQ, total) of an invoice with these lines."""
    net = total(line.net for line in lines)
    gst, qst = taxes(total(line.net for line in lines if line.taxable))
    return net, gst, qst, net + gst + qst


@dataclass
class Desk:
    """The staff of one chapter at work: each call adds rows and returns the main one."""

    slug: str
    chapter_id: str
    prefix: str
    rng: random.Random
    rows: dict[str, list[Row]]
    clock: dt.datetime = FIRST_MOMENT
    numbers: int = 1000
    invoices: dict[str, Row] = field(default_factory=dict)

    def account(
        self,
        name: str,
        *,
        new: bool = True,
        status: str | None = "to_transfer",
        reference: str | None = None,
        phone: str | None = None,
    ) -> Row:
        """A customer account. `status` None leaves the column empty."""
        city, postal_code = self.rng.choice(CITIES[self.slug])
        self.numbers += 1
        row = self._row("accountid", status, reference)
        row |= {
            "name": name,
            "accountnumber": f"{self.prefix}{self.numbers:06d}",
            "emailaddress1": f"compta{self.numbers}@exemple.ca",
            "telephone1": phone or f"514-555-{self.numbers % 10000:04d}",
            "address1_line1": f"{self.rng.randint(1, 9999)}, {self.rng.choice(STREETS)}",
            "address1_city": city,
            "address1_stateorprovince": "QC",
            "address1_postalcode": postal_code,
            "address1_country": "Canada",
            "membri_newaccountforsync": new,
            "_membri_mainchapterid_value": self.chapter_id,
            "statecode": 0,
            "statuscode": 1,
        }
        self.rows["accounts"].append(row)
        return row

    def invoice(
        self,
        account: Row,
        kind: str,
        lines: Sequence[Line],
        *,
        status: str = "to_transfer",
        reference: str | None = None,
        number: str | None = "",
        day: dt.date | None = None,
        state: tuple[int, int] = BILLED,
        corrects: Row | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Row:
        """An invoice, or a credit note when it `corrects` one: then its figures are negative.

        `number` "" takes the next one, None leaves it empty (a membership notice). `changes` are
        columns that a person, or a bug, made different.
        """
        sign = -1 if corrects else 1
        net, gst, qst, amount = (sign * figure for figure in figures(lines))
        day = day or self._day(corrects)
        row = self._row("invoiceid", status, reference)
        row |= {
            "name": f"{lines[0].product} — {account['name']}"[:300],
            "invoicenumber": self.next_number() if number == "" else number,
            "_customerid_value": account["accountid"],
            "membri_invoicedate": day.isoformat(),
            "duedate": (day + dt.timedelta(days=30)).isoformat(),
            "billto_name": account["name"],
            "billto_line1": account["address1_line1"],
            "billto_city": account["address1_city"],
            "billto_stateorprovince": "QC",
            "billto_postalcode": account["address1_postalcode"],
            "billto_country": "Canada",
            "totallineitemamount": net,
            "totalamountlessfreight": net,
            "totaltax": gst + qst,
            "totalamount": amount,
            "membri_gstamount": gst,
            "membri_qstamount": qst,
            "_membri_chapterid_value": self.chapter_id,
            "membri_invoicetype": TYPE[kind],
            "statecode": state[0],
            "statuscode": state[1],
        }
        if corrects:
            row["_membri_relatedinvoiceid_value"] = corrects["invoiceid"]
        row |= changes or {}
        self.rows["invoices"].append(row)
        self._details(row, lines, sign)
        self.invoices[row["invoiceid"]] = row
        return row

    def payment(
        self,
        invoice: Row,
        amount: Decimal,
        *,
        status: str = "to_transfer",
        reference: str | None = None,
        method: str | None = None,
        modified: dt.datetime | None = None,
    ) -> Row:
        """Money received on one invoice. `modified` overrides the moment of its last change."""
        day = dt.date.fromisoformat(invoice["membri_invoicedate"])
        row = self._row("membri_paymentid", status, reference)
        row |= {
            "membri_name": f"Paiement {self.rng.randint(10_000, 99_999)}",
            "membri_amount": amount,
            "_membri_invoiceid_value": invoice["invoiceid"],
            "_membri_accountid_value": invoice["_customerid_value"],
            "membri_paymentdate": (day + dt.timedelta(days=self.rng.randint(0, 25))).isoformat(),
            "membri_paymenttype": METHOD[method or self.rng.choice(tuple(METHOD))],
            "statecode": 0,
            "statuscode": 1,
        }
        if modified:
            row["createdon"] = row["modifiedon"] = moment(modified)
        self.rows["membri_payments"].append(row)
        return row

    def next_number(self) -> str:
        self.numbers += 1
        return f"{self.prefix}-2026-{self.numbers:05d}"

    def _day(self, corrects: Row | None) -> dt.date:
        """A day before now; a credit note comes after what it corrects."""
        days = dt.timedelta(days=self.rng.randint(0, 20))
        if corrects:
            return dt.date.fromisoformat(corrects["membri_invoicedate"]) + days
        return (self.clock - days).date()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _row(self, key: str, status: str | None, reference: str | None) -> Row:
        self.clock += dt.timedelta(seconds=self.rng.randint(30, 900))
        return {
            key: self.new_id(),
            "membri_syncstatus": STATUS[status] if status else None,
            "membri_syncreference": reference,
            "membri_syncerror": OLD_ERROR if status == "transfer_error" else None,
            "createdon": moment(self.clock),
            "modifiedon": moment(self.clock),
        }

    def _details(self, invoice: Row, lines: Sequence[Line], sign: int) -> None:
        for number, line in enumerate(lines, 1):
            gst, qst = taxes(line.net) if line.taxable else (ZERO, ZERO)
            self.rows["invoicedetails"].append(
                {
                    "invoicedetailid": self.new_id(),
                    "_invoiceid_value": invoice["invoiceid"],
                    "isproductoverridden": True,
                    "productdescription": line.product,
                    "productname": line.product,
                    "description": line.product,
                    "quantity": sign * line.quantity,
                    "priceperunit": line.price,
                    "baseamount": sign * cents(line.price * line.quantity),
                    "manualdiscountamount": sign * line.discount,
                    "volumediscountamount": ZERO,
                    "tax": sign * (gst + qst),
                    "extendedamount": sign * (line.net + gst + qst),
                    "lineitemnumber": number,
                    "sequencenumber": number,
                    "membri_gstamount": sign * gst,
                    "membri_qstamount": sign * qst,
                    "createdon": invoice["createdon"],
                    "modifiedon": invoice["modifiedon"],
                }
            )


def moment(when: dt.datetime) -> str:
    """As Dataverse writes it: UTC, to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def empty_rows() -> dict[str, list[Row]]:
    """The tables of a world, the ones others point at first."""
    usd = {
        "transactioncurrencyid": USD,
        "currencyname": "Dollar américain",
        "isocurrencycode": "USD",
        "currencyprecision": 2,
        "exchangerate": Decimal("0.73"),
    }
    tables: dict[str, list[Row]] = {
        name: []
        for name in (
            "transactioncurrencies", "membri_chapters", "accounts", "invoices", "invoicedetails",
            "membri_payments",
        )
    }  # fmt: skip
    tables["transactioncurrencies"].append(usd)
    return tables
