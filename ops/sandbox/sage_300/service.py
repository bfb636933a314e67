"""The Web API: `/Sage300WebApi/v1.0/-/{company}/{module}/{resource}`.

In: HTTP requests. Out: records, empty bodies (PATCH, PUT, DELETE, processes), or errors in Sage's
shape. Bad manners are answered as the service would, and counted as offences. sage-300.md.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import batches, customers, listing, processes
from ops.sandbox.sage_300.addresses import Address, company_of, read_address
from ops.sandbox.sage_300.answers import Refusal, bad_payload
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.companies import Companies
from ops.sandbox.sage_300.duplicates import note_duplicates
from ops.sandbox.sage_300.entry import Session
from ops.sandbox.sage_300.gate import Gate, Lock, check_rights, conflict
from ops.sandbox.sage_300.metadata import metadata
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.resources import BATCHES, PROCESS, Resource

# Refusals that tell of a defect in the client rather than of the data or of the company.
_DEFECTS = {
    "InvalidPayload": "invalid_payload",
    "InvalidParameters": "invalid_parameters",
    "InvalidEntityKey": "invalid_key",
    "InvalidAction": "invalid_action",
    "MethodNotAllowed": "method_not_allowed",
    "ResourceNotFound": "unknown_resource",
}


@dataclass(frozen=True)
class Call:
    """One request, read whole. `url`: without the query."""

    method: str
    raw_path: str
    query: str
    url: str
    authorization: str
    content_type: str
    body: bytes

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def json(self) -> Document:
        """The body. Raises Refusal. Order is kept: it is the order of the Puts."""
        try:
            found = json.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except ValueError:
            raise bad_payload("The body is not JSON.") from None
        if not isinstance(found, dict):
            raise bad_payload("The body is not one record.")
        return found


class Service:
    """Answers the calls of every company."""

    def __init__(
        self, companies: Companies, gate: Gate, offences: Offences, options: Options
    ) -> None:
        self._companies = companies
        self._gate = gate
        self._offences = offences
        self._options = options

    async def handle(self, request: Request) -> Response:
        try:
            with self._gate.one_more():
                if waking_s := self._gate.waking_s():
                    await asyncio.sleep(waking_s)
                return await self._answered(await _read(request))
        except Refusal as refusal:
            return self._refused(refusal)

    async def _answered(self, call: Call) -> Response:
        company = company_of(call.raw_path)
        if not call.is_write:
            return self._answer(call)
        try:
            locks = self._locks(call)
            with self._gate.writing(company, locks) as parallel:
                if parallel:
                    self._offend(call, "parallel_writes", f"{company}: another write is going on")
                answer = self._answer(call)
                await asyncio.sleep(self._options.write_s)
                return answer
        except Refusal as refusal:
            return self._refused(refusal, call)

    def _answer(self, call: Call) -> Response:
        try:
            return self._route(call)
        except Refusal as refusal:
            return self._refused(refusal, call)

    def _refused(self, refusal: Refusal, call: Call | None = None) -> Response:
        if call is not None and refusal.code in _DEFECTS:
            self._offend(call, _DEFECTS[refusal.code], refusal.text)
        headers = {}
        if refusal.code == "Unauthorized":
            headers["WWW-Authenticate"] = 'Basic realm="Sage 300"'
        if refusal.code == "TooManyRequests" and self._options.too_many_retry_after_s:
            headers["Retry-After"] = str(self._options.too_many_retry_after_s)
        return _json(refusal.body(self._options), refusal.status(self._options), headers)

    def _offend(self, call: Call, code: str, detail: str) -> None:
        self._offences.add(code, detail, method=call.method, path=call.raw_path)

    # Locks.

    def _locks(self, call: Call) -> set[Lock]:
        """What a write holds while it lasts: its batch, or the posting of its kind."""
        try:
            address = read_address(call.raw_path)
        except Refusal:
            return set()
        if address.resource is None:
            return set()
        name = address.resource.name
        if address.action == "$process":
            return {(address.company, name)}
        if name in BATCHES and address.key is not None:
            return {(address.company, name, *map(str, address.key))}
        return set()

    # Who may call, and what.

    def _route(self, call: Call) -> Response:
        user, hammers = self._gate.user(call.authorization)
        if not user:
            if hammers:
                self._offend(call, "hammered_after_401", "again after wrong passwords")
            raise Refusal("Unauthorized", "Unauthorized")
        if call.content_type.partition(";")[0].strip().lower() != "application/json":
            self._offend(call, "content_type_missing", f"Content-Type: {call.content_type!r}")
            raise Refusal("InternalServerError", "An error has occurred.")
        address = read_address(call.raw_path)
        if address.company not in self._companies.names():
            raise Refusal("ResourceNotFound", f"The company '{address.company}' was not found.")
        books = self._companies.books(address.company)
        check_rights(books, user, address.module, self._options)
        if address.metadata:
            return Response(metadata(address.module, self._options), media_type="application/xml")
        return self._resource(call, address, books)

    def _resource(self, call: Call, address: Address, books: Books) -> Response:
        resource = address.resource
        if resource is None:
            raise Refusal("ResourceNotFound", "The resource was not found.")
        if address.action:
            return self._action(call, address, books, resource)
        if call.method == "PUT":
            self._offend(call, "put", "PUT purges what it does not hold")
        if call.method not in resource.verbs or resource.verbs == PROCESS:
            raise Refusal("MethodNotAllowed", f"{call.method} is not allowed on {resource.name}.")
        if call.method == "GET":
            return _json(_read_records(call, address, books, resource))
        if (call.method == "POST") != (address.key is None):
            raise Refusal("InvalidEntityKey", f"{call.method} and this key do not go together.")
        return self._write(call, address, books, resource)

    def _action(self, call: Call, address: Address, books: Books, resource: Resource) -> Response:
        if call.method != "POST":
            raise Refusal("MethodNotAllowed", f"{call.method} is not allowed on a process.")
        is_process = resource.verbs == PROCESS
        if address.action == "$template":
            found = processes.template(resource.name, self._options) if is_process else {}
            return _json(found or listing.present(resource.properties, {}))
        if not is_process:
            raise Refusal("InvalidAction", f"{resource.name} is not a process.")
        session = Session(books)
        self._check_people(books, resource.name)
        with self._noting(call, session):
            processes.run(session, resource.name, call.json())
        return Response(status_code=200)

    def _check_people(self, books: Books, *lock: str) -> None:
        if list(lock) in books.state.get("held", []):
            raise conflict()

    def _write(self, call: Call, address: Address, books: Books, resource: Resource) -> Response:
        session = Session(books)
        key = address.key or ()
        self._check_people(books, resource.name, *map(str, key))
        with self._noting(call, session):
            if resource.name == customers.RESOURCE:
                made = _customer(session, call, key)
            elif call.method == "POST":
                kind = batches.KINDS[resource.name]
                made = batches.create(session, kind, call.json())
                note_duplicates(session, kind, made)
            else:
                kind = batches.KINDS[resource.name]
                batches.change(session, kind, books.one(kind.resource, *key), call.json())
                made = None
        if made is None:
            return Response(status_code=204)
        return _json(listing.single(books, resource, made, {}, call.url), 201)

    def _noting(self, call: Call, session: Session) -> _Noting:
        return _Noting(self._offences, call, session)


class _Noting:
    """One write: all of it or nothing, and what it noted counted whatever came of it."""

    def __init__(self, offences: Offences, call: Call, session: Session) -> None:
        self._offences = offences
        self._call = call
        self._session = session
        self._transaction = session.books.transaction()

    def __enter__(self) -> None:
        self._transaction.__enter__()

    def __exit__(self, *error: Any) -> None:
        try:
            self._transaction.__exit__(*error)
        finally:
            for code, detail in dict(self._session.noted).items():
                self._offences.add(code, detail, method=self._call.method, path=self._call.raw_path)


def _customer(session: Session, call: Call, key: tuple[Any, ...]) -> Document | None:
    if call.method == "POST":
        return customers.create(session, call.json())
    if call.method == "PATCH":
        customers.change(session, key[0], call.json())
    elif call.method == "PUT":
        customers.replace(session, key[0], call.json())
    else:
        customers.remove(session, key[0])
    return None


def _read_records(call: Call, address: Address, books: Books, resource: Resource) -> Document:
    pairs = parse_qsl(call.query, keep_blank_values=True)
    query = listing.parameters(pairs, single=address.key is not None)
    if address.key is None:
        return listing.page(books, resource, query, call.url)
    key = address.key or (books.company,)
    return listing.single(books, resource, books.one(resource.table, *key), query, call.url)


async def _read(request: Request) -> Call:
    raw = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.decode("latin-1").partition("?")[0]
    host = request.headers.get("host", "localhost")
    return Call(
        method=request.method,
        raw_path=path,
        query=request.url.query,
        url=f"{request.url.scheme}://{host}{path}",
        authorization=request.headers.get("authorization", ""),
        content_type=request.headers.get("content-type", ""),
        body=await request.body(),
    )


def _no_constant(name: str) -> None:
    """NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(name)


def _json(body: Document, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, default=float), status, headers, "application/json")
