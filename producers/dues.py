"""What deferred revenue needs to know of Membri besides the records themselves.

What comes in: ids of invoices. What goes out: what was paid on them, which of them are cancelled;
and which dues payments are Transfert complété. Rows that cannot be read as payments are left out:
the poller buries them when they are À transférer. Raises the exceptions of `producers.dataverse`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from producers import mapping as rows_to_records
from producers.columns import Mapping
from producers.dataverse import Dataverse, Query
from producers.deferral import Paid
from producers.mapping import Unmappable, pointed_id, record_id
from schemas.money import ZERO
from schemas.records import DUES
from schemas.statuses import Status


class Dues:
    """Reads only. Safe to share between threads."""

    def __init__(self, dataverse: Dataverse, mapping: Mapping) -> None:
        self._dataverse = dataverse
        self._mapping = mapping

    def payments_of(self, invoice_ids: Sequence[str]) -> dict[str, list[Paid]]:
        """Invoice id → every payment on it, whatever its status."""
        table = self._mapping.payment
        columns = [table.id, table.amount, table.date, table.reference, table.invoice.value]
        query = Query(select=columns)
        found: defaultdict[str, list[Paid]] = defaultdict(list)
        for row in self._dataverse.rows_by_id(table.set, table.invoice.column, invoice_ids, query):
            try:
                day, amount = rows_to_records.paid(row, self._mapping)
            except Unmappable:
                continue
            one = Paid(record_id(row, table.id), day, amount, bool(row.get(table.reference)))
            found[pointed_id(row, table.invoice)].append(one)
        return dict(found)

    def cancelled(self, invoice_ids: Sequence[str]) -> set[str]:
        """Those that are cancelled in Membri, or whose credit notes come to all of them."""
        table = self._mapping.invoice
        state = [table.id, table.total, table.cancelled.column]
        totals: dict[str, Decimal] = {}
        gone: set[str] = set()
        for row in self._dataverse.rows_by_id(
            table.set, table.id, invoice_ids, Query(select=state)
        ):
            if rows_to_records.is_cancelled(row, self._mapping):
                gone.add(record_id(row, table.id))
            totals[record_id(row, table.id)] = _total(row, self._mapping)
        credited = self._credited(invoice_ids)
        return gone | {one for one, whole in totals.items() if ZERO < whole <= credited[one]}

    def _credited(self, invoice_ids: Sequence[str]) -> defaultdict[str, Decimal]:
        """Invoice id → what its credit notes come to; a cancelled one credits nothing."""
        table = self._mapping.invoice
        query = Query(select=[table.id, table.total, table.cancelled.column, table.corrects.value])
        credited: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        for row in self._dataverse.rows_by_id(table.set, table.corrects.column, invoice_ids, query):
            if not rows_to_records.is_cancelled(row, self._mapping):
                credited[pointed_id(row, table.corrects)] += _total(row, self._mapping)
        return credited

    def transferred(self, since: dt.date) -> Iterator[str]:
        """Ids of the dues payments dated since then that are Transfert complété."""
        payment, invoice = self._mapping.payment, self._mapping.invoice
        done = self._mapping.choices.status[Status.TRANSFERRED]
        query = Query(
            select=[payment.id],
            filter=f"{payment.status} eq {done} and {payment.date} ge {since.isoformat()}",
            orderby=f"{payment.id} asc",
            expand={payment.invoice.navigation: [invoice.type]},
        )
        for row in self._dataverse.rows(payment.set, query):
            paid_on = row.get(payment.invoice.navigation) or {}
            if rows_to_records.invoice_type(paid_on, self._mapping) in DUES:
                yield record_id(row, payment.id)


def _total(row: dict[str, object], mapping: Mapping) -> Decimal:
    try:
        return rows_to_records.invoice_total(row, mapping)
    except Unmappable:
        return ZERO
