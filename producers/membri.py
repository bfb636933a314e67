"""Membri as the poller and the settler see it: what is to transfer, records, one write.

What comes in: entities, ids, etags. What goes out: ids first (`pending`), then whole records with
their account's snapshot (`fetch`), or the problem that keeps a row from being a record. Refused:
nothing silently: a row of a chapter that is not configured comes back without content.
Raises the exceptions of `producers.dataverse`. Safe to share between threads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from producers import mapping as rows_to_records
from producers.chapters import Chapter, Chapters, UnknownChapter
from producers.columns import CustomerTable, InvoiceTable, Mapping, PaymentTable, lookup_value
from producers.dataverse import ETAG, Dataverse, Query, RecordGone, Row
from producers.dues import Dues
from producers.mapping import Context, Unmappable, pointed_id, record_id
from schemas.reasons import Reason
from schemas.records import DUES, Record
from schemas.statuses import WITHDRAWN, Entity, Status

MODIFIED = "modifiedon"
ERROR_LENGTH = 500


@dataclass(frozen=True)
class Pending:
    """One row of a scan: enough to know whether to look closer. Ids are empty where unknown.

    `corrects`: an invoice that names another one, hence a credit note on it.
    """

    entity: Entity
    id: str
    etag: str
    modified: dt.datetime
    status: Status | None
    chapter_id: str = ""
    account_id: str = ""
    unpaid_dues: bool = False
    corrects: bool = False


@dataclass(frozen=True)
class MappingProblem:
    """Why a row cannot become a record; a person must correct it in Membri."""

    reason: Reason
    field: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Fetched:
    """One record at one version. `content` is None when its chapter is not configured here;
    `chapter` is None then, and when no chapter can be told."""

    entity: Entity
    id: str
    etag: str
    modified: dt.datetime
    status: Status | None
    reference: str
    error: str
    account_id: str
    account_etag: str
    chapter: Chapter | None
    content: Record | MappingProblem | None


@dataclass(frozen=True)
class SyncChange:
    """What to write in the sync columns together. None leaves a column; an empty error clears."""

    status: Status | None = None
    reference: str | None = None
    error: str | None = None


class Membri:
    """`error_length`: the MaxLength of the error column, in characters."""

    def __init__(
        self,
        dataverse: Dataverse,
        mapping: Mapping,
        chapters: Chapters,
        *,
        error_length: int = ERROR_LENGTH,
    ) -> None:
        self.chapters = chapters
        self.environment = dataverse.url
        self._dataverse = dataverse
        self._mapping = mapping
        self._error_length = error_length
        self._currencies: dict[str, str] = {}
        self.dues = Dues(dataverse, mapping)

    def pending(self, entity: Entity, since: dt.datetime | None = None) -> Iterator[Pending]:
        """Rows À transférer, oldest change first, streamed page by page.

        With `since` (aware): those changed since then, and with them the rows that were withdrawn;
        of accounts, all that changed, since their invoices carry them along.
        """
        table = self._mapping.table(entity)
        filters = []
        if since is not None:
            filters.append(f"{MODIFIED} ge {since.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}")
        if since is None or entity is not Entity.ACCOUNT:
            wanted = [Status.TO_TRANSFER] if since is None else [Status.TO_TRANSFER, *WITHDRAWN]
            filters.append(self._status_in(table.status, wanted))
        query = Query(
            select=self._pending_columns(entity),
            filter=" and ".join(filters),
            orderby=f"{MODIFIED} asc,{table.id} asc",
            expand=self._pending_expand(entity),
        )
        return (self._pending(entity, row) for row in self._dataverse.rows(table.set, query))

    def recall(self, entity: Entity, ids: Sequence[str]) -> Iterator[Pending]:
        """These rows as they are now, whatever their status; those that are gone are left out."""
        table = self._mapping.table(entity)
        query = Query(select=self._pending_columns(entity), expand=self._pending_expand(entity))
        rows = self._dataverse.rows_by_id(table.set, table.id, ids, query)
        return (self._pending(entity, row) for row in rows)

    def fetch(self, entity: Entity, ids: Sequence[str]) -> list[Fetched]:
        """These records, whole. Those that are gone are left out."""
        table = self._mapping.table(entity)
        found = list(self._dataverse.rows_by_id(table.set, table.id, ids, self._whole(entity)))
        customers = self._customers(entity, found)
        self._know_currencies([*found, *customers.values()])
        return [self._fetched(entity, row, customers) for row in found]

    def read(self, entity: Entity, record_id: str) -> Fetched:
        """One record, whole. Raises RecordGone."""
        found = self.fetch(entity, [record_id])
        if not found:
            raise RecordGone(f"{entity} {record_id} no longer exists")
        return found[0]

    def write(self, entity: Entity, record_id: str, etag: str, change: SyncChange) -> None:
        """One conditional PATCH of the sync columns, all together: a plug-in reacts to the status.

        An error text is cut to the column's length. Raises ValueError for an empty reference: it
        would be read as a broken link.
        """
        if change.reference == "":
            raise ValueError("a reference is written only when there is one")
        table = self._mapping.table(entity)
        columns: Row = {}
        if change.status is not None:
            columns[table.status] = self._mapping.choices.status[change.status]
        if change.reference is not None:
            columns[table.reference] = change.reference
        if change.error is not None:
            columns[table.error] = _cut(change.error, self._error_length) or None
        self._dataverse.update(table.set, record_id, columns, etag)

    def _status_in(self, column: str, statuses: Sequence[Status]) -> str:
        numbers = [self._mapping.choices.status[s] for s in statuses if self._has(s)]
        return "(" + " or ".join(f"{column} eq {number}" for number in sorted(numbers)) + ")"

    def _has(self, status: Status) -> bool:
        return status in self._mapping.choices.status

    def _pending_columns(self, entity: Entity) -> list[str]:
        table = self._mapping.table(entity)
        columns = [table.id, table.status, MODIFIED]
        match table:
            case CustomerTable():
                columns += [table.chapter.value]
            case InvoiceTable():
                columns += [table.chapter.value, table.customer.value]
                columns += [table.type, table.paid.column, table.corrects.value]
            case PaymentTable():
                columns += [table.customer.value]
        return columns

    def _pending_expand(self, entity: Entity) -> dict[str, list[str]]:
        """A payment's chapter is its invoice's."""
        table = self._mapping.table(entity)
        if not isinstance(table, PaymentTable):
            return {}
        invoice = self._mapping.invoice
        return {table.invoice.navigation: [invoice.chapter.value, invoice.customer.value]}

    def _pending(self, entity: Entity, row: Row) -> Pending:
        table = self._mapping.table(entity)
        identity = record_id(row, table.id)
        chapter_id = account_id = ""
        unpaid_dues = corrects = False
        match table:
            case CustomerTable():
                chapter_id, account_id = pointed_id(row, table.chapter), identity
            case InvoiceTable():
                chapter_id = pointed_id(row, table.chapter)
                account_id = pointed_id(row, table.customer)
                unpaid_dues = self._unpaid_dues(row)
                corrects = bool(pointed_id(row, table.corrects))
            case PaymentTable():
                chapter_id = pointed_id(self._paid_invoice(row), self._mapping.invoice.chapter)
                account_id = self._customer_id(entity, row)
        return Pending(
            entity=entity,
            id=identity,
            etag=str(row[ETAG]),
            modified=_moment(row),
            status=self._mapping.status_of(row.get(table.status)),
            chapter_id=chapter_id,
            account_id=account_id,
            unpaid_dues=unpaid_dues,
            corrects=corrects,
        )

    def _unpaid_dues(self, row: Row) -> bool:
        kind = rows_to_records.invoice_type(row, self._mapping)
        return kind in DUES and not rows_to_records.is_paid(row, self._mapping)

    def _whole(self, entity: Entity) -> Query:
        mapping = self._mapping
        match mapping.table(entity):
            case InvoiceTable() as table:
                expand = {
                    table.lines: mapping.line.columns,
                    table.corrects.navigation: table.reference_columns,
                }
                return Query(select=table.columns, expand=expand)
            case PaymentTable() as table:
                reference = mapping.invoice.reference_columns
                return Query(select=table.columns, expand={table.invoice.navigation: reference})
            case _:
                return Query(select=mapping.customer.columns)

    def _customers(self, entity: Entity, found: Sequence[Row]) -> dict[str, Row]:
        """The accounts of these rows by id, read once each."""
        columns = self._mapping.customer
        if entity is Entity.ACCOUNT:
            return {record_id(row, columns.id): row for row in found}
        wanted = dict.fromkeys(self._customer_id(entity, row) for row in found)
        ids = [customer_id for customer_id in wanted if customer_id]
        query = Query(select=columns.columns)
        rows = self._dataverse.rows_by_id(columns.set, columns.id, ids, query)
        return {record_id(row, columns.id): row for row in rows}

    def _customer_id(self, entity: Entity, row: Row) -> str:
        match self._mapping.table(entity):
            case InvoiceTable() as table:
                return pointed_id(row, table.customer)
            case PaymentTable() as table:
                own = pointed_id(row, table.customer)
                return own or pointed_id(self._paid_invoice(row), self._mapping.invoice.customer)
            case table:
                return record_id(row, table.id)

    def _paid_invoice(self, row: Row) -> Row:
        return row.get(self._mapping.payment.invoice.navigation) or {}

    def _know_currencies(self, rows: Sequence[Row]) -> None:
        """Currencies are few and hardly change: read when one is met that is not known."""
        tables = (self._mapping.customer, self._mapping.invoice, self._mapping.payment)
        columns = {lookup_value(table.currency) for table in tables if table.currency}
        met = {str(row[c]).lower() for row in rows for c in columns if row.get(c)}
        if met <= self._currencies.keys():
            return
        table = self._mapping.currency
        found = self._dataverse.rows(table.set, Query(select=[table.id, table.code]))
        self._currencies = {record_id(row, table.id): str(row[table.code] or "") for row in found}

    def _fetched(self, entity: Entity, row: Row, customers: dict[str, Row]) -> Fetched:
        table = self._mapping.table(entity)
        account_id = self._customer_id(entity, row)
        customer = customers.get(account_id)
        chapter: Chapter | None = None
        content: Record | MappingProblem | None = None
        try:
            chapter = self._chapter(entity, row, customer)
            if chapter is not None:
                content = self._record(entity, row, customer, chapter)
        except UnknownChapter:
            content = MappingProblem(Reason.UNKNOWN_CHAPTER, "chapter")
        except Unmappable as problem:
            content = MappingProblem(problem.reason, problem.field, problem.detail)
        except ValidationError as problem:
            content = _invalid(problem)
        return Fetched(
            entity=entity,
            id=record_id(row, table.id),
            etag=str(row[ETAG]),
            modified=_moment(row),
            status=self._mapping.status_of(row.get(table.status)),
            reference=str(row.get(table.reference) or "").strip(),
            error=str(row.get(table.error) or ""),
            account_id=account_id,
            account_etag=str(customer[ETAG]) if customer else "",
            chapter=chapter,
            content=content,
        )

    def _chapter(self, entity: Entity, row: Row, customer: Row | None) -> Chapter | None:
        mains = pointed_id(customer or {}, self._mapping.customer.chapter)
        if entity is Entity.ACCOUNT:
            return self.chapters.resolve(mains)
        invoice_row = row if entity is Entity.INVOICE else self._paid_invoice(row)
        return self.chapters.resolve(pointed_id(invoice_row, self._mapping.invoice.chapter), mains)

    def _record(self, entity: Entity, row: Row, customer: Row | None, chapter: Chapter) -> Record:
        if customer is None:
            raise Unmappable(Reason.MISSING_FIELD, "account", self._customer_id(entity, row))
        context = Context(self._mapping, chapter, self._currencies)
        snapshot = rows_to_records.account(customer, context)
        if entity is Entity.ACCOUNT:
            return snapshot
        if entity is Entity.INVOICE:
            return rows_to_records.invoice(row, snapshot, context)
        return rows_to_records.payment(row, snapshot, context)


def _moment(row: Row) -> dt.datetime:
    return dt.datetime.fromisoformat(str(row[MODIFIED]))


def _cut(text: str, length: int) -> str:
    """`text` in at most `length` characters. Dataverse counts UTF-16 units, as .NET does."""
    if len(text.encode("utf-16-le")) <= length * 2:
        return text
    kept = text.encode("utf-16-le")[: (length - 1) * 2].decode("utf-16-le", errors="ignore")
    return kept.rstrip() + "…"


def _invalid(problem: ValidationError) -> MappingProblem:
    first = problem.errors(include_url=False)[0]
    field = ".".join(str(step) for step in first["loc"])
    return MappingProblem(
        Reason.INVALID_FIELD, field, f"{first['msg']}: {str(first['input'])[:80]}"
    )
