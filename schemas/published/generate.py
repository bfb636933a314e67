"""Writes this folder's JSON files from the models and the topology.

`documents()` gives their contents by file name, without I/O; `python -m schemas.published.generate`
writes them. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas import events, records
from schemas.events import CONTENT_TYPE, VERSION
from schemas.reason_codes import Reason
from schemas.statuses import Entity
from schemas.wire import dead_letters, topology

FOLDER = Path(__file__).parent
EVENTS: dict[str, type[BaseModel]] = {
    "account_to_transfer": events.AccountToTransfer,
    "invoice_to_transfer": events.InvoiceToTransfer,
    "payment_to_transfer": events.PaymentToTransfer,
    "journal_entry_to_transfer": events.JournalEntryToTransfer,
    "withdrawn": events.Withdrawn,
    "transferred": events.TransferredEvent,
    "failed": events.FailedEvent,
    "received": events.ReceivedEvent,
}
RECORDS: dict[str, type[BaseModel]] = {
    "account": records.Account,
    "invoice": records.Invoice,
    "payment": records.Payment,
    "journal_entry": records.JournalEntry,
}
_TO_BOOKS = [*(f"{entity}_to_transfer" for entity in Entity), "withdrawn"]
_OUTCOMES = ["transferred", "failed", "received"]

Json = dict[str, Any]


def documents() -> dict[str, str]:
    """File name → content."""
    made: dict[str, Json] = {
        f"events/{name}.schema.json": _schema(model, f"events/{name}")
        for name, model in EVENTS.items()
    }
    made |= {
        f"records/{name}.schema.json": _schema(model, f"records/{name}")
        for name, model in RECORDS.items()
    }
    made["asyncapi.json"] = asyncapi()
    return {
        name: json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in made.items()
    }


def _schema(model: type[BaseModel], name: str) -> Json:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:membri-sync:schema:{name}:{VERSION}",
        **model.model_json_schema(),
    }


def asyncapi() -> Json:
    """The AsyncAPI 3.0 document. Its addresses are routing keys."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "membri-sync",
            "version": VERSION,
            "description": "Records from Membri 365 to accounting systems, and what became of "
            "them. CloudEvents 1.0, JSON structured mode.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "records": _channel(topology.RECORDS, "{entity}.{system}.{chapter}", _TO_BOOKS),
            "outcomes": _channel(
                topology.OUTCOMES, "{entity}.{system}.{chapter}.{ending}", _OUTCOMES
            ),
            "dead": _channel(topology.DEAD, "{entity}.{system}.{chapter}", ["dead_letter"]),
        },
        "operations": {
            "publishRecords": _operation("send", "records", "The poller, or a replay."),
            "takeRecords": _operation("receive", "records", "The consumer of a chapter's books."),
            "publishOutcomes": _operation("send", "outcomes", "The consumer."),
            "settleOutcomes": _operation("receive", "outcomes", "The settler writes to Membri."),
            "bury": _operation("send", "dead", "The consumer, or the broker."),
            "settleDeadLetters": _operation("receive", "dead", "The settler, and operators."),
        },
        "components": {
            "messages": {
                **{name: _message(name) for name in EVENTS},
                "dead_letter": _dead_letter_message(),
            }
        },
    }


def _channel(exchange: str, address: str, messages: list[str]) -> Json:
    values: dict[str, Json] = {
        "entity": {"enum": [*Entity]},
        "system": {"description": "Slug of the accounting system, a-z 0-9 _ -"},
        "chapter": {"description": "Slug of the chapter, a-z 0-9 _ -"},
        "ending": {"enum": [*topology.Ending]},
    }
    return {
        "address": address,
        "parameters": {k: v for k, v in values.items() if f"{{{k}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": exchange, "type": "topic", "durable": True},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _operation(action: str, channel: str, summary: str) -> Json:
    made: Json = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
    }
    if action == "send":
        made["bindings"] = {
            "amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": "0.3.0"}
        }
    return made


def _message(name: str) -> Json:
    return {
        "name": name,
        "contentType": CONTENT_TYPE,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./events/{name}.schema.json"},
        },
    }


def _dead_letter_message() -> Json:
    text: Json = {"type": "string"}
    return {
        "name": "dead_letter",
        "summary": "The original body, whatever it is, and why it could not go.",
        "headers": {
            "type": "object",
            "properties": {
                dead_letters.REASON: {"type": "string", "enum": [*Reason]},
                dead_letters.FIELD: text,
                dead_letters.DETAIL: {**text, "maxLength": dead_letters.DETAIL_MAX},
                dead_letters.ATTEMPTS: {"type": "integer", "minimum": 0},
                dead_letters.FIRST_FAILED_AT: {"type": "string", "format": "date-time"},
                dead_letters.FAILED_BY: text,
            },
        },
    }


def main() -> None:
    """Writes every document."""
    for name, content in documents().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
