"""What the benches of systems behind an API share: connectors on a served sandbox, and what can go
wrong between the two.

Time is virtual on both sides: waiting for a limit costs nothing, and the sandbox still counts every
request that comes too early as an offence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from consumers.system import AccountsSettings, Setup, System
from ops.sandbox.kernel.serving import Served
from schemas.chapters import ChapterSettings
from schemas.facts import Fact
from tests.contracts.conformance_time import VirtualTime

S = TypeVar("S", bound=System)


@dataclass
class ServedBench(ABC, Generic[S]):
    """A served sandbox with one company, and connectors on it."""

    API: ClassVar[str]
    """How the paths of the API begin; its administration has others."""
    FORGET_S: ClassVar[float] = 0.0
    """After so many seconds the sandbox counts the requests of a former connector no more."""

    served: Served
    time: VirtualTime
    accounts: AccountsSettings = field(kw_only=True)
    facts: list[Fact] = field(default_factory=list, kw_only=True)
    _connector: S | None = field(default=None, kw_only=True)
    _opened: list[S] = field(default_factory=list, kw_only=True)

    @abstractmethod
    def connection(self, **values: Any) -> BaseModel:
        """`[chapters.connection]` of the sandbox, with other values where given."""

    @abstractmethod
    def build(self) -> Callable[..., S]:
        """What makes a connector of a Setup and the functions of time."""

    @property
    def system(self) -> S:
        if self._connector is None:
            self._connector = self.connector()
        return self._connector

    def connector(self, settings: ChapterSettings | None = None, **values: Any) -> S:
        self.time.sleep(self.FORGET_S)
        setup = Setup(
            "montreal",
            self.connection(**values),
            self.accounts,
            settings or ChapterSettings(),
            self.facts.append,
        )
        time = self.time
        made = self.build()(setup, clock=time.clock, monotonic=time.monotonic, sleep=time.sleep)
        self._opened.append(made)
        return made

    def restarted(self) -> S:
        self._connector = self.connector()
        return self._connector

    def mend(self) -> None:
        self._connector = None

    def close(self) -> None:
        for connector in self._opened:
            connector.close()
        self._opened.clear()
        self._connector = None

    # --- damage -----------------------------------------------------------------------------

    def spoil(self, damage: str, request: int) -> None:
        kind = {"lost_before": "drop_before", "lost_after": "drop_after"}.get(damage)
        fault: dict[str, Any] = {"kind": kind} if kind else {"kind": "status_after", "status": 504}
        self.served.system.faults.arm(**fault, path=self.API, skip=request)

    def spoiled(self) -> bool:
        left = self.served.system.faults.armed()
        self.served.system.faults.clear()
        return not left


def sum_of(values: Iterable[Any]) -> Decimal:
    """Their sum in dollars and cents."""
    return sum((Decimal(str(value)) for value in values), Decimal(0)).quantize(Decimal("0.01"))


@contextmanager
def closing(bench: ServedBench[S]) -> Iterator[None]:
    """Its connectors are closed at the end."""
    try:
        yield
    finally:
        bench.close()
