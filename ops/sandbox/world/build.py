"""Builds a world: the same name and seed always make the same rows, books and expectation.

In: `small` (the demo), `tiny` (tests) or `large:N` (N invoices), and a seed. Out: a `World`.
Refuses any other name (ValueError).
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.sandbox.world import cases, refusals
from ops.sandbox.world.company import Company
from ops.sandbox.world.expected import Expected
from ops.sandbox.world.membri_rows import Desk, Row, empty_rows, moment
from ops.sandbox.world.ordinary import ordinary_members
from ops.sandbox.world.realms import realm_seed
from ops.sandbox.world.rules import Judge, judge
from ops.sandbox.world.scene import Scene

SYSTEM = "quickbooks_online"
NAMESPACE = uuid.UUID("6f7c2f0e-55b0-4e7e-9a35-0b7d6b6d2c11")

Situation = Callable[[Scene], None]


@dataclass(frozen=True)
class Chapter:
    """A chapter with books of its own. `settings` are `[chapters.settings]`."""

    id: str
    name: str
    slug: str
    system: str
    realm_id: str
    settings: Mapping[str, bool]


@dataclass
class World:
    """`membri_rows` by table set name, lookups as `_x_value`, money as Decimal; `companies` by
    realm; `cases` by chapter slug, then name of the situation → record ids."""

    name: str
    seed: int
    chapters: list[Chapter]
    membri_rows: dict[str, list[Row]]
    companies: dict[str, Company]
    expected: Expected
    cases: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @property
    def realms(self) -> dict[str, Any]:
        """The seed of the simulated QuickBooks Online, by realm."""
        return {realm_id: realm_seed(company) for realm_id, company in self.companies.items()}


def _chapter(name: str, slug: str, realm_id: str, **settings: bool) -> Chapter:
    chapter_id = str(uuid.uuid5(NAMESPACE, slug))
    return Chapter(chapter_id, name, slug, SYSTEM, realm_id, settings)


CHAPTERS = (
    _chapter("Montréal", "montreal", "9130347596842001", sync_memberships_when_paid=True),
    _chapter("Québec", "quebec", "9130347596842002", review=True),
)
CLOSED_UNTIL = {"montreal": dt.date(2025, 3, 31), "quebec": dt.date(2024, 12, 31)}

SMALL: Mapping[str, tuple[Situation, ...]] = {
    "montreal": (
        cases.names_with_traps, cases.rounding, cases.line_discount, cases.empty_status,
        cases.several_payments, cases.payment_first, cases.notice_without_number,
        cases.unpaid_dues, cases.credit_note_before_payment, cases.credit_note_after_payment,
        cases.credit_note_of_held_invoice, cases.to_verify, cases.linked, cases.changed_account,
        cases.held_accounts, cases.held_documents, cases.transferred_earlier,
        cases.typed_by_hand, cases.flagged_without_invoice, refusals.duplicate_name_of_account,
        refusals.duplicate_name_of_vendor, refusals.invalid_name, refusals.unknown_customer,
        refusals.totals_differ, refusals.tax_mismatch, refusals.closed_period,
        refusals.number_too_long, refusals.foreign_currency, refusals.differs_from_books,
    ),
    "quebec": (
        cases.names_with_traps, cases.in_review, cases.unpaid_dues, cases.several_payments,
        cases.payment_first, cases.credit_note_before_payment, cases.linked, cases.to_verify,
        cases.transferred_earlier, cases.credit_note_of_paid_invoice, refusals.closed_period,
        refusals.tax_mismatch,
    ),
}  # fmt: skip
TINY: Mapping[str, tuple[Situation, ...]] = {
    "montreal": (
        cases.payment_first, cases.unpaid_dues, cases.credit_note_before_payment,
        cases.transferred_earlier, cases.typed_by_hand, refusals.duplicate_name_of_account,
        refusals.tax_mismatch,
    ),
    "quebec": (cases.changed_account, cases.to_verify, refusals.closed_period),
}  # fmt: skip
NOTHING: Mapping[str, tuple[Situation, ...]] = {"montreal": (), "quebec": ()}


def build(name: str = "small", seed: int = 1) -> World:
    """The world of that name. Raises ValueError on an unknown name."""
    if name == "small":
        return _build(name, seed, SMALL, accounts=4, invoices=24)
    if name == "tiny":
        return _build(name, seed, TINY, accounts=0, invoices=0)
    kind, _, count = name.partition(":")
    if kind == "large" and count.isdigit() and int(count) >= 2:
        half = int(count) // 2
        return _build(name, seed, NOTHING, accounts=max(1, half // 3), invoices=half)
    raise ValueError(f"unknown world {name!r}; expected small, tiny or large:N with N at least 2")


def chance(name: str) -> random.Random:
    """The same draws for the same name, everywhere."""
    return random.Random(name)  # noqa: S311 — a rehearsal needs repeatable chance, no secret


def large(invoices: int, seed: int = 1) -> World:
    """A world of that many invoices, all in order, half in each chapter."""
    return build(f"large:{invoices}", seed)


def _build(
    name: str, seed: int, situations: Mapping[str, tuple[Situation, ...]], *, accounts: int,
    invoices: int,
) -> World:  # fmt: skip
    rows = empty_rows()
    companies: dict[str, Company] = {}
    found: dict[str, dict[str, list[str]]] = {}
    for chapter in CHAPTERS:
        scene = _scene(chapter, seed, rows)
        for situation in situations[chapter.slug]:
            situation(scene)
        if accounts:
            ordinary_members(scene, accounts, invoices)
        companies[chapter.realm_id] = scene.company
        found[chapter.slug] = dict(scene.cases)
    judges = [
        (c.realm_id, Judge(c.slug, c.id, c.settings, companies[c.realm_id], rows)) for c in CHAPTERS
    ]
    return World(name, seed, list(CHAPTERS), rows, companies, judge(judges), found)


def _scene(chapter: Chapter, seed: int, rows: dict[str, list[Row]]) -> Scene:
    rng = chance(f"{seed}/{chapter.slug}")
    prefix = {"montreal": "M", "quebec": "Q"}[chapter.slug]
    desk = Desk(chapter.slug, chapter.id, prefix, rng, rows)
    rows["membri_chapters"].append(
        {
            "membri_chapterid": chapter.id,
            "membri_name": chapter.name,
            "createdon": moment(desk.clock),
            "modifiedon": moment(desk.clock),
        }
    )
    company = Company(
        chapter.realm_id, f"Association {chapter.name} inc.", CLOSED_UNTIL[chapter.slug]
    )
    scene = Scene(desk, company, rng)
    for name in ("Postes Canada", "Fournitures Denis & Fils"):
        company.vendor(name)
    company.customer("Client comptant")
    return scene
