"""The situations an accountant meets where everything goes, or waits for a person to decide.

Each function writes one situation into a scene and files the records it is about under the
function's names. Refusals are in `refusals.py`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from ops.sandbox.world.membri_rows import CANCELLED, PAID, Line
from ops.sandbox.world.scene import Scene, amount_of
from ops.sandbox.world.taxes import cents

HUNDRED = Decimal("100.00")


def names_with_traps(scene: Scene) -> None:
    """Accents, ligatures, apostrophes of both kinds, `&`, quotes, a backslash, 160 characters or as
    many as the books take."""
    longest = min(160, scene.company.traits.name_max)
    long = "Regroupement québécois des œuvres d’entraide & d'économie sociale — " * 3
    for name in (
        "L'Œuvre d’Élodie & Frères (Montréal)",
        'Café « Chez "Zoé" » \\ Traiteur',
        long[: longest - 1] + "é",
    ):
        account = scene.case("trap_name", scene.member(name))
        invoice = scene.desk.invoice(account, "event", [Line("Congrès annuel", HUNDRED)])
        scene.case("trap_name", invoice)


def rounding(scene: Scene) -> None:
    """Cents that round both ways, and the vector whose lines and sum round differently."""
    account = scene.member()
    for lines in (
        [Line("Photocopies", Decimal("10.10")) for _ in range(3)],
        [Line("Photocopies", Decimal("10.10"))],
        [Line("Photocopies", Decimal("33.33"), Decimal(3)), Line("Timbres", Decimal("0.99"))],
        [Line("Abonnement", Decimal("149.95"), taxable=False), Line("Guide", Decimal("29.99"))],
        [Line("Heures de consultation", Decimal("87.50"), Decimal("7.25"))],
    ):
        scene.case("rounding", scene.desk.invoice(account, "manual", lines))


def line_discount(scene: Scene) -> None:
    """A line whose net is not quantity × price."""
    lines = [
        Line("Kiosque d'exposant", Decimal("850.00"), Decimal(2), discount=Decimal("170.00")),
        Line("Assurance responsabilité", Decimal("42.00"), taxable=False),
    ]
    scene.case("line_discount", scene.desk.invoice(scene.member(), "sponsor", lines))


def empty_status(scene: Scene) -> None:
    """An account without any status is not held."""
    account = scene.case("empty_status", scene.desk.account(scene.name(), status=None))
    scene.desk.invoice(account, "order", scene.lines("order"))


def several_payments(scene: Scene) -> None:
    """Three payments on one invoice, the last one settling it; and a partial one on another."""
    account, lines = scene.member(), [Line("Mandat de formation", Decimal("1999.99"))]
    invoice = scene.desk.invoice(account, "contract", lines, state=PAID)
    third = cents(amount_of(lines) / 3)
    for part in (third, third, amount_of(lines) - third * 2):
        scene.case("several_payments", scene.desk.payment(invoice, part))
    other = scene.desk.invoice(account, "contract", scene.lines("contract"))
    scene.case("partial_payment", scene.desk.payment(other, Decimal("10.01")))


def payment_first(scene: Scene) -> None:
    """A payment last changed before its invoice: a poll meets it first."""
    account, lines = scene.member(), [Line("Souper-bénéfice", Decimal("125.00"), Decimal(2))]
    invoice = scene.case("payment_first", scene.desk.invoice(account, "event", lines, state=PAID))
    before = scene.desk.clock - dt.timedelta(days=2)
    payment = scene.desk.payment(invoice, amount_of(lines), modified=before)
    scene.case("payment_first", payment)


def notice_without_number(scene: Scene) -> None:
    """A paid membership notice that still has no number."""
    account, lines = scene.member(), [Line("Cotisation annuelle", Decimal("350.00"))]
    invoice = scene.desk.invoice(account, "renewal", lines, number=None, state=PAID)
    scene.case("no_number", invoice)
    scene.case("no_number", scene.desk.payment(invoice, amount_of(lines)))


def unpaid_dues(scene: Scene) -> None:
    """Dues nobody paid: held where the chapter says so; the account then has nothing to bring."""
    for kind in ("membership", "renewal"):
        account = scene.case("dues_account", scene.member())
        scene.case("dues_unpaid", scene.desk.invoice(account, kind, scene.lines(kind)))


def credit_note_before_payment(scene: Scene) -> None:
    """An unpaid invoice, cancelled: the credit note closes it."""
    account, lines = scene.member(), scene.lines("event", 2)
    invoice = scene.desk.invoice(account, "event", lines, state=CANCELLED)
    note = scene.desk.invoice(account, "event", lines, corrects=invoice)
    scene.case("credit_before_payment", note)


def credit_note_after_payment(scene: Scene) -> None:
    """An invoice paid in part earlier: a credit note corrects what is left of it."""
    account, customer = scene.known_member()
    workshop = Line("Atelier", Decimal("200.00"))
    kept, given_back = [workshop], [Line("Repas", Decimal("60.00"))]
    invoice, document = scene.known_invoice(account, customer, [*kept, *given_back])
    scene.known_payment(invoice, document, amount_of(kept))
    note = scene.desk.invoice(account, "refund", given_back, corrects=invoice)
    scene.case("credit_after_payment", note)


def credit_note_of_paid_invoice(scene: Scene) -> None:
    """Nothing is owed on the invoice any more: the credit stays open for the accountant."""
    account, customer = scene.known_member()
    lines = [Line("Inscription annulée", Decimal("75.25"))]
    invoice, document = scene.known_invoice(account, customer, lines)
    scene.known_payment(invoice, document, amount_of(lines))
    note = scene.desk.invoice(account, "refund", lines, corrects=invoice)
    scene.case("credit_of_paid", note)


def credit_note_of_held_invoice(scene: Scene) -> None:
    """The invoice it corrects is on hold: it waits."""
    account, lines = scene.member(), scene.lines("order", 1)
    scene.desk.invoice(account, "order", scene.lines("order"))
    held = scene.desk.invoice(account, "order", lines, status="on_hold", state=CANCELLED)
    note = scene.desk.invoice(account, "order", lines, corrects=held)
    scene.case("credit_waits", note)


def to_verify(scene: Scene) -> None:
    """Neither flagged nor linked: its invoices and payments wait."""
    for status in ("to_transfer", None):
        account = scene.desk.account(scene.name(), new=False, status=status)
        scene.case("account_to_verify", account)
        lines = scene.lines("delegate")
        invoice = scene.desk.invoice(account, "delegate", lines)
        scene.case("invoice_to_verify", invoice)
        payment = scene.desk.payment(invoice, amount_of(lines))
        scene.case("payment_waits", payment)


def linked(scene: Scene) -> None:
    """A person typed the name of a customer of the books; one account is on hold but linked."""
    for status in ("transferred", "on_hold"):
        name = scene.name()
        customer = scene.company.customer(name)
        account = scene.desk.account(name, new=False, status=status, reference=customer.key)
        scene.case("linked", account)
        lines = scene.lines("sponsor")
        invoice = scene.case("linked_invoice", scene.desk.invoice(account, "sponsor", lines))
        scene.desk.payment(invoice, amount_of(lines))


def changed_account(scene: Scene) -> None:
    """A transferred account whose name and phone a person changed: the customer is updated."""
    before, now = scene.name(), scene.name()
    account = scene.case("changed_account", scene.changed_member(before, now))
    scene.case("changed_invoice", scene.desk.invoice(account, "manual", scene.lines("manual")))


def held_accounts(scene: Scene) -> None:
    """Accounts that may not be created yet: their invoices wait for them."""
    for status in ("on_hold", "do_not_sync", "transfer_error"):
        account = scene.case(f"account_{status}", scene.desk.account(scene.name(), status=status))
        invoice = scene.desk.invoice(account, "manual", scene.lines("manual"))
        scene.case("waits_for_account", invoice)


def in_review(scene: Scene) -> None:
    """Records an approver has not released."""
    account = scene.desk.account(scene.name(), status="in_review")
    scene.case("account_in_review", account)
    scene.case("waits_for_account", scene.desk.invoice(account, "upgrade", scene.lines("upgrade")))
    member = scene.member()
    scene.desk.invoice(member, "upgrade", scene.lines("upgrade"))
    lines = scene.lines("upgrade")
    reviewed = scene.desk.invoice(member, "upgrade", lines, status="in_review")
    scene.case("in_review", reviewed)
    scene.case("in_review", scene.desk.payment(reviewed, Decimal("5.00"), status="in_review"))


def held_documents(scene: Scene) -> None:
    """Invoices and payments in each status that is not ours to move."""
    account = scene.member()
    first = scene.desk.invoice(account, "manual", [Line("Location de salle", Decimal("500.00"))])
    for status in ("on_hold", "do_not_sync", "transfer_error"):
        held = scene.desk.invoice(account, "manual", scene.lines("manual"), status=status)
        scene.case(f"invoice_{status}", held)
        payment = scene.desk.payment(first, Decimal("20.00"), status=status)
        scene.case(f"payment_{status}", payment)


def transferred_earlier(scene: Scene) -> None:
    """Everything went earlier and stays as it is; a second payment comes now."""
    account, customer = scene.known_member()
    invoice, document = scene.known_invoice(account, customer, [Line("Congrès", HUNDRED)])
    scene.case("known_account", account)
    scene.case("known_invoice", invoice)
    scene.case("known_payment", scene.known_payment(invoice, document, Decimal("50.00")))
    scene.case("second_payment", scene.desk.payment(invoice, Decimal("64.98")))


def typed_by_hand(scene: Scene) -> None:
    """A person entered the invoice in the books and typed its number: linked, then paid."""
    account, customer = scene.known_member()
    lines = scene.lines("manual", 2)
    day = scene.desk.clock.date()
    document = scene.company.invoice(customer, lines, number="MAN-1042", day=day)
    row = scene.desk.invoice(account, "manual", lines, reference=document.number, day=day)
    scene.case("by_hand", row)
    scene.case("by_hand", scene.desk.payment(row, amount_of(lines)))


def flagged_without_invoice(scene: Scene) -> None:
    """No customer without a transaction."""
    scene.case("no_invoice", scene.member())


def dues_in_parts(scene: Scene) -> None:
    """A fee paid in three parts whose cents do not divide, and one of a cent for each month."""
    account, lines = scene.member(), [Line("Cotisation annuelle", Decimal("100.01"))]
    invoice = scene.case("dues_in_parts", scene.desk.invoice(account, "renewal", lines, state=PAID))
    third = cents(amount_of(lines) / 3)
    for part in (third, third, amount_of(lines) - third * 2):
        scene.case("dues_part", scene.desk.payment(invoice, part))
    small = [Line("Cotisation symbolique", Decimal("0.13"), taxable=False)]
    notice = scene.desk.invoice(account, "membership", small, state=PAID)
    scene.case("dues_of_cents", scene.desk.payment(notice, Decimal("0.13")))


def dues_cancelled(scene: Scene) -> None:
    """A fee cancelled before anybody paid it: its credit note defers nothing."""
    account, lines = scene.member(), [Line("Cotisation annuelle", Decimal("240.00"))]
    scene.desk.invoice(account, "event", scene.lines("event"))
    invoice = scene.desk.invoice(account, "renewal", lines, state=CANCELLED)
    note = scene.desk.invoice(account, "renewal", lines, corrects=invoice)
    scene.case("dues_cancelled", note)
