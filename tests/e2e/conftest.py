"""Fixtures of the end-to-end tests: one sandbox and one empty vhost for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e_harness import Rehearsal, rehearsal
from tests.fixtures_broker import BrokerNode


@pytest.fixture
def tiny(tmp_path: Path, broker_node: BrokerNode) -> Iterator[Rehearsal]:
    """The tiny world, not yet synchronised."""
    with rehearsal(tmp_path / "rehearsal", broker_node.url) as one:
        yield one
