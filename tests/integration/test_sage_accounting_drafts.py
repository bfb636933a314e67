"""What Sage Comptabilité would be sent, as its table of fields says, without writing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from consumers.system import RemoteRef
from consumers.systems.sage_accounting.fields import FIELDS, limit
from schemas.chapters import ChapterSettings
from schemas.reasons import Reason
from schemas.records import Address, Line, Record
from schemas.statuses import Entity
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)

pytest_plugins = ["tests.fixtures_sage_accounting"]
DEFERRING = ChapterSettings(deferred_revenue="on_date")
ADDRESS = Address(
    lines=("1 rue A", "Bureau 2"),
    city="Laval",
    province="QC",
    postal_code="H7A 1A1",
    country="Canada",
)


def leaves(body: Any, path: str = "") -> Iterator[str]:
    """Paths of what a body holds, without its root; the places of a list do not count."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(body, list) and body and isinstance(body[0], dict):
        for value in body:
            yield from leaves(value, path)
    else:
        yield path


def every_record() -> list[tuple[Record, dict[str, RemoteRef]]]:
    """Records with every field filled, so that together they are sent with every attribute."""
    account = an_account(email="a@b.ca", phone="514 555-0199", number="M1", address=ADDRESS)
    invoice = an_invoice(account, due_date=dt.date(2026, 4, 13), description="Merci")
    documents = {invoice.id: RemoteRef("‹invoice›", invoice.number)}
    return [
        (account, {}),
        (invoice, {}),
        (a_credit_note(invoice), documents),
        (a_payment(account, (invoice, "5.00"), method="cheque"), documents),
        (a_journal_entry(account, invoice), documents),
    ]


def drafted(bench: SageBench, record: Record, documents: dict[str, RemoteRef]) -> list[Any]:
    task = Delivery(record, RemoteRef("‹customer›", "x"), documents).task()
    requests = bench.system.draft(task).requests
    assert requests
    return [content for _, body in requests for content in body.values()]


def test_what_is_sent_and_what_the_table_of_fields_says_are_the_same(bench: SageBench) -> None:
    sent: dict[Entity, set[str]] = {entity: set() for entity in Entity}
    for record, documents in every_record():
        for body in drafted(bench, record, documents):
            sent[record.entity] |= set(leaves(body))
    account = an_account(email="a@b.ca")
    ref = Delivery(account).attempt(bench.system).ref
    person = {"name": "R", "job_title": "T", "mobile": "1", "fax": "2", "email": "a@b.ca"}
    bench.accountant(
        resource="contacts",
        id=ref.remote_id,
        set={"main_contact_person": person, "main_address": {"name": "Siège", "city": "X"}},
    )
    changed = account.model_copy(update={"email": "c@d.ca", "address": ADDRESS})
    task = Delivery(changed).task(ref.remote_id)
    for _, body in bench.system.draft(task).requests:
        sent[Entity.ACCOUNT] |= set(leaves(body["contact"]))
    declared: dict[Entity, set[str]] = {entity: set() for entity in Entity}
    for rule in FIELDS:
        declared[rule.entity].add(rule.target)
    assert sent == declared


def test_the_lengths_of_the_page_are_those_of_the_table() -> None:
    assert limit(Entity.ACCOUNT, "name") == 100
    assert limit(Entity.ACCOUNT, "reference") == 10
    assert limit(Entity.ACCOUNT, "main_address.postal_code") == 10
    assert limit(Entity.INVOICE, "reference") == 25
    assert limit(Entity.JOURNAL_ENTRY, "description") == 200


def test_the_declaration_tells_the_limits_of_the_table(bench: SageBench) -> None:
    declared = bench.system.declaration
    assert declared.fields == FIELDS
    assert declared.field_limits == {
        "name": 100,
        "email": 100,
        "phone": 50,
        "number": 25,
        "description": 1800,
    }


def writes(bench: SageBench) -> int:
    return sum(1 for one in bench.sandbox.log if one["method"] != "GET")


def posted(bench: SageBench, delivery: Delivery) -> list[tuple[str, Any]]:
    """What transfer sends, as the sandbox kept it by idempotency id: the bodies' digests."""
    before = set(bench.sandbox.store.keys(bench.books.kind("_idempotency")))
    bench.system.transfer(delivery.task())
    after = set(bench.sandbox.store.keys(bench.books.kind("_idempotency")))
    return [(one, None) for one in sorted(after - before)]


def test_a_draft_writes_nothing_and_is_what_transfer_then_sends(bench: SageBench) -> None:
    account = an_account(email="a@b.ca", address=ADDRESS)
    before = writes(bench)
    delivery = Delivery(account)
    draft = bench.system.draft(delivery.task())
    assert writes(bench) == before
    ((where, body),) = draft.requests
    assert where == "POST /contacts"
    assert [one for one, _ in posted(bench, delivery)] == [body["contact"]["idempotency_id"]]
    customer = bench.system.find(delivery.lookup)
    assert customer is not None
    invoice = an_invoice(account, "19.99", "5.00")
    billing = Delivery(invoice, customer.ref)
    (bill,) = bench.system.draft(billing.task()).requests
    assert bill[1]["sales_invoice"]["contact_id"] == customer.ref.remote_id
    made = bench.system.transfer(billing.task()).ref
    # The same id with any other body would be refused there.
    assert replayed(bench, "sales_invoices", bill[1]) == made.remote_id


def replayed(bench: SageBench, resource: Any, body: dict[str, Any]) -> str:
    """The id that Sage answers when that very body is sent again."""
    with bench.system._company() as company:
        (content,) = body.values()
        return str(company.client.create(resource, content)["id"])


def test_every_draft_is_the_body_that_was_sent(bench: SageBench) -> None:
    account = an_account()
    customer = Delivery(account).attempt(bench.system).ref
    invoice = an_invoice(account, "100.00")
    documents = {invoice.id: Delivery(invoice, customer).attempt(bench.system).ref}
    for record in (
        a_payment(account, (invoice, "14.98")),
        a_journal_entry(account, invoice),
        a_credit_note(invoice, "10.00"),
    ):
        delivery = Delivery(record, customer, documents)
        (where, body), *_ = bench.system.draft(delivery.task()).requests
        made = bench.system.transfer(delivery.task()).ref
        assert replayed(bench, where.removeprefix("POST /"), body) == made.remote_id


def test_what_only_an_earlier_answer_tells_stands_as_such(bench: SageBench) -> None:
    invoice = an_invoice(an_account())
    (bill,) = bench.system.draft(Delivery(invoice).task()).requests
    assert bill[1]["sales_invoice"]["contact_id"] == "‹customer›"
    credit, applied = bench.system.draft(Delivery(a_credit_note(invoice)).task()).requests
    assert credit[0] == "POST /sales_credit_notes"
    assert applied[0] == "POST /contact_allocations"
    artefacts = applied[1]["contact_allocation"]["allocated_artefacts"]
    assert [one["artefact_id"] for one in artefacts] == [
        *(f"‹invoice {invoice.number}›", "‹credit note›"),
    ]
    assert [one["amount"] for one in artefacts] == ["114.98", "-114.98"]
    payment = a_payment(invoice.account, (invoice, "5.00"))
    draft = bench.system.draft(Delivery(payment).task())
    assert [(one.description, one.account, one.amount) for one in draft.lines] == [
        (invoice.number, "Compte chèques (1060)", Decimal("5.00")),
    ]


def test_a_draft_applies_no_more_than_the_invoice_still_owes(bench: SageBench) -> None:
    account = an_account()
    ref = Delivery(account).attempt(bench.system).ref
    invoice = an_invoice(account, "100.00")
    made = Delivery(invoice, ref).attempt(bench.system).ref
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})

    def applied() -> list[str]:
        _, *after = bench.system.draft(credit.task()).requests
        return [
            one["amount"]
            for _, body in after
            for one in body["contact_allocation"]["allocated_artefacts"]
        ]

    assert applied() == ["114.98", "-114.98"]
    Delivery(a_payment(account, (invoice, "100.00")), ref, {invoice.id: made}).attempt(bench.system)
    assert applied() == ["14.98", "-14.98"]
    Delivery(a_payment(account, (invoice, "14.98")), ref, {invoice.id: made}).attempt(bench.system)
    assert applied() == []


def test_a_draft_reads_well_to_people(bench: SageBench) -> None:
    line = Line(description="Repas", amount=Decimal(60), quantity=Decimal(3), unit_price=20)
    invoice = an_invoice(an_account(), lines=(line,), gst="0", qst="0", total="60.00", type="event")
    draft = bench.system.draft(Delivery(invoice).task())
    (shown,) = draft.lines
    assert (shown.description, shown.account) == ("Repas", "Activités et formations (4010)")
    assert (shown.quantity, shown.amount, shown.tax) == (3, Decimal("60.00"), "Exempt")
    assert (draft.gst, draft.qst, draft.total) == (0, 0, Decimal("60.00"))
    entry = a_journal_entry(invoice.account, invoice)
    lines = bench.system.draft(Delivery(entry).task()).lines
    assert [(one.account, one.amount) for one in lines] == [
        ("Produits reportés (2400)", Decimal("8.33")),
        ("Cotisations (4000)", Decimal("-8.33")),
    ]


def test_the_limited_edition_drafts_no_application(bench: SageBench) -> None:
    bench.accountant(edition="START")
    invoice = an_invoice(an_account())
    (credit,) = bench.restarted().draft(Delivery(a_credit_note(invoice)).task()).requests
    assert "À imputer à la facture" in credit[1]["sales_credit_note"]["notes"]


def test_a_draft_of_what_cannot_be_sent_says_why(bench: SageBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": ""})
    system = bench.restarted()
    with rejected(Reason.UNKNOWN_ACCOUNT):
        system.draft(Delivery(an_invoice(an_account())).task())
    with rejected(Reason.REFERENCE_NOT_FOUND):
        system.draft(Delivery(an_account()).task("f" * 32))
    holder = bench.add_customer("Homonyme de brouillon")
    with rejected(Reason.DUPLICATE_NAME):
        system.draft(Delivery(an_account(name=holder.reference)).task())


def test_an_update_that_changes_nothing_drafts_nothing(bench: SageBench) -> None:
    account = an_account(email="a@b.ca")
    ref = Delivery(account).attempt(bench.system).ref
    assert bench.system.draft(Delivery(account).task(ref.remote_id)).requests == ()


def test_idempotency_ids_differ_by_operation_and_are_the_same_for_every_attempt(
    bench: SageBench,
) -> None:
    invoice = an_invoice(an_account(), type="event")
    task = Delivery(a_credit_note(invoice)).task()
    ids = [
        [content["idempotency_id"] for _, body in draft.requests for content in body.values()]
        for draft in (bench.system.draft(task), bench.restarted().draft(task))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert all(len(one) == 32 and int(one, 16) for one in ids[0])
    other = bench.system.draft(replace(task, key="0" * 36)).requests[0][1]["sales_credit_note"]
    assert other["idempotency_id"] not in ids[0]
