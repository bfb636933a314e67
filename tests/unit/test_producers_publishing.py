"""What is published of what was fetched, whatever was fetched."""

from __future__ import annotations

import datetime as dt
import uuid

from hypothesis import given
from hypothesis import strategies as st

from producers.chapters import Chapter
from producers.clock import Clock
from producers.membri import Fetched, MappingProblem
from producers.poll_state import PollState
from producers.publishing import Publication
from schemas.chapters import ChapterSettings
from schemas.facts import Fact
from schemas.reasons import Reason
from schemas.records import Account, Invoice, InvoiceType, Line, Record
from schemas.statuses import Entity, Status
from schemas.wire.channel import PublishOutcome
from schemas.wire.codec import decode
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import RECORDS, topology

NOW = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
MONTREAL = Chapter(
    "c-1", "Montréal", "montreal", "sage_300", ChapterSettings(sync_memberships_when_paid=True)
)
QUEBEC = Chapter("c-2", "Québec", "quebec", "sage_300")


def an_invoice(kind: InvoiceType = InvoiceType.MANUAL, *, paid: bool = False) -> Invoice:
    return Invoice(
        id=str(uuid.uuid4()),
        type=kind,
        account=Account(id="a-1", name="Éco"),
        date=dt.date(2026, 1, 5),
        lines=(Line(amount="10.00"),),
        total="10.00",
        paid=paid,
    )


def fetched(
    content: Record | MappingProblem | None,
    status: Status | None = Status.TO_TRANSFER,
    chapter: Chapter | None = MONTREAL,
) -> Fetched:
    known = content is not None and not isinstance(content, MappingProblem)
    return Fetched(
        entity=Entity.INVOICE,
        id=content.id if known else str(uuid.uuid4()),  # type: ignore[union-attr]
        etag="1",
        modified=NOW,
        status=status,
        reference="",
        error="",
        account_id="a-1",
        account_etag="1",
        chapter=chapter,
        content=content,
    )


def publication(broker: MemoryBroker, state: PollState, facts: list[Fact]) -> Publication:
    return Publication(
        broker,
        state,
        "https://org.example",
        [MONTREAL, QUEBEC],
        clock=Clock(now=lambda: NOW),
        observer=facts.append,
    )


def broker() -> MemoryBroker:
    return MemoryBroker(topology([("sage_300", "montreal"), ("sage_300", "quebec")]))


contents = st.one_of(
    st.none(),
    st.just(MappingProblem(Reason.MISSING_FIELD, "date")),
    st.builds(an_invoice, st.sampled_from(InvoiceType), paid=st.booleans()),
)


@given(
    st.lists(
        st.builds(
            fetched,
            contents,
            st.one_of(st.none(), st.sampled_from(Status)),
            st.sampled_from([MONTREAL, QUEBEC]),
        ),
        max_size=8,
    ),
    st.lists(st.sampled_from(PublishOutcome), max_size=4),
)
def test_only_to_transfer_is_ever_published_whatever_is_fetched(
    records: list[Fetched], outcomes: list[PublishOutcome]
) -> None:
    wire = broker()
    for outcome in outcomes:
        wire.next_publish(outcome)
    with PollState() as state:
        one = publication(wire, state, [])
        left = one.publish(records)
        allowed = {r.id for r in records if r.status is Status.TO_TRANSFER}
        for message in wire.published:
            assert any(one.encode() in message.body for one in allowed)
        for message in wire.published:
            if message.exchange == RECORDS:
                record = decode(message.body).data
                dues = record.type in (InvoiceType.MEMBERSHIP, InvoiceType.RENEWAL)
                assert record.paid or not dues or message.routing_key.endswith("quebec")
        confirmed = state.known(Entity.INVOICE, sorted(allowed))
        assert not {row.id for row in left} & {k for k, v in confirmed.items() if v.published}
        assert one.tally.published + one.tally.buried == state.in_flight_count()


def test_a_chapter_that_is_gone_from_the_configuration_gets_no_withdrawal() -> None:
    from producers.membri import Pending
    from producers.poll_state import Seen

    wire = broker()
    with PollState() as state:
        one = publication(wire, state, [])
        seen = Seen(Entity.INVOICE, "i-1", "1", True, "laval", "a-1", "1", 0.0)
        row = Pending(Entity.INVOICE, "i-1", "2", NOW, Status.ON_HOLD)
        one.withdraw([(row, seen)])
    assert wire.published == []
    assert one.tally.withdrawn == 0
