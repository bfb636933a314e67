"""The simulated `$batch`, change tracking and metadata queries, on the wire."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.sandbox_membri import ROOT, Membri, open_membri


@pytest.fixture
def membri(tmp_path: Path) -> Iterator[Membri]:
    with open_membri(tmp_path) as running:
        yield running


def part(request: str, body: str = "", content_id: str = "") -> str:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"{request} HTTP/1.1", "Content-Type: application/json", "If-Match: *", "", body]
    return "\r\n".join(lines)


def multipart(parts: list[str], boundary: str) -> str:
    return "".join(f"--{boundary}\r\n{one}\r\n" for one in parts) + f"--{boundary}--\r\n"


def change_set(parts: list[str]) -> str:
    return "Content-Type: multipart/mixed; boundary=set_1\r\n\r\n" + multipart(parts, "set_1")


def send(membri: Membri, body: str, **headers: str) -> httpx2.Response:
    kind = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    return membri.web.post(f"{ROOT}$batch", content=body.encode(), headers={**kind, **headers})


def statuses(answer: httpx2.Response) -> list[int]:
    return [int(x.split(" ")[1]) for x in answer.text.split("\r\n") if x.startswith("HTTP/1.1")]


CREATE = part("POST /api/data/v9.2/accounts", '{"name": "A"}')
WRONG = part("GET factures")
READ = part("GET accounts?$select=name")


def test_a_batch_stops_at_the_first_failure_and_takes_its_status(membri: Membri) -> None:
    answer = send(membri, multipart([CREATE, WRONG, CREATE], "batch_1"))
    assert answer.status_code == 404
    assert statuses(answer) == [204, 404]
    assert len(membri.admin.get("/rows/accounts").json()) == 1


def test_a_batch_may_go_on_after_errors_and_answers_in_order(membri: Membri) -> None:
    body = multipart([WRONG, CREATE, READ], "batch_1")
    answer = send(membri, body, Prefer="odata.continue-on-error")
    assert answer.status_code == 200
    assert statuses(answer) == [404, 204, 200]
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")


def test_line_ends_must_be_crlf(membri: Membri) -> None:
    body = multipart([CREATE], "batch_1").replace("\r\n", "\n")
    answer = send(membri, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048D19")
    assert "Stream was not readable" in answer.json()["error"]["message"]
    assert membri.admin.get("/rows/accounts").json() == []


def test_a_change_set_is_all_or_nothing(membri: Membri) -> None:
    long = part("POST accounts", '{"name": "%s"}' % ("x" * 161), "2")
    good = part("POST accounts", '{"name": "A"}', "1")
    answer = send(membri, multipart([change_set([good, long])], "batch_1"))
    assert statuses(answer) == [400]
    assert membri.admin.get("/rows/accounts").json() == []


def test_a_change_set_refers_to_what_it_made_before(membri: Membri) -> None:
    contact = part("POST contacts", '{"lastname": "Roy"}', "1")
    account = part("POST accounts", '{"name": "A", "primarycontactid@odata.bind": "$1"}', "2")
    rename = part("PATCH $1", '{"firstname": "Anne"}', "3")
    answer = send(membri, multipart([change_set([contact, account, rename])], "batch_1"))
    assert statuses(answer) == [204, 204, 204]
    (row,) = membri.admin.get("/rows/contacts").json()
    assert row["fullname"] == "Anne Roy"
    (linked,) = membri.admin.get("/rows/accounts").json()
    assert linked["_primarycontactid_value"] == row["contactid"]


def test_a_change_set_holds_no_get_and_a_batch_no_more_than_a_thousand(membri: Membri) -> None:
    answer = send(membri, multipart([change_set([READ])], "batch_1"))
    assert statuses(answer) == [400]
    many = send(membri, multipart([READ] * 1001, "batch_1"))
    assert many.status_code == 400
    assert "1000" in many.json()["error"]["message"]


def follow(membri: Membri, url: str, size: int = 2) -> tuple[list[dict[str, Any]], str]:
    rows: list[dict[str, Any]] = []
    while url:
        answer = membri.web.get(url, headers={"Prefer": f"odata.maxpagesize={size}"})
        assert answer.status_code == 200, answer.text
        rows += answer.json()["value"]
        link = answer.json().get("@odata.nextLink")
        assert (link is None) == ("@odata.deltaLink" in answer.json())
        url = link or ""
    return rows, answer.json()["@odata.deltaLink"]


def test_change_tracking_tells_what_changed_and_what_is_gone(membri: Membri) -> None:
    invoices = [membri.invoice(name=f"F-{n}") for n in range(3)]
    first = membri.get(
        "invoices?$select=name", Prefer="odata.track-changes,odata.maxpagesize=5"
    ).json()
    assert {row["name"] for row in first["value"]} == {"F-0", "F-1", "F-2"}
    membri.patch(f"invoices({invoices[1]})", {"name": "F-1b"}, If_Match="*")
    membri.delete(f"invoices({invoices[2]})", If_Match="*")
    new = membri.invoice(name="F-3")
    link = first["@odata.deltaLink"]
    assert membri.web.get(link.replace("invoices?", "invoices/$count?")).text == "3"
    rows, later = follow(membri, link)
    assert [row.get("invoiceid", row.get("id")) for row in rows] == [invoices[1], invoices[2], new]
    assert rows[0]["name"] == "F-1b"
    assert (rows[1]["id"], rows[1]["reason"]) == (invoices[2], "deleted")
    assert rows[1]["@odata.context"].endswith("/$deletedEntity")
    assert follow(membri, later)[0] == []


def test_change_tracking_rejects_options_and_forgets_after_its_days(membri: Membri) -> None:
    membri.invoice()
    tracking = {"Prefer": "odata.track-changes"}
    for option in ("$filter=name eq 'x'", "$orderby=name", "$expand=invoice_details", "$top=1"):
        assert membri.get(f"invoices?{option}", **tracking).status_code == 400
    link = membri.get("invoices?$select=name", **tracking).json()["@odata.deltaLink"]
    membri.options(clock_offset_s=8 * 86400.0)
    membri.log_in()
    expired = membri.web.get(link)
    assert (expired.status_code, expired.json()["error"]["code"]) == (400, "0x80044352")
    membri.options(without_change_tracking=["invoice"])
    assert membri.get("invoices?$select=name", **tracking).status_code == 400


INVOICE = "EntityDefinitions(LogicalName='invoice')"


def test_the_definition_of_a_table_tells_its_names_and_abilities(membri: Membri) -> None:
    found = membri.get(
        f"{INVOICE}?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,"
        "IsOptimisticConcurrencyEnabled,ChangeTrackingEnabled,MetadataId"
    ).json()
    assert uuid.UUID(found.pop("MetadataId"))
    assert found.pop("@odata.context")
    assert found == {
        "LogicalName": "invoice",
        "EntitySetName": "invoices",
        "PrimaryIdAttribute": "invoiceid",
        "PrimaryNameAttribute": "name",
        "IsOptimisticConcurrencyEnabled": True,
        "ChangeTrackingEnabled": True,
    }
    membri.options(without_concurrency=["invoice"])
    changed = membri.get(f"{INVOICE}?$select=IsOptimisticConcurrencyEnabled").json()
    assert changed["IsOptimisticConcurrencyEnabled"] is False


def test_attributes_tell_type_rights_and_labels_in_both_languages(membri: Membri) -> None:
    query = "LogicalName,AttributeType,IsValidForRead,IsValidForUpdate,RequiredLevel,DisplayName"
    rows = membri.get(f"{INVOICE}/Attributes?$select={query}").json()["value"]
    found = {row["LogicalName"]: row for row in rows}
    status = found["membri_syncstatus"]
    labels = {x["LanguageCode"]: x["Label"] for x in status["DisplayName"]["LocalizedLabels"]}
    assert labels == {1036: "Statut de synchronisation", 1033: "Synchronization status"}
    assert status["DisplayName"]["UserLocalizedLabel"]["LanguageCode"] == 1036
    assert status["@odata.type"] == "#Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    assert (status["AttributeType"], status["IsValidForUpdate"]) == ("Picklist", True)
    assert found["totalamount_base"]["IsValidForUpdate"] is False
    assert found["customerid"]["RequiredLevel"]["Value"] == "SystemRequired"
    assert found["membri_syncerror"]["AttributeType"] == "Memo"


def test_casts_tell_options_lengths_and_precisions(membri: Membri) -> None:
    cast = f"{INVOICE}/Attributes/Microsoft.Dynamics.CRM."
    picklists = membri.get(
        f"{cast}PicklistAttributeMetadata?$select=LogicalName"
        "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
    ).json()["value"]
    found = {row["LogicalName"]: row for row in picklists}
    options = found["membri_syncstatus"]["OptionSet"]["Options"]
    assert [o["Value"] for o in options] == [100000000 + n for n in range(6)]
    assert options[1]["Label"]["UserLocalizedLabel"]["Label"] == "À transférer"
    assert "@odata.type" not in found["membri_syncstatus"]
    lengths = membri.get(f"{cast}StringAttributeMetadata?$select=LogicalName,MaxLength").json()
    assert {r["LogicalName"]: r["MaxLength"] for r in lengths["value"]}[
        "membri_syncreference"
    ] == 200
    memos = membri.get(f"{cast}MemoAttributeMetadata?$select=LogicalName,MaxLength").json()
    assert {r["LogicalName"]: r["MaxLength"] for r in memos["value"]}["membri_syncerror"] == 500
    money = membri.get(f"{cast}MoneyAttributeMetadata?$select=LogicalName,Precision").json()
    assert {r["Precision"] for r in money["value"]} == {2}
    membri.options(max_lengths={"invoice.membri_syncerror": 100})
    memos = membri.get(f"{cast}MemoAttributeMetadata?$select=LogicalName,MaxLength").json()
    assert {r["LogicalName"]: r["MaxLength"] for r in memos["value"]}["membri_syncerror"] == 100


def test_relationships_tell_the_navigation_names(membri: Membri) -> None:
    rows = membri.get(
        "EntityDefinitions(LogicalName='membri_payment')/ManyToOneRelationships?$select="
        "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    ).json()["value"]
    found = {r["ReferencingAttribute"]: r["ReferencingEntityNavigationPropertyName"] for r in rows}
    assert found["membri_invoiceid"] == "membri_InvoiceId"
    children = membri.get(
        f"{INVOICE}/OneToManyRelationships?$select=ReferencingEntity,"
        "ReferencedEntityNavigationPropertyName"
    ).json()["value"]
    names = {r["ReferencedEntityNavigationPropertyName"] for r in children}
    assert {"invoice_details", "membri_invoice_membri_payment"} <= names


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("EntityDefinitions(LogicalName='facture')", 404),
        (f"{INVOICE}/Attributes?$select=MaxLength", 400),
        (f"{INVOICE}/Attributes?$filter=DisplayName eq 'x'", 400),
        (f"{INVOICE}/Attributes?$top=1", 400),
        (f"{INVOICE}/Attributes/Microsoft.Dynamics.CRM.Nonsense", 404),
        (f"{INVOICE}/Nonsense", 404),
        (f"{INVOICE}/Attributes(LogicalName='montant')", 404),
    ],
)
def test_a_wrong_metadata_question_is_refused(membri: Membri, path: str, status: int) -> None:
    assert membri.get(path).status_code == status


def test_a_column_the_environment_lacks_is_nowhere(membri: Membri) -> None:
    membri.options(missing_columns=["invoice.membri_syncerror"])
    names = {
        row["LogicalName"]
        for row in membri.get(f"{INVOICE}/Attributes?$select=LogicalName").json()["value"]
    }
    assert "membri_syncerror" not in names
    assert membri.get("invoices?$select=membri_syncerror").status_code == 400


def test_message_filters_tell_which_bulk_actions_exist(membri: Membri) -> None:
    rows = membri.get(
        "sdkmessagefilters?$select=name&$filter=sdkmessageid/name eq 'UpdateMultiple' and"
        " primaryobjecttypecode eq 'invoice'&$expand=sdkmessageid($select=name)"
    ).json()["value"]
    assert [row["sdkmessageid"]["name"] for row in rows] == ["UpdateMultiple"]
