"""What goes out: envelopes, refusals in each of Intuit's shapes, JSON with exact amounts, XML.

Amounts are held as decimal texts; `to_json` writes them as JSON numbers, digit for digit.
Codes and messages: Intuit's error-codes page, as listed in the reference of this project.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ops.sandbox.kernel.store import Document

MESSAGES = {
    130: "Accessing Wrong Cluster",
    500: "Unsupported Operation",
    600: "Duplicate Request Id",
    610: "Object Not Found",
    620: "Transaction Can Not Be Linked",
    700: "Invalid Parent Reference",
    900: "Parent Can Not Be Child",
    1040: "Batch Size Exceeds Allowed Limit",
    1050: "Invalid Content Type",
    2000: "Invalid or unsupported object name",
    2010: "Request has invalid or unsupported property",
    2020: "Required param missing, need to supply the required value for the API",
    2030: "Invalid Id",
    2040: "Invalid String",
    2050: "String length is either shorter or longer than supported by specification",
    2060: "Invalid Date Format",
    2070: "Invalid Date",
    2080: "Invalid Number Format",
    2090: "Invalid Number",
    2110: "Invalid Decimal",
    2130: "Invalid Request Id Format",
    2170: "Invalid Enumeration",
    2210: "Invalid Email Address format",
    2220: "Invalid Currency Type",
    2250: "Missing Lines",
    2260: "Missing Posting Type",
    2270: "Missing Tax Applicable On",
    2280: "Missing Tax Amount",
    2290: "Negative Amount",
    2300: "Amount on debits not equal to credits",
    2500: "Invalid Reference Id",
    4000: "Error parsing query",
    4001: "Invalid query",
    5010: "Stale Object Error",
    6000: "A business validation error has occurred while processing your request",
    6010: "Invalid Account Type or Sub Type",
    6070: "Amount calculation incorrect in the request.",
    6080: "No name provided",
    6090: "Discount Line missing required info",
    6100: "Invalid Line TaxCode in the request",
    6140: "Duplicate Document Number Error",
    6150: "Parent Reference Required",
    6170: "Invalid TxnTaxDetail",
    6190: "Invalid Company Status",
    6200: "Account Period Closed Error",
    6210: "Account Period Closed, password required",
    6240: "Duplicate Name Exists Error",
    6250: "Invalid Sales Customer",
    6430: "Invalid account type",
    6440: "Line has an amount but no item or account",
    6470: "Tax not allowed or no rate found",
    6540: "Deposited Transaction cannot be changed",
}
GATEWAY_WORDS = {
    100: ("AUTHORIZATION", "General Authentication Error"),
    130: ("AUTHORIZATION", "WrongClusterError"),
    3001: ("SERVICE", "ThrottleExceeded"),
    3100: ("AUTHORIZATION", "ApplicationAuthorizationFailed"),
    3200: ("AUTHENTICATION", "AuthenticationFailed"),
}


class Refusal(Exception):
    """A request the service refuses. `code` is Intuit's; `detail` says what is wrong, and where."""

    def __init__(
        self, code: int, detail: str = "", *, element: str = "", status: int = 400
    ) -> None:
        self.code = code
        self.detail = detail or MESSAGES.get(code, "")
        self.element = element
        self.status = status
        super().__init__(f"{code}: {self.detail}")


class GatewayRefusal(Exception):
    """A refusal by the gateway in front of the service: 401, 403 and 429."""

    def __init__(
        self, code: int, status: int, detail: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.code = code
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        super().__init__(f"{status}/{code}")


def fault(refusal: Refusal) -> Document:
    """The `Fault` object of a refusal."""
    error = {
        "Message": MESSAGES.get(refusal.code, "Error"),
        "Detail": refusal.detail,
        "code": str(refusal.code),
    }
    if refusal.element:
        error["element"] = refusal.element
    return {"Error": [error], "type": "ValidationFault"}


def lower_case(refusal: Refusal) -> Document:
    """The same refusal in the gateway's shape."""
    error = {
        "message": MESSAGES.get(refusal.code, "Error"),
        "detail": refusal.detail,
        "code": str(refusal.code),
        "element": refusal.element or None,
    }
    return {"warnings": None, "fault": {"error": [error], "type": "VALIDATION"}}


def gateway_body(refusal: GatewayRefusal, case: str) -> Document:
    """The body of a gateway refusal, `case` "lower" (usual) or "upper" (seen too)."""
    kind, word = GATEWAY_WORDS.get(refusal.code, ("SERVICE", "Error"))
    message = f"message={word}; errorCode={refusal.code:06d}; statusCode={refusal.status}"
    if case == "upper":
        error = {"Message": message, "Detail": refusal.detail, "code": str(refusal.code)}
        return {"Fault": {"Error": [error], "type": f"{kind.capitalize()}Fault"}}
    lower = {
        "message": message,
        "detail": refusal.detail,
        "code": str(refusal.code),
        "element": None,
    }
    return {"warnings": None, "intuitObject": None, "fault": {"error": [lower], "type": kind}}


def timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def to_json(value: Any, numbers: frozenset[str]) -> bytes:
    """UTF-8 JSON; the decimal texts held under the names in `numbers` become JSON numbers."""
    parts: list[str] = []
    _write(value, False, numbers, parts)
    return "".join(parts).encode()


def _write(value: Any, number: bool, numbers: frozenset[str], parts: list[str]) -> None:
    if isinstance(value, dict):
        separator = "{"
        for name, item in value.items():
            parts.append(f"{separator}{json.dumps(name, ensure_ascii=False)}:")
            _write(item, name in numbers, numbers, parts)
            separator = ","
        parts.append("{}" if separator == "{" else "}")
    elif isinstance(value, list):
        parts.append("[")
        for position, item in enumerate(value):
            if position:
                parts.append(",")
            _write(item, False, numbers, parts)
        parts.append("]")
    elif number and isinstance(value, str):
        parts.append(value)
    else:
        parts.append(json.dumps(value, ensure_ascii=False))


def plain(value: Any, numbers: frozenset[str], name: str = "") -> Any:
    """The same document with its decimal texts as Python floats, for the admin port's JSON.

    A two-decimal amount under ten trillion survives the round trip through a float unchanged.
    """
    if isinstance(value, dict):
        return {key: plain(item, numbers, key) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, numbers) for item in value]
    if name in numbers and isinstance(value, str):
        return float(value)
    return value


def to_xml(body: Document) -> bytes:
    """The XML answer a client gets when it does not ask for JSON: names as in the JSON."""
    time = body.get("time", "")
    inner = "".join(_element(k, v) for k, v in body.items() if k != "time")
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"'
        f" time={quoteattr(str(time))}>{inner}</IntuitResponse>"
    ).encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(k, v) for k, v in value.items())}</{name}>"
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
