"""Customers in the sandbox's books: names, namesakes, other people's edits."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.system import Lookup, RemoteRef
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Address
from tests.contracts.conformance_qbo import QuickBooksBench
from tests.contracts.conformance_world import Delivery, an_account, rejected, unique
from tests.integration.qbo_books import customer_of, row

pytest_plugins = ["tests.fixtures_qbo"]

STALE = '{"Fault":{"Error":[{"Message":"Stale","code":"5010"}],"type":"ValidationFault"}}'
TAKEN = (
    '{"Fault":{"Error":[{"Message":"Duplicate Name Exists Error",'
    '"Detail":"Another customer uses the name","code":"6240"}],"type":"ValidationFault"}}'
)


def posted(bench: QuickBooksBench, before: int) -> list[dict[str, Any]]:
    entries = list(bench.sandbox.log)[before:]
    return [e for e in entries if e["method"] == "POST" and not e["path"].endswith("query")]


def test_a_created_customer_holds_what_membri_says_and_our_marker(bench: QuickBooksBench) -> None:
    account = an_account(
        email="a@example.org",
        phone="514-555-0100",
        address=Address(lines=("1, rue A",), city="Laval", province="QC", country="Canada"),
    )
    made = row(bench, "Customer", customer_of(bench, account))
    assert made["Notes"] == f"membri:account:{account.id}"
    assert made["PrimaryEmailAddr"] == {"Address": "a@example.org"}
    assert made["PrimaryPhone"] == {"FreeFormNumber": "514-555-0100"}
    assert made["BillAddr"]["Line1"] == "1, rue A"
    for unwanted in ("ResaleNum", "OpenBalanceDate", "Title", "PrimaryTaxIdentifier"):
        assert unwanted not in made


def test_accents_in_either_form_and_blanks_around_are_one_name(bench: QuickBooksBench) -> None:
    composed, apart = f"Hélène {unique()}", ""
    apart = composed.replace("é", "e\u0301").replace("è", "e\u0300")
    account = an_account(name=f"  {apart} ")
    ref = customer_of(bench, account)
    assert ref.reference == composed
    linked = bench.system.find(Delivery(an_account(reference=apart.upper())).lookup)
    assert linked is not None
    assert linked.ref == ref


@pytest.mark.parametrize("kind", ["Vendor", "Employee"])
def test_a_name_of_a_vendor_or_an_employee_is_told_with_its_holder(
    bench: QuickBooksBench, kind: str
) -> None:
    name = f"Partagé {unique()}"
    holder = bench.accountant(entity=kind, create={"DisplayName": name, "GivenName": "G"})
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        Delivery(an_account(name=name)).attempt(bench.system)
    assert f"QuickBooks {kind.lower()} « {name} » (Id {holder['Id']}" in refusal[0].detail


def test_a_vendors_name_gets_a_number_where_the_chapter_says_so(bench: QuickBooksBench) -> None:
    name = f"Partagé {unique()}"
    bench.accountant(entity="Vendor", create={"DisplayName": name})
    system = bench.append_numbers()
    delivery = Delivery(an_account(name=name))
    first = delivery.attempt(system)
    assert first.ref.reference == f"{name} (2)"
    again = system.transfer(Delivery(delivery.record).task())
    assert (again.ref, again.action) == (first.ref, Action.ADOPTED)


def test_an_inactive_namesake_still_holds_its_name(bench: QuickBooksBench) -> None:
    holder = bench.add_customer(f"Ancien {unique()}", active=False)
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        Delivery(an_account(name=holder.reference)).attempt(bench.system)
    assert "inactive" in refusal[0].detail


def test_our_own_customer_met_as_a_taken_name_is_adopted(bench: QuickBooksBench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    receipt = bench.system.transfer(Delivery(account).task())
    assert (receipt.ref, receipt.action) == (ref, Action.ADOPTED)


def test_a_hint_of_the_holder_is_read_before_it_is_believed(bench: QuickBooksBench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    bench.accountant(entity="Customer", id=ref.remote_id, set={"DisplayName": f"R {unique()}"})
    hinting = TAKEN.replace("Another customer uses the name", f"exists : Id={ref.remote_id}")
    bench.sandbox.faults.arm(
        kind="status", status=400, body=hinting, path="/customer", method="POST"
    )
    receipt = bench.system.transfer(Delivery(account).task())
    assert receipt.ref.remote_id == ref.remote_id


def test_a_taken_name_whose_holder_cannot_be_read_is_told_in_quickbooks_words(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    bench.sandbox.faults.arm(kind="status", status=400, body=TAKEN, path="/customer", method="POST")
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        bench.system.transfer(Delivery(account).task())
    assert account.name in refusal[0].detail


def test_an_update_is_sparse_and_leaves_alone_what_membri_does_not_have(
    bench: QuickBooksBench,
) -> None:
    account = an_account(email="a@example.org")
    ref = customer_of(bench, account)
    bench.accountant(
        entity="Customer",
        id=ref.remote_id,
        set={"Mobile": {"FreeFormNumber": "418-555-0199"}, "ResaleNum": "R1"},
    )
    changed = account.model_copy(update={"email": "b@example.org"})
    receipt = bench.system.transfer(Delivery(changed).task(ref.remote_id))
    assert receipt.action is Action.UPDATED
    made = row(bench, "Customer", ref)
    assert made["PrimaryEmailAddr"] == {"Address": "b@example.org"}
    assert made["Mobile"] == {"FreeFormNumber": "418-555-0199"}
    assert made["ResaleNum"] == "R1"
    assert made["Notes"] == f"membri:account:{account.id}"


def test_nothing_is_sent_when_the_books_have_it_already(bench: QuickBooksBench) -> None:
    account = an_account(address=Address(city="Laval", country="Canada"))
    ref = customer_of(bench, account)
    before = len(bench.sandbox.log)
    receipt = bench.system.transfer(Delivery(account).task(ref.remote_id))
    assert receipt.action is Action.CONFIRMED
    assert posted(bench, before) == []


def test_a_numbered_namesake_keeps_its_number_when_it_is_updated(bench: QuickBooksBench) -> None:
    holder = bench.add_customer(f"Homonyme {unique()}")
    system = bench.append_numbers()
    account = an_account(name=holder.reference)
    ref = Delivery(account).attempt(system).ref
    changed = account.model_copy(update={"email": "c@example.org"})
    assert system.transfer(Delivery(changed).task(ref.remote_id)).ref == ref


def test_an_accountants_edit_between_read_and_write_is_kept_and_ours_applied(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    changed = account.model_copy(update={"email": "d@example.org"})
    before = len(bench.sandbox.log)
    bench.sandbox.faults.arm(
        kind="status", status=400, body=STALE, path="/customer", method="POST", times=2
    )
    bench.system.transfer(Delivery(changed).task(ref.remote_id))
    assert row(bench, "Customer", ref)["PrimaryEmailAddr"] == {"Address": "d@example.org"}
    assert len(posted(bench, before)) == 1


def test_a_customer_that_keeps_changing_is_tried_again_later(bench: QuickBooksBench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    changed = account.model_copy(update={"email": "e@example.org"})
    bench.sandbox.faults.arm(
        kind="status", status=400, body=STALE, path="/customer", method="POST", times=3
    )
    with pytest.raises(Transient, match="5010"):
        bench.system.transfer(Delivery(changed).task(ref.remote_id))


def test_a_rename_to_a_taken_name_is_refused_with_the_holder(bench: QuickBooksBench) -> None:
    holder = bench.add_customer(f"Pris {unique()}")
    account = an_account()
    ref = customer_of(bench, account)
    renamed = account.model_copy(update={"name": holder.reference})
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        bench.system.transfer(Delivery(renamed).task(ref.remote_id))
    assert f"Id {holder.remote_id}" in refusal[0].detail


def test_an_inactive_customer_is_not_updated(bench: QuickBooksBench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    bench.accountant(entity="Customer", id=ref.remote_id, set={"Active": False})
    with rejected(Reason.CUSTOMER_INACTIVE):
        bench.system.transfer(Delivery(account).task(ref.remote_id))


def test_other_refusals_of_a_customer_have_their_class(bench: QuickBooksBench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    changed = account.model_copy(update={"email": "f@example.org"})
    for task in (Delivery(changed).task(ref.remote_id), Delivery(an_account()).task()):
        bench.sandbox.faults.arm(kind="status", status=500, path="/customer", method="POST")
        with pytest.raises(OutcomeUnknown):
            bench.system.transfer(task)


def test_a_remembered_customer_that_is_gone_is_looked_up_by_its_reference(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    lookup = Lookup(account.entity, account.id, reference=ref.reference, remote_id="999999")
    found = bench.system.find(lookup)
    assert found is not None
    assert found.ref == RemoteRef(ref.remote_id, account.name)


def test_limits_of_a_customer_are_told_at_once(bench: QuickBooksBench) -> None:
    account = an_account(
        name="Deux : points",
        email="x" * 101,
        phone="0" * 31,
        address=Address(city="c" * 256, lines=("l" * 501,)),
    )
    told = {(p.reason, p.field) for p in bench.system.check(account)}
    assert told == {
        (Reason.INVALID_CHARACTERS, "name"),
        (Reason.TOO_LONG, "email"),
        (Reason.INVALID_FIELD, "email"),
        (Reason.TOO_LONG, "phone"),
        (Reason.TOO_LONG, "address.city"),
        (Reason.TOO_LONG, "address.lines.0"),
    }
