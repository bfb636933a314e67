"""One thread's connection to one company of Business Central.

What comes in: resources, bodies as plain dicts with Decimals. What goes out: plain dicts with
Decimals. Raised: `Fault` for whoever can do something about a refused write; `Unavailable`,
`OutcomeUnknown`, `Transient`.

Always sent: `Accept-Language: en-US`, or texts and dates in them follow the user's language (page,
section 1); `If-Match` on PATCH and DELETE; `Prefer: odata.maxpagesize` on lists, whose
`@odata.nextLink` is followed as long as it stays where our token may go.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems._exchange import (
    Answer,
    BudgetedClient,
    Route,
    exact_json,
    object_of,
)
from consumers.systems.business_central.faults import (
    NOT_THERE,
    THROTTLE_S,
    Fault,
    Json,
    failure,
    fault_of,
)
from consumers.systems.business_central.keys import is_guid
from consumers.systems.business_central.settings import TITLE, Connection
from consumers.systems.business_central.tokens import Tokens
from schemas.reasons import SystemReason
from schemas.sentences import say

Resource = Literal[
    "accounts",
    "countriesRegions",
    "currencies",
    "customerPaymentJournals",
    "customers",
    "generalLedgerEntries",
    "generalLedgerSetup",
    "journals",
    "paymentMethods",
    "paymentTerms",
    "salesCreditMemos",
    "salesInvoices",
    "taxAreas",
    "taxGroups",
]
_UNAUTHORISED = 401
_TOO_MANY = 429
_MAY_WAIT = (502, 503)
"""Statuses that say how long to wait, where they carry Retry-After (page, section 13)."""


@dataclass(frozen=True)
class Shared:
    """What the clients of all threads of one company share. `in_flight`: how many requests may run
    at once, whoever sends them."""

    connection: Connection
    tokens: Tokens
    route: Route
    in_flight: threading.BoundedSemaphore


def quoted(text: str) -> str:
    """A literal of `$filter`: the apostrophe is doubled."""
    return "'" + text.replace("'", "''") + "'"


class Client(BudgetedClient):
    """One thread's requests to one company."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__(shared.route)
        root = shared.connection.api_root
        self._companies = f"{root}/companies"
        self._root = f"{self._companies}({shared.connection.company_id})"

    # --- verbs ------------------------------------------------------------------------------

    def company(self) -> Json:
        """The company itself. Raises Unavailable(misconfigured) when the tenant has no such one."""
        found = self._reading(f"{self._companies}({self._shared.connection.company_id})")
        return self._record(found)

    def read(self, path: str, expand: str = "") -> Json | None:
        """One record, `resource(id)`; None when Business Central says that it does not exist."""
        query = {"$expand": expand} if expand else None
        try:
            return self._record(self._once_more("GET", f"{self._root}/{path}", query=query))
        except Fault as fault:
            if fault.code in NOT_THERE:
                return None
            raise failure(fault, writing=False) from fault

    def by_id(self, resource: Resource, remote_id: str, expand: str = "") -> Json | None:
        """The record of that id; None for none, or for what is no id of Business Central's."""
        return self.read(f"{resource}({remote_id})", expand) if is_guid(remote_id) else None

    def select(
        self,
        resource: Resource,
        where: str = "",
        expand: str = "",
        latest: tuple[str, int] = ("", 0),
    ) -> list[Json]:
        """All the records that match, page after page. `where` is made with `quoted`. `latest`:
        a field, and how many of its highest to read at most."""
        query = {"$filter": where, "$expand": expand}
        if latest[0]:
            query |= {"$orderby": f"{latest[0]} desc", "$top": str(latest[1])}
        query = {name: value for name, value in query.items() if value}
        prefer = {"Prefer": f"odata.maxpagesize={self._shared.connection.page_size}"}
        answer = self._reading(f"{self._root}/{resource}", query or None, prefer)
        found: list[Json] = []
        followed: set[str] = set()
        while True:
            content = object_of(answer, "Business Central")
            rows = content.get("value")
            if not isinstance(rows, list):
                raise Transient(
                    say(
                        "{system}: a list of {resource} without values",
                        system=TITLE,
                        resource=resource,
                    )
                )
            found += rows
            following = str(content.get("@odata.nextLink") or "")
            if not following:
                return found
            if following in followed:
                raise Transient(
                    say(
                        "{system}: a list of {resource} that does not end",
                        system=TITLE,
                        resource=resource,
                    )
                )
            followed.add(following)
            answer = self._reading(self._trusted(following), None, prefer)

    def create(self, path: str, body: Json) -> Json:
        """The new record as Business Central has it. Raises Fault when it says no."""
        answer = self._once_more("POST", f"{self._root}/{path}", body=body)
        return self._record(answer, written=True)

    def change(self, path: str, etag: str, body: Json) -> Json:
        """The record after a PATCH. Raises Fault when Business Central says no."""
        headers = {"If-Match": etag}
        answer = self._once_more("PATCH", f"{self._root}/{path}", body=body, headers=headers)
        return self._record(answer, written=True)

    def remove(self, path: str, etag: str = "*") -> None:
        """Deletes; what is gone already is no fault. Raises Fault."""
        try:
            self._once_more("DELETE", f"{self._root}/{path}", headers={"If-Match": etag})
        except Fault as fault:
            if fault.code not in NOT_THERE:
                raise

    def act(self, path: str, action: str) -> None:
        """A bound action: POST with an empty body, answered with 204. Raises Fault."""
        self._once_more("POST", f"{self._root}/{path}/Microsoft.NAV.{action}")

    # --- one request ------------------------------------------------------------------------

    def _reading(
        self, url: str, query: Mapping[str, str] | None = None, headers: Json | None = None
    ) -> Answer:
        """What is always there, a list or the company itself."""
        try:
            return self._once_more("GET", url, query=query, headers=headers)
        except Fault as fault:
            if fault.code in NOT_THERE:
                raise Unavailable(
                    SystemReason.MISCONFIGURED,
                    say(
                        "{words}; check connection.api_root and connection.company_id",
                        words=fault.words,
                    ),
                ) from fault
            raise failure(fault, writing=False) from fault

    def _once_more(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends; a refused token is replaced and the request repeated once, since nothing was done.

        Raises Fault, Unavailable(unauthorised) for a second 401.
        """
        tokens = self._shared.tokens
        token = tokens.current(self.left_s())
        answer = self._send(method, url, token, query, body, headers)
        if answer.status == _UNAUTHORISED:
            token = tokens.renewed(token, self.left_s())
            answer = self._send(method, url, token, query, body, headers)
        if answer.ok:
            return answer
        fault = fault_of(answer)
        fault.message = fault.message.replace(token, "…")  # nobody may read it in a dead letter
        self._keep_silence(fault)
        if answer.status == _UNAUTHORISED:
            raise Unavailable(
                SystemReason.UNAUTHORISED,
                say(
                    "{words}; is the application enabled in {system} (page Microsoft"
                    " Entra applications)?",
                    system=TITLE,
                    words=fault.words,
                ),
            )
        raise fault

    def _keep_silence(self, fault: Fault) -> None:
        """Of all threads, as long as Business Central asks for it."""
        wait_s = fault.retry_after_s
        if fault.status == _TOO_MANY and wait_s is None:
            wait_s = THROTTLE_S
        if wait_s is not None and fault.status in (_TOO_MANY, *_MAY_WAIT):
            self._shared.route.throttle.silence(wait_s)

    def _send(
        self,
        method: str,
        url: str,
        token: str,
        query: Mapping[str, str] | None,
        body: Json | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        sent = {
            "Accept": "application/json",
            "Accept-Language": "en-US",
            "Authorization": f"Bearer {token}",
            **(headers or {}),
        }
        content: bytes | None = None
        if body is not None:
            content = exact_json(body).encode("utf-8")
            sent["Content-Type"] = "application/json"
        # Encoded here: requests writes a blank as +, which OData takes for a plus.
        if query:
            url += "?" + "&".join(f"{name}={quote(text)}" for name, text in query.items())
        if not self._shared.in_flight.acquire(timeout=self.left_s()):
            raise Unavailable(
                SystemReason.THROTTLED, say("too many requests of ours are still running")
            )
        try:
            return self._exchange.send(
                method, url, headers=sent, body=content, writing=method != "GET"
            )
        finally:
            self._shared.in_flight.release()

    def _record(self, answer: Answer, *, written: bool = False) -> Json:
        """One record, with its id. Raises as `_object`."""
        content = object_of(answer, "Business Central", written=written)
        if is_guid(str(content.get("id") or "")):
            return content
        detail = say(
            "{system}: HTTP {status} with a record that has no id",
            system=TITLE,
            status=answer.status,
        )
        raise OutcomeUnknown(detail) if written else Transient(detail)

    def _trusted(self, url: str) -> str:
        """A link that we were given, if our token may go there."""
        if urlsplit(url)[:2] != urlsplit(self._root)[:2]:
            raise Unavailable(
                SystemReason.MISCONFIGURED,
                say(
                    "{system} continues a list at another host than api_root; correct it",
                    system=TITLE,
                ),
            )
        return url
