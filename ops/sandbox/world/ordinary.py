"""The bulk of a world: members whose invoices and payments are in order."""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.world.membri_rows import BILLED, PAID, Row
from ops.sandbox.world.scene import Scene, amount_of
from ops.sandbox.world.taxes import cents

TYPES = (
    "membership", "event", "renewal", "delegate", "order", "donation", "upgrade", "contract",
    "sponsor", "manual", "opening_balance",
)  # fmt: skip


def ordinary_members(scene: Scene, accounts: int, invoices: int) -> None:
    """That many members sharing that many invoices, each of them at least one."""
    members = [scene.member() for _ in range(accounts)]
    for number in range(invoices):
        owner = members[number] if number < accounts else scene.rng.choice(members)
        bill(scene, owner, TYPES[number % len(TYPES)])


def bill(scene: Scene, account: Row, kind: str) -> None:
    """One invoice: paid at once, paid in two parts, paid in part, or not paid."""
    lines = scene.lines(kind)
    amount = amount_of(lines)
    paid = scene.rng.choices(("once", "twice", "partly", "no"), (25, 55, 15, 5))[0]
    state = PAID if paid in ("once", "twice") else BILLED
    invoice = scene.desk.invoice(account, kind, lines, state=state)
    for part in _parts(amount, paid):
        scene.desk.payment(invoice, part)


def _parts(amount: Decimal, paid: str) -> list[Decimal]:
    third = cents(amount / 3)
    return {"once": [amount], "twice": [third, amount - third], "partly": [third], "no": []}[paid]
