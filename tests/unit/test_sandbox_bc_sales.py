"""Invoices and credit memos of the simulated Business Central: (6), (7), (8) of its list."""

import pytest

from ops.sandbox.business_central.company import BANK, DUES, EVENTS, EXEMPT, RECEIVABLE, TAXABLE
from tests.sandbox_bc_driver import Driver, line, sale


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def customer(driver):
    return driver.customer()


def post(driver, document, action="post", resource="salesInvoices"):
    return driver.post(f"{resource}({document['id']})/Microsoft.NAV.{action}")


def lines_of(driver, document, resource="salesInvoices"):
    child = f"{resource[:-1]}Lines"
    return driver.read(f"{resource}({document['id']})/{child}")["value"]


def memo_of(driver, customer, price, **more):
    body = sale(customer, price, **more)
    body["creditMemoDate"] = body.pop("invoiceDate")
    body["salesCreditMemoLines"] = body.pop("salesInvoiceLines")
    return driver.made("salesCreditMemos", {"externalDocumentNumber": "NC-1", **body})


def test_06_the_server_numbers_the_draft_and_computes_each_tax_on_the_base(driver, customer):
    made = driver.draft(customer, 240)
    assert made["number"].startswith("S-INV")
    assert made["status"] == "Draft"
    assert (made["totalAmountExcludingTax"], made["totalTaxAmount"]) == (240, 35.94)
    assert made["totalAmountIncludingTax"] == made["remainingAmount"] == 275.94
    found = [
        (one["sequence"], one["taxPercent"], one["netAmount"]) for one in lines_of(driver, made)
    ]
    assert found == [(10000, 14.975, 240)]
    assert driver.offences() == []


def test_06_the_tax_is_rounded_on_the_document_or_on_each_line(driver, customer):
    prices = (0.10, 0.10, 0.10)
    assert driver.draft(customer, *prices)["totalTaxAmount"] == 0.05  # 0.015 → 0.02, 0.0299 → 0.03
    driver.set(tax_rounding="line")
    made = driver.draft(customer, *prices, externalDocumentNumber="INV-2")
    assert made["totalTaxAmount"] == 0.06  # three times 0.01 and 0.01


@pytest.mark.parametrize("name", ["totalTaxAmount", "totalAmountIncludingTax", "number", "status"])
def test_06_totals_number_and_status_are_never_taken_from_the_client(driver, customer, name):
    answer = driver.post(
        "salesInvoices", sale(customer, **{name: "Open" if name != "totalTaxAmount" else 1})
    )
    assert (answer.status, answer.code) == (400, "BadRequest_InvalidOperation")
    assert driver.offences() == ["read_only_written"]


def test_06_no_tax_without_a_liable_customer_an_area_and_a_group(driver, customer):
    exempt = driver.made("customers", {"number": "M-2", "displayName": "Sans aire"})
    assert driver.draft(exempt, 100)["totalTaxAmount"] == 0
    untaxed = driver.draft(
        customer, externalDocumentNumber="INV-2",
        salesInvoiceLines=[line(100, taxCode=EXEMPT), line(50, taxCode="")],
    )  # fmt: skip
    assert untaxed["totalTaxAmount"] == 0
    unknown = driver.post("salesInvoices", sale(customer, salesInvoiceLines=[line(1, taxCode="X")]))
    assert unknown.code == "Internal_InvalidTableRelation"


def test_06_a_line_without_type_becomes_a_comment_worth_nothing(driver, customer):
    bare = {name: value for name, value in line(100).items() if name != "lineType"}
    made = driver.draft(customer, salesInvoiceLines=[bare])
    assert made["totalAmountIncludingTax"] == 0
    assert lines_of(driver, made)[0]["lineType"] == "Comment"
    assert driver.offences() == ["line_without_type"]
    refused = post(driver, made)
    assert (refused.code, "nothing to post" in refused.message) == (
        "Application_DialogException",
        True,
    )


def test_06_a_number_before_its_type_is_lost_unless_the_page_orders_properties(driver, customer):
    backwards = dict(reversed(list(line(100).items())))
    made = driver.draft(customer, salesInvoiceLines=[backwards])
    assert (lines_of(driver, made)[0]["lineObjectNumber"], made["totalTaxAmount"]) == ("", 14.98)
    assert "No. must have a value" in post(driver, made).message
    assert driver.offences() == ["line_number_before_type"]
    driver.set(property_order="page")
    kept = driver.draft(customer, externalDocumentNumber="I-2", salesInvoiceLines=[backwards])
    assert lines_of(driver, kept)[0]["lineObjectNumber"] == EVENTS


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("99999", "Account does not exist"),
        ("11000", "Account Type must be equal to 'Posting'"),
        ("10900", "Blocked must be equal to 'No'"),
        (RECEIVABLE, "Direct Posting must be equal to 'Yes'"),
    ],
)
def test_06_a_line_wants_an_open_posting_account_with_direct_posting(
    driver, customer, number, words
):
    answer = driver.post(
        "salesInvoices", sale(customer, salesInvoiceLines=[line(1, lineObjectNumber=number)])
    )
    assert answer.status == 400
    assert words in answer.message
    assert driver.read("salesInvoices")["value"] == []


def test_06_lines_are_added_changed_and_removed_one_by_one_and_move_the_header(driver, customer):
    made = driver.draft(customer, 100)
    added = driver.made(
        f"salesInvoices({made['id']})/salesInvoiceLines", line(50, description2="x")
    )
    assert (added["sequence"], added["description2"]) == (20000, "x")
    header = driver.read(f"salesInvoices({made['id']})")
    assert header["totalAmountExcludingTax"] == 150
    assert header["@odata.etag"] != made["@odata.etag"]
    stale = driver.patch(
        f"salesInvoices({made['id']})", {"dueDate": "2026-05-01"}, made["@odata.etag"]
    )
    assert (stale.status, stale.code) == (409, "Request_EntityChanged")
    path = f"salesInvoiceLines({added['id']})"
    assert driver.patch(path, {"unitPrice": 60}).json["netAmount"] == 60
    for name, value in (("sequence", 5), ("lineObjectNumber", DUES)):
        refused = driver.patch(path, {name: value})
        assert refused.status == 400, name
    assert driver.call("DELETE", path, headers={"If-Match": "*"}).status == 204
    assert driver.read(f"salesInvoices({made['id']})")["totalAmountExcludingTax"] == 100


def test_06_discounts_of_a_line_and_of_the_document_come_before_the_tax(driver, customer):
    made = driver.draft(
        customer, salesInvoiceLines=[line(100, discountPercent=10), line(30, discountAmount=20)]
    )
    assert made["totalAmountExcludingTax"] == 100
    changed = driver.patch(f"salesInvoices({made['id']})", {"discountAmount": 10}).json
    assert (changed["totalAmountExcludingTax"], changed["totalTaxAmount"]) == (90, 13.48)
    assert [one["invoiceDiscountAllocation"] for one in lines_of(driver, made)] == [9, 1]


def test_06_the_customer_must_exist_agree_and_not_be_blocked(driver, customer):
    for body, words in (
        ({"customerNumber": ""}, "customer cannot be found"),
        ({"customerNumber": "NOBODY"}, "customerNumber"),
        ({"customerId": driver.customer("M-9")["id"]}, "do not match"),
    ):
        answer = driver.post("salesInvoices", sale(customer, **body))
        assert (answer.code, words in answer.message) == ("Application_DialogException", True)
    driver.accountant(customer=customer["number"], set={"blocked": "Invoice"})
    blocked = driver.post("salesInvoices", sale(customer))
    assert "blocked with type Invoice" in blocked.message


def test_07_posting_keeps_the_id_and_changes_the_number(driver, customer):
    made = driver.draft(customer, 240)
    assert post(driver, made).status == 204
    posted = driver.read(f"salesInvoices({made['id']})")
    assert (posted["id"], posted["status"]) == (made["id"], "Open")
    assert posted["number"].startswith("PS-INV")
    assert posted["@odata.etag"] != made["@odata.etag"]
    found = driver.read("generalLedgerEntries", filter=f"documentNumber eq '{posted['number']}'")
    moved = {
        one["accountNumber"]: one["debitAmount"] - one["creditAmount"] for one in found["value"]
    }
    assert moved == {EVENTS: -240, "23100": -12, "23200": -23.94, RECEIVABLE: 275.94}
    assert driver.read(f"customers({customer['id']})")["balanceDue"] == 275.94


def test_07_a_series_shared_with_drafts_keeps_the_number(driver, customer):
    driver.set(same_document_series=True)
    made = driver.draft(customer)
    post(driver, made)
    assert driver.read(f"salesInvoices({made['id']})")["number"] == made["number"]


def test_07_a_second_post_is_refused_and_a_posted_invoice_takes_only_three_properties(
    driver, customer
):
    posted = driver.posted(customer, 100)
    again = post(driver, posted)
    assert (again.status, again.code) == (400, "Application_DialogException")
    assert "draft invoice only" in again.message
    path = f"salesInvoices({posted['id']})"
    assert driver.patch(path, {"dueDate": "2026-06-01"}).json["dueDate"] == "2026-06-01"
    assert "can no longer be modified" in driver.patch(path, {"postingDate": "2026-06-01"}).message
    assert driver.post(f"{path}/salesInvoiceLines", line(1)).status == 400
    first = lines_of(driver, posted)[0]
    assert driver.patch(f"salesInvoiceLines({first['id']})", {"unitPrice": 1}).status == 400
    assert driver.call("DELETE", path, headers={"If-Match": "*"}).status == 400


def test_07_a_closed_period_is_told_in_a_dialog_and_nothing_is_posted(driver, customer):
    driver.accountant(closed_until="2026-03-31")
    made = driver.draft(customer)
    answer = post(driver, made)
    assert (answer.code, "range of allowed posting dates" in answer.message) == (
        "Application_DialogException",
        True,
    )
    assert driver.read(f"salesInvoices({made['id']})")["status"] == "Draft"
    assert driver.read("generalLedgerEntries")["value"] == []


def test_07_an_approval_workflow_leaves_the_invoice_in_review(driver, customer):
    driver.set(approval_workflow=True)
    made = driver.draft(customer)
    for _ in range(2):
        assert post(driver, made).code == "Internal_DataNotFoundFilter"
    assert driver.read(f"salesInvoices({made['id']})")["status"] == "In_x0020_Review"
    driver.accountant(document=made["id"], action="approve")
    assert driver.read(f"salesInvoices({made['id']})")["status"] == "Open"


def test_07_a_draft_is_deleted_and_its_number_burned(driver, customer):
    made = driver.draft(customer)
    assert driver.call("DELETE", f"salesInvoices({made['id']})").status == 204
    assert driver.get(f"salesInvoices({made['id']})").code == "BadRequest_NotFound"
    assert driver.draft(customer)["number"] > made["number"]
    assert driver.offences() == []


def test_07_an_external_number_may_be_demanded_at_posting(driver, customer):
    driver.set(external_number_mandatory=True)
    made = driver.draft(customer, externalDocumentNumber="")
    assert "External Document No. must have a value" in post(driver, made).message


def test_08_the_same_external_number_is_accepted_and_counted(driver, customer):
    driver.draft(customer)
    driver.draft(customer, externalDocumentNumber=" inv-1 ")
    found = driver.read(
        "salesInvoices",
        filter="externalDocumentNumber eq 'inv-1' and customerNumber eq 'm-00042'",
    )["value"]
    assert [one["externalDocumentNumber"] for one in found] == ["INV-1", "INV-1"]
    assert driver.offences() == ["duplicate_document"]
    driver.draft(driver.customer("M-2"))
    assert driver.offences() == ["duplicate_document"]


def test_cancel_posts_a_corrective_memo_for_an_untouched_invoice_only(driver, customer):
    posted = driver.posted(customer, 100)
    assert post(driver, posted, "cancel").status == 204
    cancelled = driver.read(f"salesInvoices({posted['id']})")
    assert (cancelled["status"], cancelled["remainingAmount"]) == ("Canceled", 0)
    memo = driver.read("salesCreditMemos")["value"][0]
    assert (memo["status"], memo["invoiceNumber"]) == ("Corrective", posted["number"])
    paid = driver.posted(customer, 100, externalDocumentNumber="INV-2")
    driver.pay(paid, 10)
    assert "No credit memo was created" in post(driver, paid, "cancel").message
    assert post(driver, paid, "makeCorrectiveCreditMemo").status == 400


def test_a_corrective_memo_is_a_draft_found_by_the_invoice_number(driver, customer):
    posted = driver.posted(customer, 100)
    assert post(driver, posted, "makeCorrectiveCreditMemo").status == 204
    found = driver.read("salesCreditMemos", filter=f"invoiceNumber eq '{posted['number']}'")
    (memo,) = found["value"]
    assert (memo["status"], memo["totalAmountIncludingTax"]) == ("Draft", 114.98)


def test_a_credit_memo_is_applied_to_a_posted_invoice_and_the_rest_stays_open(driver, customer):
    posted = driver.posted(customer, 100)
    driver.pay(posted, 100)
    memo = memo_of(driver, customer, 100, invoiceNumber=posted["number"])
    assert post(driver, memo, resource="salesCreditMemos").status == 204
    assert driver.read(f"salesInvoices({posted['id']})")["status"] == "Paid"
    kept = driver.read(f"salesCreditMemos({memo['id']})")
    assert (kept["status"], kept["remainingAmount"]) == ("Open", 100)
    assert driver.read(f"customers({customer['id']})")["balanceDue"] == -100


def test_an_unknown_invoice_id_is_refused_at_once_and_an_unknown_number_when_posting(
    driver, customer
):
    draft = driver.draft(customer)
    body = sale(customer, invoiceId=draft["id"])
    body["salesCreditMemoLines"] = body.pop("salesInvoiceLines")
    del body["invoiceDate"]
    assert driver.post("salesCreditMemos", body).code == "Application_DialogException"
    memo = memo_of(driver, customer, 10, invoiceNumber="NOT-THERE")
    refused = post(driver, memo, resource="salesCreditMemos")
    assert "no Cust. Ledger Entry within the filter" in refused.message
    assert driver.read(f"salesCreditMemos({memo['id']})")["status"] == "Draft"


def test_a_currency_needs_a_rate_and_the_local_one_is_blank(driver, customer):
    assert driver.draft(customer, currencyCode="cad")["currencyCode"] == ""
    euro = driver.post("salesInvoices", sale(customer, currencyCode="EUR"))
    assert "Currency Exchange Rate within the filter" in euro.message
    dollars = driver.posted(customer, 100, currencyCode="USD", externalDocumentNumber="USD-1")
    assert dollars["totalAmountIncludingTax"] == 114.98
    (debit,) = driver.read("generalLedgerEntries", filter=f"accountNumber eq '{RECEIVABLE}'")[
        "value"
    ]
    assert debit["debitAmount"] == 156.37  # 136 + 6.80 + 13.57


def test_expand_gives_lines_and_customer_and_account_ids_name_the_account(driver, customer):
    account = driver.id_of("accounts", BANK)
    body = {"accountId": account, "quantity": 2, "unitPrice": 5, "taxCode": TAXABLE}
    made = driver.draft(customer, salesInvoiceLines=[{"lineType": "Account", **body}])
    read = driver.read(f"salesInvoices({made['id']})", expand="salesInvoiceLines,customer")
    assert read["salesInvoiceLines"][0]["lineObjectNumber"] == BANK
    assert read["salesInvoiceLines"][0]["description"] == "Banque, compte chèques"
    assert read["customer"]["number"] == customer["number"]


def test_rates_changed_by_a_person_count_for_the_next_document(driver, customer):
    driver.accountant(tax_group=TAXABLE, rates={"CA": "5", "CAQC": "10"})
    assert driver.draft(customer, 100)["totalTaxAmount"] == 15


def test_a_line_may_name_its_document_in_the_body_and_sending_is_noticed(driver, customer):
    made = driver.draft(customer)
    added = driver.made("salesInvoiceLines", line(5, documentId=made["id"]))
    assert added["documentId"] == made["id"]
    assert driver.get("salesInvoiceLines").status == 400
    assert post(driver, made, "postAndSend").status == 204
    assert driver.read(f"salesInvoices({made['id']})")["status"] == "Open"
    assert driver.offences() == ["lines_without_parent", "document_sent"]
