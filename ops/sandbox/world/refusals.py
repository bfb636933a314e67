"""The situations that end in « Erreur de transfert », one cause each.

Each function files the refused record under the reason's code, and what waits for it beside.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from ops.sandbox.world.membri_rows import USD, Line, Row
from ops.sandbox.world.scene import Scene, amount_of

HUNDRED = Decimal("100.00")
CENT = Decimal("0.01")


def _steady_member(scene: Scene) -> Row:
    """A member with one good invoice: the refusal of another does not decide about the account."""
    account = scene.member()
    scene.desk.invoice(account, "order", scene.lines("order"))
    return account


def duplicate_key_of_account(scene: Scene) -> None:
    """Two accounts of one name, or of one number; the first went earlier and keeps it."""
    first, _ = scene.known_member()
    key = scene.company.traits.key
    second = scene.member(first["name"] if key == "name" else "")
    if key == "number":
        second["accountnumber"] = first["accountnumber"]
    scene.case(f"duplicate_{key}", second)
    lines = scene.lines("event")
    invoice = scene.case("waits_for_account", scene.desk.invoice(second, "event", lines))
    scene.case("payment_waits", scene.desk.payment(invoice, amount_of(lines)))
    scene.desk.invoice(first, "event", scene.lines("event"))


def duplicate_name_of_supplier(scene: Scene) -> None:
    """A supplier has the name already; only the capitals differ. Refused where they share one
    list, as in QuickBooks."""
    name = scene.name()
    scene.company.supplier(name.upper())
    account = scene.member(name)
    invoice = scene.desk.invoice(account, "contract", scene.lines("contract"))
    if scene.company.traits.suppliers_share_names:
        scene.case("duplicate_name", account)
        scene.case("waits_for_account", invoice)


def invalid_name(scene: Scene) -> None:
    """QuickBooks refuses a colon in a name."""
    account = scene.member("Théâtre : Scène ouverte")
    invoice = scene.desk.invoice(account, "event", scene.lines("event"))
    if not scene.company.traits.colon_in_names:
        scene.case("invalid_characters", account)
        scene.case("waits_for_account", invoice)


def name_too_long(scene: Scene) -> None:
    """One character more than the books take, where Membri's 160 are more than that."""
    longest = scene.company.traits.name_max
    if longest < 160:
        account = scene.case("too_long", scene.member("Fédération " + "é" * (longest - 10)))
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
    """Membri's TVQ is one cent above what the books compute; everything adds up."""
    account, lines = _steady_member(scene), [Line("Guide des bonnes pratiques", HUNDRED)]
    wrong = {
        "membri_qstamount": Decimal("9.98") + CENT,
        "totaltax": Decimal("14.98") + CENT,
        "totalamount": Decimal("114.98") + CENT,
    }
    invoice = scene.desk.invoice(account, "order", lines, changes=wrong)
    scene.case("tax_mismatch" if scene.company.traits.computes_taxes else "tax_kept", invoice)


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
    """One character above the limit of the books; and as many as they take, which go."""
    account = _steady_member(scene)
    number = scene.desk.next_number()
    longest = scene.company.traits.number_max
    for width, case in ((longest + 1, "too_long"), (longest, "longest_number")):
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
    account, customer = scene.known_member()
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
