"""Settings against the live company, fields against what is sent, drafts against what is posted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import Unavailable
from consumers.system import RemoteRef, SettingCheck
from consumers.systems.sage_accounting.fields import FIELDS, limit
from ops.sandbox.sage_accounting.company import BANK, DEFERRED, DUES, EXPENSES, RECEIVABLE
from schemas.chapters import ChapterSettings
from schemas.reasons import Reason, SettingReason, SystemReason
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


def found(
    bench: SageBench, settings: ChapterSettings | None = None, **accounts: Any
) -> dict[str, SettingCheck]:
    """The checks that are not right, by setting."""
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    checks = bench.connector(settings).check_settings()
    return {one.setting: one for one in checks if one.reason is not None}


# --- settings -----------------------------------------------------------------------------------


def test_everything_looked_at_is_told_even_where_it_is_right(bench: SageBench) -> None:
    checks = {(one.setting, one.value): one for one in bench.system.check_settings()}
    assert [one for one in checks.values() if one.reason is not None] == []
    assert checks["connection.business_id", "Association des Érables"]
    assert checks["connection.edition", "auto"].detail == "ACCOUNTING"
    assert checks["accounts.default_income", DUES].detail == "Cotisations (4000)"
    assert checks["accounts.deposit", BANK].detail == "Compte chèques (1060)"
    assert checks["accounts.payment_methods.cheque", "Cheque"].detail == "Cheque"
    assert checks["accounts.tax_codes.taxable", ""].detail == "GST/QST QC: 5 % + 9.975 %"
    assert checks["accounts.tax_codes.exempt", ""].detail == "Exempt: 0 %"
    for area in ("Contacts", "Sales", "Bank", "Journals"):
        assert checks["roles", area].detail == "can be read"


@pytest.mark.parametrize(
    ("accounts", "setting", "reason", "words"),
    [
        ({"default_income": "9"}, "default_income", SettingReason.NOT_FOUND, "visible in sales"),
        ({"default_income": ""}, "default_income", SettingReason.NOT_SET, ""),
        (
            {"income": {"event": EXPENSES}},
            "income.event",
            SettingReason.NOT_POSTABLE,
            "« Frais bancaires (5600) » is no ledger account visible in sales",
        ),
        ({"deposit": "Banque"}, "deposit", SettingReason.NOT_FOUND, "no bank account"),
        ({"deposit": ""}, "deposit", SettingReason.NOT_SET, ""),
        ({"deferred_revenue": "9"}, "deferred_revenue", SettingReason.NOT_FOUND, "journals"),
        (
            {"earned_revenue": RECEIVABLE},
            "earned_revenue",
            SettingReason.NOT_POSTABLE,
            "control account",
        ),
        (
            {"payment_methods": {"cash": "Or"}},
            "payment_methods.cash",
            SettingReason.NOT_FOUND,
            "no payment method",
        ),
        (
            {"tax_codes": {"taxable": "HST ON"}},
            "tax_codes.taxable",
            SettingReason.NOT_FOUND,
            "HST ON",
        ),
        (
            {"tax_codes": {"taxable": "GST"}},
            "tax_codes.taxable",
            SettingReason.TAX_RATE_DIFFERS,
            "GST: 5 %",
        ),
        ({"tax_codes": {"vat": "GST"}}, "tax_codes.vat", SettingReason.WRONG_KIND, "gst_only"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_there(
    bench: SageBench, accounts: dict[str, Any], setting: str, reason: SettingReason, words: str
) -> None:
    check = found(bench, **accounts)[f"accounts.{setting}"]
    assert (check.reason, check.blocking) == (reason, True)
    assert words in check.detail


def test_earned_revenue_without_an_account_of_its_own_needs_one_that_journals_take(
    bench: SageBench,
) -> None:
    row = bench.books.get("ledger_accounts", DUES)
    kind = bench.books.kind("ledger_accounts")
    bench.sandbox.store.put(kind, DUES, {**row, "visible_in_journals": False})
    try:
        check = found(bench)["accounts.default_income"]
        assert check.reason is SettingReason.NOT_POSTABLE
        assert "is no ledger account visible in journals" in check.detail
        assert found(bench, earned_revenue="4010") == {}
        assert found(bench, deferred_revenue="") == {}
    finally:
        bench.sandbox.store.put(kind, DUES, row)


def test_deferring_needs_its_account(bench: SageBench) -> None:
    assert "accounts.deferred_revenue" not in found(bench, deferred_revenue="")
    check = found(bench, DEFERRING, deferred_revenue="")["accounts.deferred_revenue"]
    assert check.reason is SettingReason.NOT_SET


def test_dues_invoiced_as_revenue_at_once_are_no_good_idea_where_they_are_deferred(
    bench: SageBench,
) -> None:
    wrong = found(bench, DEFERRING)
    assert set(wrong) == {"accounts.income.membership", "accounts.income.renewal"}
    check = wrong["accounts.income.renewal"]
    assert (check.reason, check.blocking) == (SettingReason.DEFERRED_TWICE, False)
    assert "« Cotisations (4000) »" in check.detail
    assert "« Produits reportés (2400) »" in check.detail
    assert found(bench) == {}


def test_dues_invoiced_to_the_deferred_account_are_right(bench: SageBench) -> None:
    income = {"membership": DEFERRED, "renewal": "2400"}
    assert found(bench, DEFERRING, income=income) == {}


def test_dues_without_any_account_are_told_once(bench: SageBench) -> None:
    assert set(found(bench, DEFERRING, default_income="")) == {"accounts.default_income"}
    assert set(found(bench, DEFERRING, deferred_revenue="9")) == {"accounts.deferred_revenue"}


@pytest.mark.parametrize("edition", ["START", "MICRO"])
def test_the_limited_edition_is_told_and_blocks_nothing(bench: SageBench, edition: str) -> None:
    bench.accountant(edition=edition)
    check = found(bench)["connection.edition"]
    assert (check.reason, check.blocking) == (SettingReason.LIMITED_EDITION, False)
    assert edition in check.detail


@pytest.mark.parametrize("edition", ["ACCOUNTING", "ACCOUNTING_10"])
def test_every_other_subscription_is_the_full_edition(bench: SageBench, edition: str) -> None:
    bench.accountant(edition=edition)
    assert found(bench) == {}


def test_an_ended_subscription_is_told(bench: SageBench) -> None:
    from consumers.systems.sage_accounting.lists import Subscription

    ended = {"id": "ACCOUNTING", "active": False}
    held = Subscription.read({"name": "A", "subscriptions": [ended]})
    assert (held.active, held.limited) == (False, False)
    assert Subscription.read({"displayed_as": "A"}).active
    both = [ended, {"id": "START", "active": True}]
    assert Subscription.read({"subscriptions": both}).limited
    system = bench.system
    with system._company() as company:
        system._lists._held["business",] = (bench.time.clock(), held)
        from consumers.systems.sage_accounting import checks

        first = next(iter(checks._subscription(company)))
    assert first.reason is SettingReason.POSTING_BLOCKED


def test_a_closed_day_is_told(bench: SageBench) -> None:
    today = bench.time.now().date()
    bench.accountant(closed_until=today.isoformat())
    check = found(bench)["financial_settings"]
    assert check.reason is SettingReason.PERIOD_CLOSED
    assert f"{today} ≤ {today}" in check.detail
    assert any("closed up to" in note for note in bench.system.probe().notes)


def test_ids_of_sages_own_lists_are_compared(bench: SageBench) -> None:
    bench.values = {"contact_person_type": "BOSS", "address_type": "MOON"}
    wrong = found(bench)
    assert wrong["connection.contact_person_type"].detail == "Sage has ACCOUNTS, SALES, PRIMARY"
    assert wrong["connection.address_type"].reason is SettingReason.NOT_FOUND


@pytest.mark.parametrize("area", ["Contacts", "Sales", "Bank", "Journals"])
def test_an_area_that_the_user_may_not_read_is_told(bench: SageBench, area: str) -> None:
    if area == "Bank":  # the settings are looked up there too
        bench.accounts = ACCOUNTS.model_copy(update={"deposit": ""})
    bench.accountant(roles={area: "none"})
    checks = bench.restarted().check_settings()
    (check,) = [one for one in checks if one.reason is SettingReason.RIGHTS_MISSING]
    assert (check.setting, check.value) == ("roles", area)


def test_a_throttle_while_looking_is_no_missing_right(bench: SageBench) -> None:
    system = bench.restarted()
    bench.sandbox.faults.arm(kind="status", status=429, path="/v3.1/journals")
    with pytest.raises(Unavailable) as info:
        system.check_settings()
    assert info.value.reason is SystemReason.THROTTLED


# --- the probe ----------------------------------------------------------------------------------


def test_a_probe_says_what_a_person_should_know(bench: SageBench) -> None:
    assert bench.system.probe().notes == ()
    bench.accountant(edition="START")
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": "", "deposit": ""})
    bench.values = {"limited_credit_notes": "refuse"}
    notes = bench.restarted().probe().notes
    assert len(notes) == 3
    for words in ("limited edition", "default_income is not set", "deposit is not set"):
        assert any(words in note for note in notes)


@pytest.mark.parametrize(
    "accounts", [{"deposit": "nope"}, {"tax_codes": {"taxable": "nope"}}, {"tax_codes": {"x": "y"}}]
)
def test_a_probe_refuses_settings_that_would_fail_every_record(
    bench: SageBench, accounts: dict[str, Any]
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    with pytest.raises(Unavailable) as info:
        bench.restarted().probe()
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert f"accounts.{next(iter(accounts))}" in info.value.detail


# --- fields -------------------------------------------------------------------------------------


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


# --- drafts -------------------------------------------------------------------------------------


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
