"""One item a record, the newest; nothing that arrived is dropped without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.batch import WAVES, Batch, gather, wave
from consumers.ledger.port import Key, Wait
from schemas.events import Withdrawn, outcome
from schemas.outcomes import TransferFailed
from schemas.reasons import Reason, WaitReason
from schemas.records import Account, Invoice
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import encode
from tests.builders import (
    CHAPTER,
    SYSTEM,
    account,
    credit_note,
    delivery,
    event,
    invoice,
    payment,
    sent,
    taken_back,
)

I1 = Key(Entity.INVOICE, "i1")


def gathered(*deliveries: Delivery, due: tuple[Wait, ...] = ()) -> Batch:
    return gather(deliveries, due, system=SYSTEM, chapter=CHAPTER)


def waiting(body: bytes, key: Key = I1) -> Wait:
    return Wait(key, WaitReason.RETRY_AT, body, "a1", since=1.0, due_at=1.0)


def test_a_delivery_replaces_what_waited_and_keeps_its_place_in_the_waiting_room() -> None:
    wait = waiting(encode(event(invoice(), "v1")))
    batch = gathered(sent(invoice(net="5.00"), "v2"), due=(wait,))
    item = batch.items[I1]
    assert (item.event.dataversion, item.wait) == ("v2", wait)
    assert item.replaced is not None
    assert item.replaced.event.dataversion == "v1"
    assert batch.superseded == [], "what waited is no message that was overtaken"


def test_of_several_deliveries_the_newest_counts_and_the_others_are_superseded() -> None:
    batch = gathered(*[sent(invoice(), f"v{n}") for n in range(4)])
    assert batch.items[I1].event.dataversion == "v3"
    assert batch.superseded == [I1] * 3


def test_deliveries_after_a_wait_supersede_each_other() -> None:
    wait = waiting(encode(event(invoice(), "v0")))
    batch = gathered(sent(invoice(), "v1"), sent(invoice(), "v2"), due=(wait,))
    assert batch.superseded == [I1]


def test_a_record_stands_where_its_newest_event_came() -> None:
    batch = gathered(sent(invoice("i1")), sent(invoice("i2")), sent(invoice("i1"), "v2"))
    assert [key.id for key in batch.items] == ["i2", "i1"]


def test_a_withdrawal_remembers_the_last_event_that_asked_for_a_transfer() -> None:
    batch = gathered(
        sent(invoice(), "v1"),
        sent(invoice(), "v2"),
        taken_back(invoice(), "v3"),
        taken_back(invoice(), "v4"),
    )
    item = batch.items[I1]
    assert isinstance(item.event, Withdrawn)
    assert item.replaced is not None
    assert item.replaced.event.dataversion == "v2"


def test_where_a_delivery_comes_from_is_kept() -> None:
    batch = gathered(
        sent(invoice("i1"), redelivered=True),
        sent(invoice("i2"), headers={"x-replayed-by": "somebody"}),
        sent(invoice("i3")),
    )
    marks = [(item.redelivered, item.replayed) for item in batch.items.values()]
    assert marks == [(True, False), (False, True), (False, False)]


def test_a_wait_that_cannot_be_read_is_refused_with_its_bytes_and_its_place() -> None:
    batch = gathered(due=(waiting(b"torn"),))
    [refused] = batch.refused
    assert (refused.reason, refused.body, refused.waited) == (Reason.UNREADABLE, b"torn", I1)
    assert refused.routing_key == f"invoice.{SYSTEM}.{CHAPTER}"


def test_an_outcome_is_no_record_to_transfer() -> None:
    failed = TransferFailed(id="i1", table="invoice", reason=Reason.BUG)
    batch = gathered(delivery(encode(outcome(failed, event(invoice())))))
    [refused] = batch.refused
    assert (refused.reason, refused.field) == (Reason.UNKNOWN_ENTITY, "type")


def test_an_outcome_in_the_waiting_room_does_not_stay_due_for_ever() -> None:
    failed = TransferFailed(id="i1", table="invoice", reason=Reason.BUG)
    batch = gathered(due=(waiting(encode(outcome(failed, event(invoice())))),))
    assert batch.items == {}
    assert [r.waited for r in batch.refused] == [I1]


@pytest.mark.parametrize(
    ("update", "reason", "field"),
    [
        ({"system": "sage_50"}, Reason.UNKNOWN_SYSTEM, "system"),
        ({"chapter": "quebec"}, Reason.UNKNOWN_CHAPTER, "chapter"),
        ({"subject": "i2"}, Reason.UNREADABLE, "subject"),
    ],
)
def test_what_belongs_elsewhere_is_refused_with_what_names_it(
    update: dict[str, str], reason: Reason, field: str
) -> None:
    body = encode(event(invoice()).model_copy(update=update))
    given_ = replace(delivery(body), message_id="m-1")
    [refused] = gathered(given_).refused
    assert (refused.reason, refused.field, refused.body) == (reason, field, body)
    assert refused.message_id == "m-1"


def test_waves_go_accounts_invoices_payments_credit_notes() -> None:
    batch = gathered(
        sent(credit_note("c1", corrects="i1")),
        sent(payment("p1")),
        sent(taken := invoice("i2")),
        taken_back(taken),
        sent(invoice("i1")),
        sent(account("a1")),
    )
    order = [i.key.id for e, notes in WAVES for i in wave(batch, e, credit_notes=notes)]
    assert order == ["a1", "i1", "p1", "c1"]


RECORDS: list[Account | Invoice] = [
    account("a1"),
    invoice("i1"),
    invoice("i2"),
    credit_note("c1", corrects="i1"),
]


@given(st.lists(st.tuples(st.sampled_from(RECORDS), st.sampled_from(["to", "back", "torn"]))))
def test_every_delivery_is_an_item_superseded_or_refused(
    arrivals: list[tuple[Account | Invoice, str]],
) -> None:
    make = {"to": sent, "back": taken_back, "torn": lambda _r, _v: delivery(b"torn")}
    batch = gathered(*[make[how](r, f"v{n}") for n, (r, how) in enumerate(arrivals)])  # type: ignore[operator]  # deliveries
    assert len(batch.items) + len(batch.superseded) + len(batch.refused) == len(arrivals)
    for item in batch.items.values():
        newest = max(
            n for n, (r, how) in enumerate(arrivals) if r.id == item.key.id and how != "torn"
        )
        assert item.event.dataversion == f"v{newest}"
