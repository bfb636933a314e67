"""What is written can be read; what cannot be read says what and where."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events, records
from schemas.outcomes import Action, Received, TransferFailed, Transferred
from schemas.reasons import Reason
from schemas.statuses import Entity, Status
from schemas.wire.channel import PublishOutcome
from schemas.wire.codec import Unreadable, decode, encode, outcome_message, to_outgoing
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import SETTLE, topology
from tests.builders import event as asks_for
from tests.deferral_bench import entries

ORIGIN = events.Origin(
    environment="https://example.crm3.dynamics.com/", chapter="montreal", system="sage_300"
)
NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
cents = st.integers(-(10**17), 10**17).map(lambda n: Decimal(n).scaleb(-2))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
accounts = st.builds(
    records.Account,
    id=ids,
    name=texts,
    email=texts,
    new_account=st.booleans(),
    status=st.none() | st.sampled_from(Status),
    address=st.builds(records.Address, lines=st.lists(texts, max_size=3).map(tuple)),
)
references = st.builds(records.DocumentRef, id=ids, number=texts)
lines = st.builds(
    records.Line,
    description=texts,
    amount=cents,
    gst=cents,
    qst=cents,
    quantity=st.decimals(-(10**9), 10**9, places=10),
    unit_price=st.decimals(-(10**9), 10**9, places=10),
)
dates = st.dates()
all_records = st.one_of(
    accounts,
    st.builds(
        records.Invoice,
        id=ids,
        kind=st.sampled_from(["invoice", "credit_note"]),
        type=st.sampled_from(records.InvoiceType),
        account=accounts,
        date=dates,
        due_date=st.none() | dates,
        lines=st.lists(lines, max_size=4).map(tuple),
        gst=cents,
        qst=cents,
        total=cents,
        corrects=st.none() | references,
    ),
    st.builds(
        records.Payment,
        id=ids,
        account=accounts,
        date=dates,
        amount=cents,
        allocations=st.lists(
            st.builds(records.Allocation, invoice=references, amount=cents), max_size=3
        ).map(tuple),
    ),
    st.builds(
        records.JournalEntry,
        id=ids,
        account=accounts,
        payment_id=ids,
        invoice=references,
        date=dates,
        amount=cents,
        period=st.integers(1, 12),
        periods=st.integers(1, 12),
    ),
)


def an_event(**changes: object) -> events.ToTransfer:
    record = records.Invoice(
        id="inv-1",
        account=records.Account(id="acc-1", name="Les Amis de l'Été"),
        date=dt.date(2026, 1, 31),
        lines=(records.Line(amount=Decimal("100.00"), gst=Decimal("5.00")),),
        total=Decimal("105.00"),
    )
    event = events.to_transfer(record, ORIGIN, dataversion='W/"1"', time=NOW)
    return event.model_copy(update=changes)


def tree(event: events.Envelope | None = None) -> dict:
    return orjson.loads(encode(event or an_event()))


def unreadable(body: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        decode(body)
    assert len(caught.value.detail) < 500
    return caught.value


@given(all_records)
def test_every_record_is_read_as_it_was_written(record):
    event = events.to_transfer(record, ORIGIN, dataversion="1", time=NOW)
    read = decode(encode(event))
    assert read == event
    assert records.fingerprint(read.data) == records.fingerprint(record)
    assert encode(read) == encode(event)


def test_money_is_written_as_decimal_strings():
    data = tree()["data"]
    assert data["total"] == "105.00"
    assert (data["lines"][0]["amount"], data["lines"][0]["qst"]) == ("100.00", "0.00")


def test_an_outcome_is_read_as_it_was_written():
    cause = an_event()
    done = Transferred(
        id="inv-1",
        table="invoice",
        action=Action.CREATED,
        reference="1042",
        remote_id="9",
        fingerprint="f",
    )
    failed = TransferFailed(id="inv-1", table="invoice", reason=Reason.TAX_MISMATCH, field="gst")
    for data, kind in ((done, "transferred"), (failed, "failed")):
        event = events.outcome(data, cause, time=NOW)
        assert event.type == f"membri.invoice.{kind}"
        assert (event.subject, event.chapter, event.system) == ("inv-1", "montreal", "sage_300")
        assert event.traceparent == cause.traceparent
        assert decode(encode(event)) == event
        assert events.outcome(data, cause).id == event.id


def test_a_receipt_always_has_the_same_id():
    receipt = Received(id="r1", invoice_id="inv-1", date=dt.date(2026, 1, 1), amount=Decimal(5))
    first = events.received(receipt, ORIGIN, account_id="acc-1", time=NOW)
    assert first.id == events.received(receipt, ORIGIN, account_id="acc-1").id
    assert decode(encode(first)) == first


def test_messages_go_where_the_topology_expects_them():
    broker = MemoryBroker(topology([("sage_300", "montreal")]))
    publisher = broker.publisher()
    event = an_event()
    withdrawal = events.withdrawn(
        Entity.INVOICE, "inv-1", "acc-1", Status.ON_HOLD, ORIGIN, dataversion="2"
    )
    failed = TransferFailed(id="inv-1", table="invoice", reason=Reason.BUG)
    receipt = Received(id="r1", invoice_id="inv-1", date=dt.date(2026, 1, 1), amount=Decimal(5))
    sent = [
        to_outgoing(event),
        to_outgoing(withdrawal),
        outcome_message(events.outcome(failed, event)),
        outcome_message(events.received(receipt, ORIGIN, account_id="acc-1")),
    ]
    assert publisher.publish(sent) == [PublishOutcome.CONFIRMED] * 4
    assert broker.depth("membri.sage_300.montreal") == 2
    assert broker.depth(SETTLE) == 1
    assert sent[0].message_id == event.id
    assert sent[3].routing_key == "payment.sage_300.montreal.received"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"id": ', "line 1 column"),
        (b"[1, 2]", "JSON object was expected"),
        (b"null", "JSON object was expected"),
        (b"{}", "type: missing"),
        (b'{"type": "membri.gift.to_transfer"}', "'membri.gift.to_transfer'"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_event_says_so(body, words):
    assert words in unreadable(body).detail


def test_a_wrong_amount_names_its_place_and_what_was_found():
    bad = tree()
    bad["data"]["lines"][0]["gst"] = 5.5
    found = unreadable(orjson.dumps(bad))
    assert found.field == "data.lines.0.gst"
    assert "data.lines.0.gst" in found.detail
    assert "5.5" in found.detail


@pytest.mark.parametrize("amount", ["1e2", "5.001", "NaN", "1_000.00", " 5", "", "5,00", None])
def test_money_that_is_not_a_plain_decimal_string_is_unreadable(amount):
    bad = tree()
    bad["data"]["total"] = amount
    assert unreadable(orjson.dumps(bad)).field == "data.total"


def test_a_missing_and_an_unknown_field_are_both_told():
    bad = tree()
    del bad["data"]["total"]
    bad["data"]["colour"] = "red"
    detail = unreadable(orjson.dumps(bad)).detail
    assert "data.total: missing" in detail
    assert "data.colour: unknown field" in detail


def test_no_more_than_eighty_characters_of_a_body_are_shown():
    bad = tree()
    bad["data"]["date"] = "secret" * 1000
    assert "secret" * 14 not in unreadable(orjson.dumps(bad)).detail
    assert "secret" * 14 not in unreadable(b'"' + b"secret" * 1000).detail


def test_a_newer_minor_version_is_read_without_what_it_adds():
    newer = tree() | {"dataschema": "urn:membri-sync:invoice:1.7", "colour": "red"}
    newer["data"]["lines"][0]["discount"] = {"why": "early"}
    newer["data"]["account"]["language"] = "fr"
    read = decode(orjson.dumps(newer))
    assert read.data == an_event().data
    assert read.dataschema == "urn:membri-sync:invoice:1.7"


def test_a_newer_minor_version_that_is_wrong_otherwise_is_unreadable():
    newer = tree() | {"dataschema": "urn:membri-sync:invoice:1.7", "colour": "red"}
    newer["data"]["total"] = "much"
    assert "data.total" in unreadable(orjson.dumps(newer)).detail


def test_a_newer_major_version_is_refused_even_when_it_looks_right():
    found = unreadable(orjson.dumps(tree() | {"dataschema": "urn:membri-sync:invoice:2.0"}))
    assert found.field == "dataschema"
    assert "2.0 is newer" in found.detail


def test_an_older_version_without_an_upgrader_is_refused():
    found = unreadable(orjson.dumps(tree() | {"dataschema": "urn:membri-sync:invoice:0.9"}))
    assert "0.9 is older" in found.detail


def test_an_older_version_is_upgraded_step_by_step():
    def from_0_8(event: dict) -> dict:
        return event | {"dataschema": "urn:membri-sync:invoice:0.9"}

    def from_0_9(event: dict) -> dict:
        data = dict(event["data"])
        data["total"] = data.pop("grand_total")
        return event | {"data": data, "dataschema": "urn:membri-sync:invoice:1.0"}

    old = tree() | {"dataschema": "urn:membri-sync:invoice:0.8"}
    old["data"]["grand_total"] = old["data"].pop("total")
    read = decode(orjson.dumps(old), upgraders={(0, 8): from_0_8, (0, 9): from_0_9})
    assert read.data == an_event().data


def test_an_entry_that_waits_since_version_1_0_is_read_without_what_came_later():
    made = entries()[0]
    written = orjson.loads(encode(asks_for(made)))
    written["dataschema"] = "urn:membri-sync:journal_entry:1.0"
    del written["data"]["payment"], written["data"]["not_before"]
    read = decode(orjson.dumps(written))
    assert read.data == made.model_copy(update={"payment": None, "not_before": None})


def test_an_upgrader_that_leads_nowhere_is_our_bug():
    old = tree() | {"dataschema": "urn:membri-sync:invoice:0.8"}
    with pytest.raises(AssertionError, match="leads to"):
        decode(orjson.dumps(old), upgraders={(0, 8): dict})


@pytest.mark.parametrize("dataschema", ["urn:membri-sync:invoice", "urn:membri-sync:invoice:1.x"])
def test_a_version_that_cannot_be_read_is_unreadable(dataschema):
    assert unreadable(orjson.dumps(tree() | {"dataschema": dataschema})).field == "dataschema"


@pytest.mark.parametrize("dataschema", ["", "https://example.org/invoice"])
def test_an_event_that_names_no_version_of_ours_is_read_as_the_current_one(dataschema):
    assert decode(orjson.dumps(tree() | {"dataschema": dataschema})).data == an_event().data


def test_a_dataschema_that_is_no_text_is_unreadable():
    assert unreadable(orjson.dumps(tree() | {"dataschema": 7})).field == "dataschema"


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else_than_be_unreadable(body):
    with pytest.raises(Unreadable):
        decode(body)
