"""Drives the simulated Sage Accounting without a socket: one ASGI call, one answer."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import (
    Options,
    SageAccountingSystem,
    default_company,
    issue_tokens,
    sage_accounting_system,
)
from ops.sandbox.sage_accounting.company import BANK, DUES, REGION, TAX_GST_QST
from tests import sandbox_driver
from tests.sandbox_driver import Refused, SandboxDriver

BUSINESS = "5f0c8e1ad2b94c7e8a6f3b2d1c0e9f71"
OTHER = "9b1d4a7c3e5f4a8b9c0d1e2f3a4b5c6d"
CLIENT_ID = "sage-client"
CLIENT_SECRET = "sage-secret"
NOW = dt.datetime(2025, 4, 1, 12, 0, tzinfo=dt.UTC)


class Answer(sandbox_driver.Answer):
    @property
    def code(self) -> str:
        return str(self.json[0]["$dataCode"])

    @property
    def sources(self) -> list[str]:
        return [one["$source"] for one in self.json]


class Driver(SandboxDriver[SageAccountingSystem, Answer]):
    """One system with two businesses, a token for the first, and good manners by default."""

    shape = Answer
    company: ClassVar = {"business": BUSINESS}

    def __init__(
        self,
        options: Options | None = None,
        store: Store | None = None,
        edition: str = "ACCOUNTING",
    ) -> None:
        self.store = store or Store()
        options = options or Options()
        options.numbering_s = 0.0
        self.seconds = 0.0
        super().__init__(
            sage_accounting_system(
                self.store,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                clock=lambda: NOW,
                monotonic=lambda: self.seconds,
                options=options,
            )
        )
        if not self.system.companies.businesses():
            first = {**default_company("Association des Érables"), "edition": edition}
            other = default_company("Club des Bouleaux")
            self.system.seed({"businesses": {BUSINESS: first, OTHER: other}})
        self.bearer = issue_tokens(self.system, BUSINESS)["access_token"]

    def new_id(self) -> str:
        """An idempotency id never given before."""
        return uuid.uuid4().hex

    def advance(self, seconds: float) -> None:
        """Moves the simulated clock, and gives the driver a living token again."""
        self.ordered("POST", "/clock", {"advance_s": seconds})
        self.bearer = issue_tokens(self.system, BUSINESS)["access_token"]

    def sent_headers(self, **more: str | None) -> dict[str, str]:
        every = {
            "authorization": f"Bearer {self.bearer}",
            "accept": "application/json",
            "content-type": "application/json",
            "x-business": BUSINESS,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return {name: value for name, value in every.items() if value is not None}

    def call(
        self,
        method: str,
        rest: str,
        body: Any = None,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        """A call to the API. A body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = json.dumps(body).encode()
        query = f"?{urlencode(params)}" if params else ""
        return self.raw(
            method,
            f"/v3.1/{rest}{query}",
            headers=self.sent_headers(**(headers or {})),
            body=content,
        )

    def post(self, resource: str, body: Any) -> Answer:
        """A creation with an idempotency id of its own unless the body has one."""
        whole = {"idempotency_id": self.new_id(), **body}
        return self.call("POST", resource, {resource[:-1]: whole})

    def made(self, resource: str, body: Any) -> Any:
        """The record a creation gives back; fails when it is refused."""
        answer = self.post(resource, body)
        if answer.status != 201:
            raise Refused(answer.text)
        return answer.json

    def put(self, resource: str, number: str, body: Any) -> Answer:
        return self.call("PUT", f"{resource}/{number}", {resource[:-1]: body})

    def read(self, resource: str, number: str, **params: str) -> Any:
        asked = {"mark_as_sent": "false", **params}
        answer = self.call("GET", f"{resource}/{number}", params=asked)
        if answer.status != 200:
            raise Refused(answer.text)
        return answer.json

    def found(self, resource: str, **params: str) -> list[Any]:
        answer = self.call("GET", resource, params={"items_per_page": "200", **params})
        if answer.status != 200:
            raise Refused(answer.text)
        rows: list[Any] = answer.json["$items"]
        return rows

    # Records with all that a good client sends.

    def contact(self, name: str = "Anne Côté", **more: Any) -> Any:
        return self.made("contacts", {"name": name, "contact_type_ids": ["CUSTOMER"], **more})

    def invoice(self, contact: Any, *amounts: str, **more: Any) -> Any:
        return self.made("sales_invoices", sale(contact, *amounts, **more))

    def credit_note(self, contact: Any, *amounts: str, **more: Any) -> Any:
        return self.made("sales_credit_notes", credit(contact, *amounts, **more))

    def payment(self, contact: Any, total: str, *artefacts: tuple[Any, str], **more: Any) -> Any:
        return self.made("contact_payments", paying(contact, total, *artefacts, **more))


def line(net: str = "100.00", **more: Any) -> dict[str, Any]:
    """A line of one, taxed with both taxes, each rounded to the cent."""
    parts = (Decimal(net) * rate for rate in (Decimal("0.05"), Decimal("0.09975")))
    tax = sum((part.quantize(Decimal("0.01"), "ROUND_HALF_UP") for part in parts), Decimal(0))
    return {
        "description": "Cotisation",
        "ledger_account_id": DUES,
        "quantity": "1",
        "unit_price": net,
        "tax_rate_id": TAX_GST_QST,
        "tax_amount": str(tax),
        **more,
    }


def sale(contact: Any, *amounts: str, **more: Any) -> dict[str, Any]:
    return {
        "contact_id": contact["id"],
        "date": "2025-03-14",
        "tax_address_region_id": REGION,
        "invoice_lines": [line(amount) for amount in amounts or ("100.00",)],
        **more,
    }


def credit(contact: Any, *amounts: str, **more: Any) -> dict[str, Any]:
    body = sale(contact, *amounts, **more)
    body.setdefault("credit_note_lines", body.pop("invoice_lines"))
    return body


def paying(contact: Any, total: str, *artefacts: tuple[Any, str], **more: Any) -> dict[str, Any]:
    """A receipt; each artefact is (record, amount)."""
    return {
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": contact["id"],
        "bank_account_id": BANK,
        "date": "2025-03-20",
        "total_amount": total,
        "payment_method_id": "CREDIT_DEBIT",
        "allocated_artefacts": [
            {"artefact_id": record["id"], "amount": amount} for record, amount in artefacts
        ],
        **more,
    }
