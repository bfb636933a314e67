"""`membri-sync authorize` against the authorisation pages of the simulated accounting systems."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from consumers.systems import registry
from tests.e2e_harness import Rehearsal, rehearsal
from tests.fixtures_broker import BrokerNode

REDIRECT = "http://localhost:8484/callback"
DAY_S = 86_400


def consent(tiny: Rehearsal, slug: str) -> str:
    """What a person does in the browser; the address on which it ends."""
    described = tiny.described()["quickbooks_online"]
    realm = next(one.company for one in tiny.world.chapters if one.slug == slug)
    asked = {
        "client_id": described["companies"][realm]["client_id"],
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "redirect_uri": REDIRECT,
        "state": "of-this-test",
        "realm": realm,
    }
    trust = ssl.create_default_context(cafile=described["ca"])
    with httpx2.Client(verify=trust) as browser:
        answer = browser.get(f"{described['url']}/connect/oauth2", params=asked)
    assert answer.status_code == 302
    address = answer.headers["location"]
    assert address.startswith(REDIRECT)
    return address


def token_file(tiny: Rehearsal, slug: str) -> Path:
    company = next(one.company for one in tiny.world.chapters if one.slug == slug)
    return Path(tiny.described()["quickbooks_online"]["companies"][company]["token_file"])


def state_of(found: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    return next(one for one in found if one["subject"] == subject)


def test_an_expired_authorisation_is_told_fails_nothing_and_authorize_mends_it(
    tiny: Rehearsal,
) -> None:
    tiny.run("topology", "apply").expect(0)
    tiny.quickbooks.send("/clock", {"advance_s": 101 * DAY_S})

    found = state_of(tiny.run("check", "--json").expect(2).json(), "quebec quickbooks_online")
    assert found["state"] == "wrong"
    assert "authorize quebec" in found["text"]
    assert "membri-sync authorize quebec" in found["remedy"]
    stopped = tiny.run("once", "--chapter", "quebec", "--json").expect(3)
    assert "authorize quebec" in stopped.err
    tables = ("account", "invoice", "membri_payment")
    assert not [r for t in tables for r in tiny.membri.rows(t) if r["membri_syncerror"]]
    assert tiny.letters().all() == []

    file = token_file(tiny, "quebec")
    before = json.loads(file.read_text(encoding="utf-8"))
    answer = tiny.run(
        "authorize", "quebec", "--redirect-url", consent(tiny, "quebec"), "--json"
    ).expect(0)
    after = json.loads(file.read_text(encoding="utf-8"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert after["refresh_token"] != before["refresh_token"]
    assert after["realm_id"] == before["realm_id"]
    for secret in (after["refresh_token"], after["access_token"]):
        assert secret not in answer.out + answer.err
    assert answer.json()["chapter"] == "quebec"

    report = tiny.run("once", "--chapter", "quebec", "--json").expect(1).json()
    assert report["entities"]["invoice"]["transferred"] > 0
    assert {one["reason"] for one in report["errors"]} == {"closed_period"}


def test_an_answer_of_another_company_or_used_twice_is_refused(tiny: Rehearsal) -> None:
    file = token_file(tiny, "quebec")
    before = file.read_bytes()
    other = tiny.run("authorize", "quebec", "--redirect-url", consent(tiny, "montreal")).expect(2)
    assert "realm_id" in other.err
    nothing = tiny.run("authorize", "quebec", "--redirect-url", f"{REDIRECT}?state=x").expect(2)
    assert "code" in nothing.err
    assert file.read_bytes() == before
    address = consent(tiny, "quebec")
    tiny.run("authorize", "quebec", "--redirect-url", address).expect(0)
    tiny.run("authorize", "quebec", "--redirect-url", address).expect(2)


# --- Sage Comptabilité --------------------------------------------------------------------------


@pytest.fixture
def sage(tmp_path: Path, broker_node: BrokerNode) -> Iterator[Rehearsal]:
    """The tiny world in Sage's books, not yet synchronised."""
    folder = tmp_path / "rehearsal"
    with rehearsal(folder, broker_node.url, systems=["sage_accounting"]) as one:
        yield one


def sage_consent(sage: Rehearsal, slug: str, signed_in: str = "") -> str:
    """A person opens the very address that the command shows, as the user of a company; the
    address on which the browser ends."""
    chapter = sage.settings().chapter(slug)
    way = registry.authorisation(chapter.system, chapter.typed_connection())
    assert way is not None
    asked = urlsplit(way.begin("").url)
    company = next(one.company for one in sage.world.chapters if one.slug == (signed_in or slug))
    described = sage.described()["sage_accounting"]
    trust = ssl.create_default_context(cafile=described["ca"])
    with httpx2.Client(verify=trust) as browser:
        answer = browser.get(
            f"{described['url']}{asked.path}",
            params={**dict(parse_qsl(asked.query)), "business": company},
        )
    assert answer.status_code == 302
    address = answer.headers["location"]
    assert address.startswith(REDIRECT)
    return address


def test_the_31_days_of_sage_end_and_authorize_mends_it(sage: Rehearsal) -> None:
    sage.run("topology", "apply").expect(0)
    sage.books_of("sage_accounting").send("/clock", {"advance_s": 32 * DAY_S})

    found = state_of(sage.run("check", "--json").expect(2).json(), "quebec sage_accounting")
    assert found["state"] == "wrong"
    assert "membri-sync authorize quebec" in found["remedy"]

    connection = sage.settings().chapter("quebec").typed_connection()
    file = Path(connection.token_file)  # type: ignore[attr-defined]  # of Sage's own settings
    before = file.read_bytes()
    other = sage.run(
        "authorize", "quebec", "--redirect-url", sage_consent(sage, "quebec", "montreal")
    ).expect(2)
    assert "does not see business_id" in other.err
    assert file.read_bytes() == before

    address = sage_consent(sage, "quebec")
    answer = sage.run("authorize", "quebec", "--redirect-url", address, "--json").expect(0)
    after = json.loads(file.read_text(encoding="utf-8"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert after["refresh_token"] != json.loads(before)["refresh_token"]
    for secret in (after["refresh_token"], after["access_token"]):
        assert secret not in answer.out + answer.err
    assert answer.json()["chapter"] == "quebec"
    again = sage.run("authorize", "quebec", "--redirect-url", address).expect(2)
    assert "used up or too old" in again.err
    assert json.loads(file.read_text(encoding="utf-8")) == after

    found = sage.run("check", "--json").json()
    assert state_of(found, "quebec sage_accounting")["state"] == "ok", found
    assert [one for one in sage.offences() if one["code"] != "refresh_token_reused"] == []
