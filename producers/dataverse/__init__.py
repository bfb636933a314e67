"""The Dataverse Web API: client, tokens, the shared gate and the named failures."""

from producers.dataverse.auth import LOGIN_HOSTS, EntraTokens, TokenSource
from producers.dataverse.bodies import ETAG, Row
from producers.dataverse.client import Dataverse, Query, among, connect, http_client, quoted
from producers.dataverse.errors import (
    AuthFault,
    ConfigFault,
    MembriError,
    MembriUnavailable,
    OutcomeUnknown,
    RecordGone,
    Refused,
    VersionMismatch,
    system_reason,
)

__all__ = [
    "ETAG",
    "LOGIN_HOSTS",
    "AuthFault",
    "ConfigFault",
    "Dataverse",
    "EntraTokens",
    "MembriError",
    "MembriUnavailable",
    "OutcomeUnknown",
    "Query",
    "RecordGone",
    "Refused",
    "Row",
    "TokenSource",
    "VersionMismatch",
    "among",
    "connect",
    "http_client",
    "quoted",
    "system_reason",
]
