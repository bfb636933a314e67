"""What every accounting system must do with customers, and what those keyed by name or by number.

A plain class of tests: see `tests/contracts/test_system_conformance.py` for how a system binds it.
"""

from __future__ import annotations

import pytest

from consumers.system import RemoteRef, System
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_world import (
    Bench,
    Bound,
    Delivery,
    an_account,
    key_of,
    rejected,
    unique,
)


class CustomerConformance(Bound):
    """Found, created once, linked, updated, told apart."""

    def test_a_probe_names_the_company(self, system: System) -> None:
        assert system.probe().company

    def test_a_customer_is_created_once_and_found_by_our_marker(self, bench: Bench) -> None:
        delivery = Delivery(an_account())
        receipt = delivery.attempt(bench.system)
        assert receipt.action is Action.CREATED
        again = delivery.attempt(bench.restarted())
        assert (again.action, again.ref) == (Action.ADOPTED, receipt.ref)
        assert bench.held(delivery.record).count == 1

    @pytest.mark.parametrize(
        "name",
        [
            "Éric L’Écuyer-Côté",
            "O'Brien \\ fils",
            "Ends with a backslash \\",
            'Cœur & Cie <b> "q" 100 % _',
            "Société " + "é" * 480,
        ],
    )
    def test_any_name_comes_back_as_it_was(self, bench: Bench, name: str) -> None:
        limit = bench.system.declaration.field_limits["name"]
        account = an_account(name=f"{unique()} {name}"[:limit].strip())
        delivery = Delivery(account)
        assert list(bench.system.check(account)) == []
        ref = delivery.attempt(bench.system).ref
        assert bench.customer_name(ref.remote_id) == account.name
        assert delivery.attempt(bench.restarted()).ref == ref

    def test_a_name_that_is_too_long_is_told_before_anything_is_sent(self, system: System) -> None:
        limit = system.declaration.field_limits["name"]
        assert list(system.check(an_account(name="x" * limit))) == []
        problems = system.check(an_account(name="x" * (limit + 1)))
        assert [(p.reason, p.field) for p in problems] == [(Reason.TOO_LONG, "name")]
        assert str(limit) in problems[0].detail

    def test_an_account_without_a_name_is_told(self, system: System) -> None:
        problems = system.check(an_account(name="  "))
        assert [(p.reason, p.field) for p in problems] == [(Reason.MISSING_FIELD, "name")]

    def test_a_customer_is_found_again_by_the_key_that_membri_keeps(self, bench: Bench) -> None:
        account = an_account()
        ref = self.settle(bench.system, account)
        assert ref.reference == key_of(bench.system, account)
        typed = account.model_copy(update={"reference": ref.reference})
        found = bench.restarted().find(Delivery(typed).lookup)
        assert found is not None
        assert found.ref == ref

    def test_a_typed_reference_links_and_creates_nothing(self, bench: Bench) -> None:
        ref = bench.add_customer(f"Fait à la main {unique()}", number=f"H{unique()}")
        account = an_account(reference=ref.reference)
        found = bench.system.find(Delivery(account).lookup)
        assert found is not None
        assert (found.ref, found.by_marker, found.differences) == (ref, False, ())

    def test_a_typed_reference_that_does_not_exist_is_not_found(self, system: System) -> None:
        account = an_account(reference=f"X{unique()}")
        assert system.find(Delivery(account).lookup) is None

    def test_an_inactive_customer_is_refused(self, bench: Bench) -> None:
        ref = bench.add_customer(f"Parti {unique()}", number=f"H{unique()}", active=False)
        with rejected(Reason.CUSTOMER_INACTIVE):
            bench.system.find(Delivery(an_account(reference=ref.reference)).lookup)

    def test_a_changed_account_updates_its_customer(self, bench: Bench) -> None:
        account = an_account(email="avant@example.org")
        ref = self.settle(bench.system, account)
        renamed = account.model_copy(update={"name": f"{account.name} inc.", "email": "x@y.org"})
        receipt = bench.system.transfer(Delivery(renamed).task(ref.remote_id))
        assert receipt.action is Action.UPDATED
        assert receipt.ref == RemoteRef(ref.remote_id, key_of(bench.system, renamed))
        assert bench.customer_name(ref.remote_id) == renamed.name
        assert bench.held(account).count == 1

    def test_a_customer_that_is_gone_cannot_be_updated(self, system: System) -> None:
        with rejected(Reason.REFERENCE_NOT_FOUND):
            system.transfer(Delivery(an_account()).task("999999999"))


class NameKeyedConformance(Bound):
    """Where a customer is found by its name."""

    def test_a_namesake_is_refused_and_named(self, bench: Bench) -> None:
        holder = bench.add_customer(f"Homonyme {unique()}")
        delivery = Delivery(an_account(name=holder.reference.upper()))
        with rejected(Reason.DUPLICATE_NAME) as refusal:
            delivery.attempt(bench.system)
        assert holder.reference in refusal[0].detail
        assert f"Id {holder.remote_id}" in refusal[0].detail
        assert bench.held(delivery.record).count == 0

    def test_a_namesake_gets_a_number_where_the_chapter_says_so(self, bench: Bench) -> None:
        system = bench.append_numbers()
        holder = bench.add_customer(f"Homonyme {unique()}")
        delivery = Delivery(an_account(name=holder.reference))
        ref = delivery.attempt(system).ref
        assert ref.reference == f"{holder.reference} (2)"
        assert delivery.attempt(system).ref == ref
        third = Delivery(an_account(name=holder.reference)).attempt(system).ref
        assert third.reference == f"{holder.reference} (3)"


class NumberKeyedConformance(Bound):
    """Where a customer is found by its number, which Membri gives."""

    def test_an_account_without_a_number_is_told(self, system: System) -> None:
        problems = system.check(an_account(number=""))
        assert [(p.reason, p.field) for p in problems] == [(Reason.MISSING_FIELD, "number")]

    def test_two_accounts_of_one_name_are_two_customers(self, bench: Bench) -> None:
        first, second = an_account(name="Homonyme"), an_account(name="Homonyme")
        refs = [Delivery(one).attempt(bench.system).ref for one in (first, second)]
        assert [ref.reference for ref in refs] == [first.number, second.number]
        assert refs[0].remote_id != refs[1].remote_id

    def test_a_number_that_somebody_else_has_is_refused_and_named(self, bench: Bench) -> None:
        number = f"H{unique()}"
        holder = bench.add_customer(f"Titulaire {number}", number=number)
        delivery = Delivery(an_account(number=number))
        with rejected(Reason.DUPLICATE_NUMBER) as refusal:
            delivery.attempt(bench.system)
        assert refusal[0].field == "number"
        assert number in refusal[0].detail
        assert f"Titulaire {number}" in refusal[0].detail
        assert bench.customer_name(holder.remote_id) == f"Titulaire {number}"
