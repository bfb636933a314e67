"""What the settings say of deferred revenue reaches the consumer of the chapter."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from pathlib import Path

import pytest

from ops import wiring
from schemas.reasons import WaitReason
from schemas.records import DocumentRef, JournalEntry
from schemas.statuses import Entity, Status
from schemas.wire.codec import to_outgoing
from schemas.wire.memory import MemoryBroker
from tests.builders import account, event
from tests.ops_configuration import TEXT, settings
from tests.runtime_world import eventually

CHAPTER = 'slug = "montreal"\nsystem = "reference"\n'


@pytest.mark.parametrize(
    ("deferred", "waits"),
    [
        ("off", WaitReason.NOT_YET_DUE),
        ("on_date", WaitReason.NOT_YET_DUE),
        ("upfront", WaitReason.WAITS_FOR_INVOICE),  # for its payment: its date does not matter
    ],
)
def test_a_consumer_holds_an_entry_that_says_no_time_as_its_chapter_says(
    tmp_path: Path, deferred: str, waits: WaitReason
) -> None:
    said = f'{CHAPTER}[chapters.settings]\ndeferred_revenue = "{deferred}"\n'
    given = settings(tmp_path, TEXT.replace(CHAPTER, said))
    broker, stop = MemoryBroker(wiring.the_topology(given)), threading.Event()
    entry = JournalEntry(
        id="e1",
        account=account(),
        payment_id="p1",
        payment=DocumentRef(id="p1", reference="P-1", status=Status.TRANSFERRED),
        invoice=DocumentRef(id="i1"),
        date=dt.date(2999, 1, 31),
        amount="8.33",  # type: ignore[arg-type]  # as on the wire
        period=1,
        periods=12,
    )
    event_of_it = event(entry).model_copy(update={"chapter": "montreal", "system": "reference"})
    broker.publisher().publish([to_outgoing(event_of_it)])
    with wiring.consumer(given, "montreal", broker, stop) as consumer:  # type: ignore[arg-type]  # a broker as any other
        thread = threading.Thread(target=consumer.run)
        thread.start()
        try:
            with contextlib.closing(wiring.ledger(given, "montreal")) as ledger:
                eventually(ledger.waiting_counts)
                assert ledger.waiting_counts() == {(waits, Entity.JOURNAL_ENTRY): 1}
        finally:
            stop.set()
            thread.join()
