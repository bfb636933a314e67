"""Payments and journals of the simulated Business Central: (9), (10), (11) of its list."""

import pytest

from ops.sandbox.business_central.company import BANK, DEFERRED, DUES, RECEIVABLE
from tests.sandbox_bc_driver import COMPANY, Driver, payment


@pytest.fixture
def driver():
    return Driver()


@pytest.fixture
def invoice(driver):
    return driver.posted(driver.customer(), 100)


def written(driver, invoice, amount=114.98, code="ENCA", **more):
    """A payment in a batch, not posted yet."""
    journal = driver.payment_journal(code)
    driver.made(
        f"customerPaymentJournals({journal['id']})/customerPayments",
        payment(invoice, amount, **more),
    )
    return journal


def post(driver, journal):
    return driver.post(f"journals({journal['id']})/Microsoft.NAV.post")


def period(day, **more):
    return {
        "accountType": "G/L Account", "accountNumber": DEFERRED, "postingDate": day,
        "documentNumber": f"RPA-{day[5:7]}", "amount": 20, "balancingAccountNumber": DUES,
        "balanceAccountType": "G_x002F_L_x0020_Account", "description": "Revenu", **more,
    }  # fmt: skip


def journal_with(driver, *lines, code="RPA"):
    journal = driver.made("journals", {"code": code, "displayName": "Revenus perçus"})
    for one in lines:
        driver.made(f"journals({journal['id']})/journalLines", one)
    return journal


def lines_in(driver, journal):
    found = driver.read(f"journals({journal['id']})/journalLines")["value"]
    return [one for one in found if one["amount"]]


def test_09_a_payment_posted_through_its_journal_closes_the_invoice(driver, invoice):
    driver.pay(invoice, 114.98, number="P-1", description="membri:payment:1")
    paid = driver.read(f"salesInvoices({invoice['id']})")
    assert (paid["status"], paid["remainingAmount"]) == ("Paid", 0)
    found = driver.read(
        "generalLedgerEntries", filter="documentNumber eq 'P-1' and documentType eq 'Payment'"
    )["value"]
    moved = {one["accountNumber"]: one["debitAmount"] - one["creditAmount"] for one in found}
    assert moved == {RECEIVABLE: -114.98, BANK: 114.98}
    assert {one["description"] for one in found} == {"membri:payment:1"}
    assert driver.offences() == []


def test_09_a_payment_journal_has_no_post_action_and_the_singular_path_does_not_exist(
    driver, invoice
):
    journal = written(driver, invoice)
    path = f"customerPaymentJournals({journal['id']})"
    assert driver.post(f"{path}/Microsoft.NAV.post").status == 404
    assert driver.get(f"{path}/customerPayment").code == "BadRequest_ResourceNotFound"
    assert driver.get("customerPayments").status == 400


def test_09_a_wrong_sign_is_taken_and_fails_when_posting(driver, invoice):
    journal = written(driver, invoice, -50)
    refused = post(driver, journal)
    assert "must be negative" in refused.message
    assert driver.offences() == ["payment_sign"]
    assert driver.read(f"salesInvoices({invoice['id']})")["remainingAmount"] == 114.98


def test_09_without_balancing_account_the_batch_is_out_of_balance(driver, invoice):
    journal = driver.made("customerPaymentJournals", {"code": "SANS"})
    driver.made(f"customerPaymentJournals({journal['id']})/customerPayments", payment(invoice, 10))
    assert "out of balance by -10" in post(driver, journal).message


def test_09_a_payment_older_than_its_invoice_is_refused(driver, invoice):
    journal = written(driver, invoice, postingDate="2026-03-01")
    assert "earlier posting date" in post(driver, journal).message
    assert driver.read("generalLedgerEntries", filter="documentNumber eq 'P-1'")["value"] == []


def test_09_a_closed_invoice_or_another_customer_fails_when_posting(driver, invoice):
    other = driver.customer("M-2")
    stranger = written(driver, invoice, customerNumber=other["number"])
    refused = post(driver, stranger)
    assert (refused.status, refused.code) == (400, "Internal_DataNotFoundFilter")
    assert "no Cust. Ledger Entry within the filter" in refused.message
    driver.pay(invoice, 114.98, number="P-9")
    late = written(driver, invoice, code="ENCB", documentNumber="P-2")
    assert post(driver, late).code == "Internal_DataNotFoundFilter"


def test_09_a_partial_payment_sent_twice_is_posted_twice_and_counted(driver, invoice):
    driver.pay(invoice, 50, number="P-1")
    post(driver, written(driver, invoice, 50))
    assert driver.read(f"salesInvoices({invoice['id']})")["remainingAmount"] == 14.98
    assert driver.offences() == ["duplicate_posting"]


def test_09_what_is_paid_above_the_invoice_stays_unapplied(driver, invoice):
    driver.pay(invoice, 200)
    assert driver.read(f"salesInvoices({invoice['id']})")["status"] == "Paid"
    customer = driver.read("customers", filter="number eq 'M-00042'")["value"][0]
    assert customer["balanceDue"] == -85.02


def test_09_the_invoice_id_is_checked_at_once_its_number_is_not(driver, invoice):
    draft = driver.draft({"number": "M-00042"}, externalDocumentNumber="I-2")
    journal = driver.payment_journal()
    path = f"customerPaymentJournals({journal['id']})/customerPayments"
    body = payment(invoice, 10)
    del body["appliesToInvoiceNumber"]
    refused = driver.post(path, {**body, "appliesToInvoiceId": draft["id"]})
    assert "should be the ID of an Open, Paid" in refused.message
    assert driver.post(path, {**body, "appliesToInvoiceNumber": "NOT-THERE"}).status == 201
    del body["customerNumber"]
    filled = driver.made(path, {**body, "appliesToInvoiceId": invoice["id"]})
    assert (filled["customerNumber"], filled["appliesToInvoiceNumber"]) == (
        "M-00042",
        invoice["number"],
    )


def test_09_a_tenant_may_not_find_cash_receipts_batches_through_journals(driver, invoice):
    driver.set(cash_receipts_posted=False)
    journal = written(driver, invoice)
    assert post(driver, journal).status == 404
    assert post(driver, journal_with(driver, period("2026-03-31"))).status == 204


def test_10_both_layouts_of_an_entry_balance_and_vanish_once_posted(driver):
    two = [
        period("2026-04-30", balancingAccountNumber=""),
        period("2026-04-30", balancingAccountNumber="", accountNumber=DUES, amount=-20),
    ]
    journal = journal_with(driver, period("2026-03-31"), *two)
    assert post(driver, journal).status == 204
    found = driver.read("generalLedgerEntries")["value"]
    assert [(one["documentNumber"], one["accountNumber"], one["debitAmount"]) for one in found] == [
        ("RPA-03", DEFERRED, 20),
        ("RPA-03", DUES, 0),
        ("RPA-04", DEFERRED, 20),
        ("RPA-04", DUES, 0),
    ]
    assert lines_in(driver, journal) == []
    assert "nothing to post" in post(driver, journal).message
    assert driver.offences() == []


def test_10_an_empty_line_is_left_in_a_batch_without_number_series(driver):
    journal = journal_with(driver, period("2026-03-31"))
    post(driver, journal)
    (left,) = driver.read(f"journals({journal['id']})/journalLines")["value"]
    assert (left["lineNumber"], left["amount"], left["documentNumber"]) == (10000, 0, "")
    driver.set(empty_line_left=False)
    driver.made(f"journals({journal['id']})/journalLines", period("2026-04-30"))
    post(driver, journal)
    assert driver.read(f"journals({journal['id']})/journalLines")["value"] == []


def test_10_date_and_number_not_given_are_copied_from_the_line_before(driver):
    journal = journal_with(driver, period("2026-04-30", balancingAccountNumber=""))
    path = f"journals({journal['id']})/journalLines"
    bare = {"accountNumber": DUES, "amount": -20}
    copied = driver.made(path, bare)
    assert (copied["postingDate"], copied["documentNumber"]) == ("2026-04-30", "RPA-04")
    balanced = driver.made(path, bare)
    assert balanced["documentNumber"] == "RPA-05"
    assert driver.offences() == ["sticky_default", "sticky_default"]
    first = driver.made("journals", {"code": "AUTRE"})
    alone = driver.made(f"journals({first['id']})/journalLines", bare)
    assert (alone["postingDate"], alone["documentNumber"]) == ("2026-03-02", "")
    assert "Document No. must have a value" in post(driver, first).message


def test_10_each_date_and_each_document_must_balance_alone(driver):
    half = {"balancingAccountNumber": ""}
    dates = journal_with(
        driver,
        period("2026-04-30", **half),
        period("2026-05-31", accountNumber=DUES, amount=-20, documentNumber="RPA-04", **half),
    )
    assert "out of balance" in post(driver, dates).message
    documents = journal_with(
        driver,
        period("2026-04-30", **half),
        period("2026-04-30", accountNumber=DUES, amount=-20, documentNumber="X", **half),
        code="DEUX",
    )
    assert "Document No." in post(driver, documents).message
    driver.set(force_document_balance=False)
    assert post(driver, documents).status == 204


def test_10_a_batch_whose_code_holds_a_number_comes_back_under_the_next_one(driver):
    journal = journal_with(driver, period("2026-03-31"), code="RPA09")
    assert driver.offences() == ["batch_code_with_digits"]
    assert post(driver, journal).status == 204
    assert driver.get(f"journals({journal['id']})").status == 404
    (fresh,) = driver.read("journals", filter="code eq 'RPA10'")["value"]
    assert fresh["id"] != journal["id"]
    driver.set(increment_batch_name=False)
    driver.made(f"journals({fresh['id']})/journalLines", period("2026-04-30"))
    post(driver, fresh)
    assert driver.read(f"journals({fresh['id']})")["code"] == "RPA10"


def test_10_posting_takes_every_line_of_the_batch_whoever_wrote_it(driver):
    journal = journal_with(driver, period("2026-03-31"))
    driver.accountant(
        journal_line={"journal": "RPA", **period("2026-05-31", documentNumber="À LA MAIN")}
    )
    assert post(driver, journal).status == 204
    numbers = {one["documentNumber"] for one in driver.read("generalLedgerEntries")["value"]}
    assert numbers == {"RPA-03", "À LA MAIN"}
    assert driver.offences() == ["foreign_lines_posted"]


def test_10_two_programs_in_one_batch_are_seen_a_successor_of_a_dead_one_is_not(driver):
    journal = journal_with(driver, period("2026-03-31"))
    first, driver.token = driver.token, driver.another_client()
    driver.made(f"journals({journal['id']})/journalLines", period("2026-04-30"))
    assert driver.offences() == []  # the first has not been heard of since
    driver.token = first
    driver.read("journals")
    driver.token = driver.another_client()
    driver.read("journals")
    driver.token = first
    driver.made(f"journals({journal['id']})/journalLines", period("2026-05-31"))
    assert driver.offences() == ["shared_batch"]
    assert post(driver, journal).status == 204
    assert driver.offences() == ["shared_batch", "foreign_lines_posted"]


def test_10_a_general_batch_is_listed_apart_and_its_code_is_unique_in_its_template(driver):
    driver.payment_journal("ENCA")
    codes = {one["code"] for one in driver.read("journals")["value"]}
    assert codes == {"DEFAULT"}
    cash = driver.read("journals", filter="templateDisplayName eq 'CASHRCPT'")["value"]
    assert {one["code"] for one in cash} == {"ENCA", "ENCAISS"}
    again = driver.post("customerPaymentJournals", {"code": "enca"})
    assert again.code == "Internal_EntityWithSameKeyExists"
    assert driver.post("journals", {"code": "enca"}).status == 201
    assert driver.post("journals", {"code": "TOOLONGCODE"}).code == (
        "Application_StringExceededLength"
    )


def test_10_a_job_queue_posts_after_the_answer(driver):
    driver.set(post_with_job_queue=True)
    journal = journal_with(driver, period("2026-03-31"))
    assert post(driver, journal).status == 204
    assert driver.read("generalLedgerEntries")["value"] == []
    driver.ordered("POST", "/clock", {"advance_s": 6})
    assert len(driver.read("generalLedgerEntries")["value"]) == 2


def test_11_twelve_periods_partly_outside_the_range_are_refused_together(driver):
    driver.accountant(allow_posting_to="2026-06-30")
    days = [f"2026-{month:02d}-28" for month in range(1, 13)]
    journal = journal_with(driver, *(period(day) for day in days))
    refused = post(driver, journal)
    assert "range of allowed posting dates" in refused.message
    assert refused.code == "Application_FieldValidationException"
    assert driver.read("generalLedgerEntries")["value"] == []
    assert len(lines_in(driver, journal)) == 12
    assert driver.read("generalLedgerSetup")["value"][0]["allowPostingTo"] == "2026-06-30"


def test_11_the_dates_of_the_user_win_over_those_of_the_company(driver):
    driver.accountant(closed_until="2026-12-31", user_from="2026-01-01")
    assert post(driver, journal_with(driver, period("2026-03-31"))).status == 204
    driver.accountant(user_from="2026-06-01")
    assert post(driver, journal_with(driver, period("2026-04-30"), code="B")).status == 400


def test_11_lines_name_open_accounts_and_known_customers_when_posting(driver):
    journal = journal_with(driver, period("2026-03-31", accountNumber=RECEIVABLE))
    assert "Direct Posting must be equal" in post(driver, journal).message
    driver.accountant(account=DEFERRED, set={"blocked": True})
    blocked = journal_with(driver, period("2026-03-31"), code="B")
    assert "Blocked must be equal to 'No'" in post(driver, blocked).message
    unknown = driver.post(
        f"journals({journal['id']})/journalLines", period("2026-03-31", accountNumber="1")
    )
    assert 'The "accountNumber" does not match' in unknown.message


def test_a_batch_is_deleted_with_its_lines_but_not_over_the_lines_of_a_person(driver, invoice):
    mine = written(driver, invoice)
    assert driver.call("DELETE", f"customerPaymentJournals({mine['id']})").status == 204
    assert driver.get(f"customerPaymentJournals({mine['id']})").status == 404
    assert driver.offences() == []
    theirs = driver.payment_journal("AUTRE")
    driver.accountant(payment_line={"journal": "AUTRE", **payment(invoice, 5)})
    driver.call("DELETE", f"customerPaymentJournals({theirs['id']})")
    assert driver.offences() == ["foreign_lines_deleted"]


def test_a_line_may_be_corrected_before_posting(driver, invoice):
    journal = written(driver, invoice, 10)
    (line,) = driver.read(f"customerPaymentJournals({journal['id']})/customerPayments")["value"]
    changed = driver.patch(f"customerPayments({line['id']})", {"amount": -14.98}).json
    assert changed["amount"] == -14.98
    assert (
        driver.patch(f"customerPayments({line['id']})", {"journalId": invoice["id"]}).status == 400
    )
    assert post(driver, journal).status == 204
    assert driver.read(f"salesInvoices({invoice['id']})")["remainingAmount"] == 100


def test_a_job_that_fails_leaves_its_lines_and_tells_why(driver):
    driver.set(post_with_job_queue=True)
    journal = journal_with(driver, period("2026-03-31"))
    assert post(driver, journal).status == 204
    driver.accountant(closed_until="2026-12-31")
    driver.accountant(run_job_queue=True)
    assert len(lines_in(driver, journal)) == 1
    (job,) = driver.system.dump()[COMPANY]["_jobs"]
    assert "range of allowed posting dates" in job["error"]


def test_a_person_posts_a_batch_and_a_line_may_be_a_customers(driver, invoice):
    customer = period("2026-03-31", accountType="Customer", accountNumber="M-00042", amount=7)
    journal_with(driver, customer, code="CLIENT")
    driver.accountant(post_batch="CLIENT")
    found = driver.read("generalLedgerEntries", filter="documentNumber eq 'RPA-03'")["value"]
    assert [one["accountNumber"] for one in found] == [RECEIVABLE, DUES]
    assert driver.read("customers")["value"][0]["balanceDue"] == 121.98


def test_a_batch_is_made_with_its_lines_renamed_and_a_line_moved_to_another_account(driver):
    made = driver.made("journals", {"code": "UN", "journalLines": [period("2026-03-31")]})
    path = f"journals({made['id']})"
    assert driver.patch(path, {"code": "DEUX"}).json["code"] == "DEUX"
    assert driver.patch(path, {"code": "default"}).code == "Internal_EntityWithSameKeyExists"
    (one,) = lines_in(driver, made)
    moved = driver.patch(f"journalLines({one['id']})", {"accountNumber": DUES, "amount": 5}).json
    assert (moved["accountNumber"], moved["accountId"]) == (DUES, driver.id_of("accounts", DUES))
    assert driver.call("DELETE", f"journalLines({one['id']})").status == 204
    assert "nothing to post" in post(driver, made).message


def test_an_unknown_template_and_a_batch_without_code_are_refused(driver):
    unknown = driver.post("journals", {"code": "X", "templateDisplayName": "NONE"})
    assert unknown.code == "Internal_InvalidTableRelation"
    assert "must have a value" in driver.post("journals", {"displayName": "X"}).message
