"""A simulated Membri over TLS, a broker in memory and our producers between them, for tests."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from producers.chapters import Chapter, Chapters
from producers.clock import Clock
from producers.columns import load_mapping
from producers.dataverse import Dataverse, connect
from producers.membri import Membri
from producers.poll_state import PollState
from producers.poller import Poller
from producers.settler import Settler
from schemas.chapters import ChapterSettings
from schemas.events import ToTransfer, TransferredEvent, event_id
from schemas.facts import Fact
from schemas.outcomes import Action, Transferred
from schemas.reasons import Reason
from schemas.records import Account, fingerprint
from schemas.wire.channel import Outgoing
from schemas.wire.codec import decode, outcome_message
from schemas.wire.dead_letters import dead_letter
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import DEAD, RECORDS, SETTLE, topology
from tests.integration.sandbox_membri import CLIENT_ID, CLIENT_SECRET, open_membri
from tests.integration.sandbox_membri import Membri as Sandbox

SYSTEM = "quickbooks_online"
MONTREAL = "00000000-0000-4000-8000-00000000c001"
QUEBEC = "00000000-0000-4000-8000-00000000c002"
LAVAL = "00000000-0000-4000-8000-00000000c003"
CAD = "00000000-0000-4000-8000-0000000000ca"
USD = "00000000-0000-4000-8000-0000000000d0"

ON_HOLD, TO_TRANSFER, TRANSFERRED, IN_ERROR, DO_NOT_SYNC, IN_REVIEW = range(100000000, 100000006)
MEMBERSHIP, MANUAL, REFUND = 100000000, 100000009, 100000010


class MovedClock:
    """Real time plus what a test adds. Sleeping adds, so that nothing waits."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.slept: list[float] = []

    def advance(self, seconds: float) -> None:
        self.offset_s += seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def clock(self) -> Clock:
        return Clock(
            now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.offset_s),
            monotonic=lambda: time.monotonic() + self.offset_s,
            sleep=self.sleep,
        )


def chapter(chapter_id: str, slug: str, **settings: Any) -> Chapter:
    return Chapter(chapter_id, slug.title(), slug, SYSTEM, ChapterSettings(**settings))


@dataclass
class World:
    sandbox: Sandbox
    dataverse: Dataverse
    membri: Membri
    broker: MemoryBroker
    state: PollState
    time: MovedClock
    facts: list[Fact] = field(default_factory=list)

    def poller(self, **options: Any) -> Poller:
        return Poller(
            self.membri,
            self.broker,
            self.state,
            clock=self.time.clock(),
            observer=self.facts.append,
            **options,
        )

    def settler(self, **options: Any) -> Settler:
        return Settler(
            self.membri,
            self.broker,
            explain=said,
            clock=self.time.clock(),
            observer=self.facts.append,
            **options,
        )

    def advance(self, seconds: float) -> None:
        """Time passes for us and for Membri."""
        self.time.advance(seconds)
        self.sandbox.options(clock_offset_s=self.time.offset_s)

    def account(self, **values: Any) -> str:
        row = {
            "accountid": str(uuid.uuid4()),
            "name": "Éco L'Été",
            "_membri_mainchapterid_value": MONTREAL,
            "membri_newaccountforsync": True,
        }
        row |= values
        self.sandbox.seed(accounts=[row])
        return str(row["accountid"])

    def invoice(self, account: str, **values: Any) -> str:
        """An invoice of one line of 100 $ with its taxes."""
        row = invoice_row(account) | values
        line = {
            "invoicedetailid": str(uuid.uuid4()),
            "_invoiceid_value": row["invoiceid"],
            "productname": "Cotisation",
            "quantity": 1,
            "priceperunit": "100.00",
            "baseamount": "100.00",
            "membri_gstamount": "5.00",
            "membri_qstamount": "9.98",
            "lineitemnumber": 1,
        }
        self.sandbox.seed(invoices=[row], invoicedetails=[line])
        return str(row["invoiceid"])

    def payment(self, invoice: str, **values: Any) -> str:
        row = {
            "membri_paymentid": str(uuid.uuid4()),
            "membri_name": "P-1",
            "membri_amount": "114.98",
            "_membri_invoiceid_value": invoice,
            "membri_paymentdate": "2026-02-01",
            "membri_paymenttype": 100000001,
            "membri_syncstatus": TO_TRANSFER,
        }
        row |= values
        self.sandbox.seed(membri_payments=[row])
        return str(row["membri_paymentid"])

    def person(self, table: str, record_id: str, **values: Any) -> None:
        """A person saves a record in Membri."""
        self.sandbox.person(table=table, id=record_id, set=values)

    def row(self, table: str, record_id: str) -> dict[str, Any]:
        rows = self.sandbox.admin.get(f"/rows/{table}").json()
        key = "membri_paymentid" if table == "membri_payment" else f"{table}id"
        return next(row for row in rows if row[key] == record_id)

    def fault(self, **values: Any) -> None:
        answer = self.sandbox.admin.post("/faults", json=values)
        assert answer.status_code == 200, answer.text

    def requests(self, method: str = "") -> list[dict[str, Any]]:
        log = self.sandbox.admin.get("/log").json()
        return [entry for entry in log if not method or entry["method"] == method]

    def records(self) -> list[Any]:
        """The events published on the exchange of records, in order."""
        return [decode(m.body) for m in self.broker.published if m.exchange == RECORDS]

    def subjects(self) -> list[str]:
        return [event.subject for event in self.records()]

    def buried(self) -> list[Outgoing]:
        return [m for m in self.broker.published if m.exchange == DEAD]

    def publish(self, message: Outgoing) -> None:
        self.broker.publisher().publish([message])

    def succeed(self, event: ToTransfer, reference: str = "F-1", **changes: Any) -> None:
        """The books took it: the outcome is published."""
        self.publish(outcome_message(success_of(event, reference, **changes)))

    def fail(self, event: ToTransfer, reason: Reason = Reason.CLOSED_PERIOD, **more: Any) -> None:
        """A person must act: the dead letter is published."""
        message = next(m for m in reversed(self.broker.published) if m.message_id == event.id)
        options = {"first_failed_at": self.time.clock().now(), "failed_by": "books"} | more
        key = message.routing_key
        letter = dead_letter(message.body, reason=reason, routing_key=key, **options)
        self.publish(replace(letter, message_id=event.id))

    def waiting(self) -> int:
        """Outcomes that are not settled."""
        return self.broker.depth(SETTLE)


def said(reason: Reason, language: str, field_name: str, detail: str) -> str:
    return f"{language}|{reason}|{field_name}|{detail}"


def success_of(event: ToTransfer, reference: str = "F-1", **changes: Any) -> TransferredEvent:
    record = event.data
    data = Transferred(
        id=event.subject,
        table=record.table if isinstance(record, Account) else record.entity.value,
        action=Action.CREATED,
        reference=reference,
        remote_id="77",
        fingerprint=fingerprint(record),
        changed_at=event.time,
    )
    attributes = {
        "id": event_id(record.entity, event.subject, f"{event.dataversion}|transferred"),
        "type": f"membri.{record.entity}.transferred",
        "source": event.source,
        "subject": event.subject,
        "time": dt.datetime.now(dt.UTC),
        "chapter": event.chapter,
        "system": event.system,
        "partitionkey": event.partitionkey,
        "dataversion": event.dataversion,
        "data": data,
    }
    return TransferredEvent.model_validate(attributes | changes)


def invoice_row(account: str) -> dict[str, Any]:
    return {
        "invoiceid": str(uuid.uuid4()),
        "name": "Facture",
        "invoicenumber": "001482",
        "_customerid_value": account,
        "_membri_chapterid_value": MONTREAL,
        "_transactioncurrencyid_value": CAD,
        "membri_invoicetype": MANUAL,
        "membri_invoicedate": "2026-01-05",
        "totalamount": "114.98",
        "membri_gstamount": "5.00",
        "membri_qstamount": "9.98",
        "membri_syncstatus": TO_TRANSFER,
    }


@contextmanager
def open_world(
    folder: Path, *chapters: Chapter, page_size: int = 5000, **options: Any
) -> Iterator[World]:
    """`chapters`: those configured, Montréal and Québec by default. Laval is never configured."""
    clock = MovedClock()
    configured = chapters or (chapter(MONTREAL, "montreal"), chapter(QUEBEC, "quebec"))
    with open_membri(folder, **options) as sandbox:
        names = {MONTREAL: "Montréal", QUEBEC: "Québec", LAVAL: "Laval"}
        currencies = {CAD: "CAD", USD: "USD"}
        sandbox.seed(
            membri_chapters=[
                {"membri_chapterid": key, "membri_name": name} for key, name in names.items()
            ],
            transactioncurrencies=[
                {
                    "transactioncurrencyid": key,
                    "currencyname": code,
                    "isocurrencycode": code,
                }
                for key, code in currencies.items()
            ],
        )
        dataverse = connect(
            sandbox.url,
            CLIENT_ID,
            CLIENT_SECRET,
            authority=sandbox.authority,
            ca_bundle=str(sandbox.certificate.ca),
            clock=clock.clock(),
        )
        dataverse._page_size = page_size
        broker = MemoryBroker(topology([(one.system, one.slug) for one in configured]))
        with dataverse, PollState() as state:
            membri = Membri(dataverse, load_mapping(), Chapters(configured))
            world = World(sandbox, dataverse, membri, broker, state, clock)
            yield world
            assert sandbox.offences() == []


def published(world: World, **values: Any) -> Any:
    """An invoice that was published: its event."""
    world.invoice(world.account(), **values)
    world.poller().run_pass()
    return world.records()[-1]


def sync(world: World, event: Any, table: str = "invoice") -> tuple[Any, Any, Any]:
    row = world.row(table, event.subject)
    return row["membri_syncstatus"], row["membri_syncreference"], row["membri_syncerror"]


def writes(world: World, skip: int = 0) -> list[dict[str, Any]]:
    return world.requests("PATCH")[skip:]
