"""Settings, the registry, and the small things that HTTP connectors share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from consumers.errors import Unavailable
from consumers.system import AccountsSettings, Setup
from consumers.systems import registry
from consumers.systems._http import is_loopback, plain_words, retry_after_s, safe_address
from consumers.systems.quickbooks_online.connector import QuickBooksOnline
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.reference.system import ReferenceSystem
from schemas.chapters import ChapterSettings
from schemas.reasons import SystemReason

GIVEN = {"client_id": "id", "client_secret": "v3ry-s3cret", "token_file": "state/token.json"}


def connection(**values: Any) -> Connection:
    return Connection.model_validate({**GIVEN, **values})


def setup(model: BaseModel) -> Setup:
    return Setup("montreal", model, AccountsSettings(), ChapterSettings())


def test_the_registry_builds_every_system_that_it_names() -> None:
    assert {"quickbooks_online", "reference"} <= set(registry.names())
    assert list(registry.names()) == sorted(registry.names())
    assert registry.connection_model("quickbooks_online") is Connection
    assert registry.connection_model("reference") is ReferenceConnection
    assert isinstance(registry.build("quickbooks_online", setup(connection())), QuickBooksOnline)
    assert isinstance(registry.build("reference", setup(ReferenceConnection())), ReferenceSystem)


def test_an_unknown_system_is_told_with_the_known_ones() -> None:
    for call in (
        lambda: registry.connection_model("quickboks"),
        lambda: registry.build("quickboks", setup(connection())),
    ):
        with pytest.raises(ValueError, match=r"'quickboks'; known: .*quickbooks_online, reference"):
            call()


def test_a_system_refuses_the_settings_of_another() -> None:
    with pytest.raises(TypeError):
        registry.build("quickbooks_online", setup(ReferenceConnection()))
    with pytest.raises(TypeError):
        registry.build("reference", setup(connection()))


def test_building_opens_no_socket_and_declares_the_limits() -> None:
    system = registry.build("quickbooks_online", setup(connection(timeout_s=10)))
    declared = system.declaration
    assert (declared.name, declared.customer_key) == ("quickbooks_online", "name")
    assert declared.rate_per_s == pytest.approx(500 / 60)
    assert declared.longest_call_s == 60
    assert declared.field_limits["number"] == 21
    system.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_root": "http://quickbooks.example.com/v3"},
        {"api_root": "quickbooks.example.com"},
        {"api_root": "ftp://localhost/v3"},
        {"discovery_url": "http://oauth.example.com/"},
        {"redirect_uri": "http://example.com/callback"},
        {"unknown": "x"},
        {"client_id": ""},
        {"requests_per_s": 11},
        {"requests_per_min": 501},
        {"client_secret_file": "also-a-file"},
        {"client_secret": ""},
    ],
)
def test_settings_that_cannot_work_are_refused_without_telling_the_secret(
    wrong: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as info:
        connection(**wrong)
    assert "v3ry" not in str(info.value)


@pytest.mark.parametrize("url", ["http://localhost:1/v3", "http://127.0.0.1/v3", "https://x.y/v3"])
def test_clear_text_stays_on_this_machine(url: str) -> None:
    assert connection(api_root=url + "/").api_root == url
    assert safe_address(url) == url


def test_the_discovery_address_is_kept_to_the_character() -> None:
    url = "https://intuit.example/.well-known/openid_configuration/"
    assert connection(discovery_url=url).discovery_url == url
    assert connection(discovery_url="sandbox").discovery_url == "sandbox"


def test_the_secret_is_shown_nowhere() -> None:
    made = connection()
    assert "v3ry" not in repr(made) + str(made) + made.model_dump_json()
    assert made.secret() == "v3ry-s3cret"


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-file\n", encoding="utf-8")
    assert connection(client_secret="", client_secret_file=str(path)).secret() == "from-file"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xff"])
def test_a_secret_file_that_says_nothing_is_a_wrong_setting(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unavailable) as info:
        connection(client_secret="", client_secret_file=str(path)).secret()
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert str(path) in info.value.detail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("30", 30.0),
        ("1.5", 1.5),
        ("999999", 3600.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:01:40 -0000", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, expected: float | None) -> None:
    assert retry_after_s(value, 60.0) == expected


def test_bodies_are_told_in_a_few_plain_words() -> None:
    assert plain_words(b"<h1>Bad\n  <b>gateway</b></h1>" + b"x" * 900, 20) == "Bad gateway xxxxxxxx"
    assert is_loopback("http://localhost:8484/callback")
    assert not is_loopback("https://example.org/callback")
