"""Tokens against a token service over a real socket: one renewal at a time, on disk before use."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.errors import Unavailable
from consumers.systems._tokens import Token, read_token
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.tokens import Tokens
from schemas.facts import ApiCall, Fact
from schemas.reasons import SystemReason

NOW = 1_800_000_000
DISCOVERY = "/.well-known/openid_configuration/"
TOKEN = "/oauth2/v1/tokens/bearer"


class World:
    """A token service that a test tells how to answer, and the file it is used with."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        self.server = server
        self.path = folder / "state" / "token.json"
        self.path.parent.mkdir()
        self.now = float(NOW)
        self.asked: list[str] = []
        self.discovered = 0
        self.facts: list[Fact] = []
        self.answer: Callable[[], Response] = self.fresh
        server.expect_request(DISCOVERY).respond_with_handler(self._discover)
        server.expect_request(TOKEN, method="POST").respond_with_handler(self._token)

    def _discover(self, _: Request) -> Response:
        self.discovered += 1
        names = ("authorization", "token", "revocation", "userinfo")
        url = self.server.url_for
        found = {f"{name}_endpoint": url(f"/{name}") for name in names}
        found |= {"token_endpoint": url(TOKEN), "issuer": "i", "jwks_uri": url("/keys")}
        return Response(json.dumps(found), mimetype="application/json")

    def _token(self, request: Request) -> Response:
        assert request.authorization is not None
        assert request.authorization.username == "app"
        assert request.authorization.password == "s3cr3t"
        self.asked.append(request.form["refresh_token"])
        return self.answer()

    def fresh(self, **more: Any) -> Response:
        number = len(self.asked) + 1
        content = {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": 3600,
            "x_refresh_token_expires_in": 8_640_000,
            "token_type": "bearer",
            **more,
        }
        return Response(json.dumps(content), mimetype="application/json")

    def connection(self, **values: Any) -> Connection:
        given = {
            "discovery_url": self.server.url_for(DISCOVERY),
            "client_id": "app",
            "client_secret": "s3cr3t",
            "token_file": str(self.path),
            "realm_id": "1",
        }
        return Connection.model_validate({**given, **values})

    def tokens(self, **values: Any) -> Tokens:
        connection = self.connection(**values)
        return Tokens("montreal", connection, self.facts.append, lambda: self.now)

    def write(self, **values: Any) -> None:
        given = {
            "access_token": "access-1",
            "refresh_token": "refresh-1",
            "expires_at": NOW + 3600,
            "refresh_expires_at": NOW + 8_640_000,
            "realm_id": "1",
        }
        self.path.write_text(json.dumps({**given, **values}), encoding="utf-8")


@pytest.fixture
def world(httpserver: HTTPServer, tmp_path: Path) -> Iterator[World]:
    made = World(httpserver, tmp_path)
    made.write()
    yield made
    httpserver.check_assertions()


def refused(call: Callable[[], object], reason: SystemReason) -> str:
    with pytest.raises(Unavailable) as info:
        call()
    assert info.value.reason is reason
    for secret in ("s3cr3t", "access-", "refresh-"):
        assert secret not in str(info.value)
    return info.value.detail


def test_a_living_token_is_used_without_any_request(world: World) -> None:
    assert world.tokens().current().access_token == "access-1"
    assert (world.discovered, world.asked) == (0, [])


def test_a_token_with_less_than_five_minutes_left_is_renewed_and_kept(world: World) -> None:
    tokens = world.tokens()
    world.now += 3301
    renewed = tokens.current()
    assert renewed.access_token == "access-2"
    assert world.asked == ["refresh-1"]
    written = json.loads(world.path.read_text(encoding="utf-8"))
    assert written == {
        "access_token": "access-2",
        "refresh_token": "refresh-2",
        "expires_at": NOW + 3301 + 3600,
        "refresh_expires_at": NOW + 3301 + 8_640_000,
        "realm_id": "1",
    }
    assert stat.S_IMODE(world.path.stat().st_mode) == 0o600
    assert sorted(p.name for p in world.path.parent.iterdir()) == [
        ".token.json.lock",
        "token.json",
    ]
    codes = [fact.code for fact in world.facts if isinstance(fact, ApiCall)]
    assert codes == ["200", "200"]


def test_each_renewal_uses_the_latest_refresh_token(world: World) -> None:
    tokens = world.tokens()
    for _ in range(3):
        world.now += 3600
        tokens.current()
    assert world.asked == ["refresh-1", "refresh-2", "refresh-3"]
    assert world.discovered == 1


def test_iso_dates_and_digits_are_accepted(world: World) -> None:
    until = dt.datetime.fromtimestamp(NOW + 5000, dt.UTC)
    world.write(expires_at=until.isoformat(), refresh_expires_at=str(NOW + 9000))
    token = read_token(world.path)
    assert (token.expires_at, token.refresh_expires_at) == (NOW + 5000, NOW + 9000)
    world.write(expires_at=until.replace(tzinfo=None).isoformat())
    assert read_token(world.path).expires_at == NOW + 5000


def test_the_end_of_the_authorisation_is_known(world: World) -> None:
    assert world.tokens().authorised_until() == dt.datetime.fromtimestamp(NOW + 8_640_000, dt.UTC)
    world.write(refresh_expires_at=None)
    assert world.tokens().authorised_until() is None


def test_a_reply_without_a_new_end_keeps_the_known_one(world: World) -> None:
    world.answer = lambda: world.fresh(x_refresh_token_expires_in=None)
    world.now += 3600
    tokens = world.tokens()
    tokens.current()
    assert tokens.authorised_until() == dt.datetime.fromtimestamp(NOW + 8_640_000, dt.UTC)


def test_a_reply_sets_tokens_and_nothing_else(world: World) -> None:
    elsewhere = world.server.url_for("/elsewhere")
    world.answer = lambda: world.fresh(token_endpoint=elsewhere, id_token="a.b.c")
    tokens = world.tokens()
    for _ in range(2):
        world.now += 3600
        tokens.current()
    assert len(world.asked) == 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"access_token": "x"}'])
def test_a_file_that_is_no_token_file_asks_for_an_authorisation(world: World, content: str) -> None:
    world.path.write_text(content, encoding="utf-8")
    detail = refused(world.tokens().current, SystemReason.UNAUTHORISED)
    assert "membri-sync authorize montreal" in detail


def test_no_file_asks_for_an_authorisation_and_the_new_file_is_noticed(world: World) -> None:
    world.path.unlink()
    tokens = world.tokens()
    detail = refused(tokens.current, SystemReason.UNAUTHORISED)
    assert "membri-sync authorize montreal" in detail
    world.write(access_token="access-9")
    assert tokens.current().access_token == "access-9"


def test_the_file_of_another_company_is_a_wrong_setting(world: World) -> None:
    world.write(realm_id="2")
    detail = refused(world.tokens().current, SystemReason.MISCONFIGURED)
    assert "company 2" in detail


def test_a_dead_grant_stops_until_somebody_authorises(world: World) -> None:
    world.answer = lambda: Response('{"error":"invalid_grant"}', 400)
    world.now += 3600
    tokens = world.tokens()
    detail = refused(tokens.current, SystemReason.UNAUTHORISED)
    assert "membri-sync authorize montreal" in detail
    refused(tokens.current, SystemReason.UNAUTHORISED)
    assert world.asked == ["refresh-1"], "a dead grant is not asked about again"
    world.answer = world.fresh
    world.write(refresh_token="refresh-new", expires_at=NOW)
    assert tokens.current().access_token == "access-3"
    assert world.asked == ["refresh-1", "refresh-new"]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, '{"error":"invalid_client"}', SystemReason.MISCONFIGURED),
        (400, "[]", SystemReason.MISCONFIGURED),
        (403, "<h1>Forbidden</h1>", SystemReason.MISCONFIGURED),
        (429, "", SystemReason.THROTTLED),
        (503, "<h1>Down</h1>", SystemReason.UNREACHABLE),
        (200, "{", SystemReason.UNREACHABLE),
        (200, '{"no":"token"}', SystemReason.UNREACHABLE),
        (200, "[]", SystemReason.UNREACHABLE),
    ],
)
def test_other_answers_of_the_token_service_have_their_reason(
    world: World, status: int, body: str, reason: SystemReason
) -> None:
    world.answer = lambda: Response(body, status)
    world.now += 3700
    refused(world.tokens().current, reason)
    assert read_token(world.path).refresh_token == "refresh-1"
    assert [p.name for p in world.path.parent.iterdir() if "lock" not in p.name] == ["token.json"]


def test_a_lost_answer_is_followed_by_another_try_with_the_same_token(world: World) -> None:
    world.answer = lambda: Response("", 503)
    world.now += 3700
    tokens = world.tokens()
    refused(tokens.current, SystemReason.UNREACHABLE)
    world.answer = world.fresh
    assert tokens.current().access_token == "access-3"
    assert world.asked == ["refresh-1", "refresh-1"]


def test_a_token_still_alive_is_used_while_the_token_service_is_down(world: World) -> None:
    world.answer = lambda: Response("", 503)
    world.now += 3400
    assert world.tokens().current().access_token == "access-1"


def test_a_dead_grant_is_told_even_while_the_old_token_lives(world: World) -> None:
    world.answer = lambda: Response('{"error":"invalid_grant"}', 400)
    world.now += 3400
    refused(world.tokens().current, SystemReason.UNAUTHORISED)


def test_a_refused_token_is_renewed_unless_somebody_was_faster(world: World) -> None:
    tokens = world.tokens()
    assert tokens.renewed("access-1").access_token == "access-2"
    assert tokens.renewed("access-1").access_token == "access-2"
    assert world.asked == ["refresh-1"]


def test_threads_that_meet_a_dead_token_renew_it_once(world: World) -> None:
    tokens = world.tokens()
    world.now += 3600
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda: got.append(tokens.current().access_token)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["access-2"] * 8
    assert world.asked == ["refresh-1"]


def test_processes_that_meet_a_dead_token_renew_it_once(world: World) -> None:
    world.write(expires_at=1)
    code = (
        "import sys; from consumers.systems.quickbooks_online.settings import Connection;"
        " from consumers.systems.quickbooks_online.tokens import Tokens;"
        " c = Connection.model_validate_json(sys.argv[1]);"
        " print(Tokens('m', c).current().access_token)"
    )
    values = world.connection().model_dump(mode="json")
    given = json.dumps({**values, "client_secret": "s3cr3t"})
    children = [
        subprocess.Popen([sys.executable, "-c", code, given], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [child.communicate(timeout=60)[0].strip() for child in children]
    assert said == ["access-2"] * 3
    assert world.asked == ["refresh-1"]


def test_a_lock_that_never_comes_free_ends_the_wait(world: World) -> None:
    world.now += 3700
    with world.path.with_name(".token.json.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        detail = refused(world.tokens(timeout_s=0.1).current, SystemReason.UNREACHABLE)
    assert "another process" in detail


def test_a_place_that_cannot_be_written_is_known_before_the_old_token_is_spent(
    world: World,
) -> None:
    world.now += 3700
    tokens = world.tokens()
    # A folder in the place of the draft: also true for root, whom permissions do not stop.
    draft = world.path.with_name(f".{world.path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.mkdir()
    refused(tokens.current, SystemReason.MISCONFIGURED)
    assert world.asked == []


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("<html>", 200, SystemReason.MISCONFIGURED),
        ("{}", 200, SystemReason.MISCONFIGURED),
        ("", 404, SystemReason.MISCONFIGURED),
        ("", 503, SystemReason.UNREACHABLE),
        (
            json.dumps(
                {
                    **{
                        f"{n}_endpoint": "http://evil.example/x"
                        for n in ("authorization", "token", "revocation", "userinfo")
                    },
                    "issuer": "i",
                    "jwks_uri": "k",
                }
            ),
            200,
            SystemReason.MISCONFIGURED,
        ),
    ],
)
def test_what_is_no_discovery_document_is_told(
    world: World, httpserver: HTTPServer, body: str, status: int, reason: SystemReason
) -> None:
    httpserver.expect_request("/other").respond_with_data(body, status=status)
    world.now += 3700
    tokens = world.tokens(discovery_url=httpserver.url_for("/other"))
    refused(tokens.current, reason)
    assert world.asked == []


def test_a_token_service_that_is_not_there_is_unreachable(world: World) -> None:
    world.now += 3700
    refused(world.tokens(discovery_url="http://localhost:9/d").current, SystemReason.UNREACHABLE)


def test_a_token_shows_no_secret() -> None:
    shown = repr(Token("access-1", "refresh-1", 1, 2, "3"))
    assert "access-1" not in shown
    assert "refresh-1" not in shown


def test_secrets_are_known_once_read(world: World) -> None:
    tokens = world.tokens()
    assert tokens.secrets() == ()
    tokens.current()
    assert tokens.secrets() == ("access-1", "refresh-1")
