"""Every kind of ledger, empty. `shelf` and `ledger` run a test once for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Ledger
from consumers.ledger.sql import open_ledger
from tests.ledger_builders import Shelf


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(_opener(request, tmp_path))
    yield shelf
    for ledger in shelf.opened:
        ledger.close()


@pytest.fixture
def ledger(shelf: Shelf) -> Ledger:
    return shelf.ledger


def _opener(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Ledger]:
    if request.param == "memory":
        in_memory: dict[str, MemoryLedger] = {}
        return lambda chapter: in_memory.setdefault(chapter, MemoryLedger(chapter))
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/state/ledger.db"
    else:
        url = request.getfixturevalue("postgres").new_database()
    return lambda chapter: open_ledger(url, chapter)
