"""A random walk of people, accidents and restarts: nothing is doubled, nothing falls out."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.ledger.port import State
from schemas.reasons import Reason, SystemReason
from schemas.statuses import WITHDRAWN, Status
from tests.engine_harness import LONGEST_CALL_S
from tests.engine_world import CUSTOMER, NEEDS, World

DOCUMENTS = st.sampled_from(sorted(NEEDS))
DEATHS = st.one_of(st.none(), st.integers(0, 12))


def trouble() -> st.SearchStrategy[Exception]:
    return st.one_of(
        st.builds(Transient, st.just("locked")),
        st.builds(Unavailable, st.just(SystemReason.UNREACHABLE), st.just("refused")),
        st.builds(Rejected, st.just(Reason.CLOSED_PERIOD)),
        st.builds(KeyError, st.just("a bug of ours")),
    )


class Engine(RuleBasedStateMachine):
    world: World

    @initialize(replays=st.booleans(), customer=st.sampled_from(["flagged", "linked", "neither"]))
    def begin(self, replays: bool, customer: str) -> None:
        self.world = World(replays=replays)
        self.world.flagged = customer == "flagged"
        self.world.account.reference = CUSTOMER if customer == "linked" else ""

    # People

    @rule(names=st.lists(DOCUMENTS, min_size=1, max_size=4))
    def asks(self, names: list[str]) -> None:
        for name in names:
            self.world.change(name)

    @rule(name=DOCUMENTS, net=st.sampled_from(["50.00", "100.00"]))
    def changes(self, name: str, net: str) -> None:
        self.world.change(name, net=net)

    @rule(name=DOCUMENTS, status=st.sampled_from(sorted(WITHDRAWN)))
    def takes_back(self, name: str, status: Status) -> None:
        if self.world.rows[name].status is Status.TO_TRANSFER:
            self.world.take_back(name, status)

    @rule(flag=st.booleans(), ask=st.booleans())
    def flags_the_account(self, flag: bool, ask: bool) -> None:
        self.world.flagged = flag
        self.world.touch("a1")
        if ask:
            self.world.change("a1")

    @rule(ask=st.booleans(), phone=st.sampled_from(["1", "2"]))
    def links_the_account(self, ask: bool, phone: str) -> None:
        if self.world.account.reference:
            self.world.touch("a1", net=phone)
        else:
            self.world.touch("a1", reference=CUSTOMER)
        if ask:
            self.world.change("a1")

    @rule(status=st.sampled_from([None, Status.ON_HOLD, Status.TRANSFER_ERROR]))
    def sets_the_status_of_the_account(self, status: Status | None) -> None:
        if status is Status.ON_HOLD:
            self.world.take_back("a1", status)
        else:
            self.world.touch("a1", status=status)

    @precondition(lambda self: any(self.world.in_books(n) for n in NEEDS))
    @rule(name=DOCUMENTS)
    def deletes_and_sends_anew(self, name: str) -> None:
        entry = self.world.entry(name)
        if self.world.in_books(name) and entry is not None and entry.state is State.DONE:
            self.world.remove(name)

    # Programs

    @rule()
    def poller(self) -> None:
        self.world.republish()

    @rule()
    def settler(self) -> None:
        self.world.settle()

    @rule(size=st.integers(0, 5), death=DEATHS)
    def consumer(self, size: int, death: int | None) -> None:
        self.world.run(size, death)

    @rule(seconds=st.sampled_from([1.0, 10.0, LONGEST_CALL_S, 1000.0]), death=DEATHS)
    def clock(self, seconds: float, death: int | None) -> None:
        self.world.pass_time(seconds)
        self.world.run(0, death)

    @rule(death=DEATHS)
    def consumer_catches_up(self, death: int | None) -> None:
        self.world.run(100, death)

    # Accidents

    @rule(error=trouble())
    def refuses(self, error: Exception) -> None:
        self.world.books.before.append(error)

    @rule()
    def loses_a_reply(self) -> None:
        self.world.books.after.append(OutcomeUnknown("no answer"))

    @rule()
    def is_slow(self) -> None:
        self.world.books.late += 1

    @rule(error=trouble())
    def cannot_be_read(self, error: Exception) -> None:
        self.world.books.on_find.append(error)

    # What must hold

    @invariant()
    def nothing_is_doubled_nor_sent_against_the_will_of_a_person(self) -> None:
        assert self.world.books.broken == []

    @invariant()
    def nothing_falls_out(self) -> None:
        assert self.world.fallen_out() == []

    @invariant()
    def nobody_is_forgotten(self) -> None:
        assert self.world.forgotten() == []

    @invariant()
    def membri_is_told(self) -> None:
        assert self.world.untold() == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        for accidents in (world.books.before, world.books.after, world.books.on_find):
            accidents.clear()
        world.books.late = 0
        for _ in range(2):  # a person corrects all that is wrong, and sets it to transfer again
            world.touch("a1", reference=CUSTOMER, status=None)
            world.change("a1")
            for name, row in world.rows.items():
                if row.status is not Status.TRANSFERRED:
                    world.change(name)
            for _ in range(8):
                world.run(100, None)
                world.pass_time(LONGEST_CALL_S * 10)
                world.settle()
        world.bench.settle_down()
        self.nothing_is_doubled_nor_sent_against_the_will_of_a_person()
        self.nothing_falls_out()
        self.nobody_is_forgotten()
        self.membri_is_told()
        for name in NEEDS:
            assert world.in_books(name) == 1, f"{name} must be in the books at last"
        assert world.bench.ledger.waiting() == [], "everything became possible"


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
