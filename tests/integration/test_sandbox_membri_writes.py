"""The simulated Web API's writes: conditions, refusals, effects, offences, audit."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.sandbox_membri import (
    IN_ERROR,
    ROOT,
    TO_TRANSFER,
    TRANSFERRED,
    Membri,
    open_membri,
)

SETTLED = {
    "membri_syncstatus": TRANSFERRED,
    "membri_syncreference": "F-20931",
    "membri_syncerror": None,
}


@pytest.fixture
def membri(tmp_path: Path) -> Iterator[Membri]:
    with open_membri(tmp_path) as running:
        yield running


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_conditional_settlement_answers_204_and_moves_the_version(membri: Membri) -> None:
    invoice = membri.invoice()
    before = membri.etag(f"invoices({invoice})")
    answer = membri.patch(f"invoices({invoice})", SETTLED, If_Match=before)
    assert answer.status_code == 204
    assert answer.headers["OData-EntityId"].endswith(f"/api/data/v9.2/invoices({invoice})")
    row = membri.get(f"invoices({invoice})").json()
    assert {name: row[name] for name in SETTLED} == SETTLED
    assert int(row["@odata.etag"][3:-1]) > int(before[3:-1])
    assert row["versionnumber"] == int(row["@odata.etag"][3:-1])
    assert membri.offences() == []


def test_a_stale_version_is_refused_with_412_and_changes_nothing(membri: Membri) -> None:
    invoice = membri.invoice()
    stale = membri.etag(f"invoices({invoice})")
    membri.person(table="invoice", id=invoice, set={"membri_syncstatus": 100000000})
    answer = membri.patch(f"invoices({invoice})", SETTLED, If_Match=stale)
    assert code(answer) == (412, "0x80060882")
    assert membri.get(f"invoices({invoice})").json()["membri_syncstatus"] == 100000000


def test_a_write_without_if_match_upserts_and_is_an_offence(membri: Membri) -> None:
    ghost = str(uuid.uuid4())
    assert membri.patch(f"accounts({ghost})", {"name": "Fantôme"}).status_code == 204
    assert membri.get(f"accounts({ghost})").json()["name"] == "Fantôme"
    assert membri.offences() == ["missing_if_match"]


def test_if_match_star_updates_only_what_exists(membri: Membri) -> None:
    missing = str(uuid.uuid4())
    assert code(membri.patch(f"accounts({missing})", {"name": "x"}, If_Match="*")) == (
        404,
        "0x80040217",
    )
    invoice = membri.invoice()
    assert membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*").status_code == 204
    assert membri.offences() == []
    assert membri.patch(f"invoices({invoice})", SETTLED, If_Match="*").status_code == 204
    assert membri.offences() == ["blind_sync_write"]


def test_if_none_match_star_creates_only(membri: Membri) -> None:
    row = str(uuid.uuid4())
    path = f"accounts({row})"
    created = membri.patch(path, {"name": "A"}, If_None_Match="*", Prefer="return=representation")
    assert (created.status_code, created.json()["name"]) == (201, "A")
    assert code(membri.patch(path, {"name": "B"}, If_None_Match="*")) == (412, "0x80040237")


def test_a_representation_comes_when_preferred(membri: Membri) -> None:
    invoice = membri.invoice()
    tag = membri.etag(f"invoices({invoice})")
    answer = membri.patch(
        f"invoices({invoice})?$select=membri_syncreference",
        SETTLED,
        If_Match=tag,
        Prefer="return=representation",
    )
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert answer.headers["ETag"] == answer.json()["@odata.etag"] != tag
    assert answer.json()["membri_syncreference"] == "F-20931"
    assert "membri_syncstatus" not in answer.json()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"membri_syncerror": "é" * 501}, "0x80044331"),
        ({"membri_syncstatus": 100000009}, "0x8004431A"),
        ({"membri_syncstatus": "À transférer"}, "0x80048D19"),
        ({"montant": 1}, "0x80048D19"),
        ({"Name": "x"}, "0x80048D19"),
        ({"totalamount": "344.90"}, "0x80048D19"),
        ({"duedate": "2026-02-30"}, "0x80048D19"),
        ({"duedate": "2026-02-04T00:00:00Z"}, "0x80048D19"),
        ({"versionnumber": 1}, "0x80040203"),
        ({"totalamount_base": 1}, "0x80040203"),
        ({"invoiceid": str(uuid.uuid4())}, "0x80040203"),
        ({"statecode": 0, "statuscode": 100001}, "0x80048408"),
        ({"_customerid_value": str(uuid.uuid4())}, "0x80060888"),
        ({"customerid@odata.bind": "/accounts(x)"}, "0x80048D19"),
        ({"membri_chapterid@odata.bind": "/membri_chapters(x)"}, "0x80048D19"),
        ({"customerid_account@odata.bind": f"/contacts({uuid.uuid4()})"}, "0x80048D19"),
        ({"customerid_account@odata.bind": f"/accounts({uuid.uuid4()})"}, "0x80040217"),
        ({"transactioncurrencyid@odata.bind": f"/transactioncurrencies({uuid.uuid4()})"},
         "0x80040203"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_and_leaves_the_row_alone(
    membri: Membri, body: dict[str, Any], expected: str
) -> None:
    invoice = membri.invoice()
    before = membri.get(f"invoices({invoice})").json()
    answer = membri.patch(f"invoices({invoice})", body, If_Match=before["@odata.etag"])
    assert answer.json()["error"]["code"] == expected
    assert membri.get(f"invoices({invoice})").json() == before


def test_a_body_that_is_no_json_object_is_refused(membri: Membri) -> None:
    invoice = membri.invoice()
    for body in (b'{"name": ', b"[]", b'{"totalamount": NaN}'):
        answer = membri.web.patch(
            f"{ROOT}invoices({invoice})", content=body, headers={"If-Match": "*"}
        )
        assert code(answer) == (400, "0x80048D19")


def test_exactly_the_maximum_fits(membri: Membri) -> None:
    invoice = membri.invoice()
    body = {"membri_syncstatus": IN_ERROR, "membri_syncerror": "é" * 500}
    tag = membri.etag(f"invoices({invoice})")
    assert membri.patch(f"invoices({invoice})", body, If_Match=tag).status_code == 204
    assert membri.offences() == []


def test_amounts_are_read_exactly_and_rounded_to_their_precision(membri: Membri) -> None:
    invoice = membri.invoice()
    content = b'{"totalamount": 123456789012.34, "discountpercentage": 12.345}'
    answer = membri.web.patch(
        f"{ROOT}invoices({invoice})", content=content, headers={"If-Match": "*"}
    )
    assert answer.status_code == 204
    text = membri.get(f"invoices({invoice})?$select=totalamount,discountpercentage").text
    assert '"totalamount":123456789012.34' in text
    assert '"discountpercentage":12.35' in text


def test_a_creation_binds_its_lookups_and_names_its_address(membri: Membri) -> None:
    chapter = str(uuid.uuid4())
    membri.seed(membri_chapters=[{"membri_chapterid": chapter, "membri_name": "Québec"}])
    answer = membri.post(
        "accounts",
        {"name": "Neuve", "membri_MainChapterId@odata.bind": f"/membri_chapters({chapter})"},
    )
    assert answer.status_code == 204
    url = answer.headers["OData-EntityId"]
    row = membri.web.get(f"{url}?$select=name,_membri_mainchapterid_value,statuscode").json()
    assert (row["_membri_mainchapterid_value"], row["statuscode"]) == (chapter, 1)
    cleared = membri.web.patch(
        url, json={"membri_MainChapterId@odata.bind": None}, headers={"If-Match": "*"}
    )
    assert cleared.status_code == 204
    assert membri.web.get(url).json()["_membri_mainchapterid_value"] is None


def test_an_invoice_without_a_customer_is_refused(membri: Membri) -> None:
    assert code(membri.post("invoices", {"name": "Sans client"})) == (400, "0x80040203")


def test_a_deletion_takes_the_lines_and_empties_the_other_lookups(membri: Membri) -> None:
    invoice, line, payment = membri.invoice(), str(uuid.uuid4()), str(uuid.uuid4())
    membri.seed(
        invoicedetails=[{"invoicedetailid": line, "_invoiceid_value": invoice}],
        membri_payments=[{"membri_paymentid": payment, "_membri_invoiceid_value": invoice}],
    )
    tag = membri.etag(f"invoices({invoice})")
    assert membri.delete(f"invoices({invoice})", If_Match=tag).status_code == 204
    assert membri.get(f"invoicedetails({line})").status_code == 404
    assert membri.get(f"membri_payments({payment})").json()["_membri_invoiceid_value"] is None


@pytest.mark.parametrize(
    ("body", "offence"),
    [
        ({"membri_syncstatus": TRANSFERRED}, "status_without_reference"),
        ({"membri_syncstatus": TRANSFERRED, "membri_syncreference": ""}, "placeholder_reference"),
        ({"membri_syncstatus": TRANSFERRED, "membri_syncreference": "N/A"},
         "placeholder_reference"),
        ({"membri_syncstatus": TRANSFERRED, "membri_syncreference": "en cours"},
         "placeholder_reference"),
        ({"membri_syncstatus": IN_ERROR}, "error_without_text"),
        ({"membri_syncstatus": IN_ERROR, "membri_syncerror": " "}, "error_without_text"),
    ],
)  # fmt: skip
def test_a_status_without_its_reference_or_text_is_an_offence(
    membri: Membri, body: dict[str, Any], offence: str
) -> None:
    invoice = membri.invoice()
    tag = membri.etag(f"invoices({invoice})")
    assert membri.patch(f"invoices({invoice})", body, If_Match=tag).status_code == 204
    assert membri.offences() == [offence]


def test_the_audit_list_tells_who_changed_what_from_what_to_what(membri: Membri) -> None:
    invoice = membri.invoice()
    tag = membri.etag(f"invoices({invoice})")
    membri.patch(f"invoices({invoice})", SETTLED, If_Match=tag)
    membri.person(table="invoices", id=invoice, set={"membri_syncstatus": TO_TRANSFER})
    first, second = membri.admin.get("/audit", params={"id": invoice}).json()
    assert (first["by"], first["if_match"], first["table"]) == ("application", tag, "invoice")
    assert first["old"]["membri_syncstatus"] == TO_TRANSFER
    assert first["new"] == SETTLED
    assert (second["by"], second["if_match"]) == ("person", None)
    assert second["old"] == {"membri_syncstatus": TRANSFERRED}
    assert membri.offences() == []


def test_a_person_creates_changes_and_deletes_and_is_named_as_the_modifier(membri: Membri) -> None:
    made = membri.person(table="account", set={"name": "À la main"})
    changed = membri.person(table="account", id=made["accountid"], set={"creditlimit": "12.5"})
    assert changed["creditlimit"] == "12.50"
    assert changed["@odata.etag"] != made["@odata.etag"]
    who = membri.get(f"accounts({made['accountid']})?$expand=modifiedby($select=fullname)").json()
    assert who["modifiedby"]["fullname"] == "person"
    membri.person(table="account", id=made["accountid"], delete=True)
    assert membri.get(f"accounts({made['accountid']})").status_code == 404


def test_wrong_admin_content_is_refused_with_its_reason(membri: Membri) -> None:
    for route, content in (
        ("/seed", {"invoices": [{"name": "x", "_customerid_value": str(uuid.uuid4())}]}),
        ("/seed", {"factures": []}),
        ("/person", {"table": "account", "set": {"montant": 1}}),
        ("/options", {"nonsense": 1}),
        ("/options", {"token_lifetime_s": "long"}),
    ):
        answer = membri.admin.post(route, json=content)
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_a_dump_can_be_seeded_again(membri: Membri, tmp_path: Path) -> None:
    invoice = membri.invoice(totalamount="10.05")
    dump = membri.admin.get("/dump").json()
    plain = {t: [{n: v for n, v in r.items() if "@odata" not in n} for r in rows]
             for t, rows in dump.items()}  # fmt: skip
    with open_membri(tmp_path / "other") as other:
        other.seed(**plain)
        rows = other.admin.get("/rows/invoices").json()
        assert [(r["invoiceid"], r["totalamount"]) for r in rows] == [(invoice, "10.05")]


def test_a_plug_in_saves_the_row_again_a_moment_later(membri: Membri) -> None:
    invoice = membri.invoice()
    membri.options(bump_after_person_s=30.0)
    saved = membri.person(table="invoice", id=invoice, set={"name": "Corrigée"})["@odata.etag"]
    assert membri.etag(f"invoices({invoice})") == saved
    membri.options(clock_offset_s=31.0)
    bumped = membri.etag(f"invoices({invoice})")
    assert bumped != saved
    assert membri.etag(f"invoices({invoice})") == bumped
    assert membri.admin.get("/audit?by=plugin").json()[-1]["columns"] == []


def test_a_paid_invoice_transferred_becomes_complete(membri: Membri) -> None:
    membri.options(paid_becomes_complete=True)
    invoice = membri.invoice(statecode=2, statuscode=100002)
    tag = membri.etag(f"invoices({invoice})")
    assert membri.patch(f"invoices({invoice})", SETTLED, If_Match=tag).status_code == 204
    row = membri.get(f"invoices({invoice})").json()
    assert (row["statecode"], row["statuscode"]) == (2, 100001)


def test_plug_ins_refuse_when_told_to(membri: Membri) -> None:
    invoice = membri.invoice(statecode=2, statuscode=100001)
    membri.options(refuse_writes={invoice: "Le dossier est verrouillé."})
    answer = membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*")
    assert code(answer) == (400, "0x80040265")
    assert answer.json()["error"]["message"] == "Le dossier est verrouillé."
    membri.options(refuse_writes={}, read_only_paid_invoices=True)
    assert code(membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*")) == (
        400,
        "0x8004022E",
    )
    membri.options(read_only_paid_invoices=False, forbidden={"invoice": "write"})
    assert code(membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*")) == (
        403,
        "0x80040220",
    )


def test_a_table_without_optimistic_concurrency_says_so(membri: Membri) -> None:
    invoice = membri.invoice()
    tag = membri.etag(f"invoices({invoice})")
    membri.options(without_concurrency=["invoice"])
    assert code(membri.patch(f"invoices({invoice})", SETTLED, If_Match=tag)) == (400, "0x8006088D")


def test_a_modification_may_say_it_is_older_than_its_commit(membri: Membri) -> None:
    invoice = membri.invoice()
    membri.options(modified_skew_s=3600.0)
    before = membri.get(f"invoices({invoice})").json()
    membri.person(table="invoice", id=invoice, set={"name": "x"})
    after = membri.get(f"invoices({invoice})").json()
    assert after["modifiedon"] < before["modifiedon"]
    assert after["versionnumber"] > before["versionnumber"]


def test_two_writes_at_once_on_one_row_deadlock(membri: Membri) -> None:
    invoice = membri.invoice()
    membri.options(write_time_s=0.5)
    answers: list[httpx2.Response] = []
    together = threading.Barrier(2)

    def write() -> None:
        together.wait()
        answers.append(membri.patch(f"invoices({invoice})", {"name": "x"}, If_Match="*"))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in answers) == [204, 500]
    (refused,) = (a for a in answers if a.status_code == 500)
    assert refused.json()["error"]["code"] == "0x80044150"
    assert membri.offences() == ["concurrent_write"]


def test_bulk_actions_are_all_or_nothing(membri: Membri) -> None:
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    made = membri.post(
        "accounts/Microsoft.Dynamics.CRM.CreateMultiple",
        {"Targets": [{**kind, "name": "A"}, {**kind, "name": "B"}]},
    )
    first, second = made.json()["Ids"]
    wrong = [
        {**kind, "accountid": first, "name": "A2"},
        {**kind, "accountid": second, "accountnumber": "x" * 21},
    ]
    answer = membri.post("accounts/Microsoft.Dynamics.CRM.UpdateMultiple", {"Targets": wrong})
    assert code(answer) == (400, "0x80044331")
    assert membri.get(f"accounts({first})").json()["name"] == "A"
    assert set(membri.offences()) == {"missing_if_match"}
