"""Ce qui ne va pas dans un réglage de chapitre, en français."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.reason_codes import SettingReason
from schemas.reason_texts_fr import ADMIN, COMPTABLE, LIVRES, REGLAGES, ReasonText

_T = ReasonText

TEXTS: Mapping[SettingReason, ReasonText] = {
    SettingReason.NOT_SET: _T(
        "Ce réglage n'est pas rempli.",
        "Inscrivez-le dans la configuration du chapitre.",
        REGLAGES,
        ADMIN,
    ),
    SettingReason.NOT_FOUND: _T(
        "Rien ne porte ce code dans le système comptable.",
        "Corrigez le code dans la configuration, ou créez ce qu'il désigne dans les livres.",
        REGLAGES,
        ADMIN,
    ),
    SettingReason.NOT_POSTABLE: _T(
        "Ce compte existe, mais on ne peut pas y écrire (bloqué, inactif ou compte de total).",
        "Permettez l'imputation directe dans les livres, ou choisissez un autre compte.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.WRONG_KIND: _T(
        "Ce code existe, mais il désigne autre chose que ce qu'il faut ici.",
        "Corrigez le code dans la configuration du chapitre.",
        REGLAGES,
        ADMIN,
    ),
    SettingReason.TAX_RATE_DIFFERS: _T(
        "Les taux de cette taxe ne sont pas 5 % (TPS) et 9,975 % (TVQ).",
        "Corrigez les taux dans les livres, ou choisissez un autre code de taxe.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.PERIOD_CLOSED: _T(
        "La période d'aujourd'hui est fermée dans les livres.",
        "Ouvrez la période dans le système comptable.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.PERIOD_MISSING: _T(
        "Les périodes à venir ne sont pas ouvertes : leurs entrées y seraient refusées.",
        "Créez l'exercice suivant ou élargissez les dates permises dans les livres.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.NUMBERS_REFUSED: _T(
        "Le système comptable numérote lui-même et refuse nos numéros.",
        "Permettez les numéros manuels dans les livres.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.CUSTOMER_SETUP_INCOMPLETE: _T(
        "Un nouveau client n'aurait pas ce qu'il faut pour être facturé.",
        "Complétez le groupe ou le modèle des nouveaux clients dans les livres.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.DEFERRED_TWICE: _T(
        "Le même revenu serait compté deux fois.",
        "Facturez les cotisations au compte de revenus perçus d'avance, sans report automatique "
        "dans les livres.",
        REGLAGES,
        COMPTABLE,
    ),
    SettingReason.LIMITED_EDITION: _T(
        "L'édition limitée du système comptable ne permet pas tout.",
        "Faites à la main ce qu'elle refuse, ou passez à l'édition complète.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.RIGHTS_MISSING: _T(
        "L'utilisateur de la synchronisation n'a pas le droit de lire ou d'écrire ceci.",
        "Donnez-lui ce droit dans le système comptable.",
        LIVRES,
        ADMIN,
    ),
    SettingReason.POSTING_BLOCKED: _T(
        "Un réglage du système comptable empêche de reporter les documents.",
        "Changez ce réglage dans les livres.",
        LIVRES,
        COMPTABLE,
    ),
    SettingReason.CANNOT_BE_READ: _T(
        "Ce réglage n'a pas pu être vérifié.",
        "Vérifiez-le à la main dans le système comptable.",
        LIVRES,
        COMPTABLE,
    ),
}
