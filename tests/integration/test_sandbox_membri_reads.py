"""The simulated Web API's reads, on the wire."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox_membri import TO_TRANSFER, Membri, open_membri

FORMATTED = "OData.Community.Display.V1.FormattedValue"
IN = "Microsoft.Dynamics.CRM.{}(PropertyName='{}',PropertyValues=[{}])"
LOGICAL = "Microsoft.Dynamics.CRM.lookuplogicalname"


@pytest.fixture
def membri(tmp_path: Path) -> Iterator[Membri]:
    with open_membri(tmp_path) as running:
        yield running


def numbered(count: int) -> str:
    return f"00000000-0000-4000-8000-{count:012d}"


def seed_invoices(membri: Membri, count: int, **values: Any) -> str:
    account = str(uuid.uuid4())
    rows = [
        {
            "invoiceid": numbered(n),
            "name": f"F-{n}",
            "_customerid_value": account,
            "membri_syncstatus": TO_TRANSFER,
            "totalamount": n,
            **values,
        }
        for n in range(count)
    ]
    membri.seed(accounts=[{"accountid": account, "name": "Éco L'Été"}], invoices=rows)
    return account


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["value"]]


def test_a_page_has_the_shape_of_the_documented_one(membri: Membri) -> None:
    invoice = membri.invoice(invoicenumber="001482")
    answer = membri.get(
        "invoices?$select=invoicenumber,totalamount,membri_syncstatus,_customerid_value"
        "&$filter=membri_syncstatus eq 100000001",
        Prefer=f'odata.maxpagesize=2,odata.include-annotations="{FORMATTED},{LOGICAL}"',
    )
    assert answer.headers["Preference-Applied"].startswith("odata.maxpagesize=2")
    (row,) = answer.json()["value"]
    assert row.pop("@odata.etag").startswith('W/"')
    customer = row.pop("_customerid_value")
    assert uuid.UUID(customer)
    assert row == {
        "invoiceid": invoice,
        "invoicenumber": "001482",
        "totalamount": 344.90,
        f"totalamount@{FORMATTED}": "344,90\u00a0$",
        "membri_syncstatus": 100000001,
        f"membri_syncstatus@{FORMATTED}": "À transférer",
        f"_customerid_value@{FORMATTED}": "Éco L'Été",
        f"_customerid_value@{LOGICAL}": "account",
    }


def test_annotations_stay_away_unless_asked_and_labels_follow_the_language(membri: Membri) -> None:
    invoice = membri.invoice()
    plain = membri.get(f"invoices({invoice})?$select=membri_syncstatus").json()
    assert set(plain) == {"@odata.context", "@odata.etag", "membri_syncstatus", "invoiceid"}
    membri.options(base_language=1033)
    wanted = 'odata.include-annotations="*"'
    english = membri.get(f"invoices({invoice})?$select=membri_syncstatus", Prefer=wanted).json()
    assert english[f"membri_syncstatus@{FORMATTED}"] == "To transfer"


def test_money_keeps_its_digits_and_its_base_twin(membri: Membri) -> None:
    usd = str(uuid.uuid4())
    membri.seed(
        transactioncurrencies=[
            {"transactioncurrencyid": usd, "currencyname": "US", "exchangerate": "0.8"}
        ]
    )
    invoice = membri.invoice(totalamount="344.90", _transactioncurrencyid_value=usd)
    answer = membri.get(f"invoices({invoice})?$select=totalamount,totalamount_base,exchangerate")
    assert '"totalamount":344.90,' in answer.text
    assert '"totalamount_base":431.13,' in answer.text  # 344.90 / 0.8 = 431.125
    assert '"exchangerate":0.8' in answer.text


def test_dates_are_days_and_moments_are_utc_to_the_second(membri: Membri) -> None:
    invoice = membri.invoice(duedate="2026-02-04")
    row = membri.get(f"invoices({invoice})?$select=duedate,modifiedon").json()
    assert row["duedate"] == "2026-02-04"
    assert len(row["modifiedon"]) == len("2026-02-04T00:00:00Z")
    assert row["modifiedon"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("membri_syncstatus eq 100000001", ["F-0", "F-1", "F-2"]),
        ("totalamount ge 1 and totalamount lt 2.5", ["F-1", "F-2"]),
        ("not (totalamount gt 0)", ["F-0"]),
        ("name eq 'f-1' or name eq 'F-2'", ["F-1", "F-2"]),
        ("customerid_account/name eq 'éco l''été'", ["F-0", "F-1", "F-2"]),
        ("customerid_contact/lastname eq 'x'", []),
        ("customerid_account/name ne null", ["F-0", "F-1", "F-2"]),
        ("invoicenumber eq null", ["F-0", "F-1", "F-2"]),
        ("invoicenumber ne 'x'", ["F-0", "F-1", "F-2"]),
        ("duedate gt 2020-01-01", []),
        ("modifiedon ge 2020-01-01T00:00:00Z", ["F-0", "F-1", "F-2"]),
        ("contains(name,'-')", ["F-0", "F-1", "F-2"]),
        ("endswith(name,'%1')", ["F-1"]),
        ("startswith(name,'f-[12]')", ["F-1", "F-2"]),
        (f"invoiceid eq {numbered(1)}", ["F-1"]),
        (
            IN.format("In", "invoiceid", f'"{numbered(2)}","{numbered(9)}"'),
            ["F-2"],
        ),
        (IN.format("In", "name", '"F-0","a]b"'), ["F-0"]),
        (
            IN.format("NotIn", "membri_syncstatus", '"100000002"'),
            ["F-0", "F-1", "F-2"],
        ),
        ("invoice_details/any(d:d/quantity gt 2)", ["F-1"]),
        ("invoice_details/any()", ["F-1"]),
        ("invoice_details/all(d:d/quantity gt 2)", ["F-0", "F-1", "F-2"]),
        ("totalamount eq discountamount", []),
    ],
)
def test_a_filter_finds_what_its_words_say(membri: Membri, text: str, expected: list[str]) -> None:
    seed_invoices(membri, 3)
    membri.seed(invoicedetails=[{"_invoiceid_value": numbered(1), "quantity": 3}])
    answer = membri.web.get("/api/data/v9.2/invoices", params={"$filter": text, "$orderby": "name"})
    assert names(answer) == expected


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("factures", 404, "0x8006088A"),
        ("Invoices", 404, "0x8006088A"),
        ("invoices?$select=montant", 400, "0x0"),
        ("invoices?$select=InvoiceNumber", 400, "0x0"),
        ("invoices?$select=customerid", 400, "0x0"),
        ("invoices?$filter=montant eq 1", 400, "0x0"),
        ("invoices?$filter=totalamount eq '1'", 400, "0x0"),
        ("invoices?$filter=name eq 1", 400, "0x0"),
        (f"invoices?$filter=_customerid_value eq '{numbered(1)}'", 400, "0x0"),
        ("invoices?$filter=name eq 'a' und name eq 'b'", 400, "0x0"),
        ("invoices?$filter=tolower(name) eq 'a'", 400, "0x0"),
        ("invoices?$skip=1", 400, "0x0"),
        ("invoices?$orderby=montant", 400, "0x0"),
        ("invoices?$expand=customerid", 400, "0x0"),
        ("invoices?$apply=aggregate(x)", 501, "0x80060888"),
        (f"invoices({numbered(99)})", 404, "0x80040217"),
        ("accounts(accountnumber='X')", 400, "0x80060888"),
    ],
)
def test_a_wrong_question_is_refused_with_its_code(
    membri: Membri, path: str, status: int, code: str
) -> None:
    answer = membri.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_option_names_may_come_percent_encoded_with_plus_as_space(membri: Membri) -> None:
    seed_invoices(membri, 2)
    answer = membri.get("invoices?%24filter=name+eq+%27F-1%27&%24select=name")
    assert names(answer) == ["F-1"]


def test_pages_follow_each_other_and_rows_that_leave_the_filter_shift_nothing(
    membri: Membri,
) -> None:
    seed_invoices(membri, 7)
    wanted = {"Prefer": "odata.maxpagesize=3"}
    query = f"invoices?$select=name&$filter=membri_syncstatus eq {TO_TRANSFER}"
    first = membri.get(f"{query}&$orderby=modifiedon asc,invoiceid asc", **wanted)
    assert names(first) == ["F-0", "F-1", "F-2"]
    for number in (0, 1):
        membri.person(table="invoice", id=numbered(number), set={"membri_syncstatus": 100000000})
    second = membri.web.get(first.json()["@odata.nextLink"], headers=wanted)
    third = membri.web.get(second.json()["@odata.nextLink"], headers=wanted)
    assert names(second) + names(third) == ["F-3", "F-4", "F-5", "F-6"]
    assert "@odata.nextLink" not in third.json()
    assert membri.offences() == []


def test_an_altered_link_is_refused_and_another_page_size_is_noted(membri: Membri) -> None:
    seed_invoices(membri, 5)
    first = membri.get("invoices?$select=name", Prefer="odata.maxpagesize=2")
    link = first.json()["@odata.nextLink"]
    altered = link.replace("$select=name", "$select=invoicenumber")
    assert membri.web.get(altered).status_code == 400
    assert membri.web.get(link, headers={"Prefer": "odata.maxpagesize=3"}).status_code == 200
    assert membri.offences() == ["altered_link", "page_size_changed"]


@pytest.mark.parametrize("order", ["totalamount desc", "customerid_account/name,totalamount desc"])
def test_a_descending_order_pages_too(membri: Membri, order: str) -> None:
    seed_invoices(membri, 5)
    membri.person(table="invoice", id=numbered(3), set={"totalamount": None})
    found: list[str] = []
    url = f"/api/data/v9.2/invoices?$select=name&$orderby={order}"
    while url:
        answer = membri.web.get(url, headers={"Prefer": "odata.maxpagesize=2"})
        found += names(answer)
        url = answer.json().get("@odata.nextLink", "")
    assert found == ["F-4", "F-2", "F-1", "F-0", "F-3"]


def test_top_limits_but_yields_to_a_page_size_and_count_is_told(membri: Membri) -> None:
    seed_invoices(membri, 4)
    limited = membri.get("invoices?$select=name&$top=2&$count=true")
    assert len(limited.json()["value"]) == 2
    assert limited.json()["@odata.count"] == 4
    assert "@odata.nextLink" not in limited.json()
    paged = membri.get("invoices?$select=name&$top=1", Prefer="odata.maxpagesize=3")
    assert len(paged.json()["value"]) == 3
    assert membri.get("invoices/$count").text == "4"


def test_expansions_reach_the_customer_and_page_the_lines(membri: Membri) -> None:
    invoice = membri.invoice()
    lines = [{"_invoiceid_value": invoice, "productname": f"L{n}", "quantity": n} for n in range(3)]
    membri.seed(invoicedetails=lines)
    answer = membri.get(
        f"invoices({invoice})?$select=name&$expand=customerid_account($select=name;"
        "$expand=primarycontactid($select=lastname)),customerid_contact($select=lastname),"
        "invoice_details($select=productname;$orderby=quantity desc)",
        Prefer="odata.maxpagesize=2",
    ).json()
    assert answer["customerid_account"]["name"] == "Éco L'Été"
    assert answer["customerid_account"]["primarycontactid"] is None
    assert answer["customerid_contact"] is None
    assert [line["productname"] for line in answer["invoice_details"]] == ["L2", "L1"]
    rest = membri.web.get(
        answer["invoice_details@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}
    )
    assert [line["productname"] for line in rest.json()["value"]] == ["L0"]


def test_an_unchanged_row_answers_304_but_never_with_an_expansion(membri: Membri) -> None:
    invoice = membri.invoice()
    tag = membri.etag(f"invoices({invoice})")
    assert membri.get(f"invoices({invoice})?$select=name", If_None_Match=tag).status_code == 304
    expanded = membri.get(f"invoices({invoice})?$expand=invoice_details", If_None_Match=tag)
    assert expanded.status_code == 200
    assert membri.get(f"invoices({invoice})", If_None_Match="null").status_code == 200


def test_a_forbidden_table_answers_403_with_the_privilege_code(membri: Membri) -> None:
    membri.options(forbidden={"membri_payment": "read"})
    answer = membri.get("membri_payments?$top=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "0x80040220")
    assert membri.get("invoices?$top=1").status_code == 200


def test_an_url_over_32_kilobytes_is_refused(membri: Membri) -> None:
    long = "a" * 33_000
    assert membri.get(f"invoices?$filter=name eq '{long}'").status_code == 414


def test_ten_thousand_pending_invoices_page_without_loss(membri: Membri) -> None:
    seed_invoices(membri, 10_000)
    found: list[str] = []
    url = (
        f"/api/data/v9.2/invoices?$select=invoiceid,modifiedon&$filter=membri_syncstatus eq"
        f" {TO_TRANSFER}&$orderby=modifiedon asc,invoiceid asc"
    )
    pages = 0
    while url:
        answer = membri.web.get(url, headers={"Prefer": "odata.maxpagesize=1000"}).json()
        found += [row["invoiceid"] for row in answer["value"]]
        url = answer.get("@odata.nextLink", "")
        pages += 1
    assert pages == 10
    assert found == [numbered(n) for n in range(10_000)]


def test_payments_are_found_through_their_invoice(membri: Membri) -> None:
    chapter, payment = str(uuid.uuid4()), str(uuid.uuid4())
    membri.seed(membri_chapters=[{"membri_chapterid": chapter, "membri_name": "Québec"}])
    invoice = membri.invoice(_membri_chapterid_value=chapter)
    other = membri.invoice()
    membri.seed(
        membri_payments=[
            {"membri_paymentid": payment, "_membri_invoiceid_value": invoice, "membri_amount": 10},
            {"_membri_invoiceid_value": other, "membri_amount": 20},
            {"membri_amount": 30},
        ]
    )
    for path in (
        f"membri_InvoiceId/_membri_chapterid_value eq {chapter}",
        "membri_InvoiceId/membri_ChapterId/membri_name eq 'québec'",
        "membri_InvoiceId/customerid_account/name ne null and membri_amount lt 20",
    ):
        answer = membri.get(
            f"membri_payments?$select=membri_amount&$filter={path}"
            "&$expand=membri_InvoiceId($select=invoicenumber;"
            "$expand=invoice_details($filter=quantity gt 1))"
        )
        (row,) = answer.json()["value"]
        assert (row["membri_paymentid"], row["membri_amount"]) == (payment, 10)
        assert row["membri_InvoiceId"]["invoice_details"] == []
