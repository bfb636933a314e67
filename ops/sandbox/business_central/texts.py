"""The messages of the simulated system, in English and in French.

Texts of the API's pages are Microsoft's own wording where the reference quotes it; a request that
sends no Accept-Language gets the language of the user (business-central.md, section 1).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

TEXTS: dict[str, tuple[str, str]] = {
    # Wire.
    "not_found": (
        "The record could not be found.",
        "L'enregistrement est introuvable.",
    ),
    "no_resource": (
        "Resource not found for the segment '{segment}'.",
        "Ressource introuvable pour le segment « {segment} ».",
    ),
    "no_company": (
        "Cannot find the company '{company}'.",
        "Impossible de trouver la compagnie « {company} ».",
    ),
    "method": (
        "The method {method} is not allowed on {resource}.",
        "La méthode {method} n'est pas permise sur {resource}.",
    ),
    "bad_json": ("The request body is not valid JSON.", "Le corps n'est pas du JSON valide."),
    "unknown_property": (
        (
            "The property '{name}' does not exist on type 'Microsoft.NAV.{resource}'."
            " Make sure to only use property names that are defined by the type."
        ),
        "La propriété « {name} » n'existe pas dans le type « Microsoft.NAV.{resource} ».",
    ),
    "bad_value": (
        "Cannot convert the literal '{value}' to the expected type '{kind}' of '{name}'.",
        "Impossible de convertir « {value} » vers le type « {kind} » de « {name} ».",
    ),
    "read_only": (
        "The control '{name}' is read-only.",
        "Le contrôle « {name} » est en lecture seule.",
    ),
    "too_long": (
        (
            "The length of the string is {length}, but it must be less than or equal to {limit}"
            " characters. Value: {value}"
        ),
        (
            "La longueur de la chaîne est {length}, mais elle doit être inférieure ou égale à"
            " {limit} caractères. Valeur : {value}"
        ),
    ),
    "deep_patch": (
        "The property '{name}' cannot be changed together with its parent.",
        "La propriété « {name} » ne peut pas être modifiée avec son parent.",
    ),
    "if_match": (
        "The request must carry an If-Match header.",
        "La requête doit porter un en-tête If-Match.",
    ),
    "stale": (
        "Another user has already changed the record.",
        "Un autre utilisateur a déjà modifié l'enregistrement.",
    ),
    "filter": ("The filter is not valid: {detail}.", "Le filtre n'est pas valide : {detail}."),
    "filter_or": (
        "Filters using the OR operator on distinct fields are not supported.",
        "Les filtres avec l'opérateur OR sur des champs distincts ne sont pas pris en charge.",
    ),
    "unknown_query": (
        "Could not find a property named '{name}' on type 'Microsoft.NAV.{resource}'.",
        "Aucune propriété nommée « {name} » dans le type « Microsoft.NAV.{resource} ».",
    ),
    "page_too_large": ("The page is too large.", "La page est trop grande."),
    "batch_too_large": (
        "The batch holds more than 100 operations.",
        "Le lot compte plus de 100 opérations.",
    ),
    "throttled": ("Too many requests.", "Trop de requêtes."),
    "credentials": (
        "The server has rejected the client credentials.",
        "Le serveur a rejeté les informations d'identification du client.",
    ),
    # Customers and lists.
    "display_name": (
        'The "displayName" must be filled in.',
        "Le champ « displayName » doit être rempli.",
    ),
    "manual_number": (
        (
            "You may not enter numbers manually. If you want to enter numbers manually, please"
            " activate Manual Nos. in No. Series {series}."
        ),
        (
            "Vous ne pouvez pas entrer de numéros manuellement. Activez la numérotation manuelle"
            " dans la souche {series}."
        ),
    ),
    "same_key": (
        "The record in table {table} already exists. Identification fields and values: {key}",
        "L'enregistrement existe déjà dans la table {table}. Champs et valeurs : {key}",
    ),
    "unmatched": (
        'The "{name}" does not match to a {what}.',
        "« {name} » ne correspond à aucun enregistrement ({what}).",
    ),
    "disagree": (
        "The {what} values do not match to a specific {what}.",
        "Les valeurs ({what}) ne correspondent pas au même enregistrement.",
    ),
    "relation": (
        (
            "The field {field} of table {table} contains a value ({value}) that cannot be found in"
            " the related table ({related})."
        ),
        (
            "Le champ {field} de la table {table} contient une valeur ({value}) introuvable dans la"
            " table associée ({related})."
        ),
    ),
    "phone": (
        "Phone No. must not contain letters in Customer.",
        "Nº téléphone ne doit pas contenir de lettres dans Client.",
    ),
    "customer_in_use": (
        "You cannot delete Customer {number} because there are documents or ledger entries.",
        "Vous ne pouvez pas supprimer le client {number} : il a des documents ou des écritures.",
    ),
    "must_have": (
        "{field} must have a value in {table}: {key}. It cannot be zero or empty.",
        "{field} doit avoir une valeur dans {table} : {key}. La valeur ne peut être vide.",
    ),
    "must_be": (
        "{field} must be equal to '{wanted}' in {table}: {key}. Current value is '{value}'.",
        "{field} doit être égal à « {wanted} » dans {table} : {key}. Valeur : « {value} ».",
    ),
    "customer_blocked": (
        (
            "You cannot {what} this type of document when Customer {number} is blocked with type"
            " {blocked}."
        ),
        "Impossible ({what}) pour ce type de document : le client {number} est bloqué ({blocked}).",
    ),
    "no_rate": (
        "There is no Currency Exchange Rate within the filter.  Filters: Currency Code: {code}",
        "Il n'y a pas de taux de change dans le filtre. Filtres : Code devise : {code}",
    ),
    # Sales documents.
    "no_customer": (
        "The customer cannot be found.",
        "Le client est introuvable.",
    ),
    "no_account": ("Account does not exist.", "Le compte n'existe pas."),
    "no_item": ("Item does not exist.", "L'article n'existe pas."),
    "both_ids": (
        'Both "itemId" and "accountId" are specified. Specify only one of them.',
        "« itemId » et « accountId » sont tous deux donnés. N'en donnez qu'un.",
    ),
    "no_parent": (
        "You must specify an Id or a Document Id to get the lines.",
        "Vous devez donner un Id ou un Document Id pour obtenir les lignes.",
    ),
    "cannot_modify": (
        'The value for "{name}" cannot be modified.',
        "La valeur de « {name} » ne peut pas être modifiée.",
    ),
    "posted": (
        "The {what} has been posted and can no longer be modified.",
        "Le document ({what}) a été reporté et ne peut plus être modifié.",
    ),
    "draft_only": (
        "The action can be applied to a draft {what} only.",
        "L'action ne s'applique qu'à un brouillon ({what}).",
    ),
    "posted_only": (
        "The action can be applied to a posted {what} only.",
        "L'action ne s'applique qu'à un document reporté ({what}).",
    ),
    "nothing_to_post": ("There is nothing to post.", "Il n'y a rien à reporter."),
    "closed_period": (
        "{field} is not within your range of allowed posting dates: {day}.",
        "{field} n'est pas dans la plage de dates de report autorisée : {day}.",
    ),
    "approval": (
        (
            "There is no Sales Invoice Header within the filter.  Filters: Draft Invoice SystemId:"
            " {id}"
        ),
        "Il n'y a pas d'en-tête de facture vente dans le filtre. Filtres : SystemId : {id}",
    ),
    "not_corrigible": (
        (
            "You cannot cancel this posted sales invoice because it is fully or partially paid or"
            " credited. No credit memo was created."
        ),
        (
            "Vous ne pouvez pas annuler cette facture reportée : elle est payée ou créditée en tout"
            " ou en partie. Aucune note de crédit n'a été créée."
        ),
    ),
    # Journals.
    "no_journal": (
        "You must specify a journal batch ID or a journal ID to get a journal line.",
        "Vous devez donner l'ID d'une feuille pour obtenir une ligne.",
    ),
    "applies_to": (
        (
            'The "appliesToInvoiceId" should be the ID of an Open, Paid, Corrective, or Canceled'
            " Invoice."
        ),
        "« appliesToInvoiceId » doit être l'ID d'une facture reportée.",
    ),
    "applies_disagree": (
        "The Applies To Invoice values do not match to the same Invoice.",
        "Les valeurs d'application ne désignent pas la même facture.",
    ),
    "must_be_negative": (
        "Amount must be negative in Gen. Journal Line: {key}.",
        "Montant doit être négatif dans la ligne de feuille : {key}.",
    ),
    "out_of_balance": (
        (
            "The lines in the journal are out of balance by {amount}. Check that Posting Date,"
            " Document Type, Document No. and Amount are correct for each line ({key})."
        ),
        (
            "Les lignes de la feuille présentent un écart de {amount}. Vérifiez la date, le type,"
            " le numéro et le montant de chaque ligne ({key})."
        ),
    ),
    "no_open_entry": (
        (
            "There is no Cust. Ledger Entry within the filter.  Filters: Document Type: Invoice,"
            " Document No.: {number}, Customer No.: {customer}, Open: Yes"
        ),
        (
            "Il n'y a pas d'écriture client dans le filtre. Filtres : Type document : Facture, Nº"
            " document : {number}, Nº client : {customer}, Ouvert : Oui"
        ),
    ),
    "earlier_date": (
        (
            "You cannot apply and post an entry to an entry with an earlier posting date. Instead,"
            " post the document of type {kind} with the number {number} and then apply it to the"
            " document of type Invoice with the number {invoice}."
        ),
        (
            "Vous ne pouvez pas appliquer une écriture à une écriture dont la date est postérieure"
            " ({kind} {number}, facture {invoice})."
        ),
    ),
}


def dated(values: dict[str, Any], language: str) -> dict[str, Any]:
    """Dates as that language writes them; other values as they are."""
    form = "%d-%m-%Y" if language == "fr" else "%m/%d/%Y"
    return {
        name: value.strftime(form) if isinstance(value, dt.date) else value
        for name, value in values.items()
    }
