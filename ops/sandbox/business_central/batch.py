"""`$batch` (business-central.md, section 12).

In: up to 100 operations as JSON. Out: 200 whatever happened inside, and the answers up to the first
failure, or all of them with `Prefer: odata.continue-on-error`. `Isolation: snapshot` takes all of
them back together, but for what a post action had committed on its way.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ops.sandbox.business_central.answers import BAD, Answer, Refusal
from ops.sandbox.business_central.calls import Call
from ops.sandbox.business_central.service import ACTION, Service
from ops.sandbox.kernel.store import Document

MAX_OPERATIONS = 100


class _Undo(Exception):
    pass


def answer_batch(service: Service, call: Call, language: str) -> Answer:
    """The answer to an admitted `$batch`."""
    try:
        service.segments(call)
        operations = _operations(call)
    except Refusal as refusal:
        return refusal.answer(call.language(language))
    on = "odata.continue-on-error" in call.headers.get("prefer", "").lower()
    if call.headers.get("isolation", "").lower() == "snapshot":
        responses = _snapshot(service, call, operations)
    else:
        responses = _one_by_one(service, call, operations, go_on=on)
    if "application/json" in call.headers.get("accept", ""):
        return Answer(200, {"responses": responses}, media_type="application/json")
    return _multipart(responses)


def _operations(call: Call) -> list[Document]:
    body = call.json()
    found = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise Refusal(BAD, "bad_json")
    if len(found) > MAX_OPERATIONS:
        raise Refusal(BAD, "batch_too_large")
    for one in found:
        if not isinstance(one, dict) or not {"id", "method", "url"} <= set(one):
            raise Refusal(BAD, "bad_json")
    return found


def _one_by_one(
    service: Service, call: Call, operations: list[Document], *, go_on: bool
) -> list[Document]:
    responses = []
    for one in operations:
        responses.append(_run(service, call, one))
        if responses[-1]["status"] >= 400 and not go_on:
            break
    return responses


def _snapshot(service: Service, call: Call, operations: list[Document]) -> list[Document]:
    """One transaction, cut before and after each action that commits."""
    responses: list[Document] = []
    pending = list(operations)
    while pending:
        chunk = [pending.pop(0)]
        if not _commits(chunk[0]):
            while pending and not _commits(pending[0]):
                chunk.append(pending.pop(0))
        with service.undoable() as undo:
            for one in chunk:
                responses.append(_run(service, call, one))
                if responses[-1]["status"] >= 400:
                    undo()
                    return responses
    return responses


def _commits(operation: Document) -> bool:
    return ACTION in str(operation["url"])


def _run(service: Service, call: Call, operation: Document) -> Document:
    """One operation as its own call, under the batch's language and token."""
    root = call.path.removesuffix("/$batch")
    parts = urlsplit(str(operation["url"]))
    headers = {
        "content-type": "application/json",
        "accept-language": call.headers.get("accept-language", ""),
        **{k.lower(): str(v) for k, v in (operation.get("headers") or {}).items()},
    }
    answer = service.answer(
        Call(
            str(operation["method"]).upper(),
            f"{root}/{parts.path.lstrip('/')}",
            dict(parse_qsl(parts.query)),
            headers,
            _text(operation.get("body")).encode(),
            call.origin,
            call.writer,
        )
    )
    done: Document = {"id": operation["id"], "status": answer.status, "headers": answer.headers}
    if answer.body is not None:
        done["body"] = answer.body
    return done


def _text(body: Any) -> str:
    """The operation's body as JSON again, its numbers to the digit."""
    if body is None:
        return ""
    return json.dumps(body, default=float)


def _multipart(responses: Sequence[Mapping[str, Any]]) -> Answer:
    boundary = f"batchresponse_{uuid.uuid4()}"
    parts = [
        f"--{boundary}\r\nContent-Type: application/http\r\n\r\n"
        f"HTTP/1.1 {one['status']}\r\nContent-Type: application/json\r\n\r\n"
        f"{json.dumps(one['body']) if 'body' in one else ''}\r\n"
        for one in responses
    ]
    text = "".join(parts) + f"--{boundary}--\r\n"
    return Answer(200, text.encode(), media_type=f"multipart/mixed; boundary={boundary}")
