"""`[chapters.connection]` of Business Central.

What comes in: the settings of one company. Refused: unknown keys, clear-text addresses other than
this machine's, both or none of the two ways to give the client secret.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from consumers.systems._http import safe_address
from consumers.systems._secrets import WithClientSecret

TITLE = "Business Central"
NAME = "business_central"
IN_FLIGHT_MAX = 4
"""5 requests of one application are processed at once; one is left to people (page, section 13)."""


class Connection(WithClientSecret):
    """How to reach one company. Seconds end in `_s`.

    `api_root`: `https://api.businesscentral.dynamics.com/v2.0/<tenant>/<environment>/api/v2.0`,
    both versions (page, section 1). `company_id`: the company's GUID, as `companies` lists it.
    `longest_server_call_s`: how long Business Central may go on after we hung up (section 13).
    `post_payments_through_journals`: False leaves payments as journal lines for a person, where
    `journals` does not post cash receipts (section 6, inferred). `own_posting_dates`: the
    application's user has posting dates of its own in User Setup, so the company's say nothing.
    `journal_template`: code of a General Journal template, empty for the first one; payments always
    go to the first Cash Receipts template, which is all that the API offers (section 6).
    `enum_style`: how `G/L Account` is written (section 2). `tax_area` and `tax_liable`: given to
    new customers; an empty area leaves both to the customer template (section 9). `countries`:
    country as Membri writes it → code of the company's countries, where names differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_root: str = Field(min_length=1)
    authority: str = Field(min_length=1)
    scope: str = "https://api.businesscentral.dynamics.com/.default"
    company_id: str
    client_id: str = Field(min_length=1)
    ca_bundle: str = ""
    timeout_s: float = Field(default=30.0, gt=0, le=120)
    longest_server_call_s: float = Field(default=600.0, ge=0, le=3600)
    in_flight: int = Field(default=IN_FLIGHT_MAX, ge=1, le=IN_FLIGHT_MAX)
    requests_per_5_min: int = Field(default=6000, ge=1, le=6000)
    page_size: int = Field(default=500, ge=1, le=20_000)
    post_payments_through_journals: bool = True
    own_posting_dates: bool = False
    journal_template: str = Field(default="", max_length=10)
    enum_style: Literal["encoded", "plain"] = "encoded"
    tax_area: str = Field(default="", max_length=20)
    tax_liable: bool = True
    countries: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("api_root")
    @classmethod
    def _reachable_safely(cls, value: str) -> str:
        return safe_address(value)

    @field_validator("authority")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or not parts.path.strip("/"):
            raise ValueError("authority must be https://<login host>/<tenant>")
        return value.rstrip("/")

    @field_validator("company_id")
    @classmethod
    def _a_guid(cls, value: str) -> str:
        try:
            return str(uuid.UUID(value))
        except ValueError as error:
            raise ValueError("company_id must be the GUID that `companies` lists") from error

    def enum(self, text: str) -> str:
        """A value of an enumeration as it is written."""
        return encoded(text) if self.enum_style == "encoded" else text


def encoded(text: str) -> str:
    """`G/L Account` → `G_x002F_L_x0020_Account` (page, section 2)."""
    return "".join(c if c.isalnum() or c == "_" else f"_x{ord(c):04X}_" for c in text)
