"""Answers and refusals in Business Central's shape (business-central.md, section 14).

A refusal carries a code, and a text in the language of the request with its CorrelationId.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ops.sandbox.business_central.texts import TEXTS, dated

DIALOG = "Application_DialogException"
FIELD = "Application_FieldValidationException"
TOO_LONG = "Application_StringExceededLength"
BAD = "BadRequest"
READ_ONLY = "BadRequest_InvalidOperation"
NO_ETAG = "BadRequest_InvalidToken"
NOT_FOUND = "BadRequest_NotFound"
NO_RESOURCE = "BadRequest_ResourceNotFound"
NOT_ALLOWED = "BadRequest_MethodNotAllowed"
STALE = "Request_EntityChanged"
SAME_KEY = "Internal_EntityWithSameKeyExists"
NO_DATA = "Internal_DataNotFoundFilter"
NO_COMPANY = "Internal_CompanyNotFound"
NO_RELATION = "Internal_InvalidTableRelation"
CREDENTIALS = "Authentication_InvalidCredentials"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `body` None is an empty one."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json; odata.metadata=minimal; charset=utf-8"

    def content(self) -> bytes:
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class Refusal(Exception):
    """What the system says no with. `key` names a text, `values` fill it."""

    def __init__(self, code: str, key: str, /, status: int = 400, **values: Any) -> None:
        super().__init__(f"{code}: {TEXTS[key][0].format(**dated(values, 'en'))}")
        self.code = code
        self.key = key
        self.status = status
        self.values = values
        self.headers: dict[str, str] = {}
        self.afterwards: Callable[[], object] | None = None  # what stays done nevertheless

    def text(self, language: str) -> str:
        english, french = TEXTS[self.key]
        template = french if language == "fr" else english
        return template.format(**dated(self.values, language))

    def answer(self, language: str) -> Answer:
        message = f"{self.text(language)}  CorrelationId:  {uuid.uuid4()}."
        return Answer(
            self.status, {"error": {"code": self.code, "message": message}}, dict(self.headers)
        )


def not_found(status: int = 404) -> Refusal:
    return Refusal(NOT_FOUND, "not_found", status=status)
