"""The accounting API: `/v3.1/…`.

In: HTTP requests. Out: resources, or refusals as Sage's array of errors, with `x_request_id` and,
but for `/businesses` and `/user`, the business in `X-Business`. Bad manners are answered as the
service would, and counted as offences.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problem, Refusal, as_json, invalid, refused
from ops.sandbox.sage_accounting.books import RECORDS, Books
from ops.sandbox.sage_accounting.calls import Call, read_call
from ops.sandbox.sage_accounting.companies import Companies
from ops.sandbox.sage_accounting.editions import NOT_IN_START, How, check_feature
from ops.sandbox.sage_accounting.limits import Limits
from ops.sandbox.sage_accounting.oauth import Authority
from ops.sandbox.sage_accounting.options import Options
from ops.sandbox.sage_accounting.reads import businesses, read
from ops.sandbox.sage_accounting.replays import once
from ops.sandbox.sage_accounting.users import Users
from ops.sandbox.sage_accounting.writes import (
    NUMBERED,
    ROOTS,
    create,
    release,
    remove,
    update,
    wrong_verb,
)

IDENTITY = ("businesses", "user")
NO_SUBSCRIPTION = "No active subscription. (MSE)"
PDF = b"%PDF-1.4\n%%EOF\n"


class Service:
    """Answers the calls of every business."""

    def __init__(
        self,
        companies: Companies,
        users: Users,
        authority: Authority,
        limits: Limits,
        offences: Offences,
        options: Options,
    ) -> None:
        self._companies = companies
        self._users = users
        self._authority = authority
        self._limits = limits
        self._offences = offences
        self._options = options

    async def handle(self, request: Request) -> Response:
        how = How()
        headers = {"x_request_id": str(uuid.uuid4())}
        call = await read_call(request)
        try:
            with self._limits.call() as rude:
                if rude:
                    how.offend("call_during_retry_after", "a call before the wait was over")
                response = await self._answer(call, how, headers)
        except Refusal as refusal:
            response = refused(refusal)
        for code, detail in how.noted:
            self._offences.add(code, detail, method=call.method, path=call.path)
        response.headers.update(headers)
        return response

    async def _answer(self, call: Call, how: How, headers: dict[str, str]) -> Response:
        connection = self._authority.opened_by(call.bearer) if call.bearer else None
        if connection is None:
            code = self._options.expired_token_code
            raise Refusal(401, Problem(code, "The access token is invalid or has expired."))
        if call.resource in IDENTITY:
            return self._identity(call, connection, how)
        if not call.business:
            how.offend("x_business_missing", "the lead business is used, and can change")
        business = self._users.business_for(connection["user"], call.business)
        headers["X-Business"] = business
        books = self._companies.books(business)
        self._check_subscription(books, connection)
        self._users.check_right(connection, call.resource, call.method)
        if call.method == "GET":
            return _rendered(call, read(books, call, how))
        if call.resource in NOT_IN_START:
            check_feature(books, how, call.resource)
        if call.method == "POST" and call.resource in RECORDS:
            return await self._post(call, books, how)
        return _written(call, books, how)

    def _identity(self, call: Call, connection: Document, how: How) -> Response:
        if call.method != "GET":
            raise wrong_verb(call.method)
        user = self._users.get(connection["user"]) or {"businesses": []}
        if call.resource == "businesses":
            found = [self._companies.books(number) for number in user["businesses"]]
            return as_json(businesses(found, call, how), 200)
        return as_json({"id": connection["user"], "initials": "MS", "locale": "fr-CA"}, 200)

    def _check_subscription(self, books: Books, connection: Document) -> None:
        active = bool(books.state.get("subscription", True))
        self._authority.note_subscription(connection["id"], active=active)
        if not active:
            raise Refusal(401, Problem("AuthorizationFailure", NO_SUBSCRIPTION))

    async def _post(self, call: Call, books: Books, how: How) -> Response:
        if len(call.rest) == 3 and call.rest[2] == "release":
            return as_json(release(books, call.resource, call.rest[1], how), 201)
        if len(call.rest) > 1:
            raise wrong_verb("POST")
        if call.resource not in NUMBERED:
            return _created(call, books, how)
        with self._limits.numbering(books.business, call.resource) as parallel:
            await asyncio.sleep(self._options.numbering_s)
            if parallel:
                how.offend("parallel_post", f"two POSTs on {call.resource} at once")
                self._collide()
            return _created(call, books, how)

    def _collide(self) -> None:
        if self._options.parallel_posts == "422":
            raise invalid("The number has already been taken")
        if self._options.parallel_posts == "500":
            raise Refusal(500, Problem("UnexpectedError", "An unexpected error occurred."))


def _created(call: Call, books: Books, how: How) -> Response:
    resource = call.resource
    body = call.under(ROOTS[resource])
    number = body.get("idempotency_id")
    if not number:
        how.offend("idempotency_id_missing", f"a POST of {resource} without idempotency_id")
    content = {name: value for name, value in body.items() if name != "idempotency_id"}

    def work() -> tuple[int, Any]:
        return 201, create(books, resource, content, how)

    status, answer = once(books, number, resource, call.digest, work)
    return as_json(answer, status)


def _written(call: Call, books: Books, how: How) -> Response:
    resource = call.resource
    if resource not in RECORDS or len(call.rest) != 2:
        if resource in RECORDS or resource in ("financial_settings", "invoice_settings"):
            raise wrong_verb(call.method)
        raise Refusal(404, Problem("RecordNotFound", "The resource could not be found."))
    number = call.rest[1]
    if call.method == "PUT" and resource != "journals":
        return as_json(update(books, resource, number, call.under(ROOTS[resource]), how), 200)
    if call.method != "DELETE":
        raise wrong_verb(call.method)
    voided = remove(books, resource, number, _void_reason(call, books), how)
    return as_json(voided, 200) if voided else Response(status_code=204)


def _void_reason(call: Call, books: Books) -> str:
    """From the query or from the body: Sage's own pages contradict each other (section 6)."""
    place = books.options.void_reason_in
    in_query = call.params.get("void_reason", "")
    in_body = ""
    if call.body:
        body = call.json()
        inner = body.get(ROOTS[call.resource], body) if isinstance(body, dict) else {}
        in_body = str(inner.get("void_reason") or "") if isinstance(inner, dict) else ""
    if place == "query":
        return in_query
    return in_body if place == "body" else in_query or in_body


def _rendered(call: Call, body: Document) -> Response:
    document = len(call.rest) == 2 and call.resource in ("sales_invoices", "sales_credit_notes")
    if document and "application/pdf" in call.accept:
        return Response(PDF, 200, media_type="application/pdf")
    return Response(
        json.dumps(body, ensure_ascii=False).encode(), 200, media_type="application/json"
    )
