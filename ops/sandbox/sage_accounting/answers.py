"""What goes out when a request is refused: Sage's array of errors, in English.

Shapes, codes and statuses: sage-accounting.md, section 13.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.responses import Response

from ops.sandbox.kernel.store import Document


@dataclass(frozen=True)
class Problem:
    """One entry of the array. `source`: the attribute, "base" or empty."""

    code: str
    message: str
    source: str = ""


class Refusal(Exception):
    """A request the service refuses, for one reason or several."""

    def __init__(
        self, status: int, *problems: Problem, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.problems = problems
        self.headers = headers or {}
        super().__init__(f"{status}: {'; '.join(one.message for one in problems)}")


class Problems:
    """What is wrong with one body, collected so that the answer tells all of it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._found: list[Problem] = []

    def add(self, message: str, attribute: str = "") -> None:
        """`attribute` empty: the record as a whole."""
        source = f"{self._root}.{attribute}" if attribute else "base"
        self._found.append(Problem("RecordInvalid", message, source))

    def check(self) -> None:
        """Raises Refusal (422) when anything was added."""
        if self._found:
            raise Refusal(422, *self._found)


def invalid(message: str, source: str = "base") -> Refusal:
    return Refusal(422, Problem("RecordInvalid", message, source))


def not_found(message: str = "The record could not be found.") -> Refusal:
    return Refusal(404, Problem("RecordNotFound", message))


def refused(refusal: Refusal) -> Response:
    body = [
        {
            "$severity": "error",
            "$dataCode": one.code,
            "$message": one.message,
            "$source": one.source,
        }
        for one in refusal.problems
    ]
    response = as_json(body, refusal.status)
    response.headers.update(refusal.headers)
    return response


def as_json(body: Document | list[Document], status: int) -> Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, status, media_type="application/json")


def reference(resource: str, number: str, shown: str) -> Document:
    """How a read refers to another record (section 3)."""
    return {"id": number, "displayed_as": shown, "$path": f"/{resource}/{number}"}
