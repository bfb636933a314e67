"""The wire of the simulated Sage Accounting: (6) to (12) of the reference's list."""

import asyncio
import json
import re

import pytest

from ops.sandbox.sage_accounting import Options, issue_tokens
from tests.sandbox_sage_accounting_driver import BUSINESS, OTHER, Driver, paying, sale

HEX = re.compile(r"[0-9a-f]{32}\Z")
CUSTOMER = {"name": "Anne", "contact_type_ids": ["CUSTOMER"]}


def test_06_a_write_that_is_not_json_is_refused():
    driver = Driver()
    answer = driver.call("POST", "contacts", {"contact": CUSTOMER}, headers={"content_type": None})
    assert answer.status == 415
    text = {"content_type": "text/plain"}
    assert driver.call("POST", "contacts", {"contact": CUSTOMER}, headers=text).status == 415
    assert driver.call("POST", "contacts", b"{").status == 400
    charset = {"content_type": "application/json; charset=utf-8"}
    assert driver.call("POST", "contacts", {"contact": CUSTOMER}, headers=charset).status == 201


@pytest.mark.parametrize("body", [CUSTOMER, {"contacts": CUSTOMER}, {"contact": []}, []])
def test_06_the_singular_root_is_required(body):
    driver = Driver()
    assert driver.call("POST", "contacts", body).status == 422
    assert driver.found("contacts") == []


def test_07_errors_are_an_array_that_tells_all_that_is_wrong():
    answer = Driver().post("contacts", {"name": "", "reference": "12345678901"})
    assert answer.status == 422
    assert set(answer.sources) == {
        "contact.name",
        "contact.reference",
        "contact.contact_type_ids",
    }
    assert all(
        set(one) == {"$severity", "$dataCode", "$message", "$source"} and one["$message"].isascii()
        for one in answer.json
    )


def test_08_without_x_business_the_lead_business_answers_and_it_can_change():
    driver = Driver()
    driver.contact("Anne")
    driver.accountant(businesses=[BUSINESS, OTHER])
    nobody = {"x_business": None}
    answer = driver.call("GET", "contacts", headers=nobody)
    assert (answer.headers["x-business"], answer.json["$total"]) == (BUSINESS, 1)
    driver.accountant(lead=OTHER)
    answer = driver.call("GET", "contacts", headers=nobody)
    assert (answer.headers["x-business"], answer.json["$total"]) == (OTHER, 0)
    assert driver.offences() == ["x_business_missing"] * 2
    named = driver.call("GET", "contacts", headers={"x_business": OTHER})
    assert named.headers["x-business"] == OTHER
    for path in ("businesses", "user"):
        answer = driver.call("GET", path, headers=nobody)
        assert answer.status == 200
        assert "x-business" not in answer.headers
    assert len(driver.offences()) == 2


def test_08_an_id_of_another_business_is_not_found():
    driver = Driver()
    anne = driver.contact()
    answer = driver.call("GET", "contacts", headers={"x_business": OTHER})
    assert (answer.status, answer.code) == (404, "RecordNotFound")
    driver.accountant(businesses=[BUSINESS, OTHER])
    theirs = {"x_business": OTHER}
    assert driver.call("GET", f"contacts/{anne['id']}", headers=theirs).status == 404
    body = {"sales_invoice": {"idempotency_id": "a" * 32, **sale(anne)}}
    answer = driver.call("POST", "sales_invoices", body, headers=theirs)
    assert answer.status == 422
    assert "sales_invoice.contact_id" in answer.sources
    assert driver.call("GET", f"businesses/{BUSINESS}").status == 200
    driver.accountant(businesses=[BUSINESS])
    assert driver.call("GET", f"businesses/{OTHER}").status == 404


def test_09_amounts_are_texts_ids_hexadecimal_and_references_objects():
    driver = Driver()
    anne = driver.contact()
    invoice = driver.invoice(anne, "100.00", "0.99")
    assert HEX.match(invoice["id"])
    assert HEX.match(invoice["invoice_lines"][0]["id"])
    assert (invoice["net_amount"], invoice["tax_amount"]) == ("100.99", "15.13")
    assert invoice["invoice_lines"][0]["unit_price"] == "100.0"
    assert invoice["contact"] == {
        "id": anne["id"],
        "displayed_as": "Anne Côté",
        "$path": f"/contacts/{anne['id']}",
    }
    assert invoice["status"]["id"] == "UNPAID"
    assert invoice["tax_address_region"]["id"] == "CA-QC"
    number = driver.payment(anne, "5", (invoice, "5"))
    assert number["total_amount"] == "5.0"
    body = paying(anne, "0.10", (invoice, "0.10"))
    body["total_amount"] = body["allocated_artefacts"][0]["amount"] = 0.1
    assert driver.made("contact_payments", body)["total_amount"] == "0.1"


def test_10_a_list_has_20_rows_a_page_200_at_most_and_repeats_the_last_one():
    driver = Driver()
    for number in range(45):
        driver.contact(f"Membre {number:02}")
    first = driver.call("GET", "contacts").json
    assert (first["$total"], first["$page"], first["$itemsPerPage"]) == (45, 1, 20)
    assert len(first["$items"]) == 20
    assert first["$back"] is None
    assert first["$next"] == "/contacts?page=2&items_per_page=20"
    last = driver.call("GET", "contacts", params={"page": "3"}).json
    assert (last["$next"], len(last["$items"])) == (None, 5)
    assert driver.offences() == []
    beyond = driver.call("GET", "contacts", params={"page": "4"}).json
    assert beyond == last
    assert driver.offences() == ["page_past_end"]
    wide = driver.call("GET", "contacts", params={"items_per_page": "1000"}).json
    assert (wide["$itemsPerPage"], len(wide["$items"])) == (200, 45)


def test_10_rows_are_sparse_unless_attributes_are_asked_for():
    driver = Driver()
    driver.contact("Anne", reference="C1", notes="x")
    sparse = {"id", "displayed_as", "$path"}
    assert set(driver.found("contacts")[0]) == sparse
    asked = driver.found("contacts", attributes="name,reference")[0]
    assert set(asked) == sparse | {"name", "reference"}
    assert driver.found("contacts", attributes="all")[0]["notes"] == "x"
    assert driver.call("GET", "businesses").json["$items_per_page"] == 20


def test_10_lists_are_filtered_by_date_by_change_and_by_deletion():
    driver = Driver()
    anne, luc = driver.contact("Anne"), driver.contact("Luc")
    march = driver.invoice(anne)
    april = driver.invoice(anne, date="2025-04-01")
    rows = driver.found("sales_invoices", from_date="2025-04-01")
    assert [row["id"] for row in rows] == [april["id"]]
    rows = driver.found("sales_invoices", sort="date:desc")
    assert [row["id"] for row in rows] == [april["id"], march["id"]]
    driver.advance(3600)
    driver.put("contacts", luc["id"], {"notes": "vu"})
    rows = driver.found("contacts", updated_or_created_since="2025-04-01T12:30:00Z")
    assert [row["id"] for row in rows] == [luc["id"]]
    assert driver.call("DELETE", f"contacts/{luc['id']}").status == 204
    assert [row["id"] for row in driver.found("contacts", deleted_since="2025-04-01")] == [
        luc["id"]
    ]


def test_10_the_reference_lists_say_what_a_connector_must_know():
    driver = Driver()
    accounts = driver.found("ledger_accounts", visible_in="sales", attributes="nominal_code")
    assert [row["nominal_code"] for row in accounts] == [4000, 4010, 4020, 2400]
    rates = driver.found(
        "tax_rates",
        address_region_id="CA-QC",
        attributes="percentage,is_combined_rate,component_tax_rates",
    )
    assert "13.0" not in {rate["percentage"] for rate in rates}
    (combined,) = [rate for rate in rates if rate["is_combined_rate"]]
    assert combined["percentage"] == "14.975"
    assert [one["percentage"] for one in combined["component_tax_rates"]] == ["5.0", "9.975"]
    driver.system.options.component_percentages = False
    bare = driver.call("GET", f"tax_rates/{combined['id']}").json["component_tax_rates"]
    assert all("percentage" not in one for one in bare)
    settings = driver.call("GET", "financial_settings").json
    assert settings["year_end_lockdown_date"] is None
    assert driver.call("GET", "invoice_settings").json["next_invoice_number"] == 1
    assert driver.call("GET", "payment_methods/CHECK").status == 200
    assert driver.call("GET", "payment_methods/BARTER").status == 404
    assert driver.call("GET", "no_such_thing").status == 404


def test_11_every_answer_has_an_x_request_id_of_its_own():
    driver = Driver()
    answers = [driver.call("GET", path) for path in ("contacts", "contacts/none")]
    assert len({answer.headers["x_request_id"] for answer in answers}) == 2


def test_11_a_day_has_its_quota_and_another_day_another():
    driver = Driver(Options(daily_requests=2))
    assert [driver.call("GET", "contacts").status for _ in range(3)] == [200, 200, 429]
    assert "retry-after" not in driver.call("GET", "contacts").headers
    driver.advance(86_400)
    assert driver.call("GET", "contacts").status == 200


def test_11_a_call_during_retry_after_is_an_offence():
    driver = Driver(Options(daily_requests=1, retry_after_s=30))
    driver.call("GET", "contacts")
    assert driver.call("GET", "contacts").headers["retry-after"] == "30"
    driver.system.options.daily_requests = 10
    driver.seconds = 10
    driver.call("GET", "contacts")
    assert driver.offences() == ["call_during_retry_after"]
    driver.seconds = 31
    driver.call("GET", "contacts")
    assert len(driver.offences()) == 1


def at_once(driver, resource, bodies):
    """The answers to creations that overlap."""

    async def every():
        return await asyncio.gather(
            *(
                driver.called(
                    "POST",
                    f"/v3.1/{resource}",
                    driver.sent_headers(),
                    json.dumps(
                        {resource[:-1]: {"idempotency_id": driver.new_id(), **body}}
                    ).encode(),
                )
                for body in bodies
            )
        )

    return asyncio.run(every())


def test_11_too_many_calls_at_once_are_refused():
    driver = Driver(Options(concurrent_requests=2))
    answers = at_once(driver, "contacts", [CUSTOMER] * 3)
    assert sorted(answer.status for answer in answers) == [201, 201, 429]


@pytest.mark.parametrize(
    ("choice", "statuses"),
    [("accept", [201, 201]), ("422", [201, 422]), ("500", [201, 500])],
)
def test_12_two_posts_at_once_on_a_numbered_resource_are_an_offence(choice, statuses):
    driver = Driver(Options(parallel_posts=choice))
    anne = driver.contact()
    answers = at_once(driver, "sales_invoices", [sale(anne)] * 2)
    assert sorted(answer.status for answer in answers) == statuses
    assert "parallel_post" in driver.offences()


def test_12_posts_at_once_on_what_has_no_sequence_are_fine():
    driver = Driver()
    anne = driver.contact()
    bill = driver.invoice(anne)
    bodies = [paying(anne, amount, (bill, amount)) for amount in ("1.00", "2.00")]
    answers = at_once(driver, "contact_payments", bodies)
    assert [answer.status for answer in answers] == [201, 201]
    assert driver.offences() == []


def test_an_attribute_that_does_not_exist_is_left_aside_and_counted():
    driver = Driver()
    made = driver.made("contacts", {**CUSTOMER, "nickname": "Nanne"})
    assert "nickname" not in made
    assert driver.offences() == ["unknown_attribute"]


def test_an_option_has_a_name_a_type_and_its_choices():
    driver = Driver()
    assert driver.admin("POST", "/options", {"edition_refusal": 404}).json["edition_refusal"] == 404
    for wrong in ({"edition_refusal": 418}, {"nothing": 1}, {"region_required": "yes"}):
        assert driver.admin("POST", "/options", wrong).status == 400
    assert driver.admin("GET", "/options").json["edition_refusal"] == 404


def test_tokens_of_another_business_open_that_one():
    driver = Driver()
    driver.bearer = issue_tokens(driver.system, OTHER)["access_token"]
    assert driver.call("GET", "contacts").status == 404
    assert driver.call("GET", "contacts", headers={"x_business": OTHER}).status == 200
