"""Service protection: three facets per user and server over a sliding window, then 429.

Facets, codes and messages: dataverse.md section 4. Pushing on during Retry-After lengthens it and
is an offence; a client that waits it out finds an empty window.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal

COOKIE = "ARRAffinity"


@dataclass
class _Window:
    calls: deque[tuple[float, float]] = field(default_factory=deque)  # (when, cost in seconds)
    cost_s: float = 0.0
    inflight: int = 0
    blocked_until: float = 0.0
    refused_at: float = 0.0
    strikes: int = 0
    why: tuple[str, str] = ("", "")


class Limits:
    def __init__(self, env: Environment) -> None:
        self._env = env
        self._windows: dict[tuple[str, int], _Window] = {}
        self._turn = 0

    def server_for(self, cookie: str | None) -> int:
        """The server that the affinity cookie names; else the next in turn."""
        servers = max(1, self._env.options.current.servers)
        if cookie and cookie.isdigit() and int(cookie) < servers:
            return int(cookie)
        self._turn = (self._turn + 1) % servers
        return self._turn

    def enter(self, user: str, server: int) -> None:
        """Counts a call in. Raises Refusal (429) instead when a facet is full or blocked."""
        window = self._windows.setdefault((user, server), _Window())
        now = self._now()
        if now < window.blocked_until:
            raise self._still_blocked(window, now)
        if window.blocked_until:
            window.blocked_until, window.cost_s = 0.0, 0.0
            window.calls.clear()
        self._forget_old(window, now)
        why = self._full(window)
        if why is not None:
            window.why, window.refused_at = why, now
            raise self._block(window, now)
        window.strikes = 0
        window.inflight += 1
        self._charge(window, now, self._env.options.current.execution_cost_s)

    def leave(self, user: str, server: int, operations: int) -> None:
        """Counts a call out; a batch costs as many operations as it holds."""
        window = self._windows[(user, server)]
        window.inflight -= 1
        extra = (operations - 1) * self._env.options.current.execution_cost_s
        if extra > 0 and window.calls:
            when, cost = window.calls.pop()
            window.calls.append((when, cost + extra))
            window.cost_s += extra

    def headers(self, user: str, server: int) -> dict[str, str]:
        """What every answer says about the room left on this server."""
        options = self._env.options.current
        window = self._windows.get((user, server), _Window())
        return {
            "x-ms-dop-hint": str(max(1, min(8, options.concurrency_limit // 4))),
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(
                max(0, options.requests_limit - len(window.calls))
            ),
            "x-ms-ratelimit-time-remaining-xrm-requests": str(
                max(0.0, round(options.execution_limit_s - window.cost_s, 2))
            ),
        }

    def _now(self) -> float:
        return self._env.options.current.now().timestamp()

    def _charge(self, window: _Window, now: float, cost_s: float) -> None:
        window.calls.append((now, cost_s))
        window.cost_s += cost_s

    def _forget_old(self, window: _Window, now: float) -> None:
        while window.calls and window.calls[0][0] <= now - self._env.options.current.window_s:
            window.cost_s -= window.calls.popleft()[1]

    def _full(self, window: _Window) -> tuple[str, str] | None:
        options = self._env.options.current
        over = f"over time window of {options.window_s:.0f} seconds."
        if window.inflight >= options.concurrency_limit:
            limit = options.concurrency_limit
            return "0x80072326", f"Number of concurrent requests exceeded the limit of {limit}."
        if len(window.calls) >= options.requests_limit:
            limit = options.requests_limit
            return "0x80072322", f"Number of requests exceeded the limit of {limit} {over}"
        if window.cost_s >= options.execution_limit_s:
            text = "Combined execution time of incoming requests exceeded limit of"
            milliseconds = f"{options.execution_limit_s * 1000:,.0f} milliseconds"
            return "0x80072321", f"{text} {milliseconds} {over}"
        return None

    def _still_blocked(self, window: _Window, now: float) -> Refusal:
        if now > window.refused_at + self._env.options.current.retry_after_grace_s:
            window.strikes += 1
            left = window.blocked_until - now
            self._env.note("call_during_retry_after", f"{left:.1f} s before Retry-After was over")
            return self._block(window, now)
        return self._refusal(window, now)

    def _block(self, window: _Window, now: float) -> Refusal:
        options = self._env.options.current
        wait_s = min(options.retry_after_s * 2**window.strikes, options.retry_after_max_s)
        window.blocked_until = max(window.blocked_until, now + wait_s)
        return self._refusal(window, now)

    def _refusal(self, window: _Window, now: float) -> Refusal:
        code, message = window.why
        seconds = max(1, math.ceil(window.blocked_until - now))
        return Refusal(429, code, message, {"Retry-After": str(seconds)})
