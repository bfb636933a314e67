"""One company as one thread sees it, and what all entities need of it.

What comes in: the client of the thread and the shared lists. What goes out: keys, amounts,
references and problems. Raised: what `consumers.errors` names.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from consumers.errors import Rejected, Transient
from consumers.system import AccountsSettings, Problem, RemoteRef, Task
from consumers.systems._lists import RECHECK_S
from consumers.systems.sage_accounting.client import Client
from consumers.systems.sage_accounting.faults import Json
from consumers.systems.sage_accounting.lists import Lists
from consumers.systems.sage_accounting.settings import SHORT, Connection
from schemas.chapters import ChapterSettings
from schemas.money import CENT, Currency
from schemas.reasons import Reason
from schemas.sentences import say

KEY_LENGTH = 32
NEAR = dt.timedelta(days=400)
"""How far a date may have been corrected in Membri while the answer to a write was lost: above all
by a year. Looked through for one customer."""
NEAR_OF_ALL = dt.timedelta(days=31)
"""The same where no customer is known: pages enough."""


@dataclass(frozen=True)
class Company:
    """Where a connector's functions work. Not for use by two threads."""

    client: Client
    lists: Lists
    connection: Connection
    accounts: AccountsSettings
    settings: ChapterSettings

    @property
    def limited(self) -> bool:
        """Whether this is the limited edition (Start), by the settings or by the subscription."""
        if self.connection.edition != "auto":
            return self.connection.edition == "limited"
        return self.lists.subscription(self.client).limited

    @property
    def surely_limited(self) -> bool:
        """The same, never said from an old copy: for what would be refused because of it."""
        if self.connection.edition != "auto" or not self.limited:
            return self.limited
        return self.lists.subscription(self.client, RECHECK_S).limited

    def closed_period(self, date: dt.date) -> Iterator[Problem]:
        """The problem of a date that the books do not take; never said from an old copy."""
        if not self.lists.financial(self.client).refuses(date):
            return
        words = self.lists.financial(self.client, RECHECK_S).refuses(date)
        if words:
            yield Problem(Reason.CLOSED_PERIOD, "date", words)

    def foreign_currency(self, currency: Currency) -> Iterator[Problem]:
        """The problem of another currency than the books': none is ever sent in another."""
        base = self.lists.financial(self.client).base_currency
        if currency != base:
            yield Problem(Reason.CURRENCY_NOT_SUPPORTED, "currency", f"{currency} ≠ {base} (Sage)")


def once(task: Task, operation: str) -> Json:
    """The idempotency id, the same for every attempt at the same write: inside the resource
    (section 10)."""
    digest = hashlib.blake2b(f"{task.key}-{operation}".encode(), digest_size=KEY_LENGTH // 2)
    return {"idempotency_id": digest.hexdigest()}


def around(date: dt.date, near: dt.timedelta = NEAR) -> dict[str, str]:
    """The filter of what is dated near that day."""
    return {"from_date": (date - near).isoformat(), "to_date": (date + near).isoformat()}


def money(row: Json, name: str) -> Decimal:
    """An amount that Sage sent, a text or a number, with its cents; 0.00 when absent. Fractions of
    a cent stay, so that nothing equals it.

    Raises Transient for what is no amount.
    """
    value = row.get(name)
    try:
        given = Decimal(str(value or 0))
        rounded = given.quantize(CENT)
    except InvalidOperation as error:
        raise Transient(
            say(
                "{system}: {name} is no amount: {value}", system=SHORT, name=name, value=repr(value)
            )
        ) from error
    return rounded if rounded == given else given


def text_of(amount: Decimal) -> str:
    """An amount as it is sent: a text with two decimals."""
    return f"{amount:.2f}"


def ref_id(row: Json, name: str) -> str:
    """The id inside a reference that Sage sent; empty when absent."""
    return str((row.get(name) or {}).get("id") or "")


def shown(row: Json, name: str) -> str:
    """How Sage shows what a reference names."""
    return str((row.get(name) or {}).get("displayed_as") or "")


def customer_id(task: Task) -> str:
    """Whom the task is for. Raises ValueError: a document is transferred to a customer."""
    if task.customer is None:
        raise ValueError("a document is transferred to a customer")
    return task.customer.remote_id


def document(task: Task, record_id: str, number: str, field: str) -> RemoteRef:
    """A document that the record needs. Raises Rejected(reference_not_found)."""
    found = task.documents.get(record_id)
    if found is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field=field,
            detail=say(
                "the invoice {number} is not known in {system}",
                system=SHORT,
                number=number or record_id,
            ),
        )
    return found
