"""The simulated Business Central in words no system owns: seeded, then read back."""

import datetime as dt
from decimal import Decimal

import pytest

from ops.sandbox.business_central import SIMULATION
from ops.sandbox.business_central.company import DEFERRED, DUES
from ops.sandbox.business_central.simulation import SECRET_FILE
from ops.sandbox.kernel.books import (
    SeedCompany,
    SeedCustomer,
    SeedDocument,
    SeedLine,
    SeedPayment,
)
from ops.sandbox.kernel.store import Store
from tests.sandbox_bc_driver import COMPANY, Driver, payment, sale

DAY = dt.date(2025, 2, 10)


def company(**more):
    lines = [
        SeedLine("Adhésion", Decimal("100.00")),
        SeedLine("Don", Decimal("20.00"), taxable=False),
    ]
    values = {
        "name": "Association Québec inc.",
        "closed_until": dt.date(2025, 3, 31),
        "customers": [SeedCustomer("1", "M-1", "Zoé L’Écuyer", phone="418 555-0101")],
        "suppliers": ["Postes Canada"],
        "documents": [SeedDocument("10", "1", "F-10", DAY, lines, note="membri:invoice:ab12")],
        "payments": [SeedPayment("20", "10", Decimal("50.00"), DAY, "P-20", "membri:payment:cd")],
    }
    return SeedCompany(**{**values, **more})


@pytest.fixture
def seeded(tmp_path):
    system = SIMULATION.build(Store(tmp_path / "bc.db"), tmp_path)
    SIMULATION.seed(system, {COMPANY: company()})
    return system


def test_what_was_seeded_is_read_back_to_the_cent(seeded):
    found = SIMULATION.books(seeded.dump())[COMPANY]
    (customer,) = found.customers
    assert (customer.key, customer.name, customer.phone) == ("M-1", "Zoé L’Écuyer", "418 555-0101")
    assert found.suppliers == ["Postes Canada"]
    (document,) = found.documents
    assert (document.kind, document.number, document.note) == (
        "invoice", "F-10", "membri:invoice:ab12",
    )  # fmt: skip
    assert (document.total, document.tax, document.balance, document.day, document.posted) == (
        Decimal("134.98"), Decimal("14.98"), Decimal("84.98"), DAY, True,
    )  # fmt: skip
    (paid,) = found.payments
    assert (paid.number, paid.note, paid.total, paid.unapplied) == (
        "P-20", "membri:payment:cd", Decimal("50.00"), 0,
    )  # fmt: skip
    assert paid.applied == {document.id: Decimal("50.00")}
    assert paid.customer == document.customer == customer.id
    assert (found.entries, found.applications, found.other) == ([], [], [])
    assert seeded.offences.all() == []
    setup = seeded.companies.books(COMPANY).setup
    assert setup["allowPostingFrom"] == "2025-04-01"


def test_books_and_secret_survive_a_restart(seeded, tmp_path):
    before = SIMULATION.books(seeded.dump())
    token = seeded.login.issue()
    again = SIMULATION.build(Store(tmp_path / "bc.db"), tmp_path)
    assert SIMULATION.books(again.dump()) == before
    assert again.login.writer_of(f"Bearer {token}") is not None
    secret = tmp_path / SECRET_FILE
    assert secret.stat().st_mode & 0o777 == 0o600


def test_the_accounts_of_the_configuration_exist_in_every_company(seeded):
    books = seeded.companies.books(COMPANY)
    accounts = SIMULATION.accounts
    numbers = {accounts["default_income"], *accounts["income"].values()}
    for number in (*numbers, accounts["deposit"], accounts["deferred_revenue"]):
        assert books.postable(number)["number"] == number
    for resource, codes in (
        ("taxGroups", accounts["tax_codes"].values()),
        ("paymentMethods", accounts["payment_methods"].values()),
        ("paymentTerms", [accounts["terms"]]),
    ):
        for code in codes:
            assert books.named(resource, code) is not None, code


def test_applied_credit_notes_entries_and_what_was_left_behind_are_told():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.posted(customer, 100)
    body = sale(customer, 100, externalDocumentNumber="NC-1", invoiceNumber=invoice["number"])
    del body["invoiceDate"]
    body["salesCreditMemoLines"] = body.pop("salesInvoiceLines")
    memo = driver.made("salesCreditMemos", body)
    driver.done(f"salesCreditMemos({memo['id']})/Microsoft.NAV.post")
    journal = driver.made("journals", {"code": "RPA"})
    entry = {
        "accountNumber": DEFERRED, "amount": 20, "balancingAccountNumber": DUES,
        "documentNumber": "RPA-1", "postingDate": "2026-03-31", "description": "membri:entry:1",
    }  # fmt: skip
    driver.made(f"journals({journal['id']})/journalLines", entry)
    driver.done(f"journals({journal['id']})/Microsoft.NAV.post")
    driver.draft(customer, externalDocumentNumber="OUBLI")
    left = driver.payment_journal("RESTE")
    driver.made(f"customerPaymentJournals({left['id']})/customerPayments", payment(invoice, 5))
    found = SIMULATION.books(driver.system.dump())[COMPANY]
    (application,) = found.applications
    assert (application.credit_note, application.invoice, application.amount) == (
        memo["id"], invoice["id"], Decimal("114.98"),
    )  # fmt: skip
    (booked,) = found.entries
    assert (booked.number, booked.note, booked.day) == (
        "RPA-1",
        "membri:entry:1",
        dt.date(2026, 3, 31),
    )
    assert booked.lines == {DEFERRED: 20, DUES: -20}
    assert [one.split()[0] for one in found.other] == ["invoice", "line"]
    assert [one.posted for one in found.documents] == [True, False, True]


def test_a_seed_for_another_system_and_a_company_there_already_are_refused(seeded):
    with pytest.raises(ValueError, match="there already"):
        SIMULATION.seed(seeded, {COMPANY: company()})
    other = "6d115c9c-44e3-ea11-bb43-000d3a2feca1"
    too_long = company(customers=[SeedCustomer("1", "M" * 21, "Anne")], documents=[], payments=[])
    with pytest.raises(ValueError, match="StringExceededLength"):
        SIMULATION.seed(seeded, {other: too_long})
