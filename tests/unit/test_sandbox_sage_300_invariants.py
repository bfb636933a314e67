"""What holds whatever a client sends to the simulated Sage 300."""

import copy
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.sandbox.sage_300 import SIMULATION
from tests.sandbox_sage_300_driver import (
    COMPANY,
    Driver,
    credit_note,
    invoice,
    invoice_batch,
    journal,
    journal_batch,
    line,
    receipt,
    receipt_batch,
)

CENTS = st.integers(1, 50_000).map(lambda n: n / 100)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("invoice", "credit", "free_credit", "receipt", "prepayment")),
        st.integers(1, 4),
        CENTS,
    ),
    max_size=12,
)


def attempt(driver, kind, target, amount, number):
    """One thing a client may try; refused or not is the service's business."""
    name = f"{kind[0].upper()}-{number}"
    if kind == "invoice":
        body = invoice_batch(invoice(f"F-{target}", line(amount)))
    elif kind in ("credit", "free_credit"):
        of = f"F-{target}" if kind == "credit" else ""
        body = invoice_batch(credit_note(name, line(amount), of=of))
    elif kind == "receipt":
        body = receipt_batch(receipt(amount, (f"F-{target}", amount), number=name))
    else:
        entry = receipt(amount, number=name, ReceiptTransactionType="Prepayment")
        body = receipt_batch(entry)
    money = kind in ("receipt", "prepayment")
    rest = "AR/ARReceiptAndAdjustmentBatches" if money else "AR/ARInvoiceBatches"
    made = driver.call("POST", rest, {**body, "BatchStatus": "ReadyToPost"})
    if made.status == 201:
        process = driver.process_receipts if money else driver.process_invoices
        assert process(made.json["BatchNumber"]).status == 200
    else:
        assert made.status == 409


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_what_is_open_is_what_was_invoiced_less_credits_and_receipts(steps):
    driver = Driver()
    driver.customer()
    for number, (kind, target, amount) in enumerate(steps):
        attempt(driver, kind, target, amount, number)
    books = SIMULATION.books(driver.system.dump())[COMPANY]
    zero = Decimal(0)
    for document in books.documents:
        assert zero <= document.balance <= document.total
    totals = dict.fromkeys(("invoice", "credit_note"), zero)
    open_now = dict(totals)
    for document in books.documents:
        totals[document.kind] += document.total
        open_now[document.kind] += document.balance
    applied = sum((one.amount for one in books.applications), zero)
    received = sum((sum(p.applied.values(), zero) for p in books.payments), zero)
    assert open_now["invoice"] == totals["invoice"] - applied - received
    assert open_now["credit_note"] == totals["credit_note"] - applied
    for payment in books.payments:
        assert payment.unapplied == payment.total - sum(payment.applied.values(), zero)
    assert len({d.id for d in books.documents}) == len(books.documents)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=70),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just([None]),
    st.just([{"UpdateOperation": "X"}]),
)
VALID = {
    "AR/ARCustomers": {
        "CustomerNumber": "M9",
        "CustomerName": "Anne Roy",
        "GroupCode": "MEMBRE",
        "CustomerOptionalFieldValues": [{"OptionalField": "PROV", "Value": "QC"}],
    },
    "AR/ARInvoiceBatches": invoice_batch(invoice("F-9")),
    "AR/ARReceiptAndAdjustmentBatches": receipt_batch(receipt(5.0, ("F-1", 5.0))),
    "GL/GLJournalBatches": journal_batch(journal()),
}


def places(value, path=()):
    """Every place in a body where junk may stand."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from places(inner, (*path, at))


def replaced(body, path, junk):
    whole = copy.deepcopy(body)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = junk
    return whole


ORDERS = st.sampled_from(sorted(VALID)).flatmap(
    lambda rest: st.tuples(st.just(rest), st.sampled_from(list(places(VALID[rest]))), JUNK)
)
JUNK_DRIVER = Driver()
JUNK_DRIVER.customer()
JUNK_DRIVER.post_invoice(invoice("F-1"))


@settings(max_examples=250, deadline=None)
@given(ORDERS)
def test_junk_anywhere_in_a_body_is_taken_or_refused_and_never_breaks_the_service(order):
    rest, path, junk = order
    answer = JUNK_DRIVER.call("POST", rest, replaced(VALID[rest], path, junk))
    assert answer.status in (201, 400, 409)
    if answer.status == 201:
        key = answer.json.get("BatchNumber")
        if isinstance(key, str):
            key = f"'{key}'"
        if rest == "AR/ARInvoiceBatches":
            patch = {"Invoices": [{"UpdateOperation": "Update", "EntryNumber": 1, "Terms": junk}]}
            assert JUNK_DRIVER.call("PATCH", f"{rest}({key})", patch).status in (204, 400, 404, 409)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="()'$,=eqandorCustomerNumber0-9.mT:Z ", max_size=40))
def test_any_filter_is_answered_or_refused(text):
    answer = JUNK_DRIVER.call("GET", f"AR/ARCustomers?$filter={text}")
    assert answer.status in (200, 400)
