"""The situations that end in « Erreur de transfert », one cause each.

Each function files the refused record under the reason's code, and what waits for it beside.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from ops.sandbox.world.expected import account_marker
from ops.sandbox.world.membri_rows import USD, Line, Row
from ops.sandbox.world.scene import Scene, amount_of

HUNDRED = Decimal("100.00")
CENT = Decimal("0.01")


def _steady_member(scene: Scene) -> Row:
    """A member with one good invoice: the refusal of another does not decide about the account."""
    account = scene.member()
    scene.desk.invoice(account, "order", scene.lines("order"))
    return account


def duplicate_name_of_account(scene: Scene) -> None:
    """Two accounts of one name; the first was transferred earlier and keeps it."""
    first, _ = scene.known_member()
    second = scene.case("duplicate_name", scene.member(first["name"]))
    lines = scene.lines("event")
    invoice = scene.case("waits_for_account", scene.desk.invoice(second, "event", lines))
    scene.case("payment_waits", scene.desk.payment(invoice, amount_of(lines)))
    scene.desk.invoice(first, "event", scene.lines("event"))


def duplicate_name_of_vendor(scene: Scene) -> None:
    """A supplier has the name already; only the capitals differ."""
    name = scene.name()
    scene.company.vendor(name.upper())
    account = scene.case("duplicate_name", scene.member(name))
    invoice = scene.desk.invoice(account, "contract", scene.lines("contract"))
    scene.case("waits_for_account", invoice)


def invalid_name(scene: Scene) -> None:
    """QuickBooks refuses a colon in a name."""
    account = scene.case("invalid_characters", scene.member("Théâtre : Scène ouverte"))
    invoice = scene.desk.invoice(account, "event", scene.lines("event"))
    scene.case("waits_for_account", invoice)


def unknown_customer(scene: Scene) -> None:
    """The typed reference is no customer's name."""
    account = scene.desk.account(scene.name(), reference="Client qui n’existe pas")
    scene.case("reference_not_found", account)
    invoice = scene.desk.invoice(account, "manual", scene.lines("manual"))
    scene.case("waits_for_account", invoice)


def totals_differ(scene: Scene) -> None:
    """The header's total is not what its lines and taxes give; its payment waits."""
    account, lines = _steady_member(scene), [Line("Trousse du délégué", HUNDRED)]
    wrong = {"totalamount": Decimal("124.98")}
    invoice = scene.desk.invoice(account, "delegate", lines, changes=wrong)
    scene.case("totals_differ", invoice)
    scene.case("waits_for_invoice", scene.desk.payment(invoice, HUNDRED))


def tax_mismatch(scene: Scene) -> None:
    """Membri's TVQ is one cent above what QuickBooks computes; everything adds up."""
    account, lines = _steady_member(scene), [Line("Guide des bonnes pratiques", HUNDRED)]
    wrong = {
        "membri_qstamount": Decimal("9.98") + CENT,
        "totaltax": Decimal("14.98") + CENT,
        "totalamount": Decimal("114.98") + CENT,
    }
    scene.case("tax_mismatch", scene.desk.invoice(account, "order", lines, changes=wrong))


def closed_period(scene: Scene) -> None:
    """Dated on the last day of the closed period, and long before it."""
    account = _steady_member(scene)
    for days in (0, 45):
        day = scene.company.closed_until - dt.timedelta(days=days)
        invoice = scene.desk.invoice(account, "manual", scene.lines("manual"), day=day)
        scene.case("closed_period", invoice)
    first_open_day = scene.company.closed_until + dt.timedelta(days=1)
    scene.desk.invoice(account, "manual", scene.lines("manual"), day=first_open_day)


def number_too_long(scene: Scene) -> None:
    """22 characters, one above QuickBooks' limit; and 21, which go."""
    account = _steady_member(scene)
    number = scene.desk.next_number()
    for width, case in ((22, "too_long"), (21, "longest_number")):
        long = f"{number}-".ljust(width, "X")
        invoice = scene.desk.invoice(account, "event", scene.lines("event"), number=long)
        scene.case(case, invoice)


def foreign_currency(scene: Scene) -> None:
    """An invoice in American dollars in a company that keeps Canadian books only."""
    account = _steady_member(scene)
    usd = {
        "_transactioncurrencyid_value": USD,
    }
    invoice = scene.desk.invoice(account, "sponsor", scene.lines("sponsor"), changes=usd)
    scene.case("currency_not_supported", invoice)


def differs_from_books(scene: Scene) -> None:
    """The number typed is of an invoice with another total."""
    name = scene.name()
    account = scene.desk.account(name, status="transferred", reference=name)
    customer = scene.company.customer(name, marker=account_marker(account["accountid"]))
    scene.company.invoice(
        customer,
        [Line("Services divers", Decimal("250.00"))],
        number="MAN-1043",
        day=scene.desk.clock.date(),
    )
    lines = [Line("Services divers", Decimal("260.00"))]
    row = scene.desk.invoice(account, "manual", lines, reference="MAN-1043")
    scene.case("differs_from_books", row)
    scene.case("waits_for_invoice", scene.desk.payment(row, HUNDRED))
