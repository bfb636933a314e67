"""Oddities of texts, amounts and editions, each of which once misled somebody."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import Rejected
from consumers.systems.sage_accounting.client import Client
from consumers.systems.sage_accounting.company import money
from consumers.systems.sage_accounting.markers import clean_name, same_name
from schemas.reasons import Reason
from schemas.records import Account
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import (
    Delivery,
    a_payment,
    an_account,
    an_invoice,
    rejected,
    unique,
)
from tests.integration.sage_accounting_books import billed, by_hand

pytest_plugins = ["tests.fixtures_sage_accounting"]


@pytest.mark.parametrize("blank", ["  ", "\u00a0", " \u00a0 ", "\u202f"])
def test_blanks_in_a_name_neither_hide_nor_double_a_customer(bench: SageBench, blank: str) -> None:
    """Sage's search takes words as they are: two blanks would not find one, nor one two."""
    number = unique()
    account = an_account(name=f"Jean{blank}Dupont {number}")
    ref = Delivery(account).attempt(bench.system).ref
    assert ref.reference == f"Jean Dupont {number}"
    found = bench.restarted().find(Delivery(account).lookup)
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)
    twin = an_account(name=f"Jean Dupont {number}")
    with rejected(Reason.DUPLICATE_NAME):
        bench.system.transfer(Delivery(twin).task())


def test_names_are_compared_as_they_are_sent() -> None:
    assert clean_name(" Jean \u00a0 Dupont ") == "Jean Dupont"
    assert same_name("jean  DUPONT", "Jean\u00a0Dupont")
    assert clean_name("a\tb") == "a\tb", "refused, not mended"


@pytest.mark.parametrize("sent", ["114.984", Decimal("114.984"), "114.9800001"])
def test_a_fraction_of_a_cent_is_no_agreement(sent: object) -> None:
    assert money({"total": sent}, "total") != Decimal("114.98")
    assert money({"total": "114.98000"}, "total") == Decimal("114.98")
    assert str(money({"total": "114.98000"}, "total")) == "114.98"


def test_a_payment_of_a_void_invoice_says_that_it_is_void(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    bench.accountant(resource="sales_invoices", id=made.remote_id, action="void", reason="x")
    payment = a_payment(invoice.account, (invoice, "10.00"))
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        bench.system.transfer(Delivery(payment, ref, {invoice.id: made}).task())
    assert f"{invoice.number} is void" in refusal[0].detail
    assert refusal[0].field == "allocations"


def test_a_very_short_number_is_searched_among_the_customers_own(bench: SageBench) -> None:
    """« 7 » stands in half of everybody's numbers: a look would read them all."""
    account = an_account()
    ref = Delivery(account).attempt(bench.system).ref
    delivery = Delivery(an_invoice(account, number="7"), ref)
    made = delivery.attempt(bench.system).ref
    found = delivery.look(bench.restarted())
    assert found is not None
    assert found.ref == made
    bench.system.transfer(Delivery(an_invoice(account, number="7-B"), ref).task())
    asked = [one["query"] for one in bench.sandbox.log if "search=7&" in f"{one['query']}&"]
    assert asked
    assert all(f"contact_id={ref.remote_id}" in one for one in asked)


def test_a_list_that_does_not_say_whose_a_document_is_hides_none(
    bench: SageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one entered by hand would be made a second time."""
    account = an_account()
    ref = Delivery(account).attempt(bench.system).ref
    made = by_hand(bench, ref, "F-MAIN-1")
    rows = Client.rows

    def fewer(self: Client, resource: Any, attributes: str, **query: str) -> list[dict[str, Any]]:
        found = rows(self, resource, attributes, **query)
        return [{k: v for k, v in row.items() if k != "contact"} for row in found]

    monkeypatch.setattr(Client, "rows", fewer)
    invoice = an_invoice(account, "100.00", number="F-MAIN-1")
    receipt = Delivery(invoice, ref).attempt(bench.system)
    assert receipt.ref.remote_id == made
    assert bench.system.transfer(Delivery(invoice, ref).task()).ref.remote_id == made


def test_an_upgraded_edition_refuses_nothing_any_more(bench: SageBench) -> None:
    """A no is never given from an old copy of what Sage says."""
    ref, invoice, made = billed(bench)
    bench.accountant(edition="START")
    system = bench.restarted()
    payment = a_payment(invoice.account, (invoice, "10.00"), amount=Decimal("15.00"))
    assert [one.reason for one in system.check(payment)] == [Reason.EDITION_LIMIT]
    bench.accountant(edition="ACCOUNTING")
    bench.time.sleep(60)
    assert system.check(payment) == []
    bench.system.transfer(Delivery(payment, ref, {invoice.id: made}).task())
    assert bench.held(payment).count == 1


def test_a_page_that_echoes_our_token_shows_it_nowhere(bench: SageBench) -> None:
    account: Account = an_account()
    with bench.system._company() as company:
        company.client.rows("contacts", "name")
        token = bench.system._tokens.current()
        for body in (f"<p>Bearer {token.access_token}</p>", f'["{token.refresh_token}"]'):
            for source in ("", token.access_token):
                error = f'[{{"$dataCode": "RecordInvalid", "$source": "{source}"}}]'
                for status, told in ((201, body), (422, error)):
                    bench.sandbox.faults.arm(
                        kind="status", method="POST", path="contacts", status=status, body=told
                    )
                    with pytest.raises(Exception) as info:  # noqa: PT011 — of any class
                        bench.system.transfer(Delivery(account).task())
                    for secret in (token.access_token, token.refresh_token):
                        assert secret not in str(info.value)
                        assert not isinstance(info.value, Rejected) or (
                            secret not in info.value.detail
                        )
