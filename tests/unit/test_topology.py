"""Names, keys and the order in which a broker is told of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.statuses import Entity
from schemas.wire import topology as t

PAIRS = [("quickbooks_online", "montreal"), ("sage_300", "quebec"), ("sage_300", "laval")]
slugs = st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)
words = st.lists(st.sampled_from(["a", "b", "invoice", "x-1"]), max_size=5)


def test_a_work_queue_cannot_lose_a_dead_letter():
    (queue,) = [q for q in t.topology(PAIRS).queues if q.name == "membri.sage_300.quebec"]
    assert queue.arguments == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "membri.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": 200_000,
    }


def test_dead_letter_queues_are_declared_before_the_work_queues_that_feed_them():
    names = [q.name for q in t.topology(PAIRS).queues]
    first_work = min(names.index(t.work_queue(*pair)) for pair in PAIRS)
    assert all(names.index(q) < first_work for s, _ in PAIRS for q in t.dead_queues(s))
    assert names.index(t.SETTLE) < first_work
    assert names.index("membri.dead.unknown.unknown") < first_work
    assert len(names) == len(set(names))


def test_the_alternate_exchange_is_declared_before_the_exchange_that_names_it():
    exchanges = t.topology(PAIRS).exchanges
    names = [e.name for e in exchanges]
    (records,) = [e for e in exchanges if e.name == t.RECORDS]
    alternate = records.arguments["alternate-exchange"]
    assert names.index(alternate) < names.index(t.RECORDS)


def test_every_queue_is_a_quorum_queue_and_only_work_queues_let_anything_die():
    for queue in t.topology(PAIRS).queues:
        assert queue.arguments["x-queue-type"] == "quorum"
        if queue.name in {t.work_queue(*pair) for pair in PAIRS}:
            continue
        assert "x-dead-letter-exchange" not in queue.arguments
        assert "x-message-ttl" not in queue.arguments
        assert queue.arguments["x-delivery-limit"] == t.NO_DELIVERY_LIMIT


def test_bindings_name_only_what_is_declared():
    made = t.topology(PAIRS)
    exchanges, queues = {e.name for e in made.exchanges}, {q.name for q in made.queues}
    assert all(b.exchange in exchanges and b.queue in queues for b in made.bindings)


@pytest.mark.parametrize("entity", [*Entity, t.UNKNOWN])
def test_a_dead_letter_is_in_one_dead_letter_queue_and_with_the_settler(entity):
    key = t.routing_key(entity, "sage_300", "laval")
    reached = {
        b.queue
        for b in t.topology(PAIRS).bindings
        if b.exchange == t.DEAD and t.matches(b.pattern, key)
    }
    assert reached == {t.dead_queue("sage_300", entity), t.SETTLE}


@pytest.mark.parametrize(
    "key", ["", "nonsense", "a.b", "a.b.c.d", "Invoice.sage_300.laval", "invoice..laval", "é.b.c"]
)
def test_a_malformed_key_is_buried_where_the_unknown_are(key):
    assert t.dead_key(key) == "unknown.unknown.unknown"
    reached = {
        b.queue
        for b in t.topology(PAIRS).bindings
        if b.exchange == t.DEAD and t.matches(b.pattern, t.dead_key(key))
    }
    assert reached == {t.UNROUTED_QUEUE, t.SETTLE}


def test_a_foreign_entity_is_buried_as_unknown_in_its_own_system():
    assert t.dead_key("gift.sage_300.laval") == "unknown.sage_300.laval"
    assert t.dead_key("invoice.sage_300.laval") == "invoice.sage_300.laval"


def test_the_settler_hears_of_success_and_receipts_but_not_of_failures_twice():
    def reached(ending: t.Ending) -> set[str]:
        key = t.outcome_key("invoice", "sage_300", "laval", ending)
        return {
            b.queue
            for b in t.topology(PAIRS).bindings
            if b.exchange == t.OUTCOMES and t.matches(b.pattern, key)
        }

    assert reached(t.Ending.TRANSFERRED) == reached(t.Ending.RECEIVED) == {t.SETTLE}
    assert reached(t.Ending.FAILED) == set()


@given(slugs, slugs, slugs)
def test_a_routing_key_is_parsed_back(entity, system, chapter):
    key = t.routing_key(entity, system, chapter)
    assert t.parse_routing_key(key) == (entity, system, chapter)
    outcome = t.outcome_key(entity, system, chapter, t.Ending.FAILED)
    assert t.parse_outcome_key(outcome) == (entity, system, chapter, t.Ending.FAILED)


@given(slugs, slugs)
def test_a_record_reaches_only_the_queue_of_its_own_books(system, chapter):
    made = t.topology([*PAIRS, (system, chapter)] if (system, chapter) not in PAIRS else PAIRS)
    key = t.routing_key("payment", system, chapter)
    reached = {
        b.queue for b in made.bindings if b.exchange == t.RECORDS and t.matches(b.pattern, key)
    }
    assert reached == {t.work_queue(system, chapter)}


def _as_regex(pattern: str) -> str:
    """Topic patterns said in another way: each word with its dot in front."""
    steps = {"*": r"\.[^.]+", "#": r"(\.[^.]+)*"}
    return "".join(steps.get(w, re.escape(f".{w}")) for w in pattern.split("."))


@given(st.lists(st.sampled_from(["*", "#", "a", "b"]), min_size=1, max_size=5), words)
def test_topic_matching_agrees_with_a_regular_expression(pattern, key):
    text = "".join(f".{word}" for word in key)
    expected = re.fullmatch(_as_regex(".".join(pattern)), text) is not None
    assert t.matches(".".join(pattern), ".".join(key)) is expected


@pytest.mark.parametrize("bad", ["", "Montréal", "a.b", "a b", "#", "*", "A", "x" * 65, "a\n"])
def test_a_slug_that_would_change_a_key_is_refused_and_shown(bad):
    with pytest.raises(ValueError, match="cannot be used"):
        t.work_queue("sage_300", bad)
    with pytest.raises(ValueError, match="cannot be used"):
        t.routing_key("invoice", bad, "laval")


def test_the_same_chapter_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        t.topology([PAIRS[0], PAIRS[0]])


def test_a_conflict_is_explained_with_both_values():
    reply = (
        "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'membri.a.b' in vhost "
        "'/': received the value '7' of type 'signedint' but current is the value '200000' of "
        "type 'signedint'"
    )
    told = t.explain_conflict(reply)
    assert "membri.a.b" in told
    assert "x-max-length" in told
    assert "'200000'" in told
    assert "'7'" in told
    assert t.explain_conflict("something else") == "something else"
