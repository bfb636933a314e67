"""The lines of an invoice or a credit note.

In: the lines of a request. Out: lines with their accounts, amounts and taxes by component. Refuses
a missing attribute, an account not visible in sales, a tax rate of another region, a missing or
wrong tax_amount, and in Start a quantity other than one (sage-accounting.md, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import taxes
from ops.sandbox.sage_accounting.amounts import ZERO, cents, given, given_cents, shown
from ops.sandbox.sage_accounting.answers import Problems, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.lists import find

KNOWN = frozenset(
    {
        *("id", "description", "ledger_account_id", "quantity", "unit_price", "tax_rate_id"),
        *("tax_amount", "unit_price_includes_tax", "discount_amount", "discount_percentage"),
    }
)


@dataclass(frozen=True)
class Sheet:
    """The document whose lines are read. `name`: the attribute that holds them."""

    books: Books
    problems: Problems
    how: How
    name: str
    region: str

    def line(self, place: int, body: Document) -> Document:
        """One line, whole; what is wrong with it is added to the problems."""
        at = f"{self.name}[{place}]"
        number = body.get("id")
        description = self._description(body, at)
        account = self._account(body, at)
        quantity = self._quantity(body, at)
        price = given(self.problems, body, "unit_price", f"{at}.unit_price")
        rate = self._rate(body, at)
        net = cents((quantity or ZERO) * (price or ZERO)) - self._discount(
            body, at, quantity, price
        )
        tax = self._tax(body, at, rate, net) if rate else ZERO
        return {
            "id": number if isinstance(number, str) and number else self.books.new_id(),
            "displayed_as": description,
            "description": description,
            "ledger_account": account,
            "quantity": shown(quantity or ZERO),
            "unit_price": shown(price or ZERO),
            "net_amount": shown(net),
            "tax_rate": reference("tax_rates", rate["id"], rate["displayed_as"]) if rate else None,
            "tax_amount": shown(tax),
            "tax_breakdown": taxes.breakdown(self.books, rate, net, tax) if rate else [],
            "total_amount": shown(net + tax),
        }

    def _description(self, body: Document, at: str) -> str:
        text = body.get("description")
        limit = self.books.options.description_length
        if not isinstance(text, str) or not text.strip():
            self.problems.add("description can't be blank", f"{at}.description")
            return ""
        if limit and len(text) > limit:
            self.problems.add(
                f"description is too long (maximum is {limit} characters)", f"{at}.description"
            )
        return text

    def _account(self, body: Document, at: str) -> Document | None:
        number = body.get("ledger_account_id")
        if not number:
            self.problems.add("ledger_account_id can't be blank", f"{at}.ledger_account_id")
            return None
        found = find(self.books, "ledger_accounts", number)
        if found is None or not found["visible_in_sales"]:
            self.problems.add(
                f"Couldn't find ledger account {number} for sales", f"{at}.ledger_account_id"
            )
            return None
        return reference("ledger_accounts", found["id"], found["displayed_as"])

    def _quantity(self, body: Document, at: str) -> Decimal | None:
        if self.how.by_hand and "quantity" not in body:
            return Decimal(1)
        quantity = given(self.problems, body, "quantity", f"{at}.quantity")
        if quantity is not None and quantity != 1 and self.books.is_start:
            self.how.offend("quantity_in_start", f"quantity {quantity} in Start")
            if self.books.options.start_quantity_must_be_one:
                self.problems.add("quantity must be 1 in your subscription", f"{at}.quantity")
        return quantity

    def _rate(self, body: Document, at: str) -> Document | None:
        number = body.get("tax_rate_id")
        if not number:
            self.problems.add("tax_rate_id can't be blank", f"{at}.tax_rate_id")
            return None
        rate = find(self.books, "tax_rates", number)
        if rate is None:
            self.problems.add(f"Couldn't find tax rate {number}", f"{at}.tax_rate_id")
            return None
        if self.region and not taxes.is_valid_for(rate, self.region):
            self.problems.add(f"The tax rate is not valid for {self.region}", f"{at}.tax_rate_id")
        return rate

    def _discount(
        self, body: Document, at: str, quantity: Decimal | None, price: Decimal | None
    ) -> Decimal:
        """What comes off the line: an amount, or a percentage of it."""
        amount = given_cents(
            self.problems, body, "discount_amount", f"{at}.discount_amount", required=False
        )
        if amount:
            return amount
        share = given(
            self.problems, body, "discount_percentage", f"{at}.discount_percentage", required=False
        )
        return cents((quantity or ZERO) * (price or ZERO) * (share or ZERO) / 100)

    def _tax(self, body: Document, at: str, rate: Document, net: Decimal) -> Decimal:
        where = f"{at}.tax_amount"
        claimed = given_cents(self.problems, body, "tax_amount", where, required=False)
        if not taxes.percentage(rate):
            if claimed:
                self.problems.add("tax_amount must be 0.0 for this tax rate", where)
            return ZERO
        if body.get("tax_amount") in (None, ""):
            if self.how.by_hand:
                return taxes.own_tax(self.books, rate, net)
            self.how.offend("tax_amount_missing", f"no tax_amount on {at}")
            if self.books.options.missing_tax_amount == "refuse":
                self.problems.add("tax_amount can't be blank", where)
            return ZERO
        if claimed is None:
            return ZERO
        if self.how.seeding:
            return claimed
        booked = taxes.accepted(self.books, rate, net, claimed)
        if booked is None:
            self.problems.add("tax_amount does not match the tax rate", where)
        return booked or ZERO
