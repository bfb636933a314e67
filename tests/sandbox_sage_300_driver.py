"""Drives the simulated Sage 300 without a socket: one ASGI call, one answer."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_300 import Options, Sage300System, default_company, sage_300_system
from ops.sandbox.sage_300.company import BANK, CLASS_EXEMPT, DEFERRED, DUES, GROUP
from tests import sandbox_driver
from tests.sandbox_driver import Refused, SandboxDriver

COMPANY = "MTLDAT"
USER, PASSWORD = "WEBAPI", "MOTDEPASSE"
ROOT = f"/Sage300WebApi/v1.0/-/{COMPANY}/"
MODULES = {"AR": "AR", "GL": "GL", "CS": "CS", "TX": "TX", "BK": "BK", "AP": "AP"}


class Answer(sandbox_driver.Answer):
    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"]["value"])


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Driver(SandboxDriver[Sage300System, Answer]):
    """One system with one company, and calls with good manners by default."""

    shape = Answer
    company: ClassVar = {"company": COMPANY}

    def __init__(self, store: Store | None = None, **options: Any) -> None:
        self.store = store or Store()
        self.seconds = 0.0
        self.options = Options(write_s=0.0)
        self.options.change(options)
        super().__init__(
            sage_300_system(
                self.store,
                user=USER,
                password=PASSWORD,
                clock=lambda: datetime(2025, 6, 15, 12, tzinfo=UTC),
                monotonic=lambda: self.seconds,
                options=self.options,
            )
        )
        if COMPANY not in self.system.companies.names():
            self.system.seed({"companies": {COMPANY: default_company("Association des Érables")}})
        self._numbers = itertools.count(1)

    def call(self, method: str, rest: str, body: Any = None, **headers: str) -> Answer:
        """`rest`: module, resource, key and query, as in a URL, not quoted yet."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": basic(), "content-type": "application/json", **headers}
        url = ROOT + quote(rest, safe="/()$'=,?&%")
        return self.raw(method, url, headers=sent, body=content)

    def read(self, rest: str) -> Any:
        return self.expect(200, "GET", rest).json

    def rows(self, rest: str) -> list[Any]:
        found: list[Any] = self.read(rest)["value"]
        return found

    def expect(self, status: int, method: str, rest: str, body: Any = None) -> Answer:
        answer = self.call(method, rest, body)
        if answer.status != status:
            raise Refused(f"{answer.status} {answer.text}")
        return answer

    def made(self, rest: str, body: Any) -> Any:
        return self.expect(201, "POST", rest, body).json

    def refused(self, rest: str, body: Any, method: str = "POST") -> str:
        """The code of the refusal."""
        answer = self.call(method, rest, body)
        if answer.status < 400:
            raise Refused(f"accepted: {answer.text}")
        return answer.code

    # Whole flows, as a good client does them.

    def customer(self, number: str = "M00042", **more: Any) -> Any:
        body = {"CustomerNumber": number, "CustomerName": "Zoé Côté", "GroupCode": GROUP, **more}
        return self.made("AR/ARCustomers", body)

    def ready(self, rest: str) -> None:
        key = "ReadyToPost" if rest.startswith("GL") else "BatchStatus"
        value = "Yes" if rest.startswith("GL") else "ReadyToPost"
        self.expect(204, "PATCH", rest, {key: value})

    def process_invoices(self, number: int) -> Answer:
        body = {"PostAllBatches": "Donotpostallbatches"}
        body |= {"PostBatchFrom": number, "PostBatchTo": number}
        return self.call("POST", "AR/ARPostInvoices('$process')", body)

    def process_receipts(self, number: int, kind: str = "CA") -> Answer:
        body: Any = {"BatchType": kind, "PostAllBatches": "Donotpostallbatches"}
        body |= {"PostBatchFrom": number, "PostBatchTo": number}
        return self.call("POST", "AR/ARPostReceiptsAndAdjustments('$process')", body)

    def process_journal(self, number: str) -> Answer:
        body = {"PostAllBatches": "Donotpostallbatches"}
        body |= {self.options.gl_post_from: number, self.options.gl_post_to: number}
        return self.call("POST", "GL/GLPostJournal('$process')", body)

    def post_invoice(self, entry: Any | None = None, **batch: Any) -> Any:
        """The batch after it was made, made ready and posted."""
        made = self.made("AR/ARInvoiceBatches", invoice_batch(entry or invoice(), **batch))
        rest = f"AR/ARInvoiceBatches({made['BatchNumber']})"
        self.ready(rest)
        assert self.process_invoices(made["BatchNumber"]).status == 200
        return self.read(rest)

    def post_receipt(self, entry: Any, **batch: Any) -> Any:
        made = self.made("AR/ARReceiptAndAdjustmentBatches", receipt_batch(entry, **batch))
        kind = made["BatchRecordType"]
        rest = receipt_key(made["BatchNumber"], kind)
        self.ready(rest)
        assert self.process_receipts(made["BatchNumber"], kind).status == 200
        return self.read(rest)

    def post_journal(self, *headers: Any, **batch: Any) -> Any:
        made = self.made("GL/GLJournalBatches", journal_batch(*headers, **batch))
        rest = f"GL/GLJournalBatches('{made['BatchNumber']}')"
        self.ready(rest)
        assert self.process_journal(made["BatchNumber"]).status == 200
        return self.read(rest)

    def due(self, number: str, customer: str = "M00042") -> Any:
        rest = f"AR/ARPostedDocuments(CustomerNumber='{customer}',DocumentNumber='{number}')"
        return self.read(rest)["AmountDueInCustomerCurrency"]


def receipt_key(number: int, kind: str = "CA") -> str:
    return f"AR/ARReceiptAndAdjustmentBatches(BatchRecordType='{kind}',BatchNumber={number})"


def line(amount: float = 240.0, **more: Any) -> dict[str, Any]:
    return {"RevenueAccount": DUES, "Description": "Adhésion", "ExtendedAmountWithTIP": amount} | (
        more
    )


def exempt(amount: float) -> dict[str, Any]:
    return line(amount, TaxClass1=CLASS_EXEMPT, TaxClass2=CLASS_EXEMPT)


def invoice(
    number: str = "INV-2025-0193", *lines: Any, day: str = "2025-03-02", **more: Any
) -> dict[str, Any]:
    """In the order of the reference page's example (section 5)."""
    return {
        "CustomerNumber": "M00042",
        "DocumentNumber": number,
        "DocumentType": "Invoice",
        "InvoiceType": "Summary",
        "DocumentDate": day,
        "PostingDate": day,
        "DueDate": "2025-04-01",
        "InvoiceDescription": "Adhésion 2025",
        "TaxGroup": "QC",
        "InvoiceDetails": list(lines) or [line()],
        **more,
    }


def credit_note(number: str, *lines: Any, of: str = "", **more: Any) -> dict[str, Any]:
    body = invoice(number, *lines, **more)
    return {**body, "DocumentType": "CreditNote"} | ({"ApplytoDocument": of} if of else {})


def invoice_batch(*entries: Any, **more: Any) -> dict[str, Any]:
    head = {"BatchDate": "2025-03-02", "Description": "membri:invoice:0193"}
    return {**head, **more, "Invoices": list(entries) or [invoice()]}


def receipt(
    amount: float, *applied: tuple[str, float], number: str = "PAY-88123", **more: Any
) -> dict[str, Any]:
    """In the order of the reference page's example (section 6)."""
    return {
        "BatchType": "CA",
        "CustomerNumber": "M00042",
        "ReceiptDateAdjustmentDate": "2025-03-05",
        "PostingDate": "2025-03-05",
        "ReceiptTransactionType": "Receipt",
        "PaymentCode": "CARD",
        "CheckReceiptNumber": number,
        "BankReceiptAmount": amount,
        "EntryDescription": "Paiement 88123",
        **more,
        "AppliedReceiptsAdjustments": [
            {
                "BatchType": "CA",
                "CustomerNumber": "M00042",
                "DocumentNumber": document,
                "PaymentNumber": 1,
                "ReceiptTransactionType": "Receipt",
                "CustomerReceiptAmount": part,
            }
            for document, part in applied
        ],
    }


def receipt_batch(*entries: Any, **more: Any) -> dict[str, Any]:
    head = {"BatchRecordType": "CA", "BatchDate": "2025-03-05", "Description": "membri:payment:1"}
    return {**head, "BankCode": BANK, **more, "ReceiptsAdjustments": list(entries)}


def journal(day: str = "2025-04-30", amount: float = 20.0, **more: Any) -> dict[str, Any]:
    """In the order of the reference page's example (section 7)."""
    shared = {"Reference": "INV-2025-0193", "Description": day[:7]}
    return {
        "SourceLedger": "GL",
        "SourceType": "JE",
        "Description": f"RPA INV-2025-0193 {day[:7]}",
        "DocumentDate": day,
        "PostingDate": day,
        "JournalDetails": [
            {"AccountNumber": account, "SourceCurrencyAmount": part, "Amount": part, **shared}
            for account, part in ((DEFERRED, amount), (DUES, -amount))
        ],
        **more,
    }


def journal_batch(*headers: Any, **more: Any) -> dict[str, Any]:
    head = {"Description": "membri:deferral:1"}
    return {**head, **more, "JournalHeaders": list(headers) or [journal()]}
