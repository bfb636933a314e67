"""One thread's connection to one company of Sage Comptabilité.

What comes in: resources, bodies as plain dicts. What goes out: plain dicts. Raised: `Fault` for
whoever can do something about a refused write; `Unavailable`, `OutcomeUnknown`, `Transient`.

Always sent: `X-Business`, or Sage takes the user's lead company, which can change; what comes back
in it is compared. Lists end where Sage names no next page (a page past the end is the last one
again) and their rows hold only what `attributes` asks for. Sage page, section 3.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems._exchange import (
    Answer,
    BudgetedClient,
    Route,
    exact_json,
    object_of,
)
from consumers.systems._replays import TakenAway, is_replayed
from consumers.systems._tokens import Tokens
from consumers.systems.sage_accounting.faults import (
    NO_SUBSCRIPTION,
    THROTTLE_S,
    TOO_MANY,
    UNAUTHORISED,
    VOIDED,
    Fault,
    Json,
    failure,
    fault_of,
)
from consumers.systems.sage_accounting.settings import SHORT, Connection
from consumers.systems.sage_accounting.standing import is_void
from schemas.reasons import SystemReason
from schemas.sentences import say

Resource = Literal[
    "address_types",
    "bank_accounts",
    "contact_allocations",
    "contact_payments",
    "contact_person_types",
    "contacts",
    "journals",
    "ledger_accounts",
    "payment_methods",
    "sales_credit_notes",
    "sales_invoices",
    "tax_rates",
]
ROOTS: dict[Resource, str] = {
    "contact_allocations": "contact_allocation",
    "contact_payments": "contact_payment",
    "contacts": "contact",
    "journals": "journal",
    "sales_credit_notes": "sales_credit_note",
    "sales_invoices": "sales_invoice",
}
"""The singular root that wraps a body."""
NUMBERED: frozenset[Resource] = frozenset({"contacts", "sales_credit_notes", "sales_invoices"})
"""Never created in parallel: sequence numbers collide (section 10)."""
_MARKS_AS_SENT = frozenset({"sales_credit_notes", "sales_invoices"})
_PAGE = 200
_PAGES_MAX = 5000
_NOT_FOUND = 404


@dataclass(frozen=True)
class Shared:
    """What the clients of all threads of one company share. `numbering`: held while something
    numbered is created."""

    connection: Connection
    tokens: Tokens
    route: Route
    numbering: threading.RLock


class Client(BudgetedClient):
    """One thread's requests to one company."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__(shared.route)
        self._root = shared.connection.api_root

    @property
    def business_id(self) -> str:
        """The company, as the settings name it."""
        return self._shared.connection.business_id

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread creates anything numbered inside. Raises Transient."""
        if not self._shared.numbering.acquire(timeout=self.left_s()):
            raise Transient(say("another record is still being created in {system}", system=SHORT))
        try:
            yield
        finally:
            self._shared.numbering.release()

    # --- verbs ------------------------------------------------------------------------------

    def read(self, resource: Resource, remote_id: str, **query: str) -> Json | None:
        """One record by its id, whole; None when Sage says that it does not exist, or for what is
        no id of Sage's."""
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", remote_id):
            return None
        if resource in _MARKS_AS_SENT:
            query = {"mark_as_sent": "false", **query}
        try:
            return object_of(self._once_more("GET", f"{resource}/{remote_id}", query), SHORT)
        except Fault as fault:
            if fault.status == _NOT_FOUND and not fault.says(r"\bbusiness\b"):
                return None
            raise failure(fault, writing=False) from fault

    def single(self, path: str) -> Json:
        """What a company has one of: itself, its settings. Raises Unavailable."""
        try:
            return object_of(self._once_more("GET", path, {}), SHORT)
        except Fault as fault:
            if fault.status == _NOT_FOUND:
                raise Unavailable(SystemReason.MISCONFIGURED, fault.words) from fault
            raise failure(fault, writing=False) from fault

    def rows(self, resource: Resource, attributes: str, **query: str) -> list[Json]:
        """All the rows that match, page after page, with `attributes` besides their ids.

        Raises Unavailable, Transient.
        """
        found: list[Json] = []
        told: object = None
        for page in range(1, _PAGES_MAX):
            asked = {
                **query,
                "attributes": attributes,
                "items_per_page": str(_PAGE),
                "page": str(page),
            }
            try:
                content = object_of(self._once_more("GET", resource, asked), SHORT)
            except Fault as fault:
                # Without a record in the query, api_root is wrong; else that record is gone.
                if fault.status == _NOT_FOUND and "contact_id" not in query:
                    raise Unavailable(SystemReason.MISCONFIGURED, fault.words) from fault
                raise failure(fault, writing=False) from fault
            items = content.get("$items")
            if not isinstance(items, list):
                raise Transient(
                    say(
                        "{system}: a list of {resource} without rows",
                        system=SHORT,
                        resource=resource,
                    )
                )
            if resource in ROOTS and not all(_tells(row, attributes) for row in items):
                raise Transient(
                    say(
                        "{system}: a list of {resource} whose rows tell nothing but ids",
                        system=SHORT,
                        resource=resource,
                    )
                )
            found += items
            told = content.get("$total") if page == 1 else told
            if not content.get("$next"):
                return _complete(resource, found, told)
        raise Transient(
            say("{system}: a list of {resource} that does not end", system=SHORT, resource=resource)
        )

    def create(self, resource: Resource, body: Json) -> Json:
        """The new record as Sage has it; `body` holds its `idempotency_id`.

        Sage gives its first answer to an id again for 7 days, whatever became of the record since
        (section 10): one that is older than this request is read anew. Raises Fault when Sage says
        no, TakenAway when the record was voided or deleted since.
        """
        wrapped = {ROOTS[resource]: body}
        sent_at = self._shared.route.clock()
        if resource not in NUMBERED:
            answer = self._once_more("POST", resource, {}, wrapped)
        else:
            with self.alone():
                answer = self._once_more("POST", resource, {}, wrapped)
        row = object_of(answer, SHORT, written=True)
        if not row.get("id"):
            raise OutcomeUnknown(
                say(
                    "{system}: HTTP {status} without the id of what it made",
                    system=SHORT,
                    status=answer.status,
                )
            )
        return (
            self._as_it_stands(resource, row)
            if is_replayed(row.get("created_at"), sent_at)
            else row
        )

    def _as_it_stands(self, resource: Resource, told: Json) -> Json:
        row = self.read(resource, str(told["id"]))
        if row is not None and not is_void(row):
            return row
        raise TakenAway(SHORT, told, f"{told.get('displayed_as') or resource} (Id {told['id']})")

    def change(self, resource: Resource, remote_id: str, body: Json) -> Json:
        """The record after a partial update. Raises Fault when Sage says no."""
        path = f"{resource}/{remote_id}"
        answer = self._once_more("PUT", path, {}, {ROOTS[resource]: body})
        return object_of(answer, SHORT, written=True)

    def void(self, resource: Resource, remote_id: str, reason: str) -> None:
        """Voids a document; one that is void already is no fault. Raises Fault.

        The reason stands in the query as the schema says and in the body as the guide shows
        (section 6, "Void").
        """
        body = {ROOTS[resource]: {"void_reason": reason}}
        try:
            self._once_more("DELETE", f"{resource}/{remote_id}", {"void_reason": reason}, body)
        except Fault as fault:
            if fault.status != _NOT_FOUND and not fault.says(VOIDED):
                raise

    def remove(self, resource: Resource, remote_id: str) -> None:
        """Deletes; what is gone already is no fault. Raises Fault."""
        try:
            self._once_more("DELETE", f"{resource}/{remote_id}", {})
        except Fault as fault:
            if fault.status != _NOT_FOUND:
                raise

    # --- one request ------------------------------------------------------------------------

    def _once_more(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None = None
    ) -> Answer:
        """Sends; a token that ended is replaced and the request repeated once, since nothing was
        done. Raises Fault."""
        self.left_s()  # a call that is out of time waits for no token either
        tokens = self._shared.tokens
        token = tokens.current().access_token
        answer = self._send(method, path, token, query, body)
        if answer.status == UNAUTHORISED and not fault_of(answer).says(NO_SUBSCRIPTION):
            token = tokens.renewed(token).access_token
            answer = self._send(method, path, token, query, body)
        if answer.ok:
            self._check_company(answer)
            return answer
        fault = fault_of(answer)
        if answer.status == TOO_MANY:
            wait_s = THROTTLE_S if fault.retry_after_s is None else fault.retry_after_s
            self._shared.route.throttle.silence(wait_s)
        raise fault

    def _send(
        self, method: str, path: str, token: str, query: Mapping[str, str], body: Json | None
    ) -> Answer:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "X-Business": self._shared.connection.business_id,
        }
        content: bytes | None = None
        if body is not None:
            content = exact_json(body).encode("utf-8")
            headers["Content-Type"] = "application/json"
        answer = self._exchange.send(
            method,
            f"{self._root}/{path}",
            headers=headers,
            body=content,
            query=query or None,
            writing=method != "GET",
        )
        return self._scrubbed(answer)

    def _check_company(self, answer: Answer) -> None:
        """Raises Unavailable when the answer is another company's."""
        mine = self._shared.connection.business_id
        told = answer.headers.get("X-Business", "") or mine
        if told.casefold() != mine.casefold():
            raise Unavailable(
                SystemReason.MISCONFIGURED,
                say(
                    "{system} answered for the company {told}, not for business_id {mine}",
                    system=SHORT,
                    told=told,
                    mine=mine,
                ),
            )

    def _scrubbed(self, answer: Answer) -> Answer:
        """Sage, or a gateway's page, might quote a token back: nobody may read it in a dead letter.
        Done before anything is cut, or a part of one would stay."""
        content = answer.content
        for secret in self._shared.tokens.secrets():
            for written in {secret, secret.replace("/", "\\/")} - {""}:
                content = content.replace(written.encode(), "…".encode())
        return answer if content == answer.content else replace(answer, content=content)


def _tells(row: object, attributes: str) -> bool:
    """Whether anything of what was asked for stands in a row of the books: by one that tells
    nothing, nobody can be told apart, and nothing found would be a false no."""
    return isinstance(row, dict) and any(name in row for name in attributes.split(","))


def _complete(resource: Resource, rows: list[Json], told: object) -> list[Json]:
    """Each row once, if they are as many as Sage counted at first: one that went away while we
    paged moves another from a page to come onto one that was read. One that came does no harm.

    Raises Transient.
    """
    known = {row.get("id"): row for row in rows}
    if isinstance(told, int) and len(known) < told:
        raise Transient(
            say(
                "{system}: {count} of {told} {resource}; the list changed while it was read",
                system=SHORT,
                count=len(known),
                told=told,
                resource=resource,
            )
        )
    return list(known.values())
