"""Names of record fields as people read them, in French (Membri's own labels) and English.

What comes in: a path in a record (`lines.2.gst`, counted from 0). What goes out: a label, with the
line counted from 1. A field without a label is shown as it is.
"""

from __future__ import annotations

_LABELS: dict[str, tuple[str, str]] = {
    "account": ("Compte", "Account"),
    "address": ("Adresse", "Address"),
    "allocations": ("Factures payées", "Invoices paid"),
    "amount": ("Montant", "Amount"),
    "billing_address": ("Adresse de facturation", "Billing address"),
    "billing_name": ("Nom de facturation", "Billing name"),
    "chapter": ("Chapitre", "Chapter"),
    "city": ("Ville", "City"),
    "corrects": ("Facture corrigée", "Invoice corrected"),
    "country": ("Pays", "Country"),
    "currency": ("Devise", "Currency"),
    "dataschema": ("Version du message", "Message version"),
    "date": ("Date", "Date"),
    "description": ("Description", "Description"),
    "due_date": ("Date d'échéance", "Due date"),
    "email": ("Courriel", "Email"),
    "gst": ("TPS", "GST (TPS)"),
    "id": ("Identifiant", "Identifier"),
    "invoice": ("Facture", "Invoice"),
    "kind": ("Facture ou note de crédit", "Invoice or credit note"),
    "lines": ("Lignes", "Lines"),
    "method": ("Type de paiement", "Payment type"),
    "name": ("Nom du compte", "Account name"),
    "new_account": (
        "Nouveau compte pour la synchronisation",
        "New account flag (Nouveau compte pour la synchronisation)",
    ),
    "not_before": ("Pas avant", "Not before"),
    "number": ("Numéro", "Number"),
    "paid": ("Payée", "Paid"),
    "payment": ("Paiement", "Payment"),
    "payment_id": ("Paiement", "Payment"),
    "period": ("Période", "Period"),
    "periods": ("Nombre de périodes", "Number of periods"),
    "phone": ("Téléphone", "Phone"),
    "postal_code": ("Code postal", "Postal code"),
    "product": ("Produit", "Product"),
    "province": ("Province", "Province"),
    "qst": ("TVQ", "QST (TVQ)"),
    "quantity": ("Quantité", "Quantity"),
    "reference": (
        "Référence de synchronisation",
        "Sync reference (Référence de synchronisation)",
    ),
    "status": ("Statut de synchronisation", "Sync status (Statut de synchronisation)"),
    "subtotal": ("Sous-total", "Subtotal"),
    "table": ("Type de fiche", "Kind of form"),
    "taxable": ("Taxable", "Taxable"),
    "total": ("Total", "Total"),
    "type": ("Type de facture", "Invoice type"),
    "unit_price": ("Prix unitaire", "Unit price"),
}
_NUMBERED = {"lines": ("Ligne {}", "Line {}"), "allocations": ("Facture payée {}", "Invoice {}")}


def field_label(field: str, lang: str) -> str:
    """`lang` is fr or en; anything else is read as en."""
    language = 0 if lang == "fr" else 1
    words: list[str] = []
    steps = [step for step in field.split(".") if step and step != "data"]
    while steps:
        step = steps.pop(0)
        if step in _NUMBERED and steps and steps[0].isdigit():
            words.append(_NUMBERED[step][language].format(int(steps.pop(0)) + 1))
        else:
            words.append(_LABELS[step][language] if step in _LABELS else step)
    return ", ".join(words)
