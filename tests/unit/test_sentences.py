"""What people read of a failure is told in their language: nothing of ours stays in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import consumers
from ops.language import catalogue
from schemas.sentences import say, speak

CONSUMERS = Path(consumers.__file__).parent
TOLD = frozenset(
    {
        "AuthorisationRefused",
        "OutcomeUnknown",
        "Problem",
        "Rejected",
        "SettingCheck",
        "TakenAway",
        "Transient",
        "Unavailable",
        "UnknownTax",
    }
)
"""What carries words to people."""
WORDS = re.compile(r"(?<![\w-])[a-z]{2,}[,;]? [a-z]{2,}")
ITSELF = "consumers/systems/reference/system.py"
"""Its damage is for tests; no accountant meets it."""


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def unsaid(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with English words that reach people otherwise than by `say`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told: list[ast.AST] = []
    for node in ast.walk(tree):
        if called(node) in TOLD:
            told.append(node)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in ("detail", "told", "words")
            for target in node.targets
        ):
            told.append(node.value)
    said = {
        part for node in told for inner in ast.walk(node) if called(inner) == "say"
        for part in ast.walk(inner)
    }  # fmt: skip
    for node in told:
        for part in ast.walk(node):
            text = part.value if isinstance(part, ast.Constant) else None
            if isinstance(text, str) and part not in said and WORDS.search(text):
                yield node.lineno, text


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CONSUMERS.rglob("*.py")) if not str(path).endswith(ITSELF)],
    ids=lambda path: str(path.relative_to(CONSUMERS)),
)
def test_words_that_reach_people_are_said(path: Path) -> None:
    assert list(unsaid(path)) == []


def test_no_sentence_is_told_before_the_language_is_known() -> None:
    """At import nobody has spoken yet: it would stay English for ever."""
    for path in sorted(CONSUMERS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        inside = {
            part
            for node in ast.walk(tree)
            if isinstance(node, functions)
            for body in (node.body if isinstance(node.body, list) else [node.body])
            for part in ast.walk(body)
        }
        early = [n.lineno for n in ast.walk(tree) if called(n) == "say" and n not in inside]
        assert early == [], path


def test_a_sentence_is_told_in_the_language_that_was_chosen() -> None:
    speak(catalogue("fr").gettext)
    told = say("the invoice {number} is not known in {system}", number="F-1", system="Sage")
    assert told == "la facture F-1 n’est pas connue dans Sage"
    speak(catalogue("en").gettext)
    assert say("{setting} is not set", setting="accounts.deposit") == "accounts.deposit is not set"


def test_a_sentence_without_a_translation_is_told_as_it_is() -> None:
    speak(catalogue("fr").gettext)
    assert say("nobody wrote {this} down", this="it") == "nobody wrote it down"
    speak(None)
    assert say("") == ""
