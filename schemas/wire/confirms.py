"""The outcomes of one batch of messages on a channel with publisher confirms. No I/O.

What comes in: the messages, and what the broker says of them. What goes out: which message may be
sent next, and one outcome for each. The broker answers in any order, several at once, and tells of
a returned message just before it confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.wire.channel import Outgoing, PublishOutcome


class ConfirmWindow:
    """`first_tag` is the channel's next delivery tag; `size` is how many may be unanswered."""

    def __init__(self, messages: Sequence[Outgoing], *, first_tag: int, size: int) -> None:
        self._messages = messages
        self._outcomes: list[PublishOutcome | None] = [None] * len(messages)
        self._returned: set[int] = set()
        self._first_tag = first_tag
        self._size = size
        self._lowest = 0
        self.sent = 0
        self.answered = 0

    @property
    def done(self) -> bool:
        return self.answered == len(self._messages)

    def next(self) -> Outgoing | None:
        """The message to send now; None when the window is full or all are sent."""
        if self.sent == len(self._messages) or self.sent - self.answered >= self._size:
            return None
        self.sent += 1
        return self._messages[self.sent - 1]

    def confirm(self, tag: int, *, multiple: bool, stored: bool) -> None:
        """basic.ack (`stored`) or basic.nack."""
        index = tag - self._first_tag
        for i in range(self._lowest, index + 1) if multiple else (index,):
            self._answer(i, stored=stored)
        while self._lowest < self.sent and self._outcomes[self._lowest] is not None:
            self._lowest += 1

    def returned(self, exchange: str, routing_key: str, message_id: str) -> None:
        """basic.return: the confirm that follows will say that it is stored, which it is not."""
        for i in range(self._lowest, self.sent):
            message = self._messages[i]
            if (
                self._outcomes[i] is None
                and i not in self._returned
                and message.message_id == message_id
                and message.routing_key == routing_key
                and message.exchange == exchange
            ):
                self._returned.add(i)
                return

    def outcomes(self) -> list[PublishOutcome]:
        """What has no answer is unknown."""
        return [outcome or PublishOutcome.UNKNOWN for outcome in self._outcomes]

    def _answer(self, index: int, *, stored: bool) -> None:
        if not 0 <= index < self.sent or self._outcomes[index] is not None:
            return
        if not stored:
            outcome = PublishOutcome.REFUSED
        elif index in self._returned:
            outcome = PublishOutcome.RETURNED
        else:
            outcome = PublishOutcome.CONFIRMED
        self._outcomes[index] = outcome
        self.answered += 1
