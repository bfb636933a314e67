"""Commands on a broker and a ledger, `once` and `demo`, and what is seen while they run."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from consumers.errors import Unavailable
from consumers.ledger.port import Changes, Entry, Key, Note, State, Wait
from ops import rehearsal, wiring
from ops.cli import app as cli
from ops.cli import context, progress
from ops.cli.context import Context, Exit
from ops.language import Words
from ops.report import Failure, Report
from ops.synchronise import Synchronisation
from schemas.facts import TransferEnded
from schemas.reasons import Reason, SystemReason, WaitReason
from schemas.statuses import Entity
from schemas.wire.channel import PublishOutcome
from schemas.wire.codec import encode
from schemas.wire.dead_letters import dead_letter
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import routing_key
from tests.builders import CHANGED, CHAPTER, SYSTEM, event, invoice
from tests.ops_configuration import settings, write

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


# --- commands on a broker and a ledger --------------------------------------------------------


@pytest.fixture
def broker(config: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryBroker:
    one = MemoryBroker(wiring.the_topology(settings(config.parent)))
    monkeypatch.setattr(wiring, "broker", lambda *_: one)
    for record in (invoice("i1"), invoice("i2")):
        letter = dead_letter(
            encode(event(record)),
            reason=Reason.CLOSED_PERIOD,
            detail="2024-12-31",
            first_failed_at=CHANGED,
            failed_by="consume montreal",
            routing_key=routing_key("invoice", SYSTEM, CHAPTER),
            message_id=event(record).id,
        )
        one.publisher().publish([letter])
    return one


def test_dead_letters_are_listed_as_a_table_and_as_json(config: Path, broker: MemoryBroker) -> None:
    assert "2 messages mis de côté" in run("--config", config, "dead", "list").output
    found = json.loads(run("--config", config, "--json", "dead", "list").output)
    assert [one["record"] for one in found] == ["i1", "i2"]
    assert {one["reason"] for one in found} == {"closed_period"}
    none = run("--config", config, "dead", "list", "--entity", "payment")
    assert (none.exit_code, none.output.strip()) == (0, "aucun message mis de côté")


@pytest.mark.parametrize(
    "option",
    [["--entity", "bill"], ["--reason", "closed"], ["--system", "sage"], ["--chapter", "x"]],
)
def test_a_misspelt_filter_is_refused_rather_than_finding_nothing(
    config: Path, broker: MemoryBroker, option: list[str]
) -> None:
    told = run("--config", config, "dead", "list", *option)
    assert told.exit_code == Exit.USAGE
    assert option[1] in told.stderr


def test_one_letter_is_shown_with_its_reason_and_its_message(
    config: Path, broker: MemoryBroker
) -> None:
    told = run("--config", config, "dead", "show", "i1").output
    for expected in (
        "[closed_period]",
        "période fermée",
        '"subject": "i1"',
        event(invoice("i1")).id,
    ):
        assert expected in told
    assert run("--config", config, "dead", "show", "i9").exit_code == Exit.USAGE


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_without_a_letter_or_a_filter_nothing_is_touched(
    config: Path, broker: MemoryBroker, verb: str
) -> None:
    assert run("--config", config, "dead", verb, "--yes").exit_code == Exit.USAGE
    assert run("--config", config, "dead", verb, "nothing-like-it").exit_code == Exit.USAGE
    assert len(json.loads(run("--config", config, "--json", "dead", "list").output)) == 2


@pytest.mark.parametrize(
    ("typed", "code", "left"), [("n\n", 0, 2), ("", Exit.USAGE, 2), ("y\n", 0, 0)]
)
def test_several_letters_are_removed_only_when_a_person_agrees(
    config: Path, broker: MemoryBroker, typed: str, code: int, left: int
) -> None:
    command = ("--config", config, "dead", "discard", "--reason", "closed_period")
    told = run(*command, typed=typed)
    assert told.exit_code == code
    assert "Retirer 2 messages mis de côté ?" in told.output
    assert len(json.loads(run("--config", config, "--json", "dead", "list").output)) == left


def test_a_program_says_yes_before_it_discards_several(config: Path, broker: MemoryBroker) -> None:
    command = ("--config", config, "--json", "dead", "discard", "--entity", "invoice")
    assert run(*command).exit_code == Exit.USAGE
    assert json.loads(run(*command, "--yes").output) == {"discarded": 2}


def test_a_replay_tells_how_many_went_and_why_others_stay(
    config: Path, broker: MemoryBroker
) -> None:
    command = ("--config", config, "dead", "replay", "--as-is")
    one = run(*command, "i1")
    assert (one.exit_code, one.output.strip()) == (0, "1 message a été renvoyé")
    broker.next_publish(PublishOutcome.RETURNED)
    stays = run(*command, "i2")
    assert stays.exit_code == Exit.UNAVAILABLE
    assert "reste où il est : RabbitMQ ne l’a pas confirmé (returned)" in stays.output


def test_the_timeline_of_a_record_ends_with_where_it_stands(config: Path) -> None:
    key = Key(Entity.INVOICE, "i1")
    ledger = wiring.ledger(settings(config.parent), CHAPTER)
    note = Note(key, CHANGED.timestamp(), "waiting.waits_for_account", "status=on_hold")
    done = Entry(key, State.DONE, "a1", reference="F-1", changed_at=CHANGED.timestamp() + 60)
    ledger.commit(Changes(notes=[note], entries=[done]), None, CHANGED.timestamp())
    ledger.close()
    told = run("--config", config, "record", "{I1}")
    assert "Attend son compte client" in told.output
    assert "statut : En attente" in told.output
    assert "Transfert complété" in told.output.splitlines()[-1]
    found = json.loads(run("--config", config, "--json", "record", "i1").output)
    assert [(one["what"], one["now"]) for one in found] == [
        ("waiting.waits_for_account", False),
        ("done", True),
    ]
    assert found[0]["at"] == CHANGED.isoformat()
    assert run("--config", config, "record", "i2").exit_code == Exit.USAGE


def test_a_waiting_record_says_what_it_waits_for(config: Path) -> None:
    ledger = wiring.ledger(settings(config.parent), CHAPTER)
    wait = Wait(
        Key(Entity.INVOICE, "i1"),
        WaitReason.WAITS_FOR_ACCOUNT,
        encode(event(invoice("i1"))),
        "a1",
        since=CHANGED.timestamp(),
        waits_for=Key(Entity.ACCOUNT, "a1"),
    )
    ledger.commit(Changes(waits=[wait]), None, CHANGED.timestamp())
    ledger.close()
    [line] = json.loads(run("--config", config, "--json", "record", "i1").output)
    assert (line["what"], line["waits_for"], line["now"]) == (
        "waits_for_account",
        "account a1",
        True,
    )
    assert "Attend son compte client" in run("--config", config, "record", "i1").output


def test_pause_and_resume_show_in_status(config: Path) -> None:
    assert "montreal est en pause" in run("--config", config, "pause", "Montréal").output
    paused = json.loads(run("--config", config, "--json", "status").output)["chapters"][0]
    assert paused["paused"] == "paused by an operator"
    assert "montreal reprend" in run("--config", config, "resume", "montreal").output
    resumed = json.loads(run("--config", config, "--json", "status").output)["chapters"][0]
    assert resumed["paused"] is None
    assert run("--config", config, "pause", "laval").exit_code == Exit.USAGE


def test_the_topology_is_shown_applied_and_its_rights_told(
    config: Path, broker: MemoryBroker
) -> None:
    told = run("--config", config, "topology", "show").output
    assert "*.reference.montreal  → membri.reference.montreal" in told
    assert "x-queue-type" in run("--config", config, "-v", "topology", "show").output
    applied = run("--config", config, "--json", "topology", "apply")
    assert json.loads(applied.output)["exchanges"] == 4
    rights = run("--config", config, "topology", "permissions").output
    lines = [line for line in rights.splitlines() if "set_permissions" in line]
    assert len(lines) == 5  # none was wrapped


# --- once and demo ----------------------------------------------------------------------------

FAILED = Report({}, (), (Failure(CHAPTER, "invoice", "i1", "F-1", "closed_period", "date", "x"),))
BOOKS = {"offences": 0, "books_match": True, "differences": []}


@pytest.mark.parametrize(("report", "code"), [(Report({}, (), ()), 0), (FAILED, 1)])
def test_once_ends_with_1_when_records_are_in_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, report: Report, code: int
) -> None:
    monkeypatch.setattr(Synchronisation, "run", lambda _: report)
    told = run("--config", config, "--json", "once", "--chapter", "Montréal")
    assert told.exit_code == code
    assert set(json.loads(told.stdout)) == {"entities", "waiting", "errors"}
    assert told.stderr == ""
    assert run("--config", config, "once", "--chapter", "laval").exit_code == Exit.USAGE


def test_once_says_which_system_is_closed_and_what_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Synchronisation) -> Report:
        raise Unavailable(SystemReason.UNAUTHORISED, "montreal: token expired")

    monkeypatch.setattr(Synchronisation, "run", closed)
    told = run("--config", config, "once")
    assert told.exit_code == Exit.UNAVAILABLE
    first, second = told.stderr.splitlines()
    assert first.endswith("(montreal: token expired)")
    assert second == "→ Refaites l'autorisation ; le transfert reprend tout seul."


@pytest.mark.parametrize(
    ("matched", "told"),
    [
        (True, "Les livres sont tels qu’ils doivent être, au cent près."),
        (False, "Les livres DIFFÈRENT"),
    ],
)
def test_a_rehearsal_ends_with_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matched: bool, told: str
) -> None:
    extra = {"offences": 2, "books_match": matched, "differences": ["1 cent"]}

    def ended(self: rehearsal.Demo, *_: object, **__: object) -> Any:
        self.report = Report({}, (), FAILED.errors, extra)
        return rehearsal.Ended("condition")

    monkeypatch.setattr(rehearsal.Demo, "run", ended)
    shown = run("demo", "--once", "--folder", tmp_path / "demo")
    assert shown.exit_code == Exit.TRANSFER_ERRORS
    assert told in shown.output
    assert ("1 cent" in shown.output) is not matched
    assert "2 entorses aux règles des systèmes externes." in shown.output
    as_json = run("--json", "demo", "--once", "--folder", tmp_path / "demo")
    assert set(json.loads(as_json.stdout)) >= {"entities", "waiting", "errors", *extra}


@pytest.mark.parametrize(("reason", "code"), [("not_ready", 3), ("signal", 130)])
def test_a_rehearsal_that_could_not_end_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Any, code: int
) -> None:
    monkeypatch.setattr(rehearsal.Demo, "run", lambda *_, **__: rehearsal.Ended(reason))
    assert run("demo", "--once", "--folder", tmp_path / "demo").exit_code == code


def test_a_folder_that_holds_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "accounts.xlsx").write_bytes(b"dear")
    told = run("demo", "--once", "--folder", tmp_path)
    assert told.exit_code == Exit.USAGE
    assert (tmp_path / "accounts.xlsx").exists()


# --- what is seen while it runs ---------------------------------------------------------------


def test_progress_is_shown_to_a_person_on_a_terminal_alone() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True)
    pipe = Console(file=io.StringIO())
    assert Context(Path("f"), console=terminal).live
    assert not Context(Path("f"), console=pipe).live
    assert not Context(Path("f"), json=True, console=terminal).live


def test_tables_in_a_pipe_are_as_wide_as_a_mail_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    assert context._console().width == context.PIPE_COLUMNS


def test_steps_and_counts_are_those_of_the_manual(tmp_path: Path) -> None:
    synchronisation = Synchronisation(settings(tmp_path), [CHAPTER])
    view = progress.SynchronisationView(synchronisation, Words("fr"))
    outcomes = (
        (Entity.ACCOUNT, "created", 2),
        (Entity.ACCOUNT, "updated", 1),
        (Entity.INVOICE, "created", 3),
        (Entity.INVOICE, "failed", 1),
        (Entity.PAYMENT, "waiting", 5),
    )
    for entity, outcome, count in outcomes:
        for _ in range(count):
            synchronisation.observe(TransferEnded(SYSTEM, entity, outcome))
    assert [line.strip() for line in view.lines()] == [
        "Créer les nouveaux comptes clients: 2",
        "Mettre à jour les comptes clients: 1",
        "Création des factures: 3 (1 erreur de transfert)",
    ]
    view.step("settle")
    stream = io.StringIO()
    Console(file=stream, width=100).print(view)
    assert "Retour des statuts et des références dans Membri" in stream.getvalue()
