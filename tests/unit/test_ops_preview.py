"""`preview`: what would happen to each record, read from Membri, told in both languages."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.status import Status as Spinner
from typer.testing import CliRunner

from consumers.errors import Unavailable
from consumers.system import AccountsSettings, Draft, Setup, Task
from consumers.systems.reference.books import CustomerRow
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.reference.system import ReferenceSystem
from ops import wiring
from ops.cli import app as cli
from ops.cli import context
from ops.pending import deferral_state
from ops.preview import ChapterPreview, Would, preview
from ops.settings import Settings
from producers.chapters import Chapter, Chapters
from producers.deferral import Paid
from producers.deferral_state import DeferralState, Deferred
from producers.membri import Fetched, MappingProblem, Pending
from producers.poll_state import PollState
from schemas.chapters import ChapterSettings
from schemas.reasons import Reason, SystemReason
from schemas.records import InvoiceType, Record
from schemas.statuses import Entity, Status
from tests.builders import CHANGED, account, credit_note, invoice, payment
from tests.ops_configuration import settings, write

runner = CliRunner()
MONTREAL, QUEBEC = "c-montreal", "c-quebec"


class Membri:
    """What Membri holds, as its client gives it; every row is À transférer."""

    environment = "https://membri.example"

    def __init__(self) -> None:
        self.rows: list[Fetched] = []
        self.paid: dict[str, list[Paid]] = {}
        self.dues = self
        self.chapters = self._chapters(ChapterSettings())

    def _chapters(self, chapter_settings: ChapterSettings) -> Chapters:
        return Chapters(
            [
                Chapter(MONTREAL, "Montréal", "montreal", "reference", chapter_settings),
                Chapter(QUEBEC, "Québec", "quebec", "reference"),
            ]
        )

    def set(self, **values: Any) -> None:
        self.chapters = self._chapters(ChapterSettings.model_validate(values))
        self.rows = [self._moved(one) for one in self.rows]

    def _moved(self, one: Fetched) -> Fetched:
        chapter = self.chapters.get(one.chapter.id) if one.chapter else None
        return Fetched(**{**vars(one), "chapter": chapter})

    def has(
        self, *contents: Record | MappingProblem, chapter: str = MONTREAL, **values: Any
    ) -> None:
        for number, content in enumerate(contents, len(self.rows)):
            wrong = isinstance(content, MappingProblem)
            given: dict[str, Any] = {
                "entity": Entity.INVOICE if wrong else content.entity,
                "id": f"x{number}" if wrong else content.id,
                "etag": f"W/{number}",
                "modified": CHANGED,
                "status": Status.TO_TRANSFER,
                "reference": "",
                "error": "",
                "account_id": "" if wrong else content.account_id,
                "account_etag": "",
                "chapter": self.chapters.get(chapter) if chapter else None,
                "content": content,
            }
            self.rows.append(Fetched(**{**given, **values}))

    def pending(self, entity: Entity) -> Iterator[Pending]:
        for one in self.rows:
            if one.entity is entity:
                chapter_id = one.chapter.id if one.chapter else ""
                yield Pending(entity, one.id, one.etag, one.modified, one.status, chapter_id)

    def fetch(self, entity: Entity, ids: Sequence[str]) -> list[Fetched]:
        return [one for one in self.rows if one.entity is entity and one.id in ids]

    def payments_of(self, invoice_ids: Sequence[str]) -> dict[str, list[Paid]]:
        return {one: self.paid[one] for one in invoice_ids if one in self.paid}

    def cancelled(self, _: Sequence[str]) -> set[str]:
        return set()


class Outside:
    """Membri, one system for both chapters, and a configuration."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.membri = Membri()
        connection = ReferenceConnection(company="Association", concurrency=1)
        self.system = ReferenceSystem(
            Setup("montreal", connection, AccountsSettings(), ChapterSettings())
        )
        self.file = write(folder)
        self.settings = settings(folder)
        monkeypatch.setattr(wiring, "dataverse", lambda _: contextlib.nullcontext())
        monkeypatch.setattr(wiring, "membri", lambda *_: self.membri)
        monkeypatch.setattr(wiring, "system", lambda *_: self.system)

    def preview(self, *slugs: str) -> list[ChapterPreview]:
        return preview(self.settings, slugs or ("montreal", "quebec"))

    def run(self, *words: str, lang: str = "en") -> Any:
        arguments = ["--config", str(self.file), "--lang", lang, *words]
        return runner.invoke(cli.app, arguments)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Outside:
    monkeypatch.setenv("COLUMNS", "160")
    return Outside(monkeypatch, tmp_path)


def ends(one: ChapterPreview) -> list[tuple[str, Would, str]]:
    return [(record.id, record.would, record.reason) for record in one.records]


def test_records_come_in_the_order_in_which_they_would_go(outside: Outside) -> None:
    second = account("a2")
    outside.membri.has(payment(), credit_note("c1", corrects="i1"), invoice())
    outside.membri.has(invoice("i2", of=second), second)
    montreal, quebec = outside.preview()
    assert (montreal.company, quebec.company) == ("Association", "Association")
    assert ends(montreal) == [
        (one, Would.CREATE, "") for one in ("a2", "a1", "i1", "i2", "p1", "c1")
    ]
    assert ends(quebec) == []
    assert outside.system.closed


def test_nothing_is_made_on_disk_not_even_an_empty_ledger(outside: Outside) -> None:
    outside.membri.has(invoice())
    before = sorted(outside.folder.rglob("*"))
    outside.preview()
    assert sorted(outside.folder.rglob("*")) == before


def test_a_chapter_sees_its_own_records_and_rows_of_no_chapter_come_last(
    outside: Outside,
) -> None:
    outside.membri.has(invoice())
    outside.membri.has(invoice("i2", of=account("a2")), chapter=QUEBEC)
    outside.membri.has(MappingProblem(Reason.UNKNOWN_CHAPTER, "chapter"), chapter="")
    outside.membri.has(invoice("i9"), status=Status.ON_HOLD)
    outside.membri.has(invoice("i8"), content=None)
    montreal, quebec, none = outside.preview()
    assert {record.id for record in montreal.records} == {"a1", "i1"}
    assert {record.id for record in quebec.records} == {"a2", "i2"}
    assert ends(none) == [("x2", Would.REFUSE, "unknown_chapter")]
    assert [one.slug for one in outside.preview("quebec")] == ["quebec"]


def test_rows_that_are_no_record_are_refused_with_field_and_detail(outside: Outside) -> None:
    outside.membri.has(MappingProblem(Reason.MISSING_FIELD, "account", "none"))
    montreal, _ = outside.preview()
    (one,) = montreal.records
    assert (one.would, one.reason, one.field, one.detail) == (
        Would.REFUSE,
        "missing_field",
        "account",
        "none",
    )


def test_dues_wait_until_they_are_paid_where_the_chapter_says_so(outside: Outside) -> None:
    dues = invoice("i1", type=InvoiceType.MEMBERSHIP)
    outside.membri.has(dues, invoice("i2", type=InvoiceType.RENEWAL, paid=True))
    assert Would.WAIT not in {one.would for one in outside.preview()[0].records}
    outside.membri.set(sync_memberships_when_paid=True)
    montreal, _ = outside.preview()
    assert ends(montreal)[-1] == ("i1", Would.WAIT, "until_paid")
    assert ("i2", Would.CREATE, "") in ends(montreal)


def test_entries_that_a_payment_would_bring_along_are_there_with_their_dates(
    outside: Outside,
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    outside.membri.set(deferred_revenue="on_date", deferral_periods=2, deferral_since="2000-01-01")
    bill = invoice(type=InvoiceType.MEMBERSHIP, date=today)
    outside.membri.has(bill, payment(date=today))
    outside.membri.paid = {"i1": [Paid("p1", today, Decimal("114.98"))]}
    montreal, _ = outside.preview()
    entries = [one for one in montreal.records if one.entity is Entity.JOURNAL_ENTRY]
    amounts = [one.record.amount for one in entries]  # type: ignore[union-attr]  # an entry
    assert amounts == [Decimal("50.00"), Decimal("50.00")]
    assert {one.would for one in entries} <= {Would.WAIT, Would.CREATE}
    assert entries[-1].reason == "not_yet_due"
    assert entries[-1].due_at is not None


def test_what_was_told_of_a_payment_is_read_from_a_copy_of_the_pollers_state(
    tmp_path: Path,
) -> None:
    path = tmp_path / "poller.db"
    with deferral_state(path) as state:
        assert state.of_payments(["p1"]) == {}
    assert not path.exists()
    known = Deferred("p1", "i1", "{}", "1.00", "1.00", "2026-01-31", "v")
    with PollState(path) as poller:
        poller.deferrals.remember([known])
    with deferral_state(path) as state:
        assert state.of_payments(["p1"]) == {"p1": known}
        state.forget_before(dt.date(2027, 1, 1))
    with PollState(path) as poller:
        assert poller.deferrals.of_payments(["p1"]) == {"p1": known}
    path.write_bytes(b"no database at all")
    with deferral_state(path) as state:
        assert isinstance(state, DeferralState)
        assert state.of_payments(["p1"]) == {}


# --- what people and programs are given -----------------------------------------------------------


def test_nothing_refused_is_exit_0_and_something_refused_exit_1(outside: Outside) -> None:
    outside.membri.has(invoice())
    assert outside.run("preview").exit_code == 0
    outside.membri.has(invoice("i2", total="5.00"))
    assert outside.run("preview").exit_code == 1
    assert outside.run("preview", "quebec").exit_code == 0
    assert outside.run("preview", "laval").exit_code == 2
    outside.system.down = SystemReason.UNREACHABLE
    away = outside.run("preview")
    assert away.exit_code == 3


def test_programs_are_given_each_request_with_its_body(outside: Outside) -> None:
    outside.membri.has(invoice(), payment("p9", on="i9"), invoice("i2", total="5.00"))
    done = outside.run("--json", "preview", "montreal")
    (chapter,) = json.loads(done.output)["chapters"]
    assert (chapter["chapter"], chapter["system"], chapter["company"]) == (
        "montreal",
        "reference",
        "Association",
    )
    assert chapter["counts"]["create"] == 2
    by_id = {one["id"]: one for one in chapter["records"]}
    (request,) = by_id["i1"]["requests"]
    assert (request["method"], request["path"]) == ("POST", "documents")
    assert request["body"]["total"] == "114.98"
    assert by_id["i1"]["lines"] == [
        {"description": "Cotisation", "account": "", "amount": "100.00", "quantity": "1", "tax": ""}
    ]
    assert (by_id["i1"]["gst"], by_id["i1"]["qst"], by_id["i1"]["total"]) == (
        "5.00",
        "9.98",
        "114.98",
    )
    assert by_id["i2"]["reason"] == "totals_differ"
    assert (by_id["i2"]["field"], by_id["i2"]["detail"]) == ("total", "114.98 ≠ 5.00")
    assert (by_id["p9"]["would"], by_id["p9"]["waits_for"]) == ("wait", "invoice i9")


def test_accountants_read_lines_taxes_totals_and_reasons_in_french(outside: Outside) -> None:
    outside.membri.has(invoice(), credit_note("c1", corrects="i1"))
    outside.membri.has(payment("p9", on="i9"), invoice("i2", total="5.00"))
    told = outside.run("preview", "montreal", lang="fr").output
    for words in (
        "Montréal → Livres de référence, Association",
        "3 à créer · 0 à mettre à jour · 0 à lier ou à confirmer · 1 attendrait · 1 serait refusé",
        "1. Compte client Association a1 — à créer",
        "2. Facture F-i1 · Association a1 — à créer",
        "3. Note de crédit F-c1 · Association a1 — à créer",
        "TPS 5,00   TVQ 9,98   Total 114,98",
        "Cotisation",
        "Total : 114.98 ≠ 5.00",
        "Paiement P-p9 · Association a1",
    ):
        assert words in told, told


def test_accountants_read_it_in_english_too(outside: Outside) -> None:
    outside.membri.has(invoice())
    outside.membri.set(sync_memberships_when_paid=True)
    outside.membri.has(invoice("i3", type=InvoiceType.MEMBERSHIP))
    told = outside.run("preview").output
    assert "2. Invoice F-i1 · Association a1 — would be created" in told
    assert "GST 5.00   QST 9.98   Total 114.98" in told
    assert "Memberships and renewals wait until they are paid" in told
    assert "Invoice F-i3 · Association a1" in told
    assert "nothing is to be transferred" in told  # Québec


def test_taxes_that_the_system_computes_are_said_to_be_so(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted = outside.system.draft

    def draft(task: Task) -> Draft:
        found = drafted(task)
        return Draft(found.requests, found.lines, None, None, found.total)

    monkeypatch.setattr(outside.system, "draft", draft)
    outside.membri.has(invoice())
    told = " ".join(outside.run("preview").output.split())
    assert "GST 5.00 QST 9.98 Total 114.98 (taxes are computed by Reference books" in told


def test_a_pipe_gets_no_progress(outside: Outside) -> None:
    outside.membri.has(invoice())
    done = outside.run("--json", "preview")
    assert json.loads(done.stdout)["chapters"]
    assert "1 of" not in done.output


def test_progress_names_the_chapter_and_the_records_looked_at(outside: Outside) -> None:
    outside.membri.has(invoice(), payment())
    told: list[tuple[str, int, int]] = []

    def progress(slug: str, done: int, total: int) -> None:
        told.append((slug, done, total))

    preview(outside.settings, ["montreal"], progress)
    assert [done for _, done, _ in told][-3:] == [2, 2, 2]  # the account that they bring along too
    assert told[-1] == ("montreal", 2, 2)


def test_a_system_that_is_away_is_not_previewed(outside: Outside) -> None:
    outside.system.down = SystemReason.MAINTENANCE
    with pytest.raises(Unavailable):
        outside.preview()
    assert isinstance(outside.settings, Settings)


def test_an_accountant_reads_for_whom_a_record_waits_and_what_belongs_to_no_chapter(
    outside: Outside,
) -> None:
    stranger = account("a7", name="Chambre de commerce", new_account=False)
    outside.membri.has(invoice("i7", of=stranger))
    outside.membri.has(MappingProblem(Reason.UNKNOWN_CHAPTER, "chapter"), chapter="")
    told = outside.run("preview", lang="fr").output
    assert "Facture F-i7 · Chambre de commerce" in told
    assert "[account_to_verify]" in told
    assert "Sans chapitre" in told
    assert "Facture x1" in told


def test_an_entry_is_told_with_its_day_and_its_period(outside: Outside) -> None:
    day = dt.date(2026, 1, 12)
    outside.membri.set(deferred_revenue="upfront", deferral_periods=2, deferral_since="2000-01-01")
    outside.membri.has(invoice(type=InvoiceType.MEMBERSHIP), payment(date=day))
    outside.membri.paid = {"i1": [Paid("p1", day, Decimal("114.98"))]}
    told = outside.run("preview", "montreal", lang="fr").output
    assert "Entrée de journal Association a1 · 2026-02-28 (2/2) — à créer" in told
    rows = [one for one in outside.preview()[0].records if one.entity is Entity.JOURNAL_ENTRY]
    assert [one.would for one in rows] == [Would.CREATE, Would.CREATE]
    assert {one.label for one in rows} == {"Association a1"}


def test_a_terminal_sees_which_chapter_is_looked_at(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.membri.has(invoice())
    told: list[str] = []
    monkeypatch.setattr(context.Context, "live", True)
    monkeypatch.setattr(Spinner, "update", lambda _, text: told.append(text))
    assert outside.run("preview", "montreal", lang="fr").exit_code == 0
    assert told[-1] == "montreal : 1 sur 1"


def test_what_is_linked_or_confirmed_names_its_key_in_the_books(outside: Outside) -> None:
    books = outside.system.books
    books.add(CustomerRow(books.next_id(), "Chambre"))
    linked = account("a7", reference="Chambre", status=Status.ON_HOLD)
    outside.membri.has(invoice("i7", of=linked))
    told = outside.run("preview", "montreal").output
    assert "Account Association a7 — would be linked to what a person named (Chambre)" in told
