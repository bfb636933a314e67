"""`$batch`: multipart in, multipart out, strict about CRLF as Dataverse is.

Sequential, answers in order; stops at the first failure unless `odata.continue-on-error`; a change
set is all or nothing. Source: Microsoft's "execute batch operations" page, dataverse.md 2.4.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from ops.sandbox.membri.calls import Answer, Call, refused
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal, invalid

LIMIT = 1000
_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)"?', re.IGNORECASE)
_ROOT = re.compile(r"^/?api/data/v9\.\d/")
_CRLF = b"\r\n"
Handler = Callable[[Environment, Call], Answer]


@dataclass
class _Part:
    headers: dict[str, str]
    body: bytes


@dataclass
class _Operation:
    call: Call
    content_id: str


class _FailedError(Exception):
    """Takes a change set's transaction back."""


class Batch:
    """One batch. `operations` counts what it held, once read."""

    def __init__(self, env: Environment, call: Call, handler: Handler) -> None:
        self._env = env
        self._call = call
        self._handler = handler
        self.operations = 0

    def answer(self) -> Answer:
        """Raises Refusal (400) when the multipart cannot be read or holds too much."""
        items = self._read()
        keep_on = "odata.continue-on-error" in self._call.preferences
        boundary = f"batchresponse_{uuid.uuid4()}"
        chunks: list[bytes] = []
        status = 200
        for item in items:
            if isinstance(item, list):
                answers, failed = self._change_set(item)
            else:
                found = self._handler(self._env, item.call)
                answers, failed = _as_part(found, item.content_id), _failed(found)
            chunks.append(b"--" + boundary.encode() + _CRLF + answers)
            if failed is not None and not keep_on:
                status = failed
                break
        chunks.append(b"--" + boundary.encode() + b"--" + _CRLF)
        kind = f"multipart/mixed; boundary={boundary}"
        return Answer(status, b"".join(chunks), content_type=kind)

    def _change_set(self, operations: list[_Operation]) -> tuple[bytes, int | None]:
        boundary = f"changesetresponse_{uuid.uuid4()}"
        chunks: list[bytes] = []
        ids: dict[str, str] = {}
        answer = Answer(200)
        try:
            with self._env.store.transaction():
                for one in operations:
                    answer = self._one_of_set(one, ids)
                    _take_back_if_failed(answer)
                    chunks.append(b"--" + boundary.encode() + _CRLF)
                    chunks.append(_as_part(answer, one.content_id))
        except _FailedError:
            return _as_part(answer, one.content_id), answer.status
        kind = f"Content-Type: multipart/mixed; boundary={boundary}".encode()
        end = b"--" + boundary.encode() + b"--" + _CRLF
        return kind + _CRLF + _CRLF + b"".join(chunks) + end + _CRLF, None

    def _one_of_set(self, one: _Operation, ids: dict[str, str]) -> Answer:
        call = one.call
        if call.method == "GET":
            return refused(_unreadable("A change set cannot hold a GET."))
        name, mark, rest = call.path.partition("/")
        if name.startswith("$"):
            call.path = ids.get(name, name).lstrip("/") + mark + rest
        call.content_ids = ids
        answer = self._handler(self._env, call)
        url = answer.headers.get("OData-EntityId", "")
        if one.content_id and url:
            ids[f"${one.content_id}"] = "/" + url.removeprefix(call.base)
        return answer

    def _read(self) -> list[_Operation | list[_Operation]]:
        items: list[_Operation | list[_Operation]] = []
        for part in _parts(self._call.body, self._call.headers.get("content-type", "")):
            kind = part.headers.get("content-type", "")
            if kind.startswith("multipart/mixed"):
                items.append([self._operation(p) for p in _parts(part.body, kind)])
            else:
                items.append(self._operation(part))
        if self.operations > LIMIT:
            raise invalid(f"A batch holds at most {LIMIT} operations, not {self.operations}.")
        return items

    def _operation(self, part: _Part) -> _Operation:
        if not part.headers.get("content-type", "").startswith("application/http"):
            raise _unreadable("Content-Type of a part must be application/http.")
        self.operations += 1
        head, _, body = part.body.partition(_CRLF + _CRLF)
        first, *lines = _lines(head)
        words = first.split(" ")
        if len(words) != 3:
            raise _unreadable("Invalid request line.")
        url = urlsplit(words[1])
        path = _ROOT.sub("", url.path).lstrip("/")
        headers = _headers(lines)
        call = Call(words[0], unquote(path), url.query, headers, body, self._call.base)
        return _Operation(call, part.headers.get("content-id", headers.get("content-id", "")))


def _parts(body: bytes, content_type: str) -> list[_Part]:
    match = _BOUNDARY.search(content_type)
    if not content_type.startswith("multipart/mixed") or match is None:
        raise _unreadable("A multipart/mixed body with a boundary was expected.")
    mark = b"--" + match.group(1).encode()
    first, *chunks = (_CRLF + body).split(_CRLF + mark)
    if not chunks or first.strip() or not chunks[-1].startswith(b"--"):
        raise _unreadable()
    parts: list[_Part] = []
    for chunk in chunks[:-1]:
        if not chunk.startswith(_CRLF):
            raise _unreadable()
        head, gap, content = chunk[2:].partition(_CRLF + _CRLF)
        if not gap:
            raise _unreadable()
        parts.append(_Part(_headers(_lines(head)), content))
    return parts


def _lines(head: bytes) -> list[str]:
    lines = head.split(_CRLF)
    if any(b"\n" in line for line in lines):
        raise _unreadable()
    return [line.decode("utf-8") for line in lines]


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _unreadable(message: str = "Stream was not readable.") -> Refusal:
    return Refusal(
        400, "0x80048D19", f"Error identified in Payload provided by the user: {message}"
    )


def _take_back_if_failed(answer: Answer) -> None:
    if _failed(answer) is not None:
        raise _FailedError


def _failed(answer: Answer) -> int | None:
    return answer.status if answer.status >= 400 else None


def _as_part(answer: Answer, content_id: str) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    body = answer.body()
    if body:
        lines.append(f"Content-Type: {answer.content_type}")
    lines.append("OData-Version: 4.0")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body + _CRLF
