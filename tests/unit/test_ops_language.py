"""Two languages: complete catalogues, every sentence of the code in them, dates, plurals."""

from __future__ import annotations

import ast
import datetime as dt
import shutil
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import consumers
import ops
import producers
import schemas
from ops import labels, language
from ops.language import LOCALES, Words, preferred, said
from schemas.outcomes import Action
from schemas.reasons import WaitReason
from schemas.statuses import LABELS_FR, Entity, Status
from schemas.systems import System

OPS = Path(ops.__file__).parent
PARTS = [OPS, *(Path(part.__file__).parent for part in (consumers, producers, schemas))]
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "say": None,
    "said": None,
    "N_": None,
    "count": (1, 2),
}
Id = str | tuple[str, ...]


def sentences_of_the_code() -> set[Id]:
    return {
        message
        for part in PARTS
        for _, _, message, _, _ in extract_from_dir(
            str(part), keywords=KEYWORDS, strip_comment_tags=True
        )
    }


def messages(locale: str) -> Iterator[Message]:
    path = language.FOLDER / locale / "LC_MESSAGES" / "membri_sync.po"
    with path.open("rb") as file:
        yield from (message for message in read_po(file, locale) if message.id)


def texts(of: Id | list[str]) -> tuple[str, ...]:
    return (of,) if isinstance(of, str) else tuple(of)


@pytest.mark.parametrize("locale", LOCALES.values())
def test_every_sentence_of_the_code_is_in_the_catalogue_and_no_other(locale: str) -> None:
    known = {m.id if isinstance(m.id, str) else tuple(m.id) for m in messages(locale)}
    assert known == sentences_of_the_code()


@pytest.mark.parametrize("locale", LOCALES.values())
def test_nothing_is_untranslated_or_uncertain(locale: str) -> None:
    for message in messages(locale):
        assert all(texts(message.string)), message.id
        assert not message.fuzzy, message.id


@pytest.mark.parametrize("locale", LOCALES.values())
def test_set_up_can_compile_the_catalogue(locale: str) -> None:
    """gettext's tools take « 5 % of » for a conversion of C's: set-up then stops."""
    wrong = [(m.id, str(error)) for m in messages(locale) for error in m.check()]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES.values())
def test_translations_hold_the_same_values_as_the_sentence(locale: str) -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for message in messages(locale):
        wanted = set().union(*map(names, texts(message.id)))
        for text in texts(message.string):
            assert names(text) == wanted, message.id


def test_sentences_are_literals_so_that_they_can_be_found() -> None:
    """A sentence put together at run time would be in no catalogue. Told codes come from lists."""
    allowed = {"labels.py", "language.py", "sentences.py"}
    for path in sorted(path for part in PARTS for path in part.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or path.name in allowed:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("say", "said") and node.args:
                literal = isinstance(node.args[0], ast.Constant)
                assert literal, f"{path.name}:{node.lineno}"


def test_french_labels_are_those_of_membri() -> None:
    words = Words("fr")
    assert words.say("Account to verify") == "Compte à vérifier"
    steps = {labels.name(labels.TRANSFERS, one, words) for one in labels.TRANSFERS}
    assert steps >= {
        "Créer les nouveaux comptes clients",
        "Mettre à jour les comptes clients",
        "Création des factures",
        "Synchronisation des paiements",
    }
    assert labels.name(labels.STEPS, "connect", words) == "Connexion au système comptable"
    for status in Status:
        assert labels.status(status, words) == LABELS_FR[status]


def test_every_code_of_a_closed_list_has_a_name() -> None:
    lists = (
        (labels.ENTITIES, Entity),
        (labels.MANY, Entity),
        (labels.WAITS, WaitReason),
        (labels.ACTIONS, Action),
        (labels.SYSTEMS, System),
    )
    for names, codes in lists:
        assert set(codes) <= set(names)


def test_codes_of_a_newer_version_are_shown_as_they_are() -> None:
    words = Words("fr")
    assert labels.name(labels.ENTITIES, "receipt", words) == "receipt"
    assert labels.event("moved.sideways", words) == "moved.sideways"
    assert labels.detail("", "status=on_hold_forever", words) == "statut : on_hold_forever"


@pytest.mark.parametrize(
    ("field", "detail", "told"),
    [
        ("", "first_invoice", "créé avec sa première facture à transférer"),
        ("", "status=transfer_error", "statut : Erreur de transfert"),
        ("", "failed=closed_period", "La date tombe dans une période fermée du système comptable."),
        ("total", "114.98 ≠ 114.99", "Total : 114.98 ≠ 114.99"),
        ("name", "", "Nom du compte"),
        ("", "two\nlines", "two lines"),
    ],
)
def test_details_are_told_with_the_name_of_their_field(field: str, detail: str, told: str) -> None:
    assert labels.detail(field, detail, Words("fr")) == told


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "fr"),
        ({"LANG": "C.UTF-8"}, "fr"),
        ({"LANG": "fr_CA.UTF-8"}, "fr"),
        ({"LANG": "en_CA.UTF-8"}, "en"),
        ({"LANG": "fr_CA.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_CA.UTF-8", "LC_MESSAGES": "fr_CA.UTF-8"}, "fr"),
        ({"LANG": "en_CA.UTF-8", "LC_ALL": ""}, "en"),
        ({"LANG": "de_DE"}, "fr"),
    ],
)
def test_the_locale_chooses_and_french_is_the_default(
    environment: dict[str, str], lang: str
) -> None:
    assert preferred(environment) == lang


def test_plurals_dates_and_figures_follow_the_language() -> None:
    french, english = Words("fr", dt.UTC), Words("en", dt.UTC)
    assert french.count("{n} waits", "{n} wait", 0) == "0 enregistrement en suspens"
    assert english.count("{n} waits", "{n} wait", 0) == "0 wait"
    assert english.count("{n} waits", "{n} wait", 1) == "1 waits"
    assert french.number(12345) == "12\N{NO-BREAK SPACE}345"
    assert english.number(12345) == "12,345"
    assert french.date(dt.date(2026, 3, 5)) == "5 mars 2026"
    assert english.date(dt.date(2026, 3, 5)) == "March 5, 2026"
    assert french.moment(1_700_000_000) == "2023-11-14 22:13"
    assert french.moment(1_700_000_000.9, seconds=True) == "2023-11-14 22:13:20"
    assert french.moment(None) == ""


def test_moments_are_told_in_the_zone_of_the_reader() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    at = dt.datetime(2026, 1, 15, 2, 30, tzinfo=dt.UTC)
    assert Words("fr", zone).moment(at) == "2026-01-14 21:30"


def test_a_sentence_is_english_for_programs_and_told_later_in_the_readers_language() -> None:
    sentence = said(
        "open: {company}, authorized until {day}", company="{Ours}", day=dt.date(2026, 3, 5)
    )
    assert str(sentence) == "open: {Ours}, authorized until 2026-03-05"
    assert Words("fr").tell(sentence) == "ouvert : {Ours}, autorisé jusqu’au 5 mars 2026"
    assert Words("fr").tell("words of a vendor {x}") == "words of a vendor {x}"


def test_a_checkout_without_compiled_catalogues_speaks_french_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(language.FOLDER, tmp_path / "locale", ignore=shutil.ignore_patterns("*.mo"))
    monkeypatch.setattr(language, "FOLDER", tmp_path / "locale")
    language.catalogue.cache_clear()
    try:
        assert Words("fr").say("Waiting") == "En suspens"
    finally:
        language.catalogue.cache_clear()
