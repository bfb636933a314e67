"""Any sequence of operations leaves the SQLite ledger and the one in memory in the same state."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import (
    Changes,
    Entry,
    Key,
    Lease,
    LeaseLost,
    Ledger,
    Note,
    OutboxMessage,
    State,
    Wait,
)
from consumers.ledger.sql import open_ledger
from schemas.reasons import WaitReason
from schemas.statuses import Entity
from tests.in_memory import directory_with

_ROOM_BYTES = 64 * 1024**2
ALL_KEYS = [Key(entity, record_id) for entity in Entity for record_id in ("1", "2", "é")]
OWNERS = ("first", "second", "third")

keys = st.sampled_from(ALL_KEYS)
times = st.integers(0, 30).map(float)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
counts = st.integers(0, 9)

entries = st.builds(
    Entry,
    key=keys,
    state=st.sampled_from(State),
    account_id=texts,
    dataversion=texts,
    fingerprint=texts,
    generation=counts,
    remote_id=texts,
    reference=texts,
    attempts=counts,
    sent_at=st.none() | times,
    changed_at=times,
    reason=texts,
)
waits = st.builds(
    Wait,
    key=keys,
    reason=st.sampled_from(WaitReason),
    body=st.binary(max_size=8),
    account_id=texts,
    since=times,
    waits_for=st.none() | keys,
    due_at=st.none() | times,
    attempts=counts,
    first_failed_at=st.none() | times,
    detail=texts,
)
messages = st.builds(
    OutboxMessage,
    exchange=texts,
    routing_key=texts,
    message_id=texts,
    body=st.binary(max_size=8),
    headers=st.dictionaries(texts, texts | st.integers(-(2**40), 2**40), max_size=2),
    mandatory=st.booleans(),
)
notes = st.builds(Note, key=keys, at=times, what=texts, detail=texts)
changes = st.builds(
    Changes,
    entries=st.lists(entries, max_size=4),
    waits=st.lists(waits, max_size=4),
    leave=st.lists(keys, max_size=3),
    release=st.lists(keys, max_size=3),
    outbox=st.lists(messages, max_size=3),
    notes=st.lists(notes, max_size=3),
)
# Which of the leases seen so far is used; beyond them, none.
leases = st.integers(0, 8)


class TwoLedgers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="ledger-machine-", dir=directory_with(_ROOM_BYTES))
        self.memory: Ledger = MemoryLedger("montreal")
        self.sqlite: Ledger = open_ledger(f"sqlite:///{self.folder}/ledger.db", "montreal")
        self.leases: list[Lease] = []

    def teardown(self) -> None:
        self.sqlite.close()
        shutil.rmtree(self.folder)

    def both(self, act: Callable[[Ledger], Any]) -> Any:
        """Both answer alike, or both say that the lease is lost."""
        answers = []
        for ledger in (self.memory, self.sqlite):
            try:
                answers.append(act(ledger))
            except LeaseLost as lost:
                answers.append(str(lost))
        assert answers[0] == answers[1]
        return answers[0]

    def lease(self, number: int) -> Lease | None:
        return self.leases[number] if number < len(self.leases) else None

    @rule(changes=changes, number=leases, now=times)
    def commit(self, changes: Changes, number: int, now: float) -> None:
        self.both(lambda ledger: ledger.commit(changes, self.lease(number), now))

    @rule(key=keys, generation=st.integers(0, 1), name=texts, value=texts, number=leases, now=times)
    def remember_step(
        self, key: Key, generation: int, name: str, value: str, number: int, now: float
    ) -> None:
        self.both(
            lambda ledger: ledger.remember_step(
                key, generation, name, value, self.lease(number), now
            )
        )

    @rule(limit=st.integers(0, 5))
    def publish(self, limit: int) -> None:
        sent = self.both(lambda ledger: ledger.outbox(limit))
        self.both(lambda ledger: ledger.published([message.id for message in sent]))

    @rule(
        owner=st.sampled_from(OWNERS),
        now=times,
        ttl_s=st.integers(1, 9),
        grace_s=st.integers(0, 4),
        dead=st.sets(st.sampled_from(OWNERS), max_size=1),
    )
    def take_lease(
        self, owner: str, now: float, ttl_s: float, grace_s: float, dead: set[str]
    ) -> None:
        taken = self.both(
            lambda ledger: ledger.take_lease(owner, now, ttl_s, grace_s, dead.__contains__)
        )
        if taken is not None:
            self.leases.append(taken)

    @rule(number=leases, now=times)
    def renew_lease(self, number: int, now: float) -> None:
        if (lease := self.lease(number)) is not None:
            self.both(lambda ledger: ledger.renew_lease(lease, now, 5))

    @rule(number=leases)
    def release_lease(self, number: int) -> None:
        if (lease := self.lease(number)) is not None:
            self.both(lambda ledger: ledger.release_lease(lease))

    @rule(reason=st.none() | texts)
    def pause(self, reason: str | None) -> None:
        self.both(lambda ledger: ledger.pause(reason))

    @rule(now=times, limit=st.integers(0, 9))
    def look_with_limits(self, now: float, limit: int) -> None:
        self.both(lambda ledger: ledger.due(now, limit))
        self.both(lambda ledger: ledger.waiting(limit))
        self.both(lambda ledger: ledger.timeline("1", limit))

    @invariant()
    def both_know_the_same(self) -> None:
        for look in (
            lambda ledger: ledger.entries(ALL_KEYS),
            lambda ledger: ledger.waits(ALL_KEYS),
            lambda ledger: ledger.waiters(ALL_KEYS),
            lambda ledger: ledger.waiting(),
            lambda ledger: ledger.due(15.0, 100),
            lambda ledger: ledger.next_due(),
            lambda ledger: ledger.waiting_counts(),
            lambda ledger: ledger.state_counts(),
            lambda ledger: ledger.outbox(100),
            lambda ledger: ledger.outbox_count(),
            lambda ledger: ledger.timeline("é"),
            lambda ledger: [ledger.steps(key, 0) for key in ALL_KEYS],
            lambda ledger: ledger.lease_holder(),
            lambda ledger: ledger.paused(),
        ):
            self.both(look)


TestTwoLedgers = TwoLedgers.TestCase
TestTwoLedgers.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
