"""Every statement of the ledger, written once in SQLAlchemy Core, kept as text for the driver.

In: the dialect of a database. Out: SQL text with positional parameters, whose order is the one
written beside each statement. Compiling at every call costs more than SQLite needs for the row
itself (measured: 3,100 against 7,800 records a second), so each text is made once. Refuses to
start when a statement's parameters come out in another order than the rows are given in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Dialect,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Executable

from consumers.ledger.tables import CHAPTERS, ENTRIES, NOTES, OUTBOX, STEPS, WAITS

ENTRY_COLUMNS = tuple(column.name for column in ENTRIES.columns)
WAIT_COLUMNS = tuple(column.name for column in WAITS.columns)
OUTBOX_COLUMNS = tuple(column.name for column in OUTBOX.columns if column.name != "number")
NOTE_COLUMNS = tuple(column.name for column in NOTES.columns if column.name != "number")
STEP_COLUMNS = tuple(column.name for column in STEPS.columns)

# Lists of ids are padded to one of these lengths, so that the database sees few texts and keeps
# their plans. The longest stays below the variable limit of every SQLite (999 before 3.32).
LIST_LENGTHS = (1, 8, 64, 512)

# SQLite's dialect adds a parameter for an offset that is not said.
_FROM_THE_FIRST: ColumnElement[int] = literal_column("0")


def _named(name: str) -> BindParameter[Any]:
    return bindparam(name)


def _eq(column: Column[Any]) -> ColumnElement[bool]:
    return column == _named(column.name)


class Statements:
    """The texts for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.put_entry = self._upsert(ENTRIES, ENTRY_COLUMNS)
        self.put_wait = self._upsert(WAITS, WAIT_COLUMNS)
        self.put_step = self._upsert(STEPS, STEP_COLUMNS)
        self.add_message = self._insert(OUTBOX, OUTBOX_COLUMNS)
        self.add_note = self._insert(NOTES, NOTE_COLUMNS)
        self._write_texts()
        self._read_texts()
        self._read_lists()

    def _write_texts(self) -> None:
        self.leave = self._text(
            delete(WAITS).where(_eq(WAITS.c.chapter), _eq(WAITS.c.entity), _eq(WAITS.c.id)),
            *("chapter", "entity", "id"),
        )
        self.release = self._text(
            update(WAITS)
            .values(due_at=_named("now"))
            .where(_eq(WAITS.c.chapter), _eq(WAITS.c.for_entity), _eq(WAITS.c.for_id))
            .where(WAITS.c.due_at.is_(None) | (WAITS.c.due_at > _named("later"))),
            *("now", "chapter", "for_entity", "for_id", "later"),
        )
        self.add_chapter = self._text(
            self._insert_into(CHAPTERS)
            .values(chapter=_named("chapter"), lease_token=0, lease_until=0)
            .on_conflict_do_nothing(),
            *("chapter", "lease_token", "lease_until"),
        )
        # The row lock makes commits of one chapter follow one another on PostgreSQL, as SQLite's
        # write lock does: a lease cannot change hands between its check and the commit, and the
        # outbox is numbered in commit order.
        self.lock_chapter = self._text(
            select(CHAPTERS.c.lease_owner, CHAPTERS.c.lease_token, CHAPTERS.c.lease_until)
            .where(_eq(CHAPTERS.c.chapter))
            .with_for_update(),
            "chapter",
        )
        self.set_lease = self._text(
            update(CHAPTERS)
            .values(
                lease_owner=_named("lease_owner"),
                lease_token=_named("lease_token"),
                lease_until=_named("lease_until"),
            )
            .where(CHAPTERS.c.chapter == _named("of_chapter")),
            *("lease_owner", "lease_token", "lease_until", "of_chapter"),
        )
        self.set_pause = self._text(
            update(CHAPTERS)
            .values(pause_reason=_named("pause_reason"))
            .where(CHAPTERS.c.chapter == _named("of_chapter")),
            *("pause_reason", "of_chapter"),
        )

    def _read_texts(self) -> None:
        waits = select(*WAITS.columns[1:]).where(_eq(WAITS.c.chapter))
        oldest = (WAITS.c.since, WAITS.c.entity, WAITS.c.id)
        limit = _named("limit")
        self.due = self._text(
            waits.where(WAITS.c.due_at <= _named("now"))
            .order_by(WAITS.c.due_at, *oldest)
            .limit(limit)
            .offset(_FROM_THE_FIRST),
            *("chapter", "now", "limit"),
        )
        self.waiting, self.waiting_for_a_date = (
            self._text(
                waits.where(which).order_by(*oldest).limit(limit).offset(_FROM_THE_FIRST),
                *("chapter", "reason", "limit"),
            )
            for which in (WAITS.c.reason != _named("reason"), _eq(WAITS.c.reason))
        )
        self.next_due = self._text(
            select(func.min(WAITS.c.due_at)).where(_eq(WAITS.c.chapter)), "chapter"
        )
        self.waiting_counts = self._counts(WAITS, WAITS.c.reason)
        self.state_counts = self._counts(ENTRIES, ENTRIES.c.state)
        self.outbox = self._text(
            select(*OUTBOX.columns)
            .where(_eq(OUTBOX.c.chapter))
            .order_by(OUTBOX.c.number)
            .limit(limit)
            .offset(_FROM_THE_FIRST),
            *("chapter", "limit"),
        )
        self.outbox_count = self._text(
            select(func.count()).select_from(OUTBOX).where(_eq(OUTBOX.c.chapter)), "chapter"
        )
        self.steps = self._text(
            select(STEPS.c.name, STEPS.c.value).where(
                _eq(STEPS.c.chapter), _eq(STEPS.c.entity), _eq(STEPS.c.id), _eq(STEPS.c.generation)
            ),
            *("chapter", "entity", "id", "generation"),
        )
        self.timeline = self._text(
            select(NOTES.c.entity, NOTES.c.at, NOTES.c.what, NOTES.c.detail)
            .where(_eq(NOTES.c.chapter), _eq(NOTES.c.record_id))
            .order_by(NOTES.c.at.desc(), NOTES.c.number.desc())
            .limit(limit)
            .offset(_FROM_THE_FIRST),
            *("chapter", "record_id", "limit"),
        )
        self.chapter = self._text(
            select(
                CHAPTERS.c.lease_owner,
                CHAPTERS.c.lease_token,
                CHAPTERS.c.lease_until,
                CHAPTERS.c.pause_reason,
            ).where(_eq(CHAPTERS.c.chapter)),
            "chapter",
        )

    def _read_lists(self) -> None:
        """Texts that end in a list of ids: a function from the list's length to the text."""
        self.entries = self._listed(
            lambda ids: select(*ENTRIES.columns[1:]).where(
                _eq(ENTRIES.c.chapter), _eq(ENTRIES.c.entity), ENTRIES.c.id.in_(ids)
            ),
            *("chapter", "entity"),
        )
        self.waits = self._listed(
            lambda ids: select(*WAITS.columns[1:]).where(
                _eq(WAITS.c.chapter), _eq(WAITS.c.entity), WAITS.c.id.in_(ids)
            ),
            *("chapter", "entity"),
        )
        self.waiters = self._listed(
            lambda ids: (
                select(WAITS.c.for_id, WAITS.c.entity, WAITS.c.id)
                .where(_eq(WAITS.c.chapter), _eq(WAITS.c.for_entity), WAITS.c.for_id.in_(ids))
                .order_by(WAITS.c.since, WAITS.c.entity, WAITS.c.id)
            ),
            *("chapter", "for_entity"),
        )
        self.published = self._listed(
            lambda ids: delete(OUTBOX).where(_eq(OUTBOX.c.chapter), OUTBOX.c.number.in_(ids)),
            "chapter",
        )

    def _insert_into(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        build = postgresql.insert if self._dialect.name == "postgresql" else sqlite.insert
        return build(table)

    def _insert(self, table: Table, columns: Sequence[str]) -> str:
        values = {name: _named(name) for name in columns}
        return self._text(self._insert_into(table).inline().values(values), *columns)

    def _upsert(self, table: Table, columns: Sequence[str]) -> str:
        keys = [column.name for column in table.primary_key]
        insert = self._insert_into(table)
        changed = {name: insert.excluded[name] for name in columns if name not in keys}
        upsert = insert.values({name: _named(name) for name in columns}).on_conflict_do_update(
            index_elements=keys, set_=changed
        )
        return self._text(upsert, *columns)

    def _counts(self, table: Table, grouped: Column[str]) -> str:
        return self._text(
            select(grouped, table.c.entity, func.count())
            .where(_eq(table.c.chapter))
            .group_by(grouped, table.c.entity),
            "chapter",
        )

    def _listed(
        self, build: Callable[[list[ColumnElement[str]]], Executable], *order: str
    ) -> Callable[[int], str]:
        @lru_cache(maxsize=len(LIST_LENGTHS))
        def of_length(length: int) -> str:
            names = [f"listed_{n}" for n in range(length)]
            return self._text(build([_named(name) for name in names]), *order, *names)

        return of_length

    def _text(self, statement: Executable, *order: str) -> str:
        compiled = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined] # typed on ClauseElement only; every statement is both
        found = tuple(compiled.positiontup or ())
        if found != order:
            raise ValueError(f"the parameters of {compiled} are {found}, expected {order}")
        return str(compiled)


@lru_cache(maxsize=4)
def statements_for(dialect: Dialect) -> Statements:
    """The texts of a dialect object; ledgers of one engine share them."""
    return Statements(dialect)
