"""What is published is what the code does."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import jsonschema
import orjson
import pytest

from schemas import events, records
from schemas.outcomes import Action, Received, TransferFailed, Transferred
from schemas.published.generate import EVENTS, FOLDER, documents
from schemas.reasons import Reason
from schemas.statuses import Entity, Status
from schemas.wire.codec import encode

ORIGIN = events.Origin(environment="https://x.crm3.dynamics.com", chapter="laval", system="sage_50")
NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
ACCOUNT = records.Account(
    id="a", name="Été", status=Status.TO_TRANSFER, address=records.Address(lines=("1, rue X",))
)
INVOICE = records.DocumentRef(id="i", number="F-1")


def examples() -> dict[str, events.Envelope]:
    moved = {
        "account": ACCOUNT,
        "invoice": records.Invoice(
            id="i",
            account=ACCOUNT,
            date=NOW.date(),
            due_date=NOW.date(),
            lines=(records.Line(amount=Decimal(100), quantity=Decimal("0.0000001")),),
            total=Decimal(100),
            corrects=INVOICE,
        ),
        "payment": records.Payment(
            id="p",
            account=ACCOUNT,
            date=NOW.date(),
            amount=Decimal(-5),
            allocations=(records.Allocation(invoice=INVOICE, amount=Decimal("0.01")),),
        ),
        "journal_entry": records.JournalEntry(
            id="j",
            account=ACCOUNT,
            payment_id="p",
            invoice=INVOICE,
            date=NOW.date(),
            amount=Decimal(1),
            period=1,
            periods=12,
        ),
    }
    made: dict[str, events.Envelope] = {
        f"{name}_to_transfer": events.to_transfer(record, ORIGIN, dataversion="1", time=NOW)
        for name, record in moved.items()
    }
    cause = made["invoice_to_transfer"]
    made["withdrawn"] = events.withdrawn(
        Entity.INVOICE, "i", "a", Status.ON_HOLD, ORIGIN, dataversion="2"
    )
    made["transferred"] = events.outcome(
        Transferred(
            id="i",
            table="invoice",
            action=Action.LINKED,
            reference="7",
            remote_id="8",
            fingerprint="f",
        ),
        cause,
    )
    made["failed"] = events.outcome(
        TransferFailed(id="i", table="invoice", reason=Reason.TOO_LONG), cause
    )
    receipt = Received(id="r", invoice_id="i", date=NOW.date(), amount=Decimal("3.5"))
    made["received"] = events.received(receipt, ORIGIN, account_id="a")
    return made


def test_the_published_files_are_those_that_the_code_generates():
    generated = documents()
    published = {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*.json")
    }
    assert published.keys() == generated.keys()
    stale = [name for name in generated if generated[name] != published[name]]
    assert stale == [], "run python -m schemas.published.generate"


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_an_encoded_event_is_valid_against_its_published_schema(name):
    schema = json.loads((FOLDER / f"events/{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    event = orjson.loads(encode(examples()[name]))
    validator.validate(event)
    assert not validator.is_valid(event | {"colour": "red"})
    assert not validator.is_valid({k: v for k, v in event.items() if k != "subject"})


def test_a_published_schema_refuses_money_as_a_number():
    schema = json.loads((FOLDER / "records/invoice.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    event = orjson.loads(encode(examples()["invoice_to_transfer"]))
    validator.validate(event["data"])
    assert not validator.is_valid(event["data"] | {"total": 100})


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    document = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    references: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            references.extend(v for k, v in node.items() if k == "$ref")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert references
    for reference in references:
        if reference.startswith("#/"):
            node = document
            for step in reference[2:].split("/"):
                node = node[step]
        else:
            assert (FOLDER / reference).is_file(), reference


def test_every_event_type_is_in_a_channel_of_the_asyncapi_document():
    document = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    carried = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert carried == {*EVENTS, "dead_letter"}
