"""One thread's connection to one company: python-quickbooks, corrected.

What comes in: verbs on entities, bodies as plain dicts with Decimals. What goes out: plain dicts
with Decimals. Raised: `Fault` for whoever can do something about it, `Unavailable`,
`OutcomeUnknown`, `Transient`.

The library (0.9.12) gives the addresses, the verbs and the query protocol; its `make_request` is
replaced, because there it has no timeout, sends a stale token for ever, hides the status and the
`intuit_tid`, raises on faults by guess, and sends statements as text that a client may encode in
Latin-1. Its objects are not used for writing: they send defaults that clear or change the books
(ExchangeRate 0, empty dates), and Decimals as JSON strings. Reading needs none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import requests
from quickbooks import QuickBooks  # type: ignore[import-untyped]  # the library ships no types

from consumers.errors import OutcomeUnknown, Transient
from consumers.systems._exchange import Exchange, Route, exact_json
from consumers.systems._replays import TakenAway, is_replayed
from consumers.systems._throttle import Throttle
from consumers.systems.quickbooks_online.faults import (
    THROTTLE_S,
    Fault,
    Json,
    failure,
    read_answer,
    row_of,
)
from consumers.systems.quickbooks_online.settings import MINOR_VERSION, NAME, SHORT, Connection
from consumers.systems.quickbooks_online.tokens import Tokens
from schemas.facts import Observer
from schemas.reasons import SystemReason
from schemas.sentences import say

Kind = Literal[
    "Account",
    "CompanyInfo",
    "CreditMemo",
    "Customer",
    "Employee",
    "Invoice",
    "Item",
    "JournalEntry",
    "Payment",
    "PaymentMethod",
    "Preferences",
    "TaxCode",
    "TaxRate",
    "Term",
    "Vendor",
]
PAGE = 1000
_NOT_FOUND = 610
_TOKEN_REFUSED = 3200


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    query: Json
    body: bytes | None
    content_type: str

    @property
    def writing(self) -> bool:
        """Whether the books may change; queries are posted too."""
        return self.method == "POST" and not self.url.endswith("/query")


@dataclass(frozen=True)
class Shared:
    """What the clients of all threads of one company share."""

    connection: Connection
    tokens: Tokens
    throttle: Throttle
    observer: Observer
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def route(self) -> Route:
        """How requests travel: as `requests` does by itself, so also through a proxy."""
        return Route(
            NAME,
            "QuickBooks",
            self.connection.timeout_s,
            self.throttle,
            self.observer,
            self.connection.ca_bundle,
            environment=True,
            throttled=_throttled,
            clock=self.clock,
            monotonic=self.monotonic,
        )


def _throttled(status: int, content: bytes) -> bool:
    """A 403 says so too, with code 3001 (reference page, section 14)."""
    return status == requests.codes.too_many_requests or (
        status == requests.codes.forbidden and b"3001" in content
    )


def quoted(text: str) -> str:
    """A literal of the query language: the backslash is escaped first, then the apostrophe."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Client(QuickBooks):  # type: ignore[misc]  # its base has no types
    """Never to be used by two threads at once."""

    def __new__(cls, shared: Shared) -> Client:  # noqa: ARG004 — passed on to __init__
        made: Client = super().__new__(cls, minorversion=MINOR_VERSION, use_decimal=True)
        return made

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._exchange = Exchange(shared.route())
        self.wrote = False
        self.api_url_v3 = shared.connection.api_root

    def close(self) -> None:
        self._exchange.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Every request inside ends by then, or says that it could not. `wrote` tells afterwards
        whether any of them changed the books."""
        self.wrote = False
        with self._exchange.within(seconds):
            yield

    def left_s(self) -> float:
        """Seconds left of the time given by `within`. Raises Transient when there are none."""
        return self._exchange.left_s()

    # --- verbs ------------------------------------------------------------------------------

    def read(self, kind: Kind, remote_id: str) -> Json | None:
        """One object by its id; None when QuickBooks says that it does not exist."""
        try:
            answer = self.get_single_object(kind, remote_id)
        except Fault as fault:
            if fault.code == _NOT_FOUND:
                return None
            raise failure(fault, writing=False) from fault
        return _object(answer, kind)

    def singleton(self, kind: Kind, path: str) -> Json:
        """CompanyInfo and Preferences, of which a company has one."""
        url = f"{self.api_url}/company/{self.company_id}/{path}"
        try:
            return _object(self.get(url), kind)
        except Fault as fault:
            raise failure(fault, writing=False) from fault

    def select(self, kind: Kind, where: str = "") -> list[Json]:
        """All the objects that match, page after page. `where` is made with `quoted`."""
        found: list[Json] = []
        while True:
            clause = f" WHERE {where}" if where else ""
            statement = (
                f"SELECT * FROM {kind}{clause} STARTPOSITION {len(found) + 1} MAXRESULTS {PAGE}"  # noqa: S608 — literals are made by `quoted`
            )
            try:
                answer = self.query(statement)
            except Fault as fault:
                raise failure(fault, writing=False) from fault
            page = answer.get("QueryResponse", {}).get(kind, [])
            found += page
            if len(page) < PAGE:
                return found

    def create(self, kind: Kind, body: Json, request_id: str) -> Json:
        """The new object as QuickBooks has it.

        QuickBooks gives its first answer to a request id again, whatever became of the object
        since (reference page, section 9): one older than this request is read anew. Raises Fault
        when QuickBooks says no, TakenAway when the object was deleted or voided since.
        """
        sent_at = self._shared.clock()
        answer = self.create_object(kind, exact_json(body), request_id=request_id)
        told = _object(answer, kind, written=True)
        made_at = (told.get("MetaData") or {}).get("CreateTime")
        return self._as_it_stands(kind, told) if is_replayed(made_at, sent_at) else told

    def _as_it_stands(self, kind: Kind, told: Json) -> Json:
        row = self.read(kind, str(told["Id"]))
        if row is not None and not _is_void(row):
            return row
        raise TakenAway(
            "QuickBooks", told, f"{kind} {told.get('DocNumber') or ''} (Id {told['Id']})"
        )

    def change(self, kind: Kind, body: Json, request_id: str) -> Json:
        """The object after a (sparse) update. Raises Fault when QuickBooks says no."""
        answer = self.update_object(kind, exact_json(body), request_id=request_id)
        return _object(answer, kind, written=True)

    def remove(self, kind: Kind, row: Json, request_id: str) -> None:
        """Deletes the object as it was read; one that is gone already is no fault."""
        body = exact_json({"Id": row["Id"], "SyncToken": row["SyncToken"]})
        try:
            self.delete_object(kind, body, request_id=request_id)
        except Fault as fault:
            if fault.code != _NOT_FOUND:
                raise

    # --- one request ------------------------------------------------------------------------

    @property
    def company_id(self) -> str:
        """The realm: as configured, else the one that was authorised."""
        return self._shared.connection.realm_id or self._shared.tokens.current().realm_id

    def make_request(  # type: ignore[no-untyped-def]  # the library's own signature
        self,
        request_type,
        url,
        request_body=None,
        content_type="application/json",
        params=None,
        file_path=None,
        file_bytes=None,
        request_id=None,
    ) -> Json:
        """Replaces the library's; see the module. Files are not ours to send."""
        if file_path or file_bytes:
            raise TypeError("no file is ever sent")
        query = {**(params or {}), "minorversion": MINOR_VERSION}
        if request_id:
            query["requestid"] = request_id
        body = request_body.encode("utf-8") if request_body else None
        request = _Request(request_type, url, query, body, content_type)
        token = self._shared.tokens.current().access_token
        try:
            return self._once(request, token)
        except Fault as fault:
            if fault.status != requests.codes.unauthorized and fault.code != _TOKEN_REFUSED:
                raise
        # Refused before anything was done, so it may be sent again even if it writes.
        return self._once(request, self._shared.tokens.renewed(token).access_token)

    def _once(self, request: _Request, token: str) -> Json:
        reply = self._exchange.send(
            request.method,
            request.url,
            headers={
                "Accept": "application/json",
                "Content-Type": request.content_type,
                "Authorization": f"Bearer {token}",
            },
            body=request.body,
            query=request.query,
            writing=request.writing,
        )
        tid, wait_s = reply.headers.get("intuit_tid", ""), reply.retry_after_s
        answer, fault = read_answer(reply.status, reply.content, tid=tid, retry_after_s=wait_s)
        if fault is not None:
            self._scrub(fault)
            if row_of(fault).reason is SystemReason.THROTTLED:
                self._shared.throttle.silence(THROTTLE_S if wait_s is None else wait_s)
            raise fault
        if answer is None:
            detail = say(
                "{system}: {count} unreadable bytes, intuit_tid={tid}",
                system=SHORT,
                count=len(reply.content),
                tid=tid or "-",
            )
            raise OutcomeUnknown(detail) if request.writing else Transient(detail)
        self.wrote = self.wrote or request.writing
        return answer

    def _scrub(self, fault: Fault) -> None:
        """QuickBooks might quote a token back; nobody may read it in a dead letter."""
        for secret in self._shared.tokens.secrets():
            if secret:
                fault.message = fault.message.replace(secret, "…")
                fault.detail = fault.detail.replace(secret, "…")


def _object(answer: Json, kind: str, *, written: bool = False) -> Json:
    """The object inside an envelope. Raises OutcomeUnknown or Transient when it is not there."""
    found = answer.get(kind)
    if isinstance(found, dict):
        return found
    detail = say("{system}: an answer without {kind}", system=SHORT, kind=kind)
    raise OutcomeUnknown(detail) if written else Transient(detail)


def _is_void(row: Json) -> bool:
    """Voiding leaves the object with amounts of 0 and begins its note so (reference page, 6.3)."""
    return str(row.get("PrivateNote") or "").startswith("Voided")
