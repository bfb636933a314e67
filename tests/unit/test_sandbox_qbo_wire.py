"""How the simulated QuickBooks Online speaks: (6) to (10) of the reference's list."""

import json

import pytest

from ops.sandbox.quickbooks_online import Options
from ops.sandbox.quickbooks_online.query import parse
from ops.sandbox.quickbooks_online.search import run
from tests.sandbox_qbo_driver import REALM, Driver, paying, sale


def test_06_an_answer_is_xml_unless_json_is_asked_for():
    driver = Driver()
    customer = driver.customer("Café & Thé <bio>")
    answer = driver.call("GET", f"customer/{customer['Id']}", headers={"accept": "*/*"})
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<DisplayName>Café &amp; Thé &lt;bio&gt;</DisplayName>" in answer.text
    assert driver.offences() == ["accept_not_json"]


@pytest.mark.parametrize(
    "body", [b"{", b'{"DisplayName": NaN}', b"[1]", b'"x"', b'{"DisplayName": {"a": 1}}']
)
def test_06_bad_json_is_a_400(body):
    answer = Driver().write("Customer", body)
    assert (answer.status, answer.code) == (400, 2010)


def test_06_an_unknown_property_is_refused_at_any_depth_and_is_an_offence():
    driver = Driver()
    for body in (
        {"DisplayName": "A", "Courriel": "a@b.ca"},
        {"DisplayName": "A", "BillAddr": {"Rue": "x"}},
    ):
        answer = driver.write("Customer", body)
        assert (answer.status, answer.code) == (400, 2010)
    assert driver.offences() == ["unknown_property", "unknown_property"]
    assert driver.found("Customer", "select * from Customer") == []


def test_07_a_fault_may_come_with_status_200():
    answer = Driver(Options(fault_status=200)).write("Customer", {"Notes": "x"})
    assert answer.status == 200
    assert answer.json["Fault"]["Error"][0]["code"] == "6080"
    assert answer.json["Fault"]["type"] == "ValidationFault"
    assert answer.json["time"]


def test_07_a_fault_may_come_in_lower_case_and_the_gateway_in_upper_case():
    lower = Driver(Options(fault_case="lower")).write("Customer", {"Notes": "x"})
    assert (lower.status, lower.code) == (400, 6080)
    assert "fault" in lower.json
    upper = Driver(Options(gateway_case="upper")).call(
        "GET", "customer/1", headers={"authorization": ""}
    )
    assert upper.status == 401
    assert upper.json["Fault"]["Error"][0]["code"] == "3200"


def test_08_every_answer_has_its_own_intuit_tid():
    driver = Driver()
    answers = [
        driver.call("GET", "preferences"),
        driver.call("GET", "customer/1", headers={"authorization": ""}),
        driver.write("Customer", b"{"),
        driver.raw("GET", "/.well-known/openid_configuration"),
        driver.raw("POST", "/oauth2/v1/tokens/bearer"),
        driver.raw("GET", "/nowhere"),
    ]
    assert len({answer.headers["intuit_tid"] for answer in answers}) == len(answers)


def test_09_ids_and_sync_tokens_are_texts_and_amounts_are_numbers_with_two_decimals():
    driver = Driver()
    customer = driver.customer()
    answer = driver.write("Invoice", sale(customer, "100.00"))
    invoice = answer.json["Invoice"]
    assert isinstance(invoice["Id"], str)
    assert isinstance(invoice["SyncToken"], str)
    assert '"TotalAmt":114.98' in answer.text
    assert '"Amount":100.00' in answer.text


def test_09_an_empty_query_answers_an_empty_object():
    answer = Driver().ask("select * from Invoice where DocNumber = 'none'")
    assert answer.json["QueryResponse"] == {}


def test_09_a_page_has_100_rows_by_default_and_1000_at_most():
    driver = Driver()
    driver.system.seed(
        {"realms": {REALM: {"Customer": [{"DisplayName": f"Membre {n}"} for n in range(120)]}}}
    )
    assert len(driver.found("Customer", "select * from Customer")) == 100
    rest = driver.ask("select * from Customer startposition 101 maxresults 1000")
    assert len(rest.json["QueryResponse"]["Customer"]) == 20
    assert rest.json["QueryResponse"]["startPosition"] == 101
    assert rest.json["QueryResponse"]["maxResults"] == 20
    for wrong in (
        "select * from Customer startposition 0",
        "select * from Customer maxresults 1001",
    ):
        assert driver.ask(wrong).code == 4001
    counted = driver.ask("SELECT COUNT(*) FROM Customer")
    assert counted.json["QueryResponse"] == {"totalCount": 120}


ALL = "select * from Customer where"
NAMES = ("L'Écuyer, Zoé", "Côté \\ Fils", "Fin\\", "Œuvre d’art", "O''Brien", "100 % bio")


@pytest.mark.parametrize("name", NAMES)
def test_10_a_name_is_found_when_its_quotes_and_backslashes_are_escaped(name):
    driver = Driver()
    for each in NAMES:
        driver.customer(each)
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    condition = f"DisplayName = '{escaped}'"
    by_post = driver.where("Customer", condition)
    assert [c["DisplayName"] for c in by_post] == [name]
    by_get = driver.call("GET", "query", params={"query": f"{ALL} {condition}"})
    assert by_get.json["QueryResponse"]["Customer"][0]["Id"] == by_post[0]["Id"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("select * from Customer where DisplayName = 'L'Écuyer'", 4000),
        ("select * from Customer where DisplayName = 'Fin\\'", 4000),
        ("select * from Customer where DisplayName = 'a\\n'", 4000),
        ("select * from Customer where DisplayName = 'a' or DisplayName = 'b'", 4000),
        ("select * from Customer where not Active = true", 4000),
        ('select * from Customer where DisplayName = "a"', 4000),
        ("select * from Customer;", 4000),
        ("select from Customer", 4000),
        ("", 4000),
        ("select * from customer", 4001),
        ("select * from Dragon", 4001),
        ("select * from Customer where Courriel = 'a'", 4001),
        ("select * from Customer where Notes = 'a'", 4001),
        ("select Courriel from Customer", 4001),
        ("select * from Customer orderby Notes", 4001),
        ("select * from Invoice where TxnDate > 'hier'", 4001),
        ("select * from Invoice where Balance > 'x'", 4001),
        ("select * from Customer where Active = 'x'", 4001),
    ],
)
def test_10_a_query_that_the_service_cannot_answer_is_refused_and_counted(statement, code):
    driver = Driver()
    answer = driver.ask(statement)
    assert (answer.status, answer.code) == (400, code)
    assert driver.offences() == ["query_unparsed" if code == 4000 else "query_invalid"]


def test_10_only_utf_8_is_accepted():
    driver = Driver()
    statement = "select * from Customer where DisplayName = 'Côté'"
    assert driver.ask(statement.encode("latin-1")).code == 2040
    assert driver.write("Customer", '{"DisplayName": "Côté"}'.encode("latin-1")).code == 2040
    url = f"/v3/company/{REALM}/query?minorversion=75&query=%E9"
    headers = {"authorization": f"Bearer {driver.bearer}", "accept": "application/json"}
    assert driver.raw("GET", url, headers=headers).code == 2040
    assert driver.offences() == ["not_utf8"] * 3


def test_10_operators_order_and_chosen_fields_work_as_announced():
    driver = Driver()
    anne, luc = driver.customer("Anne"), driver.customer("Luc")
    for number, (customer, day, amount) in enumerate(
        [(anne, "2025-01-10", "10"), (anne, "2025-02-10", "20"), (luc, "2025-03-10", "30")], 1
    ):
        driver.invoice(customer, amount, TxnDate=day, DocNumber=f"F-{number}")

    def numbers(condition):
        return [row["DocNumber"] for row in driver.where("Invoice", condition)]

    assert numbers(f"CustomerRef = '{anne['Id']}'") == ["F-1", "F-2"]
    assert numbers("TxnDate >= '2025-02-10' AND TxnDate < '2025-03-10'") == ["F-2"]
    assert numbers("TotalAmt > '20'") == ["F-2", "F-3"]
    assert numbers("DocNumber IN ('F-3', 'F-1') ORDERBY DocNumber DESC") == ["F-3", "F-1"]
    assert numbers("DocNumber LIKE 'f-%' ORDER BY TxnDate DESC MAXRESULTS 1") == ["F-3"]
    assert numbers("MetaData.LastUpdatedTime > '2001-01-01T00:00:00-05:00'") == [
        "F-1",
        "F-2",
        "F-3",
    ]
    rows = driver.found("Invoice", "select DocNumber, TxnDate from Invoice maxresults 1")
    assert set(rows[0]) == {"DocNumber", "TxnDate", "Id", "domain", "sparse"}
    owed = driver.found("Customer", "select * from Customer where Balance > '30'")
    assert [c["DisplayName"] for c in owed] == ["Anne", "Luc"]


@pytest.mark.parametrize(("sensitive", "expected"), [(False, 1), (True, 0)])
def test_10_equality_may_or_may_not_look_at_case(sensitive, expected):
    driver = Driver(Options(query_case_sensitive=sensitive))
    driver.customer("Anne Côté")
    rows = driver.found("Customer", "select * from Customer where DisplayName = 'ANNE CÔTÉ'")
    assert len(rows) == expected


def test_look_ups_read_only_what_they_find():
    driver = Driver()
    anne, luc = driver.customer("Anne"), driver.customer("Luc")
    for number in range(40):
        driver.invoice(luc, "10", DocNumber=f"L-{number}")
    invoice = driver.invoice(anne, "10", DocNumber="A-1")
    driver.made("Payment", paying(anne, "5", ("Invoice", invoice, "5")))
    owned = f"CustomerRef = '{anne['Id']}'"
    for entity, condition in (
        ("Invoice", "DocNumber = 'A-1'"),
        ("Invoice", f"{owned} and TxnDate = '2025-03-14'"),
        ("Invoice", f"Id = '{invoice['Id']}'"),
        ("Payment", owned),
        ("Customer", "DisplayName = 'Anne'"),
    ):
        statement = f"select * from {entity} where {condition}"  # noqa: S608 — the simulator's language, not a database's
        result = run(driver.books, parse(statement))
        assert (result.total, result.read) == (1, 1), condition


def test_bad_manners_are_counted_and_good_ones_are_not():
    driver = Driver()
    driver.customer()
    driver.call("GET", "preferences")
    driver.ask("select * from Invoice")
    assert driver.offences() == []
    driver.call("POST", "customer", body={"DisplayName": "Luc"})
    driver.call("GET", "preferences", params={"minorversion": ""})
    driver.call("GET", "preferences", params={"minorversion": "65"})
    assert driver.offences() == ["requestid_missing", "minorversion_missing", "minorversion_old"]
    listed = driver.admin("GET", "/offences").json
    assert listed[0]["path"] == f"/v3/company/{REALM}/customer"


def test_what_is_not_offered_is_refused():
    driver = Driver()
    assert driver.call("GET", "dragon/1").status == 404
    assert driver.call("GET", "customer").status == 405
    assert driver.call("PUT", "customer", body={}).status == 405
    assert driver.write("TaxCode", {"Name": "x"}).code == 500
    assert driver.write("Customer", {"DisplayName": "x"}, operation="explode").code == 500
    answer = driver.call(
        "POST", "query", body="select * from Item", headers={"content-type": "text/html"}
    )
    assert answer.code == 1050
    assert driver.call("GET", "customer/abc").code == 2030
    assert driver.call("GET", "customer/4040").code == 610


def test_company_and_preferences_are_readable():
    driver = Driver()
    info = driver.read("CompanyInfo", REALM)
    assert (info["CompanyName"], info["Country"]) == ("Association des Érables", "CA")
    preferences = driver.call("GET", "preferences").json["Preferences"]
    assert preferences["SalesFormsPrefs"]["CustomTxnNumbers"] is True
    assert driver.found("CompanyInfo", "select * from CompanyInfo")[0]["Id"] == "1"


def test_the_list_entities_can_be_created_and_named_once():
    driver = Driver()
    account = driver.made("Account", {"Name": "Subventions", "AccountType": "Income"})
    item = driver.made(
        "Item", {"Name": "Trousse", "IncomeAccountRef": {"value": account["Id"]}, "UnitPrice": 9.5}
    )
    assert (item["Type"], item["UnitPrice"]) == ("Service", 9.5)
    assert driver.made("Term", {"Name": "Net 45", "DueDays": 45})["Type"] == "STANDARD"
    assert driver.made("PaymentMethod", {"Name": "PayPal"})["Active"] is True
    assert driver.made("Vendor", {"DisplayName": "Bell"})["Balance"] == 0
    assert driver.write("Account", {"Name": "Subventions", "AccountType": "Income"}).code == 6240
    assert driver.write("Account", {"Name": "Sans type"}).code == 6010
    assert driver.write("Item", {"Name": "Sans compte"}).code == 2020
    assert driver.write("Item", {"Name": "a:b"}).code == 2040
    assert driver.write("Term", {"Name": "x" * 32, "DueDays": 1}).code == 2050


def test_the_dump_shows_the_whole_documents_with_numbers():
    driver = Driver()
    customer = driver.customer()
    driver.invoice(customer, "100.00", PrivateNote="membri:invoice:1")
    dump = driver.admin("GET", "/dump").json
    (invoice,) = dump[REALM]["Invoice"]
    assert json.dumps(invoice["TotalAmt"]) == "114.98"
    assert invoice["PrivateNote"] == "membri:invoice:1"
    assert invoice["TxnTaxDetail"]["TotalTax"] == 14.98
    assert dump[REALM]["Customer"][0]["Balance"] == 114.98
