"""One thread's connection to one company's Web API.

What comes in: resources, keys, filters, bodies as dicts in the order in which the service must put
them. What goes out: plain dicts with Decimals. Raised: `Fault` for writes that were refused (for
whoever can do something about it), `Unavailable`, `OutcomeUnknown`, `Transient`.

Kept right here (reference page, sections 1 and 2): Content-Type on every request, GET included
(without it the service answers 500); PATCH, never PUT, which purges what is not sent; a list is
followed page by page without sending the password to wherever a link points; replies to PATCH and
to processes are empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from consumers.errors import OutcomeUnknown, Transient
from consumers.systems._exchange import Answer, BudgetedClient, Route, exact_json
from consumers.systems._throttle import Throttle
from consumers.systems.sage_300.credentials import Credentials
from consumers.systems.sage_300.faults import THROTTLE_S, Fault, Json, failure, read_fault, row_of
from consumers.systems.sage_300.odata import PROCESS, TEMPLATE, action, address
from consumers.systems.sage_300.settings import TITLE, Connection
from schemas.reasons import SystemReason
from schemas.sentences import say

_NOT_FOUND = "RecordNotFound"


@dataclass(frozen=True)
class Shared:
    """What the clients of all threads of one company share."""

    connection: Connection
    credentials: Credentials
    throttle: Throttle
    route: Route
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Client(BudgetedClient):
    """One thread's requests to one company. Keeps the service's session cookies."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__(shared.route)

    # --- verbs ------------------------------------------------------------------------------

    def read(self, path: str) -> Json | None:
        """One record by its key; None when Sage 300 says that it does not exist."""
        try:
            return _record(self._ask("GET", path), writing=False)
        except Fault as fault:
            if fault.code == _NOT_FOUND:
                return None
            raise self.failure(fault, writing=False) from fault

    def rows(self, resource: str, where: str = "", *, top: int = 0) -> list[Json]:
        """All the records that match, page after page. `where` is made with `odata`."""
        query = {"filter": where} if where else {}
        if top:
            query["top"] = str(top)
        found: list[Json] = []
        asked = set()
        while True:
            asked.add(tuple(query.items()))
            try:
                answer = self._ask("GET", resource, query=query)
            except Fault as fault:
                raise self.failure(fault, writing=False) from fault
            page = answer.get("value") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise Transient(
                    say(
                        "{system}: {resource} answered without a list",
                        system=TITLE,
                        resource=resource,
                    )
                )
            found += page
            following = str(answer.get("@odata.nextLink") or "")
            if top or not following:
                return found
            # Only its parameters: behind a proxy its host is not ours, and gets no password.
            query = {k.removeprefix("$"): v for k, v in parse_qsl(urlsplit(following).query)}
            if tuple(query.items()) in asked:  # what was not read to its end says no to nothing
                raise Transient(
                    say(
                        "{system}: the pages of {resource} do not end",
                        system=TITLE,
                        resource=resource,
                    )
                )

    def only(self, resource: str) -> Json:
        """The one record of a resource of which a company has one: alone, or in a list."""
        try:
            answer = _record(self._ask("GET", resource), writing=False)
        except Fault as fault:
            raise self.failure(fault, writing=False) from fault
        listed = answer.get("value")
        if not isinstance(listed, list):
            return answer
        return _record(next(iter(listed), None), writing=False)

    def create(self, resource: str, body: Json) -> Json:
        """The new record as Sage 300 keeps it. Raises Fault when it says no."""
        return _record(self._ask("POST", resource, body, writing=True), writing=True)

    def change(self, path: str, body: Json) -> None:
        """Changes what `body` names, nothing else. Raises Fault when Sage 300 says no."""
        self._ask("PATCH", path, body, writing=True)

    def process(self, resource: str, body: Json) -> None:
        """Runs a process. Its success proves nothing (section 5). Raises Fault."""
        self._ask("POST", action(resource, PROCESS), body, writing=True)

    def template(self, resource: str) -> Json:
        """The parameters of a process with their defaults; writes nothing."""
        try:
            return _record(self._ask("POST", action(resource, TEMPLATE), {}), writing=False)
        except Fault as fault:
            raise self.failure(fault, writing=False) from fault

    def failure(self, fault: Fault, *, writing: bool) -> Exception:
        """What the engine must be told of it."""
        return failure(fault, writing=writing, lock_wait_s=self._shared.connection.lock_wait_s)

    # --- one request ------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        writing: bool = False,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """The content, None for an empty reply. Raises Fault, Unavailable, OutcomeUnknown."""
        headers = {
            "Authorization": self._shared.credentials.header(),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        answer = self._exchange.send(
            method,
            address(self._shared.connection.base_url, path, **(query or {})),
            headers=headers,
            body=None if body is None else exact_json(body).encode(),
            writing=writing,
        )
        if not answer.ok:
            raise self._fault(answer, module=path.partition("/")[0])
        self._shared.credentials.accepted()
        if not answer.content.strip():
            return None
        try:
            return answer.json()
        except ValueError as error:
            words = self._shared.credentials.scrub(str(error))
            told = OutcomeUnknown(words) if writing else Transient(words)
            raise told from None

    def _fault(self, answer: Answer, module: str) -> Fault:
        try:
            content = answer.json()
        except ValueError:
            content = None
        code, text = read_fault(answer.status, content, answer.content)
        code, text = (self._shared.credentials.scrub(one) for one in (code, text))
        fault = Fault(answer.status, code, text, module=module, retry_after_s=answer.retry_after_s)
        row, _ = row_of(fault)
        if row.reason is SystemReason.THROTTLED:
            self._shared.throttle.silence(fault.retry_after_s or THROTTLE_S)
        if row.reason is SystemReason.UNAUTHORISED:
            self._shared.credentials.refused(fault.words)
        return fault


def _record(content: Any, *, writing: bool) -> Json:
    """Raises OutcomeUnknown or Transient when it is not there."""
    if isinstance(content, dict):
        return content
    detail = say("{system}: an answer without the record", system=TITLE)
    raise OutcomeUnknown(detail) if writing else Transient(detail)
