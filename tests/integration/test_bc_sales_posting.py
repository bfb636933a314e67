"""Posting in Business Central: what it refuses, and what is left behind then."""

from __future__ import annotations

import pytest

from consumers.errors import OutcomeUnknown
from consumers.systems.business_central.faults import Bug
from consumers.systems.business_central.keys import marker
from ops.sandbox.business_central.company import TAXABLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import Delivery, an_account, an_invoice, rejected
from tests.integration.bc_records import a_customer, refused, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_posting_groups_that_lack_are_explained_and_nothing_stays(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(customer=account.number, posting_groups=False)
    invoice = an_invoice(account)
    with rejected(Reason.CUSTOMER_SETUP):
        sent(bench.system, invoice, customer)
    assert bench.held(invoice).count == 0


def test_a_document_held_for_approval_waits_for_a_person_and_is_then_adopted(
    bench: BusinessCentralBench,
) -> None:
    bench.options.approval_workflow = True
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    for _ in range(2):  # set back to À transférer before anybody approved
        with rejected(Reason.AWAITING_APPROVAL) as refusal:
            sent(bench.system, invoice, customer)
        assert "In Review" in refusal[0].detail
    (mine,) = [one for one in bench.books().documents if one.note == marker(invoice.id)]
    bench.accountant(document=mine.id, action="approve")
    receipt = sent(bench.system, invoice, customer)
    assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, mine.id)


def test_a_date_after_the_allowed_ones_is_not_open_yet(bench: BusinessCentralBench) -> None:
    bench.accountant(allow_posting_to="2026-03-01")
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    problems = bench.restarted().check(invoice)
    assert [(p.reason, p.field) for p in problems] == [(Reason.PERIOD_NOT_OPEN, "date")]
    assert "2026-03-01" in problems[0].detail
    with rejected(Reason.PERIOD_NOT_OPEN):
        bench.system.transfer(Delivery(invoice, customer).task())
    assert bench.held(invoice).count == 0


def test_the_posting_dates_of_the_user_win_and_cannot_be_read(bench: BusinessCentralBench) -> None:
    bench.accountant(allow_posting_to="2026-03-01", user_from="2026-01-01")
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    system = bench.connector(own_posting_dates=True)
    assert list(system.check(invoice)) == []
    assert sent(system, invoice, customer).action is Action.CREATED


def test_a_tax_area_that_lacks_makes_other_taxes_and_the_draft_is_deleted(
    bench: BusinessCentralBench,
) -> None:
    account = an_account()
    customer = sent(bench.connector(tax_area=""), account).ref
    invoice = an_invoice(account)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        sent(bench.system, invoice, customer)
    for figure in ("100.00", "114.98", "0.00", "14.98"):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 0


def test_a_wrong_draft_that_cannot_be_deleted_is_said_to_stand(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5"})
    invoice = an_invoice(account)
    body = '{"error": {"code": "Application_DialogException", "message": "You may not."}}'
    bench.sandbox.faults.arm(kind="status", status=400, method="DELETE", body=body)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        sent(bench.system, invoice, customer)
    assert "delete it by hand" in refusal[0].detail
    assert "You may not." in refusal[0].detail
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5", "CAQC": "9.975"})
    sent(bench.system, invoice, customer)  # the draft that stands is made anew
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize("rounding", ["document", "line"])
def test_cents_are_membris_or_nothing_is_posted(bench: BusinessCentralBench, rounding: str) -> None:
    bench.options.tax_rounding = rounding
    account, customer = a_customer(bench)
    invoice = an_invoice(account, "10.10", "10.10", "10.10")
    if rounding == "document":
        assert sent(bench.system, invoice, customer).action is Action.CREATED
        return
    with rejected(Reason.TAX_MISMATCH):
        sent(bench.system, invoice, customer)
    assert bench.held(invoice).count == 0


def test_a_post_that_another_try_did_already_is_no_failure(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    text = "The action can be applied to a draft invoice only."
    body = f'{{"error": {{"code": "Application_DialogException", "message": "{text}"}}}}'
    bench.sandbox.faults.arm(kind="status_after", status=400, path="NAV.post", body=body)
    assert sent(bench.system, invoice, customer).action is Action.CREATED
    assert bench.held(invoice).balance == invoice.total


def test_a_locked_table_is_tried_again_and_the_draft_is_kept(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    text = "The Sales Header table is locked by another user."
    body = f'{{"error": {{"code": "Application_DialogException", "message": "{text}"}}}}'
    bench.sandbox.faults.arm(kind="status", status=400, path="NAV.post", body=body)
    with pytest.raises(OutcomeUnknown, match="locked"):  # a draft was made before
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_a_draft_that_stays_one_after_a_yes_is_looked_at_again(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    bench.sandbox.faults.arm(kind="status", status=204, path="NAV.post")
    with pytest.raises(OutcomeUnknown, match="still a draft"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_a_wrong_draft_whose_deletion_is_lost_is_an_unknown_outcome(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5"})
    delivery = Delivery(an_invoice(account), customer)
    bench.sandbox.faults.arm(kind="status_after", status=504, method="DELETE")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 0


def test_a_posting_refused_as_our_own_bug_leaves_no_draft(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    refused(bench, "no", "BadRequest_InvalidRequestUrl", path="NAV.post")
    with pytest.raises(Bug):
        delivery.attempt(bench.system)
    assert bench.held(delivery.record).count == 0
