"""The error answers of the Web API (sage-300.md, section 11).

In: a code and a text. Out: `{"error": {"code", "message": {"lang", "value"}}}`; the message is an
object. Statuses of business errors are options: they were never seen documented.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.options import Options

_STATUS = {
    "InternalServerError": 500,
    "SessionError": 500,
    "DBLinkError": 500,
    "Unauthorized": 401,
    "Forbidden": 403,
    "InvalidParameters": 400,
    "InvalidEntityKey": 400,
    "InvalidPayload": 400,
    "InvalidAction": 400,
    "ResourceNotFound": 404,
    "RecordNotFound": 404,
    "MethodNotAllowed": 405,
}
_BUSINESS = ("RecordInvalid", "FieldInvalid", "General")


class Refusal(Exception):
    """The service answers with an error. `code` is Sage's, `text` is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text

    def status(self, options: Options) -> int:
        if self.code == "TooManyRequests":
            return options.too_many_status
        if self.code == "RecordDuplicate":
            return options.duplicate_status
        if self.code in _BUSINESS:
            return options.invalid_status
        return _STATUS[self.code]

    def body(self, options: Options) -> Document:
        message = {"lang": options.language, "value": self.text}
        return {"error": {"code": self.code, "message": message}}


def field_invalid(text: str) -> Refusal:
    return Refusal("FieldInvalid", text)


def record_invalid(text: str) -> Refusal:
    return Refusal("RecordInvalid", text)


def bad_payload(text: str) -> Refusal:
    return Refusal("InvalidPayload", text)
