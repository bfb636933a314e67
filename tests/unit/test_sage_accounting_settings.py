"""Settings of Sage Comptabilité, its place in the registry, and markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from consumers.errors import Unavailable
from consumers.system import AccountsSettings, Setup
from consumers.systems import registry
from consumers.systems._keys import payment_number
from consumers.systems.sage_accounting.connector import SageAccounting
from consumers.systems.sage_accounting.markers import (
    clean_name,
    marked,
    marker,
    owner,
    same_name,
)
from consumers.systems.sage_accounting.settings import Connection
from schemas.chapters import ChapterSettings
from schemas.reasons import SystemReason

GIVEN = {
    "business_id": "b" * 32,
    "client_id": "id",
    "client_secret": "v3ry-s3cret",
    "token_file": "state/token.json",
}


def connection(**values: Any) -> Connection:
    return Connection.model_validate({**GIVEN, **values})


def test_the_addresses_are_sages_and_may_all_be_others() -> None:
    made = connection()
    assert made.api_root == "https://api.accounting.sage.com/v3.1"
    assert made.token_url == "https://oauth.accounting.sage.com/token"
    assert made.revoke_url == "https://oauth.accounting.sage.com/revoke"
    assert made.authorize_url == "https://www.sageone.com/oauth2/auth/central?filter=apiv3.1"
    other = connection(api_root="http://localhost:1/v3.1/", token_url="http://127.0.0.1:1/t")
    assert other.api_root == "http://localhost:1/v3.1"
    assert (made.edition, made.limited_credit_notes, made.tax_region) == (
        *("auto", "by_hand"),
        "CA-QC",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"api_root": "http://api.example/v3.1"},
        {"authorize_url": "http://api.example/auth"},
        {"token_url": "http://api.example/token"},
        {"revoke_url": "ftp://api.example/revoke"},
        {"redirect_uri": "http://example.org/callback"},
        {"business_id": ""},
        {"client_id": ""},
        {"token_file": ""},
        {"client_secret": ""},
        {"client_secret_file": "also"},
        {"timeout_s": 0},
        {"requests_per_s": 0},
        {"edition": "start"},
        {"limited_credit_notes": "maybe"},
        {"component_cents_per_line": 3},
        {"country": "canada"},
        {"unknown": 1},
    ],
)
def test_wrong_settings_are_refused_without_showing_what_was_given(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as info:
        connection(**values)
    assert "v3ry" not in str(info.value)


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


class Other(BaseModel):
    """Settings of something else."""


def test_the_registry_builds_it_without_any_request() -> None:
    assert "sage_accounting" in registry.names()
    assert registry.connection_model("sage_accounting") is Connection
    setup = Setup("montreal", connection(), AccountsSettings(), ChapterSettings())
    system = registry.build("sage_accounting", setup)
    assert system.declaration.title == "Sage Comptabilité"
    assert system.declaration.customer_key == "name"
    system.close()
    with pytest.raises(TypeError):
        SageAccounting(Setup("m", Other(), AccountsSettings(), ChapterSettings()))


def test_a_marker_is_a_word_among_others_and_always_fits() -> None:
    row = {"notes": f"Payeur {marker('account', 'AB-12')}\nrégulier", "description": None}
    assert marked(row, "account", "ab-12")
    assert not marked(row, "account", "ab-1")
    assert owner(row, "account") == "ab-12"
    assert owner(row, "invoice") == ""
    assert marker("invoice", "x" * 36) == "membri:invoice:" + "x" * 36
    long = marker("invoice", "x" * 64)
    assert len(long) == len("membri:invoice:") + 32
    assert long != marker("invoice", "y" * 64)


def test_short_keys_are_fifteen_characters_that_the_id_gives() -> None:
    assert payment_number("p1") == payment_number("p1")
    assert len(payment_number("p1")) == 15
    assert payment_number("p1") != payment_number("p2")


def test_names_are_told_apart_by_letters_alone() -> None:
    assert clean_name("  E\u0301cole ") == "École"
    assert same_name("ÉCOLE", " e\u0301cole")
    assert not same_name("Ecole", "École")
