"""`[chapters.connection]` of QuickBooks Online.

What comes in: the settings of one company. Refused: unknown keys, clear-text addresses other than
this machine's, both or none of the two ways to give the client secret.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from consumers.systems._http import safe_address
from consumers.systems._secrets import WithClientSecret

TITLE = "QuickBooks Online"
SHORT = "QuickBooks"
"""As people call it inside a sentence."""
NAME = "quickbooks_online"
MINOR_VERSION = 75  # 1 to 74 are ignored since 2025-08-01
KNOWN_DISCOVERIES = ("production", "sandbox")


class Connection(WithClientSecret):
    """How to reach one company. Seconds end in `_s`.

    `token_file` is written by `membri-sync authorize`. `redirect_uri` must be declared as it is
    among the redirect URIs of the Intuit application.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_root: str = "https://quickbooks.api.intuit.com/v3"
    discovery_url: str = "production"
    realm_id: str = ""
    client_id: str = Field(min_length=1)
    token_file: str = Field(min_length=1)
    redirect_uri: str = "http://localhost:8484/callback"
    timeout_s: float = Field(default=20.0, gt=0, le=120)
    requests_per_s: int = Field(default=10, ge=1, le=10)
    requests_per_min: int = Field(default=500, ge=1, le=500)
    ca_bundle: str = ""
    send_tax_override: bool = False

    @field_validator("api_root")
    @classmethod
    def _reachable_safely(cls, value: str) -> str:
        return safe_address(value)

    @field_validator("redirect_uri", "discovery_url")
    @classmethod
    def _safe_as_it_is(cls, value: str) -> str:
        if value not in KNOWN_DISCOVERIES:
            safe_address(value)  # kept with its trailing slash: Intuit compares to the character
        return value
