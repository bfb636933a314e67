"""The domain's rules, applied by hand to a world: what the end must look like.

In: the rows of Membri and the books before. Out: `Expected`. Follows `domain.md` rule by rule and
shares nothing with the programs under test; one record is judged at a time, in the order account,
invoice, credit note, payment, until nothing can change any more.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ops.sandbox.world.company import BookCustomer, BookDocument, Company
from ops.sandbox.world.deferral import entries
from ops.sandbox.world.expected import (
    Expected,
    ExpectedBooks,
    ExpectedCustomer,
    ExpectedDocument,
    ExpectedPayment,
    RecordOutcome,
    by_hand,
)
from ops.sandbox.world.membri_rows import CANCELLED, PAID, STATUS, TYPE, USD, Row
from ops.sandbox.world.taxes import taxes, total

NAMES = {value: name for name, value in STATUS.items()}
HELD = ("on_hold", "in_review", "do_not_sync", "transfer_error")
DUES = (TYPE["membership"], TYPE["renewal"])


def status_of(row: Row) -> str:
    """Its code name; empty when the column is."""
    return NAMES.get(row["membri_syncstatus"], "")


@dataclass(frozen=True)
class _Usable:
    """Whether documents of an account may go: under which customer's key, or what they wait for."""

    customer: str = ""
    waiting: str = ""


class Judge:
    """Judges one chapter. `settings` are `[chapters.settings]`."""

    def __init__(
        self,
        chapter: str,
        chapter_id: str,
        settings: Mapping[str, object],
        company: Company,
        rows: Mapping[str, list[Row]],
    ) -> None:
        self._chapter = chapter
        self._settings = settings
        self._dues_when_paid = bool(settings.get("sync_memberships_when_paid"))
        self._company = company
        self._traits = company.traits
        self._accounts = [
            r for r in rows["accounts"] if r["_membri_mainchapterid_value"] == chapter_id
        ]
        self._invoices = [r for r in rows["invoices"] if r["_membri_chapterid_value"] == chapter_id]
        mine = {r["invoiceid"] for r in self._invoices}
        self._payments = [
            r for r in rows["membri_payments"] if r["_membri_invoiceid_value"] in mine
        ]
        self._lines: dict[str, list[Row]] = defaultdict(list)
        for line in rows["invoicedetails"]:
            if line["_invoiceid_value"] in mine:
                self._lines[line["_invoiceid_value"]].append(line)
        self._usable: dict[str, _Usable] = {}
        self._in_books: dict[str, str] = {}
        self._taken: set[str] = set()
        self.records: dict[str, RecordOutcome] = {}
        upfront = settings.get("deferred_revenue") == "upfront"
        self.books = ExpectedBooks(company.traits.system, chapter, upfront=upfront)

    def judge(self) -> None:
        self._as_before()
        going: dict[str, bool] = defaultdict(bool)
        for invoice in self._invoices:
            going[invoice["_customerid_value"]] |= self._to_transfer(invoice)
        for account in self._accounts:
            self._account(account, has_invoice=going[account["accountid"]])
        credit_notes = [i for i in self._invoices if i.get("_membri_relatedinvoiceid_value")]
        plain = [i for i in self._invoices if not i.get("_membri_relatedinvoiceid_value")]
        for invoice in [*plain, *credit_notes]:
            self._invoice(invoice)
        for payment in self._payments:
            self._payment(payment)
        for note in credit_notes:
            self._apply(note)

    # the books before

    def _as_before(self) -> None:
        company = self._company
        self.books.suppliers = tuple(company.suppliers)
        names = [one.key for one in company.customers]
        if self._traits.suppliers_share_names:
            names += company.suppliers
        self._taken = {self._traits.folded(name) for name in names}
        for customer in company.customers:
            self.books.customers[customer.key] = ExpectedCustomer(
                customer.key, customer.name, customer.record, customer.phone
            )
        for document in company.documents:
            self.books.documents[_document_key(document)] = ExpectedDocument(
                "invoice", document.number, document.customer.key,
                document.total, document.tax, document.balance,
            )  # fmt: skip
            if document.record:
                self._in_books[document.record] = document.record
        for payment in company.payments:
            self.books.payments[payment.record or by_hand(payment.id)] = ExpectedPayment(
                payment.document.customer.key,
                payment.amount,
                {_document_key(payment.document): payment.amount},
            )

    # accounts: rules 1 to 5

    def _account(self, row: Row, *, has_invoice: bool) -> None:
        status, reference = status_of(row), row["membri_syncreference"]
        if reference:
            self._linked_account(row, status, reference, has_invoice=has_invoice)
        elif status in HELD:
            self._keep(row, "account", status)
            self._blocks(row, "waits_for_account")
        elif not row["membri_newaccountforsync"]:
            self._keep(row, "account", status, "account_to_verify")
            self._blocks(row, "account_to_verify")
        elif not has_invoice:
            self._keep(row, "account", status, "waits_for_invoice")
            self._blocks(row, "waits_for_account")
        elif problem := self._account_problem(row):
            self._refuse(row, "account", problem)
            self._blocks(row, "waits_for_account")
        else:
            key = self._key(row)
            self.books.customers[key] = ExpectedCustomer(key, row["name"], row["accountid"])
            self._taken.add(self._traits.folded(key))
            self._move(row, "account", key)
            self._usable[row["accountid"]] = _Usable(key)

    def _linked_account(self, row: Row, status: str, reference: str, *, has_invoice: bool) -> None:
        customer = self._customer(reference)
        if customer is None:
            if status not in HELD and (status == "to_transfer" or has_invoice):
                self._refuse(row, "account", "reference_not_found")
            else:
                self._keep(row, "account", status)
            self._blocks(row, "waits_for_account")
            return
        if status != "to_transfer":
            self._keep(row, "account", status)
            self._usable[row["accountid"]] = _Usable(customer.key)
            return
        key = self._update(customer, row)
        self._move(row, "account", key)
        self._usable[row["accountid"]] = _Usable(key)

    def _update(self, customer: BookCustomer, row: Row) -> str:
        """The customer's key afterwards: another one where its name is the key."""
        before = customer.key
        key = row["name"] if self._traits.key == "name" else before
        del self.books.customers[before]
        self.books.customers[key] = ExpectedCustomer(
            key, row["name"], customer.record, row["telephone1"]
        )
        self._taken ^= {self._traits.folded(before)}
        self._taken |= {self._traits.folded(key)}
        for document in self.books.documents.values():
            if document.customer == before:
                document.customer = key
        for paid, payment in self.books.payments.items():
            if payment.customer == before:
                self.books.payments[paid] = ExpectedPayment(key, payment.total, payment.applied)
        return key

    def _key(self, row: Row) -> str:
        key: str = row["name"] if self._traits.key == "name" else row["accountnumber"]
        return key

    def _customer(self, key: str) -> BookCustomer | None:
        wanted = self._traits.folded(key)
        customers = self._company.customers
        return next((c for c in customers if self._traits.folded(c.key) == wanted), None)

    def _account_problem(self, row: Row) -> str:
        if ":" in row["name"] and not self._traits.colon_in_names:
            return "invalid_characters"
        if len(row["name"]) > self._traits.name_max:
            return "too_long"
        if self._traits.folded(self._key(row)) in self._taken:
            return f"duplicate_{self._traits.key}"
        return ""

    # invoices and credit notes: rules 6 to 8, 12, 15

    def _to_transfer(self, row: Row) -> bool:
        return status_of(row) == "to_transfer" and not self._unpaid_dues(row)

    def _unpaid_dues(self, row: Row) -> bool:
        paid = row["statecode"] == PAID[0]
        return self._dues_when_paid and row["membri_invoicetype"] in DUES and not paid

    def _invoice(self, row: Row) -> None:
        record_id, status = row["invoiceid"], status_of(row)
        usable = self._usable[row["_customerid_value"]]
        corrected = row.get("_membri_relatedinvoiceid_value")
        if status != "to_transfer":
            self._keep(row, "invoice", status)
        elif self._unpaid_dues(row):
            self._keep(row, "invoice", status, "dues_unpaid")
        elif usable.waiting:
            self._keep(row, "invoice", status, usable.waiting)
        elif corrected and corrected not in self._in_books:
            self._keep(row, "invoice", status, "waits_for_invoice")
        elif problem := self._invoice_problem(row):
            self._refuse(row, "invoice", problem)
        elif row["membri_syncreference"]:
            self._by_hand(row, row["membri_syncreference"])
        else:
            amount = abs(row["totalamount"])
            self.books.documents[record_id] = ExpectedDocument(
                "credit_note" if corrected else "invoice",
                row["invoicenumber"] or "",
                usable.customer,
                amount,
                abs(row["totaltax"]),
                amount,
            )
            self._in_books[record_id] = record_id
            self._move(row, "invoice")

    def _invoice_problem(self, row: Row) -> str:
        lines = self._lines[row["invoiceid"]]
        net = total(_net(line) for line in lines)
        taxable = total(_net(line) for line in lines if line["tax"])
        gst, qst = row["membri_gstamount"], row["membri_qstamount"]
        if row.get("_transactioncurrencyid_value") == USD:
            return "currency_not_supported"
        if len(row["invoicenumber"] or "") > self._traits.number_max:
            return "too_long"
        if net + gst + qst != row["totalamount"]:
            return "totals_differ"
        if row["membri_syncreference"]:
            return ""
        if dt.date.fromisoformat(row["membri_invoicedate"]) <= self._company.closed_until:
            return "closed_period"
        right = not self._traits.computes_taxes or (abs(gst), abs(qst)) == taxes(abs(taxable))
        return "" if right else "tax_mismatch"

    def _by_hand(self, row: Row, reference: str) -> None:
        found = [d for d in self._company.documents if d.number == reference]
        if not found:
            self._refuse(row, "invoice", "reference_not_found")
        elif found[0].total != row["totalamount"]:
            self._refuse(row, "invoice", "differs_from_books")
        else:
            self._in_books[row["invoiceid"]] = _document_key(found[0])
            self._move(row, "invoice", reference)

    # payments: rule 9; credit notes on their invoice: rule 8

    def _payment(self, row: Row) -> None:
        status, amount = status_of(row), row["membri_amount"]
        key = self._in_books.get(row["_membri_invoiceid_value"])
        if status != "to_transfer":
            self._keep(row, "payment", status)
        elif key is None:
            self._keep(row, "payment", status, "waits_for_invoice")
        else:
            document = self.books.documents[key]
            document.balance -= amount
            if document.balance < 0:
                raise ValueError(f"the world overpays {document.number}: order would decide")
            self.books.payments[row["membri_paymentid"]] = ExpectedPayment(
                document.customer, amount, {key: amount}
            )
            self._move(row, "payment")
            self._defer(row)

    def _defer(self, row: Row) -> None:
        """Rule 11: the payment of a membership fee makes journal entries."""
        off = self._settings.get("deferred_revenue", "off") == "off"
        invoice = next(
            i for i in self._invoices if i["invoiceid"] == row["_membri_invoiceid_value"]
        )
        cancelled = invoice["statecode"] == CANCELLED[0]
        if off or cancelled or invoice["membri_invoicetype"] not in DUES:
            return
        paid = [p for p in self._payments if p["_membri_invoiceid_value"] == invoice["invoiceid"]]
        self.books.entries += entries(self._settings, invoice, paid, row)

    def _apply(self, note: Row) -> None:
        credit_key = self._in_books.get(note["invoiceid"])
        invoice_key = self._in_books.get(note["_membri_relatedinvoiceid_value"])
        if credit_key is None or invoice_key is None or not self.records[note["invoiceid"]].moved:
            return
        credit, invoice = self.books.documents[credit_key], self.books.documents[invoice_key]
        amount = min(credit.balance, invoice.balance)
        if not amount:
            return
        credit.balance -= amount
        invoice.balance -= amount
        self.books.applications[note["invoiceid"]] = (invoice_key, amount)

    # outcomes

    def _keep(self, row: Row, entity: str, status: str, waiting: str = "") -> None:
        reference = row["membri_syncreference"]
        waiting = waiting if status in ("to_transfer", "") else ""
        self._note(row, RecordOutcome(entity, self._chapter, status, "", waiting, False, reference))

    def _refuse(self, row: Row, entity: str, reason: str) -> None:
        self._note(row, RecordOutcome(entity, self._chapter, "transfer_error", reason))

    def _move(self, row: Row, entity: str, reference: str | None = None) -> None:
        outcome = RecordOutcome(
            entity, self._chapter, "transferred", moved=True, reference=reference
        )
        self._note(row, outcome)

    def _note(self, row: Row, outcome: RecordOutcome) -> None:
        keys = {"account": "accountid", "invoice": "invoiceid", "payment": "membri_paymentid"}
        self.records[row[keys[outcome.entity]]] = outcome

    def _blocks(self, row: Row, waiting: str) -> None:
        self._usable[row["accountid"]] = _Usable(waiting=waiting)


def judge(judges: Iterable[tuple[str, Judge]]) -> Expected:
    """The end of every chapter; `judges` pairs each with the key of its company."""
    expected = Expected()
    for company, one in judges:
        one.judge()
        expected.records |= one.records
        expected.companies[company] = one.books
    return expected


def _document_key(document: BookDocument) -> str:
    return document.record or by_hand(document.id)


def _net(line: Row) -> Decimal:
    net: Decimal = line["baseamount"] - line["manualdiscountamount"]
    return net
