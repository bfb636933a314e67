"""Which acknowledgements to send for a set of delivery tags. No I/O.

One multiple acknowledgement is worth fifty single ones, but it settles everything up to its tag:
so it may reach only as far as all that was handed out is settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple


class Settlement(NamedTuple):
    """What to send: everything up to `up_to` (None: nothing), and `singly` one by one."""

    up_to: int | None
    singly: list[int]


class Outstanding:
    """Tags that were handed out and not settled, in the order of the channel."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._open: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, tag: int) -> None:
        """Tags must come in growing order."""
        self._order.append(tag)
        self._open.add(tag)

    def settle(self, tags: Iterable[int]) -> Settlement:
        """Tags that are not outstanding (settled before) are left out."""
        asked = self._open.intersection(tags)
        self._open -= asked
        up_to = None
        while self._order and self._order[0] not in self._open:
            tag = self._order.popleft()
            if tag in asked:
                asked.remove(tag)
                up_to = tag
        return Settlement(up_to, sorted(asked))
