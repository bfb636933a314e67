"""A dead letter keeps its bytes and says why, whoever buried it."""

from __future__ import annotations

import datetime as dt

import pytest

from schemas.reasons import Reason
from schemas.wire.channel import Delivery, Outgoing
from schemas.wire.dead_letters import (
    DETAIL_MAX,
    dead_letter,
    is_dead_letter,
    read_dead_letter,
    shortened,
)
from schemas.wire.topology import DEAD, OUTCOMES, RECORDS

WHEN = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.timezone(dt.timedelta(hours=-5)))


def delivery(body: bytes = b"{}", **others: object) -> Delivery:
    given = {
        "tag": 1,
        "queue": "q",
        "exchange": RECORDS,
        "routing_key": "invoice.sage_300.laval",
        "message_id": "id-1",
        "headers": {},
        "redelivered": False,
    }
    return Delivery(body=body, **(given | others))  # type: ignore[arg-type]  # test data


def arrived(message: Outgoing) -> Delivery:
    return delivery(
        message.body,
        exchange=message.exchange,
        routing_key=message.routing_key,
        message_id=message.message_id,
        headers=message.headers,
    )


def buried(source: Delivery | bytes, **others: object) -> Outgoing:
    given = {"reason": Reason.TAX_MISMATCH, "first_failed_at": WHEN, "failed_by": "sage_300"}
    return dead_letter(source, **(given | others))  # type: ignore[arg-type]  # test data


def test_what_is_buried_is_read_back():
    message = buried(
        delivery(b'{"subject": "inv-1"}'), field="gst", detail="5,00 / 5,01", attempts=3
    )
    assert message.exchange == DEAD
    letter = read_dead_letter(arrived(message))
    assert (letter.reason, letter.field, letter.detail) == (
        Reason.TAX_MISMATCH,
        "gst",
        "5,00 / 5,01",
    )
    assert (letter.attempts, letter.failed_by, letter.subject) == (3, "sage_300", "inv-1")
    assert letter.first_failed_at == WHEN
    assert (letter.entity, letter.system, letter.chapter) == ("invoice", "sage_300", "laval")
    assert (letter.body, letter.message_id) == (b'{"subject": "inv-1"}', "id-1")


def test_the_headers_are_those_of_the_contract():
    headers = buried(delivery()).headers
    assert set(headers) == {
        "x-reason",
        "x-field",
        "x-detail",
        "x-attempts",
        "x-first-failed-at",
        "x-failed-by",
    }
    assert headers["x-first-failed-at"] == "2026-11-24T13:00:00+00:00"


def test_bytes_alone_are_buried_under_a_key_and_an_id_of_their_own():
    first = buried(b"\xff", routing_key="gift.sage_300.laval")
    assert first.routing_key == "unknown.sage_300.laval"
    assert first.message_id == buried(b"\xff").message_id != buried(b"\xfe").message_id
    assert buried(b"\xff").routing_key == "unknown.unknown.unknown"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        buried(delivery(), first_failed_at=dt.datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_a_long_traceback_loses_its_middle():
    detail = "Traceback\n" + "x" * 10_000 + "\nValueError: the end"
    kept = str(buried(delivery(), detail=detail).headers["x-detail"])
    assert len(kept) <= DETAIL_MAX
    assert kept.startswith("Traceback")
    assert kept.endswith("ValueError: the end")
    assert shortened("short", 10) == "short"


def test_the_brokers_own_dead_letter_is_read():
    death = {
        "count": 1,
        "reason": "delivery_limit",
        "queue": "membri.sage_300.laval",
        "time": dt.datetime(2026, 11, 24, 13, 0),  # noqa: DTZ001 - as pika gives it
        "exchange": RECORDS,
        "routing-keys": ["invoice.sage_300.laval"],
    }
    got = delivery(exchange=DEAD, headers={"x-death": [death], "x-delivery-count": 0})
    letter = read_dead_letter(got)
    assert letter.reason is Reason.DELIVERY_LIMIT
    assert letter.first_failed_at == WHEN
    assert letter.failed_by == "broker"
    assert "membri.sage_300.laval" in letter.detail


def test_our_own_reason_counts_more_than_the_brokers_history():
    headers = dict(buried(delivery()).headers) | {"x-death": [{"reason": "delivery_limit"}]}
    assert read_dead_letter(delivery(headers=headers)).reason is Reason.TAX_MISMATCH


def test_an_unrouted_message_is_of_an_unknown_chapter():
    letter = read_dead_letter(delivery(routing_key="invoice.sage_300.nowhere"))
    assert (letter.reason, letter.chapter) == (Reason.UNKNOWN_CHAPTER, "nowhere")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-reason": "of_next_year", "x-attempts": "many", "x-first-failed-at": "yesterday"},
        {"x-death": "broken"},
        {"x-death": []},
        {"x-death": [None]},
    ],
)
def test_strange_headers_never_hide_a_dead_letter(headers):
    letter = read_dead_letter(delivery(b"\xff\xfe", routing_key="###", headers=headers))
    assert letter.attempts == 0
    assert letter.first_failed_at is None
    assert letter.subject is None
    assert letter.entity == "unknown"
    if headers.get("x-reason"):
        assert letter.reason is Reason.REFUSED_BY_SYSTEM
        assert "of_next_year" in letter.detail


@pytest.mark.parametrize("body", [b"[]", b'{"subject": 7}', b'{"subject": ""}', b"7"])
def test_a_body_without_a_subject_has_none(body):
    assert read_dead_letter(delivery(body)).subject is None


def test_the_settler_tells_outcomes_from_dead_letters():
    key = "invoice.sage_300.laval.transferred"
    assert not is_dead_letter(delivery(exchange=OUTCOMES, routing_key=key))
    assert is_dead_letter(delivery(exchange=RECORDS))
    assert is_dead_letter(arrived(buried(delivery())))
