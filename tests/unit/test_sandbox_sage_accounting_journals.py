"""Journals and repeats of the simulated Sage Accounting: (24), (25) of the reference's list."""

import pytest

from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import Options
from ops.sandbox.sage_accounting.company import BANK_LEDGER, DEFERRED, DUES, RECEIVABLE
from tests.sandbox_sage_accounting_driver import Driver, paying, sale

DAY_S = 86_400
CUSTOMER = {"name": "Anne", "contact_type_ids": ["CUSTOMER"]}
KEY = "9f" * 16


def side(account, debit="0.0", credit="0.0", **more):
    return {
        "ledger_account_id": account,
        "debit": debit,
        "credit": credit,
        "include_on_tax_return": False,
        **more,
    }


def entry(*lines, **more):
    return {
        "date": "2025-03-31",
        "reference": "REV-2025-03",
        "description": "Cotisation gagnée",
        "journal_lines": list(lines) or [side(DEFERRED, "83.33"), side(DUES, credit="83.33")],
        **more,
    }


def test_24_a_balanced_journal_is_kept():
    driver = Driver(edition="START")
    made = driver.made("journals", entry())
    assert (made["reference"], made["total"]) == ("REV-2025-03", "83.33")
    assert [one["debit"] for one in made["journal_lines"]] == ["83.33", "0.0"]
    rows = driver.found("journals", from_date="2025-03-01", attributes="date,reference")
    assert [row["reference"] for row in rows] == ["REV-2025-03"]
    assert driver.offences() == []


@pytest.mark.parametrize(
    "body",
    [
        entry(side(DEFERRED, "83.33"), side(DUES, credit="83.34")),
        entry({"ledger_account_id": DEFERRED, "debit": "5"}, side(DUES, credit="5")),
        entry({"ledger_account_id": DEFERRED, "credit": "5"}, side(DUES, "5")),
        entry(side(DEFERRED, "5", "5"), side(DUES, "5", "5")),
        entry(side(DEFERRED), side(DUES)),
        entry(side(DEFERRED, "-5"), side(DUES, credit="-5")),
        entry(side(DEFERRED, "0.005"), side(DUES, credit="0.005")),
        entry(side(BANK_LEDGER, "5"), side(DUES, credit="5")),
        entry(side("f" * 32, "5"), side(DUES, credit="5")),
        entry(side(RECEIVABLE, "5"), side(DUES, credit="5")),
        entry(reference=""),
        entry(reference="x" * 256),
        entry(description="x" * 201),
        entry(date=""),
        entry(journal_lines=[]),
    ],
)
def test_24_a_journal_that_does_not_hold_is_refused(body):
    driver = Driver()
    assert driver.post("journals", body).status == 422
    assert driver.found("journals") == []


def test_24_control_accounts_and_future_dates_are_options():
    driver = Driver(Options(control_accounts_refused=False))
    driver.made("journals", entry(side(RECEIVABLE, "5"), side(DUES, credit="5"), reference="A"))
    driver.made("journals", entry(date="2025-12-31", reference="B"))
    driver.system.options.future_journals = "refuse"
    answer = driver.post("journals", entry(date="2025-12-31", reference="C"))
    assert answer.sources == ["journal.date"]


def test_24_a_journal_is_deleted_and_never_changed():
    driver = Driver()
    made = driver.made("journals", entry())
    answer = driver.put("journals", made["id"], {"description": "x"})
    assert answer.status == 405
    assert driver.call("PATCH", f"contacts/{made['id']}", {"contact": {}}).status == 405
    driver.accountant(closed_until="2025-03-31")
    assert driver.call("DELETE", f"journals/{made['id']}").status == 422
    assert driver.post("journals", entry()).status == 422
    driver.accountant(closed_until="2025-02-28")
    assert driver.call("DELETE", f"journals/{made['id']}").status == 204
    assert driver.call("GET", f"journals/{made['id']}").status == 404


def test_25_the_same_id_gives_the_same_answer_for_seven_days():
    driver = Driver()
    body = {**CUSTOMER, "idempotency_id": KEY}
    first = driver.post("contacts", body)
    driver.accountant(resource="contacts", id=first.json["id"], set={"name": "Anne Roy"})
    again = driver.post("contacts", body)
    assert (again.status, again.json) == (201, first.json)
    driver.advance(7 * DAY_S - 1)
    assert driver.post("contacts", body).json["id"] == first.json["id"]
    driver.advance(2)
    assert driver.post("contacts", body).json["id"] != first.json["id"]
    assert driver.call("GET", "contacts").json["$total"] == 2


@pytest.mark.parametrize("resource", ["sales_invoices", "sales_credit_notes", "contact_payments"])
def test_25_every_creation_is_repeated_without_effect(resource):
    driver = Driver()
    anne = driver.contact()
    body = paying(anne, "5.00") if resource == "contact_payments" else sale(anne)
    if resource == "sales_credit_notes":
        body["credit_note_lines"] = body.pop("invoice_lines")
    body["idempotency_id"] = KEY
    answers = [driver.post(resource, body) for _ in range(2)]
    assert answers[0].status == 201
    assert answers[0].json == answers[1].json
    assert len(driver.found(resource)) == 1
    assert driver.offences() == []


def test_25_an_id_is_for_one_resource():
    driver = Driver()
    made = driver.made("contacts", {**CUSTOMER, "idempotency_id": KEY})
    answer = driver.post("sales_invoices", {**sale(made), "idempotency_id": KEY})
    assert answer.status == 422
    assert driver.found("sales_invoices") == []


@pytest.mark.parametrize(("choice", "status"), [("refuse", 422), ("replay", 201)])
def test_25_the_same_id_with_another_body_is_refused_or_replayed(choice, status):
    driver = Driver(Options(other_body_same_id=choice))
    driver.made("contacts", {**CUSTOMER, "idempotency_id": KEY})
    answer = driver.post("contacts", {**CUSTOMER, "name": "Luc", "idempotency_id": KEY})
    assert answer.status == status
    if status == 201:
        assert answer.json["name"] == "Anne"
    assert len(driver.found("contacts")) == 1


@pytest.mark.parametrize(("replayed", "second"), [(False, 201), (True, 422)])
def test_25_a_refusal_may_be_kept_too(replayed, second):
    driver = Driver(Options(replay_errors=replayed))
    driver.contact("Luc", reference="C1")
    body = {**CUSTOMER, "reference": "C1", "idempotency_id": KEY}
    assert driver.post("contacts", body).status == 422
    luc = driver.found("contacts")[0]
    driver.put("contacts", luc["id"], {"reference": "C2"})
    assert driver.post("contacts", body).status == second


def test_25_without_an_id_a_repeat_creates_a_duplicate_and_is_an_offence():
    driver = Driver()
    anne = driver.contact()
    body = {"sales_invoice": sale(anne, reference="F-1")}
    made = [driver.call("POST", "sales_invoices", body).json["id"] for _ in range(2)]
    assert made[0] != made[1]
    assert driver.offences() == [
        "idempotency_id_missing",
        "idempotency_id_missing",
        "duplicate_document",
    ]


def test_25_a_refused_creation_leaves_nothing_behind():
    driver = Driver()
    anne = driver.contact()
    wrong = paying(anne, "5.00", (driver.invoice(anne), "500.00"))
    assert driver.post("contact_payments", wrong).status == 422
    assert driver.post("sales_invoices", sale(anne, due_date="2020-01-01")).status == 422
    assert driver.invoice(anne)["invoice_number"] == "SI-2"


def test_the_books_and_the_ids_are_there_after_a_restart(tmp_path):
    path = tmp_path / "sage.db"
    before = Driver(store=Store(path))
    anne = before.made("contacts", {**CUSTOMER, "idempotency_id": KEY})
    invoice = before.invoice(anne)
    before.payment(anne, "5.00", (invoice, "5.00"))
    dump = before.system.dump()
    before.store.close()
    after = Driver(store=Store(path))
    assert after.system.dump() == dump
    assert after.post("contacts", {**CUSTOMER, "idempotency_id": KEY}).json["id"] == anne["id"]
    assert after.invoice(anne)["invoice_number"] == "SI-2"
    assert after.read("sales_invoices", invoice["id"])["outstanding_amount"] == "109.98"
    after.store.close()
