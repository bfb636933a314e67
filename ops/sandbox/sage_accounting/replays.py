"""Idempotency ids: the first answer of a creation is kept 7 days, and given again to the same id.

In: an id inside the resource object, the digest of the request, and the work to do once. Out: the
status and body of the answer. Refuses an id of another resource (422), and one with another body
as the options say (sage-accounting.md, section 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problem, Refusal, invalid
from ops.sandbox.sage_accounting.books import Books

Answer = tuple[int, Any]
KIND = "_idempotency"


def once(
    books: Books, number: object, resource: str, digest: str, work: Callable[[], Answer]
) -> Answer:
    """The answer to a creation, done once for each id. Work and record are one transaction.

    Raises Refusal.
    """
    if not number:
        with books.store.transaction():
            return work()
    if not isinstance(number, str) or len(number) > 64:
        raise invalid("idempotency_id is invalid", "idempotency_id")
    kept = _kept(books, number)
    if kept is not None:
        return _again(books, kept, resource, digest)
    record: Document = {"resource": resource, "digest": digest, "at": books.now().timestamp()}
    try:
        with books.store.transaction():
            status, body = work()
            answer = {**record, "status": status, "body": body}
            books.store.put(books.kind(KIND), number, answer)
    except Refusal as refusal:
        if books.options.replay_errors:
            told = [[one.code, one.message, one.source] for one in refusal.problems]
            answer = {**record, "status": refusal.status, "refused": told}
            books.store.put(books.kind(KIND), number, answer)
        raise
    return status, body


def _kept(books: Books, number: str) -> Document | None:
    kept = books.store.get(books.kind(KIND), number)
    life_s = books.options.idempotency_life_s
    if kept is None or books.now().timestamp() - float(kept["at"]) >= life_s:
        return None
    return kept


def _again(books: Books, kept: Document, resource: str, digest: str) -> Answer:
    if kept["resource"] != resource:
        raise invalid("idempotency_id was used for another resource", "idempotency_id")
    if kept["digest"] != digest and books.options.other_body_same_id == "refuse":
        raise invalid("idempotency_id was used with another request", "idempotency_id")
    if "refused" in kept:
        raise Refusal(kept["status"], *(Problem(*told) for told in kept["refused"]))
    return int(kept["status"]), kept["body"]
