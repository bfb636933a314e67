"""Change data capture: what changed since a moment, at most 30 days ago, deletions included.

In: entity names and an ISO time. Out: CDCResponse. Refuses unknown names and older times (4001).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import SERVER_ZONE, Books
from ops.sandbox.quickbooks_online.properties import ENTITIES
from ops.sandbox.quickbooks_online.writes import present

LOOK_BACK = timedelta(days=30)
MAX_OBJECTS = 1000


def changed(books: Books, names: str, since: str) -> Document:
    """The changes of the entities in `names` (commas between). Raises Refusal."""
    entities = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in entities if name not in ENTITIES]
    if unknown or not entities:
        raise Refusal(4001, f"QueryValidationError: unknown entities: {', '.join(unknown)}")
    try:
        moment = datetime.fromisoformat(since.replace(" ", "+"))
    except ValueError:
        raise Refusal(2060, f"Invalid date format: {since}", element="changedSince") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SERVER_ZONE)
    if books.now() - moment > LOOK_BACK:
        raise Refusal(4001, "QueryValidationError: changedSince is more than 30 days ago")
    answers = [_entity(books, entity, moment) for entity in entities]
    return {"CDCResponse": [{"QueryResponse": answers}]}


def _entity(books: Books, entity: str, since: datetime) -> Document:
    living = [present(books, entity, d) for d in books.all(entity) if _is_after(d, since)]
    gone = [
        {name: value for name, value in tombstone.items() if name != "entity"}
        for tombstone in books.store.all(books.kind("_deleted"))
        if tombstone["entity"] == entity and _is_after(tombstone, since)
    ]
    found = [*living, *gone][:MAX_OBJECTS]
    if not found:
        return {}
    return {entity: found, "startPosition": 1, "maxResults": len(found)}


def _is_after(document: Document, since: datetime) -> bool:
    return datetime.fromisoformat(document["MetaData"]["LastUpdatedTime"]) >= since
