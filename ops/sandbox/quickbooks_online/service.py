"""The accounting API: `/v3/company/{realm}/…`.

In: HTTP requests. Out: documents in their envelopes, or refusals in Intuit's shapes, always with an
`intuit_tid`. Bad manners are answered as the service would, and counted as offences.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import (
    GatewayRefusal,
    Refusal,
    fault,
    gateway_body,
    lower_case,
    timestamp,
    to_json,
    to_xml,
)
from ops.sandbox.quickbooks_online.batch import READ_ONLY, serve_batch
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.calls import Call, read_call
from ops.sandbox.quickbooks_online.changes import changed
from ops.sandbox.quickbooks_online.companies import Companies
from ops.sandbox.quickbooks_online.conform import amount
from ops.sandbox.quickbooks_online.limits import Limits, Throttled
from ops.sandbox.quickbooks_online.oauth import Authority
from ops.sandbox.quickbooks_online.options import Options
from ops.sandbox.quickbooks_online.properties import BY_PATH, NUMBERS
from ops.sandbox.quickbooks_online.query import parse
from ops.sandbox.quickbooks_online.replays import MAX_BATCH_LENGTH, check_request_id, once
from ops.sandbox.quickbooks_online.search import answer
from ops.sandbox.quickbooks_online.writes import How, delete, existing, present, save, void

# Refusals that tell of a defect in the client rather than of the data or of the company.
_DEFECTS = {
    2010: "unknown_property",
    4000: "query_unparsed",
    4001: "query_invalid",
    2040: "not_utf8",
    1050: "content_type",
    2130: "requestid_too_long",
}


class Service:
    """Answers the calls of every company."""

    def __init__(
        self,
        companies: Companies,
        authority: Authority,
        limits: Limits,
        offences: Offences,
        options: Options,
    ) -> None:
        self._companies = companies
        self._authority = authority
        self._limits = limits
        self._offences = offences
        self._options = options

    async def handle(self, request: Request) -> Response:
        try:
            call = await read_call(request)
        except Refusal as refusal:
            self._offences.add(
                _DEFECTS.get(refusal.code, "unreadable"),
                refusal.detail,
                method=request.method,
                path=request.url.path,
            )
            return self._refused(call=None, refusal=refusal)
        return self.answer(call)

    def answer(self, call: Call) -> Response:
        try:
            books = self._admit(call)
            body = self._route(call, books)
        except GatewayRefusal as refusal:
            return self._gateway(call, refusal)
        except Refusal as refusal:
            self._note_refusal(call, refusal)
            return self._refused(call, refusal)
        return _rendered(call, {**body, "time": body.get("time") or timestamp(books.now())}, 200)

    def _refused(self, call: Call | None, refusal: Refusal) -> Response:
        if self._options.fault_case == "lower":
            return _json(lower_case(refusal), refusal.status)
        body = {"Fault": fault(refusal), "time": self._companies.now()}
        status = refusal.status if refusal.status != 400 else self._options.fault_status
        return _rendered(call, body, status) if call else _json(body, status)

    # Who may call, and how often.

    def _admit(self, call: Call) -> Books:
        realm = self._authority.realm_of(call.bearer) if call.bearer else None
        if realm is None:
            raise GatewayRefusal(3200, 401, "Token expired or invalid")
        if realm != call.realm or call.realm not in self._companies.realms():
            raise GatewayRefusal(3100, 403, "the token does not open this company")
        books = self._companies.books(realm)
        environment = books.state.get("environment", self._options.environment)
        if environment != self._options.environment:
            raise GatewayRefusal(130, 403, f"the company is in {environment}")
        self._note_manners(call)
        self._limits.admit(realm, batch=call.rest == "batch")
        if not call.is_write:
            self._limits.count_read(books.now())
        return books

    def _offend(self, call: Call, code: str, detail: str) -> None:
        self._offences.add(code, detail, method=call.method, path=call.path)

    def _note_manners(self, call: Call) -> None:
        if not call.wants_json:
            self._offend(call, "accept_not_json", f"Accept: {call.accept or '(none)'}")
        version = call.params.get("minorversion", "")
        if not version:
            self._offend(call, "minorversion_missing", "no minorversion")
        elif version != "75":
            self._offend(call, "minorversion_old", f"minorversion={version}")
        if call.is_write and not call.params.get("requestid"):
            self._offend(call, "requestid_missing", "a write without requestid")
        if "allowduplicatedocnum" in call.params.get("include", ""):
            self._offend(call, "duplicates_allowed", "include=allowduplicatedocnum")

    def _note_refusal(self, call: Call, refusal: Refusal) -> None:
        name = _DEFECTS.get(refusal.code)
        if refusal.code == 2040 and "UTF-8" not in refusal.detail:
            return
        if name:
            self._offend(call, name, refusal.detail)

    def _gateway(self, call: Call, refusal: GatewayRefusal) -> Response:
        if isinstance(refusal, Throttled) and refusal.rude:
            self._offend(call, "call_during_throttle_wait", "a call before the wait was over")
        body = gateway_body(refusal, self._options.gateway_case)
        response = _json(body, refusal.status)
        response.headers.update(refusal.headers)
        return response

    # What is called.

    def _route(self, call: Call, books: Books) -> Document:
        if call.rest == "query" and call.method in ("GET", "POST"):
            return answer(books, parse(call.statement()))
        if call.rest == "batch" and call.method == "POST":
            return self._batch(call, books)
        if call.rest == "cdc" and call.method == "GET":
            return changed(
                books, call.params.get("entities", ""), call.params.get("changedSince", "")
            )
        path, _, number = call.rest.partition("/")
        entity = BY_PATH.get(path)
        if entity is None or "/" in number:
            raise Refusal(2000, f"Unsupported operation or object: {call.rest}", status=404)
        if call.method == "GET":
            return _read(books, entity, number)
        if call.method != "POST" or number:
            raise Refusal(500, f"Operation {call.method} is not supported here", status=405)
        return self._write(call, books, entity)

    def _write(self, call: Call, books: Books, entity: str) -> Document:
        request_id = call.params.get("requestid", "")
        check_request_id(request_id)
        raw = call.json()

        def work() -> Document:
            if books.state.get("read_only"):
                raise Refusal(6190, READ_ONLY)
            done = _operate(call, books, entity, raw)
            return {entity: done, "time": timestamp(books.now())}

        body = once(books, request_id, call.digest, work, lambda: self._reused(call))
        document = body[entity]
        if document.get("Active") is False and entity == "Customer" and amount(document, "Balance"):
            self._offend(call, "customer_deactivated", "a customer with a balance made inactive")
        return body

    def _reused(self, call: Call) -> None:
        self._offend(call, "requestid_reused", "a requestid again, with another request")

    def _batch(self, call: Call, books: Books) -> Document:
        request_id = call.params.get("requestid", "")
        check_request_id(request_id, MAX_BATCH_LENGTH)
        return serve_batch(
            books,
            call.json(),
            request_id,
            lambda: self._reused(call),
            lambda refusal: self._note_refusal(call, refusal),
        )


def _operate(call: Call, books: Books, entity: str, raw: object) -> Document:
    operation = call.params.get("operation", "")
    include = call.params.get("include", "").split(",")
    how = How(duplicates_allowed="allowduplicatedocnum" in include)
    if operation == "delete":
        return delete(books, entity, raw, how)
    if operation == "void" or (operation == "update" and "void" in include):
        return void(books, entity, raw, how)
    if operation not in ("", "create", "update"):
        raise Refusal(500, f"Operation {operation} is not supported")
    return save(books, entity, raw, how)


def _read(books: Books, entity: str, number: str) -> Document:
    if entity == "Preferences" and not number:
        return {entity: books.preferences}
    if entity == "CompanyInfo":
        if number not in (books.realm, "1"):
            raise Refusal(610, f"Object Not Found : CompanyInfo {number}")
        return {entity: books.company}
    if not number:
        raise Refusal(500, f"Operation read without Id is not supported for {entity}", status=405)
    return {entity: present(books, entity, existing(books, entity, number))}


def _json(body: Document, status: int) -> Response:
    return Response(to_json(body, NUMBERS), status, media_type="application/json")


def _rendered(call: Call, body: Document, status: int) -> Response:
    if call.wants_json:
        return _json(body, status)
    return Response(to_xml(body), status, media_type="application/xml")
