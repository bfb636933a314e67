"""Payments and journal entries of the simulated QuickBooks Online: (18) to (20) of the list."""

import pytest

from ops.sandbox.quickbooks_online.company import BANK, DEFERRED, DUES, RECEIVABLE, UNDEPOSITED
from tests.sandbox_qbo_driver import Driver, Refused, paying, sale


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def customer(driver):
    return driver.customer()


def names(document):
    return {"Id": document["Id"], "SyncToken": document["SyncToken"]}


def balance(driver, invoice):
    return driver.read("Invoice", invoice["Id"])["Balance"]


def test_18_a_payment_pays_several_invoices_in_part_and_the_rest_is_unapplied(driver, customer):
    one, two = driver.invoice(customer, "100"), driver.invoice(customer, "50")
    payment = driver.made(
        "Payment",
        paying(customer, "150", ("Invoice", one, "100"), ("Invoice", two, "40"), PaymentRefNum="9"),
    )
    assert payment["UnappliedAmt"] == 10
    assert payment["DepositToAccountRef"]["value"] == UNDEPOSITED
    assert (balance(driver, one), balance(driver, two)) == (14.98, 17.49)
    read = driver.read("Invoice", one["Id"])
    assert read["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
    assert int(read["SyncToken"]) > int(one["SyncToken"])
    assert driver.read("Customer", customer["Id"])["Balance"] == 22.47


def test_18_what_a_payment_may_not_do_is_refused_with_its_code(driver, customer):
    invoice = driver.invoice(customer, "100")
    memo = driver.made("CreditMemo", sale(customer, "10"))
    stranger = driver.customer("Luc Roy")

    def refused(body):
        answer = driver.write("Payment", body)
        assert answer.status == 400
        return answer.code

    ghost = {"Id": "99999"}
    assert refused(paying(customer, "10", ("Invoice", ghost, "10"))) == 610
    assert refused(paying(stranger, "10", ("Invoice", invoice, "10"))) == 620
    assert refused(paying(customer, "10", ("Deposit", invoice, "10"))) == 620
    assert refused(paying(customer, "200", ("Invoice", invoice, "114.99"))) == 6000
    half = ("Invoice", invoice, "60")
    assert refused(paying(customer, "200", half, half)) == 6000
    assert refused(paying(customer, "10", ("Invoice", invoice, "20"))) == 6000
    assert refused(paying(customer, "-1")) == 6000
    assert refused(paying(customer, "0", ("CreditMemo", memo, "5"))) == 6000
    assert refused(paying(customer, "10", ("Invoice", invoice, "0"))) == 6000
    assert refused({"CustomerRef": {"value": customer["Id"]}}) == 2020
    assert refused({"TotalAmt": 5}) == 2020
    assert refused(paying({"Id": "999"}, "5")) == 6250
    assert refused({**paying(customer, "5"), "Line": [{"Amount": 5}]}) == 2020
    assert refused(paying(customer, "5", DepositToAccountRef={"value": DUES})) == 6430
    assert refused(paying(customer, "5", DepositToAccountRef={"value": "999"})) == 2500
    assert refused(paying(customer, "5", PaymentMethodRef={"value": "999"})) == 2500
    assert refused(paying(customer, "5", PaymentRefNum="x" * 22)) == 2050
    assert balance(driver, invoice) == 114.98


def test_18_a_parent_may_pay_for_its_sub_customer(driver, customer):
    child = driver.customer("Section", Job=True, ParentRef={"value": customer["Id"]})
    invoice = driver.invoice(child, "100")
    driver.made("Payment", paying(customer, "114.98", ("Invoice", invoice, "114.98")))
    assert balance(driver, invoice) == 0


def test_18_a_payment_of_nothing_applies_a_credit_memo_to_an_invoice(driver, customer):
    invoice = driver.invoice(customer, "100")
    memo = driver.made("CreditMemo", sale(customer, "40"))
    payment = driver.made(
        "Payment",
        paying(customer, "0", ("Invoice", invoice, "45.99"), ("CreditMemo", memo, "45.99")),
    )
    assert (payment["TotalAmt"], payment["UnappliedAmt"]) == (0, 0)
    assert balance(driver, invoice) == 68.99
    assert driver.read("CreditMemo", memo["Id"])["RemainingCredit"] == 0
    again = paying(customer, "0", ("Invoice", invoice, "1"), ("CreditMemo", memo, "1"))
    assert driver.write("Payment", again).code == 6000


def test_18_the_lines_of_a_payment_are_replaced_as_a_whole(driver, customer):
    one, two = driver.invoice(customer, "100"), driver.invoice(customer, "100")
    payment = driver.made("Payment", paying(customer, "100", ("Invoice", one, "100")))
    moved = {
        **names(payment),
        "sparse": True,
        "Line": paying(customer, "0", ("Invoice", two, "60"))["Line"],
    }
    changed = driver.made("Payment", moved)
    assert (changed["TotalAmt"], changed["UnappliedAmt"]) == (100, 40)
    assert (balance(driver, one), balance(driver, two)) == (114.98, 54.98)
    kept = driver.made("Payment", {**names(changed), "PrivateNote": "x", "sparse": True})
    assert kept["UnappliedAmt"] == 40
    emptied = driver.made("Payment", {**names(kept), "Line": [], "sparse": True})
    assert emptied["UnappliedAmt"] == 100
    assert balance(driver, two) == 114.98


def test_18_a_payment_raised_within_its_own_invoice_does_not_count_itself(driver, customer):
    invoice = driver.invoice(customer, "100")
    payment = driver.made("Payment", paying(customer, "60", ("Invoice", invoice, "60")))
    raised = {**paying(customer, "114.98", ("Invoice", invoice, "114.98")), **names(payment)}
    driver.made("Payment", raised)
    assert balance(driver, invoice) == 0


def test_18_a_voided_or_deleted_payment_gives_the_invoice_its_balance_back(driver, customer):
    invoice = driver.invoice(customer, "100")
    payment = driver.made(
        "Payment", paying(customer, "50", ("Invoice", invoice, "50"), PrivateNote="membri:p")
    )
    voided = driver.made("Payment", names(payment), operation="update", include="void")
    assert (voided["TotalAmt"], voided["Line"]) == (0, [])
    assert voided["PrivateNote"] == "Voided - membri:p"
    assert balance(driver, invoice) == 114.98
    other = driver.made("Payment", paying(customer, "50", ("Invoice", invoice, "50")))
    driver.write("Payment", names(other), operation="delete")
    assert balance(driver, invoice) == 114.98
    assert driver.read("Invoice", invoice["Id"])["LinkedTxn"] == []


def test_18_a_deposited_payment_cannot_be_changed(driver, customer):
    payment = driver.made("Payment", paying(customer, "50"))
    driver.accountant(entity="Payment", id=payment["Id"], action="deposit")
    for params in ({}, {"operation": "delete"}, {"operation": "update", "include": "void"}):
        answer = driver.write("Payment", {**names(payment), "sparse": True}, **params)
        assert (answer.status, answer.code) == (400, 6540)
    driver.accountant(entity="Payment", id=payment["Id"], action="undeposit")
    driver.made("Payment", {**names(payment), "PrivateNote": "x", "sparse": True})
    with pytest.raises(Refused, match="only a Payment"):
        driver.accountant(entity="Customer", id=customer["Id"], action="deposit")


def test_18_a_paid_invoice_cannot_be_voided_deleted_lowered_or_given_away(driver, customer):
    invoice = driver.invoice(customer, "100")
    driver.made("Payment", paying(customer, "50", ("Invoice", invoice, "50")))
    now = names(driver.read("Invoice", invoice["Id"]))
    assert driver.write("Invoice", now, operation="void").code == 6000
    assert driver.write("Invoice", now, operation="delete").code == 6000
    assert driver.write("Invoice", {**sale(customer, "40"), **now}).code == 6000
    stranger = driver.customer("Luc Roy")
    assert driver.write("Invoice", {**sale(stranger, "100"), **now}).code == 6000
    raised = driver.made("Invoice", {**sale(customer, "200"), **now})
    assert raised["Balance"] == 179.95


@pytest.mark.parametrize("field", ["DocNumber", "PaymentRefNum", "PrivateNote"])
def test_19_a_payment_cannot_be_looked_up_by_number_or_note(driver, field):
    with pytest.raises(Refused, match="4001"):
        driver.where("Payment", f"{field} = 'x'")


def test_19_a_payment_is_looked_up_by_customer_date_and_total(driver, customer):
    payment = driver.made("Payment", paying(customer, "50"))
    where = f"CustomerRef = '{customer['Id']}' and TxnDate = '2025-03-20' and TotalAmt = '50.00'"
    (found,) = driver.where("Payment", where)
    assert found["Id"] == payment["Id"]


def entry(*lines, **more):
    return {
        "TxnDate": "2025-04-30",
        "Line": [
            {
                "DetailType": "JournalEntryLineDetail",
                "Amount": amount,
                "JournalEntryLineDetail": {
                    "PostingType": side,
                    "AccountRef": {"value": account},
                    **detail,
                },
            }
            for side, account, amount, detail in lines
        ],
        **more,
    }


DEBIT = ("Debit", DEFERRED, 83.33, {})
CREDIT = ("Credit", DUES, 83.33, {})


def test_20_a_balanced_entry_is_kept(driver):
    made = driver.made("JournalEntry", entry(DEBIT, CREDIT, DocNumber="REV-2025-04"))
    assert (made["DocNumber"], made["TotalAmt"]) == ("REV-2025-04", 83.33)
    again = driver.write("JournalEntry", entry(DEBIT, CREDIT, DocNumber="REV-2025-04"))
    assert again.code == 6140


def test_20_what_an_entry_may_not_be_is_refused_with_its_code(driver, customer):
    party = {"Entity": {"Type": "Customer", "EntityRef": {"value": customer["Id"]}}}
    other = {"Entity": {"Type": "Customer", "EntityRef": {"value": driver.customer("L")["Id"]}}}

    def refused(*lines, **more):
        return driver.write("JournalEntry", entry(*lines, **more)).code

    assert refused(DEBIT, ("Credit", DUES, 83.32, {})) == 2300
    assert refused(DEBIT) == 2020
    assert refused(DEBIT, ("Credit", RECEIVABLE, 83.33, {})) == 6000
    assert refused(DEBIT, (None, DUES, 83.33, {})) == 2260
    assert refused(DEBIT, ("credit", DUES, 83.33, {})) == 2170
    assert refused(DEBIT, ("Credit", "999", 83.33, {})) == 2500
    assert refused(DEBIT, ("Credit", DUES, -83.33, {})) == 2290
    assert refused(DEBIT, ("Credit", DUES, 83.33, {"TaxCodeRef": {"value": "30"}})) == 2270
    taxed = {"TaxCodeRef": {"value": "30"}, "TaxApplicableOn": "Sales"}
    assert refused(DEBIT, ("Credit", DUES, 83.33, taxed)) == 2280
    assert refused(DEBIT, CREDIT, DocNumber="x" * 22) == 2050
    assert refused(DEBIT, CREDIT, ExchangeRate=0) == 2090
    two = (("Debit", RECEIVABLE, 5, party), ("Credit", RECEIVABLE, 5, other))
    assert refused(*two) == 6000
    made = driver.made(
        "JournalEntry", entry(("Debit", RECEIVABLE, 5, party), ("Credit", DUES, 5, {}))
    )
    assert made["Line"][0]["JournalEntryLineDetail"]["Entity"]["EntityRef"]["name"] == "Anne Côté"
    driver.accountant(BookCloseDate="2025-04-30")
    assert refused(DEBIT, CREDIT) == 6200


def test_a_payment_may_go_straight_to_the_bank(driver, customer):
    payment = driver.made("Payment", paying(customer, "5", DepositToAccountRef={"value": BANK}))
    assert payment["DepositToAccountRef"] == {"value": BANK, "name": "Compte chèques"}
