"""`[chapters.connection]` of Sage Comptabilité.

What comes in: the settings of one company. Refused: unknown keys, clear-text addresses other than
this machine's, both or none of the two ways to give the client secret.

Addresses: Sage page, sections 2 and 3. Sage has no host to try on: a rehearsal names its own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from consumers.systems._http import safe_address
from consumers.systems._secrets import WithClientSecret

TITLE = "Sage Comptabilité"
SHORT = "Sage"
"""As people call it inside a sentence."""
NAME = "sage_accounting"


class Connection(WithClientSecret):
    """How to reach one company. Seconds end in `_s`.

    `token_file` is written by `membri-sync authorize`. `redirect_uri` must be declared as it is
    among the callback addresses of the Sage application. `business_id`: the company, sent with
    every request; `authorize` lists those that the user sees.

    What Sage does not document (page, section 16) and somebody may have to change:
    `limited_credit_notes`: a credit note of the limited edition is created and left to be applied
    by hand, or applied all the same, or refused. `component_cents_per_line`: how far TPS and TVQ
    may each stand from Membri's while their sum is exact, in cents for each line.
    `contact_person_type`, `address_type`: ids of Sage's own lists. `longest_server_call_s`: how
    long Sage may go on working on a request after we gave it up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_root: str = "https://api.accounting.sage.com/v3.1"
    authorize_url: str = "https://www.sageone.com/oauth2/auth/central?filter=apiv3.1"
    token_url: str = "https://oauth.accounting.sage.com/token"  # noqa: S105 — an address
    revoke_url: str = "https://oauth.accounting.sage.com/revoke"
    business_id: str = Field(min_length=1)
    client_id: str = Field(min_length=1)
    token_file: str = Field(min_length=1)
    redirect_uri: str = "http://localhost:8484/callback"
    ca_bundle: str = ""
    timeout_s: float = Field(default=30.0, gt=0, le=120)
    requests_per_s: int = Field(default=5, ge=1, le=20)
    longest_server_call_s: float = Field(default=120.0, ge=0, le=3600)
    edition: Literal["auto", "full", "limited"] = "auto"
    country: str = Field(default="ca", pattern=r"^[a-z]{2}$")
    tax_region: str = "CA-QC"
    limited_credit_notes: Literal["by_hand", "apply", "refuse"] = "by_hand"
    component_cents_per_line: int = Field(default=1, ge=0, le=2)
    contact_person_type: str = "ACCOUNTS"
    address_type: str = "ACCOUNTS"

    @field_validator("api_root")
    @classmethod
    def _reachable_safely(cls, value: str) -> str:
        return safe_address(value)

    @field_validator("redirect_uri", "authorize_url", "token_url", "revoke_url")
    @classmethod
    def _safe_as_it_is(cls, value: str) -> str:
        safe_address(value)  # kept to the character: Sage compares callback addresses so
        return value
