"""What whoever runs the sandbox has of the simulated Sage 300: build, seed, configure, read."""

import datetime as dt
import json
import stat
from decimal import Decimal

import pytest

from ops.sandbox.kernel.books import (
    SeedCompany,
    SeedCustomer,
    SeedDocument,
    SeedLine,
    SeedPayment,
)
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_300 import SIMULATION
from tests.sandbox_sage_300_driver import COMPANY, Driver, invoice, line, receipt

DAY = dt.date(2025, 2, 10)
SEED = SeedCompany(
    name="Association des Érables",
    closed_until=dt.date(2025, 3, 31),
    customers=[SeedCustomer("c1", "M00001", "Zoé Côté", phone="514 555-0199")],
    suppliers=["Papeterie Roy"],
    documents=[
        SeedDocument(
            *("d1", "c1", "F-1", DAY),
            [SeedLine("Adhésion", Decimal(100)), SeedLine("Don", Decimal(20), taxable=False)],
            note="membri:invoice:1",
        )
    ],
    payments=[SeedPayment("p1", "d1", Decimal("34.98"), DAY, "CHQ-1", "membri:payment:1")],
)


@pytest.fixture
def system(tmp_path):
    found = SIMULATION.build(Store(), tmp_path)
    with found.store.transaction():
        SIMULATION.seed(found, {COMPANY: SEED, "QBCDAT": SeedCompany("Section de Québec")})
    return found


def test_the_password_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    SIMULATION.build(Store(), tmp_path)
    path = tmp_path / "sage-300-password"
    first = path.read_text()
    assert (len(first), first, stat.S_IMODE(path.stat().st_mode)) == (40, first.upper(), 0o600)
    SIMULATION.build(Store(), tmp_path)
    assert path.read_text() == first


def test_a_seeded_company_reads_back_as_it_was_told(system):
    dump = json.loads(json.dumps(system.dump()))
    found = SIMULATION.books(dump)
    assert set(found) == {COMPANY, "QBCDAT"}
    books = found[COMPANY]
    (customer,) = books.customers
    assert (customer.key, customer.name, customer.active) == ("M00001", "Zoé Côté", True)
    assert customer.phone == "5145550199"
    assert books.suppliers == ["Hydro-Québec", "Papeterie Roy"]
    (document,) = books.documents
    assert (document.number, document.day, document.posted) == ("F-1", DAY, True)
    assert (document.total, document.tax, document.balance) == (
        Decimal("134.98"),
        Decimal("14.98"),
        Decimal("100.00"),
    )
    assert (document.note, document.customer) == ("membri:invoice:1", customer.id)
    (payment,) = books.payments
    assert (payment.number, payment.note) == ("CHQ-1", "membri:payment:1")
    assert (payment.applied, payment.unapplied) == ({document.id: Decimal("34.98")}, Decimal(0))
    assert books.other == []
    calendar = system.companies.books(COMPANY).one("CSFiscalCalendars", "2025")
    assert [calendar[f"FiscalPeriod{n}GLLocked"] for n in (3, 4)] == ["Yes", "No"]


def test_a_seed_needs_the_right_system(system):
    with pytest.raises(ValueError, match="unknown in the seed"):
        system.companies.seed({COMPANY: {"Inconnu": []}})
    system.name = "autre"
    with pytest.raises(TypeError):
        SIMULATION.seed(object.__new__(type("Other", (), {"name": "other"})), {})


def test_what_nobody_should_leave_behind_is_said():
    driver = Driver()
    driver.customer()
    driver.post_invoice(invoice("F-1", line(100.0)))
    driver.post_invoice(invoice("F-1", line(100.0)), Description="membri:invoice:2")
    driver.made("AR/ARInvoiceBatches", {"Description": "x", "Invoices": [invoice("F-1")]})
    entry = receipt(5.0, ("F-1", 5.0))
    body = {"BatchRecordType": "CA", "BankCode": "BNC", "ReceiptsAdjustments": [entry]}
    driver.made("AR/ARReceiptAndAdjustmentBatches", body)
    books = SIMULATION.books(driver.system.dump())[COMPANY]
    assert books.other == [
        "ARInvoiceBatches(3): errors of 2: Document F-1 of customer M00042 already exists.",
        "ARInvoiceBatches(4): Open: x",
        "ARReceiptAndAdjustmentBatches(1): Open: ",
        "document F-1 of M00042: 2 times",
    ]
    assert [(p.total, p.posted) for p in books.payments] == [(Decimal("5.00"), False)]


def test_credits_put_on_invoices_by_a_receipt_are_applications():
    driver = Driver()
    driver.customer()
    for number in ("F-1", "F-2"):
        driver.post_invoice(invoice(number, line(100.0)))
    credit = {**invoice("C-1", line(150.0)), "DocumentType": "CreditNote"}
    driver.post_invoice(credit)
    lines = (("C-1", -172.46), ("F-1", 114.98), ("F-2", 57.48))
    driver.post_receipt(receipt(0.0, *lines, number=""), Description="membri:application:1")
    books = SIMULATION.books(driver.system.dump())[COMPANY]
    assert books.payments == []
    found = [(a.credit_note, a.invoice, str(a.amount)) for a in books.applications]
    assert found == [
        ("M00042/C-1", "M00042/F-1", "114.98"),
        ("M00042/C-1", "M00042/F-2", "57.48"),
    ]
    assert {a.note for a in books.applications} == {"membri:application:1"}
    assert [str(d.balance) for d in books.documents] == ["0.00", "57.50", "0.00"]


def test_the_accounts_name_what_the_default_company_has():
    driver = Driver()
    accounts = SIMULATION.accounts
    for account in (accounts["default_income"], *accounts["income"].values()):
        assert driver.read(f"GL/GLAccounts('{account}')")["Status"] == "Active"
    assert driver.read(f"GL/GLAccounts('{accounts['deferred_revenue']}')")
    assert driver.read(f"BK/BKBanks('{accounts['deposit']}')")
    assert driver.read(f"AR/ARTerms('{accounts['terms']}')")["DueDays"] == 30
    for code in accounts["payment_methods"].values():
        assert driver.read(f"AR/ARPaymentCodes('{code}')")
