"""Contacts of the simulated Sage Accounting: (13) and (19) of the reference's list."""

import pytest

from ops.sandbox.sage_accounting import Options
from tests.sandbox_sage_accounting_driver import Driver, line, sale

CUSTOMER = {"contact_type_ids": ["CUSTOMER"]}


@pytest.mark.parametrize("kinds", [None, [], ["CUSTOMER", "VENDOR"], ["MEMBER"], "CUSTOMER"])
def test_13_a_contact_has_exactly_one_type(kinds):
    answer = Driver().post("contacts", {"name": "Anne", "contact_type_ids": kinds})
    assert (answer.status, answer.sources) == (422, ["contact.contact_type_ids"])


LENGTHS = [
    ("name", 100, lambda text: {"name": text}),
    ("reference", 10, lambda text: {"reference": text}),
    ("notes", 4000, lambda text: {"notes": text}),
    ("email", 100, lambda text: {"email": "a@b.ca".rjust(len(text), "x")}),
    ("main_address.city", 50, lambda text: {"main_address": {"city": text}}),
    ("main_address.postal_code", 10, lambda text: {"main_address": {"postal_code": text}}),
    (
        "main_contact_person.telephone",
        50,
        lambda text: {"main_contact_person": {"telephone": text}},
    ),
]


@pytest.mark.parametrize(("attribute", "limit", "body"), LENGTHS)
def test_13_each_text_has_its_length_in_characters(attribute, limit, body):
    driver = Driver()
    assert driver.post("contacts", {"name": "A", **CUSTOMER, **body("é" * limit)}).status == 201
    answer = driver.post("contacts", {"name": "B", **CUSTOMER, **body("é" * (limit + 1))})
    assert (answer.status, answer.sources) == (422, [f"contact.{attribute}"])


def test_13_a_whole_contact_is_read_as_it_was_written():
    made = Driver().contact(
        "Club ABC inc.",
        reference="C10023",
        email="club@example.org",
        credit_days=15,
        main_address={
            "address_type_id": "ACCOUNTS",
            "address_line_1": "1, rue Principale",
            "city": "Laval",
            "region": "CA-QC",
            "postal_code": "H7A 1A1",
            "country_id": "CA",
        },
        main_contact_person={"contact_person_type_ids": ["ACCOUNTS"], "name": "Zoé"},
    )
    assert made["main_address"]["country"]["id"] == "CA"
    assert made["main_address"]["postal_code"] == "H7A 1A1"
    assert made["main_contact_person"]["name"] == "Zoé"
    assert (made["credit_days"], made["is_active"], made["deletable"]) == (15, True, True)


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({"email": "nowhere"}, "contact.email"),
        ({"credit_days": 366}, "contact.credit_days"),
        ({"credit_terms": "never"}, "contact.credit_terms"),
        ({"main_address": {"country_id": "ZZ"}}, "contact.main_address.country_id"),
        ({"main_address": "Laval"}, "contact.main_address"),
        (
            {"main_contact_person": {"contact_person_type_ids": ["BOSS"]}},
            "contact.main_contact_person.contact_person_type_ids",
        ),
        ({"default_sales_tax_rate_id": "none"}, "contact.default_sales_tax_rate_id"),
        ({"reference": 12}, "contact.reference"),
    ],
)
def test_13_what_a_contact_cannot_hold_is_named(body, source):
    answer = Driver().post("contacts", {"name": "Anne", **CUSTOMER, **body})
    assert (answer.status, answer.sources) == (422, [source])


def test_13_a_reference_is_unique_and_a_name_is_not():
    driver = Driver()
    first = driver.contact("Anne Côté", reference="C1")
    second = driver.contact("Anne Côté")
    assert first["id"] != second["id"]
    taken = driver.post("contacts", {"name": "Luc", "reference": "c1", **CUSTOMER})
    assert (taken.status, taken.sources) == (422, ["contact.reference"])
    assert driver.put("contacts", first["id"], {"reference": "C1", "notes": "x"}).status == 200


@pytest.mark.parametrize(
    ("choice", "status", "name"), [("refuse", 422, None), ("suffix", 201, "anne cote (2)")]
)
def test_13_identical_names_may_also_be_refused_or_numbered(choice, status, name):
    driver = Driver(Options(duplicate_contact_names=choice))
    driver.contact("Anne Côté")
    driver.contact("Anne Cote (1)")
    answer = driver.post("contacts", {"name": "anne cote", **CUSTOMER})
    assert answer.status == status
    if name:
        assert answer.json["name"] == name


def test_13_search_is_fuzzy_and_covers_the_reference():
    driver = Driver()
    anne = driver.contact("Anne Côté", reference="C77", email="anne@example.org")
    longer = driver.contact("Jeanne Côté-Roy")
    vendor = driver.made("contacts", {"name": "Côté et fils", "contact_type_ids": ["VENDOR"]})

    def found(**params):
        return [row["id"] for row in driver.found("contacts", **params)]

    assert found(search="anne cote") == [anne["id"], longer["id"]]
    assert found(search="côté") == [anne["id"], longer["id"], vendor["id"]]
    assert found(search="côté", contact_type_id="VENDOR") == [vendor["id"]]
    assert found(search="c77") == [anne["id"]]
    assert found(email="ANNE@example.org") == [anne["id"]]
    driver.accountant(resource="contacts", id=anne["id"], set={"system": True})
    assert found(search="anne", exclude_system="true") == [longer["id"]]


@pytest.mark.parametrize("flag", [{"is_active": False}, {"gdpr_obfuscated": True}])
def test_13_a_contact_that_cannot_be_used_gets_no_invoice(flag):
    driver = Driver()
    anne = driver.contact()
    driver.accountant(resource="contacts", id=anne["id"], set=flag)
    answer = driver.post("sales_invoices", sale(anne))
    assert (answer.status, answer.sources) == (422, ["sales_invoice.contact_id"])


def test_13_a_vendor_of_the_same_name_is_no_customer():
    driver = Driver()
    vendor = driver.made("contacts", {"name": "Anne", "contact_type_ids": ["VENDOR"]})
    answer = driver.post("sales_invoices", sale(vendor))
    assert answer.status == 422
    assert "can't find customer" in answer.text


def test_13_only_a_contact_that_nothing_refers_to_is_deleted():
    driver = Driver()
    anne, luc = driver.contact("Anne"), driver.contact("Luc")
    driver.invoice(anne)
    assert driver.read("contacts", anne["id"])["deletable"] is False
    assert driver.call("DELETE", f"contacts/{anne['id']}").status == 422
    assert driver.call("DELETE", f"contacts/{luc['id']}").status == 204
    assert driver.call("GET", f"contacts/{luc['id']}").status == 404


def test_13_the_balance_is_what_is_owed_less_what_is_in_credit():
    driver = Driver()
    anne = driver.contact()
    invoice = driver.invoice(anne, "100.00")
    driver.credit_note(anne, "10.00")
    driver.payment(anne, "50.00", (invoice, "40.00"))
    assert driver.read("contacts", anne["id"], show_balance="true")["balance"] == "53.48"


def test_19_an_invoice_keeps_the_name_it_was_made_with():
    driver = Driver()
    anne = driver.contact("Anne Côté")
    invoice = driver.invoice(anne)
    assert driver.put("contacts", anne["id"], {"name": "Anne Roy"}).json["name"] == "Anne Roy"
    assert driver.read("sales_invoices", invoice["id"])["contact_name"] == "Anne Côté"
    assert driver.found("contacts", search="Roy")[0]["id"] == anne["id"]


def test_27_a_put_changes_what_it_names_and_the_last_writer_wins():
    driver = Driver()
    anne = driver.contact("Anne", reference="C1", notes="avant")
    before = anne["updated_at"]
    driver.advance(5)
    driver.accountant(resource="contacts", id=anne["id"], set={"notes": "du comptable"})
    changed = driver.put("contacts", anne["id"], {"notes": "du lien"}).json
    assert (changed["notes"], changed["reference"]) == ("du lien", "C1")
    assert changed["updated_at"] > before


def test_08_start_keeps_one_address_and_no_credit_limit():
    driver = Driver(edition="START")
    made = driver.contact("Anne", delivery_address={"city": "Laval"})
    assert "delivery_address" not in made
    answer = driver.post("contacts", {"name": "Luc", "credit_limit": "100", **CUSTOMER})
    assert answer.status == 403
    assert driver.offences() == ["outside_edition"]


def test_the_source_guid_may_or_may_not_come_back():
    driver = Driver()
    assert driver.contact("Anne", source_guid="g-1")["source_guid"] == "g-1"
    driver.system.options.source_guid_echo = False
    assert "source_guid" not in driver.contact("Luc", source_guid="g-2")


def test_a_line_of_a_document_is_no_contact_field():
    assert Driver().post("contacts", {"name": "A", **CUSTOMER, "notes": line()}).status == 422
