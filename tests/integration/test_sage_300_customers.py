"""Customers on the simulated Sage 300: the number is the key (reference page, section 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.errors import Unavailable
from consumers.system import Lookup, RemoteRef
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.tls import loopback_certificate
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.records import Address
from tests.contracts.conformance_sage_300 import Sage300Bench, sage_300_bench
from tests.contracts.conformance_world import Delivery, an_account, rejected, unique
from tests.integration.sage_300_books import books, customer_of

pytest_plugins = ["tests.fixtures_sage_300"]


def row(bench: Sage300Bench, ref: RemoteRef) -> dict[str, object]:
    return books(bench).get("ARCustomers", ref.remote_id)  # type: ignore[no-any-return]  # plain JSON


def test_a_number_goes_in_capitals_with_group_taxes_and_address(bench: Sage300Bench) -> None:
    place = Address(
        lines=("1000, rue A", "", "Bureau 2", "Étage 3", "Porte 4", "Casier 5"),
        city="Montréal",
        province="QC",
        postal_code="H3B 4W5",
        country="Canada",
    )
    account = an_account(number=f"m{unique()}", address=place, phone="(514) 555-0100 #2")
    ref = customer_of(bench, account)
    assert ref == RemoteRef(account.number.upper(), account.number.upper())
    held = row(bench, ref)
    assert (held["GroupCode"], held["TaxGroup"], held["TaxClassCode1"]) == ("MEMBRE", "QC", 1)
    assert held["ShortName"] == account.name.upper()[:10].rstrip()
    lines = [held[f"AddressLine{n}"] for n in (1, 2, 3, 4)]
    assert lines == ["1000, rue A", "Bureau 2", "Étage 3", "Porte 4, Casier 5"]
    assert held["ZipPostalCode"] == "H3B 4W5"


def test_a_phone_that_comes_back_formatted_is_not_changed_again(bench: Sage300Bench) -> None:
    account = an_account(phone="514-555-0100", email="a@example.org")
    ref = customer_of(bench, account)
    receipt = bench.system.transfer(Delivery(account).task(ref.remote_id))
    assert receipt.action is Action.CONFIRMED


def test_only_what_changed_is_sent_and_the_accountant_s_choices_stay(bench: Sage300Bench) -> None:
    account = an_account(email="a@example.org", phone="514-555-0100")
    ref = customer_of(bench, account)
    bench.alter("ARCustomers", ref.remote_id, ShortName="PERSO", Comments="À rappeler")
    changed = account.model_copy(update={"email": "b@example.org"})
    delivery = Delivery(changed)
    draft = bench.system.draft(delivery.task(ref.remote_id))
    assert draft.requests == (
        (f"PATCH AR/ARCustomers('{ref.remote_id}')", {"Email": "b@example.org"}),
    )
    bench.system.transfer(delivery.task(ref.remote_id))
    held = row(bench, ref)
    assert (held["ShortName"], held["Email"]) == ("PERSO", "b@example.org")
    assert bench.system.draft(delivery.task(ref.remote_id)).requests == ()


def test_a_customer_whose_creation_was_not_heard_is_adopted(bench: Sage300Bench) -> None:
    account = an_account()
    customer_of(bench, account)
    receipt = bench.restarted().transfer(Delivery(account).task())
    assert receipt.action is Action.ADOPTED


def test_an_inactive_customer_of_that_number_and_name_is_told(bench: Sage300Bench) -> None:
    account = an_account()
    ref = customer_of(bench, account)
    bench.alter("ARCustomers", ref.remote_id, Status="Inactive")
    for attempt in (
        lambda: Delivery(account).attempt(bench.system),
        lambda: bench.system.transfer(Delivery(account).task()),
        lambda: bench.system.transfer(Delivery(account).task(ref.remote_id)),
    ):
        with rejected(Reason.CUSTOMER_INACTIVE) as refusal:
            attempt()
        assert ref.remote_id in refusal[0].detail


def test_an_optional_field_that_the_company_requires_is_told_as_its_setup(
    bench: Sage300Bench,
) -> None:
    bench.accountant(required_customer_fields=["REGION"])
    with rejected(Reason.CUSTOMER_SETUP) as refusal:
        customer_of(bench, an_account())
    assert "REGION" in refusal[0].detail
    system = bench.connector(customer_optional_fields={"region": "06"})
    account = an_account()
    ref = system.transfer(Delivery(account).task()).ref
    assert row(bench, ref)["CustomerOptionalFieldValues"] == [
        {"OptionalField": "REGION", "Value": "06"}
    ]
    assert system.transfer(Delivery(account).task(ref.remote_id)).action is Action.CONFIRMED
    targets = {rule.target for rule in system.declaration.fields}
    assert "CustomerOptionalFieldValues.Value" in targets


def test_an_unknown_group_is_told_as_setup_too(bench: Sage300Bench) -> None:
    system = bench.connector(customer_group="NONE")
    with rejected(Reason.CUSTOMER_SETUP):
        system.transfer(Delivery(an_account()).task())


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"number": "M" * 13}, Reason.TOO_LONG, "number"),
        ({"number": "M-1"}, Reason.INVALID_CHARACTERS, "number"),
        ({"email": "a" * 50 + "@example.org"}, Reason.TOO_LONG, "email"),
        ({"phone": "1" * 31}, Reason.TOO_LONG, "phone"),
        ({"address": Address(lines=("x", "y" * 61))}, Reason.TOO_LONG, "address.lines.1"),
        ({"address": Address(city="x" * 31)}, Reason.TOO_LONG, "address.city"),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    ],
)
def test_what_sage_would_refuse_is_told_before_anything_is_sent(
    bench: Sage300Bench, values: dict[str, object], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_account(**values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_an_email_s_length_is_a_setting(bench: Sage300Bench) -> None:
    bench.options.email_length = 80
    account = an_account(email="a" * 60 + "@example.org")
    system = bench.connector(email_max=80)
    assert list(system.check(account)) == []
    assert system.transfer(Delivery(account).task()).action is Action.CREATED


def test_a_linked_customer_is_found_by_any_reference_that_can_be_one(bench: Sage300Bench) -> None:
    ref = bench.add_customer("Fait à la main", number="HAND1")
    found = bench.system.find(Lookup(an_account().entity, "x", reference=" hand1 "))
    assert found is not None
    assert found.ref == ref
    for reference in ("O'BRIEN/2", "M" * 13):
        assert bench.system.find(Lookup(an_account().entity, "x", reference=reference)) is None


def test_a_reference_that_iis_refuses_in_a_path_closes_nothing(bench: Sage300Bench) -> None:
    html = "<h1>404 - File or directory not found.</h1>"
    order = {"kind": "status", "status": 404, "method": "GET", "path": r"ARCustomers\("}
    bench.sandbox.faults.arm(**order, body=html)
    for reference in ("A/B", "A&B:*", "1 %"):
        assert bench.system.find(Lookup(an_account().entity, "x", reference=reference)) is None
    bench.sandbox.faults.clear()
    held = {"CustomerNumber": "M&G-1", "CustomerName": "Main", "Status": "Active"}
    books(bench).put("ARCustomers", held)
    found = bench.system.find(Lookup(an_account().entity, "x", reference="m&g-1"))
    assert found is not None
    assert found.ref == RemoteRef("M&G-1", "M&G-1")


def test_an_account_linked_by_reference_needs_no_number(bench: Sage300Bench) -> None:
    assert list(bench.system.check(an_account(number="", reference="HAND1"))) == []


# --- who we are ---------------------------------------------------------------------------------


def test_a_missing_right_is_named_with_its_module(bench: Sage300Bench) -> None:
    bench.accountant(rights={"WEBAPI": ["CS", "GL", "TX", "BK"]})
    with pytest.raises(Unavailable) as info:
        customer_of(bench, an_account())
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "AR" in info.value.detail


def test_the_administrator_is_refused_by_default_and_told(bench: Sage300Bench) -> None:
    bench.sandbox.faults.arm(
        kind="status",
        status=403,
        body='{"error": {"code": "Forbidden", "message": {"lang": "en", "value": "Forbidden"}}}',
    )
    with pytest.raises(Unavailable) as info:
        bench.connector(user="ADMIN").probe()
    assert "ADMIN" in info.value.detail


def test_the_wrong_company_is_a_matter_of_settings() -> None:
    with sage_300_bench() as bench:  # of its own: asking for a company that is not there offends
        other = bench.connection().base_url.replace("ERABLE", "NOBODY")
        with pytest.raises(Unavailable) as info:
            bench.connector(base_url=other).probe()
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "base_url" in info.value.detail


def test_a_wrong_password_is_tried_once(bench: Sage300Bench) -> None:
    system = bench.connector(password="WRONG")
    for call in (system.probe, lambda: system.check(an_account()), system.check_settings):
        with pytest.raises(Unavailable) as info:
            call()
        assert info.value.reason is SystemReason.UNAUTHORISED
    # The sandbox counts more than three wrong passwords a minute as an offence; here was one.


def test_the_certificate_is_checked_against_the_bundle_of_the_settings(
    bench: Sage300Bench, tmp_path: Path
) -> None:
    certificate = loopback_certificate(tmp_path / "tls")
    with running(bench.sandbox, certificate=certificate) as served:
        url = f"{served.url}/Sage300WebApi/v1.0/-/ERABLE"
        with pytest.raises(Unavailable) as info:
            bench.connector(base_url=url).probe()
        assert info.value.reason is SystemReason.MISCONFIGURED
        assert "ca_bundle" in info.value.detail
        trusting = bench.connector(base_url=url, ca_bundle=str(certificate.ca))
        assert trusting.probe().company == "Association des Érables"
