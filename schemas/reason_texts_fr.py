"""Les raisons en français, pour les personnes qui tiennent les livres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.reason_codes import Reason, SystemReason, WaitReason


class ReasonText(NamedTuple):
    """What happened, what to correct, where in Membri (or elsewhere), and who can do it."""

    what: str
    correct: str
    where: str
    who: str


_T = ReasonText

COMPTE = "Fiche du compte, onglet Facturation"
FACTURE = "Facture, onglet Comptabilité"
PAIEMENT = "Fiche du paiement"
FICHE = "Fiche de l'enregistrement, champ Statut de synchronisation"
TABLEAU = "Tableau de bord de synchronisation comptable"
LIVRES = "Système comptable"
OUTIL = "Outil de synchronisation"
REGLAGES = "Paramètres comptables du chapitre"

COMPTABLE = "La personne responsable de la comptabilité"
ADMIN = "L'administrateur de la synchronisation"
PERSONNE = "Personne : cela se règle tout seul"

RELANCER = "remettez le statut à « À transférer »"

TEXTS: Mapping[Reason | SystemReason | WaitReason, ReasonText] = {
    Reason.UNREADABLE: _T(
        "Le message de cet enregistrement est illisible pour l'outil de synchronisation.",
        f"Faites vérifier la version de l'outil, puis {RELANCER}.",
        OUTIL,
        ADMIN,
    ),
    Reason.UNKNOWN_CHAPTER: _T(
        "Aucun système comptable n'est configuré pour le chapitre de cet enregistrement.",
        f"Corrigez le chapitre ou faites-le ajouter à la configuration, puis {RELANCER}.",
        "Champ Chapitre de l'enregistrement, ou configuration de l'outil",
        ADMIN,
    ),
    Reason.UNKNOWN_SYSTEM: _T(
        "Le système comptable demandé n'est pas celui que ce chapitre utilise.",
        f"Faites corriger la configuration du chapitre, puis {RELANCER}.",
        REGLAGES,
        ADMIN,
    ),
    Reason.UNKNOWN_ENTITY: _T(
        "Ce type d'enregistrement n'est pas pris en charge par la synchronisation.",
        "Saisissez-le à la main dans le système comptable, puis inscrivez sa référence dans "
        "« Référence de synchronisation ».",
        LIVRES,
        COMPTABLE,
    ),
    Reason.DELIVERY_LIMIT: _T(
        "Le transfert a été interrompu trop de fois avant de se terminer.",
        "Vérifiez dans le système comptable si l'enregistrement s'y trouve, faites vérifier "
        f"l'outil, puis {RELANCER}.",
        OUTIL,
        ADMIN,
    ),
    Reason.BUG: _T(
        "L'outil de synchronisation a rencontré une erreur qui lui est propre.",
        f"Signalez-la à l'équipe de soutien ; une fois l'outil corrigé, {RELANCER}.",
        OUTIL,
        ADMIN,
    ),
    Reason.RETRIES_EXHAUSTED: _T(
        "Le système comptable n'a pas accepté l'enregistrement malgré plusieurs essais.",
        "Vérifiez que personne ne garde la fiche ouverte dans le système comptable, puis "
        f"{RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.MISSING_FIELD: _T(
        "Un champ exigé par le système comptable est vide.",
        f"Remplissez le champ dans Membri, puis {RELANCER}.",
        "Fiche de l'enregistrement, champ nommé",
        COMPTABLE,
    ),
    Reason.INVALID_FIELD: _T(
        "La valeur d'un champ n'est pas acceptée par le système comptable.",
        f"Corrigez le champ dans Membri, puis {RELANCER}.",
        "Fiche de l'enregistrement, champ nommé",
        COMPTABLE,
    ),
    Reason.TOO_LONG: _T(
        "Un texte est trop long pour le système comptable.",
        f"Raccourcissez-le dans Membri, puis {RELANCER}. Rien n'est coupé automatiquement.",
        "Fiche de l'enregistrement, champ nommé",
        COMPTABLE,
    ),
    Reason.INVALID_CHARACTERS: _T(
        "Un texte contient des caractères que le système comptable n'accepte pas.",
        f"Retirez ces caractères dans Membri, puis {RELANCER}.",
        "Fiche de l'enregistrement, champ nommé",
        COMPTABLE,
    ),
    Reason.TOTALS_DIFFER: _T(
        "Les montants ne s'additionnent pas : rien n'a été transféré.",
        f"Vérifiez les lignes, la TPS, la TVQ et le total, puis {RELANCER}.",
        FACTURE,
        COMPTABLE,
    ),
    Reason.AMOUNT_NOT_POSITIVE: _T(
        "Le montant doit être plus grand que zéro pour être transféré.",
        f"Corrigez le montant et {RELANCER}, ou choisissez « Ne pas synchroniser ».",
        FICHE,
        COMPTABLE,
    ),
    Reason.CURRENCY_NOT_SUPPORTED: _T(
        "Les livres ne prennent pas la devise de cet enregistrement, ou le client en a une autre.",
        f"Activez la devise dans le système comptable ou corrigez la facture, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.NOT_SUPPORTED: _T(
        "Le système comptable ne permet pas de recevoir cet enregistrement.",
        "Saisissez-le à la main dans le système comptable, puis inscrivez sa référence dans "
        "« Référence de synchronisation ».",
        LIVRES,
        COMPTABLE,
    ),
    Reason.REFERENCE_NOT_FOUND: _T(
        "La référence de synchronisation inscrite n'existe pas dans le système comptable.",
        f"Corrigez ou videz le champ « Référence de synchronisation », puis {RELANCER}.",
        f"{COMPTE} ; {FACTURE}",
        COMPTABLE,
    ),
    Reason.DUPLICATE_NAME: _T(
        "Un autre client porte déjà ce nom dans le système comptable.",
        "Si c'est le même, inscrivez son nom ou son numéro dans « Référence de "
        f"synchronisation » ; sinon, changez le nom du compte. Ensuite, {RELANCER}.",
        COMPTE,
        COMPTABLE,
    ),
    Reason.DUPLICATE_NUMBER: _T(
        "Ce numéro de document est déjà utilisé dans le système comptable.",
        "Si c'est le même document, inscrivez son numéro dans « Référence de synchronisation » ; "
        f"sinon, changez un des deux numéros. Ensuite, {RELANCER}.",
        FACTURE,
        COMPTABLE,
    ),
    Reason.DIFFERS_FROM_BOOKS: _T(
        "L'enregistrement est déjà dans les livres, avec un autre contenu : il n'est pas modifié.",
        "Faites émettre une note de crédit et une nouvelle facture, ou remettez la valeur "
        f"d'origine et {RELANCER}.",
        FACTURE,
        COMPTABLE,
    ),
    Reason.TAX_MISMATCH: _T(
        "Le système comptable calcule d'autres taxes que Membri : rien n'est gardé.",
        "Comparez la TPS et la TVQ des lignes avec les codes de taxe du système comptable, puis "
        f"{RELANCER}.",
        FACTURE,
        COMPTABLE,
    ),
    Reason.CLOSED_PERIOD: _T(
        "La date tombe dans une période fermée du système comptable.",
        f"Rouvrez la période ou changez la date, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.CUSTOMER_INACTIVE: _T(
        "Le client est inactif dans le système comptable.",
        "Réactivez-le, ou inscrivez un autre client dans « Référence de synchronisation », puis "
        f"{RELANCER}.",
        COMPTE,
        COMPTABLE,
    ),
    Reason.PAYMENT_EXCEEDS_BALANCE: _T(
        "Le paiement est plus grand que le solde de la facture dans le système comptable.",
        "Cherchez un paiement déjà saisi sur cette facture, corrigez l'un des deux, puis "
        f"{RELANCER}.",
        PAIEMENT,
        COMPTABLE,
    ),
    Reason.CREDIT_EXCEEDS_BALANCE: _T(
        "La note de crédit est plus grande que le solde de la facture qu'elle corrige.",
        f"Vérifiez le solde de la facture dans le système comptable, puis {RELANCER}.",
        FACTURE,
        COMPTABLE,
    ),
    Reason.PERIOD_NOT_OPEN: _T(
        "La date tombe dans une période qui n'est pas encore ouverte dans les livres.",
        f"Ouvrez la période ou créez l'exercice dans le système comptable, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.PAYMENT_BEFORE_INVOICE: _T(
        "Le paiement porte une date antérieure à celle de sa facture, et les livres le refusent.",
        f"Corrigez la date du paiement ou celle de la facture, puis {RELANCER}.",
        PAIEMENT,
        COMPTABLE,
    ),
    Reason.AWAITING_APPROVAL: _T(
        "Le système comptable retient le document jusqu'à ce qu'une personne l'approuve.",
        f"Approuvez-le dans le système comptable, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.AMBIGUOUS: _T(
        "Plusieurs documents des livres portent ce numéro, et rien ne dit lequel est le bon.",
        "Retirez le double des livres, ou inscrivez la bonne clé dans « Référence de "
        f"synchronisation », puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.DOCUMENT_LOCKED: _T(
        "Le document est verrouillé dans le système comptable (rapproché, imprimé ou reporté).",
        f"Déverrouillez-le ou faites la correction dans le système comptable, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.EDITION_LIMIT: _T(
        "L'édition limitée du système comptable ne permet pas cette opération.",
        f"Faites-la à la main ou passez à l'édition complète, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.CANCELLED_AFTER_ENTRY: _T(
        "La facture est annulée, mais cette entrée de revenus perçus d'avance est déjà reportée.",
        "Renversez dans les livres l'entrée de cette date, de ce montant et de ce numéro.",
        LIVRES,
        COMPTABLE,
    ),
    Reason.REFUSED_BY_SYSTEM: _T(
        "Le système comptable a refusé l'enregistrement et donne sa propre explication.",
        f"Corrigez selon son message, puis {RELANCER}.",
        FICHE,
        COMPTABLE,
    ),
    Reason.UNKNOWN_TAX: _T(
        "Aucun code de taxe du système comptable ne correspond aux taxes de la facture.",
        "Corrigez les taxes de la facture, ou faites configurer le code de taxe du chapitre, "
        f"puis {RELANCER}.",
        REGLAGES,
        ADMIN,
    ),
    Reason.UNKNOWN_ACCOUNT: _T(
        "Un compte, un article ou un mode de paiement configuré n'existe pas dans les livres.",
        f"Faites corriger les comptes du chapitre dans la configuration, puis {RELANCER}.",
        REGLAGES,
        ADMIN,
    ),
    Reason.CUSTOMER_SETUP: _T(
        "Il manque au client, dans le système comptable, ce qu'il faut pour le facturer.",
        f"Complétez sa fiche ou le modèle des nouveaux clients dans les livres, puis {RELANCER}.",
        LIVRES,
        COMPTABLE,
    ),
    SystemReason.UNREACHABLE: _T(
        "Le système comptable ne répond pas ; tout attend et rien n'est perdu.",
        "Ouvrez le système comptable ou vérifiez le réseau ; le transfert reprend tout seul.",
        LIVRES,
        ADMIN,
    ),
    SystemReason.UNAUTHORISED: _T(
        "L'outil n'est plus autorisé dans le système comptable ; tout attend.",
        "Refaites l'autorisation ; le transfert reprend tout seul.",
        "Outil de synchronisation, bouton Autorisation",
        COMPTABLE,
    ),
    SystemReason.THROTTLED: _T(
        "Le système comptable demande de ralentir ; tout attend un moment.",
        "Rien à corriger ; le transfert reprend tout seul.",
        OUTIL,
        PERSONNE,
    ),
    SystemReason.READ_ONLY: _T(
        "Les livres sont en lecture seule ; tout attend.",
        "Réglez l'abonnement ou le mode de la compagnie ; le transfert reprend tout seul.",
        LIVRES,
        COMPTABLE,
    ),
    SystemReason.MAINTENANCE: _T(
        "Le système comptable est en entretien ; tout attend.",
        "Rien à corriger ; le transfert reprend tout seul.",
        LIVRES,
        PERSONNE,
    ),
    SystemReason.MISCONFIGURED: _T(
        "La connexion au système comptable est mal configurée ; tout attend.",
        "Faites corriger la configuration du chapitre, puis redémarrer l'outil.",
        REGLAGES,
        ADMIN,
    ),
    WaitReason.ACCOUNT_TO_VERIFY: _T(
        "Le compte n'est ni à créer ni lié à un client existant.",
        "Mettez « Nouveau compte pour la synchronisation » à Oui, ou inscrivez le client existant "
        "dans « Référence de synchronisation ».",
        f"{TABLEAU} ; {COMPTE}",
        COMPTABLE,
    ),
    WaitReason.WAITS_FOR_ACCOUNT: _T(
        "L'enregistrement attend que son compte client soit dans le système comptable.",
        "Vérifiez le statut de synchronisation du compte ; la suite se fait toute seule.",
        COMPTE,
        COMPTABLE,
    ),
    WaitReason.WAITS_FOR_INVOICE: _T(
        "L'enregistrement attend que sa facture soit dans le système comptable.",
        "Vérifiez le statut de synchronisation de la facture ; la suite se fait toute seule.",
        FACTURE,
        COMPTABLE,
    ),
    WaitReason.RETRY_AT: _T(
        "Le dernier essai n'a pas réussi ; un autre est prévu.",
        "Rien à corriger pour l'instant.",
        OUTIL,
        PERSONNE,
    ),
    WaitReason.OUTCOME_UNKNOWN: _T(
        "Le système comptable n'a pas répondu : on vérifie s'il a enregistré avant de renvoyer.",
        "Ne le saisissez pas à la main : la vérification se fait toute seule.",
        OUTIL,
        PERSONNE,
    ),
    WaitReason.NOT_YET_DUE: _T(
        "L'entrée de journal attend sa date.",
        "Rien à corriger ; elle sera transférée à sa date.",
        TABLEAU,
        PERSONNE,
    ),
}
