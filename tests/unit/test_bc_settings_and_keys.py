"""Settings of Business Central's connection, and the keys by which records are recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from consumers.errors import Unavailable
from consumers.system import AccountsSettings, Setup
from consumers.systems import registry
from consumers.systems._keys import clean_name, compact, same_name
from consumers.systems.business_central.connector import BusinessCentral
from consumers.systems.business_central.keys import (
    batch_code,
    entry_number,
    external_number,
    is_guid,
    marker,
    payment_number,
    plain_enum,
)
from consumers.systems.business_central.settings import Connection, encoded
from consumers.systems.reference.settings import ReferenceConnection
from schemas.chapters import ChapterSettings
from schemas.reasons import SystemReason

GUID = "5D115C9C-44E3-EA11-BB43-000D3A2FECA1"
GIVEN: dict[str, Any] = {
    "api_root": "https://api.businesscentral.dynamics.com/v2.0/t/Production/api/v2.0/",
    "authority": "https://login.microsoftonline.com/t/",
    "company_id": GUID,
    "client_id": "app",
    "client_secret": "s3cr3t-value",
}


def connection(**values: Any) -> Connection:
    return Connection.model_validate({**GIVEN, **values})


def test_addresses_lose_their_last_slash_and_the_company_is_a_guid() -> None:
    made = connection()
    assert made.api_root.endswith("/api/v2.0")
    assert made.authority == "https://login.microsoftonline.com/t"
    assert made.company_id == GUID.casefold()
    assert made.scope == "https://api.businesscentral.dynamics.com/.default"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_root", "http://api.example.org/v2.0"),
        ("authority", "http://localhost/t"),
        ("authority", "https://login.microsoftonline.com"),
        ("company_id", "CRONUS"),
        ("in_flight", 5),
        ("requests_per_5_min", 6001),
        ("page_size", 20_001),
        ("client_secret", ""),
        ("client_secret_file", "also.txt"),
        ("enum_style", "shouted"),
        ("unknown", 1),
    ],
)
def test_these_settings_are_refused_without_quoting_the_secret(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as info:
        connection(**{field: value})
    assert "s3cr3t" not in str(info.value)


def test_the_secret_is_read_from_its_file_or_the_system_is_misconfigured(tmp_path: Path) -> None:
    assert connection().secret() == "s3cr3t-value"
    path = tmp_path / "secret"
    made = connection(client_secret="", client_secret_file=str(path))
    for content in (None, " \n"):
        if content is not None:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(Unavailable) as info:
            made.secret()
        assert info.value.reason is SystemReason.MISCONFIGURED
    path.write_text("from-file\n", encoding="utf-8")
    assert made.secret() == "from-file"
    assert "s3cr3t" not in repr(connection())


def test_enumerations_are_written_as_configured_and_read_both_ways() -> None:
    assert encoded("G/L Account") == "G_x002F_L_x0020_Account"
    assert connection().enum("G/L Account") == "G_x002F_L_x0020_Account"
    assert connection(enum_style="plain").enum("G/L Account") == "G/L Account"
    for text in ("G_x002F_L_x0020_Account", "G/L Account"):
        assert plain_enum(text) == "G/L Account"
    for text in ("_x0020_", " ", ""):
        assert plain_enum(text) == ""


def test_the_marker_fits_and_is_the_same_however_the_id_is_written() -> None:
    record_id = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    assert marker(record_id) == "membri:invoice:0f8fad5bd9cb469fa16570867728950e"
    assert marker(record_id) == marker(record_id.lower().replace("-", ""))
    assert len(marker(record_id)) == 47
    assert len(compact("x" * 64)) == 32
    assert compact("x" * 64) != compact("x" * 63)


def test_numbers_made_from_an_id_fit_their_fields_and_are_in_capitals() -> None:
    for made, limit in (
        (payment_number("p" * 64), 20),
        (entry_number("p" * 64), 20),
        (external_number("", "p" * 64), 35),
        (batch_code("p" * 64), 10),
    ):
        assert made == made.upper()
        assert len(made) <= limit
    assert payment_number("one") != payment_number("two")


def test_batch_codes_are_letters_only_or_posting_would_rename_the_batch() -> None:
    codes = {batch_code(f"p-{number}") for number in range(500)}
    assert len(codes) == 500
    assert all(code.isalpha() and code.isascii() and len(code) == 10 for code in codes)


def test_membris_number_is_kept_in_capitals_where_there_is_one() -> None:
    assert external_number(" inv-12a ", "x") == "INV-12A"
    assert external_number("", "ab-cd") == "M-ABCD"


def test_names_are_compared_without_case_nor_way_of_accents() -> None:
    assert same_name("École Été", "e\u0301cole ÉTÉ ")
    assert not same_name("École", "Ecole")
    assert clean_name(" E\u0301cole ") == "École"


def test_the_registry_builds_it_and_knows_its_settings() -> None:
    assert registry.connection_model("business_central") is Connection
    setup = Setup("montreal", connection(), AccountsSettings(), ChapterSettings())
    system = registry.build("business_central", setup)
    assert isinstance(system, BusinessCentral)
    declared = system.declaration
    assert (declared.name, declared.customer_key) == ("business_central", "number")
    assert declared.concurrency <= 4
    assert not declared.replays_same_key
    system.close()


def test_the_longest_call_holds_our_budget_and_what_the_server_may_go_on_doing() -> None:
    setup = Setup("montreal", connection(timeout_s=2), AccountsSettings(), ChapterSettings())
    assert BusinessCentral(setup).declaration.longest_call_s > 600 + 8 * 2


def test_it_is_built_from_its_own_settings_only() -> None:
    setup = Setup("montreal", ReferenceConnection(), AccountsSettings(), ChapterSettings())
    with pytest.raises(TypeError):
        BusinessCentral(setup)


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        (GUID, True),
        (GUID.casefold(), True),
        (f"{{{GUID}}}", False),
        (GUID.replace("-", ""), False),
        ("00000000-0000-0000-0000-000000000000", False),
        ("1) or (2", False),
        ("", False),
    ],
)
def test_only_a_plain_guid_is_the_id_of_something(text: str, *, is_id: bool) -> None:
    assert is_guid(text) is is_id
