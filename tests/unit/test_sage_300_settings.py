"""`[chapters.connection]` of Sage 300: what is taken, what is refused, what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from consumers.errors import Unavailable
from consumers.system import AccountsSettings, Setup
from consumers.systems import registry
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.sage_300.connector import Sage300
from consumers.systems.sage_300.settings import Connection
from schemas.chapters import ChapterSettings
from schemas.reasons import SystemReason

GIVEN = {
    "base_url": "https://sage.example.org/Sage300WebApi/v1.0/-/ERABLE/",
    "user": "WEBAPI",
    "password": "S3CRET",
    "customer_group": "membre",
    "tax_group": "qc",
}


def connection(**values: Any) -> Connection:
    return Connection.model_validate({**GIVEN, **values})


def test_the_company_is_the_end_of_the_address() -> None:
    made = connection()
    assert made.base_url == "https://sage.example.org/Sage300WebApi/v1.0/-/ERABLE"
    assert made.company == "ERABLE"


def test_codes_are_in_capitals_as_sage_keeps_them() -> None:
    made = connection(bank="bnc", source_type="je")
    assert (made.customer_group, made.tax_group, made.bank) == ("MEMBRE", "QC", "BNC")
    assert (made.source_ledger, made.source_type) == ("GL", "JE")


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "http://sage.example.org/Sage300WebApi/v1.0/-/ERABLE"},
        {"base_url": "https://sage.example.org/Sage300WebApi/v1.0"},
        {"base_url": "https://sage.example.org/Sage300WebApi/v1.0/-/ERABLE/AR"},
        {"password": ""},
        {"password_file": "/run/secrets/sage"},
        {"customer_group": ""},
        {"customer_group": "TOOLONG"},
        {"tax_group": ""},
        {"gl_post_from": "BatchIdFrom"},
        {"verify": False},
    ],
)
def test_what_cannot_work_or_is_unsafe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as info:
        connection(**wrong)
    assert "S3CRET" not in str(info.value)


def test_a_password_is_never_shown() -> None:
    made = connection()
    assert "S3CRET" not in repr(made)
    assert made.secret() == "S3CRET"


def test_the_password_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    made = connection(password="", password_file=str(file))
    with pytest.raises(Unavailable) as missing:
        made.secret()
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(Unavailable) as empty:
        made.secret()
    assert {missing.value.reason, empty.value.reason} == {SystemReason.MISCONFIGURED}
    file.write_text("ONE\n", encoding="utf-8")
    assert made.secret() == "ONE"
    file.write_text("TWO\n", encoding="utf-8")
    assert made.secret() == "TWO"


def test_the_registry_builds_it_without_a_socket() -> None:
    assert registry.connection_model("sage_300") is Connection
    setup = Setup("x", connection(), AccountsSettings(), ChapterSettings())
    built = registry.build("sage_300", setup)
    assert built.declaration.name == "sage_300"
    assert "S3CRET" not in repr(built)
    built.close()


def test_it_is_built_from_its_own_settings_only() -> None:
    setup = Setup("x", ReferenceConnection(), AccountsSettings(), ChapterSettings())
    with pytest.raises(TypeError):
        Sage300(setup)


def test_the_longest_call_counts_what_the_server_goes_on_doing() -> None:
    setup = Setup(
        "x",
        connection(timeout_s=10, longest_server_call_s=50),
        AccountsSettings(),
        ChapterSettings(),
    )
    declared = Sage300(setup).declaration
    assert declared.longest_call_s == 3 * 10 + 5 + 10 + 50
    assert (declared.concurrency, declared.replays_same_key) == (1, False)
    assert declared.customer_key == "number"
