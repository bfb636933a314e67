"""What the poller remembers of deferred payments."""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from producers.deferral import Settled, Terms
from producers.deferral_state import CONFIRMED, TOLD, WENT, Deferred
from producers.poll_state import PollState

TERMS = Terms(periods=12, start="next_january", day="first", upfront=True)


def deferred(payment: str = "p1", invoice: str = "i1", **values: str) -> Deferred:
    return Deferred(
        payment_id=payment,
        invoice_id=invoice,
        terms=TERMS.model_dump_json(),
        paid="114.98",
        share="100.00",
        last_day=values.get("last_day", "2026-12-31"),
        version="v",
        cancelled_on=values.get("cancelled_on", ""),
    )


def test_terms_and_shares_are_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "poll.db"
    with PollState(path) as state:
        state.deferrals.remember([deferred(), deferred("p2", cancelled_on="2026-02-01")])
        state.deferrals.note_swept(dt.date(2026, 2, 2))
    with PollState(path) as state:
        assert state.deferrals.swept_on == dt.date(2026, 2, 2)
        found = state.deferrals.of_payments(["p1", "p3"])["p1"]
        assert (found.under, found.settled) == (TERMS, Settled(Decimal("114.98"), Decimal(100)))
        assert [one.payment_id for one in state.deferrals.of_invoices(["i1"])] == ["p1", "p2"]
        assert state.deferrals.of_payments(["p2"])["p2"].cancelled_on == "2026-02-01"


def test_many_payments_are_asked_for_at_once() -> None:
    with PollState() as state:
        state.deferrals.remember(deferred(f"p{n}") for n in range(1000))
        assert len(state.deferrals.of_payments([f"p{n}" for n in range(0, 1000, 2)])) == 500


def test_what_ended_long_ago_is_forgotten_and_what_goes_on_is_listed() -> None:
    with PollState() as state:
        assert state.deferrals.swept_on is None
        state.deferrals.remember([deferred("old", last_day="2024-01-31"), deferred("new")])
        assert state.deferrals.alive(dt.date(2026, 12, 31)) == ["new"]
        state.deferrals.forget_before(dt.date(2024, 2, 1))
        assert state.deferrals.alive(dt.date(2000, 1, 1)) == ["new"]


def test_a_file_whose_table_is_of_another_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "poll.db"
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE deferred (payment_id TEXT, invoice_id TEXT, last_day TEXT)")
    old.commit()
    old.close()
    with PollState(path) as state:
        state.deferrals.remember([deferred()])
        assert set(state.deferrals.of_payments(["p1"])) == {"p1"}


def test_a_payment_that_went_is_noted_once_and_a_new_telling_begins_anew() -> None:
    with PollState() as state:
        state.deferrals.remember([deferred("p1"), deferred("p2")])
        state.deferrals.note_went(["p1", "unknown"])
        assert {k: one.went for k, one in _of(state).items()} == {"p1": WENT, "p2": TOLD}
        assert _of(state)["p1"].settled.went
        state.deferrals.remember([replace(_of(state)["p1"], went=CONFIRMED)])
        state.deferrals.note_went(["p1"])
        assert _of(state)["p1"].went == CONFIRMED
        state.deferrals.remember([deferred("p1")])
        assert _of(state)["p1"].went == TOLD


def _of(state: PollState) -> dict[str, Deferred]:
    return state.deferrals.of_payments(["p1", "p2"])
