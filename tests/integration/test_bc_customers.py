"""Customers of Business Central: keyed by number, never renumbered, told apart."""

from __future__ import annotations

import json

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.system import Lookup
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Address
from schemas.statuses import Entity
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import Delivery, an_account, rejected, unique
from tests.integration.bc_records import a_customer, row, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_a_new_customer_has_all_that_membri_knows(bench: BusinessCentralBench) -> None:
    lines = ("1000, rue Sherbrooke", "Bureau 2", "Aile B")
    account, ref = a_customer(
        bench,
        table="contact",
        email="a@example.org",
        phone="514 555-0100",
        address=Address(
            lines=lines, city="Montréal", province="QC", postal_code="h3b 4w5", country="canada"
        ),
    )
    held = row(bench, "customers", ref.remote_id)
    assert (held["number"], held["displayName"]) == (account.number, account.name)
    assert held["type"] == "Person"
    assert (held["addressLine1"], held["addressLine2"]) == (lines[0], "Bureau 2, Aile B")
    assert (held["city"], held["state"], held["country"]) == ("Montréal", "QC", "CA")
    assert (held["postalCode"], held["phoneNumber"]) == ("H3B 4W5", "514 555-0100")
    assert held["taxLiable"] is True
    assert held["taxAreaId"]


def test_a_number_is_the_same_in_small_letters_and_with_blanks(
    bench: BusinessCentralBench,
) -> None:
    number = f"m-{unique()}a"
    account, ref = a_customer(bench, number=f" {number} ")
    assert ref.reference == number.upper()
    again = sent(bench.restarted(), account)
    assert (again.action, again.ref) == (Action.ADOPTED, ref)
    typed = an_account(reference=number)
    found = bench.system.find(Delivery(typed).lookup)
    assert found is not None
    assert found.ref == ref


def test_an_update_never_sends_the_number_which_would_rename_the_customer(
    bench: BusinessCentralBench,
) -> None:
    account, ref = a_customer(bench)
    changed = account.model_copy(update={"number": f"Z{unique()}", "email": "new@example.org"})
    receipt = bench.system.transfer(Delivery(changed).task(ref.remote_id))
    assert (receipt.action, receipt.ref) == (Action.UPDATED, ref)
    held = row(bench, "customers", ref.remote_id)
    assert (held["number"], held["email"]) == (account.number, "new@example.org")
    again = bench.system.transfer(Delivery(changed).task(ref.remote_id))
    assert again.action is Action.CONFIRMED


def test_a_customer_that_somebody_else_changes_is_read_and_changed_again(
    bench: BusinessCentralBench,
) -> None:
    account, ref = a_customer(bench)
    renamed = account.model_copy(update={"name": f"{account.name} inc."})
    stale = {"error": {"code": "Request_EntityChanged", "message": "Another user"}}
    for times in (2, 3):
        bench.sandbox.faults.arm(
            kind="status", status=409, method="PATCH", times=times, body=json.dumps(stale)
        )
        if times == 3:
            with pytest.raises(Transient, match="keeps changing"):
                bench.system.transfer(
                    Delivery(renamed.model_copy(update={"email": "x@y.org"})).task(ref.remote_id)
                )
        else:
            receipt = bench.system.transfer(Delivery(renamed).task(ref.remote_id))
            assert receipt.action is Action.UPDATED
    assert row(bench, "customers", ref.remote_id)["displayName"] == renamed.name


def test_numbers_that_the_series_does_not_take_are_explained(bench: BusinessCentralBench) -> None:
    bench.options.manual_customer_numbers = False
    with rejected(Reason.CUSTOMER_SETUP) as refusal:
        sent(bench.system, an_account())
    assert refusal[0].field == "number"
    assert "manual" in refusal[0].detail.casefold()


def test_a_number_taken_meanwhile_by_ourselves_is_adopted(bench: BusinessCentralBench) -> None:
    account, ref = a_customer(bench)
    receipt = bench.system.transfer(Delivery(account).task())
    assert (receipt.action, receipt.ref) == (Action.ADOPTED, ref)


def test_a_blocked_customer_of_our_number_is_refused(bench: BusinessCentralBench) -> None:
    account, ref = a_customer(bench)
    for blocked, refused in (("Ship", False), ("Invoice", True), ("All", True)):
        bench.accountant(customer=account.number, set={"blocked": blocked})
        if not refused:
            assert bench.system.find(Delivery(account).lookup) is not None
            continue
        for call in (
            lambda: bench.system.find(Delivery(account).lookup),
            lambda: bench.system.transfer(Delivery(account).task()),
            lambda: bench.system.transfer(Delivery(account).task(ref.remote_id)),
        ):
            with rejected(Reason.CUSTOMER_INACTIVE) as refusal:
                call()
            assert f"blocked: {blocked}" in refusal[0].detail


def test_what_membri_remembers_finds_the_customer(bench: BusinessCentralBench) -> None:
    account, ref = a_customer(bench)
    lookup = Lookup(Entity.ACCOUNT, account.id, remote_id=ref.remote_id)
    found = bench.system.find(lookup)
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, False)
    assert bench.system.find(Lookup(Entity.ACCOUNT, account.id)) is None


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"number": "9" * 21}, Reason.TOO_LONG, "number"),
        ({"email": "a" * 75 + "@b.org"}, Reason.TOO_LONG, "email"),
        ({"email": "a@b.org;c@d.org"}, Reason.INVALID_FIELD, "email"),
        ({"phone": "514-555-0100 poste 2"}, Reason.INVALID_FIELD, "phone"),
        ({"currency": "GBP"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        ({"address": Address(country="Atlantide")}, Reason.INVALID_FIELD, "address.country"),
        ({"address": Address(city="V" * 31)}, Reason.TOO_LONG, "address.city"),
        ({"address": Address(lines=("a", "b" * 51))}, Reason.TOO_LONG, "address.lines.1"),
    ],
)
def test_what_would_be_refused_is_told_first(
    bench: BusinessCentralBench, values: dict[str, object], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_account(**values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_maximum_lengths_with_accents_are_taken(bench: BusinessCentralBench) -> None:
    account = an_account(
        name=f"{unique()}{'É' * 95}",
        number=f"{unique()}".rjust(20, "N"),
        email="e" * 69 + "@exemple.qc",
        phone="1" * 30,
        address=Address(
            lines=("é" * 100, "à" * 50), city="ô" * 30, province="û" * 30, postal_code="A" * 20
        ),
    )
    assert list(bench.system.check(account)) == []
    ref = sent(bench.system, account).ref
    held = row(bench, "customers", ref.remote_id)
    assert held["displayName"] == account.name
    assert held["addressLine1"] == "é" * 100


def test_a_linked_account_needs_no_number_of_its_own(bench: BusinessCentralBench) -> None:
    linked = an_account(number="", reference="C1")
    assert list(bench.system.check(linked)) == []


def test_countries_may_be_named_in_the_settings(bench: BusinessCentralBench) -> None:
    system = bench.connector(countries={"USA": "US"})
    account = an_account(address=Address(country="usa"))
    assert list(system.check(account)) == []
    assert row(bench, "customers", sent(system, account).ref.remote_id)["country"] == "US"


def test_an_unknown_tax_area_is_a_setting_to_correct(bench: BusinessCentralBench) -> None:
    with rejected(Reason.UNKNOWN_TAX) as refusal:
        bench.connector(tax_area="QUEBEC").transfer(Delivery(an_account()).task())
    assert "QUEBEC" in refusal[0].detail


def test_without_a_tax_area_the_template_decides(bench: BusinessCentralBench) -> None:
    ref = sent(bench.connector(tax_area=""), an_account()).ref
    assert row(bench, "customers", ref.remote_id)["taxLiable"] is False


def test_lists_are_read_page_after_page(bench: BusinessCentralBench) -> None:
    account = an_account(address=Address(country="France"))  # the last of three countries
    system = bench.connector(page_size=1)
    assert list(system.check(account)) == []
    assert row(bench, "customers", sent(system, account).ref.remote_id)["country"] == "FR"


@pytest.mark.parametrize("encoding", ["encoded", "plain"])
@pytest.mark.parametrize("style", ["encoded", "plain"])
def test_enumerations_come_back_either_way(
    bench: BusinessCentralBench, encoding: str, style: str
) -> None:
    account, ref = a_customer(bench)
    bench.options.enum_encoding = encoding
    system = bench.connector(enum_style=style)
    receipt = system.transfer(Delivery(account).task(ref.remote_id))
    assert receipt.action is Action.CONFIRMED


def test_a_customer_renamed_while_the_answer_to_its_creation_was_lost_is_still_ours(
    bench: BusinessCentralBench,
) -> None:
    delivery = Delivery(an_account())
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="customers$")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    account = delivery.record
    renamed = account.model_copy(update={"name": f"Corporation {unique()}"})
    receipt = Delivery(renamed, steps=delivery.steps).attempt(bench.restarted())
    assert receipt.action is Action.ADOPTED
    assert row(bench, "customers", receipt.ref.remote_id)["displayName"] == renamed.name  # type: ignore[union-attr]  # an account
    stranger = renamed.model_copy(update={"name": f"Autre {unique()}"})
    with rejected(Reason.DUPLICATE_NUMBER):
        Delivery(stranger).attempt(bench.restarted())


def test_a_new_address_leaves_no_line_of_the_old_one(bench: BusinessCentralBench) -> None:
    account, ref = a_customer(bench, address=Address(lines=("1, rue A", "App. 2"), city="Laval"))
    moved = account.model_copy(update={"address": Address(lines=("5, rue B",), city="Laval")})
    bench.system.transfer(Delivery(moved).task(ref.remote_id))
    held = row(bench, "customers", ref.remote_id)
    assert (held["addressLine1"], held["addressLine2"]) == ("5, rue B", "")
    bench.accountant(customer=account.number, set={"addressLine2": "Quai 3"})
    again = bench.system.transfer(Delivery(moved).task(ref.remote_id))
    assert again.action is Action.CONFIRMED  # what the accountant added stays
