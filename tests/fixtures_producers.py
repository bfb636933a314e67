"""Our producers between a simulated Membri and a broker in memory: a world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.producers_world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
def quick_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker in memory has everything at once: nothing to wait for when a queue is empty."""
    monkeypatch.setattr("producers.settler.TAKE_S", 0.01)
