"""`[chapters.connection]` of Sage 300.

What comes in: the settings of one company. Refused: unknown keys, clear-text addresses other than
this machine's, an address without a company, both or none of the two ways to give the password.

What the reference page leaves unverified (section 16) has one setting each, with the default that
the page holds for likely; `ops/decisions/unverified.md` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from consumers.systems._http import safe_address
from consumers.systems._secrets import given_once, secret_of

TITLE = "Sage 300"
NAME = "sage_300"


class Connection(BaseModel):
    """How to reach one company, and how its books are set up. Seconds end in `_s`.

    `base_url` goes up to the company: `https://host/Sage300WebApi/v1.0/-/SAMINC`. `user` is one of
    its own for the Web API, with the « Sage 300 Web API » right in AR, GL, BK, TX and CS; never
    ADMIN, which the service refuses by default. `ca_bundle`: PEM file of whoever signed the
    server's certificate; there is no way to turn the verification off. `customer_optional_fields`:
    optional field → value of every new customer, where the company requires some.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    user: str = Field(min_length=1)
    password: SecretStr = SecretStr("")
    password_file: str = ""
    ca_bundle: str = ""
    timeout_s: float = Field(default=90.0, gt=0, le=600)  # IIS starts slowly after an idle time
    longest_server_call_s: float = Field(default=120.0, ge=0, le=3600)
    requests_per_s: int = Field(default=50, ge=1, le=100)  # sequential: 429 is for crowds
    lock_wait_s: float = Field(default=60.0, ge=0, le=3600)
    unauthorised_pause_s: float = Field(default=900.0, ge=0)
    posting_poll_s: float = Field(default=2.0, gt=0, le=60)

    customer_group: str = Field(min_length=1, max_length=6)
    tax_group: str = Field(min_length=1, max_length=12)
    customer_optional_fields: Mapping[str, str] = Field(default_factory=dict)
    customer_tax_class: int = Field(default=1, ge=1, le=10)
    bank: str = Field(default="", max_length=8)
    source_ledger: str = Field(default="GL", min_length=2, max_length=2)
    source_type: str = Field(default="JE", min_length=2, max_length=2)

    # One for each thing that nobody has seen on a live server.
    gl_ready_by: Literal["ReadyToPost", "Status"] = "ReadyToPost"
    gl_post_from: str = ""
    gl_post_to: str = ""
    receipt_posting_date: str = Field(default="PostingDate", min_length=1)
    send_tax_amounts: bool = False
    email_max: int = Field(default=50, ge=1, le=250)
    posted_total_property: str = Field(default="OriginalAmountInCustomerCurrency", min_length=1)
    posted_due_property: str = Field(default="AmountDueInCustomerCurrency", min_length=1)

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, value: str) -> str:
        address = safe_address(value)
        if not re.search(r"/-/[A-Za-z0-9_]+$", address):
            raise ValueError("base_url ends with the company: …/Sage300WebApi/v1.0/-/<COMPANY>")
        return address

    @field_validator("customer_group", "tax_group", "bank", "source_ledger", "source_type")
    @classmethod
    def _in_capitals(cls, value: str) -> str:
        return value.upper()

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        given_once("password", self.password, self.password_file)
        if bool(self.gl_post_from) != bool(self.gl_post_to):
            raise ValueError("give gl_post_from and gl_post_to together, or none")
        return self

    @property
    def company(self) -> str:
        """The database id at the end of the address."""
        return self.base_url.rsplit("/", 1)[1]

    def secret(self) -> str:
        """The password. Raises Unavailable(misconfigured) when its file cannot be read."""
        return secret_of("password", self.password, self.password_file)
