"""Reason codes and their words.

What comes in: a code, a language (fr or en), a field and the figures. What goes out: texts that an
accountant can act on; `explain` fits Membri's error field. Refuses no language: an unknown one
reads English.
"""

from __future__ import annotations

from schemas.field_labels import field_label
from schemas.reason_codes import Reason, SettingReason, SystemReason, WaitReason
from schemas.reason_texts_en import TEXTS as ENGLISH
from schemas.reason_texts_fr import TEXTS as FRENCH
from schemas.reason_texts_fr import ReasonText
from schemas.setting_texts_en import TEXTS as ENGLISH_SETTINGS
from schemas.setting_texts_fr import TEXTS as FRENCH_SETTINGS

AnyReason = Reason | SystemReason | WaitReason
EXPLANATION_MAX = 500
"""Characters of `membri_syncerror`."""


def text(reason: AnyReason, lang: str) -> ReasonText:
    """What happened, what to correct, where and who."""
    return (FRENCH if lang == "fr" else ENGLISH)[reason]


def setting_text(reason: SettingReason, lang: str) -> ReasonText:
    """The same for what is wrong with a setting of a chapter."""
    return (FRENCH_SETTINGS if lang == "fr" else ENGLISH_SETTINGS)[reason]


def explain(reason: AnyReason, lang: str, field: str = "", detail: str = "") -> str:
    """What happened, the field and the figures, the correction: at most 500 characters.

    The figures are shortened before anything else; of a traceback only its last line is told.
    """
    words = text(reason, lang)
    facts = _facts(reason, lang, field, detail)
    room = EXPLANATION_MAX - len(words.what) - len(words.correct) - len("  ()")
    if len(facts) > room:
        facts = facts[: room - 1] + "…"
    return f"{words.what} ({facts}) {words.correct}" if facts else f"{words.what} {words.correct}"


def _facts(reason: AnyReason, lang: str, field: str, detail: str) -> str:
    lines = detail.strip().splitlines()
    told = " ".join((lines[-1] if reason is Reason.BUG and lines else detail).split())
    label = field_label(field, lang)
    if not (label and told):
        return label or told
    return f"{label} : {told}" if lang == "fr" else f"{label}: {told}"


__all__ = [
    "EXPLANATION_MAX",
    "AnyReason",
    "Reason",
    "ReasonText",
    "SettingReason",
    "SystemReason",
    "WaitReason",
    "explain",
    "field_label",
    "setting_text",
    "text",
]
