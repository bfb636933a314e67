"""Each gate as a table, and what must hold whatever the rows say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ledger.port import Entry, Key, State
from consumers.ordering import (
    TAKEN_BACK,
    Confirm,
    Decision,
    Drop,
    Hold,
    Look,
    Send,
    account_key,
    fate_unknown,
    gate_account,
    gate_document,
)
from schemas.reasons import WaitReason
from schemas.records import DocumentRef, Invoice, Payment
from schemas.statuses import HELD, Entity, Status
from tests.builders import account, credit_note, invoice, payment

A1 = Key(Entity.ACCOUNT, "a1")
I1 = Key(Entity.INVOICE, "i1")
V1, V2 = "v1", "v2"


def known(key: Key, state: State, **values: object) -> Entry:
    entry = Entry(key, state, "a1", V1, "same", remote_id="r", reference="R")
    return replace(entry, **values)  # type: ignore[arg-type]  # fields of Entry


def decide_account(
    entry: Entry | None = None,
    *,
    asked: bool = True,
    bill: bool = True,
    version: str = V1,
    **of: object,
) -> Decision:
    return gate_account(
        account(**of), entry, asked=asked, has_invoice=bill, fingerprint="same", dataversion=version
    )


def wait_for_account(detail: str) -> Hold:
    return Hold(WaitReason.WAITS_FOR_ACCOUNT, A1, detail)


TO_VERIFY = Hold(WaitReason.ACCOUNT_TO_VERIFY, A1)
FIRST_INVOICE = Hold(WaitReason.WAITS_FOR_INVOICE, detail="first_invoice")
DONE = known(A1, State.DONE)
FAILED = known(A1, State.FAILED, reason="bug")
LOST = known(A1, State.UNKNOWN, sent_at=1.0)

ACCOUNTS: list[tuple[str, Decision, Decision]] = [
    ("flagged, with an invoice", decide_account(), Send(Look.FIRST, and_update=True)),
    ("brought along", decide_account(asked=False), Send(Look.FIRST)),
    ("flagged, without invoice", decide_account(bill=False), FIRST_INVOICE),
    ("neither flagged nor linked", decide_account(new_account=False), TO_VERIFY),
    ("linked", decide_account(reference="R"), Send(Look.LINK, and_update=True)),
    ("linked, along", decide_account(asked=False, reference="R"), Send(Look.LINK)),
    (
        "held, along",
        decide_account(asked=False, status=Status.ON_HOLD),
        wait_for_account("status=on_hold"),
    ),
    (
        "held and linked, along",
        decide_account(asked=False, status=Status.ON_HOLD, reference="R"),
        Send(Look.LINK),
    ),
    ("failed, along", decide_account(FAILED, asked=False), wait_for_account("status=failed")),
    (
        "failed though linked, along",
        decide_account(FAILED, asked=False, reference="R"),
        wait_for_account("status=failed"),
    ),
    ("failed, changed", decide_account(FAILED, asked=False, version=V2), Send(Look.FIRST)),
    ("failed, asked again", decide_account(FAILED), Send(Look.FIRST, and_update=True)),
    ("known, along", decide_account(DONE, asked=False), Drop("customer known")),
    ("known, same", decide_account(DONE, version=V2), Confirm(DONE)),
    (
        "known, changed",
        decide_account(replace(DONE, fingerprint="other")),
        Send(None, update="r"),
    ),
    (
        "known, other reference",
        decide_account(DONE, reference="S"),
        Send(Look.LINK, update="r", and_update=True),
    ),
    ("unknown", decide_account(LOST), Send(Look.UNKNOWN)),
    (
        "unknown, changed",
        decide_account(replace(LOST, fingerprint="other")),
        Send(Look.UNKNOWN, and_update=True),
    ),
    (
        "unknown, changed, along",
        decide_account(replace(LOST, fingerprint="other"), asked=False),
        Send(Look.UNKNOWN),
    ),
    (
        "unknown, held since",
        decide_account(LOST, asked=False, status=Status.DO_NOT_SYNC),
        Send(Look.ONLY),
    ),
    (
        "unknown, linked since",
        decide_account(LOST, reference="R"),
        Send(Look.LINK, and_update=True),
    ),
    (
        "unknown, taken back",
        decide_account(replace(LOST, reason=TAKEN_BACK, fingerprint="other")),
        Send(Look.ONLY),
    ),
    (
        "failed before the books spoke",
        decide_account(replace(FAILED, sent_at=1.0)),
        Send(Look.UNKNOWN),
    ),
    (
        "intent written",
        decide_account(known(A1, State.SENDING, sent_at=1.0)),
        Send(Look.UNKNOWN),
    ),
]


@pytest.mark.parametrize(
    ("found", "expected"), [row[1:] for row in ACCOUNTS], ids=[row[0] for row in ACCOUNTS]
)
def test_the_gate_of_accounts(found: Decision, expected: Decision) -> None:
    assert found == expected


CREATED_ONCE: list[tuple[str, Entry | None, str, str, Decision]] = [
    # what is known, reference in Membri, version, decision
    ("new", None, "", V1, Send(Look.FIRST)),
    ("typed", None, "R", V1, Send(Look.LINK)),
    ("waited", known(I1, State.WAITING), "", V1, Send(Look.FIRST)),
    ("failed", known(I1, State.FAILED), "", V1, Send(Look.FIRST)),
    ("withdrawn", known(I1, State.WITHDRAWN), "", V2, Send(Look.FIRST)),
    ("done, same version", known(I1, State.DONE), "", V1, Confirm(known(I1, State.DONE))),
    ("done, our reference, asked again", known(I1, State.DONE), "R", V2, Send(Look.COMPARE)),
    ("done, emptied", known(I1, State.DONE), "", V2, Send(Look.COMPARE)),
    ("done, other one typed", known(I1, State.DONE), "S", V2, Send(Look.LINK)),
    (
        "done, other content",
        known(I1, State.DONE, fingerprint="other"),
        "R",
        V2,
        Send(Look.COMPARE),
    ),
    (
        "recovered without reference",
        known(I1, State.DONE, reference=""),
        "R",
        V2,
        Send(Look.COMPARE),
    ),
    ("sending", known(I1, State.SENDING), "", V1, Send(Look.UNKNOWN)),
    ("unknown", known(I1, State.UNKNOWN), "R", V2, Send(Look.UNKNOWN)),
    ("taken back", known(I1, State.UNKNOWN, reason=TAKEN_BACK), "", V1, Send(Look.ONLY)),
    ("set again", known(I1, State.UNKNOWN, reason=TAKEN_BACK), "", V2, Send(Look.UNKNOWN)),
    ("failed, unknown", known(I1, State.FAILED, sent_at=1.0), "", V2, Send(Look.UNKNOWN)),
    ("withdrawn, unknown", known(I1, State.WITHDRAWN, sent_at=1.0), "", V2, Send(Look.UNKNOWN)),
]
ALL_THERE = {A1: DONE, I1: known(I1, State.DONE)}


@pytest.mark.parametrize("record", [invoice(), payment()], ids=["invoice", "payment"])
@pytest.mark.parametrize(
    ("entry", "reference", "version", "expected"),
    [row[1:] for row in CREATED_ONCE],
    ids=[row[0] for row in CREATED_ONCE],
)
def test_the_gate_of_what_is_created_once(
    record: Invoice | Payment,
    entry: Entry | None,
    reference: str,
    version: str,
    expected: Decision,
) -> None:
    asked = record.model_copy(update={"reference": reference})
    found = gate_document(asked, entry, ALL_THERE, {}, fingerprint="same", dataversion=version)
    assert found == expected


@pytest.mark.parametrize(
    ("blocked", "expected"),
    [
        ({}, wait_for_account("")),
        ({"a1": TO_VERIFY}, TO_VERIFY),
        ({"a1": FIRST_INVOICE}, wait_for_account("first_invoice")),
        ({"a1": wait_for_account("failed=bug")}, wait_for_account("failed=bug")),
    ],
)
def test_an_invoice_without_customer_waits_and_says_why(
    blocked: dict[str, Hold], expected: Hold
) -> None:
    found = gate_document(invoice(), None, {}, blocked, fingerprint="f", dataversion=V1)
    assert found == expected


@pytest.mark.parametrize(
    ("status", "shown"),
    [(None, ""), (Status.TO_TRANSFER, ""), (Status.TRANSFER_ERROR, "status=transfer_error")],
)
def test_a_payment_waits_for_the_first_invoice_that_is_not_there(
    status: Status | None, shown: str
) -> None:
    stubs = [{"invoice": DocumentRef(id=i, status=status), "amount": "1.00"} for i in ("i1", "i2")]
    record = payment(amount="2.00", allocations=tuple(stubs))
    found = gate_document(record, None, ALL_THERE, {}, fingerprint="f", dataversion=V1)
    assert found == Hold(WaitReason.WAITS_FOR_INVOICE, Key(Entity.INVOICE, "i2"), shown)


def test_an_account_is_no_document() -> None:
    with pytest.raises(TypeError):
        gate_document(account(), None, {}, {}, fingerprint="f", dataversion=V1)


ENTRIES = st.one_of(
    st.none(),
    st.builds(
        known,
        st.just(I1),
        st.sampled_from(State),
        sent_at=st.sampled_from([None, 1.0]),
        reason=st.sampled_from(["", TAKEN_BACK, "bug"]),
        dataversion=st.sampled_from([V1, V2]),
        fingerprint=st.sampled_from(["same", "other"]),
    ),
)


@given(
    record=st.sampled_from([invoice("x"), payment("x"), credit_note("x", corrects="i1")]),
    reference=st.sampled_from(["", "R", "S"]),
    entry=ENTRIES,
    customer=ENTRIES,
    document=ENTRIES,
    block=st.sampled_from([{}, {"a1": TO_VERIFY}, {"a1": wait_for_account("status=on_hold")}]),
)
def test_no_document_is_sent_before_its_customer_and_documents_are_there(
    record: Invoice | Payment,
    reference: str,
    entry: Entry | None,
    customer: Entry | None,
    document: Entry | None,
    block: dict[str, Hold],
) -> None:
    others = {k: e for k, e in ((A1, customer), (I1, document)) if e is not None}
    asked = record.model_copy(update={"reference": reference})
    found = gate_document(asked, entry, others, block, fingerprint="same", dataversion=V1)
    sent_before = entry is not None and (entry.state is State.DONE or fate_unknown(entry))
    if isinstance(found, Send) and not sent_before:
        assert customer is not None
        assert customer.state is State.DONE
        if not (isinstance(record, Invoice) and record.corrects is None):
            assert document is not None
            assert document.state is State.DONE
    if isinstance(found, Send) and entry is not None and fate_unknown(entry):
        assert found.look in (Look.UNKNOWN, Look.ONLY), "the books are asked first"
    if isinstance(found, Confirm):
        assert entry is not None
        assert entry.state is State.DONE
    if isinstance(found, Send):
        assert found.look is not None, "what is created once is never sent without a look"


@given(
    entry=ENTRIES,
    asked=st.booleans(),
    bill=st.booleans(),
    flagged=st.booleans(),
    status=st.sampled_from([None, *Status]),
)
def test_no_customer_is_created_unless_flagged_with_an_invoice_and_not_held(
    entry: Entry | None, asked: bool, bill: bool, flagged: bool, status: Status | None
) -> None:
    found = gate_account(
        account(new_account=flagged, status=status),
        replace(entry, key=account_key(account())) if entry else None,
        asked=asked,
        has_invoice=bill,
        fingerprint="same",
        dataversion=V1,
    )
    may_create = isinstance(found, Send) and not found.update and found.look is not Look.ONLY
    sent_before = entry is not None and fate_unknown(entry)
    if may_create and not sent_before:
        assert flagged
        assert bill
    if may_create and not asked:
        assert status not in HELD
