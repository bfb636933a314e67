"""One request and its answer, for every connector over HTTP that has no client of its vendor's.

What comes in: a method, an address, headers and a body. What goes out: the answer as it came,
whatever its status; the connector reads it. Raised: `Unavailable` when nothing was sent or nothing
was written, `OutcomeUnknown` when a write was sent and no whole answer came back.

Every request ends within the budget that `within` opens, so that a connector's `longest_call_s`
is true. Nothing is ever sent twice here: only the connector knows what may be repeated.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from consumers.errors import OutcomeUnknown, Transient, Unavailable
from consumers.systems._http import causes, never_sent, plain_words, retry_after_s
from consumers.systems._throttle import Throttle
from schemas.facts import ApiCall, Observer
from schemas.reasons import SystemReason
from schemas.sentences import say

ANSWER_MAX_BYTES = 50_000_000
CONNECT_S = 5.0
_TOO_MANY = 429


@dataclass(frozen=True)
class Answer:
    """What came back. `retry_after_s`: what the header asks for, None when it asks nothing."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    retry_after_s: float | None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body, its numbers as Decimals. Raises ValueError naming what stands there instead."""
        try:
            return json.loads(self.content, parse_float=Decimal, parse_int=_exact)
        except (ValueError, RecursionError) as error:
            words = plain_words(self.content) or "nothing"
            raise ValueError(f"HTTP {self.status}, no JSON but: {words}") from error


def object_of(answer: Answer, title: str, *, written: bool = False) -> dict[str, Any]:
    """The JSON object of a success. `title`: who answered. Raises OutcomeUnknown (`written`) or
    Transient when there is none: what was done is not known, or was not read."""
    try:
        content: Any = answer.json()
    except ValueError as error:
        detail = f"{title}: {error}"
        raise OutcomeUnknown(detail) if written else Transient(detail) from error
    if isinstance(content, dict):
        return content
    detail = say(
        "{system}: HTTP {status} with something else than an object",
        system=title,
        status=answer.status,
    )
    raise OutcomeUnknown(detail) if written else Transient(detail)


@dataclass(frozen=True)
class Route:
    """What all threads of one company share. `title`: the system as people call it; `name`: its
    slug, for metrics; `ca_bundle`: a PEM file, empty for the machine's own; `environment`: whether
    the proxies and the CA bundle that the environment names count; `throttled`: whether an answer
    (status, body) says that we ask too much."""

    name: str
    title: str
    timeout_s: float
    throttle: Throttle
    observer: Observer
    ca_bundle: str = ""
    environment: bool = False
    throttled: Callable[[int, bytes], bool] = lambda status, _: status == _TOO_MANY
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class Exchange:
    """The connection of one thread. Never to be used by two threads at once."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._deadline = float("inf")
        self.wrote = False
        self._session = requests.Session()
        self._session.trust_env = route.environment
        self._session.auth = _no_netrc
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=1, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        self._session.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Every request inside ends by then, or says that it could not. `wrote` tells afterwards
        whether one of them may have changed the books: a write that was answered with a 2xx."""
        self._deadline = self._route.monotonic() + seconds
        self.wrote = False
        try:
            yield
        finally:
            self._deadline = float("inf")

    def left_s(self) -> float:
        """Seconds left in the budget, at most what a lock can be waited for. Raises Transient when
        it is used up: nothing was sent."""
        left = self._deadline - self._route.monotonic()
        if left <= 0:
            raise Transient(
                say("out of time before the next request to {system}", system=self._route.title)
            )
        return min(left, threading.TIMEOUT_MAX)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        writing: bool,
    ) -> Answer:
        """Sends once. `writing`: whether the books may change by it.

        Raises Unavailable (nothing reached the other side, a read was lost, our own limit),
        OutcomeUnknown (a write was lost), Transient (the budget is used up before sending).
        """
        with self._route.throttle.slot(self.left_s()):
            answer = self._once(method, url, headers, body, query, writing=writing)
        self.wrote = self.wrote or (writing and answer.ok)
        return answer

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        query: Mapping[str, str] | None,
        *,
        writing: bool,
    ) -> Answer:
        route = self._route
        timeout_s = min(route.timeout_s, self.left_s())
        started, code, throttled = route.monotonic(), "error", False
        try:
            with self._session.request(
                method,
                url,
                params=query,
                data=body,
                headers={"User-Agent": "membri-sync", **headers},
                timeout=(min(CONNECT_S, timeout_s), timeout_s),
                verify=route.ca_bundle or True,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._whole(response)
                code = str(response.status_code)
                throttled = route.throttled(response.status_code, content)
                wait_s = retry_after_s(response.headers.get("Retry-After"), route.clock())
                return Answer(response.status_code, response.headers, content, wait_s)
        except requests.Timeout as error:
            code = "timeout"
            raise _lost(route.title, error, writing=writing) from error
        except requests.RequestException as error:
            raise _lost(route.title, error, writing=writing) from error
        finally:
            seconds = route.monotonic() - started
            route.observer(ApiCall(route.name, code, seconds, throttled))

    def _whole(self, response: requests.Response) -> bytes:
        """The body, however slowly it drips, but not beyond the deadline nor without end."""
        parts: list[bytes] = []
        size = 0
        for part in response.iter_content(65536):
            parts.append(part)
            size += len(part)
            if self._route.monotonic() > self._deadline or size > ANSWER_MAX_BYTES:
                raise requests.Timeout("the answer does not end")
        return b"".join(parts)


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from replacing our Authorization with what a ~/.netrc holds."""
    return request


class BudgetedClient:
    """Base of a connector's client: its exchange, and the time that a call may take. Never to be
    used by two threads at once."""

    def __init__(self, route: Route) -> None:
        self._exchange = Exchange(route)

    def close(self) -> None:
        self._exchange.close()

    @property
    def wrote(self) -> bool:
        """Whether, since `within` began, a write was answered with yes."""
        return self._exchange.wrote

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Every request inside ends by then, or says that it could not."""
        with self._exchange.within(seconds):
            yield

    def left_s(self) -> float:
        """Seconds left of the time given by `within`. Raises Transient when there are none."""
        return self._exchange.left_s()


def exact_json(value: Any) -> str:
    """JSON with Decimals as numbers, digit for digit: 1.10 stays 1.10, never "1.10" nor a float.

    Keys keep their order. Raises TypeError on a float: amounts are Decimals.
    """
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(k)}:{exact_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(exact_json(one) for one in value) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        raise TypeError("amounts are Decimals, never floats")
    return json.dumps(value, ensure_ascii=False)


def _exact(text: str) -> Decimal | int:
    return int(text) if len(text) < 19 else Decimal(text)


def _lost(title: str, error: requests.RequestException, *, writing: bool) -> Exception:
    names = " ← ".join(type(cause).__name__ for cause in list(causes(error))[:3])
    detail = f"{title}: {names}"
    if any(type(cause).__name__ == "SSLCertVerificationError" for cause in causes(error)):
        return Unavailable(
            SystemReason.MISCONFIGURED, say("{detail}; see ca_bundle", detail=detail)
        )
    if writing and not never_sent(error):
        return OutcomeUnknown(detail)
    return Unavailable(SystemReason.UNREACHABLE, detail)
