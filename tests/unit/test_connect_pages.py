"""The pages for connecting a company name every setting that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ops
from consumers.system import AccountsSettings
from consumers.systems import registry
from ops import settings
from schemas.chapters import ChapterSettings
from schemas.records import InvoiceType, PaymentMethod

RUNBOOKS = Path(ops.__file__).with_name("runbooks")
SYSTEMS = [name for name in registry.names() if name != "reference"]
SECTIONS = {"connection": "3", "accounts": "4"}


def page(name: str) -> str:
    return (RUNBOOKS / f"connect-{name}.md").read_text(encoding="utf-8")


def keys(name: str, section: str) -> list[str]:
    """The keys of the table under `## 3. `[chapters.connection]`` and the like."""
    head = f"## {SECTIONS[section]}. `[chapters.{section}]`"
    _, found, rest = page(name).partition(f"{head}\n")
    assert found, head
    return re.findall(r"^\| `(\w+)` \|", rest.partition("\n## ")[0], re.MULTILINE)


def example(name: str, tmp_path: Path) -> settings.Chapter:
    """The chapter of the page's example, read as a configuration is."""
    (block,) = re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)
    file = tmp_path / "membri-sync.toml"
    file.write_text(block, encoding="utf-8")
    (chapter,) = settings.load(file, {}).chapters
    return chapter


def test_every_system_has_a_page_and_no_other_is_there() -> None:
    assert {one.name for one in RUNBOOKS.glob("connect-*.md")} == {
        f"connect-{name}.md" for name in SYSTEMS
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_key_of_the_connection_stands_in_the_table_once(name: str) -> None:
    assert sorted(keys(name, "connection")) == sorted(registry.connection_model(name).model_fields)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_key_of_the_accounts_stands_in_the_table_once(name: str) -> None:
    assert sorted(keys(name, "accounts")) == sorted(AccountsSettings.model_fields)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_invoice_type_and_payment_method_is_named_and_no_other(
    name: str, tmp_path: Path
) -> None:
    """A name that Membri does not know would never be used."""
    accounts = example(name, tmp_path).accounts
    for key, known, used in (
        ("income", set(InvoiceType), accounts.income),
        ("payment_methods", set(PaymentMethod), accounts.payment_methods),
    ):
        (row,) = re.findall(rf"^\| `{key}` \| (.*?) \|", page(name), re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row)) == known
        assert set(used) <= known


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_setting_that_the_text_names_exists(name: str) -> None:
    known = {
        "connection": registry.connection_model(name).model_fields,
        "accounts": AccountsSettings.model_fields,
        "settings": ChapterSettings.model_fields,
    }
    named = re.findall(r"`(connection|accounts|settings)\.(\w+)", page(name))
    assert named
    assert [one for one in named if one[1] not in known[one[0]]] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_example_is_read_without_a_mistake(name: str, tmp_path: Path) -> None:
    chapter = example(name, tmp_path)
    assert chapter.system == name
    assert isinstance(chapter.typed_connection(), registry.connection_model(name))


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_example_invoices_dues_to_the_account_that_its_entries_empty(
    name: str, tmp_path: Path
) -> None:
    """Two accounts for the same revenue would count it twice; an item stands for its account."""
    chapter = example(name, tmp_path)
    accounts = chapter.accounts
    assert chapter.settings.deferred_revenue == "on_date"
    assert chapter.settings.deferral_since is not None
    assert accounts.income["membership"] == accounts.income["renewal"] != accounts.earned
    if name != "quickbooks_online":
        assert accounts.income["membership"] == accounts.deferred_revenue


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_page_says_what_no_company_has_confirmed(name: str) -> None:
    text = page(name)
    assert "[unverified.md](../decisions/unverified.md)" in text
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (RUNBOOKS / link).exists()] == []
    assert {"membri-sync check", "membri-sync preview"} <= set(
        re.findall(r"^(membri-sync \w+)", text, re.MULTILINE)
    )
