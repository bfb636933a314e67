"""The Dataverse Web API as this project uses it: read rows, read by ids, update one on condition.

What comes in: entity sets, columns, filters, ids, etags. What goes out: rows with exact decimals.
Refused: a write without an etag; a next page on another host; whatever the server refuses, as one
of the exceptions of `errors`. Reads are tried again here, and only here; writes never are, unless
the server said that it did nothing (401, 429). Safe to share between threads.
Source: Microsoft, "Use the Microsoft Dataverse Web API".
"""

from __future__ import annotations

import http.cookiejar
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpx2
import tenacity

from producers.chunks import chunks
from producers.clock import SYSTEM_CLOCK, Clock
from producers.dataverse.auth import LOGIN_HOSTS, EntraTokens, TokenSource
from producers.dataverse.bodies import NEXT_LINK, Row, error_of, excerpt, parse, render
from producers.dataverse.errors import (
    Answer,
    ConfigFault,
    MembriUnavailable,
    OutcomeUnknown,
    classify,
)
from producers.dataverse.gate import RetryAfterGate
from schemas.facts import ApiCall, Observer, unobserved

PAGE_SIZE = 5000
CHUNK_SIZE = 50
READ_ATTEMPTS = 4
THROTTLE_ATTEMPTS = 6
DEFAULT_RETRY_AFTER_S = 5.0

_HEADERS = {
    "Accept": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
    # Without it, expanded rows may come from a cache.
    "If-None-Match": "null",
}
# Nothing reached the server, so a write is as safe as a read.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True)
class Query:
    """The system query options of one read. `expand`: navigation property → columns."""

    select: Sequence[str] = ()
    filter: str = ""
    orderby: str = ""
    expand: Mapping[str, Sequence[str]] | None = None
    top: int = 0

    def text(self) -> str:
        """The query string, percent-encoded by hand: a `+` for a space is not OData."""
        expands = ",".join(
            f"{navigation}($select={','.join(columns)})"
            for navigation, columns in (self.expand or {}).items()
        )
        options = {
            "$select": ",".join(self.select),
            "$filter": self.filter,
            "$orderby": self.orderby,
            "$expand": expands,
            "$top": str(self.top) if self.top else "",
        }
        return "&".join(f"{n}={quote(v, safe=_SAFE)}" for n, v in options.items() if v)


_SAFE = "$,()'/:=;"


def quoted(text: str) -> str:
    """`text` as an OData string literal."""
    return "'" + text.replace("'", "''") + "'"


def among(column: str, values: Sequence[object]) -> str:
    """The filter that `column` has one of `values`."""
    listed = ",".join(f'"{value}"' for value in values)
    return f"Microsoft.Dynamics.CRM.In(PropertyName='{column}',PropertyValues=[{listed}])"


def http_client(ca_bundle: str = "") -> httpx2.Client:
    """The HTTP client for Membri and its login server. `ca_bundle` adds to the system's CAs.

    Cookies are refused: the affinity cookie would bind all our requests to one server and its
    limits.
    """
    verify: ssl.SSLContext | bool = True
    if ca_bundle:
        verify = ssl.create_default_context()
        verify.load_verify_locations(ca_bundle)
    no_cookies = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    return httpx2.Client(
        verify=verify,
        cookies=http.cookiejar.CookieJar(no_cookies),
        timeout=httpx2.Timeout(60.0, connect=10.0),
        limits=httpx2.Limits(max_connections=16, max_keepalive_connections=16),
    )


def connect(
    url: str,
    client_id: str,
    client_secret: str,
    *,
    authority: str = "",
    ca_bundle: str = "",
    login_hosts: frozenset[str] = LOGIN_HOSTS,
    clock: Clock = SYSTEM_CLOCK,
    observer: Observer = unobserved,
) -> Dataverse:
    """A client for the environment at `url`. Nothing is sent before the first request.

    Raises OSError when `ca_bundle` cannot be read, ConfigFault when `url` is not https.
    """
    if urlsplit(url).scheme != "https":
        raise ConfigFault("[membri] url must begin with https://")
    client = http_client(ca_bundle)
    tokens = EntraTokens(
        url, client_id, client_secret, client, authority=authority, login_hosts=login_hosts
    )
    return Dataverse(url, tokens, client, clock=clock, observer=observer)


class Dataverse:
    """One environment, one user. All methods raise the exceptions of `errors`, and only those."""

    def __init__(
        self,
        url: str,
        tokens: TokenSource,
        http: httpx2.Client,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observer: Observer = unobserved,
        page_size: int = PAGE_SIZE,
        patience_s: float = 20.0,
    ) -> None:
        self.url = url.rstrip("/")
        self._base = f"{self.url}/api/data/v9.2/"
        self._tokens = tokens
        self._http = http
        self._clock = clock
        self._observer = observer
        self._page_size = page_size
        self._gate = RetryAfterGate(clock, patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, query: Query | None = None) -> Row:
        """One object: a record, a metadata definition, the answer of a function."""
        text = (query or Query()).text()
        return self._read(f"{self._base}{path}?{text}" if text else f"{self._base}{path}", {})

    def rows(self, entity_set: str, query: Query) -> Iterator[Row]:
        """Every row that matches, page by page, expanded collections completed."""
        # $top with a page size is ignored by the server: ask for one or the other.
        prefer = {} if query.top else {"Prefer": f"odata.maxpagesize={self._page_size}"}
        return self._pages(f"{self._base}{entity_set}?{query.text()}", prefer)

    def rows_by_id(
        self, entity_set: str, id_column: str, ids: Sequence[str], query: Query
    ) -> Iterator[Row]:
        """The rows with these ids, in no order, in chunks; ids that do not exist are left out."""
        for some in chunks(ids, CHUNK_SIZE):
            wanted = among(id_column, some)
            chunk = Query(select=query.select, filter=wanted, expand=query.expand)
            yield from self.rows(entity_set, chunk)

    def update(self, entity_set: str, record_id: str, changes: Row, etag: str) -> None:
        """Changes columns of a record that is still at version `etag`; `*`: whatever its version.

        Raises VersionMismatch when it is not, OutcomeUnknown when the answer was lost, ValueError
        without an etag: such a PATCH would create the record if it were gone.
        """
        if not etag:
            raise ValueError("an update needs the etag that was read")
        url = f"{self._base}{entity_set}({record_id})"
        headers = {"If-Match": etag, "Content-Type": "application/json"}
        self._send("PATCH", url, headers, render(changes))

    def _pages(self, url: str, headers: Mapping[str, str]) -> Iterator[Row]:
        while url:
            page = self._read(url, headers)
            for row in page.get("value", []):
                self._complete(row, headers)
                yield row
            following = str(page.get(NEXT_LINK, ""))
            if following == url:
                raise MembriUnavailable(f"GET {_path(url)}: the next page is the same page")
            url = following

    def _complete(self, row: Row, headers: Mapping[str, str]) -> None:
        """Reads what is left of expanded collections, which are paged like any other."""
        for link in [name for name in row if name.endswith(NEXT_LINK)]:
            rest = self._pages(str(row.pop(link)), headers)
            row[link.removesuffix(NEXT_LINK)].extend(rest)

    def _read(self, url: str, headers: Mapping[str, str]) -> Row:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(READ_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0, 1),
            retry=tenacity.retry_if_exception(_worth_reading_again),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._read_once, url, headers)

    def _read_once(self, url: str, headers: Mapping[str, str]) -> Row:
        response = self._send("GET", url, headers)
        try:
            return parse(response.content)
        except ValueError as error:
            raise MembriUnavailable(
                f"GET {_path(url)} → {response.status_code}: {error}"
            ) from error

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> httpx2.Response:
        """One answered request that the server carried out. A request that it put off (429) or
        did not admit (401) was not carried out and is sent again, a bounded number of times."""
        if not url.startswith(self._base):
            raise ConfigFault(f"GET {self._base}: the next page is on another address")
        renewed = False
        throttled = 0
        while True:
            self._gate.wait()
            token = self._tokens.token()
            response = self._exchange(method, url, headers, body, token)
            if response.is_success:
                return response
            if response.status_code == 401 and not renewed:
                renewed = True
                self._tokens.drop(token)
                continue
            error = classify(_answer(method, url, response))
            if isinstance(error, MembriUnavailable) and response.status_code == 429:
                throttled += 1
                self._gate.close_for(error.retry_after_s or DEFAULT_RETRY_AFTER_S)
                if throttled < THROTTLE_ATTEMPTS:
                    continue
            raise error

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, token: str
    ) -> httpx2.Response:
        began = self._clock.monotonic()
        sent = {**_HEADERS, **headers, "Authorization": f"Bearer {token}"}
        code = "error"
        throttled = False
        try:
            response = self._http.request(method, url, headers=sent, content=body)
            code = str(response.status_code)
            throttled = response.status_code == 429
        except _NOT_SENT as error:
            raise MembriUnavailable(f"{method} {_path(url)}: {_told(error)}") from error
        except httpx2.HTTPError as error:
            code = "timeout" if isinstance(error, httpx2.TimeoutException) else "error"
            text = f"{method} {_path(url)}: {_told(error)}"
            raise (MembriUnavailable if method == "GET" else OutcomeUnknown)(text) from error
        finally:
            seconds = self._clock.monotonic() - began
            self._observer(ApiCall("membri", code, seconds, throttled=throttled))
        return response


def _worth_reading_again(error: BaseException) -> bool:
    """Transient faults only. A throttled read was already waited for; a named wait is longer than
    a retry should be."""
    return isinstance(error, MembriUnavailable) and error.retry_after_s is None


def _answer(method: str, url: str, response: httpx2.Response) -> Answer:
    found = error_of(response.content)
    code, message = found or ("", f"it begins « {excerpt(response.content)} »")
    if 300 <= response.status_code < 400:
        message = "redirected: [membri] url is not the environment's own address"
    return Answer(
        method=method,
        path=_path(url),
        status=response.status_code,
        code="" if code in ("0x0", "0") else code,
        message=message,
        retry_after_s=_seconds(response.headers.get("Retry-After")),
        json=found is not None,
    )


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; Dataverse gives no dates."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _path(url: str) -> str:
    """The path of a URL: what may be told of it."""
    return urlsplit(url).path


def _told(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
