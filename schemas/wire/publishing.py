"""A publisher that pipelines over a link with confirms, whatever the link is made of.

What comes in: batches of messages. What goes out: one outcome for each. It never waits without a
limit: a link that ended or a broker that says nothing leaves UNKNOWN behind, and the next batch
opens a new link.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome
from schemas.wire.confirms import ConfirmWindow


class ConfirmListener(Protocol):
    """What a publishing link tells, in its own thread."""

    def on_confirm(self, tag: int, *, multiple: bool, stored: bool) -> None: ...

    def on_return(self, exchange: str, routing_key: str, message_id: str) -> None: ...

    def on_end(self) -> None: ...


class PublishingLink(Protocol):
    """A confirming channel in a thread of its own; its delivery tags start at 1."""

    ended: str | None
    """Why it is of no use any more; None while it is."""
    refused: bool
    """Whether it ended because the broker does not let us publish there."""

    def open(self) -> None:
        """Raises BrokerUnavailable."""
        ...

    def call(self, work: Callable[[], None]) -> bool: ...

    def send(self, message: Outgoing) -> bool:
        """In the link's thread only. False when it can send no more."""
        ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class PipelinedPublisher:
    """One call at a time; others wait their turn. `window`: unanswered messages at most."""

    def __init__(
        self,
        new_link: Callable[[ConfirmListener], PublishingLink],
        *,
        window: int,
        answer_timeout_s: float,
    ) -> None:
        self._new_link = new_link
        self._size = window
        self._answer_timeout_s = answer_timeout_s
        self._turn = threading.Lock()
        self._link: PublishingLink | None = None
        self._next_tag = 1
        self._window: ConfirmWindow | None = None
        self._over = threading.Event()

    def publish(self, messages: Sequence[Outgoing]) -> list[PublishOutcome]:
        if not messages:
            return []
        with self._turn:
            link = self._open_link()
            window = ConfirmWindow(messages, first_tag=self._next_tag, size=self._size)
            self._over.clear()
            self._window = window
            if link.call(self._pump):
                self._wait(link, window)
            self._window = None
            self._next_tag += len(messages)
            if not window.done:
                link.close()
                if window.sent == 0 or (link.refused and window.answered == 0):
                    raise BrokerUnavailable(link.ended or "the connection was closed")
            return window.outcomes()

    def close(self) -> None:
        with self._turn:
            if self._link is not None:
                self._link.close()
                self._link = None

    def _open_link(self) -> PublishingLink:
        if self._link is None or self._link.ended is not None:
            link = self._new_link(self)
            link.open()
            self._link = link
            self._next_tag = 1
        return self._link

    def _wait(self, link: PublishingLink, window: ConfirmWindow) -> None:
        """Until all is answered, the link has ended, or the broker is silent for too long."""
        answered = -1
        while not self._over.wait(self._answer_timeout_s):
            if window.answered == answered or link.ended is not None:
                link.abort()
                return
            answered = window.answered

    # Below: in the link's thread.

    def _pump(self) -> None:
        window, link = self._window, self._link
        if window is None or link is None:
            return
        while link.ended is None and (message := window.next()) is not None:
            if not link.send(message):
                return
        if window.done:
            self._over.set()

    def on_confirm(self, tag: int, *, multiple: bool, stored: bool) -> None:
        if self._window is not None:
            self._window.confirm(tag, multiple=multiple, stored=stored)
            self._pump()

    def on_return(self, exchange: str, routing_key: str, message_id: str) -> None:
        if self._window is not None:
            self._window.returned(exchange, routing_key, message_id)

    def on_end(self) -> None:
        self._over.set()
