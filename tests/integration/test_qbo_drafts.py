"""What QuickBooks would be sent, without writing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import RemoteRef
from consumers.systems.quickbooks_online.fields import FIELDS
from ops.sandbox.quickbooks_online.company import (
    DEFERRED,
    ITEM_DUES,
    TERM_NET_30,
)
from schemas.reasons import Reason
from schemas.records import Address, Line, Record
from schemas.statuses import Entity
from tests.contracts.conformance_qbo import ACCOUNTS, QuickBooksBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.qbo_books import billed, by_line, customer_of

pytest_plugins = ["tests.fixtures_qbo"]
ADDRESS = Address(
    lines=("1, rue A", "2", "3", "4", "5", "6"),
    city="Québec",
    province="QC",
    postal_code="G1R 1A1",
    country="Canada",
)


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}".strip("."))
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, path)
    else:
        yield path


def every_record() -> list[tuple[Record, dict[str, RemoteRef]]]:
    """Records with every field filled, so that together they are sent with every element."""
    account = an_account(email="a@b.ca", phone="514 555-0199", address=ADDRESS)
    lines = (
        Line(
            description="Cotisation",
            unit_price=Decimal(100),
            amount=Decimal(100),
            gst=Decimal("4.50"),
            qst=Decimal("8.98"),
            taxable=True,
        ),
        Line(product="Rabais", amount=Decimal(-10), taxable=True),
    )
    invoice = an_invoice(
        account,
        lines=lines,
        gst=Decimal("4.50"),
        qst=Decimal("8.98"),
        total=Decimal("103.48"),
        due_date=dt.date(2026, 4, 13),
        description="Merci",
        billing_name="Tante Zoé",
        billing_address=ADDRESS,
    )
    documents = {invoice.id: RemoteRef("‹invoice›", invoice.number)}
    payment = a_payment(account, (invoice, "5.00"), method="cheque")
    entry = a_journal_entry(account, invoice)
    return [
        (account, {}),
        (invoice, {}),
        (a_credit_note(invoice), documents),
        (payment, documents),
        (entry, documents),
    ]


def test_what_is_sent_and_what_the_table_of_fields_says_are_the_same(
    bench: QuickBooksBench,
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"terms": TERM_NET_30})
    bench.accountant(preferences={"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    known = customer_of(bench, an_account(name="Before"))
    # Made last: two connectors in one second may send more than QuickBooks takes.
    system = bench.connector(send_tax_override=True)
    sent: dict[Entity, set[str]] = {entity: set() for entity in Entity}
    for record, documents in every_record():
        task = Delivery(record, RemoteRef("‹customer›", "x"), documents).task()
        for _, body in system.draft(task).requests:
            sent[record.entity] |= set(leaves(body))
    renamed = Delivery(an_account(name="After")).task(known.remote_id)
    for _, body in system.draft(renamed).requests:
        sent[Entity.ACCOUNT] |= set(leaves(body))
    declared: dict[Entity, set[str]] = {entity: set() for entity in Entity}
    for rule in FIELDS:
        declared[rule.entity].add(rule.target)
    assert sent == declared


@pytest.mark.parametrize("rule", [r for r in FIELDS if r.limit and r.refused and r.source])
def test_a_value_longer_than_the_table_says_is_refused_naming_its_field(
    bench: QuickBooksBench, rule: Any
) -> None:
    field = rule.source.partition(".")[2]
    too_long = "x" * (rule.limit + 1)
    record = _with(rule.entity, field, too_long)
    (problem,) = [p for p in bench.system.check(record) if p.reason is Reason.TOO_LONG]
    assert problem.field.split(".")[0] == field.split(".")[0]
    assert problem.detail == f"{rule.limit + 1} > {rule.limit}"


def _with(entity: Entity, field: str, value: str) -> Record:
    account = an_account()
    first, _, rest = field.partition(".")
    part: Any = value
    if first == "lines":
        line = Line(amount=Decimal(100), taxable=True)
        part = (line.model_copy(update={rest: value}),)
    elif rest:
        part = Address(lines=(value,)) if rest == "lines" else Address(**{rest: value})
    if entity is Entity.ACCOUNT:
        return an_account(**{first: part})
    if entity is Entity.INVOICE:
        return an_invoice(account, **{first: part})
    return a_payment(account, (an_invoice(account), "5.00"), **{first: part})


def test_the_draft_of_an_invoice_is_what_the_books_then_get(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    delivery = Delivery(an_invoice(account, "19.99", "5.00"), customer)
    bench.facts.clear()
    draft = bench.system.draft(delivery.task())
    ((path, body),) = draft.requests
    assert path.endswith("/invoice")
    bench.system.transfer(delivery.task())
    (row,) = [r for r in bench.rows("Invoice") if r["DocNumber"] == delivery.record.number]  # type: ignore[union-attr]  # an invoice
    assert row["CustomerRef"]["value"] == body["CustomerRef"]["value"]
    assert [Decimal(str(x["Amount"])) for x in row["Line"][:2]] == [
        line["Amount"] for line in body["Line"]
    ]
    assert [(x.account, x.tax) for x in draft.lines] == [
        (f"{ITEM_DUES} Cotisation", "GST/QST QC - 9.975")
    ] * 2
    assert (draft.gst, draft.qst) == (None, None)  # QuickBooks computes them by itself
    assert draft.total == Decimal(str(row["TotalAmt"]))


def test_taxes_are_in_the_draft_where_they_are_sent(bench: QuickBooksBench) -> None:
    account = an_account()
    invoice = an_invoice(account, "100.00")
    task = Delivery(invoice, RemoteRef("‹customer›", account.name)).task()
    draft = bench.connector(send_tax_override=True).draft(task)
    assert (draft.gst, draft.qst) == (Decimal("5.00"), Decimal("9.98"))


def test_taxes_that_quickbooks_cannot_come_to_are_refused_in_the_draft(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    customer = RemoteRef("‹customer›", account.name)
    rounded_otherwise = an_invoice(account, "100.00", qst=Decimal("9.99"), total=Decimal("114.99"))
    with rejected(Reason.TAX_MISMATCH) as caught:
        bench.system.draft(Delivery(rounded_otherwise, customer).task())
    assert "QuickBooks 14.98 ≠ Membri 14.99" in caught[0].detail
    # Rounded line by line or on the sum: QuickBooks may do either.
    assert bench.system.draft(Delivery(by_line(account), customer).task()).requests
    assert bench.system.draft(Delivery(an_invoice(account, *["10.10"] * 3), customer).task())


def test_a_credit_note_in_the_books_is_drafted_with_what_is_left_to_do(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    credit = a_credit_note(invoice, "100.00")
    bench.sandbox.faults.arm(kind="drop_before", path="/v3/company/4620816365/payment")
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(Delivery(credit, customer, documents).task())
    found = bench.system.find(Delivery(credit, customer).lookup)
    assert found is not None
    assert found.unfinished
    task = Delivery(credit, customer, documents).task(found.ref.remote_id)
    ((path, body),) = bench.system.draft(task).requests
    assert path.endswith("/payment")
    assert body["Line"][1]["LinkedTxn"][0]["TxnId"] == found.ref.remote_id
    bench.system.transfer(task)
    assert bench.system.draft(task).requests == ()


def test_a_credit_note_is_drafted_with_what_its_invoice_still_owes(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    paid = a_payment(invoice.account, (invoice, "100.00"))
    bench.system.transfer(Delivery(paid, customer, {invoice.id: ref}).task())
    credit = a_credit_note(invoice, "100.00")
    draft = bench.system.draft(Delivery(credit, customer, {invoice.id: ref}).task())
    (memo_path, _), (payment_path, application) = draft.requests
    assert (memo_path.rpartition("/")[2], payment_path.rpartition("/")[2]) == (
        "creditmemo",
        "payment",
    )
    assert {line["Amount"] for line in application["Line"]} == {Decimal("14.98")}
    last = a_payment(invoice.account, (invoice, "14.98"))
    bench.system.transfer(Delivery(last, customer, {invoice.id: ref}).task())
    settled = bench.system.draft(Delivery(credit, customer, {invoice.id: ref}).task())
    assert len(settled.requests) == 1


def test_a_draft_refuses_what_the_books_would(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    too_much = a_payment(invoice.account, (invoice, "200.00"))
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as caught:
        bench.system.draft(Delivery(too_much, customer, {invoice.id: ref}).task())
    assert "200.00 > 114.98" in caught[0].detail
    with rejected(Reason.DUPLICATE_NAME) as caught:
        bench.system.draft(Delivery(an_account(name="Hydro-Québec")).task())
    assert "vendor « Hydro-Québec »" in caught[0].detail
    with rejected(Reason.REFERENCE_NOT_FOUND):
        bench.system.draft(Delivery(an_account()).task("987654"))


def test_an_update_that_changes_nothing_drafts_no_request(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    assert bench.system.draft(Delivery(account).task(customer.remote_id)).requests == ()
    renamed = account.model_copy(update={"name": "Nouveau nom", "phone": "418 555-0100"})
    ((_, body),) = bench.system.draft(Delivery(renamed).task(customer.remote_id)).requests
    assert body["DisplayName"] == "Nouveau nom"
    assert body["sparse"] is True


def test_the_item_that_earns_deferred_revenue_may_be_another_one(bench: QuickBooksBench) -> None:
    account = an_account()
    entry = a_journal_entry(account, an_invoice(account))
    bench.accounts = ACCOUNTS.model_copy(update={"earned_revenue": "Don"})
    draft = bench.restarted().draft(Delivery(entry).task())
    assert [(line.account, line.amount) for line in draft.lines] == [
        (DEFERRED, Decimal("8.33")),
        ("12", Decimal("-8.33")),
    ]
    bench.accounts = ACCOUNTS.model_copy(update={"earned_revenue": "Personne"})
    with rejected(Reason.UNKNOWN_ACCOUNT) as caught:
        bench.restarted().draft(Delivery(entry).task())
    assert "accounts.earned_revenue = 'Personne'" in caught[0].detail
