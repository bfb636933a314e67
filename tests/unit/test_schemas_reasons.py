"""Every reason has words that a person can act on, in both languages, and a runbook page."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import records
from schemas.outcomes import TransferFailed
from schemas.reasons import (
    EXPLANATION_MAX,
    Reason,
    SettingReason,
    SystemReason,
    WaitReason,
    explain,
    field_label,
    setting_text,
    text,
)

NO_ROW = Reason.CANCELLED_AFTER_ENTRY  # of entries alone: Membri has no table of them
CODES = [*Reason, *SystemReason, *WaitReason]
RUNBOOKS = Path(__file__).resolve().parents[2] / "ops" / "runbooks" / "reasons"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_happened_what_to_correct_where_and_who(code, lang):
    words = text(code, lang)
    for part in words:
        assert part.strip() == part
        assert part
        assert len(part) <= 220
    assert words.what.endswith(".")
    assert words.correct.endswith(".")
    assert "_" not in words.what + words.correct
    assert len(explain(code, lang, "lines.3.gst", "x" * 5000)) <= EXPLANATION_MAX


@pytest.mark.parametrize("code", CODES)
def test_the_two_languages_are_two_texts(code):
    french, english = text(code, "fr"), text(code, "en")
    assert french.what != english.what
    assert french.correct != english.correct


@pytest.mark.parametrize("code", [one for one in Reason if one is not NO_ROW])
def test_a_correction_ends_with_the_status_or_the_reference_to_set(code):
    for lang in ("fr", "en"):
        correction = text(code, lang).correct
        assert "À transférer" in correction or "Référence de synchronisation" in correction


def test_what_has_no_row_in_membri_sends_nobody_to_a_field_there():
    for lang in ("fr", "en"):
        assert "«" not in text(NO_ROW, lang).correct
        told = explain(NO_ROW, lang, detail="2026-01-31, 8.33 CAD, RPA-0042")
        assert told in (RUNBOOKS / f"{NO_ROW}.md").read_text(encoding="utf-8")


def test_an_explanation_holds_the_field_the_figures_and_the_correction():
    told = explain(Reason.TOTALS_DIFFER, "fr", "total", "lignes 114,98 ; total 115,00")
    assert "(Total : lignes 114,98 ; total 115,00)" in told
    assert told.endswith(text(Reason.TOTALS_DIFFER, "fr").correct)
    assert "(Line 1, GST (TPS): 5.00)" in explain(Reason.UNKNOWN_TAX, "en", "lines.0.gst", "5.00")


def test_an_explanation_without_facts_has_no_empty_brackets():
    assert "(" not in explain(Reason.UNREADABLE, "fr")
    assert "(Nom du compte)" in explain(Reason.MISSING_FIELD, "fr", "name")


def test_a_bug_tells_its_last_line_and_no_traceback():
    detail = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: 7 is odd'
    told = explain(Reason.BUG, "fr", detail=detail)
    assert "(ValueError: 7 is odd)" in told
    assert "Traceback" not in told


def test_an_unknown_language_reads_english():
    assert explain(Reason.BUG, "de") == explain(Reason.BUG, "en")


def test_every_field_of_a_record_has_a_label_in_both_languages():
    parts = [
        records.Account,
        records.Address,
        records.Invoice,
        records.Line,
        records.Payment,
        records.Allocation,
        records.JournalEntry,
    ]
    not_shown = {"dataversion"}
    names = {name for part in parts for name in part.model_fields} - not_shown - {"lines"}
    for name in names:
        for lang in ("fr", "en"):
            assert field_label(name, lang) != name, name
            assert "_" not in field_label(name, lang)


def test_lines_are_counted_as_people_count():
    assert field_label("lines.2.gst", "fr") == "Ligne 3, TPS"
    assert field_label("data.lines.0.amount", "fr") == "Ligne 1, Montant"
    assert field_label("allocations.1.invoice", "en") == "Invoice 2, Invoice"
    assert field_label("something_else", "fr") == "something_else"
    assert field_label("", "fr") == ""


def test_no_two_lists_share_a_code():
    assert len({str(code) for code in CODES}) == len(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_runbook_page_that_names_it(code):
    page = (RUNBOOKS / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# `{code}`")
    assert text(code, "fr").what in page
    for heading in ("## Symptom", "## Cause", "## Who acts", "## What to do", "## Afterwards"):
        assert heading in page
    assert "membri-sync" in page


def test_no_runbook_page_is_left_of_a_code_that_is_gone():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {str(code) for code in CODES}


def test_a_failure_takes_only_codes_of_the_list():
    with pytest.raises(ValueError, match="reason"):
        TransferFailed.model_validate({"id": "1", "table": "invoice", "reason": "because"})


@pytest.mark.parametrize("code", [*SettingReason])
def test_what_is_wrong_with_a_setting_has_words_in_both_languages(code):
    french, english = setting_text(code, "fr"), setting_text(code, "en")
    assert french.what != english.what
    assert french.correct != english.correct
    for part in (*french, *english):
        assert part
        assert part.strip() == part
