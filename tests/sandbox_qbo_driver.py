"""Drives the simulated QuickBooks Online without a socket: one ASGI call, one answer."""

from __future__ import annotations

import itertools
import json
from typing import Any, ClassVar
from urllib.parse import urlencode

from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import (
    Options,
    QuickBooksSystem,
    default_company,
    issue_tokens,
    quickbooks_system,
)
from ops.sandbox.quickbooks_online.company import ITEM_DUES, TAX_GST_QST
from tests import sandbox_driver
from tests.sandbox_driver import Refused, SandboxDriver

REALM = "4620816365"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
SCOPE = "com.intuit.quickbooks.accounting"


class Answer(sandbox_driver.Answer):
    @property
    def code(self) -> int:
        """The code of the first error, whatever its shape."""
        body = self.json
        fault = body.get("Fault") or body.get("fault")
        if not fault:
            raise AssertionError(f"no fault in {self.text}")
        return int((fault.get("Error") or fault.get("error"))[0]["code"])


class Driver(SandboxDriver[QuickBooksSystem, Answer]):
    """One system with one company, a token for it, and calls with good manners by default."""

    shape = Answer
    company: ClassVar = {"realm": REALM}

    def __init__(self, options: Options | None = None, store: Store | None = None) -> None:
        self.store = store or Store()
        self.seconds = 0.0
        self.step_s = 1.0  # each call comes a second after the last, under every limit
        super().__init__(
            quickbooks_system(
                self.store,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                monotonic=self._monotonic,
                options=options,
            )
        )
        if REALM not in self.system.companies.realms():
            self.system.seed({"realms": {REALM: default_company("Association des Érables")}})
        self.bearer = issue_tokens(self.system, REALM)["access_token"]
        self._numbers = itertools.count(1)

    def _monotonic(self) -> float:
        self.seconds += self.step_s
        return self.seconds

    @property
    def books(self) -> Any:
        return self.system.companies.books(REALM)

    def call(
        self,
        method: str,
        rest: str,
        *,
        body: Any = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        realm: str = REALM,
    ) -> Answer:
        """A call to the API. A body that is neither bytes nor text is sent as JSON."""
        content = body if isinstance(body, bytes) else b""
        if isinstance(body, str):
            content = body.encode()
        elif body is not None and not isinstance(body, bytes):
            content = json.dumps(body).encode()
        every = {"minorversion": "75", **(params or {})}
        sent = {
            "authorization": f"Bearer {self.bearer}",
            "accept": "application/json",
            "content-type": "application/json",
            **(headers or {}),
        }
        url = f"/v3/company/{realm}/{rest}?{urlencode(every)}"
        return self.raw(method, url, headers=sent, body=content)

    def write(self, entity: str, body: Any, **params: str) -> Answer:
        """A POST with a request id of its own unless `requestid` is given."""
        wanted = {"requestid": f"r{next(self._numbers)}", **params}
        return self.call("POST", entity.lower(), body=body, params=wanted)

    def made(self, entity: str, body: Any, **params: str) -> Any:
        """The document a write gives back; fails when it is refused."""
        answer = self.write(entity, body, **params)
        if answer.status != 200 or entity not in answer.json:
            raise Refused(answer.text)
        return answer.json[entity]

    def read(self, entity: str, number: str) -> Any:
        answer = self.call("GET", f"{entity.lower()}/{number}")
        if answer.status != 200:
            raise Refused(answer.text)
        return answer.json[entity]

    def ask(self, statement: str | bytes) -> Answer:
        return self.call(
            "POST", "query", body=statement, headers={"content-type": "application/text"}
        )

    def found(self, entity: str, statement: str) -> list[Any]:
        answer = self.ask(statement)
        if answer.status != 200:
            raise Refused(answer.text)
        rows: list[Any] = answer.json["QueryResponse"].get(entity, [])
        return rows

    def where(self, entity: str, condition: str) -> list[Any]:
        """The rows of an entity that meet a condition."""
        statement = f"select * from {entity} where {condition}"  # noqa: S608 — the simulator's language, not a database's
        return self.found(entity, statement)

    # Documents with all that a good client sends.

    def customer(self, name: str = "Anne Côté", **more: Any) -> Any:
        return self.made("Customer", {"DisplayName": name, **more})

    def invoice(self, customer: Any, *amounts: str, **more: Any) -> Any:
        return self.made("Invoice", sale(customer, *amounts, **more))


def item_line(amount: str, tax: str = TAX_GST_QST, item: str = ITEM_DUES) -> dict[str, Any]:
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": float(amount),
        "SalesItemLineDetail": {"ItemRef": {"value": item}, "TaxCodeRef": {"value": tax}},
    }


def sale(customer: Any, *amounts: str, **more: Any) -> dict[str, Any]:
    """An invoice or credit memo of lines of these amounts."""
    return {
        "CustomerRef": {"value": customer["Id"]},
        "TxnDate": "2025-03-14",
        "Line": [item_line(amount) for amount in amounts or ("100.00",)],
        **more,
    }


def paying(customer: Any, total: str, *links: tuple[str, Any, str], **more: Any) -> dict[str, Any]:
    """A payment; each link is (type, document, amount)."""
    return {
        "CustomerRef": {"value": customer["Id"]},
        "TotalAmt": float(total),
        "TxnDate": "2025-03-20",
        "Line": [
            {"Amount": float(value), "LinkedTxn": [{"TxnId": d["Id"], "TxnType": kind}]}
            for kind, d, value in links
        ],
        **more,
    }
