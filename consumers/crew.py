"""Works carried out, several accounts at once, the works of one account one after the other.

What comes in: works in the order in which they must go. What goes out: how each ended, None for
what was not attempted because the system closed, or because too many bugs of ours came in a row.
Raises LeaseLost and LedgerUnavailable: then nothing more is begun.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Executor

from consumers.attempt import Attempt, BugRun, Closed, Ending, Work
from consumers.errors import Unavailable
from consumers.telling import Subject

Planned = tuple[Subject, Work]
Ended = tuple[Subject, Work, Ending | None, float]
"""The last one: seconds of the system's time."""


class Crew:
    """`closed` tells why the system takes nothing, from the first who met it until `rest`."""

    def __init__(
        self, attempt: Attempt, executor: Executor | None, concurrency: int, bugs: BugRun
    ) -> None:
        """`executor` None works in the caller's thread."""
        self.closed: Unavailable | None = None
        self._attempt = attempt
        self._executor = executor
        self._concurrency = concurrency
        self._bugs = bugs
        self._broken = False

    def rest(self) -> None:
        """A new batch: the system may be open again."""
        self.closed = None

    def carry_out(self, planned: list[Planned]) -> list[Ended]:
        """All works, the ones of one account one after the other. None: not attempted."""
        groups: dict[str, list[Planned]] = {}
        for subject, work in planned:
            groups.setdefault(work.record.account_id, []).append((subject, work))
        left = deque(groups.values())
        hands = min(self._concurrency, len(left))
        if self._executor is None or hands == 1:
            return self._drained(left)
        # One hand-over a thread, not one an account: a hand-over costs as much as a small record.
        futures = [self._executor.submit(self._drained, left) for _ in range(hands)]
        return [one for future in futures for one in future.result()]

    def _drained(self, left: deque[list[Planned]]) -> list[Ended]:
        """One account after the other until none is left; several threads may draw at once."""
        ended: list[Ended] = []
        try:
            while left:
                try:
                    group = left.popleft()
                except IndexError:  # another thread drew the last one
                    break
                ended += self._in_order(group)
        except BaseException:
            left.clear()  # no right to send, or nowhere to write: nobody begins another
            raise
        return ended

    def _in_order(self, group: list[Planned]) -> list[Ended]:
        ended: list[Ended] = []
        for subject, work in group:
            if self._broken or self.closed is not None or self._bugs.too_many():
                ended.append((subject, work, None, 0.0))
                continue
            started = time.perf_counter()
            try:
                ending = self._attempt.carry_out(work)
            except BaseException:
                self._broken = True  # nothing of this batch can be written down: start no more
                raise
            self._bugs.count(ending)
            if isinstance(ending, Closed):
                self.closed = ending.error
            ended.append((subject, work, ending, time.perf_counter() - started))
        return ended
