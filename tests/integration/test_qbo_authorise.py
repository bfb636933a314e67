"""`membri-sync authorize` against the sandbox: the browser's way and the pasted address."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from consumers.errors import Unavailable
from consumers.systems._authorise import AuthorisationRefused, Receiver
from consumers.systems.quickbooks_online.authorise import begin, complete, read_callback
from schemas.reasons import SystemReason
from tests.contracts.conformance_qbo import REALM, QuickBooksBench, quickbooks_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[QuickBooksBench]:
    with quickbooks_bench(tmp_path) as made:
        made.token_file.unlink()
        yield made


def browse(url: str, **more: str) -> str:
    """The address that Intuit sends the browser to."""
    answer = requests.get(url, params=more, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def test_the_browser_comes_back_and_the_connector_works(bench: QuickBooksBench) -> None:
    connection = bench.connection(redirect_uri="http://localhost:0/callback")
    with Receiver(connection.redirect_uri) as receiver:
        request = begin(connection, receiver.redirect_uri)
        assert receiver.wait(0) is None
        assert requests.get(receiver.redirect_uri, timeout=10).status_code == 404
        shown = requests.get(browse(request.url), timeout=10)
        assert shown.status_code == 200
        assert "Autorisation reçue" in shown.text
        came_to = receiver.wait(10)
    assert came_to is not None
    until = complete(connection, read_callback(came_to, request.state), clock=bench.time.clock)
    assert until is not None
    days = (until - bench.time.now()) / dt.timedelta(days=1)
    assert 99.9 < days <= 100
    written = json.loads(bench.token_file.read_text(encoding="utf-8"))
    assert set(written) == {
        *("access_token", "refresh_token", "expires_at", "refresh_expires_at", "realm_id"),
    }
    assert written["realm_id"] == REALM
    assert stat.S_IMODE(bench.token_file.stat().st_mode) == 0o600
    assert bench.system.probe().company == "Association des Érables"


def test_a_pasted_address_needs_no_waiting_and_no_known_state(bench: QuickBooksBench) -> None:
    connection = bench.connection(redirect_uri="https://association.example/qbo/callback")
    came_to = browse(begin(connection).url)
    complete(connection, read_callback(f"  {came_to}\n", None))
    assert bench.system.probe().company


def test_the_request_asks_for_accounting_with_an_unguessable_state(
    bench: QuickBooksBench,
) -> None:
    request = begin(bench.connection())
    asked = parse_qs(urlsplit(request.url).query)
    assert asked["scope"] == ["com.intuit.quickbooks.accounting"]
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == ["http://localhost:8484/callback"]
    assert asked["state"] == [request.state]
    assert len(request.state) >= 32
    assert begin(bench.connection()).state != request.state


def test_an_answer_to_another_request_is_refused(bench: QuickBooksBench) -> None:
    came_to = browse(begin(bench.connection()).url)
    with pytest.raises(AuthorisationRefused, match="state"):
        read_callback(came_to, "another")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost/callback?error=access_denied&state=s", "access_denied"),
        ("http://localhost/callback?state=s", "no code, realmId"),
        ("http://localhost/callback?code=c&state=s", "no realmId"),
        ("code", "paste the whole address"),
    ],
)
def test_an_address_that_authorises_nothing_says_why(url: str, words: str) -> None:
    with pytest.raises(AuthorisationRefused, match=words):
        read_callback(url, "s")


def test_another_company_than_the_configured_one_is_refused(bench: QuickBooksBench) -> None:
    callback = read_callback(browse(begin(bench.connection()).url), None)
    with pytest.raises(AuthorisationRefused, match=f"company {REALM} was authorised"):
        complete(bench.connection(realm_id="999"), callback)
    assert not bench.token_file.exists()


def test_without_a_configured_company_the_authorised_one_is_used(bench: QuickBooksBench) -> None:
    connection = bench.connection(realm_id="")
    complete(connection, read_callback(browse(begin(connection).url), None))
    assert bench.connector(realm_id="").probe().company == "Association des Érables"


def test_a_code_serves_once(bench: QuickBooksBench) -> None:
    callback = read_callback(browse(begin(bench.connection()).url), None)
    complete(bench.connection(), callback)
    before = bench.token_file.read_bytes()
    with pytest.raises(AuthorisationRefused, match="used up or too old"):
        complete(bench.connection(), callback)
    assert bench.token_file.read_bytes() == before


def test_a_lost_answer_to_the_code_asks_to_start_again(bench: QuickBooksBench) -> None:
    callback = read_callback(browse(begin(bench.connection()).url), None)
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="tokens")
    with pytest.raises(AuthorisationRefused, match="start again"):
        complete(bench.connection(), callback)


def test_a_wrong_secret_is_a_wrong_setting(bench: QuickBooksBench) -> None:
    callback = read_callback(browse(begin(bench.connection()).url), None)
    with pytest.raises(Unavailable) as info:
        complete(bench.connection(client_secret="other"), callback)
    assert info.value.reason is SystemReason.MISCONFIGURED


def test_a_token_file_that_cannot_be_written_is_a_wrong_setting(
    bench: QuickBooksBench, tmp_path: Path
) -> None:
    callback = read_callback(browse(begin(bench.connection()).url), None)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable) as info:
        complete(bench.connection(token_file=str(tmp_path / "file" / "token.json")), callback)
    assert info.value.reason is SystemReason.MISCONFIGURED


def test_the_folder_of_the_token_file_is_made(bench: QuickBooksBench, tmp_path: Path) -> None:
    connection = bench.connection(token_file=str(tmp_path / "new" / "folder" / "token.json"))
    complete(connection, read_callback(browse(begin(connection).url), None))
    assert (tmp_path / "new" / "folder" / "token.json").exists()


@pytest.mark.parametrize("address", ["https://localhost/callback", "http://example.org/callback"])
def test_only_this_machine_can_be_waited_on(address: str) -> None:
    with pytest.raises(ValueError, match="does not come back to this machine"):
        Receiver(address)
