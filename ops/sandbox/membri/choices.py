"""The option sets of the simulated Membri: values with their French and English labels.

`SYNC_STATUS`, `INVOICE_TYPE` and `PAYMENT_TYPE` are placeholders, as Membri's are not public; the
invoice states are Microsoft's (learn.microsoft.com/dynamics365/sales/developer/entities/invoice).
"""

from __future__ import annotations

from dataclasses import dataclass

FRENCH = 1036
ENGLISH = 1033


@dataclass(frozen=True)
class Option:
    """One value of a choice. `state` is the state a status belongs to."""

    value: int
    fr: str
    en: str
    state: int | None = None

    def label(self, language: int) -> str:
        return self.fr if language == FRENCH else self.en


@dataclass(frozen=True)
class Choice:
    name: str
    options: tuple[Option, ...]

    def option(self, value: object) -> Option | None:
        return next((o for o in self.options if o.value == value), None)


def _numbered(name: str, *labels: tuple[str, str]) -> Choice:
    options = (Option(100_000_000 + n, fr, en) for n, (fr, en) in enumerate(labels))
    return Choice(name, tuple(options))


CHOICES = {
    choice.name: choice
    for choice in (
        _numbered(
            "syncstatus",
            ("En attente", "On hold"),
            ("À transférer", "To transfer"),
            ("Transfert complété", "Transfer completed"),
            ("Erreur de transfert", "Transfer error"),
            ("Ne pas synchroniser", "Do not synchronize"),
            ("En revue", "In review"),
        ),
        _numbered(
            "invoicetype",
            ("Adhésion", "Membership"),
            ("Inscription de délégué", "Delegate registration"),
            ("Renouvellement", "Renewal"),
            ("Mise à niveau", "Upgrade"),
            ("Inscription à un événement", "Event registration"),
            ("Commande", "Order"),
            ("Don", "Donation"),
            ("Contrat", "Contract"),
            ("Commandite", "Sponsor"),
            ("Manuelle", "Manual"),
            ("Remboursement", "Refund"),
            ("Solde d'ouverture", "Opening balance"),
        ),
        _numbered(
            "paymenttype",
            ("Chèque", "Cheque"),
            ("Carte de crédit", "Credit card"),
            ("Virement", "Bank transfer"),
            ("Comptant", "Cash"),
            ("Sage 50", "Sage 50"),
        ),
        Choice(
            "terms",
            (
                Option(1, "Net 30", "Net 30"),
                Option(2, "2 % 10, net 30", "2% 10, Net 30"),
                Option(3, "Net 45", "Net 45"),
                Option(4, "Net 60", "Net 60"),
            ),
        ),
        Choice("activestate", (Option(0, "Active", "Active"), Option(1, "Inactive", "Inactive"))),
        Choice(
            "activestatus",
            (Option(1, "Active", "Active", 0), Option(2, "Inactive", "Inactive", 1)),
        ),
        Choice(
            "invoicestate",
            (
                Option(0, "Active", "Active"),
                Option(1, "Fermée", "Closed"),
                Option(2, "Payée", "Paid"),
                Option(3, "Annulée", "Canceled"),
            ),
        ),
        Choice(
            "invoicestatus",
            (
                Option(1, "Nouvelle", "New", 0),
                Option(2, "Expédiée en partie", "Partially Shipped", 0),
                Option(4, "Facturée", "Billed", 0),
                Option(5, "Réservée", "Booked", 0),
                Option(6, "Installée", "Installed", 0),
                Option(3, "Fermée", "Closed", 1),
                Option(100001, "Complète", "Complete", 2),
                Option(100002, "Partielle", "Partial", 2),
                Option(100003, "Annulée", "Canceled", 3),
            ),
        ),
    )
}
