"""Overview and report: from ledgers and dead letters to what a person reads."""

from __future__ import annotations

import datetime as dt
import io
import json
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest
from rich.console import Console, RenderableType

from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Entry, Key, Ledger, LedgerUnavailable, State, Wait
from ops import overview
from ops.cli.printing import SHOWN, letters_table, overview_table, report_table
from ops.dead_letters import DeadLetters, Letter
from ops.language import Words
from ops.report import Failure, Report, Waiting, collect, label_of
from schemas.reasons import Reason, WaitReason, text
from schemas.statuses import Entity
from schemas.wire.codec import encode
from schemas.wire.dead_letters import dead_letter
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import routing_key, topology
from tests.builders import (
    CHANGED,
    CHAPTER,
    SYSTEM,
    account,
    credit_note,
    event,
    invoice,
    payment,
    sent,
    taken_back,
)
from tests.deferral_bench import entries

NOW = CHANGED.timestamp()
CHAPTERS = [("Montréal", CHAPTER, SYSTEM)]
ZOE = account("a1", name="Zoé [d'Été]")


def entry(
    record_id: str, state: State, *, entity: Entity = Entity.INVOICE, at: float = NOW
) -> Entry:
    return Entry(Key(entity, record_id), state, account_id="a1", changed_at=at)


def wait(record: Any, reason: WaitReason, waits_for: Key | None = None, detail: str = "") -> Wait:
    key = Key(Entity(record.entity), record.id)
    body = encode(event(record))
    return Wait(key, reason, body, "a1", since=NOW, waits_for=waits_for, detail=detail)


def ledger_with(*, entries: tuple[Entry, ...] = (), waits: tuple[Wait, ...] = ()) -> Ledger:
    ledger = MemoryLedger(CHAPTER)
    ledger.commit(Changes(entries=entries, waits=waits), None, NOW)
    return ledger


def broker_with(*records: Any, minutes: int = 0) -> MemoryBroker:
    broker = MemoryBroker(topology([(SYSTEM, CHAPTER)]))
    for record in records:
        letter = dead_letter(
            encode(event(record)),
            reason=Reason.CLOSED_PERIOD,
            field="date",
            detail="2024-12-31 ≤ 2024-12-31",
            first_failed_at=CHANGED + dt.timedelta(minutes=minutes),
            failed_by="consume montreal",
            routing_key=routing_key(record.entity, SYSTEM, CHAPTER),
            message_id=event(record).id,
        )
        broker.publisher().publish([letter])
    return broker


def shown(what: RenderableType, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(what)
    return stream.getvalue()


# --- overview ---------------------------------------------------------------------------------


def test_an_overview_says_what_ledger_and_broker_hold() -> None:
    ledger = ledger_with(
        entries=(entry("i1", State.DONE), entry("i2", State.FAILED), entry("i3", State.UNKNOWN)),
        waits=(wait(account(), WaitReason.ACCOUNT_TO_VERIFY),),
    )
    broker = broker_with(invoice("i2"))
    found = overview.look(CHAPTERS, lambda _: ledger, broker, ages=True)
    [chapter] = found.chapters
    assert (chapter.queued, chapter.unknown, chapter.outbox) == (0, 1, 0)
    assert chapter.count(State.DONE) == chapter.count(State.FAILED) == 1
    assert chapter.waiting == {("account_to_verify", "account"): 1}
    assert chapter.waiting_by_reason()["account_to_verify"] == 1
    assert chapter.waiting_by_reason()["retry_at"] == 0
    assert chapter.oldest_waiting_at == NOW
    assert found.dead_letters[SYSTEM, "invoice"] == 1
    assert found.dead_letters[SYSTEM, "account"] == 0
    assert found.oldest_dead_letter == {SYSTEM: NOW}
    assert found.to_settle == 1
    assert found.notes == ()


def test_an_entry_waits_for_its_date_until_then_and_is_late_from_then_on() -> None:
    record = entries()[0]
    ahead = replace(wait(record, WaitReason.NOT_YET_DUE), since=NOW, due_at=time.time() + 9e6)
    late = time.time() - 9e6
    missed = replace(ahead, key=Key(ahead.key.entity, "e2"), due_at=late)
    customer = wait(account(), WaitReason.ACCOUNT_TO_VERIFY)

    def oldest(*waits: Wait) -> float | None:
        ledger = ledger_with(waits=waits)
        return overview.look(CHAPTERS, lambda _: ledger, None).chapters[0].oldest_waiting_at

    assert oldest(ahead) is None
    assert oldest(ahead, missed) == late
    assert oldest(ahead, missed, customer) == min(NOW, late)
    assert oldest(missed, replace(customer, since=late - 1)) == late - 1


def test_messages_that_no_queue_took_count_as_dead_letters() -> None:
    found = overview.look(CHAPTERS, lambda _: MemoryLedger(CHAPTER), broker_with())
    assert found.dead_letters["unknown", "unknown"] == 0


def test_a_broker_that_is_down_leaves_the_ledgers_figures_and_says_so_once() -> None:
    broker = broker_with()
    broker.go_down()
    found = overview.look(CHAPTERS, lambda _: ledger_with(), broker)
    assert found.chapters[0].queued is None
    assert (found.dead_letters, found.to_settle) == ({}, None)
    assert [str(note) for note in found.notes] == [
        "RabbitMQ cannot be reached: the broker in memory was taken down"
    ]


def test_without_a_broker_and_without_queues_the_notes_say_what_to_do() -> None:
    [note] = overview.look(CHAPTERS, lambda _: ledger_with(), None).notes
    assert "no broker is configured" in str(note)
    notes = overview.look(CHAPTERS, lambda _: ledger_with(), MemoryBroker()).notes
    assert any("topology apply" in str(note) for note in notes)


def test_a_ledger_that_cannot_be_read_is_a_note_and_the_others_are_told() -> None:
    def ledger_of(slug: str) -> Ledger:
        if slug == "quebec":
            raise LedgerUnavailable("locked")
        return ledger_with()

    found = overview.look([*CHAPTERS, ("Québec", "quebec", SYSTEM)], ledger_of, broker_with())
    assert [one.slug for one in found.chapters] == [CHAPTER]
    assert str(found.notes[0]) == "quebec: locked"


# --- report -----------------------------------------------------------------------------------


def test_a_report_counts_and_names_what_waits_and_what_failed() -> None:
    ledger = ledger_with(
        entries=(entry("i1", State.DONE), entry("p1", State.DONE, entity=Entity.PAYMENT)),
        waits=(
            wait(invoice("i9", of=ZOE), WaitReason.WAITS_FOR_ACCOUNT, Key(Entity.ACCOUNT, "a1")),
        ),
    )
    letters = DeadLetters(broker_with(invoice("i2", of=ZOE)), [SYSTEM]).all()
    told = collect({CHAPTER: ledger}, letters, offences=0).as_json()
    assert told["entities"]["invoice"] == {"transferred": 1, "waiting": 1, "errors": 1}
    assert told["entities"]["payment"] == {"transferred": 1, "waiting": 0, "errors": 0}
    assert told["waiting"] == [
        {
            "chapter": CHAPTER,
            "entity": "invoice",
            "id": "i9",
            "label": "F-i9 · Zoé [d'Été]",
            "reason": "waits_for_account",
            "detail": "",
            "waits_for": "account a1",
        }
    ]
    [error] = told["errors"]
    assert (error["id"], error["reason"], error["field"]) == ("i2", "closed_period", "date")
    assert told["offences"] == 0
    assert json.loads(orjson.dumps(told)) == told


def test_several_letters_of_one_record_are_one_error() -> None:
    broker = broker_with(invoice("i2"), invoice("i2"))
    report = collect({CHAPTER: ledger_with()}, DeadLetters(broker, [SYSTEM]).all())
    assert [one.id for one in report.errors] == ["i2"]


def test_an_error_that_the_record_got_over_since_is_none() -> None:
    letters = DeadLetters(broker_with(invoice("i2")), [SYSTEM]).all()
    later = ledger_with(entries=(entry("i2", State.DONE, at=NOW + 60),))
    still = ledger_with(entries=(entry("i2", State.FAILED, at=NOW + 60),))
    assert collect({CHAPTER: later}, letters).errors == ()
    assert len(collect({CHAPTER: still}, letters).errors) == 1


def test_errors_of_chapters_that_were_not_asked_for_are_left_out() -> None:
    letters = DeadLetters(broker_with(invoice("i2")), [SYSTEM]).all()
    assert collect({"quebec": ledger_with()}, letters).errors == ()


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (sent(ZOE).body, "Zoé [d'Été]"),
        (sent(invoice("i1", of=ZOE)).body, "F-i1 · Zoé [d'Été]"),
        (sent(invoice("i1", of=ZOE, number="")).body, "Zoé [d'Été]"),
        (sent(payment("p1", of=ZOE)).body, "P-p1 · Zoé [d'Été]"),
        (taken_back(ZOE).body, ""),
        (b"no json", ""),
    ],
)
def test_records_are_called_as_people_call_them(body: bytes, label: str) -> None:
    assert label_of(body) == label


@pytest.mark.parametrize(
    ("record", "waits_for", "label"),
    [
        (invoice("i1", of=ZOE), Key(Entity.ACCOUNT, "a1"), "Zoé [d'Été]"),
        (ZOE, Key(Entity.ACCOUNT, "a1"), ""),
        (ZOE, None, ""),
        (credit_note("c1", corrects="i7"), Key(Entity.INVOICE, "i7"), ""),
        (
            payment(
                "p1",
                allocations=[{"invoice": {"id": "i1", "number": "F-77"}, "amount": "114.98"}],
            ),
            Key(Entity.INVOICE, "i1"),
            "F-77",
        ),
    ],
)
def test_what_a_record_waits_for_is_named_too(
    record: Any, waits_for: Key | None, label: str
) -> None:
    ledger = ledger_with(waits=(wait(record, WaitReason.WAITS_FOR_INVOICE, waits_for),))
    assert collect({CHAPTER: ledger}, []).waiting[0].for_label == label


# --- as people read them ----------------------------------------------------------------------

WAITING = Waiting(
    CHAPTER, "invoice", "i9", "F-9 · Zoé [d'Été]", "account_to_verify", "account a1", "", "Zoé"
)
FAILURE = Failure(CHAPTER, "payment", "p9", "Paiement 12", "closed_period", "date", "2024-12-31")
REPORT = Report({"invoice": 1234}, (WAITING,), (FAILURE,))


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_report_says_what_happened_and_what_to_correct_in_french(width: int) -> None:
    told = " ".join(shown(report_table(REPORT, Words("fr")), width).split())
    for expected in (
        "Synchronisation comptable",
        "Factures et notes de crédit 1\N{NO-BREAK SPACE}234".replace("\N{NO-BREAK SPACE}", " "),
        "1 enregistrement en suspens",
        text(WaitReason.ACCOUNT_TO_VERIFY, "fr").what,
        text(WaitReason.ACCOUNT_TO_VERIFY, "fr").correct,
        "1 erreur de transfert",
        text(Reason.CLOSED_PERIOD, "fr").what,
        text(Reason.CLOSED_PERIOD, "fr").who,
        "Date : 2024-12-31",
    ):
        assert expected in told
    assert "Paiement Paiement" not in told


def test_a_report_is_complete_in_english_too() -> None:
    told = " ".join(shown(report_table(REPORT, Words("en"))).split())
    for expected in (
        "Accounting synchronization",
        "Invoices and credit notes 1,234",
        "1 waits",
        text(WaitReason.ACCOUNT_TO_VERIFY, "en").what,
        "1 transfer error",
        text(Reason.CLOSED_PERIOD, "en").correct,
        "Payment Paiement 12",
    ):
        assert expected in told


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_names_with_brackets_are_text_and_no_markup(lang: Any) -> None:
    assert "Zoé [d'Été]" in shown(report_table(REPORT, Words(lang)))


def test_a_report_of_nothing_has_no_empty_parts() -> None:
    told = shown(report_table(Report({}, (), ()), Words("fr")))
    assert "erreur de transfert" not in told.casefold().replace("erreur de transfert\n", "")
    assert "en suspens" not in told


def test_many_records_of_one_reason_are_counted_rather_than_listed() -> None:
    many = tuple(Failure(**{**vars(FAILURE), "id": f"p{n}"}) for n in range(SHOWN + 3))
    told = shown(report_table(Report({}, (), many), Words("fr")))
    assert told.count("Paiement 12") == SHOWN
    assert "… et 3 autres (--json)" in told


@pytest.mark.parametrize("width", [80, 100])
def test_no_word_is_cut_on_narrow_terminals(width: int) -> None:
    for table in (
        report_table(REPORT, Words("fr")),
        letters_table(some_letters(), Words("fr")),
        overview_table(some_overview(), Words("fr")),
    ):
        lines = shown(table, width).splitlines()
        assert max(map(len, lines)) <= width
        told = " ".join(" ".join(lines).split())
        for word in ("Chapitre", CHAPTER):
            assert word in told


def some_letters() -> list[Letter]:
    return DeadLetters(broker_with(invoice("i2", of=ZOE)), [SYSTEM]).all()


def some_overview() -> overview.Overview:
    ledger = ledger_with(
        entries=(entry("i1", State.DONE),), waits=(wait(ZOE, WaitReason.ACCOUNT_TO_VERIFY),)
    )
    return overview.look(CHAPTERS, lambda _: ledger, broker_with(invoice("i2")))


def test_dead_letters_are_listed_by_reason_with_a_short_id_to_replay_by() -> None:
    [letter] = some_letters()
    told = shown(letters_table([letter], Words("fr", dt.UTC)))
    assert "1 message mis de côté" in told
    assert f"{text(Reason.CLOSED_PERIOD, 'fr').what}  [closed_period]" in told
    assert letter.id[:8] in told
    assert letter.id not in told
    assert "Facture F-i2 · Zoé [d'Été]" in " ".join(told.split())
    assert "2026-01-15 12:00" in told
    assert "1 dead letter" in shown(letters_table([letter], Words("en")))


def test_an_overview_tells_queues_waits_and_dead_letters_in_both_languages() -> None:
    french, english = (
        " ".join(shown(overview_table(some_overview(), Words(lang))).split())
        for lang in ("fr", "en")
    )
    assert "Compte à vérifier Comptes clients 1" in french
    assert "Account to verify Accounts 1" in english
    assert "Messages mis de côté (membri-sync dead list)" in french
    assert "aucun transfert en service" in french
    assert "no consumer runs" in english
    assert "1 résultat encore à inscrire dans Membri" in french


def test_a_paused_chapter_says_why() -> None:
    ledger = ledger_with()
    ledger.pause("fermeture [de] mois")
    found = overview.look(CHAPTERS, lambda _: ledger, broker_with())
    assert "en pause : fermeture [de] mois" in shown(overview_table(found, Words("fr")), 140)


def test_notes_are_told_in_the_readers_language() -> None:
    found = overview.look(CHAPTERS, lambda _: ledger_with(), None)
    assert "! aucun RabbitMQ n’est configuré" in shown(overview_table(found, Words("fr")))
