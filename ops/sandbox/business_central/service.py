"""The API: `/v2.0/{tenant}/{environment}/api/v2.0/companies({guid})/…`.

In: calls. Out: answers in OData's shapes, or refusals in Business Central's. Each call is one
transaction. Bad manners are answered as the system would, and counted as offences.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from ops.sandbox.business_central import journal_posting, posting, reads, writes
from ops.sandbox.business_central.answers import (
    CREDENTIALS,
    NO_ETAG,
    NO_RESOURCE,
    NOT_ALLOWED,
    STALE,
    Answer,
    Refusal,
    not_found,
)
from ops.sandbox.business_central.books import Actor, Books
from ops.sandbox.business_central.calls import Call, Segment
from ops.sandbox.business_central.companies import Companies
from ops.sandbox.business_central.limits import Limits
from ops.sandbox.business_central.login import Login
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.properties import RESOURCES, Resource
from ops.sandbox.business_central.sales import SALES
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document

ACTION = "Microsoft.NAV."
# Refusals that tell of a defect in the client rather than of the data or of the company.
_DEFECTS = {
    "if_match": "if_match_missing",
    "filter_or": "filter_or",
    "read_only": "read_only_written",
    "unknown_property": "unknown_property",
    "unknown_query": "unknown_property",
    "bad_value": "bad_value",
    "bad_json": "bad_json",
    "deep_patch": "deep_patch",
    "filter": "filter_unparsed",
    "method": "method_not_allowed",
    "no_resource": "unknown_resource",
    "no_parent": "lines_without_parent",
    "no_journal": "lines_without_parent",
}


class Service:
    """Answers the calls of every company."""

    def __init__(
        self, companies: Companies, login: Login, limits: Limits, offences: Offences,
        options: Options, environment: str,
    ) -> None:  # fmt: skip
        self._companies = companies
        self._login = login
        self._limits = limits
        self._offences = offences
        self._options = options
        self._environment = environment
        self._lives: dict[str, tuple[int, int]] = {}  # token → its first and last call
        self._count = 0

    def undoable(self) -> AbstractContextManager[Callable[[], None]]:
        """What a snapshot batch runs in: one transaction, and the way to take it back."""
        return self._companies.undoable()

    def segments(self, call: Call) -> list[Segment]:
        return call.segments(self._login.tenant, self._environment)

    def admit(self, call: Call) -> Call:
        """The call with who sends it. Raises Refusal: 401, or one call too many."""
        writer = self._login.writer_of(call.headers.get("authorization", ""))
        if writer is None or not self._options.application_enabled:
            refusal = Refusal(CREDENTIALS, "credentials", status=401)
            refusal.headers["WWW-Authenticate"] = "Bearer"
            raise refusal
        self._count += 1
        first, _ = self._lives.get(writer, (self._count, 0))
        self._lives[writer] = (first, self._count)
        self._limits.admit(
            lambda code, detail: self._offences.add(
                code, detail, method=call.method, path=call.path
            )
        )
        return call.with_writer(writer)

    def outlives(self, writer: str, other: str) -> bool:
        """Whether the writer of a line is somebody else who still works: a person, or a token used
        since the first call of `other`. The token of a process that died is not."""
        if not writer:
            return True
        _, last = self._lives.get(writer, (0, 0))
        return last > self._lives.get(other, (0, 0))[0]

    def answer(self, call: Call) -> Answer:
        """One admitted call, done or refused."""
        if not call.headers.get("accept-language"):
            self._offences.add(
                "accept_language_missing", "no Accept-Language", method=call.method, path=call.path
            )
        books: Books | None = None
        try:
            segments = self.segments(call)
            if not segments or (segments[0].name == "companies" and not segments[0].key):
                return self._listed_companies(call, segments)
            books, segments = self._company(call, segments)
            with books.store.transaction():
                return self._done(call, books, segments)
        except Refusal as refusal:
            if refusal.afterwards is not None:
                refusal.afterwards()
            self._note(call, refusal)
            return refusal.answer(call.language(self._options.user_language))
        finally:
            if books is not None:
                books.count_offences()

    def _note(self, call: Call, refusal: Refusal) -> None:
        name = _DEFECTS.get(refusal.key)
        if name:
            self._offences.add(name, refusal.text("en"), method=call.method, path=call.path)

    def _company(self, call: Call, segments: list[Segment]) -> tuple[Books, list[Segment]]:
        if segments[0].name == "companies":
            key, segments = segments[0].key, segments[1:]
        else:
            key = call.params.get("company", "")
        books = self._companies.found(key)
        books.actor = Actor(call.writer, call.method, call.path)
        books.is_other = lambda writer: self.outlives(writer, call.writer)
        return books, segments

    def _listed_companies(self, call: Call, segments: list[Segment]) -> Answer:
        if not segments or call.method != "GET":
            raise Refusal(NO_RESOURCE, "no_resource", status=404, segment=call.path)
        return Answer(
            200, {"@odata.context": f"{call.url}#companies", "value": self._companies.listed()}
        )

    def _done(self, call: Call, books: Books, segments: list[Segment]) -> Answer:
        journal_posting.run_jobs(books)
        if not segments:
            if call.method != "GET":
                raise _not_allowed(call.method, "companies")
            return Answer(200, self._companies.described(books.company))
        if segments[-1].name.startswith(ACTION):
            return self._act(call, books, segments)
        resource = RESOURCES.get(segments[-1].name)
        if resource is None or resource.name == "companies" or len(segments) > 2:
            raise _unknown(segments[-1])
        parent = self._parent(books, segments, resource)
        if segments[-1].key:
            return self._one(call, books, resource, segments[-1].key, parent)
        if call.method == "GET":
            return self._page(call, books, resource, parent)
        if call.method != "POST":
            raise _not_allowed(call.method, resource.name)
        made = writes.create(books, resource, parent, call.json())
        body = self._shown(call, books, resource, made)
        return Answer(201, body, {"ETag": made["@odata.etag"]})

    def _parent(self, books: Books, segments: list[Segment], resource: Resource) -> str:
        if len(segments) == 1:
            return ""
        owner = RESOURCES.get(segments[0].name)
        if owner is None or resource.name not in owner.children:
            raise _unknown(segments[-1])
        if reads.record(books, owner, segments[0].key) is None:
            raise not_found()
        return segments[0].key

    def _page(self, call: Call, books: Books, resource: Resource, parent: str) -> Answer:
        params = dict(call.params)
        url = call.url
        if parent:
            own = f"{resource.parent_key} eq {parent}"
            given = params.get("$filter", "")
            params["$filter"] = f"{own} and ({given})" if given else own
        return Answer(200, reads.page(books, resource, params, call.headers.get("prefer", ""), url))

    def _one(self, call: Call, books: Books, resource: Resource, key: str, parent: str) -> Answer:
        found = reads.record(books, resource, key)
        if found is None or (parent and found[resource.parent_key] != parent):
            raise not_found()
        if call.method == "GET":
            return Answer(200, self._shown(call, books, resource, found))
        self._match(call, found)
        if call.method == "PATCH":
            kept = writes.change(books, resource, found, call.json())
            body = self._shown(call, books, resource, kept)
            return Answer(200, body, {"ETag": kept["@odata.etag"]})
        if call.method == "DELETE":
            writes.remove(books, resource, found)
            return Answer(204)
        raise _not_allowed(call.method, resource.name)

    def _match(self, call: Call, found: Document) -> None:
        given = call.headers.get("if-match", "")
        if not given:
            if call.method == "PATCH" or self._options.delete_needs_etag:
                raise Refusal(NO_ETAG, "if_match")
            return
        if given not in ("*", found["@odata.etag"]):
            raise Refusal(STALE, "stale", status=409)

    def _shown(self, call: Call, books: Books, resource: Resource, document: Document) -> Document:
        seen = reads.present(books, resource, document, call.params)
        return {"@odata.context": f"{call.origin}/$metadata#{resource.name}/$entity", **seen}

    def _act(self, call: Call, books: Books, segments: list[Segment]) -> Answer:
        """A bound action: POST, 204 without a body."""
        action = segments[-1].name.removeprefix(ACTION)
        owner = RESOURCES.get(segments[0].name)
        if len(segments) != 2 or owner is None:
            raise _unknown(segments[-1])
        known = ("post",) if owner.name == "journals" else posting.ACTIONS.get(owner.name, ())
        if action not in known:
            raise _unknown(segments[-1])
        if call.method != "POST":
            raise _not_allowed(call.method, segments[-1].name)
        found = reads.record(books, owner, segments[0].key)
        if found is None:
            raise not_found()
        if owner.name == "journals":
            journal_posting.post(books, found)
        else:
            posting.act(books, SALES[owner.name], found, action)
        return Answer(204)


def _unknown(segment: Segment) -> Refusal:
    return Refusal(NO_RESOURCE, "no_resource", status=404, segment=segment.name)


def _not_allowed(method: str, resource: str) -> Refusal:
    return Refusal(NOT_ALLOWED, "method", status=405, method=method, resource=resource)
