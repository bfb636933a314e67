"""Dues, their payments and their entries in a simulated Membri."""

from __future__ import annotations

import datetime as dt
from typing import Any

from producers.deferral import entry_id
from schemas.days import ZONE
from schemas.events import JournalEntryToTransfer, Withdrawn
from tests.integration.producers_world import (
    MEMBERSHIP,
    MONTREAL,
    TRANSFERRED,
    World,
    chapter,
)

DAY_S = 86_400.0
CANCELLED = 100003


def deferring(**settings: Any) -> Any:
    return chapter(MONTREAL, "montreal", **({"deferred_revenue": "on_date"} | settings))


def today(world: World) -> dt.date:
    return world.time.clock().now().astimezone(ZONE).date()


def dues(world: World, *, account: str = "", **values: Any) -> str:
    given = {"membri_invoicetype": MEMBERSHIP, "membri_syncstatus": TRANSFERRED} | values
    return world.invoice(account or world.account(), **given)


def paid(world: World, invoice: str, **values: Any) -> str:
    return world.payment(invoice, **({"membri_paymentdate": today(world).isoformat()} | values))


def gone(world: World, invoice: str, **values: Any) -> str:
    """A payment that is in the books."""
    given = {"membri_syncstatus": TRANSFERRED, "membri_syncreference": "P-1"} | values
    return paid(world, invoice, **given)


def entries(world: World) -> list[JournalEntryToTransfer]:
    return [one for one in world.records() if isinstance(one, JournalEntryToTransfer)]


def withdrawals(world: World) -> list[Withdrawn]:
    return [one for one in world.records() if one.type == "membri.journal_entry.withdrawn"]


def ids(payment: str, *periods: int) -> list[str]:
    return [entry_id(payment, period) for period in periods]


def credit(world: World, account: str, bill: str, **values: Any) -> str:
    given = {"_membri_relatedinvoiceid_value": bill, "membri_invoicetype": MEMBERSHIP} | values
    return world.invoice(account, **given)


def drain(world: World, slug: str = "montreal") -> None:
    subscription = world.broker.subscribe(f"membri.quickbooks_online.{slug}", prefetch=1000)
    subscription.ack(subscription.take(1000, 0.01))
    subscription.close()  # or the next one would only stand by
