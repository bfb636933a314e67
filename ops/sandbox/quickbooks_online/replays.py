"""Request ids: the first answer of a write is kept, and given again to the same id.

In: a request id, the digest of the request, and the work to do once. Out: the answer's body.
Refuses an id that is too long (2130) and, when told to, one used with another body (600).
"""

from __future__ import annotations

from collections.abc import Callable

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books

MAX_LENGTH = 50
MAX_BATCH_LENGTH = 36
MAX_BATCH_ITEM_LENGTH = 10
_KIND = "_request"


def check_request_id(request_id: str, limit: int = MAX_LENGTH) -> None:
    if len(request_id) > limit:
        raise Refusal(2130, f"requestid is longer than {limit} characters", element="requestid")


def once(
    books: Books,
    request_id: str,
    digest: str,
    work: Callable[[], Document],
    on_reuse: Callable[[], None],
) -> Document:
    """The answer to a write, done once per request id. Work and record are one transaction.

    `on_reuse` is told when an id comes back with another request. Raises Refusal.
    """
    if not request_id:
        return work()
    kept = books.store.get(books.kind(_KIND), request_id)
    if kept is not None:
        if kept["digest"] != digest:
            on_reuse()
            if books.options.other_body_same_requestid == "fault":
                raise Refusal(600, f"Duplicate RequestId {request_id}")
        if "refusal" in kept:
            raise Refusal(kept["refusal"]["code"], kept["refusal"]["detail"])
        body: Document = kept["body"]
        return body
    try:
        with books.transaction():
            body = work()
            books.store.put(books.kind(_KIND), request_id, {"digest": digest, "body": body})
    except Refusal as refusal:
        if books.options.replay_faults:
            told = {"code": refusal.code, "detail": refusal.detail}
            books.store.put(books.kind(_KIND), request_id, {"digest": digest, "refusal": told})
        raise
    return body
