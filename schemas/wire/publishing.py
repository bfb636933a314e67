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
    """Whether it ended for a missing exchange or permission."""

    def open(self) -> None:
        """Raises BrokerUnavailable."""
        ...

    def call(self, work: Callable[[], None]) -> bool: ...

    def send(self, message: Outgoing) -> bool:
        """In the link's thread only. False when it can send no more."""
        ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class _Conversation:
    """What one link tells, for the batch under way. A link that ended cannot disturb the next."""

    def __init__(self) -> None:
        self.link: PublishingLink | None = None
        self.next_tag = 1
        self.window: ConfirmWindow | None = None
        self.over = threading.Event()

    # In the link's thread.

    def pump(self) -> None:
        window, link = self.window, self.link
        if window is None or link is None:
            return
        while link.ended is None and (message := window.next()) is not None:
            if not link.send(message):
                return
        if window.done:
            self.over.set()

    def on_confirm(self, tag: int, *, multiple: bool, stored: bool) -> None:
        if self.window is not None:
            self.window.confirm(tag, multiple=multiple, stored=stored)
            self.pump()

    def on_return(self, exchange: str, routing_key: str, message_id: str) -> None:
        if self.window is not None:
            self.window.returned(exchange, routing_key, message_id)

    def on_end(self) -> None:
        self.over.set()


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
        self._talk: _Conversation | None = None

    def publish(self, messages: Sequence[Outgoing]) -> list[PublishOutcome]:
        if not messages:
            return []
        with self._turn:
            talk, link = self._open_link()
            window = ConfirmWindow(messages, first_tag=talk.next_tag, size=self._size)
            talk.over.clear()
            talk.window = window
            if link.ended is None and link.call(talk.pump):
                self._wait(talk, link, window)
            talk.window = None
            talk.next_tag += len(messages)
            if not window.done:
                link.close()
                if window.sent == 0 or (link.refused and window.answered == 0):
                    raise BrokerUnavailable(link.ended or "the connection was closed")
            return window.outcomes()

    def close(self) -> None:
        with self._turn:
            if self._talk is not None and self._talk.link is not None:
                self._talk.link.close()
            self._talk = None

    def _open_link(self) -> tuple[_Conversation, PublishingLink]:
        talk = self._talk
        if talk is not None and talk.link is not None and talk.link.ended is None:
            return talk, talk.link
        talk = _Conversation()
        talk.link = link = self._new_link(talk)
        link.open()
        self._talk = talk
        return talk, link

    def _wait(self, talk: _Conversation, link: PublishingLink, window: ConfirmWindow) -> None:
        """Until all is answered, the link has ended, or the broker is silent for too long."""
        answered = -1
        while not talk.over.wait(self._answer_timeout_s):
            if window.answered == answered or link.ended is not None:
                link.abort()
                return
            answered = window.answered
