"""Customers of the reference system, found by their name or by their number.

What comes in: the books, how customers are told apart, and a task. What goes out: a receipt.
Refused: a key that somebody else has, an account that lacks its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from consumers.errors import Rejected
from consumers.system import Lookup, Receipt, RemoteRef, Task
from consumers.systems.reference import rows
from consumers.systems.reference.books import Books, CustomerRow, key_of
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account
from schemas.sentences import say


@dataclass(frozen=True)
class Keys:
    """`field`: what customers are told apart by. `append`: whether a taken name gets a number."""

    field: Literal["number", "name"]
    append: bool

    def of(self, lookup: Lookup) -> str:
        return lookup.number if self.field == "number" else lookup.name


def put(books: Books, keys: Keys, task: Task, account: Account) -> Receipt:
    """Creates or updates the customer. Raises Rejected."""
    if task.remote_id:
        return _update(books, keys, task.remote_id, account)
    key = free_key(books, keys, account)
    row = rows.customer(books.next_id(), account, key, by_number=keys.field == "number")
    books.add(row)
    return Receipt(RemoteRef(row.id, key_of(row)), Action.CREATED)


def free_key(books: Books, keys: Keys, account: Account) -> str:
    """The number or name under which the customer will be found. Raises Rejected when taken."""
    wanted = account.number if keys.field == "number" else account.name.strip()
    free, suffix = wanted, 1
    while (holder := books.customer(free)) is not None:
        if keys.field == "number" or not keys.append:
            raise taken(keys, holder)
        suffix += 1
        free = f"{wanted} ({suffix})"
    return free


def _update(books: Books, keys: Keys, remote_id: str, account: Account) -> Receipt:
    row = books.customers.get(remote_id)
    if row is None:
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="reference", detail=remote_id)
    renewed = rows.renewal(account)
    holder = books.customer(renewed["name"]) if keys.field == "name" else None
    if holder is not None and holder is not row:
        raise taken(keys, holder)
    books.rename(row, renewed["name"])
    row.email = renewed["email"]
    row.updates += 1
    return Receipt(RemoteRef(row.id, key_of(row)), Action.UPDATED)


def taken(keys: Keys, holder: CustomerRow) -> Rejected:
    """The refusal that says whom the account collides with."""
    detail = say("the customer « {name} » (Id {id}) exists", name=holder.name, id=holder.id)
    if keys.field == "number":
        detail = f"{holder.number}: {detail}"
        return Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)
    return Rejected(Reason.DUPLICATE_NAME, field="name", detail=detail)
