"""`membri-sync dead …` on real dead letters: each is an « Erreur de transfert » in Membri."""

from __future__ import annotations

import json

from ops.dead_letters import Letter
from schemas.wire.channel import Outgoing, PublishOutcome
from schemas.wire.topology import RECORDS, UNROUTED_QUEUE, dead_queue
from tests.e2e_harness import (
    ON_HOLD,
    TRANSFER_ERROR,
    TRANSFERRED,
    Rehearsal,
    eventually,
)

SYSTEM = "quickbooks_online"


def ids(tiny: Rehearsal, *filters: str) -> set[str]:
    """Membri ids of the letters that `dead list` shows."""
    found = tiny.run("dead", "list", "--json", *filters).expect(0).json()
    return {one["record"] for one in found}


def test_dead_letters_are_listed_shown_replayed_and_discarded(tiny: Rehearsal) -> None:
    tiny.run("once", "--chapter", "quebec", "--json").expect(1)
    corrected, held = (tiny.case("quebec", "closed_period", n) for n in (0, 1))
    both = {corrected, held}

    assert ids(tiny) == both, "a record in error has its letter, and no other has one"
    assert len(tiny.letters().all()) == len(both), "a record in error is told once"
    assert ids(tiny, "--reason", "closed_period", "--chapter", "quebec") == both
    assert ids(tiny, "--entity", "payment") == set()
    tiny.run("dead", "list", "--reason", "close_period").expect(2)
    assert "closed_period" in tiny.run("dead", "list").expect(0).out
    [shown] = tiny.run("dead", "show", corrected, "--json").expect(0).json()
    assert shown["reason"] == "closed_period"
    assert shown["failed_by"] == "consume quebec"
    assert json.loads(shown["body"])["subject"] == corrected
    assert corrected in tiny.run("dead", "show", corrected).expect(0).out

    kept = tiny.run("dead", "discard", "--reason", "closed_period", typed="n\n").expect(0)
    assert "2" in kept.out
    tiny.run("dead", "discard", "--reason", "closed_period").expect(2)
    tiny.run("dead", "discard").expect(2)
    assert ids(tiny) == both

    tiny.person("invoice", corrected, membri_invoicedate="2026-09-15")
    tiny.person("invoice", held, membri_syncstatus=ON_HOLD)
    [refused] = tiny.run("dead", "replay", held, "--json").expect(1).json()
    assert refused["outcome"] == "refused"
    assert "En attente" in refused["detail"]
    [replayed] = tiny.run("dead", "replay", corrected, "--json").expect(0).json()
    assert replayed["outcome"] == "replayed"
    assert ids(tiny) == {held}
    tiny.run("dead", "replay", held, "--as-is").expect(0)
    assert ids(tiny) == set()

    report = tiny.run("once", "--chapter", "quebec", "--json").expect(1).json()
    row = tiny.row("invoice", corrected)
    assert row["membri_syncstatus"] == TRANSFERRED
    assert row["membri_syncreference"]
    assert [one["id"] for one in report["errors"]] == [held], "as it was, it is refused again"
    assert tiny.row("invoice", held)["membri_syncstatus"] == ON_HOLD, "a person's change wins"
    assert tiny.run("dead", "discard", held, "--json").expect(0).json() == {"discarded": 1}
    assert ids(tiny) == set()
    assert tiny.offences() == []


def publish(tiny: Rehearsal, routing_key: str, body: bytes) -> None:
    """By hand, as a program that is not ours would."""
    publisher = tiny.broker().publisher()
    message = Outgoing(RECORDS, routing_key, f"by-hand-{routing_key}", body)
    assert publisher.publish([message]) == [PublishOutcome.CONFIRMED]
    publisher.close()


def event(subject: str, **changes: str) -> bytes:
    """An event that names a record of Membri, and says nothing of it."""
    values = {
        "specversion": "1.0",
        "id": "5f0c2a9b-0000-4000-8000-000000000001",
        "source": "by/hand",
        "type": "membri.invoice.to_transfer",
        "subject": subject,
        "time": "2025-11-24T12:00:00Z",
        "chapter": "quebec",
        "system": SYSTEM,
        "partitionkey": "nobody",
        "data": {},
    }
    return json.dumps(values | changes).encode()


def test_what_cannot_be_read_or_has_no_place_becomes_a_dead_letter_with_its_bytes(
    tiny: Rehearsal,
) -> None:
    tiny.run("topology", "apply").expect(0)
    named, unnamed = tiny.case("quebec", "closed_period"), b"\xff\xfe no JSON at all"
    laval = event(named, chapter="laval")
    gift = event(named, type="membri.gift.to_transfer")
    sent = {
        f"invoice.{SYSTEM}.quebec": unnamed,
        f"invoice.{SYSTEM}.laval": laval,
        "invoice.sage_900.quebec": event(named, system="sage_900"),
        f"gift.{SYSTEM}.quebec": gift,
    }
    for key, body in sent.items():
        publish(tiny, key, body)

    def all_buried() -> dict[bytes, Letter] | None:
        found = {letter.dead.body: letter for letter in tiny.letters().all()}
        return found if set(found) == set(sent.values()) else None

    with tiny.start("consume", "quebec", name="consumer"):
        buried = eventually(all_buried, "each message is a dead letter, its bytes kept")

    unreadable = buried[unnamed].dead
    assert unreadable.reason == "unreadable"
    assert unreadable.failed_by == "consume quebec"
    assert (unreadable.system, unreadable.chapter) == (SYSTEM, "quebec")
    assert buried[gift].queue == dead_queue(SYSTEM, "unknown")
    assert buried[gift].dead.reason in ("unreadable", "unknown_entity")
    for key, reason in (
        (f"invoice.{SYSTEM}.laval", "unknown_chapter"),
        ("invoice.sage_900.quebec", "unknown_system"),
    ):
        letter = buried[sent[key]]
        assert letter.queue == UNROUTED_QUEUE
        assert letter.dead.reason == reason
        assert key in letter.dead.detail

    assert tiny.run("settle", "--drain", "--json").expect(0).json()["settled"] == len(sent)
    row = tiny.row("invoice", named)
    assert row["membri_syncstatus"] == TRANSFER_ERROR
    assert row["membri_syncerror"]
