"""The metadata check against a simulated Membri: each mismatch is told, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.chapters import Chapter, Chapters
from producers.columns import load_mapping
from producers.dataverse import AuthFault, MembriUnavailable, RecordGone, connect
from producers.discovery import Discovery, Finding, discover
from producers.membri import Membri, SyncChange
from schemas.statuses import Entity, Status
from tests.integration.producers_world import LAVAL, MONTREAL, QUEBEC, World
from tests.integration.sandbox_membri import CLIENT_ID, CLIENT_SECRET

pytest_plugins = ["tests.fixtures_producers"]


def found(world: World, folder: Path, text: str = "", *names: str) -> Discovery:
    path = folder / "mapping.toml"
    path.write_text(text, "utf-8")
    return discover(world.dataverse, load_mapping(path), names or ("Montréal",))


def wrong(discovery: Discovery) -> list[Finding]:
    findings = [finding for finding in discovery.findings if not finding.ok]
    assert all(finding.remedy for finding in findings)
    return findings


def test_the_packaged_mapping_fits(world: World, tmp_path: Path) -> None:
    discovery = found(world, tmp_path, "", "Montréal", "Québec")
    assert wrong(discovery) == []
    assert discovery.ok
    assert discovery.error_length == 500
    assert discovery.chapter_ids == {"Montréal": MONTREAL, "Québec": QUEBEC}


WRONG_TABLES = """
[invoice]
table = "facture"
[customer]
set = "comptes"
[payment]
id = "paymentid"
"""
WRONG_COLUMNS = """
[invoice]
number = "numero"
lines = "details"
[invoice.chapter]
column = "name"
[invoice.paid]
values = [77]
[line]
gst = "tps"
[chapter]
name = "nom"
[currency]
code = "iso"
[customer]
reference = "accountid"
[payment.invoice]
navigation = "membri_invoiceid"
[choices.payment_method]
cheque = 5
"""


def test_each_wrong_table_is_told_with_its_remedy(world: World, tmp_path: Path) -> None:
    told = {f.subject: f.text for f in wrong(found(world, tmp_path, WRONG_TABLES))}
    assert set(told) == {"table facture", "set of account", "key of membri_payment"}
    assert "facture" in told["table facture"]
    assert told["set of account"] == "is accounts, the mapping says comptes"


def test_each_wrong_column_is_told_with_its_remedy(world: World, tmp_path: Path) -> None:
    told = {f.subject: f.text for f in wrong(found(world, tmp_path, WRONG_COLUMNS))}
    assert told == {
        "invoice.numero": "there is no such column",
        "invoice.name → membri_ChapterId": "the metadata says: no relationship",
        "invoice → details": "this is not the collection of invoicedetail",
        "values of invoice.statuscode": "the choice lacks 77",
        "invoicedetail.tps": "there is no such column",
        "membri_chapter.nom": "there is no such column",
        "transactioncurrency.iso": "there is no such column",
        "account.accountid": "this column cannot be written",
        "membri_payment.membri_invoiceid → membri_invoiceid": (
            "the metadata says: membri_InvoiceId"
        ),
        "values of membri_payment.membri_paymenttype": "the choice lacks 5",
    }


def test_exchanged_statuses_are_seen_by_their_labels(world: World, tmp_path: Path) -> None:
    text = """
        [choices.status]
        on_hold = 100000001
        to_transfer = 100000000
        transferred = 100000002
        transfer_error = 100000003
        do_not_sync = 100000004
        in_review = 100000005
        """
    findings = wrong(found(world, tmp_path, text))
    assert any("its label is « En attente »" in finding.text for finding in findings)
    assert len(findings) == 6


def test_a_column_that_is_missing_in_the_environment_is_told(world: World, tmp_path: Path) -> None:
    world.sandbox.options(missing_columns=["invoice.membri_qstamount"])
    [finding] = wrong(found(world, tmp_path))
    assert finding.subject == "invoice.membri_qstamount"


def test_a_table_without_optimistic_concurrency_is_told(world: World, tmp_path: Path) -> None:
    world.sandbox.options(without_concurrency=["invoice"])
    [finding] = wrong(found(world, tmp_path))
    assert finding.subject == "versions of invoice"


def test_the_shortest_error_column_counts(world: World, tmp_path: Path) -> None:
    world.sandbox.options(max_lengths={"membri_payment.membri_syncerror": 120})
    assert found(world, tmp_path).error_length == 120


def test_a_table_that_may_not_be_read_is_told_with_its_right(world: World, tmp_path: Path) -> None:
    world.sandbox.options(forbidden={"membri_payment": "read"})
    findings = wrong(found(world, tmp_path))
    assert [finding.subject for finding in findings] == ["right to read membri_payment"]
    assert "role" in findings[0].remedy


def test_chapters_must_be_exactly_one_each(world: World, tmp_path: Path) -> None:
    world.sandbox.seed(
        membri_chapters=[{"membri_chapterid": LAVAL[:-1] + "9", "membri_name": "Laval"}]
    )
    discovery = found(world, tmp_path, "", "Laval", "Trois-Rivières", "Québec")
    assert [(f.subject, f.text) for f in wrong(discovery)] == [
        ("chapter Laval", "more than one chapter has this name"),
        ("chapter Trois-Rivières", "no chapter has this name"),
    ]
    assert discovery.chapter_ids == {"Québec": QUEBEC}


def test_chapters_that_may_not_be_read_are_told(world: World, tmp_path: Path) -> None:
    world.sandbox.options(forbidden={"membri_chapter": "read"})
    subjects = [finding.subject for finding in wrong(found(world, tmp_path))]
    assert subjects == ["right to read membri_chapter", "chapter Montréal"]


def test_nothing_is_told_of_an_environment_that_is_away(world: World, tmp_path: Path) -> None:
    world.fault(kind="status", path="EntityDefinitions", status=503, body="busy", times=4)
    with pytest.raises(MembriUnavailable):
        found(world, tmp_path)


@pytest.mark.parametrize("path", [r"/invoices\?", r"/membri_chapters\?.*filter"])
def test_nothing_is_told_of_an_environment_that_goes_away_meanwhile(
    world: World, tmp_path: Path, path: str
) -> None:
    world.fault(kind="status", path=path, status=503, body="busy", times=4)
    with pytest.raises(MembriUnavailable):
        found(world, tmp_path)


def test_the_requests_library_s_ca_variable_does_not_reach_our_login(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/absent/ca.pem")
    sandbox = world.sandbox
    with connect(
        sandbox.url,
        CLIENT_ID,
        CLIENT_SECRET,
        authority=sandbox.authority,
        ca_bundle=str(sandbox.certificate.ca),
    ) as dataverse:
        assert dataverse.get("WhoAmI")["UserId"]


def test_a_private_certificate_is_not_trusted_without_its_ca(world: World) -> None:
    sandbox = world.sandbox
    with (
        connect(sandbox.url, CLIENT_ID, CLIENT_SECRET, authority=sandbox.authority) as dataverse,
        pytest.raises(MembriUnavailable, match=r"(?i)certificate"),
    ):
        dataverse.get("WhoAmI")


def test_a_wrong_secret_is_an_auth_fault(world: World) -> None:
    sandbox = world.sandbox
    with (
        connect(
            sandbox.url,
            CLIENT_ID,
            "wrong",
            authority=sandbox.authority,
            ca_bundle=str(sandbox.certificate.ca),
        ) as dataverse,
        pytest.raises(AuthFault, match="secret is wrong"),
    ):
        dataverse.get("WhoAmI")


def test_a_revoked_token_is_renewed(world: World) -> None:
    assert world.dataverse.get("WhoAmI")
    world.sandbox.admin.post("/revoke")
    assert world.dataverse.get("WhoAmI")


def test_a_record_that_is_gone_is_told_so(world: World) -> None:
    with pytest.raises(RecordGone):
        world.membri.read(Entity.INVOICE, LAVAL)


def test_an_empty_reference_is_never_written(world: World) -> None:
    with pytest.raises(ValueError, match="reference"):
        world.membri.write(Entity.INVOICE, LAVAL, "*", SyncChange(Status.TRANSFERRED, "", ""))


def test_the_by_contact_edition_is_read_through_its_mapping(world: World, tmp_path: Path) -> None:
    contact, invoice = LAVAL[:-1] + "5", LAVAL[:-1] + "6"
    world.sandbox.seed(
        contacts=[{"contactid": contact, "lastname": "Gélinas", "emailaddress1": "g@x.example"}],
        invoices=[
            {
                "invoiceid": invoice,
                "name": "Facture",
                "_customerid_value": contact,
                "membri_invoicedate": "2026-01-05",
                "totalamount": "0.00",
                "_membri_chapterid_value": MONTREAL,
            }
        ],
    )
    by_account = world.membri.read(Entity.INVOICE, invoice)
    assert by_account.account_id == contact
    assert "account" in str(by_account.content)

    path = tmp_path / "contact.toml"
    path.write_text(
        """
        [customer]
        table = "contact"
        set = "contacts"
        id = "contactid"
        name = "lastname"
        number = ""
        new_account = ""
        status = "lastname"
        reference = "lastname"
        error = "lastname"
        [customer.chapter]
        column = "parentcustomerid"
        navigation = "parentcustomerid_account"
        [customer.address]
        lines = ["address1_line1"]
        [invoice.customer]
        navigation = "customerid_contact"
        """,
        "utf-8",
    )
    chapters = Chapters([Chapter(MONTREAL, "Montréal", "montreal", "s")])
    by_contact = Membri(world.dataverse, load_mapping(path), chapters)
    record = by_contact.read(Entity.INVOICE, invoice).content
    assert record is not None
    assert record.account.table == "contact"  # type: ignore[union-attr]
    assert record.account.name == "Gélinas"  # type: ignore[union-attr]
