"""Membri seen through its client: rows that are odd become problems, never crashes."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from producers.chapters import Chapter, Chapters
from producers.columns import load_mapping
from producers.dataverse import Dataverse
from producers.decisions import Failure, Success
from producers.membri import Fetched, MappingProblem, Membri
from schemas.outcomes import Action, Transferred
from schemas.reasons import Reason
from schemas.records import Account, fingerprint
from schemas.statuses import Entity, Status

URL = "https://org.crm3.dynamics.com"
INVOICE = {
    "@odata.etag": "1",
    "invoiceid": "i-1",
    "modifiedon": "2026-01-05T12:00:00Z",
    "_membri_chapterid_value": "c-1",
    "_customerid_value": "a-1",
    "membri_invoicedate": "2026-01-05",
    "totalamount": 0,
    "invoice_details": [],
}
ACCOUNT = {
    "@odata.etag": "7",
    "accountid": "a-1",
    "name": "Éco",
    "modifiedon": "2026-01-05T12:00:00Z",
}


class Token:
    def token(self) -> str:
        return "t"

    def drop(self, token: str) -> None:
        """Never refused here."""


def membri(accounts: list[dict[str, Any]] | None = None, **values: Any) -> Membri:
    row = INVOICE | values
    known = {"invoices": [row], "accounts": [ACCOUNT] if accounts is None else accounts}

    def server(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, content=json.dumps({"value": known.get(path, [])}))

    http = httpx2.Client(transport=httpx2.MockTransport(server))
    chapters = Chapters([Chapter("c-1", "Montréal", "montreal", "sage_300")])
    return Membri(Dataverse(URL, Token(), http), load_mapping(), chapters)


def problem(source: Membri) -> MappingProblem:
    found = source.read(Entity.INVOICE, "i-1").content
    assert isinstance(found, MappingProblem)
    return found


def test_a_figure_that_no_record_can_hold_is_a_problem_of_that_record() -> None:
    line = {"invoicedetailid": "l-1", "baseamount": 1, "quantity": 10**15}
    found = problem(membri(invoice_details=[line]))
    assert found.reason is Reason.INVALID_FIELD
    assert found.field == "quantity"


def test_a_customer_that_is_not_in_the_table_is_named() -> None:
    assert problem(membri(accounts=[])) == MappingProblem(Reason.MISSING_FIELD, "account", "a-1")


def test_an_invoice_without_customer_is_a_problem_of_that_record() -> None:
    assert problem(membri(_customerid_value=None)).field == "account"


def test_a_currency_that_membri_does_not_know_is_a_problem_of_that_record() -> None:
    assert problem(membri(_transactioncurrencyid_value="x")).field == "currency"


def now(source: Membri, **values: Any) -> Fetched:
    [found] = source.fetch(Entity.ACCOUNT, ["a-1"])
    return Fetched(**{**vars(found), **values})


def success(record: Account) -> Success:
    data = Transferred(
        id="a-1",
        table="account",
        action=Action.CREATED,
        reference="C-9",
        remote_id="9",
        fingerprint=fingerprint(record),
    )
    at = now(membri()).modified
    return Success(Entity.ACCOUNT, "a-1", "6", data, at)


def test_an_account_without_status_that_was_touched_is_still_told_transferred() -> None:
    found = now(membri())
    assert isinstance(found.content, Account)
    outcome = success(found.content)
    assert found.status is None
    assert outcome.decide(found) == outcome.wanted()
    linked = now(membri(), reference="C-1")
    assert outcome.decide(linked) is None


@pytest.mark.parametrize("content", [None, MappingProblem(Reason.MISSING_FIELD, "name")])
def test_a_record_that_is_no_longer_readable_is_not_the_one_that_was_refused(
    content: MappingProblem | None,
) -> None:
    found = now(membri())
    assert isinstance(found.content, Account)
    failure = Failure(
        Entity.ACCOUNT, "a-1", "6", Reason.CLOSED_PERIOD, "", "texte", found.content, None
    )
    changed = now(membri(), status=Status.TO_TRANSFER, content=content)
    assert failure.decide(changed) is None
