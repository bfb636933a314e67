"""Contacts in the sandbox's books: names that Sage does not keep apart, and what it keeps."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from consumers.errors import Transient, Unavailable
from consumers.system import Lookup, Receipt, RemoteRef
from consumers.systems.sage_accounting.markers import marker
from schemas.chapters import ChapterSettings
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.records import Account, Address
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import Delivery, an_account, rejected, unique

pytest_plugins = ["tests.fixtures_sage_accounting"]


def contact(bench: SageBench, ref: RemoteRef) -> dict[str, Any]:
    (row,) = [row for row in bench.rows("contacts") if row["id"] == ref.remote_id]
    return row


def settled(bench: SageBench, account: Account) -> RemoteRef:
    return Delivery(account).attempt(bench.system).ref


def test_everything_membri_knows_of_a_customer_is_on_its_card(bench: SageBench) -> None:
    account = an_account(
        number="C10023",
        email="a@example.org",
        phone="514-555-0100",
        address=Address(
            lines=("1000, rue De La Gauchetière Ouest", "Bureau 2400"),
            city="Montréal",
            province="qc",
            postal_code="H3B 4W5",
            country="Canada",
        ),
    )
    row = contact(bench, settled(bench, account))
    assert row["reference"] == "C10023"
    assert row["notes"] == marker("account", account.id)
    assert [one["id"] for one in row["contact_types"]] == ["CUSTOMER"]
    person, address = row["main_contact_person"], row["main_address"]
    assert (person["email"], person["telephone"]) == ("a@example.org", "514-555-0100")
    assert person["name"] == account.name
    assert address["address_line_1"] == "1000, rue De La Gauchetière Ouest"
    assert (address["address_line_2"], address["city"]) == ("Bureau 2400", "Montréal")
    assert (address["region"], address["country"]["id"]) == ("CA-QC", "CA")


def test_a_number_that_does_not_fit_is_left_out(bench: SageBench) -> None:
    assert contact(bench, settled(bench, an_account(number="M" * 11)))["reference"] == ""
    assert contact(bench, settled(bench, an_account(number="M" * 10)))["reference"] == "M" * 10


def test_a_taken_number_names_its_holder(bench: SageBench) -> None:
    holder = bench.add_customer(f"Fait à la main {unique()}", number="C77")
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        settled(bench, an_account(number="c77"))
    assert refusal[0].field == "number"
    assert holder.reference in refusal[0].detail
    assert f"Id {holder.remote_id}, reference C77" in refusal[0].detail


def test_a_taken_number_that_nobody_shows_keeps_sages_words(bench: SageBench) -> None:
    bench.accountant(
        resource="contacts",
        create={"name": "Fournisseur", "contact_type_ids": ["VENDOR"], "reference": "V1"},
    )
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        settled(bench, an_account(number="V1"))
    assert "already been taken" in refusal[0].detail


def test_our_own_customer_behind_a_taken_number_is_adopted(bench: SageBench) -> None:
    account = an_account(number="C88")
    ref = settled(bench, account)
    renamed = account.model_copy(update={"name": f"{account.name} inc."})
    receipt = bench.system.transfer(Delivery(renamed).task())
    assert receipt == Receipt(RemoteRef(ref.remote_id, renamed.name), Action.ADOPTED)
    assert contact(bench, ref)["name"] == renamed.name


def test_a_supplier_of_the_same_name_is_another_contact(bench: SageBench) -> None:
    name = f"Deux chapeaux {unique()}"
    bench.accountant(resource="contacts", create={"name": name, "contact_type_ids": ["VENDOR"]})
    ref = settled(bench, an_account(name=name))
    assert ref.reference == name
    assert len([row for row in bench.rows("contacts") if row["name"] == name]) == 2


def test_a_search_that_finds_more_than_asked_is_compared_name_by_name(bench: SageBench) -> None:
    name = f"Ass {unique()}"
    for more in ("ociation", " du Nord", "é"):
        bench.add_customer(f"{name}{more}")
    account = an_account(name=name)
    assert bench.system.find(Delivery(account).lookup) is None
    assert settled(bench, account).reference == name


def test_more_namesakes_than_a_page_are_all_looked_at(bench: SageBench) -> None:
    name = f"Foule {unique()}"
    for number in range(201):
        bench.add_customer(f"{name} section {number}")
    account = an_account(name=name)
    ref = settled(bench, account)
    assert Delivery(account).attempt(bench.restarted()).ref == ref


def test_several_customers_of_the_typed_name_are_ambiguous(bench: SageBench) -> None:
    one = bench.add_customer(f"Double {unique()}")
    two = bench.add_customer(one.reference)
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(Delivery(an_account(reference=one.reference)).lookup)
    assert refusal[0].field == "reference"
    for ref in (one, two):
        assert ref.remote_id in refusal[0].detail


def test_the_one_that_bears_our_marker_is_no_ambiguity(bench: SageBench) -> None:
    account = an_account()
    ref = settled(bench, account)
    bench.add_customer(account.name)
    typed = account.model_copy(update={"reference": account.name})
    found = bench.system.find(Delivery(typed).lookup)
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)


def test_sages_own_reference_may_be_typed_instead_of_the_name(bench: SageBench) -> None:
    ref = bench.add_customer(f"Par numéro {unique()}", number="REF-9")
    found = bench.system.find(Delivery(an_account(reference="REF-9")).lookup)
    assert found is not None
    assert found.ref == ref


def test_a_customer_renamed_before_membri_learned_of_it_is_found(bench: SageBench) -> None:
    account = an_account()
    ref = settled(bench, account)
    renamed = account.model_copy(update={"name": f"{account.name} inc.", "reference": account.name})
    bench.system.transfer(Delivery(renamed).task(ref.remote_id))
    found = bench.system.find(Delivery(renamed).lookup)
    assert found is not None
    assert found.ref == RemoteRef(ref.remote_id, renamed.name)


def test_our_remote_id_finds_a_customer_whatever_its_name(bench: SageBench) -> None:
    ref = settled(bench, an_account())
    bench.accountant(resource="contacts", id=ref.remote_id, set={"name": "Renommé"})
    found = bench.system.find(Lookup(an_account().entity, "x", remote_id=ref.remote_id))
    assert found is not None
    assert found.ref == RemoteRef(ref.remote_id, "Renommé")
    assert bench.system.find(Lookup(an_account().entity, "x", remote_id="../x", name="")) is None


def test_a_customer_made_anonymous_is_not_used(bench: SageBench) -> None:
    ref = bench.add_customer(f"Anonyme {unique()}")
    bench.accountant(resource="contacts", id=ref.remote_id, set={"gdpr_obfuscated": True})
    with rejected(Reason.CUSTOMER_INACTIVE) as refusal:
        bench.system.find(Delivery(an_account(reference=ref.reference)).lookup)
    assert "made anonymous" in refusal[0].detail


def test_an_inactive_customer_is_not_updated(bench: SageBench) -> None:
    account = an_account()
    ref = settled(bench, account)
    bench.accountant(resource="contacts", id=ref.remote_id, set={"is_active": False})
    with rejected(Reason.CUSTOMER_INACTIVE):
        bench.system.transfer(Delivery(account).task(ref.remote_id))


def test_an_update_sends_what_changed_and_keeps_what_the_accountant_added(
    bench: SageBench,
) -> None:
    account = an_account(
        email="avant@example.org", address=Address(lines=("1 rue A",), city="Laval")
    )
    ref = settled(bench, account)
    row = contact(bench, ref)
    bench.accountant(
        resource="contacts",
        id=ref.remote_id,
        set={
            "notes": row["notes"] + " payeur régulier",
            "main_contact_person": {
                "name": "Mme Roy",
                "job_title": "Trésorière",
                "mobile": "438-555-0199",
                "email": "avant@example.org",
            },
            "main_address": {
                "address_line_1": "1 rue A",
                "address_line_2": "porte 3",
                "city": "Laval",
                "country_id": "FR",
            },
        },
    )
    address = Address(lines=("1 rue A",), city="Lyon", country="Wakanda")
    changed = account.model_copy(update={"email": "apres@example.org", "address": address})
    assert bench.system.transfer(Delivery(changed).task(ref.remote_id)).action is Action.UPDATED
    after = contact(bench, ref)
    person = after["main_contact_person"]
    assert person["email"] == "apres@example.org"
    assert (person["name"], person["job_title"]) == ("Mme Roy", "Trésorière")
    assert person["mobile"] == "438-555-0199"
    assert after["notes"].endswith("payeur régulier")
    kept = after["main_address"]
    assert (kept["address_line_2"], kept["city"]) == ("porte 3", "Lyon")
    assert kept["country"]["id"] == "FR", "a country we do not know leaves theirs alone"
    again = bench.system.transfer(Delivery(changed).task(ref.remote_id))
    assert again.action is Action.CONFIRMED


def test_a_rename_to_a_taken_name_is_refused(bench: SageBench) -> None:
    holder = bench.add_customer(f"Pris {unique()}")
    account = an_account()
    ref = settled(bench, account)
    renamed = account.model_copy(update={"name": holder.reference})
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        bench.system.transfer(Delivery(renamed).task(ref.remote_id))
    assert holder.remote_id in refusal[0].detail


def test_a_refused_update_is_explained(bench: SageBench) -> None:
    ref = settled(bench, an_account())
    wrong = an_account(email="sans.point@example")  # what `check` would have told
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(Delivery(wrong).task(ref.remote_id))
    assert refusal[0].field == "email"


@pytest.mark.parametrize("choice", ["accept", "refuse", "suffix"])
def test_whatever_sage_does_with_a_namesake_none_is_made_unawares(
    bench: SageBench, choice: str
) -> None:
    """Not documented (section 5): we look first, so all three outcomes come to the same."""
    bench.options.change({"duplicate_contact_names": choice})
    holder = bench.add_customer(f"Homonyme {unique()}")
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        settled(bench, an_account(name=holder.reference))
    assert holder.remote_id in refusal[0].detail
    assert len([r for r in bench.rows("contacts") if r["name"].startswith(holder.reference)]) == 1


def test_a_name_that_sage_refuses_or_changes_by_itself_is_told_as_it_is(bench: SageBench) -> None:
    """Sage folds accents where we do not, or keeps one list of names for all contacts."""
    name = f"Café {unique()}"
    bench.add_customer(name.replace("é", "e"))
    bench.options.change({"duplicate_contact_names": "refuse"})
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        settled(bench, an_account(name=name))
    assert refusal[0].field == "name"
    assert "already been taken" in refusal[0].detail
    bench.options.change({"duplicate_contact_names": "suffix"})
    account = an_account(name=name)
    ref = settled(bench, account)
    assert ref.reference == f"{name} (1)"
    assert bench.system.transfer(Delivery(account).task(ref.remote_id)).action is Action.CONFIRMED


def test_a_namesake_that_appears_between_our_look_and_sages_refusal_is_named(
    bench: SageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consumers.systems.sage_accounting import customers

    bench.options.change({"duplicate_contact_names": "refuse"})
    holder = bench.add_customer(f"Vite fait {unique()}")
    monkeypatch.setattr(customers, "free_name", lambda _, account: (account.name, 1))
    with rejected(Reason.DUPLICATE_NAME) as refusal:
        settled(bench, an_account(name=holder.reference))
    assert holder.remote_id in refusal[0].detail


def test_numbers_are_appended_within_the_length_of_a_name(bench: SageBench) -> None:
    system = bench.connector(ChapterSettings(duplicate_names="append_number"))
    name = f"{unique()} " + "é" * 94
    bench.add_customer(name)
    account = an_account(name=name)
    ref = Delivery(account).attempt(system).ref
    assert len(ref.reference) == 100
    assert ref.reference.endswith("é (2)")
    assert Delivery(account).attempt(system).ref == ref


def test_threads_never_create_two_contacts_of_one_name(bench: SageBench) -> None:
    name = f"Course {unique()}"
    accounts = [an_account(name=name) for _ in range(4)]
    ends: list[str] = []

    def send(account: Account) -> None:
        try:
            bench.system.transfer(Delivery(account).task())
            ends.append("created")
        except Exception as error:  # noqa: BLE001 — how it ended is what is tested
            ends.append(str(getattr(error, "reason", error)))

    threads = [threading.Thread(target=send, args=(one,)) for one in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["created", *["duplicate_name"] * 3]
    assert len([row for row in bench.rows("contacts") if row["name"] == name]) == 1


def test_a_creation_that_never_ends_makes_the_next_one_wait_no_longer_than_its_time(
    bench: SageBench,
) -> None:
    system = bench.connector(timeout_s=0.05)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with system._shared.numbering:
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert entered.wait(10)
        with pytest.raises(Transient, match="still being created"):
            system.transfer(Delivery(an_account()).task())
    finally:
        leave.set()
        thread.join()


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"name": "a\tb"}, Reason.INVALID_CHARACTERS, "name"),
        ({"email": "nobody"}, Reason.INVALID_FIELD, "email"),
        ({"email": "a@" + "b" * 100 + ".org"}, Reason.TOO_LONG, "email"),
        ({"phone": "5" * 51}, Reason.TOO_LONG, "phone"),
        ({"address": Address(city="c" * 51)}, Reason.TOO_LONG, "address.city"),
        ({"address": Address(postal_code="H" * 11)}, Reason.TOO_LONG, "address.postal_code"),
        ({"address": Address(lines=("x" * 51,))}, Reason.TOO_LONG, "address.lines"),
        ({"address": Address(lines=("long " * 25,))}, Reason.TOO_LONG, "address.lines"),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    ],
)
def test_what_sage_would_refuse_is_told_before(
    bench: SageBench, values: dict[str, Any], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_account(**values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("1 rue A", "Bureau 2"), ("1 rue A", "Bureau 2")),
        (("1 rue A", "Bureau 2", "Étage 3"), ("1 rue A, Bureau 2, Étage 3", "")),
        (
            ("1000, rue De La Gauchetière Ouest", "Bureau 2400", "Tour Nord, aile B"),
            ("1000, rue De La Gauchetière Ouest, Bureau 2400,", "Tour Nord, aile B"),
        ),
    ],
)
def test_longer_addresses_are_broken_between_words(
    bench: SageBench, lines: tuple[str, ...], expected: tuple[str, str]
) -> None:
    account = an_account(address=Address(lines=lines, city="Québec", country="Wakanda"))
    assert list(bench.system.check(account)) == []
    held = contact(bench, settled(bench, account))["main_address"]
    assert (held["address_line_1"], held["address_line_2"]) == expected
    assert held.get("country") is None


def test_an_area_closed_to_the_user_closes_the_system_and_says_whose_right(
    bench: SageBench,
) -> None:
    bench.accountant(roles={"Contacts": "read_only"})
    with pytest.raises(Unavailable) as info:
        settled(bench, an_account())
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "Full Access" in info.value.detail
