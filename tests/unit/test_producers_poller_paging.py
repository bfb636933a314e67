"""A large backlog is drawn page by page, no faster than the queues take it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import httpx2

from producers.chapters import Chapter, Chapters
from producers.clock import Clock
from producers.columns import load_mapping
from producers.dataverse import Dataverse
from producers.membri import Membri
from producers.poll_state import PollState
from producers.poller import Poller
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import topology

URL = "https://org.crm3.dynamics.com"
CHAPTER = "c-1"
MODIFIED = "2026-01-05T12:00:00Z"
PAGE, PAGES = 1000, 5


class Token:
    def token(self) -> str:
        return "t"

    def drop(self, token: str) -> None:
        """Never refused here."""


class Backlog:
    """Invoices without end À transférer, in pages; every request is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.details = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.rpartition("/")[2]
        query = request.url.query.decode()
        self.asked.append(f"{path}?{query}")
        body: dict[str, Any] = {"value": []}
        if path == "invoices" and "PropertyValues" in query:
            self.details += 1
            body["value"] = [self.row(one) for one in query.split("%22") if len(one) == 36]
        elif path == "invoices" and "page=" in query:
            body = self.page(int(query.rpartition("page=")[2]))
        elif path == "invoices":
            body = self.page(0)
        elif path == "accounts" and "PropertyValues" in query:
            body["value"] = [{"@odata.etag": "1", "accountid": "a-1", "name": "Éco"}]
        return httpx2.Response(200, content=json.dumps(body))

    def page(self, number: int) -> dict[str, Any]:
        page: dict[str, Any] = {"value": [self.row(str(uuid.uuid4())) for _ in range(PAGE)]}
        if number + 1 < PAGES:
            page["@odata.nextLink"] = f"{URL}/api/data/v9.2/invoices?page={number + 1}"
        return page

    def row(self, record_id: str) -> dict[str, Any]:
        return {
            "@odata.etag": "1",
            "invoiceid": record_id,
            "modifiedon": MODIFIED,
            "membri_syncstatus": 100000001,
            "_membri_chapterid_value": CHAPTER,
            "_customerid_value": "a-1",
            "membri_invoicedate": "2026-01-05",
            "totalamount": 0,
            "invoice_details": [],
        }


def poller(backlog: Backlog, state: PollState, depth_max: int) -> Poller:
    http = httpx2.Client(transport=httpx2.MockTransport(backlog))
    chapters = Chapters([Chapter(CHAPTER, "Montréal", "montreal", "sage_300")])
    membri = Membri(Dataverse(URL, Token(), http), load_mapping(), chapters)
    broker = MemoryBroker(topology([("sage_300", "montreal")]))
    now = dt.datetime(2026, 1, 5, 13, tzinfo=dt.UTC)
    return Poller(membri, broker, state, clock=Clock(now=lambda: now), depth_max=depth_max)


def test_no_page_is_read_that_the_queues_cannot_take() -> None:
    backlog = Backlog()
    with PollState() as state:
        tally = poller(backlog, state, depth_max=100).run_pass()
    assert tally.published == 100
    assert not any("page=1" in asked for asked in backlog.asked)
    assert backlog.details == 2


def test_a_backlog_is_read_to_its_end_when_the_queues_take_it() -> None:
    backlog = Backlog()
    with PollState() as state:
        tally = poller(backlog, state, depth_max=10**6).run_pass()
        assert state.in_flight_count() == PAGE * PAGES
    assert tally.published == PAGE * PAGES
    assert any(f"page={PAGES - 1}" in asked for asked in backlog.asked)
    assert backlog.details == PAGE * PAGES / 50
