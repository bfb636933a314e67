"""The mapping pages are what the connectors send, and every system has one."""

from __future__ import annotations

from pathlib import Path

import pytest

import ops
from consumers.system import AccountsSettings, FieldRule, Setup
from consumers.systems import registry
from consumers.systems.reference.settings import ReferenceConnection
from ops import mapping_pages
from schemas.chapters import ChapterSettings
from schemas.records import Account, Invoice, JournalEntry, Payment
from schemas.statuses import Entity

README = (Path(ops.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
RECORDS = {
    Entity.ACCOUNT: Account,
    Entity.INVOICE: Invoice,
    Entity.PAYMENT: Payment,
    Entity.JOURNAL_ENTRY: JournalEntry,
}


@pytest.mark.parametrize("name", mapping_pages.names())
def test_each_page_is_made_from_the_code(name: str) -> None:
    page = mapping_pages.page_of(name)
    assert page.read_text(encoding="utf-8") == mapping_pages.as_markdown(name), (
        "python -m ops.mapping_pages"
    )


def test_every_system_has_a_page_the_readme_names_it_and_no_other_is_there() -> None:
    assert set(mapping_pages.names()) == set(registry.names()) - {"reference"}
    pages = {page.name for page in mapping_pages.FOLDER.glob("mapping-*.md")}
    assert pages == {f"mapping-{name}.md" for name in mapping_pages.names()}
    for page in pages:
        assert f"`ops/runbooks/{page}`" in README


@pytest.mark.parametrize("name", registry.names())
def test_every_rule_names_a_field_of_its_record(name: str) -> None:
    declared = registry.declaration(name)
    assert {rule.entity for rule in declared.fields} == declared.entities
    for rule in declared.fields:
        if not rule.source:
            continue
        entity, _, path = rule.source.partition(".")
        assert entity == rule.entity, rule
        model: type[object] = RECORDS[rule.entity]
        assert path.split(".")[0] in model.model_fields, rule  # type: ignore[attr-defined]  # pydantic


@pytest.mark.parametrize("name", registry.names())
def test_declared_limits_are_those_of_the_table(name: str) -> None:
    declared = registry.declaration(name)
    limits = {rule.source.partition(".")[2]: set() for rule in declared.fields if rule.source}
    for rule in declared.fields:
        if rule.source and rule.limit:
            limits[rule.source.partition(".")[2]].add(rule.limit)
    for field, limit in declared.field_limits.items():
        assert limit in limits[field], field


def test_a_row_says_source_target_conversion_limit_and_what_happens_beyond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = (
        FieldRule(Entity.INVOICE, "invoice.lines.description", "lines.text", 100, "a | b", False),
        FieldRule(Entity.INVOICE, "invoice.number", "no", 21),
        FieldRule(Entity.INVOICE, "", "kind", 0, "always 1"),
    )
    connection = ReferenceConnection(customer_key="number")
    setup = Setup("x", connection, AccountsSettings(), ChapterSettings())
    system = registry.build("reference", setup)
    declared = system.declaration
    object.__setattr__(declared, "fields", rules)
    monkeypatch.setattr(registry, "declaration", lambda _: declared)
    page = mapping_pages.as_markdown("reference")
    assert "found by their number." in page
    assert "| `lines.description` (Lines, Description) | `lines.text` | a \\| b" in page
    assert "| 100 characters | is cut |" in page
    assert "| `number` (Number) | `no` | as it is | 21 characters | is refused |" in page
    assert "| added by us | `kind` | always 1 |  |  |" in page
    assert "## Payments" not in page


def test_an_unknown_system_has_no_fields() -> None:
    with pytest.raises(ValueError, match="unknown accounting system"):
        registry.fields("quickboks")
    assert registry.fields("quickbooks_online")


def test_pages_are_written_where_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping_pages, "FOLDER", tmp_path)
    written = mapping_pages.write()
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert all(page.read_text(encoding="utf-8").startswith("# ") for page in written)
