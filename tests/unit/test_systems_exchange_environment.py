"""What the environment may change of a request, and what counts as being throttled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from consumers.systems._exchange import Exchange, Route
from consumers.systems._throttle import Throttle
from schemas.facts import ApiCall, Fact

NOBODY = "http://localhost:9/v3/thing"
"""Nobody listens on the discard port: only a proxy can answer for it."""


class World:
    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.facts: list[Fact] = []
        self.opened: list[Exchange] = []
        server.expect_request("/v3/thing").respond_with_data("quota 3001", status=403)

    def exchange(self, **values: object) -> Exchange:
        throttle = Throttle({1.0: 10}, title="Books")
        route = Route("books", "Books", 2.0, throttle, self.facts.append, **values)  # type: ignore[arg-type]  # what a test says
        self.opened.append(Exchange(route))
        return self.opened[-1]


@pytest.fixture
def world(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", httpserver.url_for("").rstrip("/"))
    one = World(httpserver)
    yield one
    for exchange in one.opened:
        exchange.close()


def test_the_proxy_of_the_environment_counts_where_the_route_says_so(world: World) -> None:
    answer = world.exchange(environment=True).send("GET", NOBODY, headers={}, writing=False)
    assert (answer.status, answer.content) == (403, b"quota 3001")


def test_elsewhere_the_environment_changes_nothing(world: World) -> None:
    with pytest.raises(Exception, match="Books: ConnectionError"):
        world.exchange().send("GET", NOBODY, headers={}, writing=False)


def test_the_observer_is_told_of_what_the_system_calls_too_many(world: World) -> None:
    url = world.server.url_for("/v3/thing")
    for values in ({}, {"throttled": lambda status, body: status == 403 and b"3001" in body}):
        world.exchange(**values).send("GET", url, headers={}, writing=False)
    assert [f.throttled for f in world.facts if isinstance(f, ApiCall)] == [False, True]
