"""What Membri and the dead-letter queues are told, and that saying it twice is harmless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.batch import Refused
from consumers.ledger.port import Key
from consumers.system import RemoteRef
from consumers.telling import Subject, Teller, Why, table_of, tells_membri
from schemas.events import FailedEvent, TransferredEvent
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Record, fingerprint
from schemas.statuses import HELD, Entity, Status
from schemas.wire.codec import decode, encode
from tests.builders import CHANGED, CHAPTER, SYSTEM, account, event, invoice, payment

REF = RemoteRef("145", "F-1042")


def subject(record: Record, version: str = "v1", *, asked: bool = True) -> Subject:
    told = event(record, version)
    key = Key(Entity(record.entity), record.id)
    return Subject(key, record, told, encode(told), version, fingerprint(record), asked=asked)


def teller(now: float = 1_000.0) -> Teller:
    return Teller("consume montreal", SYSTEM, CHAPTER, lambda: now)


def why(**values: object) -> Why:
    given = Why(Reason.CLOSED_PERIOD, "date", "2026-01-10", 2, None)
    return replace(given, **values)  # type: ignore[arg-type]  # fields of Why


def test_a_success_says_what_is_where() -> None:
    record = invoice()
    message = teller().transferred(subject(record, "v7"), REF, Action.CREATED)
    told = decode(message.body)
    assert isinstance(told, TransferredEvent)
    assert message.routing_key == f"invoice.{SYSTEM}.{CHAPTER}.transferred"
    assert message.mandatory
    assert (told.subject, told.dataversion, told.partitionkey) == ("i1", "v7", "a1")
    assert told.data.reference == "F-1042"
    assert told.data.remote_id == "145"
    assert told.data.fingerprint == fingerprint(record)
    assert told.data.changed_at == CHANGED


def test_the_trace_goes_on() -> None:
    about = subject(invoice())
    told = decode(teller().transferred(about, REF, Action.CREATED).body)
    assert told.traceparent == about.event.traceparent
    assert told.source == about.event.source


def test_the_same_end_of_the_same_event_has_the_same_id_whenever_it_is_said() -> None:
    about = subject(invoice())
    ids = {teller(now).transferred(about, REF, Action.CREATED).message_id for now in (1.0, 2.0)}
    assert len(ids) == 1
    ids = {teller(now).failed(about, why()).message_id for now in (1.0, 2.0)}
    assert len(ids) == 1


def test_other_ends_and_other_events_have_other_ids() -> None:
    one = subject(invoice())
    said = teller()
    ids = [
        said.transferred(one, REF, Action.CREATED).message_id,
        said.transferred(one, REF, Action.ADOPTED).message_id,
        said.transferred(one, RemoteRef("145", "F-9"), Action.CREATED).message_id,
        said.transferred(subject(invoice(), "v2"), REF, Action.CREATED).message_id,
        said.transferred(subject(invoice("i2")), REF, Action.CREATED).message_id,
        said.failed(one, why()).message_id,
        said.failed(one, why(reason=Reason.BUG)).message_id,
    ]
    assert len(set(ids)) == len(ids)


def test_a_failure_says_what_to_correct_and_needs_no_listener() -> None:
    message = teller().failed(subject(payment()), why(detail="x" * 5000))
    told = decode(message.body)
    assert isinstance(told, FailedEvent)
    assert not message.mandatory, "the settler hears of it as a dead letter"
    assert (told.data.reason, told.data.field) == (Reason.CLOSED_PERIOD, "date")
    assert len(told.data.detail) == 1000


def test_a_dead_letter_keeps_the_bytes_and_says_why_and_since_when() -> None:
    about = subject(invoice())
    message = teller(now=5_000.0).burial(about, why(first_failed_at=60.0))
    assert message.body == about.body
    assert message.routing_key == f"invoice.{SYSTEM}.{CHAPTER}"
    assert message.exchange == "membri.dead"
    assert message.mandatory
    headers = message.headers
    assert (headers["x-reason"], headers["x-field"]) == ("closed_period", "date")
    assert (headers["x-attempts"], headers["x-failed-by"]) == (2, "consume montreal")
    assert str(headers["x-first-failed-at"]).startswith("1970-01-01T00:01:00")


def test_a_dead_letter_of_a_first_failure_is_dated_now() -> None:
    headers = teller(now=120.0).burial(subject(invoice()), why()).headers
    assert str(headers["x-first-failed-at"]).startswith("1970-01-01T00:02:00")


def test_what_is_no_record_keeps_its_bytes_and_its_key() -> None:
    refused = Refused(Reason.UNREADABLE, "not JSON", b"\x00torn", "invoice.reference.montreal", "m")
    message = teller().refusal(refused)
    assert (message.body, message.message_id) == (b"\x00torn", "m")
    assert message.routing_key == "invoice.reference.montreal"
    assert message.headers["x-detail"] == "not JSON"


@pytest.mark.parametrize("status", [None, *Status])
def test_an_account_that_came_along_is_told_unless_a_person_holds_it(status: Status | None) -> None:
    assert tells_membri(subject(account(status=status), asked=False)) is (status not in HELD)
    assert tells_membri(subject(account(status=status), asked=True))


def test_documents_are_always_told() -> None:
    assert tells_membri(subject(invoice(), asked=False))


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (account(), "account"),
        (account(table="contact"), "contact"),
        (invoice(), "invoice"),
        (payment(), "payment"),
    ],
)
def test_outcomes_name_the_table_in_membri(record: Record, table: str) -> None:
    assert table_of(record) == table
    told = decode(teller().transferred(subject(record), REF, Action.CREATED).body)
    assert isinstance(told, TransferredEvent)
    assert told.data.table == table
