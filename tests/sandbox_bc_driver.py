"""Drives the simulated Business Central without a socket: one ASGI call, one answer."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from ops.sandbox.business_central import (
    ENVIRONMENT,
    TENANT,
    BusinessCentralSystem,
    Options,
    business_central_system,
    default_company,
)
from ops.sandbox.business_central.company import AREA, BANK, EVENTS, TAXABLE
from ops.sandbox.kernel.store import Store
from tests import sandbox_driver
from tests.sandbox_driver import SandboxDriver

COMPANY = "5d115c9c-44e3-ea11-bb43-000d3a2feca1"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
SCOPE = "https://api.businesscentral.dynamics.com/.default"
ROOT = f"/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0"
NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)


class Answer(sandbox_driver.Answer):
    @property
    def value(self) -> Any:
        return self.json["value"]

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Driver(SandboxDriver[BusinessCentralSystem, Answer]):
    """One system with one company, a token for it, and calls with good manners by default."""

    shape = Answer
    company: ClassVar = {"company": COMPANY}

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.monotonic = 0.0
        self.store = Store()
        super().__init__(
            business_central_system(
                self.store,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                clock=lambda: self.now,
                monotonic=lambda: self.monotonic,
                options=Options(**options),
            )
        )
        self.system.seed({"companies": {COMPANY: default_company("Érables inc.")}})
        self.token = self.system.login.issue()

    # Calls.

    def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, Any] | None = None,
        **params: str,
    ) -> Answer:  # fmt: skip
        """`path` is under the company unless it starts with a slash; a header None is left out."""
        url = path if path.startswith("/") else f"{ROOT}/companies({COMPANY})/{path}"
        if params:
            named = {f"${name}": value for name, value in params.items()}
            url += "?" + urlencode(named, quote_via=quote)
        full = {
            "Authorization": f"Bearer {self.token}",
            "Accept-Language": "en-US",
            "Accept": "application/json",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        sent = {name: value for name, value in full.items() if value is not None}
        content = b"" if body is None else json.dumps(body).encode()
        return self.raw(method, url, sent, content)

    def get(self, path: str, **params: str) -> Answer:
        return self.call("GET", path, headers=None, **params)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.call("POST", path, body)

    def patch(self, path: str, body: Any, match: str | None = "*") -> Answer:
        return self.call("PATCH", path, body, headers={"If-Match": match})

    def made(self, path: str, body: Any) -> Any:
        answer = self.post(path, body)
        assert answer.status == 201, answer.text
        return answer.json

    def read(self, path: str, **params: str) -> Any:
        answer = self.get(path, **params)
        assert answer.status == 200, answer.text
        return answer.json

    def done(self, path: str) -> None:
        """A bound action that succeeds: 204 without a body."""
        answer = self.post(path)
        assert (answer.status, answer.body) == (204, b""), answer.text

    def set(self, **options: Any) -> None:
        self.system.options.change(options)

    def another_client(self) -> str:
        """A token of its own, as another process would get."""
        return self.system.login.issue()

    # Records.

    def id_of(self, resource: str, code: str) -> str:
        by = "number" if resource in ("accounts", "customers") else "code"
        return str(self.read(resource, filter=f"{by} eq '{code}'")["value"][0]["id"])

    def customer(self, number: str = "M-00042", **more: Any) -> Any:
        body = {
            "number": number, "displayName": f"Membre {number}", "taxLiable": True,
            "taxAreaId": self.id_of("taxAreas", AREA), **more,
        }  # fmt: skip
        return self.made("customers", body)

    def draft(self, customer: Any, *prices: float, **more: Any) -> Any:
        return self.made("salesInvoices", sale(customer, *prices, **more))

    def posted(self, customer: Any, *prices: float, **more: Any) -> Any:
        made = self.draft(customer, *prices, **more)
        self.done(f"salesInvoices({made['id']})/Microsoft.NAV.post")
        return self.read(f"salesInvoices({made['id']})")

    def payment_journal(self, code: str = "ENCA", **more: Any) -> Any:
        body = {"code": code, "balancingAccountId": self.id_of("accounts", BANK), **more}
        return self.made("customerPaymentJournals", body)

    def pay(self, invoice: Any, amount: float, number: str = "P-1", **more: Any) -> Any:
        """A payment of that invoice, in a batch of its own, posted."""
        journal = self.payment_journal(letters(number))
        self.made(
            f"customerPaymentJournals({journal['id']})/customerPayments",
            payment(invoice, amount, number, **more),
        )
        self.done(f"journals({journal['id']})/Microsoft.NAV.post")
        return journal


def letters(text: str) -> str:
    """A batch code without digits."""
    return "B" + "".join(chr(65 + ord(one) % 26) for one in text)[:9]


def line(price: float, **more: Any) -> dict[str, Any]:
    return {
        "lineType": "Account", "lineObjectNumber": EVENTS, "description": "Adhésion",
        "quantity": 1, "unitPrice": price, "taxCode": TAXABLE, **more,
    }  # fmt: skip


def sale(customer: Any, *prices: float, **more: Any) -> dict[str, Any]:
    body = {
        "customerNumber": customer["number"], "externalDocumentNumber": "INV-1",
        "invoiceDate": "2026-03-02", "postingDate": "2026-03-02",
        "salesInvoiceLines": [line(price) for price in prices or (100,)],
    }  # fmt: skip
    return {**body, **more}


def payment(invoice: Any, amount: float, number: str = "P-1", **more: Any) -> dict[str, Any]:
    return {
        "customerNumber": invoice["customerNumber"], "postingDate": "2026-03-02",
        "documentNumber": number, "amount": -amount,
        "appliesToInvoiceNumber": invoice["number"], **more,
    }  # fmt: skip
