"""Checks: each thing looked at with its remedy, whatever is wrong outside."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerUnavailable
from consumers.system import Health, SettingCheck
from ops import checks, wiring
from ops.checks import Check, all_checks
from ops.cli import app as cli
from ops.language import Words
from ops.settings import Settings
from producers.dataverse import AuthFault, MembriUnavailable
from producers.discovery import Discovery, Finding
from schemas.reasons import SettingReason, SystemReason
from schemas.wire.channel import BrokerUnavailable
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import Topology
from tests.ops_configuration import TEXT, settings

GOOD = Finding("columns of account", ok=True, text="all there")
BAD = Finding("account.x", ok=False, text="there is no such column", remedy="correct the mapping")


class System:
    """A system of which a test says how a probe ends, and what its settings are."""

    def __init__(self, ends: Health | Unavailable, *settings: SettingCheck | Unavailable) -> None:
        self._ends = ends
        self._settings = settings
        self.closed = False

    def check_settings(self) -> list[SettingCheck]:
        assert not self.closed
        for one in self._settings:
            if isinstance(one, Unavailable):
                raise one
        return [one for one in self._settings if isinstance(one, SettingCheck)]

    def probe(self) -> Health:
        self.closed = False  # both chapters of these tests have the same system
        if isinstance(self._ends, Unavailable):
            raise self._ends
        return self._ends

    def close(self) -> None:
        self.closed = True


class Outside:
    """What the checks find; all is well until a test says otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.settings = settings(folder)
        self.broker: Any = MemoryBroker(wiring.the_topology(self.settings))
        self.findings: tuple[Finding, ...] = (GOOD,)
        self.membri: Exception | None = None
        self.system = System(Health("Association"))
        monkeypatch.setattr(wiring, "broker", lambda *_: self.broker)
        monkeypatch.setattr(wiring, "dataverse", self._dataverse)
        monkeypatch.setattr(wiring, "look_at_membri", self._look)
        monkeypatch.setattr(wiring, "system", lambda *_: self.system)

    @contextlib.contextmanager
    def _dataverse(self, _: Settings) -> Iterator[None]:
        if self.membri is not None:
            raise self.membri
        yield None

    def _look(self, *_: object) -> Discovery:
        return Discovery(self.findings, 500, {})

    def checks(self, subject: str) -> list[Check]:
        return [one for one in all_checks(self.settings) if one.subject.startswith(subject)]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Outside:
    return Outside(monkeypatch, tmp_path)


def test_when_all_is_well_every_line_is_ok_and_systems_are_closed(outside: Outside) -> None:
    found = list(all_checks(outside.settings))
    assert {one.state for one in found} == {"ok"}
    assert [one.subject for one in found if not one.detail] == [
        "configuration",
        "broker",
        "ledger",
        "membri",
        "montreal reference",
        "quebec reference",
    ]
    assert outside.system.closed


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ('deferred_revenue = "on_date"', ["warning"]),
        ('deferred_revenue = "upfront"', ["warning"]),
        ('deferred_revenue = "on_date"\ndeferral_since = 2026-11-01', []),
        ('deferred_revenue = "off"', []),
    ],
)
def test_deferral_that_begins_on_no_day_is_warned_of_since_old_dues_get_entries_too(
    outside: Outside, tmp_path: Path, said: str, states: list[str]
) -> None:
    quebec = 'slug = "quebec"\nsystem = "reference"\n'
    outside.settings = settings(
        tmp_path, TEXT.replace(quebec, f"{quebec}[chapters.settings]\n{said}\n")
    )
    found = outside.checks("quebec deferral_since")
    assert [one.state for one in found] == states
    for one in found:
        assert "reçoivent aussi des entrées" in Words("fr").tell(one.text)
        assert "deferral_since" in one.as_json()["remedy"]
    words = ["--config", str(outside.settings.file), "--lang", "fr"]
    done = CliRunner().invoke(cli.app, [*words, "check"])
    assert done.exit_code == 0
    assert ("! quebec deferral_since: " in done.output) is bool(states)


def test_no_line_shows_a_secret(outside: Outside) -> None:
    told = " ".join(str(one.as_json()) for one in all_checks(outside.settings))
    assert "broker-password" not in told
    assert "127.0.0.1:1 " in told


def test_a_broker_that_is_down_is_unavailable(outside: Outside) -> None:
    outside.broker.go_down()
    [check] = outside.checks("broker")
    assert (check.state, str(check.remedy)) == (
        "unavailable",
        "start it, or correct [broker] url",
    )


def test_a_broker_without_our_queues_wants_the_topology(outside: Outside) -> None:
    outside.broker = MemoryBroker()
    [check] = outside.checks("broker")
    assert (check.state, str(check.remedy)) == ("wrong", "membri-sync topology apply")
    assert "missing" in str(check.text)


def test_without_a_broker_the_private_one_is_announced(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.settings = settings(
        tmp_path, TEXT.replace('url = "amqp://user:broker-password@127.0.0.1:1/"', "")
    )
    [check] = outside.checks("broker")
    assert check.state == "ok"
    assert "`membri-sync up` starts a private one" in str(check.text)

    folder = Path(outside.settings.broker.folder)
    folder.mkdir(parents=True)
    wiring.private_url_file(folder).write_text("amqp://u:p@127.0.0.1:2/")
    [check] = outside.checks("broker")
    assert "127.0.0.1:2 " in str(check.text)

    class Stopped:
        def verify(self, _: Topology) -> None:
            raise BrokerUnavailable("refused")

    outside.broker = Stopped()
    [check] = outside.checks("broker")
    assert (check.state, str(check.remedy)) == ("ok", "`membri-sync up` starts it")


def test_a_ledger_that_cannot_be_opened_is_unavailable(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise LedgerUnavailable("locked")

    monkeypatch.setattr(wiring, "ledger", locked)
    [check] = outside.checks("ledger")
    assert (check.state, str(check.text)) == ("unavailable", "locked")


@pytest.mark.parametrize(
    ("error", "state", "remedy"),
    [
        (AuthFault("401"), "wrong", "correct [membri] client_id and its secret"),
        (MembriUnavailable("no route"), "unavailable", "correct [membri] url, or try again later"),
    ],
)
def test_membri_that_does_not_let_us_in_or_is_away(
    outside: Outside, error: Exception, state: str, remedy: str
) -> None:
    outside.membri = error
    [check] = outside.checks("membri")
    assert (check.state, str(check.remedy)) == (state, remedy)


def test_each_mismatch_of_the_mapping_is_a_line_and_then_nothing_is_called_right(
    outside: Outside,
) -> None:
    outside.findings = (GOOD, BAD)
    good, bad = outside.checks("membri")
    assert (good.state, good.detail) == ("ok", True)
    assert (bad.subject, bad.state, bad.detail) == ("membri account.x", "wrong", False)
    assert str(bad.remedy) == "correct the mapping"


@pytest.mark.parametrize(
    ("reason", "state", "remedy"),
    [
        (SystemReason.UNAUTHORISED, "wrong", "membri-sync authorize montreal"),
        (SystemReason.MISCONFIGURED, "wrong", ""),
        (SystemReason.UNREACHABLE, "unavailable", ""),
        (SystemReason.MAINTENANCE, "unavailable", ""),
        (SystemReason.THROTTLED, "ok", ""),
    ],
)
def test_a_closed_system_says_why_and_what_to_do(
    outside: Outside, reason: SystemReason, state: str, remedy: str
) -> None:
    outside.system = System(Unavailable(reason, "no answer"))
    [check] = outside.checks("montreal")
    assert (check.state, check.reason, str(check.text)) == (state, reason, "no answer")
    assert str(check.remedy) == remedy
    assert outside.system.closed


@pytest.mark.parametrize(("days", "announced"), [(13, True), (15, False)])
def test_an_authorisation_that_ends_within_two_weeks_is_announced(
    outside: Outside, days: int, announced: bool
) -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)
    outside.system = System(Health("Association", authorised_until=until, notes=("a note",)))
    check, note = outside.checks("montreal")
    assert check.state == "ok"
    assert bool(check.remedy.text) is announced
    assert str(until.date()) in str(check.text)
    assert Words("fr").date(until.date()) in Words("fr").tell(check.text)
    assert str(note.text) == "a note"


RIGHT = SettingCheck("accounts.terms", "52", detail="« Net 30 »")
WARNED = SettingCheck(
    "accounts.income.membership", "20", SettingReason.DEFERRED_TWICE, "A ≠ B", blocking=False
)
WRONG = SettingCheck("accounts.deposit", "10", SettingReason.WRONG_KIND, "Income ≠ Bank")


def test_each_setting_is_a_line_the_wrong_ones_first_and_the_right_ones_folded(
    outside: Outside,
) -> None:
    outside.system = System(Health("Association"), RIGHT, WARNED, WRONG)
    probe, wrong, warned, right, folded = outside.checks("montreal")
    assert (probe.state, str(probe.text)) == ("ok", "open: Association")
    assert (wrong.state, wrong.reason, wrong.detail) == ("wrong", SettingReason.WRONG_KIND, False)
    assert (wrong.subject, str(wrong.text)) == (
        "montreal reference accounts.deposit",
        "10 (Income ≠ Bank)",
    )
    assert (warned.state, warned.reason) == ("warning", SettingReason.DEFERRED_TWICE)
    assert (right.state, right.detail) == ("ok", True)
    assert str(folded.text) == "settings are as the company needs them (1)"
    assert not folded.detail
    assert outside.system.closed


def test_programs_are_given_the_setting_its_value_the_code_and_the_remedy(
    outside: Outside,
) -> None:
    outside.system = System(Health("Association"), WRONG)
    _, wrong = outside.checks("montreal")
    told = wrong.as_json()
    assert (told["setting"], told["value"], told["detail"]) == (
        "accounts.deposit",
        "10",
        "Income ≠ Bank",
    )
    assert told["reason"] == "wrong_kind"
    assert told["remedy"] == "Correct the code in the chapter's configuration."


def test_a_system_that_closes_while_its_settings_are_read_says_why(outside: Outside) -> None:
    away = Unavailable(SystemReason.UNREACHABLE, "gone")
    outside.system = System(Health("Association"), away)
    probe, closed = outside.checks("montreal")
    assert (probe.state, closed.state, closed.reason) == (
        "ok",
        "unavailable",
        SystemReason.UNREACHABLE,
    )


def test_settings_that_keep_a_system_closed_are_named_one_by_one(outside: Outside) -> None:
    closed = Unavailable(SystemReason.MISCONFIGURED, "accounts.deposit = '10' is no bank")
    outside.system = System(closed, WRONG)
    probe, wrong = outside.checks("montreal")
    assert (probe.state, wrong.state) == ("wrong", "wrong")
    outside.system = System(closed, closed)
    assert [one.state for one in outside.checks("montreal")] == ["wrong"]


def test_a_check_is_told_in_french_and_given_to_programs_in_english(outside: Outside) -> None:
    outside.broker = MemoryBroker(wiring.the_topology(outside.settings))
    [check] = outside.checks("broker")
    assert "tous les échanges et files sont là" in Words("fr").tell(check.text)
    assert check.as_json()["text"].endswith("all exchanges and queues are there")
    assert set(check.as_json()) == {"subject", "state", "text", "remedy", "reason"}
    assert dt.timedelta(days=14) == checks.EXPIRY_WARNING


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        ([RIGHT, WARNED], 0, "! montreal reference accounts.income.membership: 20 (A ≠ B)"),
        ([RIGHT, WRONG], 2, "✗ montreal reference accounts.deposit: 10 (Income ≠ Bank)"),
    ],
)
def test_a_warning_changes_no_exit_code_and_what_is_wrong_is_told_with_who_corrects_it(
    outside: Outside, found: list[SettingCheck], code: int, told: str
) -> None:
    outside.system = System(Health("Association"), *found)
    words = ["--config", str(outside.settings.file), "--lang", "fr"]
    done = CliRunner().invoke(cli.app, [*words, "check"])
    assert done.exit_code == code
    assert told in done.output
    assert "    → Paramètres comptables du chapitre · " in done.output
    assert "accounts.terms" not in done.output
    assert "les réglages conviennent à l’entreprise (1)" in done.output
    verbose = CliRunner().invoke(cli.app, [*words, "--verbose", "check"])
    assert "✓ montreal reference accounts.terms: 52 (« Net 30 »)" in verbose.output
