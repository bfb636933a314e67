"""What holds in the simulated Sage Accounting after any sequence of payments and allocations."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox_sage_accounting_driver import Driver, paying

AMOUNTS = st.sampled_from(["0.01", "5.00", "11.50", "57.49", "114.98", "200.00"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pay", "allocate", "unpay", "unallocate", "take_off", "void", "change_total"]
        ),
        st.integers(0, 3),
        AMOUNTS,
        AMOUNTS,
    ),
    max_size=12,
)


def one_of(rows, place):
    return rows[place % len(rows)] if rows else None


class Play:
    """One customer with two invoices and a credit note, and what is done to them."""

    def __init__(self):
        self.driver = Driver()
        self.anne = self.driver.contact()
        for amount in ("100.00", "10.00"):
            self.driver.invoice(self.anne, amount)
        self.driver.credit_note(self.anne, "50.00")
        self.statuses = set()

    def rows(self, resource):
        return self.driver.found(resource, attributes="all")

    def do(self, action, place, total, part):
        answer = getattr(self, action)(place, total, part)
        if answer is not None:
            self.statuses.add(answer.status)

    def pay(self, place, total, part):
        invoice = one_of(self.rows("sales_invoices"), place)
        body = paying(self.anne, total, (invoice, part))
        return self.driver.post("contact_payments", body)

    def allocate(self, place, _, part):
        invoice = one_of(self.rows("sales_invoices"), place)
        credits_ = [
            *self.rows("sales_credit_notes"),
            *(row["payment_on_account"] for row in self.rows("contact_payments")),
        ]
        credit = one_of([one for one in credits_ if one], place)
        body = {
            "transaction_type_id": "CUSTOMER_ALLOCATION",
            "contact_id": self.anne["id"],
            "allocated_artefacts": [
                {"artefact_id": invoice["id"], "amount": part},
                {"artefact_id": credit["id"], "amount": f"-{part}"},
            ],
        }
        return self.driver.post("contact_allocations", body)

    def unpay(self, place, *_):
        return self._delete("contact_payments", place)

    def unallocate(self, place, *_):
        return self._delete("contact_allocations", place)

    def take_off(self, place, *_):
        row = one_of(self.rows("contact_payments"), place)
        body = {"allocated_artefacts": []}
        return self.driver.put("contact_payments", row["id"], body) if row else None

    def void(self, place, *_):
        row = one_of(self.rows("sales_credit_notes"), place)
        return self.driver.call(
            "DELETE", f"sales_credit_notes/{row['id']}", params={"void_reason": "x"}
        )

    def change_total(self, place, total, _):
        row = one_of(self.rows("contact_payments"), place)
        body = {"total_amount": total}
        return self.driver.put("contact_payments", row["id"], body) if row else None

    def _delete(self, resource, place):
        row = one_of(self.rows(resource), place)
        return self.driver.call("DELETE", f"{resource}/{row['id']}") if row else None

    def check(self):
        put_on = {}
        for resource in ("contact_payments", "contact_allocations"):
            for row in self.rows(resource):
                signed = Decimal(0)
                for one in row["allocated_artefacts"]:
                    amount = Decimal(one["amount"])
                    signed += amount
                    number = one["artefact"]["id"]
                    put_on[number] = put_on.get(number, Decimal(0)) + abs(amount)
                if resource == "contact_allocations":
                    assert signed == 0
                else:
                    left = row["payment_on_account"] or {"total_amount": "0"}
                    assert Decimal(row["total_amount"]) == signed + Decimal(left["total_amount"])
        on_account = [
            row["payment_on_account"]
            for row in self.rows("contact_payments")
            if row["payment_on_account"]
        ]
        documents = [*self.rows("sales_invoices"), *self.rows("sales_credit_notes"), *on_account]
        for row in documents:
            if row.get("status", {}).get("id") == "VOID":
                assert row["id"] not in put_on
                continue
            left = Decimal(row["total_amount"]) - put_on.pop(row["id"], Decimal(0))
            assert Decimal(row["outstanding_amount"]) == left >= 0
            if "status" in row:
                wanted = "PAID" if not left else "UNPAID"
                if 0 < left < Decimal(row["total_amount"]):
                    wanted = "PART_PAID"
                assert row["status"]["id"] == wanted
        assert not put_on, "an amount stands on what is not there"


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_what_is_open_is_the_total_less_what_stands_on_it(steps):
    play = Play()
    for step in steps:
        play.do(*step)
        play.check()
    assert play.statuses <= {200, 201, 204, 422}
