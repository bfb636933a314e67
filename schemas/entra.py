"""What Microsoft Entra says when it gives no token.

What comes in: its answer to a request for one. What goes out: why, with what to correct where a
person can do something about it. Sources: Microsoft, "Microsoft Entra authentication and
authorization error codes"; RFC 6749, section 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.sentences import say

_CODE = re.compile(r"AADSTS\d+")
_PASSING = frozenset({"temporarily_unavailable", "server_error"})


@dataclass(frozen=True)
class NoToken:
    """`code`: Entra's, else OAuth's. `text`: for a person. `passing`: it may succeed later."""

    code: str
    text: str
    passing: bool


def no_token(answer: Mapping[str, Any], *, authority: str, resource: str) -> NoToken:
    """`authority`, `resource`: the settings that name the tenant, and what access is asked to."""
    error = str(answer.get("error", ""))
    described = str(answer.get("error_description", "")).splitlines()
    text = (described[0] if described else "") or error
    found = _CODE.search(text)
    code = found.group(0) if found and error not in _PASSING else error
    remedy = _remedy(code, authority, resource)
    return NoToken(code, f"{remedy} ({text})" if remedy else text, error in _PASSING)


def _remedy(code: str, authority: str, resource: str) -> str:
    match code:
        case "AADSTS7000215":
            return say("the client secret is wrong")
        case "AADSTS7000222":
            return say("the client secret has expired")
        case "AADSTS700016":
            return say("the application (client_id) is not in this tenant")
        case "AADSTS90002":
            return say("the tenant does not exist: check {setting}", setting=authority)
        case "AADSTS500011" | "AADSTS70011":
            return say(
                "this tenant does not know what is asked for: check {setting}", setting=resource
            )
        case _:
            return ""
