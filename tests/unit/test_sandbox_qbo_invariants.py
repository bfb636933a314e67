"""What stays true of the simulated books whatever a client does, right or wrong."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import Options
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.query import parse
from tests.sandbox_qbo_driver import REALM, Driver, paying, sale

CENTS = st.integers(min_value=1, max_value=20_000).map(lambda n: str(Decimal(n) / 100))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["invoice", "credit", "pay", "apply", "move", "void", "delete", "lower", "void invoice"]
        ),
        st.integers(min_value=0, max_value=9),
        st.integers(min_value=0, max_value=9),
        CENTS,
    ),
    max_size=14,
)


def pick(rows, number):
    return rows[number % len(rows)] if rows else {"Id": "99999", "SyncToken": "0"}


def names(document):
    return {"Id": document["Id"], "SyncToken": document["SyncToken"]}


def step(driver, customer, action, one, two, value):
    """Tries one thing; a refusal is a fine answer."""
    invoices = driver.books.all("Invoice")
    payments = driver.books.all("Payment")
    invoice, payment = pick(invoices, one), pick(payments, two)
    memo = pick(driver.books.all("CreditMemo"), two)
    paid = paying(customer, value, ("Invoice", invoice, value))
    if action == "invoice":
        return driver.write("Invoice", sale(customer, value))
    if action == "credit":
        return driver.write("CreditMemo", sale(customer, value))
    if action == "pay":
        return driver.write("Payment", paid)
    if action == "apply":
        links = ("Invoice", invoice, value), ("CreditMemo", memo, value)
        return driver.write("Payment", paying(customer, "0", *links))
    if action == "move":
        return driver.write("Payment", {**paid, **names(payment)})
    if action == "void":
        return driver.write("Payment", names(payment), operation="update", include="void")
    if action == "delete":
        return driver.write("Payment", names(payment), operation="delete")
    if action == "lower":
        return driver.write("Invoice", {**sale(customer, value), **names(invoice)})
    return driver.write("Invoice", names(invoice), operation="void")


def dec(value):
    return Decimal(str(value))


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, automatic=st.booleans())
def test_open_amounts_are_totals_less_what_payments_apply(steps, automatic):
    driver = Driver()
    driver.accountant(preferences={"SalesFormsPrefs": {"AutoApplyCredit": automatic}})
    customer = driver.customer()
    for action, one, two, value in steps:
        answer = step(driver, customer, action, one, two, value)
        assert answer.status in (200, 400), answer.text
    books = driver.admin("GET", "/dump").json[REALM]
    applied = {}
    for payment in books["Payment"]:
        used = {"Invoice": Decimal(0), "CreditMemo": Decimal(0)}
        for line in payment["Line"]:
            (link,) = line["LinkedTxn"]
            key = (link["TxnType"], link["TxnId"])
            applied[key] = applied.get(key, Decimal(0)) + dec(line["Amount"])
            used[link["TxnType"]] += dec(line["Amount"])
        free = dec(payment["TotalAmt"]) + used["CreditMemo"] - used["Invoice"]
        assert dec(payment["UnappliedAmt"]) == free
        assert free >= 0
    for entity in ("Invoice", "CreditMemo"):
        for document in books[entity]:
            left = dec(document["TotalAmt"]) - applied.get((entity, document["Id"]), Decimal(0))
            assert dec(document["Balance"]) == left
            assert left >= 0
    owed = (
        sum(dec(d["Balance"]) for d in books["Invoice"])
        - sum(dec(d["Balance"]) for d in books["CreditMemo"])
        - sum(dec(d["UnappliedAmt"]) for d in books["Payment"])
    )
    assert dec(books["Customer"][0]["Balance"]) == owed
    assert driver.offences() == []


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_the_indexes_agree_with_those_that_a_restart_would_build(steps):
    driver = Driver()
    customer = driver.customer()
    for action, one, two, value in steps:
        step(driver, customer, action, one, two, value)
    reborn = Books(driver.store, REALM, driver.books.now, Options())
    for entity in ("Invoice", "CreditMemo", "Payment"):
        kept = driver.books.find(entity, "CustomerRef", customer["Id"])
        again = reborn.find(entity, "CustomerRef", customer["Id"])
        assert {d["Id"] for d in kept} == {d["Id"] for d in again}
        assert {d["Id"] for d in kept} == {d["Id"] for d in driver.books.all(entity)}


@settings(max_examples=200, deadline=None)
@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_escaped_as_announced_is_read_back_as_it_was(name):
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    query = parse(f"select * from Customer where DisplayName = '{escaped}'")  # noqa: S608 — the simulator's language, not a database's
    assert query.conditions[0].values == (name,)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("abc", 2080),
        ("1e99", 2090),
        ("NaN", 2090),
        (True, 2010),
        ([], 2010),
        ("0.001", 2110),
        ("99999999999.00", None),
    ],
)
def test_an_amount_is_a_plain_decimal_of_two_places(amount, code):
    driver = Driver()
    body = {"CustomerRef": {"value": driver.customer()["Id"]}, "TotalAmt": amount}
    answer = driver.write("Payment", body)
    if code:
        assert answer.code == code
    else:
        assert '"TotalAmt":99999999999.00' in answer.text


def test_a_failed_seed_leaves_the_indexes_as_they_were(tmp_path):
    store = Store(tmp_path / "qbo.sqlite")
    driver = Driver(store=store)
    driver.customer("Anne")
    bad = {REALM: {"Customer": [{"DisplayName": "Luc"}, {"DisplayName": "A:B"}]}}
    with pytest.raises(Exception, match="invalid characters"), store.transaction():
        driver.system.seed({"realms": bad})
    assert [c["DisplayName"] for c in driver.found("Customer", "select * from Customer")] == [
        "Anne"
    ]
    assert driver.customer("Luc")["DisplayName"] == "Luc"
    store.close()


def test_a_transaction_taken_back_is_taken_back_in_the_index_too():
    driver = Driver()
    anne = driver.customer("Anne")
    books = driver.books
    held = books.get("Customer", anne["Id"])

    def change_and_fail():
        with books.transaction():
            books.put("Customer", {**held, "DisplayName": "Luc"})
            books.put("Customer", {**held, "Id": "777", "DisplayName": "Zoé"})
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        change_and_fail()
    found = {
        name: [d["Id"] for d in books.find("Customer", "DisplayName", name)]
        for name in ("Anne", "Luc", "Zoé")
    }
    assert found == {"Anne": [anne["Id"]], "Luc": [], "Zoé": []}
