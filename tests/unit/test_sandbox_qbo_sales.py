"""Invoices and credit memos of the simulated QuickBooks Online: (12) to (17) of the list."""

import pytest

from ops.sandbox.quickbooks_online import Options
from ops.sandbox.quickbooks_online.company import (
    DEFERRED,
    ITEM_DUES,
    RATE_GST,
    RATE_QST,
    TAX_EXEMPT,
    TAX_GST,
    TAX_GST_QST,
    TAX_OUT,
    TAX_QST,
    TAX_ZERO,
    TERM_NET_15,
)
from tests.sandbox_qbo_driver import Driver, item_line, paying, sale


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def customer(driver):
    return driver.customer()


def refused(driver, customer, **more):
    answer = driver.write("Invoice", sale(customer, **more))
    assert answer.status == 400, answer.text
    return answer.code


def with_detail(line, **detail):
    return {**line, "SalesItemLineDetail": {**line["SalesItemLineDetail"], **detail}}


@pytest.mark.parametrize("entity", ["Invoice", "CreditMemo"])
def test_12_the_customer_must_be_given_exist_and_be_active(driver, customer, entity):
    body = sale(customer)
    assert driver.write(entity, {k: v for k, v in body.items() if k != "CustomerRef"}).code == 2020
    assert driver.write(entity, {**body, "CustomerRef": {"value": "999"}}).code == 6250
    driver.made(
        "Customer", {"Id": customer["Id"], "SyncToken": "0", "Active": False, "sparse": True}
    )
    assert driver.write(entity, body).code == 6250


def test_12_items_taxes_terms_and_accounts_must_exist_and_be_active(driver, customer):
    line = item_line("10")
    assert refused(driver, customer, Line=[with_detail(line, ItemRef={"value": "999"})]) == 2500
    assert refused(driver, customer, Line=[with_detail(line, TaxCodeRef={"value": "999"})]) == 2500
    assert refused(driver, customer, SalesTermRef={"value": "999"}) == 2500
    wrong = with_detail(line, ItemAccountRef={"value": "999"})
    assert refused(driver, customer, Line=[wrong]) == 2500
    item = driver.read("Item", ITEM_DUES)
    driver.made("Item", {"Id": item["Id"], "SyncToken": "0", "Active": False, "sparse": True})
    assert refused(driver, customer) == 2500


def test_13_a_line_without_tax_code_is_refused_in_a_canadian_company(driver, customer):
    bare = with_detail(item_line("10"), TaxCodeRef=None)
    answer = driver.write("Invoice", sale(customer, Line=[item_line("5"), bare]))
    assert answer.code == 6000
    assert "GST/HST" in answer.json["Fault"]["Error"][0]["Detail"]
    american = with_detail(item_line("10"), TaxCodeRef={"value": "TAX"})
    assert refused(driver, customer, Line=[american]) == 6100


def test_13_the_tax_method_must_be_a_known_one_and_agree_with_the_tax_detail(driver, customer):
    assert refused(driver, customer, GlobalTaxCalculation="TaxExclusive") == 2010
    detail = {"TotalTax": 1, "TaxLine": []}
    assert (
        refused(driver, customer, GlobalTaxCalculation="NotApplicable", TxnTaxDetail=detail) == 6170
    )
    untaxed = driver.invoice(customer, "10", GlobalTaxCalculation="NotApplicable")
    assert untaxed["TotalAmt"] == 10


@pytest.mark.parametrize(("rounding", "gst", "qst"), [("line", 1.53, 3.03), ("rate", 1.52, 3.02)])
def test_13_taxes_are_rounded_per_line_or_per_rate(rounding, gst, qst):
    driver = Driver(Options(tax_rounding=rounding))
    invoice = driver.invoice(driver.customer(), "10.10", "10.10", "10.10")
    lines = {
        line["TaxLineDetail"]["TaxRateRef"]["value"]: line
        for line in invoice["TxnTaxDetail"]["TaxLine"]
    }
    assert lines[RATE_GST]["Amount"] == gst
    assert lines[RATE_QST]["Amount"] == qst
    assert lines[RATE_QST]["TaxLineDetail"]["NetAmountTaxable"] == 30.30
    assert lines[RATE_QST]["TaxLineDetail"]["TaxPercent"] == 9.975
    assert invoice["TxnTaxDetail"]["TotalTax"] == pytest.approx(gst + qst)
    assert invoice["TotalAmt"] == pytest.approx(30.30 + gst + qst)


def test_13_each_tax_code_gives_its_own_taxes(driver, customer):
    codes = (TAX_GST_QST, TAX_EXEMPT, TAX_ZERO, TAX_OUT, TAX_GST, TAX_QST)
    totals = {}
    for code in codes:
        invoice = driver.made("Invoice", sale(customer, Line=[item_line("100", tax=code)]))
        totals[code] = (invoice["TotalAmt"], len(invoice["TxnTaxDetail"]["TaxLine"]))
    assert totals == {
        TAX_GST_QST: (114.98, 2),
        TAX_EXEMPT: (100, 0),
        TAX_ZERO: (100, 1),
        TAX_OUT: (100, 0),
        TAX_GST: (105, 1),
        TAX_QST: (109.98, 1),
    }


def override(rate, amount):
    return {
        "Amount": amount,
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {"TaxRateRef": {"value": rate}, "PercentBased": False},
    }


def test_13_taxes_given_by_the_client_are_kept_to_the_cent(driver, customer):
    detail = {"TaxLine": [override(RATE_GST, 1.53), override(RATE_QST, 3.03)]}
    invoice = driver.invoice(customer, "10.10", "10.10", "10.10", TxnTaxDetail=detail)
    assert invoice["TotalAmt"] == 34.86
    assert invoice["TxnTaxDetail"]["TotalTax"] == 4.56
    noted = {"Id": invoice["Id"], "SyncToken": "0", "PrivateNote": "x", "sparse": True}
    assert driver.made("Invoice", noted)["TotalAmt"] == 34.86
    wrong = {"TaxLine": [override("999", 1)]}
    assert refused(driver, customer, TxnTaxDetail=wrong) == 6470


@pytest.mark.parametrize(
    ("quantity", "price", "amount", "accepted"),
    [("2", "10.005", "20.01", True), ("0", "0", "20", False), ("3", "3.33", "10", False)],
)
def test_14_the_amount_is_quantity_times_price(driver, customer, quantity, price, amount, accepted):
    line = with_detail(item_line(amount), Qty=float(quantity), UnitPrice=float(price))
    answer = driver.write("Invoice", sale(customer, Line=[line]))
    if accepted:
        assert answer.json["Invoice"]["TotalAmt"] == 23.01
    else:
        assert answer.code == 6070


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"ExchangeRate": 0}, 2090),
        ({"TxnDate": ""}, 2060),
        ({"DueDate": ""}, 2060),
        ({"TxnDate": "2025/03/14"}, 2060),
        ({"TxnDate": "2025-02-30"}, 2070),
        ({"Line": []}, 2020),
        ({"PrivateNote": "x" * 4001}, 2050),
        ({"CustomerMemo": {"value": "x" * 1001}}, 2050),
        ({"PONumber": "x" * 16}, 2050),
        ({"EmailStatus": "NeedToSend"}, 2020),
        ({"EmailStatus": "Later"}, 2170),
        ({"BillEmail": {"Address": "x"}}, 2210),
        ({"CurrencyRef": {"value": "USD"}}, 6000),
        ({"Line": [item_line("1")] * 751}, 6000),
        ({"Line": [{"DetailType": "DescriptionOnly", "Description": "x"}]}, 2250),
        ({"Line": [{"DetailType": "Other", "Amount": 1}]}, 2170),
        ({"Line": [{"Amount": 1}]}, 2020),
        ({"Line": [{"DetailType": "SalesItemLineDetail", "Amount": 1}]}, 2020),
        ({"Line": [item_line("-1")]}, 2290),
        ({"Line": [item_line("1.005")]}, 2110),
        ({"Line": [with_detail(item_line("1"), ItemRef=None)]}, 6440),
    ],
)
def test_14_what_a_sales_form_may_not_hold_is_refused_with_its_code(driver, customer, wrong, code):
    assert refused(driver, customer, **wrong) == code


def test_14_empty_dates_may_be_let_through():
    driver = Driver(Options(empty_dates_refused=False))
    invoice = driver.invoice(driver.customer(), TxnDate="", DueDate="")
    assert invoice["TxnDate"] == driver.books.now().date().isoformat()


def test_14_a_decimal_sent_as_text_is_read_exactly(driver, customer):
    line = {**item_line("0"), "Amount": "0.10"}
    invoice = driver.made("Invoice", sale(customer, Line=[line, line, line]))
    assert invoice["Line"][-1]["Amount"] == 0.30


def test_14_a_discount_lowers_the_total_before_or_after_the_taxes(driver, customer):
    discount = {
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10},
    }
    body = sale(customer, Line=[item_line("100"), discount])
    assert driver.made("Invoice", body)["TotalAmt"] == 104.98
    assert driver.made("Invoice", {**body, "ApplyTaxAfterDiscount": True})["TotalAmt"] == 103.48
    bare = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}
    assert refused(driver, customer, Line=[item_line("100"), bare]) == 6090


def test_15_a_document_number_is_short_and_used_once_per_type(driver, customer):
    assert refused(driver, customer, DocNumber="F" * 22) == 2050
    first = driver.invoice(customer, DocNumber="F-1")
    answer = driver.write("Invoice", sale(customer, DocNumber="F-1"))
    assert (answer.status, answer.code) == (400, 6140)
    assert f"TxnId={first['Id']}" in answer.json["Fault"]["Error"][0]["Detail"]
    assert driver.made("CreditMemo", sale(customer, DocNumber="F-1"))["DocNumber"] == "F-1"
    other = driver.invoice(customer, DocNumber="F-2")
    names = {"Id": other["Id"], "SyncToken": "0", "sparse": True}
    assert driver.write("Invoice", {**names, "DocNumber": "F-1"}).code == 6140
    assert driver.offences() == []
    driver.made("Invoice", sale(customer, DocNumber="F-1"), include="allowduplicatedocnum")
    assert driver.offences() == ["duplicates_allowed"]


def test_15_a_company_may_not_warn_of_duplicates(driver, customer):
    driver.accountant(preferences={"OtherPrefs": {"WarnDuplicateNumber": False}})
    numbers = {driver.invoice(customer, DocNumber="F-1")["DocNumber"] for _ in range(2)}
    assert numbers == {"F-1"}


def test_15_with_custom_numbers_on_ours_is_kept_and_none_is_made_up(driver, customer):
    assert driver.invoice(customer, DocNumber="F-2025-00123")["DocNumber"] == "F-2025-00123"
    assert "DocNumber" not in driver.invoice(customer)
    assert driver.invoice(customer, DocNumber="AUTO_GENERATE")["DocNumber"] == "1001"
    assert driver.invoice(customer, AutoDocNumber=True)["DocNumber"] == "1002"


def test_15_with_custom_numbers_off_the_service_gives_its_own(driver, customer):
    driver.accountant(preferences={"SalesFormsPrefs": {"CustomTxnNumbers": False}})
    first = driver.invoice(customer, DocNumber="F-1")
    assert first["DocNumber"] == "1001"
    assert driver.invoice(customer)["DocNumber"] == "1002"
    names = {"Id": first["Id"], "SyncToken": "0"}
    assert driver.made("Invoice", {**sale(customer), **names})["DocNumber"] == "1001"


def test_16_nothing_dated_in_the_closed_period_can_be_written(driver, customer):
    invoice = driver.invoice(customer, TxnDate="2025-03-31")
    payment = driver.made("Payment", paying(customer, "5", TxnDate="2025-03-31"))
    driver.accountant(BookCloseDate="2025-03-31")
    names = {"Id": invoice["Id"], "SyncToken": "0"}
    attempts = [
        driver.write("Invoice", sale(customer, TxnDate="2025-03-31")),
        driver.write("CreditMemo", sale(customer, TxnDate="2024-01-01")),
        driver.write("Payment", paying(customer, "5", TxnDate="2025-03-31")),
        driver.write("Invoice", {**names, "PrivateNote": "x", "sparse": True}),
        driver.write("Invoice", {**names, "TxnDate": "2025-04-02", "sparse": True}),
        driver.write("Invoice", names, operation="void"),
        driver.write("Invoice", names, operation="delete"),
        driver.write(
            "Payment", {"Id": payment["Id"], "SyncToken": "0"}, operation="update", include="void"
        ),
    ]
    assert [answer.code for answer in attempts] == [6200] * len(attempts)
    later = driver.invoice(customer, TxnDate="2025-04-01")
    moved = {"Id": later["Id"], "SyncToken": "0", "TxnDate": "2025-03-01", "sparse": True}
    assert driver.write("Invoice", moved).code == 6200
    driver.accountant(close_password=True)
    assert driver.write("Invoice", sale(customer, TxnDate="2025-03-31")).code == 6210


def test_17_answers_end_with_a_subtotal_line_that_is_ignored_when_sent_back(driver, customer):
    invoice = driver.invoice(customer, "10", "20.50")
    last = invoice["Line"][-1]
    assert (last["DetailType"], last["Amount"]) == ("SubTotalLineDetail", 30.50)
    again = driver.made("Invoice", invoice)
    assert [line["DetailType"] for line in again["Line"]].count("SubTotalLineDetail") == 1
    assert again["TotalAmt"] == invoice["TotalAmt"]


@pytest.mark.parametrize(
    ("more", "due"),
    [
        ({"DueDate": "2025-05-01"}, "2025-05-01"),
        ({"SalesTermRef": {"value": TERM_NET_15}}, "2025-03-29"),
        ({}, "2025-04-13"),
    ],
)
def test_17_the_due_date_follows_the_term(driver, customer, more, due):
    invoice = driver.invoice(customer, **more)
    assert invoice["DueDate"] == due


def test_17_the_customers_term_comes_before_the_companys(driver):
    customer = driver.customer("Luc", SalesTermRef={"value": TERM_NET_15})
    invoice = driver.invoice(customer)
    assert (invoice["DueDate"], invoice["SalesTermRef"]["value"]) == ("2025-03-29", TERM_NET_15)


@pytest.mark.parametrize(
    ("day", "due"), [("2025-01-10", "2025-01-31"), ("2025-01-25", "2025-02-28")]
)
def test_17_a_term_may_name_a_day_of_the_month(driver, customer, day, due):
    term = driver.made("Term", {"Name": "Le 31", "DayOfMonthDue": 31, "DueNextMonthDays": 10})
    invoice = driver.invoice(customer, TxnDate=day, SalesTermRef={"value": term["Id"]})
    assert invoice["DueDate"] == due


def test_17_a_voided_invoice_owes_nothing_and_says_so(driver, customer):
    invoice = driver.invoice(customer, PrivateNote="membri:1")
    names = {"Id": invoice["Id"], "SyncToken": invoice["SyncToken"]}
    voided = driver.made("Invoice", names, operation="void")
    assert (voided["TotalAmt"], voided["Balance"], voided["SyncToken"]) == (0, 0, "1")
    assert voided["PrivateNote"] == "Voided - membri:1"
    memo = driver.made("CreditMemo", sale(customer))
    names = {"Id": memo["Id"], "SyncToken": memo["SyncToken"]}
    assert driver.write("CreditMemo", names, operation="void").code == 500


def test_a_credit_memo_keeps_what_is_left_of_it(driver, customer):
    memo = driver.made("CreditMemo", sale(customer, "100"))
    assert (memo["TotalAmt"], memo["RemainingCredit"], memo["Balance"]) == (114.98,) * 3
    assert "DueDate" not in memo


def test_an_item_may_earn_into_deferred_revenue(driver, customer):
    item = driver.made("Item", {"Name": "Report", "IncomeAccountRef": {"value": DEFERRED}})
    line = item_line("10", item=item["Id"])
    assert driver.made("Invoice", sale(customer, Line=[line]))["TotalAmt"] == 11.50


def test_with_several_currencies_the_customers_own_must_be_named(driver):
    driver.accountant(preferences={"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    customer = driver.customer("Amy", CurrencyRef={"value": "USD"})
    assert refused(driver, customer) == 2020
    assert refused(driver, customer, CurrencyRef={"value": "CAD"}) == 6000
    kept = driver.invoice(customer, CurrencyRef={"value": "USD"}, ExchangeRate=1.3725)
    assert (kept["CurrencyRef"]["value"], kept["ExchangeRate"]) == ("USD", 1.3725)
