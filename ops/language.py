"""What people read, in French (fr_CA) or English (en_CA): sentences, counts, dates.

What comes in: English sentences of this code and the language to tell them in. What goes out: the
sentence of that language's catalogue in `ops/locale`. Refused: nothing; a sentence that no
catalogue has is told in English. Log lines and `--json` never come here.

The catalogues are read as `.mo` where set-up compiled them, else straight from the `.po`, so that a
fresh checkout speaks French too. Why English sentences: ops/decisions/language.md.
"""

from __future__ import annotations

import datetime as dt
import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from babel.dates import format_date, format_datetime, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

Language = Literal["fr", "en"]
LOCALES: Mapping[Language, str] = {"fr": "fr_CA", "en": "en_CA"}
FOLDER = Path(__file__).with_name("locale")
DOMAIN = "membri_sync"


@dataclass(frozen=True)
class Said:
    """A sentence with its values, to be told later in the reader's language. In English as `str`,
    which is what `--json` gives."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values) if self.values else self.text


NOTHING = Said("")


def said(text: str, /, **values: object) -> Said:
    """`text` holds its values as `{name}`."""
    return Said(text, values)


def N_(text: str) -> str:  # noqa: N802 - gettext's own name, which extractors look for
    """Marks a sentence for the catalogues that is told elsewhere."""
    return text


class Words:
    """One language. `zone` is where dates are told; None for this machine's own."""

    def __init__(self, language: Language = "fr", zone: dt.tzinfo | None = None) -> None:
        self.language: Language = language
        self._locale = LOCALES[language]
        self._zone = zone

    def say(self, text: str, /, **values: object) -> str:
        """The sentence in this language. `text` holds its values as `{name}`, days among
        them written out."""
        told = catalogue(self.language).gettext(text) if text else ""
        return told.format(**{k: self._value(v) for k, v in values.items()}) if values else told

    def _value(self, value: object) -> object:
        return self.date(value) if isinstance(value, dt.date) else value

    def count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """`one` or `many`, as this language counts; both may hold `{n}`."""
        told = catalogue(self.language).ngettext(one, many, number)
        return told.format(n=self.number(number), **values)

    def tell(self, sentence: Said | str) -> str:
        """A sentence made elsewhere; plain text, such as a vendor's own words, as it is."""
        return sentence if isinstance(sentence, str) else self.say(sentence.text, **sentence.values)

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self._locale)

    def money(self, value: Decimal) -> str:
        """Dollars with their cents: « 1 234,50 »."""
        return format_decimal(value, "#,##0.00", locale=self._locale)

    def date(self, day: dt.date) -> str:
        """As « 3 mars 2026 »."""
        return format_date(day, "long", locale=self._locale)

    def moment(self, at: dt.datetime | float | None, *, seconds: bool = False) -> str:
        """As « 2026-03-03 09:05 »; nothing for None. A number is in epoch seconds."""
        if at is None:
            return ""
        when = dt.datetime.fromtimestamp(at, dt.UTC) if isinstance(at, int | float) else at
        pattern = "yyyy-MM-dd HH:mm:ss" if seconds else "yyyy-MM-dd HH:mm"
        zone = self._zone or get_timezone()
        return format_datetime(when, pattern, tzinfo=zone, locale=self._locale)


@cache
def catalogue(language: Language) -> gettext.GNUTranslations:
    """The catalogue of one language."""
    po = FOLDER / LOCALES[language] / "LC_MESSAGES" / f"{DOMAIN}.po"
    mo = po.with_suffix(".mo")
    if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
        with mo.open("rb") as file:
            return gettext.GNUTranslations(file)
    compiled: Any = io.BytesIO()
    with po.open("rb") as file:
        write_mo(compiled, read_po(file, LOCALES[language]))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def preferred(environment: Mapping[str, str]) -> Language:
    """The language of LC_ALL, LC_MESSAGES or LANG (the first that is set): English where it says
    so, else French, which is what the people who read this speak."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "en" if value.lower().startswith("en") else "fr"
    return "fr"
