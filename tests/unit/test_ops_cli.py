"""The command line: options, languages, exit codes, what is said where, and `--help`."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerUnavailable
from consumers.systems import registry
from ops import labels, wiring
from ops.broker.layout import BrokerNotInstalledError, BrokerStartError
from ops.cli import app as cli
from ops.cli.context import Exit, explained, patiently
from ops.language import Words, said
from ops.settings import ConfigurationError
from ops.synchronise import NotFreeError
from producers.dataverse import AuthFault, ConfigFault, MembriUnavailable
from schemas.reasons import SystemReason
from schemas.wire.channel import BrokerUnavailable, TopologyConflict
from tests.ops_configuration import write

runner = CliRunner()


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests, and a width that wraps little."""
    for name in ("LANG", "LC_ALL", "LC_MESSAGES", "MEMBRI_SYNC_LANG", "MEMBRI_SYNC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path)


def run(*words: str | Path, typed: str = "") -> Any:
    return runner.invoke(cli.app, [str(word) for word in words], input=typed)


# --- options and help -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("status --json", "--json status"),
        ("dead list --json --reason x", "--json dead list --reason x"),
        ("status --config f", "--config f status"),
        ("status --config=f --lang=en", "--config=f --lang=en status"),
        ("check --verbose --lang fr", "--verbose --lang fr check"),
        ("record -- --json", "record -- --json"),
        ("status --config", "--config status"),
    ],
)
def test_options_of_all_commands_may_follow_the_command(typed: str, understood: str) -> None:
    assert cli.options_first(typed.split()) == understood.split()


def commands() -> Iterator[list[str]]:
    yield []
    top = typer.main.get_command(cli.app)
    for name, command in top.commands.items():  # type: ignore[attr-defined]  # a group
        yield [name]
        for sub in getattr(command, "commands", {}):
            yield [name, sub]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_explains_itself(words: list[str]) -> None:
    told = run(*words, "--help")
    assert told.exit_code == 0
    assert "<" not in told.output  # a type of Python's, such as <bool>
    assert "\b" not in told.output
    body = told.output.split("Options:")[0]
    if words and words not in (["dead"], ["topology"]):
        assert "Example" in body
        assert f"    membri-sync {' '.join(words)}" in body
    else:
        assert "membri-sync" in told.output or "Commands:" in told.output


def test_the_page_of_all_commands_names_exit_codes_and_variables() -> None:
    told = run("--help").output
    for expected in ("MEMBRI_SYNC_CONFIG", "MEMBRI_SYNC_LANG", "MEMBRI_SYNC__SECTION__KEY"):
        assert expected in told
    for line in ("0 done", "1 done, and some", "2 wrong usage", "3 something cannot be reached"):
        assert line in told


@pytest.mark.parametrize(
    "words", [["onze"], ["status", "--colour"], ["record"], ["--lang", "de", "systems"], ["pause"]]
)
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    assert run(*words).exit_code == Exit.USAGE


def test_the_version_needs_no_configuration() -> None:
    told = run("--version")
    assert told.exit_code == 0
    assert told.output.strip()


# --- languages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "variables", "told"),
    [
        (["systems"], {}, "Par défaut"),
        (["--lang", "en", "systems"], {}, "Default"),
        (["systems"], {"MEMBRI_SYNC_LANG": "en"}, "Default"),
        (["systems"], {"LANG": "en_CA.UTF-8"}, "Default"),
        (["systems"], {"LANG": "C.UTF-8"}, "Par défaut"),
        (["systems"], {"LANG": "en_CA.UTF-8", "MEMBRI_SYNC_LANG": "fr"}, "Par défaut"),
        (["--lang", "fr", "systems"], {"MEMBRI_SYNC_LANG": "en"}, "Par défaut"),
    ],
)
def test_the_option_wins_over_the_variable_and_that_over_the_locale(
    monkeypatch: pytest.MonkeyPatch, words: list[str], variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert told in run(*words).output


def test_json_is_the_same_in_both_languages() -> None:
    outputs = {run("--lang", lang, "--json", "systems").output for lang in ("fr", "en")}
    assert len(outputs) == 1
    found = json.loads(outputs.pop())
    assert found["quickbooks_online"]["client_id"] == {"type": "string", "default": "required"}
    assert found["quickbooks_online"]["client_secret"]["type"] == "secret"


# --- exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigurationError("f: membri.url: missing"), 2, "f: membri.url: missing"),
        (ConfigFault("no such table"), 2, "no such table"),
        (AuthFault("wrong secret"), 2, "wrong secret"),
        (TopologyConflict("missing: queue q"), 2, "missing: queue q"),
        (BrokerUnavailable("refused"), 3, "RabbitMQ est injoignable: refused"),
        (BrokerStartError("no room"), 3, "no room"),
        (BrokerNotInstalledError(), 3, "apt-get install rabbitmq-server"),
        (LedgerUnavailable("locked"), 3, "Le registre ne peut pas être utilisé: locked"),
        (MembriUnavailable("no route"), 3, "Membri ne peut pas être utilisé: no route"),
        (Unavailable(SystemReason.UNREACHABLE, "no answer"), 3, "ne répond pas"),
        (NotFreeError(said("{chapter} is paused", chapter="laval")), 3, "laval est en pause"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_goes_wrong_outside_is_one_message_and_the_right_code(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained(Words("fr")):
        raise error
    assert ended.value.exit_code == code
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True)


def test_a_message_never_shows_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), explained():
        raise BrokerUnavailable("amqp://u:hidden-word@host/ refused")
    assert "hidden-word" not in capsys.readouterr().err


def test_our_own_bug_is_not_explained_away() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "words",
    [["status"], ["check"], ["once"], ["record", "x"], ["dead", "list"], ["topology", "show"]],
)
def test_a_missing_configuration_ends_with_2_and_names_the_file(words: list[str]) -> None:
    told = run("--config", "/nowhere.toml", *words)
    assert told.exit_code == Exit.USAGE
    assert "/nowhere.toml: no such file" in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize("words", [["dead", "list"], ["topology", "apply"], ["poll", "--once"]])
def test_what_needs_the_broker_ends_with_3_when_it_is_away(
    config: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "dataverse", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(wiring, "membri", _away)
    told = run("--config", config, *words)
    assert told.exit_code == Exit.UNAVAILABLE
    assert "broker-password" not in told.output


def _away(*_: object) -> None:
    raise MembriUnavailable("no route")


def test_status_is_told_without_a_broker_too(config: Path) -> None:
    told = run("--config", config, "status")
    assert told.exit_code == 3
    assert "! RabbitMQ est injoignable" in told.output
    assert "montreal" in told.output


# --- waiting for what is away -----------------------------------------------------------------


def test_a_role_waits_for_what_is_away_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([BrokerUnavailable("away"), BrokerUnavailable("away"), "here"])

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with caplog.at_level("WARNING"):
        assert patiently(threading.Event(), make, first_s=0.001) == "here"
    assert [record.getMessage() for record in caplog.records] == ["waiting: away"]


def test_a_role_that_is_told_to_stop_waits_no_longer() -> None:
    stop = threading.Event()

    def make() -> str:
        stop.set()
        raise BrokerUnavailable("away")

    assert patiently(stop, make) is None


def test_a_wrong_configuration_is_not_waited_for_but_a_refused_login_is() -> None:
    stop = threading.Event()

    def wrong() -> None:
        raise ConfigFault("no such table")

    with pytest.raises(ConfigFault):
        patiently(stop, wrong)

    def refused() -> None:
        stop.set()
        raise AuthFault("expired")

    assert patiently(stop, refused) is None


def test_systems_say_their_customer_key_what_they_take_and_what_is_of_their_own() -> None:
    told = run("--lang", "fr", "systems").output
    for words in (
        'QuickBooks Online (system = "quickbooks_online")',
        "Les clients y sont reconnus par leur nom",
        "Les clients y sont reconnus par leur numéro",
        "Reçoit : Comptes clients, Factures et notes de crédit, Paiements, Entrées de journal",
        "Ce qui lui est propre : une personne l’autorise, pour environ 100 jours",
    ):
        assert words in told
    found = json.loads(run("--json", "systems").output)
    assert set(found) == set(registry.names())
    for name, keys in found.items():
        about = keys["about"]
        assert about["customer_key"] in ("name", "number")
        assert about["own"] == labels.OWN[name]
        assert about["entities"] == ["account", "invoice", "payment", "journal_entry"]
        assert about["longest"]["name"] > 0
    assert found["quickbooks_online"]["client_id"] == {"type": "string", "default": "required"}
    assert found["quickbooks_online"]["client_secret"]["type"] == "secret"
