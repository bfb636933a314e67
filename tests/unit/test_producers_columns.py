"""The mapping file: defaults, a user's keys over them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.columns import Mapping, MappingFault, load_mapping
from schemas.records import InvoiceType, PaymentMethod
from schemas.statuses import Entity, Status


def written(folder: Path, text: str) -> Path:
    path = folder / "membri.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_packaged_mapping_knows_every_status_type_and_method() -> None:
    choices = load_mapping().choices
    assert set(choices.status) == set(Status)
    assert set(choices.invoice_type) == set(InvoiceType) - {InvoiceType.OTHER}
    assert set(choices.payment_method) == set(PaymentMethod) - {PaymentMethod.OTHER}


def test_a_users_file_changes_the_keys_that_it_names(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [invoice]
        status = "vnd_statut"
        [invoice.chapter]
        column = "vnd_chapitre"
        """,
    )
    found = load_mapping(path)
    assert found.invoice.status == "vnd_statut"
    assert found.invoice.chapter.value == "_vnd_chapitre_value"
    assert found.invoice.chapter.navigation == "membri_ChapterId"
    assert found.payment.status == "membri_syncstatus"


def test_a_table_of_choices_is_given_whole(tmp_path: Path) -> None:
    path = written(tmp_path, "[choices.payment_method]\ncheque = 1\n")
    found = load_mapping(path)
    assert found.choices.payment_method == {PaymentMethod.CHEQUE: 1}
    assert set(found.choices.status) == set(Status)


def test_review_may_be_missing_where_it_is_off(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [choices.status]
        on_hold = 1
        to_transfer = 2
        transferred = 3
        transfer_error = 4
        do_not_sync = 5
        """,
    )
    found = load_mapping(path)
    assert found.status_of(5) is Status.DO_NOT_SYNC
    assert found.status_of(6) is None
    assert found.status_of(None) is None


def test_the_by_contact_edition_is_a_few_keys(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [customer]
        table = "contact"
        set = "contacts"
        id = "contactid"
        name = "fullname"
        number = ""
        [invoice.customer]
        navigation = "customerid_contact"
        """,
    )
    found = load_mapping(path)
    assert found.customer.table == "contact"
    assert "" not in found.customer.columns


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[invoice]\nstatut = 'x'\n", "invoice.statut: Extra inputs"),
        ("[invoice]\nstatus = 7\n", "invoice.status: Input should be a valid string"),
        ("[choices.status]\nto_transfer = 1\n", "status lacks do_not_sync, on_hold"),
        ("[choices.payment_method]\ncash = 1\ncard = 1\n", "same integer"),
        ("[choices.payment_method]\nbitcoin = 1\n", "choices.payment_method.bitcoin"),
        ("[customer]\ntable = 'lead'\n", "customer.table"),
        ("[invoice.paid]\nvalues = []\n", "invoice.paid.values"),
        ("customer = 12\n", "customer: Input should be"),
        ("choices = 12\n", "choices: Input should be"),
        ("[invoice\n", "membri.toml:"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_key(
    tmp_path: Path, text: str, told: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(MappingFault) as fault:
        load_mapping(path)
    assert str(path) in str(fault.value)
    assert told in str(fault.value)


def test_a_file_that_is_absent_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingFault, match="absent"):
        load_mapping(tmp_path / "absent.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# \xe9t\xe9")
    with pytest.raises(MappingFault, match="latin"):
        load_mapping(path)


def test_journal_entries_have_no_table_in_membri() -> None:
    mapping: Mapping = load_mapping()
    assert mapping.table(Entity.PAYMENT) is mapping.payment
    with pytest.raises(KeyError):
        mapping.table(Entity.JOURNAL_ENTRY)
