"""Batches: up to 30 operations, each succeeding or failing alone, in the order given.

In: the decoded body. Out: BatchItemResponse. Refuses more than 30 (1040), and with a requestid a
bId above 10 characters (2130).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal, fault
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.properties import ENTITIES
from ops.sandbox.quickbooks_online.query import parse
from ops.sandbox.quickbooks_online.replays import MAX_BATCH_ITEM_LENGTH, check_request_id, once
from ops.sandbox.quickbooks_online.search import answer
from ops.sandbox.quickbooks_online.writes import delete, save, void

MAX_ITEMS = 30


def serve_batch(
    books: Books,
    raw: Any,
    request_id: str,
    on_reuse: Callable[[], None],
    on_refusal: Callable[[Refusal], None],
) -> Document:
    """The answers of a batch. Raises Refusal for the batch as a whole."""
    items = raw.get("BatchItemRequest") if isinstance(raw, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refusal(2010, "Property Name:failed to parse json object", element="Batch")
    if len(items) > MAX_ITEMS:
        raise Refusal(1040, f"Batch size {len(items)} exceeds the limit {MAX_ITEMS}")
    if request_id:
        for item in items:
            check_request_id(str(item.get("bId", "")), MAX_BATCH_ITEM_LENGTH)
    return {
        "BatchItemResponse": [
            _serve(books, item, request_id, on_reuse, on_refusal) for item in items
        ]
    }


def _serve(
    books: Books,
    item: Document,
    request_id: str,
    on_reuse: Callable[[], None],
    on_refusal: Callable[[Refusal], None],
) -> Document:
    label = str(item.get("bId", ""))
    key = f"{request_id}/{label}" if request_id else ""
    digest = hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()
    try:
        done = once(books, key, digest, lambda: _do(books, item), on_reuse)
    except Refusal as refusal:
        on_refusal(refusal)
        return {"bId": label, "Fault": fault(refusal)}
    return {"bId": label, **done}


def _do(books: Books, item: Document) -> Document:
    if "Query" in item:
        return answer(books, parse(str(item["Query"])))
    entity = next((name for name in item if name in ENTITIES), None)
    if entity is None:
        raise Refusal(2010, "Property Name:no known object in the batch item", element="Batch")
    if books.state.get("read_only"):
        raise Refusal(6190, READ_ONLY)
    operation = item.get("operation")
    if operation == "delete":
        return {entity: delete(books, entity, item[entity])}
    if operation == "update" and item.get("optionsData") == "void":
        return {entity: void(books, entity, item[entity])}
    if operation not in ("create", "update"):
        raise Refusal(500, f"Operation {operation} is not supported")
    has_id = bool((item[entity] or {}).get("Id"))
    if has_id != (operation == "update"):
        raise Refusal(2020, f"Operation {operation} and the Id do not agree", element="Id")
    return {entity: save(books, entity, item[entity])}


READ_ONLY = (
    "Invalid Company Status : subscription period has ended or canceled or there was a billing"
    " problem"
)
