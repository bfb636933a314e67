"""Builds a world: the same name, seed and systems always make the same rows, books, expectation.

In: `small` (the demo), `tiny` (tests) or `large:N` (N invoices), a seed, and which accounting
systems keep the books. Out: a `World`. Refuses any other name or system (ValueError).
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.sandbox.world import cases, refusals
from ops.sandbox.world.company import Company
from ops.sandbox.world.expected import Expected
from ops.sandbox.world.membri_rows import Desk, Row, empty_rows, moment
from ops.sandbox.world.names import SLUGS
from ops.sandbox.world.ordinary import ordinary_members
from ops.sandbox.world.rules import Judge, judge
from ops.sandbox.world.scene import Scene
from ops.sandbox.world.traits import NAMESPACE, traits_of

DEFAULT_SYSTEMS = ("quickbooks_online",)

Situation = Callable[[Scene], None]


@dataclass(frozen=True)
class Chapter:
    """A chapter with books of its own. `company`: its key in the system; `settings`:
    `[chapters.settings]`; `prefix`: starts the numbers that its staff gives."""

    id: str
    name: str
    slug: str
    prefix: str
    system: str
    company: str
    settings: Mapping[str, Any]


@dataclass
class World:
    """`membri_rows` by table set name, lookups as `_x_value`, money as Decimal; `companies` by
    their key; `cases` by chapter slug, then name of the situation → record ids."""

    name: str
    seed: int
    chapters: list[Chapter]
    membri_rows: dict[str, list[Row]]
    companies: dict[str, Company]
    expected: Expected
    cases: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def companies_of(self, system: str) -> dict[str, Company]:
        """The companies whose books one system keeps."""
        return {key: one for key, one in self.companies.items() if one.traits.system == system}


def _deferred(when: str, periods: int) -> dict[str, Any]:
    """Nothing of a world was paid before 2026."""
    return {
        "deferred_revenue": when,
        "deferral_periods": periods,
        "deferral_since": "2026-01-01",
    }


_PLACES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "montreal": (
        "Montréal",
        "M",
        {"sync_memberships_when_paid": True, **_deferred("on_date", 12)},
    ),
    "quebec": ("Québec", "Q", {"review": True, **_deferred("upfront", 4)}),
    "outaouais": (
        "Outaouais",
        "O",
        {"sync_memberships_when_paid": True, **_deferred("on_date", 6)},
    ),
    "estrie": ("Estrie", "E", {"review": True, **_deferred("on_date", 12)}),
}
CLOSED_UNTIL = {
    "montreal": dt.date(2025, 3, 31),
    "quebec": dt.date(2025, 12, 31),
    "outaouais": dt.date(2025, 3, 31),
    "estrie": dt.date(2025, 12, 31),
}


def chapters(systems: Sequence[str] = DEFAULT_SYSTEMS) -> tuple[Chapter, ...]:
    """Two chapters on one system, or one chapter for each of several.

    Raises ValueError on a system that is not simulated, twice the same, or more than there are
    chapters.
    """
    if len(set(systems)) != len(systems) or not 0 < len(systems) <= len(SLUGS):
        raise ValueError(f"between 1 and {len(SLUGS)} different systems, not {list(systems)}")
    kept_by = systems if len(systems) > 1 else (*systems, *systems)
    return tuple(_chapter(slug, system) for slug, system in zip(SLUGS, kept_by, strict=False))


def _chapter(slug: str, system: str) -> Chapter:
    name, prefix, settings = _PLACES[slug]
    company = traits_of(system).companies[slug]
    return Chapter(str(uuid.uuid5(NAMESPACE, slug)), name, slug, prefix, system, company, settings)


_BUSY: tuple[Situation, ...] = (
    cases.names_with_traps, cases.rounding, cases.line_discount, cases.empty_status,
    cases.several_payments, cases.payment_first, cases.notice_without_number,
    cases.unpaid_dues, cases.dues_in_parts,
    cases.credit_note_before_payment, cases.credit_note_after_payment,
    cases.credit_note_of_held_invoice, cases.to_verify, cases.linked, cases.changed_account,
    cases.held_accounts, cases.held_documents, cases.transferred_earlier,
    cases.typed_by_hand, cases.flagged_without_invoice, refusals.duplicate_key_of_account,
    refusals.duplicate_name_of_supplier, refusals.invalid_name, refusals.name_too_long,
    refusals.unknown_customer, refusals.totals_differ, refusals.tax_mismatch,
    refusals.closed_period, refusals.number_too_long, refusals.foreign_currency,
    refusals.differs_from_books,
)  # fmt: skip
_QUIET: tuple[Situation, ...] = (
    cases.names_with_traps, cases.in_review, cases.unpaid_dues, cases.dues_in_parts,
    cases.dues_cancelled, cases.several_payments, cases.payment_first,
    cases.credit_note_before_payment, cases.linked, cases.to_verify, cases.transferred_earlier,
    cases.credit_note_of_paid_invoice, refusals.closed_period, refusals.tax_mismatch,
)  # fmt: skip
SMALL = {"montreal": _BUSY, "quebec": _QUIET, "outaouais": _BUSY, "estrie": _QUIET}
_TINY_BUSY: tuple[Situation, ...] = (
    cases.payment_first, cases.unpaid_dues, cases.credit_note_before_payment,
    cases.transferred_earlier, cases.typed_by_hand, refusals.duplicate_key_of_account,
    refusals.tax_mismatch,
)  # fmt: skip
_TINY_QUIET: tuple[Situation, ...] = (
    cases.changed_account, cases.to_verify, cases.dues_in_parts, refusals.closed_period,
)  # fmt: skip
TINY = {
    "montreal": _TINY_BUSY, "quebec": _TINY_QUIET, "outaouais": _TINY_BUSY, "estrie": _TINY_QUIET,
}  # fmt: skip
NOTHING: Mapping[str, tuple[Situation, ...]] = dict.fromkeys(SLUGS, ())


def build(name: str = "small", seed: int = 1, systems: Sequence[str] = DEFAULT_SYSTEMS) -> World:
    """The world of that name. Raises ValueError on an unknown name or system."""
    places = chapters(systems)
    if name == "small":
        return _build(name, seed, places, SMALL, accounts=4, invoices=24)
    if name == "tiny":
        return _build(name, seed, places, TINY, accounts=0, invoices=0)
    kind, _, count = name.partition(":")
    if kind == "large" and count.isdigit() and int(count) >= len(places):
        share = int(count) // len(places)
        return _build(name, seed, places, NOTHING, accounts=max(1, share // 3), invoices=share)
    raise ValueError(
        f"unknown world {name!r}; expected small, tiny or large:N with N at least {len(places)}"
    )


def chance(name: str) -> random.Random:
    """The same draws for the same name, everywhere."""
    return random.Random(name)  # noqa: S311 — a rehearsal needs repeatable chance, no secret


def large(invoices: int, seed: int = 1) -> World:
    """A world of that many invoices, all in order, half in each chapter."""
    return build(f"large:{invoices}", seed)


def _build(
    name: str, seed: int, places: Sequence[Chapter],
    situations: Mapping[str, tuple[Situation, ...]], *, accounts: int, invoices: int,
) -> World:  # fmt: skip
    rows = empty_rows()
    companies: dict[str, Company] = {}
    found: dict[str, dict[str, list[str]]] = {}
    for chapter in places:
        scene = _scene(chapter, seed, rows)
        for situation in situations[chapter.slug]:
            situation(scene)
        if accounts:
            ordinary_members(scene, accounts, invoices)
        companies[chapter.company] = scene.company
        found[chapter.slug] = dict(scene.cases)
    judges = [
        (c.company, Judge(c.slug, c.id, c.settings, companies[c.company], rows)) for c in places
    ]
    return World(name, seed, list(places), rows, companies, judge(judges), found)


def _scene(chapter: Chapter, seed: int, rows: dict[str, list[Row]]) -> Scene:
    rng = chance(f"{seed}/{chapter.slug}")
    desk = Desk(chapter.slug, chapter.id, chapter.prefix, rng, rows)
    rows["membri_chapters"].append(
        {
            "membri_chapterid": chapter.id,
            "membri_name": chapter.name,
            "createdon": moment(desk.clock),
            "modifiedon": moment(desk.clock),
        }
    )
    company = Company(
        chapter.company,
        f"Association {chapter.name} inc.",
        CLOSED_UNTIL[chapter.slug],
        traits_of(chapter.system),
    )
    scene = Scene(desk, company, rng)
    for name in ("Postes Canada", "Fournitures Denis & Fils"):
        company.supplier(name)
    company.customer("Client comptant")
    return scene
