"""How a sandbox seeds, configures and reads the simulated Sage Accounting."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops.sandbox.kernel.books import (
    BookedApplication,
    BookedCustomer,
    Place,
    SeedCompany,
    SeedCustomer,
    SeedDocument,
    SeedLine,
    SeedPayment,
)
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import SIMULATION, Options
from ops.sandbox.sage_accounting.company import BANK, DEFERRED, DUES
from ops.sandbox.sage_accounting.simulation import record_id
from tests.sandbox_sage_accounting_driver import BUSINESS, OTHER, Driver, paying

DAY = dt.date(2024, 6, 1)
COMPANY = SeedCompany(
    name="Association des Érables",
    closed_until=dt.date(2024, 12, 31),
    customers=(
        SeedCustomer("c1", "Anne Côté", "Anne Côté", "membri:account:1", "514 555-0100"),
        SeedCustomer("c2", "Luc Roy", "Luc Roy"),
    ),
    suppliers=("Hydro-Québec",),
    documents=(
        SeedDocument(
            "d1",
            "c1",
            "F-1",
            DAY,
            (
                SeedLine("Cotisation", Decimal("10.10")),
                SeedLine("Activité", Decimal("10.10")),
                SeedLine("Don", Decimal("5.00"), taxable=False),
            ),
            "membri:invoice:1",
        ),
    ),
    payments=(SeedPayment("p1", "d1", Decimal("8.23"), DAY, "T-1"),),
)


@pytest.fixture
def driver():
    """A system that holds the seeded company beside nothing else."""
    store = Store()
    driver = Driver(Options(), store)
    with store.transaction():
        SIMULATION.seed(driver.system, {"a" * 32: COMPANY})
    return driver


def books_of(driver, business="a" * 32):
    dump = json.loads(driver.admin("GET", "/dump").body)
    return SIMULATION.books(dump)[business]


def test_a_seeded_company_is_read_back_as_it_was_seeded(driver):
    books = books_of(driver)
    assert books.customers == [
        BookedCustomer(
            record_id("a" * 32, "c1"),
            "Anne Côté",
            "Anne Côté",
            "membri:account:1",
            "514 555-0100",
        ),
        BookedCustomer(record_id("a" * 32, "c2"), "Luc Roy", "Luc Roy"),
    ]
    assert books.suppliers == ["Hydro-Québec"]
    (document,) = books.documents
    assert (document.kind, document.number, document.note) == ("invoice", "F-1", "membri:invoice:1")
    assert document.customer == record_id("a" * 32, "c1")
    assert (document.day, document.posted) == (DAY, True)
    # Both taxes on the summed taxable net of 20.20: 1.01 and 2.01.
    assert (document.total, document.tax) == (Decimal("28.22"), Decimal("3.02"))
    assert document.balance == Decimal("19.99")
    (payment,) = books.payments
    assert (payment.number, payment.total, payment.unapplied) == (
        "T-1",
        Decimal("8.23"),
        Decimal("0.00"),
    )
    assert payment.applied == {document.id: Decimal("8.23")}
    assert (books.applications, books.entries, books.other) == ([], [], [])
    assert driver.offences() == []


def test_a_seed_closes_the_period_it_was_told_to_close(driver):
    state = driver.system.companies.books("a" * 32).state
    assert state["financial_settings"]["year_end_lockdown_date"] == "2024-12-31"


def test_what_was_done_since_is_read_in_the_same_words():
    driver = Driver()
    anne = driver.contact("Anne")
    invoice = driver.invoice(anne, "100.00", reference="F-1", notes="m:1")
    note = driver.credit_note(anne, "10.00", reference="NC-1")
    payment = driver.payment(anne, "100.00", (invoice, "50.00"), reference="T-1")
    voided = driver.invoice(anne, "40.00", reference="F-2")
    driver.call("DELETE", f"sales_invoices/{voided['id']}", params={"void_reason": "x"})
    driver.invoice(anne, "1.00", status_id="DRAFT", reference="F-3")
    driver.payment(anne, "1.00", (note, "1.00"), transaction_type_id="CUSTOMER_REFUND")
    on_account = payment["payment_on_account"]["id"]
    driver.made(
        "contact_allocations",
        {
            "transaction_type_id": "CUSTOMER_ALLOCATION",
            "contact_id": anne["id"],
            "allocated_artefacts": [
                {"artefact_id": note["id"], "amount": "-10.00"},
                {"artefact_id": invoice["id"], "amount": "40.00"},
                {"artefact_id": on_account, "amount": "-30.00"},
            ],
        },
    )
    journal = driver.made(
        "journals",
        {
            "date": "2025-03-31",
            "reference": "REV-1",
            "description": "x",
            "journal_lines": [
                {"ledger_account_id": DEFERRED, "debit": "8.00", "credit": "0.0"},
                {"ledger_account_id": DUES, "debit": "0.0", "credit": "8.00"},
            ],
        },
    )
    books = books_of(driver, BUSINESS)
    by_number = {document.number: document for document in books.documents}
    assert by_number["F-1"].balance == Decimal("24.98")
    assert by_number["NC-1"].kind == "credit_note"
    assert by_number["NC-1"].balance == Decimal("0.50")
    assert (by_number["F-2"].total, by_number["F-2"].tax) == (Decimal("0.00"), Decimal("0.00"))
    assert by_number["F-3"].posted is False
    assert books.applications == [BookedApplication(note["id"], invoice["id"], Decimal("10.00"))]
    (receipt,) = books.payments
    assert receipt.applied == {invoice["id"]: Decimal("80.00")}
    assert (receipt.unapplied, receipt.total) == (Decimal("20.00"), Decimal("100.00"))
    (entry,) = books.entries
    assert (entry.id, entry.number, entry.note) == (journal["id"], "REV-1", "x")
    assert entry.lines == {DEFERRED: Decimal("8.00"), DUES: Decimal("-8.00")}
    assert len(books.other) == 2
    assert books.other[0].startswith("sales_invoices SI-DRAFT is a draft")
    assert books.other[1].startswith("refund ")


def test_the_client_secret_and_the_tokens_are_written_once_and_private(tmp_path):
    system = SIMULATION.build(Store(), tmp_path)
    SIMULATION.seed(system, {OTHER: COMPANY})
    SIMULATION.prepare(system, tmp_path, OTHER)
    secret = tmp_path / "sage-accounting-client-secret"
    token = tmp_path / f"sage-accounting-token-{OTHER}.json"
    before = secret.read_text(), token.read_text()
    assert {path.stat().st_mode & 0o777 for path in (secret, token)} == {0o600}
    assert set(json.loads(before[1])) == {
        "access_token",
        "refresh_token",
        "expires_at",
        "refresh_expires_at",
        "business_id",
    }
    SIMULATION.prepare(system, tmp_path, OTHER)
    SIMULATION.build(Store(), tmp_path)
    assert (secret.read_text(), token.read_text()) == before
    with pytest.raises(KeyError):
        SIMULATION.prepare(system, tmp_path, "0" * 32)
    with pytest.raises(TypeError):
        SIMULATION.prepare(
            System("x", system.app, system.store, system.offences, dict, print),
            tmp_path,
            "1" * 32,
        )


def test_the_connection_points_at_the_served_system(tmp_path):
    served = SimpleNamespace(url="https://localhost:8443")
    place = Place(served, tmp_path / "ca.pem", tmp_path)
    connection = SIMULATION.connection(place, BUSINESS)
    assert connection["api_root"] == "https://localhost:8443/v3.1"
    assert connection["token_url"] == "https://localhost:8443/token"
    assert connection["revoke_url"] == "https://localhost:8443/revoke"
    assert connection["authorize_url"] == "https://localhost:8443/oauth2/auth/central"
    assert (connection["business_id"], connection["timeout_s"]) == (BUSINESS, 5)
    assert Path(connection["token_file"]).name == f"sage-accounting-token-{BUSINESS}.json"


def test_the_accounts_exist_in_the_default_company():
    driver = Driver()
    accounts = SIMULATION.accounts
    named = {accounts["default_income"], accounts["deferred_revenue"], *accounts["income"].values()}
    assert named <= {row["id"] for row in driver.found("ledger_accounts")}
    assert accounts["deposit"] == BANK
    methods = {row["id"] for row in driver.found("payment_methods")}
    assert set(accounts["payment_methods"].values()) <= methods


@pytest.mark.parametrize(
    "content",
    [
        {"quotes": []},
        {"edition": "PRO"},
        {"contacts": [{"name": ""}]},
        {"contact_payments": [paying({"id": "f" * 32}, "5.00")]},
    ],
)
def test_a_seed_that_the_service_would_not_hold_is_refused_whole(content):
    driver = Driver()
    answer = driver.admin("POST", "/seed", {"businesses": {"c" * 32: content}})
    assert answer.status == 400
    assert "c" * 32 not in driver.system.companies.businesses()


def test_the_edition_is_the_seeds_else_that_of_the_options():
    driver = Driver(Options(edition="START"))
    seeds = {"1" * 32: {"name": "x"}, "2" * 32: {"name": "y", "edition": "MICRO"}}
    assert driver.admin("POST", "/seed", {"businesses": seeds}).status == 200
    found = {one: driver.system.companies.books(one).state["edition"] for one in seeds}
    assert list(found.values()) == ["START", "MICRO"]


def test_a_business_id_is_32_hexadecimal_characters():
    assert Driver().admin("POST", "/seed", {"businesses": {"realm": {}}}).status == 400
