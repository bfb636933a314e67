"""The service around the books: (1), (2), (11) and (12) of sage-300.md, section 15."""

import asyncio
import json

import pytest

from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_300 import Options, default_company, sage_300_system
from tests.sandbox_driver import call_app
from tests.sandbox_sage_300_driver import (
    COMPANY,
    PASSWORD,
    ROOT,
    Driver,
    basic,
    invoice,
    invoice_batch,
)


@pytest.fixture
def driver():
    return Driver()


def test_1_each_request_needs_the_users_own_password(driver):
    for value in ("", "Bearer x", "Basic %%%", basic("WEBAPI", "FAUX"), basic("AUTRE", PASSWORD)):
        answer = driver.call("GET", "AR/ARCustomers", authorization=value)
        assert (answer.status, answer.code) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic")
        driver.seconds += 61
    assert driver.offences() == []


def test_1_a_wrong_password_again_and_again_is_an_offence_and_may_lock_the_account(driver):
    for _ in range(4):
        assert driver.call("GET", "AR/ARCustomers", authorization=basic("X", "Y")).status == 401
    assert driver.offences() == ["hammered_after_401"]
    locking = Driver(lockout_after=2)
    for _ in range(2):
        locking.call("GET", "AR/ARCustomers", authorization=basic("WEBAPI", "FAUX"))
    assert locking.call("GET", "AR/ARCustomers").status == 401
    assert locking.admin("POST", "/unlock", {}).status == 200
    assert locking.call("GET", "AR/ARCustomers").status == 200


def test_1_rights_are_by_user_company_and_module(driver):
    driver.accountant(rights={"WEBAPI": ["AR", "BK"]})
    assert driver.call("GET", "AR/ARCustomers").status == 200
    answer = driver.call("GET", "GL/GLAccounts")
    assert (answer.status, answer.code) == (403, "Forbidden")
    driver.accountant(users=["QUELQUUN"])
    assert driver.call("GET", "AR/ARCustomers").status == 401


@pytest.mark.parametrize(("allowed", "status"), [(False, 403), (True, 200)])
def test_1_admin_is_refused_unless_the_server_allows_it(allowed, status):
    options = Options(admin_allowed=allowed)
    system = sage_300_system(Store(), user="ADMIN", password=PASSWORD, options=options)
    system.seed({"companies": {COMPANY: default_company("Érables")}})
    headers = {"authorization": basic("ADMIN"), "content-type": "application/json"}
    answer = asyncio.run(call_app(system.app, "GET", ROOT + "AR/ARTerms", headers, b""))
    assert answer.status == status


def test_1_without_content_type_the_service_breaks(driver):
    for method, rest in (("GET", "AR/ARCustomers"), ("POST", "AR/ARInvoiceBatches")):
        answer = driver.call(method, rest, **{"content-type": ""})
        assert (answer.status, answer.code) == (500, "InternalServerError")
    assert driver.offences() == ["content_type_missing"] * 2


@pytest.mark.parametrize(
    ("rest", "status", "code"),
    [
        ("AR/Inconnu", 404, "ResourceNotFound"),
        ("ZZ/ARCustomers", 404, "ResourceNotFound"),
        ("GL/ARCustomers", 404, "ResourceNotFound"),
        ("AR/ARCustomers/Trop", 404, "ResourceNotFound"),
        ("AR/ARCustomers('RIEN')", 404, "RecordNotFound"),
        ("AR/ARInvoiceBatches('1')", 400, "InvalidEntityKey"),
        ("AR/ARInvoiceBatches(1", 404, "ResourceNotFound"),
        ("AR/ARReceiptAndAdjustmentBatches(1)", 400, "InvalidEntityKey"),
        ("AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA')", 400, "InvalidEntityKey"),
        ("AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA',BatchNumber=1)", 404, None),
        ("AR/ARReceiptAndAdjustmentBatches(BatchRecordType='ZZ',BatchNumber=1)", 400, None),
    ],
)
def test_2_addresses_are_company_module_resource_and_a_whole_key(driver, rest, status, code):
    answer = driver.call("GET", rest)
    assert answer.status == status
    assert code in (None, answer.code)


def test_2_another_company_or_another_root_is_not_there(driver):
    headers = {"authorization": basic(), "content-type": "application/json"}
    for path in ("/Sage300WebApi/v1.0/-/AUTRE/AR/ARTerms", "/Sage300WebApi/v1.0/MTLDAT/AR/ARTerms"):
        answer = driver.raw("GET", path, headers=headers)
        assert (answer.status, answer.code) == (404, "ResourceNotFound")


def test_2_each_resource_takes_its_own_verbs(driver):
    table = {
        "AR/ARInvoiceBatches(1)": ("PUT", "DELETE"),
        "AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA',BatchNumber=1)": ("PUT", "DELETE"),
        "GL/GLJournalBatches('000001')": ("PUT", "DELETE"),
        "AR/ARPostedDocuments": ("POST",),
        "AR/ARPostedReceipts": ("POST",),
        "AR/ARPostInvoices": ("GET", "POST"),
        "AR/ARPostInvoices('$process')": ("GET", "PATCH"),
        "GL/GLPostedTransactions": ("POST",),
        "CS/CSFiscalCalendars": ("POST",),
    }
    for rest, methods in table.items():
        for method in methods:
            answer = driver.call(method, rest, {})
            assert (answer.status, answer.code) == (405, "MethodNotAllowed"), (method, rest)
    assert driver.offences().count("put") == 3


def test_2_keys_may_hold_quotes_blanks_and_slashes(driver):
    driver.customer("O'BRIEN")
    driver.customer("A/B C")
    assert driver.read("AR/ARCustomers('O''BRIEN')")["CustomerNumber"] == "O'BRIEN"
    assert driver.read("AR/ARCustomers('A%2FB%20C')")["CustomerNumber"] == "A/B C"
    assert driver.read("AR/ARCustomers(CustomerNumber='a%2Fb c')")["CustomerNumber"] == "A/B C"


def test_2_a_process_is_called_with_quotes_or_without_and_only_on_processes(driver):
    body = {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": 1, "PostBatchTo": 1}
    for form in ("('$process')", "($process)"):
        answer = driver.call("POST", f"AR/ARPostInvoices{form}", body)
        assert (answer.status, answer.body) == (200, b"")
    assert driver.refused("AR/ARCustomers('$process')", {}) == "InvalidAction"


def test_2_templates_say_what_a_version_takes(driver):
    found = driver.call("POST", "AR/ARPostInvoices('$template')", {}).json
    assert found == {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": 0, "PostBatchTo": 0}
    other = Driver(gl_post_from="FromBatchID", gl_post_to="ToBatchID")
    found = other.call("POST", "GL/GLPostJournal('$template')", {}).json
    assert set(found) == {"PostAllBatches", "FromBatchID", "ToBatchID"}
    assert "GroupCode" in driver.call("POST", "AR/ARCustomers('$template')", {}).json


def test_2_metadata_lists_resources_and_properties():
    text = Driver(receipt_posting_date="DatePosted").call("GET", "AR/$metadata").text
    assert '<EntitySet Name="ARCustomers"' in text
    assert '<Property Name="CustomerNumber" Type="Edm.String" MaxLength="12"/>' in text
    assert '<Property Name="DatePosted"' in text


def test_11_lists_come_in_pages_with_a_link_to_the_next(driver):
    for number in range(230):
        driver.customer(f"M{number:05d}")
    first = driver.read("AR/ARCustomers?$count=true&$select=CustomerNumber")
    assert (len(first["value"]), first["@odata.count"]) == (100, 230)
    assert first["value"][0] == {"CustomerNumber": "M00000"}
    seen = [row["CustomerNumber"] for row in first["value"]]
    page = first
    while "@odata.nextLink" in page:
        _, _, rest = page["@odata.nextLink"].partition(ROOT)
        page = driver.read(rest)
        seen += [row["CustomerNumber"] for row in page["value"]]
    assert seen == [f"M{number:05d}" for number in range(230)]
    assert len(driver.rows("AR/ARCustomers?$top=150")) == 100
    assert len(driver.rows("AR/ARCustomers?$top=5&$skip=228")) == 2


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("CustomerNumber eq 'M1'", 1),
        ("CustomerNumber ne 'M1'", 3),
        ("CustomerName eq 'L''Écuyer'", 1),
        ("CreditLimitCustomerCurrency gt 100m", 1),
        ("CreditLimitCustomerCurrency lt 100.5", 3),
        ("CreditLimitCustomerCurrency le 100", 3),
        ("CustomerNumber eq 'M1' or CustomerNumber eq 'M2'", 2),
        ("CustomerNumber eq 'M1' and CustomerNumber eq 'M2'", 0),
        ("CustomerNumber eq 'M9' or CustomerNumber eq 'M1' and Status eq 'Active'", 1),
        ("(CustomerNumber eq 'M1' or CustomerNumber eq 'M2') and OnHold eq 'Yes'", 1),
        ("startswith(CustomerNumber,'M')", 4),
        ("endswith(CustomerNumber,'2') eq true", 1),
        ("substringof('cuyer',CustomerName)", 1),
        ("length(CustomerNumber) gt 2", 1),
        ("StartDate eq datetime'2025-06-15T00:00'", 4),
        ("StartDate lt 2025-06-16T00:00:00Z", 4),
        ("StartDate gt 2025-06-15", 0),
        ("Status eq '1'", 4),
    ],
)
def test_11_filters_know_the_documented_operators(driver, text, count):
    driver.customer("M1", CustomerName="L'Écuyer")
    driver.customer("M2", OnHold="Yes")
    driver.customer("M3", CreditLimitCustomerCurrency=500)
    driver.customer("M400")
    assert len(driver.rows(f"AR/ARCustomers?$filter={text}")) == count


@pytest.mark.parametrize(
    "query",
    [
        "$filter=Inconnu eq 'x'",
        "$filter=CustomerNumber eq",
        "$filter=CustomerNumber eq 5",
        "$filter=CustomerNumber like 'M'",
        "$filter=StartDate ge 2025-01-01",
        "$filter=not CustomerNumber eq 'M1'",
        "$filter=CustomerNumber eq 'M1') ",
        "$filter=CustomerNumber eq 'M1",
        "$filter=CustomerOptionalFieldValues eq 'x'",
        "$filter=StartDate gt 2025-13-45",
        "$select=Inconnu",
        "$orderby=CustomerNumber",
        "$expand=Invoices",
        "$top=x",
        "$top=1&$top=2",
    ],
)
def test_11_what_is_not_documented_is_refused(driver, query):
    answer = driver.call("GET", f"AR/ARCustomers?{query}")
    assert (answer.status, answer.code) == (400, "InvalidParameters")
    assert driver.offences() == ["invalid_parameters"]


def test_11_the_message_of_an_error_is_an_object(driver):
    body = driver.call("GET", "AR/ARCustomers('RIEN')").json
    assert body == {
        "error": {
            "code": "RecordNotFound",
            "message": {"lang": "en-US", "value": "Record not found: ARCustomers(RIEN)."},
        }
    }


def test_11_single_records_take_select_alone(driver):
    driver.customer()
    assert driver.read("AR/ARCustomers('M00042')?$select=ShortName,Status") == {
        "@odata.context": f"https://localhost{ROOT}AR/$metadata#ARCustomers/$entity",
        "ShortName": "Zoé Côté",
        "Status": "Active",
    }
    assert driver.call("GET", "AR/ARCustomers('M00042')?$top=1").code == "InvalidParameters"


def test_a_body_that_is_not_one_record_is_an_invalid_payload(driver):
    headers = {"authorization": basic(), "content-type": "application/json"}
    for body in (b"", b"{", b"[]", b'"x"'):
        answer = driver.raw("POST", ROOT + "AR/ARCustomers", headers=headers, body=body)
        assert (answer.status, answer.code) == (400, "InvalidPayload")
    assert driver.refused("AR/ARCustomers", {"Inconnu": 1}) == "InvalidPayload"


# Several requests at once.


async def _together(driver, *calls):
    headers = {"authorization": basic(), "content-type": "application/json"}
    return await asyncio.gather(
        *(
            driver.called(method, ROOT + rest, headers, json.dumps(body).encode())
            for method, rest, body in calls
        )
    )


def test_12_more_requests_at_once_than_the_server_takes_are_refused(driver):
    driver.options.change({"max_parallel": 2, "write_s": 0.02, "too_many_retry_after_s": 7})
    bodies = [
        {"CustomerNumber": f"M{n}", "CustomerName": "X", "GroupCode": "MEMBRE"} for n in "123"
    ]
    answers = asyncio.run(_together(driver, *(("POST", "AR/ARCustomers", b) for b in bodies)))
    assert sorted(a.status for a in answers) == [201, 201, 429]
    (refused,) = [a for a in answers if a.status == 429]
    assert (refused.code, refused.headers["retry-after"]) == ("TooManyRequests", "7")
    assert driver.offences() == ["parallel_writes"]


def test_12_two_writes_of_one_batch_at_once_conflict(driver):
    driver.customer()
    number = driver.made("AR/ARInvoiceBatches", invoice_batch(invoice()))["BatchNumber"]
    driver.options.write_s = 0.02
    rest = f"AR/ARInvoiceBatches({number})"
    answers = asyncio.run(
        _together(
            driver, ("PATCH", rest, {"Description": "un"}), ("PATCH", rest, {"Description": "deux"})
        )
    )
    assert [a.status for a in answers] == [204, 409]
    assert "Processing conflict" in answers[1].message
    assert driver.read(rest)["Description"] == "un"


def test_12_two_postings_of_one_kind_at_once_conflict(driver):
    driver.options.write_s = 0.02
    body = {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": 1, "PostBatchTo": 1}
    call = ("POST", "AR/ARPostInvoices('$process')", body)
    answers = asyncio.run(_together(driver, call, call))
    assert [a.status for a in answers] == [200, 409]


def test_12_a_batch_that_a_person_has_open_is_locked(driver):
    driver.customer()
    number = driver.made("AR/ARInvoiceBatches", invoice_batch())["BatchNumber"]
    rest = f"AR/ARInvoiceBatches({number})"
    driver.accountant(hold=["ARInvoiceBatches", number])
    answer = driver.call("PATCH", rest, {"Description": "x"})
    assert answer.status == 409
    assert "locked by another user" in answer.message
    driver.accountant(release=["ARInvoiceBatches", number])
    driver.expect(204, "PATCH", rest, {"Description": "x"})


def test_13_the_first_call_after_an_idle_time_waits_for_the_service_to_wake(driver, monkeypatch):
    waits = []
    real = asyncio.sleep

    async def sleep(seconds):
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr("ops.sandbox.sage_300.service.asyncio.sleep", sleep)
    driver.options.cold_start_s = 30.0
    driver.read("AR/ARTerms")
    driver.read("AR/ARTerms")
    assert waits == [30.0]
    driver.seconds += 1200
    driver.read("AR/ARTerms")
    assert waits == [30.0, 30.0]
