"""Outcomes of records that changed since: a person's newer change wins."""

from __future__ import annotations

import datetime as dt

import pytest

from schemas.wire.topology import SETTLE
from tests.integration.producers_world import (
    DO_NOT_SYNC,
    IN_ERROR,
    ON_HOLD,
    TO_TRANSFER,
    TRANSFERRED,
    World,
    published,
    sync,
    writes,
)

pytest_plugins = ["tests.fixtures_producers"]
pytestmark = pytest.mark.usefixtures("quick_takes")


@pytest.mark.parametrize("status", [ON_HOLD, DO_NOT_SYNC])
def test_a_persons_status_is_kept_but_the_link_is_not_lost(world: World, status: int) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncstatus=status)
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (status, "F-1")


def test_a_reference_that_a_person_typed_is_kept(world: World) -> None:
    event = published(world)
    world.person(
        "invoice", event.subject, membri_syncstatus=ON_HOLD, membri_syncreference="À la main"
    )
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (ON_HOLD, "À la main")
    assert [w["status"] for w in writes(world)] == [412]


def test_noise_does_not_prevent_a_transfer_from_being_told(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, name="Un autre titre")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")


def test_noise_does_not_prevent_a_failure_from_being_told(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, name="Un autre titre")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event)[0] == IN_ERROR


def test_a_newer_version_stays_to_transfer_with_the_link_written(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, description="Changée depuis")
    world.succeed(event)
    world.settler().drain()
    assert sync(world, event)[:2] == (TO_TRANSFER, "F-1")


def test_a_newer_version_is_not_failed_for_what_the_older_one_was(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_invoicedate="2026-03-05")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)


def test_a_failure_does_not_undo_what_a_person_decided(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncstatus=ON_HOLD)
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (ON_HOLD, None, None)


def test_an_older_outcome_does_not_overwrite_a_newer_one(world: World) -> None:
    event = published(world)
    world.succeed(event, "F-2")
    world.fail(event)
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-2", None)


def test_a_dead_letter_sent_again_as_it_was_ends_as_transferred(world: World) -> None:
    event = published(world)
    world.fail(event)
    world.settler().drain()
    world.succeed(event, "F-4")
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-4", None)


def test_an_old_success_delivered_again_does_not_hide_a_newer_failure(world: World) -> None:
    event = published(world)
    world.succeed(event, "F-4")
    subscription = world.broker.subscribe(SETTLE, prefetch=5)
    assert subscription.take(5, 0)
    subscription.close()
    world.advance(60)
    world.person("invoice", event.subject, membri_syncstatus=IN_ERROR)
    world.settler().drain()
    assert sync(world, event)[:2] == (IN_ERROR, "F-4")


def test_an_outcome_told_twice_is_written_once(world: World) -> None:
    event = published(world)
    world.succeed(event)
    world.settler().drain()
    etag = world.row("invoice", event.subject)["@odata.etag"]
    world.succeed(event)
    world.settler().drain()
    assert world.row("invoice", event.subject)["@odata.etag"] == etag
    assert sync(world, event)[:2] == (TRANSFERRED, "F-1")


@pytest.mark.parametrize("kind", ["success", "failure"])
def test_an_outcome_delivered_again_does_not_undo_a_persons_reset(world: World, kind: str) -> None:
    event = published(world)
    if kind == "success":
        world.succeed(event)
    else:
        world.fail(event, first_failed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    subscription = world.broker.subscribe(SETTLE, prefetch=5)
    assert subscription.take(5, 0)
    subscription.close()  # it died after its write, before its acknowledgement
    world.advance(60)
    world.person("invoice", event.subject, membri_syncstatus=TO_TRANSFER)
    world.settler().drain()
    assert sync(world, event) == (TO_TRANSFER, None, None)


def test_rule_12_a_linked_account_keeps_the_reference_that_a_person_typed(world: World) -> None:
    account = world.account(membri_syncstatus=TO_TRANSFER, membri_syncreference="C-100")
    world.poller().run_pass()
    [event] = world.records()
    assert event.data.reference == "C-100"
    world.succeed(event, "C-100")
    world.settler().drain()
    assert sync(world, event, "account")[:2] == (TRANSFERRED, "C-100")
    assert account == event.subject


def test_rule_12_a_reference_typed_while_the_transfer_ran_wins(world: World) -> None:
    event = published(world)
    world.person("invoice", event.subject, membri_syncreference="Saisie à la main")
    world.succeed(event, "F-1")
    world.settler().drain()
    assert sync(world, event)[:2] == (TO_TRANSFER, "Saisie à la main")


def test_rule_13_the_error_is_cleared_when_the_next_try_goes_well(world: World) -> None:
    event = published(world)
    world.fail(event)
    world.settler().drain()
    world.person("invoice", event.subject, membri_syncstatus=TO_TRANSFER, duedate="2026-04-01")
    world.poller().run_pass()
    world.succeed(world.records()[-1], "F-3")
    world.settler().drain()
    assert sync(world, event) == (TRANSFERRED, "F-3", None)


def test_an_unmappable_row_shows_as_an_error(world: World) -> None:
    world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.settler().drain()
    [row] = world.sandbox.admin.get("/rows/invoice").json()
    assert row["membri_syncstatus"] == IN_ERROR
    assert row["membri_syncerror"] == "fr|missing_field|date|"


def test_an_unmappable_row_touched_meanwhile_still_shows_as_an_error(world: World) -> None:
    invoice = world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.person("invoice", invoice, name="Un autre titre")
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == IN_ERROR


def test_an_unmappable_row_corrected_meanwhile_is_not_failed(world: World) -> None:
    invoice = world.invoice(world.account(), membri_invoicedate=None)
    world.poller().run_pass()
    world.person("invoice", invoice, membri_invoicedate="2026-01-01")
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncstatus"] == TO_TRANSFER


def test_a_row_without_chapter_is_told_so(world: World) -> None:
    invoice = world.invoice(
        world.account(_membri_mainchapterid_value=None), _membri_chapterid_value=None
    )
    world.poller().run_pass()
    world.settler().drain()
    assert world.row("invoice", invoice)["membri_syncerror"].startswith("fr|unknown_chapter")
