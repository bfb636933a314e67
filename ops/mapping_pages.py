"""Pages for accountants and integrators: which field of Membri goes where, for each system.

What comes in: the table of fields that each connector takes its bodies and limits from. What goes
out: `ops/runbooks/mapping-<system>.md`, written by `python -m ops.mapping_pages`; a test compares
the pages with the code. The reference system is no books of anybody's and has no page.
"""

from __future__ import annotations

from pathlib import Path

from consumers.system import Declaration, FieldRule
from consumers.systems import registry
from schemas.reasons import field_label
from schemas.statuses import Entity

FOLDER = Path(__file__).with_name("runbooks")
_TITLES = {
    Entity.ACCOUNT: "Accounts",
    Entity.INVOICE: "Invoices and credit notes",
    Entity.PAYMENT: "Payments",
    Entity.JOURNAL_ENTRY: "Journal entries of deferred revenue",
}


def names() -> list[str]:
    """The systems that have a page."""
    return [name for name in registry.names() if name != "reference"]


def page_of(name: str) -> Path:
    return FOLDER / f"mapping-{name}.md"


def as_markdown(name: str) -> str:
    """The page of one system. Raises ValueError for an unknown name."""
    declared = registry.declaration(name)
    head = (
        f"# {declared.title}: where each field goes\n\n"
        f"Made from `consumers/systems/{name}/` by `python -m ops.mapping_pages`; a test compares "
        "the two.\n\n"
        f"These are all the fields that {declared.title} is sent, with what stands in them; its "
        f"customers are found by their {declared.customer_key}.\n"
    )
    return head + "".join(_section(declared, entity) for entity in Entity)


def _section(declared: Declaration, entity: Entity) -> str:
    rules = [rule for rule in declared.fields if rule.entity is entity]
    if not rules:
        return ""
    head = (
        f"\n## {_TITLES[entity]}\n\n"
        f"| Membri | {declared.title} | conversion | longest | a longer value |\n"
        "| --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(_row(rule) for rule in rules)


def _row(rule: FieldRule) -> str:
    source = "added by us"
    if rule.source:
        field = rule.source.removeprefix(f"{rule.entity}.")
        label = field_label(field, "en")
        source = f"`{field}`" if label == field else f"`{field}` ({label})"
    longest = f"{rule.limit} characters" if rule.limit else ""
    longer = ("is refused" if rule.refused else "is cut") if rule.limit else ""
    conversion = rule.conversion or ("as it is" if rule.source else "")
    cells = (source, f"`{rule.target}`", conversion.replace("|", "\\|"), longest, longer)
    return f"| {' | '.join(cells)} |\n"


def write() -> list[Path]:
    """Writes every page; returns them."""
    pages = [page_of(name) for name in names()]
    for name, page in zip(names(), pages, strict=True):
        page.write_text(as_markdown(name), encoding="utf-8")
    return pages


if __name__ == "__main__":
    for written in write():
        print(written)
