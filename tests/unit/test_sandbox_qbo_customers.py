"""Customers of the simulated QuickBooks Online: (11), and updates: (21) of the reference's list."""

import pytest

from ops.sandbox.quickbooks_online.company import TAX_GST_QST, TERM_NET_15
from tests.sandbox_qbo_driver import REALM, Driver, sale


@pytest.mark.parametrize("taken", ["Hydro-Québec", "hydro-québec", "Zoé L’Écuyer", "ANNE CÔTÉ"])
def test_11_a_name_is_unique_over_customers_vendors_and_employees_whatever_the_case(taken):
    driver = Driver()
    driver.customer("Anne Côté")
    answer = driver.write("Customer", {"DisplayName": taken})
    assert (answer.status, answer.code) == (400, 6240)
    assert answer.json["Fault"]["Error"][0]["element"] == "DisplayName"


def test_11_an_inactive_customer_still_holds_its_name_and_is_hidden_by_default():
    driver = Driver()
    customer = driver.customer("Luc Roy")
    gone = driver.made("Customer", {**_names(customer), "Active": False, "sparse": True})
    assert gone["Active"] is False
    assert driver.write("Customer", {"DisplayName": "Luc Roy"}).code == 6240
    where = "select * from Customer where DisplayName = 'Luc Roy'"
    assert driver.found("Customer", where) == []
    (found,) = driver.found("Customer", f"{where} and Active IN (true, false)")
    assert found["Active"] is False
    assert driver.call("GET", f"customer/{customer['Id']}").code == 610
    assert driver.write("Customer", {**_names(gone), "Notes": "x", "sparse": True}).code == 610
    back = driver.made("Customer", {**_names(gone), "Active": True, "sparse": True})
    assert back["DisplayName"] == "Luc Roy"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"DisplayName": "A:B"}, 2040),
        ({"DisplayName": "A\tB"}, 2040),
        ({"DisplayName": "A\x01B"}, 2040),
        ({"DisplayName": "x" * 501}, 2050),
        ({"DisplayName": "A", "CompanyName": "x" * 101}, 2050),
        ({"DisplayName": "A", "Title": "x" * 17}, 2050),
        ({"DisplayName": "A", "Notes": "x" * 2001}, 2050),
        ({"DisplayName": "A", "PrimaryPhone": {"FreeFormNumber": "1" * 31}}, 2050),
        ({"DisplayName": "A", "BillAddr": {"Line1": "x" * 501}}, 2050),
        ({"DisplayName": "A", "PrimaryEmailAddr": {"Address": f"{'x' * 96}@a.ca"}}, 2050),
        ({"CompanyName": "Sans nom"}, 6080),
        ({"DisplayName": "  "}, 6080),
        ({"DisplayName": "A", "PrimaryEmailAddr": {"Address": "a(at)b.ca"}}, 2210),
        ({"DisplayName": "A", "SalesTermRef": {"value": "999"}}, 2500),
        ({"DisplayName": "A", "DefaultTaxCodeRef": {"value": "999"}}, 2500),
        ({"DisplayName": "A", "ParentRef": {"value": "999"}, "Job": True}, 700),
        ({"DisplayName": "A", "Job": True}, 6150),
        ({"DisplayName": "A", "CurrencyRef": {"value": "USD"}}, 2220),
        ({"DisplayName": "A", "Active": "maybe"}, 2010),
    ],
)
def test_11_what_a_customer_may_not_hold_is_refused_with_its_code(body, code):
    answer = Driver().write("Customer", body)
    assert (answer.status, answer.code) == (400, code)


def test_11_a_name_is_composed_when_none_is_given_and_trimmed_when_one_is():
    driver = Driver()
    composed = driver.made("Customer", {"GivenName": "Noël", "FamilyName": "D'Amours"})
    assert composed["DisplayName"] == "Noël D'Amours"
    assert composed["PrintOnCheckName"] == "Noël D'Amours"
    assert driver.customer("  Léa  ")["DisplayName"] == "Léa"


def test_11_the_service_completes_a_customer():
    driver = Driver()
    customer = driver.customer(
        "Anne",
        BillAddr={"Line1": "1, rue A", "Country": "Canada", "Lat": "45"},
        DefaultTaxCodeRef={"value": TAX_GST_QST},
    )
    assert customer["BillAddr"]["Country"] == "CAN"
    assert "Lat" not in customer["BillAddr"]
    assert customer["BillAddr"]["Id"]
    assert (customer["Active"], customer["Balance"]) == (True, 0)
    assert customer["CurrencyRef"] == {"value": "CAD"}
    child = driver.customer("Section", Job=True, ParentRef={"value": customer["Id"]})
    assert (child["FullyQualifiedName"], child["Level"]) == ("Anne:Section", 1)


def test_11_a_customer_owes_its_open_invoices_less_its_credits():
    driver = Driver()
    customer = driver.customer()
    driver.invoice(customer, "100.00")
    driver.made("CreditMemo", sale(customer, "10.00"))
    assert driver.read("Customer", customer["Id"])["Balance"] == 103.48


def test_deactivating_a_customer_that_owes_money_is_an_offence():
    driver = Driver()
    customer = driver.customer()
    driver.invoice(customer)
    driver.made("Customer", {**_names(customer), "Active": False, "sparse": True})
    assert driver.offences() == ["customer_deactivated"]


def _names(document):
    return {"Id": document["Id"], "SyncToken": document["SyncToken"]}


def test_21_a_full_update_clears_what_it_leaves_out_and_a_sparse_one_keeps_it():
    driver = Driver()
    customer = driver.customer("Anne", Notes="n", SalesTermRef={"value": TERM_NET_15})
    sparse = driver.made("Customer", {**_names(customer), "CompanyName": "ABC", "sparse": True})
    assert (sparse["Notes"], sparse["CompanyName"], sparse["SyncToken"]) == ("n", "ABC", "1")
    full = driver.made("Customer", {**_names(sparse), "DisplayName": "Anne"})
    assert "Notes" not in full
    assert "CompanyName" not in full
    assert "SalesTermRef" not in full
    assert (full["Active"], full["SyncToken"]) == (True, "2")
    assert full["CurrencyRef"] == {"value": "CAD"}


def test_21_the_sync_token_is_required_and_must_be_the_last_one():
    driver = Driver()
    customer = driver.customer("Anne")
    missing = driver.write("Customer", {"Id": customer["Id"], "DisplayName": "Anne"})
    assert (missing.status, missing.code) == (400, 2020)
    driver.made("Customer", {**_names(customer), "DisplayName": "Anne"})
    stale = driver.write("Customer", {**_names(customer), "DisplayName": "Anne B"})
    assert (stale.status, stale.code) == (400, 5010)
    assert driver.read("Customer", customer["Id"])["DisplayName"] == "Anne"


def test_21_a_full_update_of_an_invoice_replaces_its_lines_and_computes_again():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.invoice(customer, "100.00", "50.00", PrivateNote="n", DocNumber="F-1")
    again = {**sale(customer, "10.00"), **_names(invoice), "DocNumber": "F-1"}
    full = driver.made("Invoice", again)
    assert (full["TotalAmt"], full["DocNumber"]) == (11.50, "F-1")
    assert "PrivateNote" not in full
    noted = driver.made("Invoice", {**_names(full), "PrivateNote": "m", "sparse": True})
    assert (noted["TotalAmt"], len(noted["Line"])) == (11.50, 2)
    echoed = driver.made("Invoice", noted)
    assert (echoed["TotalAmt"], len(echoed["Line"])) == (11.50, 2)


def test_21_deleting_leaves_nothing_to_read():
    driver = Driver()
    invoice = driver.invoice(driver.customer())
    answer = driver.write("Invoice", _names(invoice), operation="delete")
    assert answer.json["Invoice"] == {"domain": "QBO", "status": "Deleted", "Id": invoice["Id"]}
    assert driver.call("GET", f"invoice/{invoice['Id']}").code == 610
    assert driver.write("Invoice", _names(invoice), operation="delete").code == 610
    customer = driver.customer("Luc")
    assert driver.write("Customer", _names(customer), operation="delete").code == 500


def test_changes_are_captured_deletions_included():
    driver = Driver()
    customer = driver.customer()
    invoice = driver.invoice(customer)
    driver.write("Invoice", _names(invoice), operation="delete")
    since = driver.books.now().replace(hour=0, minute=0).isoformat()
    answer = driver.call(
        "GET", "cdc", params={"entities": "Customer,Invoice", "changedSince": since}
    )
    customers, invoices = answer.json["CDCResponse"][0]["QueryResponse"]
    assert customers["Customer"][0]["Id"] == customer["Id"]
    assert invoices["Invoice"][0]["status"] == "Deleted"
    old = driver.call(
        "GET", "cdc", params={"entities": "Customer", "changedSince": "2001-01-01T00:00:00-05:00"}
    )
    assert old.code == 4001
    unknown = driver.call("GET", "cdc", params={"entities": "X", "changedSince": since})
    assert unknown.code == 4001


def test_a_seed_with_an_unknown_entity_is_refused_and_changes_nothing():
    driver = Driver()
    with pytest.raises(ValueError, match="Dragon"):
        driver.system.seed({"realms": {REALM: {"Dragon": []}}})
    assert driver.call("GET", "preferences").status == 200
