"""What every accounting system must do, whatever it is.

`SystemConformance` is a plain class: a system binds it with a subclass that overrides the `bench`
fixture, and the capability fixtures it lacks. The bench is the world around the system: its books,
and what may go wrong with it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Found, Lookup, Receipt, RemoteRef, System, Task
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.records import (
    Account,
    Address,
    Allocation,
    DocumentRef,
    Invoice,
    JournalEntry,
    Line,
    Payment,
    Record,
)

DAY = dt.date(2026, 3, 14)
DAMAGES = ("lost_before", "lost_after", "gateway_after")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Held:
    """What the books hold of one record: how many times, and what is open of it."""

    count: int
    total: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)


class Bench(Protocol):
    """A system under test and hands on its world."""

    @property
    def system(self) -> System: ...

    def restarted(self) -> System:
        """Another connector on the same books, as after a crash."""
        ...

    def held(self, record: Record) -> Held:
        """What the books hold with this record's marker."""
        ...

    def applications(self, record: Record) -> int:
        """How many times a credit note was applied."""
        ...

    def customer_name(self, remote_id: str) -> str: ...

    def add_customer(self, name: str, *, active: bool = True) -> RemoteRef:
        """Somebody makes a customer by hand."""
        ...

    def append_numbers(self) -> System:
        """A connector of a chapter with `duplicate_names = "append_number"`."""
        ...

    def close_until(self, date: dt.date | None) -> None: ...

    def spoil(self, damage: str, request: int) -> None:
        """The `request`-th request from now (0 is the next) meets `damage`."""
        ...

    def spoiled(self) -> bool:
        """Whether the damage was met; whatever is armed is disarmed."""
        ...

    def cut(self) -> None:
        """Nothing answers any more."""
        ...

    def mend(self) -> None: ...


@dataclass
class Steps:
    """Finished steps, as the ledger would keep them."""

    held: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        return self.held.get(name)

    def remember(self, name: str, value: str) -> None:
        self.held[name] = value


def unique() -> str:
    """A short text that no other record of the run has."""
    return f"{next(_numbers):05d}"


def an_account(**values: object) -> Account:
    number = unique()
    given = {"id": f"a0000000-{number}", "name": f"Association {number}", "new_account": True}
    return Account.model_validate({**given, **values})


def an_invoice(account: Account, *nets: str, **values: object) -> Invoice:
    """Taxable lines of these net amounts, taxes rounded on the sum."""
    number = unique()
    amounts = [Decimal(net) for net in nets or ("100.00",)]
    cent = Decimal("0.01")
    gst = (sum(amounts) * Decimal("0.05")).quantize(cent, "ROUND_HALF_UP")
    qst = (sum(amounts) * Decimal("0.09975")).quantize(cent, "ROUND_HALF_UP")
    given: dict[str, object] = {
        "id": f"i0000000-{number}",
        "number": f"F-{number}",
        "account": account,
        "date": DAY,
        "lines": tuple(Line(description="Cotisation", amount=a, taxable=True) for a in amounts),
        "gst": gst,
        "qst": qst,
        "total": sum(amounts) + gst + qst,
    }
    return Invoice.model_validate({**given, **values})


def a_credit_note(invoice: Invoice, *nets: str, **values: object) -> Invoice:
    corrects = DocumentRef(id=invoice.id, number=invoice.number)
    return an_invoice(invoice.account, *nets, kind="credit_note", corrects=corrects, **values)


def a_payment(account: Account, *parts: tuple[Invoice, str], **values: object) -> Payment:
    number = unique()
    allocations = tuple(
        Allocation(invoice=DocumentRef(id=i.id, number=i.number), amount=Decimal(a))
        for i, a in parts
    )
    given: dict[str, object] = {
        "id": f"p0000000-{number}",
        "number": f"P-{number}",
        "account": account,
        "date": DAY,
        "amount": sum(a.amount for a in allocations),
        "allocations": allocations,
    }
    return Payment.model_validate({**given, **values})


@dataclass
class Delivery:
    """One record on its way, as the engine carries it: look first, then send, same key always."""

    record: Record
    customer: RemoteRef | None = None
    documents: Mapping[str, RemoteRef] = field(default_factory=dict)
    key: str = ""
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        self.key = self.key or f"00000000-0000-4000-8000-{int(unique()):012d}"

    @property
    def lookup(self) -> Lookup:
        name = self.record.name if isinstance(self.record, Account) else ""
        return Lookup(
            entity=self.record.entity,
            record_id=self.record.id,
            reference=self.record.reference,
            number=getattr(self.record, "number", ""),
            name=name,
            record=self.record,
            customer=self.customer,
        )

    def task(self, remote_id: str = "") -> Task:
        return Task(self.record, self.key, self.steps, remote_id, self.customer, self.documents)

    def look(self, system: System) -> Found | None:
        found = system.find(self.lookup)
        if isinstance(self.record, Account) and found and not self.record.reference:
            return found if found.by_marker else None
        return found

    def attempt(self, system: System) -> Receipt:
        """One attempt. Raises any of consumers.errors."""
        found = self.look(system)
        if found is None:
            return system.transfer(self.task())
        if found.unfinished:
            return system.transfer(self.task(found.ref.remote_id))
        if found.differences:
            raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail="; ".join(found.differences))
        return Receipt(found.ref, Action.ADOPTED)

    def carry(self, bench: Bench) -> Receipt:
        """Attempts, each by a restarted process, until it is done."""
        for _ in range(6):
            try:
                return self.attempt(bench.restarted())
            except (OutcomeUnknown, Transient, Unavailable):
                continue
        raise AssertionError(f"{self.record.id} never arrived")


@contextmanager
def rejected(reason: Reason) -> Iterator[list[Rejected]]:
    """The block is refused for that reason; yields a list that then holds the refusal."""
    caught: list[Rejected] = []
    with pytest.raises(Rejected) as info:
        yield caught
    caught.append(info.value)
    assert info.value.reason is reason, info.value


class SystemConformance:
    """Bind with a subclass that overrides `bench`."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError("a binding gives its own bench")

    @pytest.fixture
    def system(self, bench: Bench) -> System:
        return bench.system

    def settle(self, system: System, account: Account) -> RemoteRef:
        return system.transfer(Delivery(account).task()).ref

    def billed(self, system: System, *nets: str) -> tuple[Account, RemoteRef, Invoice, RemoteRef]:
        account = an_account()
        customer = self.settle(system, account)
        invoice = an_invoice(account, *nets)
        return account, customer, invoice, system.transfer(Delivery(invoice, customer).task()).ref

    # --- customers --------------------------------------------------------------------------

    def test_a_probe_names_the_company(self, system: System) -> None:
        assert system.probe().company

    def test_a_customer_is_created_once_and_found_by_our_marker(self, bench: Bench) -> None:
        delivery = Delivery(an_account())
        receipt = delivery.attempt(bench.system)
        assert receipt.action is Action.CREATED
        again = delivery.attempt(bench.restarted())
        assert (again.action, again.ref) == (Action.ADOPTED, receipt.ref)
        assert bench.held(delivery.record).count == 1

    @pytest.mark.parametrize(
        "name",
        [
            "Éric L’Écuyer-Côté",
            "O'Brien \\ fils",
            "Ends with a backslash \\",
            'Cœur & Cie <b> "q" 100 % _',
            "Société " + "é" * 480,
        ],
    )
    def test_any_name_comes_back_as_it_was(self, bench: Bench, name: str) -> None:
        account = an_account(name=f"{name} {unique()}")
        delivery = Delivery(account)
        assert list(bench.system.check(account)) == []
        ref = delivery.attempt(bench.system).ref
        assert bench.customer_name(ref.remote_id) == account.name
        assert delivery.attempt(bench.restarted()).ref == ref

    def test_a_name_that_is_too_long_is_told_before_anything_is_sent(self, system: System) -> None:
        limit = system.declaration.field_limits["name"]
        assert list(system.check(an_account(name="x" * limit))) == []
        problems = system.check(an_account(name="x" * (limit + 1)))
        assert [(p.reason, p.field) for p in problems] == [(Reason.TOO_LONG, "name")]
        assert str(limit) in problems[0].detail

    def test_an_account_without_a_name_is_told(self, system: System) -> None:
        problems = system.check(an_account(name="  "))
        assert [(p.reason, p.field) for p in problems] == [(Reason.MISSING_FIELD, "name")]

    def test_a_typed_reference_links_and_creates_nothing(self, bench: Bench) -> None:
        ref = bench.add_customer(f"Fait à la main {unique()}")
        account = an_account(reference=ref.reference)
        found = bench.system.find(Delivery(account).lookup)
        assert found is not None
        assert (found.ref, found.by_marker, found.differences) == (ref, False, ())

    def test_a_typed_reference_that_does_not_exist_is_not_found(self, system: System) -> None:
        account = an_account(reference=f"Personne {unique()}")
        assert system.find(Delivery(account).lookup) is None

    def test_an_inactive_customer_is_refused(self, bench: Bench) -> None:
        ref = bench.add_customer(f"Parti {unique()}", active=False)
        with rejected(Reason.CUSTOMER_INACTIVE):
            bench.system.find(Delivery(an_account(reference=ref.reference)).lookup)

    def test_a_namesake_is_refused_and_named(self, bench: Bench) -> None:
        holder = bench.add_customer(f"Homonyme {unique()}")
        delivery = Delivery(an_account(name=holder.reference.upper()))
        with rejected(Reason.DUPLICATE_NAME) as refusal:
            delivery.attempt(bench.system)
        assert holder.reference in refusal[0].detail
        assert f"Id {holder.remote_id}" in refusal[0].detail
        assert bench.held(delivery.record).count == 0

    def test_a_namesake_gets_a_number_where_the_chapter_says_so(self, bench: Bench) -> None:
        system = bench.append_numbers()
        holder = bench.add_customer(f"Homonyme {unique()}")
        delivery = Delivery(an_account(name=holder.reference))
        ref = delivery.attempt(system).ref
        assert ref.reference == f"{holder.reference} (2)"
        assert delivery.attempt(system).ref == ref
        third = Delivery(an_account(name=holder.reference)).attempt(system).ref
        assert third.reference == f"{holder.reference} (3)"

    def test_a_changed_account_updates_its_customer(self, bench: Bench) -> None:
        account = an_account(email="avant@example.org")
        ref = self.settle(bench.system, account)
        renamed = account.model_copy(update={"name": f"{account.name} inc.", "email": "x@y.org"})
        receipt = bench.system.transfer(Delivery(renamed).task(ref.remote_id))
        assert receipt.action is Action.UPDATED
        assert receipt.ref == RemoteRef(ref.remote_id, renamed.name)
        assert bench.customer_name(ref.remote_id) == renamed.name
        assert bench.held(account).count == 1

    def test_a_customer_that_is_gone_cannot_be_updated(self, system: System) -> None:
        with rejected(Reason.REFERENCE_NOT_FOUND):
            system.transfer(Delivery(an_account()).task("999999999"))

    # --- invoices and credit notes ----------------------------------------------------------

    def test_an_invoice_is_posted_with_its_number_and_exact_totals(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "19.99", "0.05", "1234567.89")
        held = bench.held(invoice)
        assert (held.count, held.total, held.balance) == (1, invoice.total, invoice.total)
        assert ref.reference == invoice.number
        found = bench.system.find(Delivery(invoice, customer).lookup)
        assert found is not None
        assert (found.ref, found.by_marker, found.differences) == (ref, True, ())
        assert found.balance == invoice.total
        assert account.id != invoice.id

    def test_an_invoice_without_a_number_is_found_again_by_our_marker(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        delivery = Delivery(an_invoice(account, number=""), customer)
        receipt = delivery.attempt(bench.system)
        assert receipt.ref.reference
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        assert bench.held(delivery.record).count == 1

    def test_a_stub_finds_its_invoice_by_number(self, bench: Bench) -> None:
        _, _, invoice, ref = self.billed(bench.system)
        lookup = Lookup(invoice.entity, invoice.id, number=invoice.number)
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.differences) == (ref, ())

    def test_our_remote_id_finds_the_invoice(self, bench: Bench) -> None:
        _, _, invoice, ref = self.billed(bench.system)
        found = bench.system.find(Lookup(invoice.entity, invoice.id, remote_id=ref.remote_id))
        assert found is not None
        assert found.ref == ref

    def test_other_content_under_our_marker_differs_with_both_figures(self, bench: Bench) -> None:
        _, customer, invoice, _ = self.billed(bench.system, "100.00")
        changed = an_invoice(invoice.account, "150.00", id=invoice.id, number=invoice.number)
        with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
            Delivery(changed, customer).attempt(bench.system)
        assert "114.98" in refusal[0].detail
        assert "172.46" in refusal[0].detail
        assert bench.held(invoice).count == 1

    def test_a_number_of_something_else_is_refused_with_both_figures(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system, "100.00")
        other = an_invoice(account, "150.00", number=invoice.number)
        with rejected(Reason.DUPLICATE_NUMBER) as refusal:
            bench.system.transfer(Delivery(other, customer).task())
        assert "114.98" in refusal[0].detail
        assert "172.46" in refusal[0].detail
        assert bench.held(other).count == 0

    def test_a_closed_period_is_told_and_refused_until_reopened(self, bench: Bench) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        invoice = an_invoice(account)
        bench.close_until(DAY)
        problems = bench.system.check(invoice)
        assert [(p.reason, p.field) for p in problems] == [(Reason.CLOSED_PERIOD, "date")]
        with rejected(Reason.CLOSED_PERIOD):
            bench.system.transfer(Delivery(invoice, customer).task())
        assert bench.held(invoice).count == 0
        bench.close_until(None)
        Delivery(invoice, customer).carry(bench)
        assert bench.held(invoice).count == 1

    def test_a_credit_note_settles_its_invoice(self, bench: Bench) -> None:
        _, customer, invoice, ref = self.billed(bench.system, "100.00")
        credit = a_credit_note(invoice, "100.00")
        bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
        assert bench.held(invoice).balance == 0
        assert bench.held(credit).balance == 0
        assert bench.applications(credit) == 1

    def test_what_an_invoice_does_not_owe_any_more_stays_open_credit(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        documents = {invoice.id: ref}
        paid = a_payment(account, (invoice, "100.00"))
        bench.system.transfer(Delivery(paid, customer, documents).task())
        credit = Delivery(a_credit_note(invoice, "100.00"), customer, documents)
        credit.attempt(bench.system)
        assert bench.held(invoice).balance == 0
        assert bench.held(credit.record).balance == Decimal("100.00")
        assert credit.attempt(bench.restarted()).action is Action.ADOPTED
        assert bench.held(credit.record).count == 1

    def test_a_credit_note_without_its_invoice_is_refused(self, bench: Bench) -> None:
        _, customer, invoice, _ = self.billed(bench.system)
        credit = a_credit_note(invoice)
        with rejected(Reason.REFERENCE_NOT_FOUND):
            bench.system.transfer(Delivery(credit, customer).task())

    # --- payments ---------------------------------------------------------------------------

    def test_a_partial_payment_leaves_the_rest_open(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        delivery = Delivery(a_payment(account, (invoice, "14.98")), customer, {invoice.id: ref})
        receipt = delivery.attempt(bench.system)
        assert bench.held(invoice).balance == Decimal("100.00")
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        assert bench.held(delivery.record).count == 1

    def test_one_payment_pays_two_invoices(self, bench: Bench) -> None:
        account, customer, first, first_ref = self.billed(bench.system, "100.00")
        second = an_invoice(account, "50.00")
        second_ref = bench.system.transfer(Delivery(second, customer).task()).ref
        parts = ((first, "114.98"), (second, "7.49"))
        payment = a_payment(account, *parts)
        documents = {first.id: first_ref, second.id: second_ref}
        bench.system.transfer(Delivery(payment, customer, documents).task())
        assert bench.held(first).balance == 0
        assert bench.held(second).balance == second.total - Decimal("7.49")
        assert bench.held(payment).total == Decimal("122.47")

    def test_more_than_is_owed_is_refused_with_both_figures(self, bench: Bench) -> None:
        account, customer, invoice, ref = self.billed(bench.system, "100.00")
        payment = a_payment(account, (invoice, "114.99"))
        with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
            bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
        assert "114.99" in refusal[0].detail
        assert "114.98" in refusal[0].detail
        assert bench.held(payment).count == 0
        assert bench.held(invoice).balance == invoice.total

    def test_a_payment_without_its_invoice_is_refused(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system)
        payment = a_payment(account, (invoice, "1.00"))
        with rejected(Reason.REFERENCE_NOT_FOUND):
            bench.system.transfer(Delivery(payment, customer).task())

    # --- journal entries --------------------------------------------------------------------

    def test_a_journal_entry_is_posted_once(self, bench: Bench) -> None:
        account, customer, invoice, _ = self.billed(bench.system)
        delivery = Delivery(a_journal_entry(account, invoice), customer)
        receipt = delivery.attempt(bench.system)
        assert delivery.attempt(bench.restarted()).ref == receipt.ref
        held = bench.held(delivery.record)
        assert (held.count, held.total) == (1, Decimal("8.33"))

    # --- what goes wrong on the way ---------------------------------------------------------

    def test_a_system_that_cannot_be_reached_fails_no_record(self, bench: Bench) -> None:
        account = an_account()
        bench.cut()
        for call in (
            bench.system.probe,
            lambda: bench.system.find(Delivery(account).lookup),
            lambda: bench.system.transfer(Delivery(account).task()),
        ):
            with pytest.raises(Unavailable) as info:
                call()
            assert info.value.reason is SystemReason.UNREACHABLE
        bench.mend()
        assert bench.restarted().probe().company

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_customer_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        for request in itertools.count():
            delivery = Delivery(an_account())
            bench.spoil(damage, request)
            delivery.carry(bench)
            assert bench.held(delivery.record).count == 1
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_invoice_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        account = an_account()
        customer = self.settle(bench.system, account)
        for request in itertools.count():
            number = "" if request % 2 else f"L-{unique()}"
            delivery = Delivery(an_invoice(account, number=number), customer)
            bench.spoil(damage, request)
            delivery.carry(bench)
            held = bench.held(delivery.record)
            assert (held.count, held.balance) == (1, held.total)
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_credit_note_is_doubled_nor_applied_twice(self, bench: Bench, damage: str) -> None:
        for request in itertools.count():
            _, customer, invoice, ref = self.billed(bench.system, "100.00")
            credit = Delivery(a_credit_note(invoice, "40.00"), customer, {invoice.id: ref})
            bench.spoil(damage, request)
            credit.carry(bench)
            assert bench.held(credit.record).count == 1
            assert bench.held(credit.record).balance == 0
            assert bench.held(invoice).balance == Decimal("114.98") - credit.record.total  # type: ignore[union-attr]  # a credit note
            assert bench.applications(credit.record) == 1
            if not bench.spoiled():
                break
        assert request > 0

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_no_payment_is_doubled_wherever_a_reply_is_lost(
        self, bench: Bench, damage: str
    ) -> None:
        for request in itertools.count():
            account, customer, invoice, ref = self.billed(bench.system, "100.00")
            payment = a_payment(account, (invoice, "114.98"))
            delivery = Delivery(payment, customer, {invoice.id: ref})
            bench.spoil(damage, request)
            delivery.carry(bench)
            assert bench.held(payment).count == 1
            assert bench.held(invoice).balance == 0
            if not bench.spoiled():
                break
        assert request > 0

    def test_the_same_key_replays_the_first_answer_where_declared(self, bench: Bench) -> None:
        if not bench.system.declaration.replays_same_key:
            return  # then the engine believes `find` only after the longest call
        account = an_account()
        customer = self.settle(bench.system, account)
        task = Delivery(an_invoice(account, number=""), customer).task()
        first = bench.system.transfer(task)
        assert bench.restarted().transfer(task).ref == first.ref
        assert bench.held(task.record).count == 1

    def test_no_text_of_ours_holds_a_secret(self, bench: Bench) -> None:
        assert "secret" not in repr(bench.system).casefold()

    def test_addresses_and_long_texts_are_taken(self, bench: Bench) -> None:
        account = an_account(
            address=Address(
                lines=("1000, rue De La Gauchetière", "Bureau 2400"),
                city="Montréal",
                province="QC",
                postal_code="H3B 4W5",
                country="Canada",
            ),
            phone="514-555-0100",
            email="a@example.org",
        )
        assert list(bench.system.check(account)) == []
        customer = self.settle(bench.system, account)
        invoice = an_invoice(account, description="é" * 900, billing_name="Service des comptes")
        assert list(bench.system.check(invoice)) == []
        bench.system.transfer(Delivery(invoice, customer).task())
        assert bench.held(invoice).count == 1


def a_journal_entry(account: Account, invoice: Invoice) -> JournalEntry:
    return JournalEntry(
        id=f"j0000000-{unique()}",
        account=account,
        payment_id="p",
        invoice=DocumentRef(id=invoice.id, number=invoice.number),
        date=DAY,
        amount=Decimal("8.33"),
        period=1,
        periods=12,
    )
