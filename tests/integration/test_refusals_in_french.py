"""What an accountant reads of each system's refusals, in French: no English of ours inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.language import catalogue
from schemas.reasons import Reason, explain
from schemas.sentences import speak
from tests.contracts.conformance_business_central import business_central_bench
from tests.contracts.conformance_qbo import quickbooks_bench
from tests.contracts.conformance_sage_300 import sage_300_bench
from tests.contracts.conformance_sage_accounting import sage_bench
from tests.contracts.conformance_world import Delivery, an_account, an_invoice, rejected

BENCHES = {
    "business_central": business_central_bench,
    "quickbooks_online": quickbooks_bench,
    "sage_300": lambda _: sage_300_bench(),
    "sage_accounting": sage_bench,
}
OURS = (" the ", " is ", " not ", " by hand", "customer", " invoice ", " on 20", "does not")


@pytest.fixture(scope="module", params=list(BENCHES))
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with BENCHES[request.param](folder) as made:
        yield made


def told(refusal: Any) -> str:
    """As it stands in Membri's error column."""
    return explain(refusal.reason, "fr", refusal.field, refusal.detail)


def test_a_number_of_another_customer_is_refused_in_french(bench: Any) -> None:
    speak(catalogue("fr").gettext)
    account, other = an_account(), an_account()
    first = bench.system.transfer(Delivery(account).task()).ref
    second = bench.system.transfer(Delivery(other).task()).ref
    invoice = an_invoice(account, "100.00")
    bench.system.transfer(Delivery(invoice, first).task())
    changed = an_invoice(account, "150.00", id=invoice.id, number=invoice.number)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(changed, second).attempt(bench.restarted())
    text = told(refusal[0])
    assert "114.98" in text
    assert [word for word in OURS if word in text] == []


def test_a_customer_that_does_not_exist_is_refused_in_french(bench: Any) -> None:
    speak(catalogue("fr").gettext)
    account = an_account(reference="NULLE-PART")
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        delivery = Delivery(account)
        if bench.system.find(delivery.lookup) is None:
            bench.system.transfer(delivery.task("999999"))
    text = told(refusal[0])
    assert [word for word in OURS if word in text] == []


def test_each_setting_that_was_looked_at_is_told_in_french(bench: Any) -> None:
    speak(catalogue("fr").gettext)
    bench.accounts = bench.accounts.model_copy(
        update={"tax_codes": {"taxable": "rien", "exempt": "rien"}}
    )
    checks = bench.restarted().check_settings()
    details = [one.detail for one in checks if one.reason is not None]
    assert details
    assert [word for word in OURS for detail in details if word in detail] == []
