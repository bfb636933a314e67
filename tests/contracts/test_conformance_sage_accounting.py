"""Sage Comptabilité against the promises of every accounting system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.conformance import NameKeyedSystem
from tests.contracts.conformance_sage_accounting import SageBench, sage_bench


@pytest.fixture(scope="module")
def sage_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageBench]:
    """One sandbox for all of the suite; whatever bad manners it saw fail the last test."""
    folder: Path = tmp_path_factory.mktemp("sage")
    with sage_bench(folder) as bench:
        yield bench
        assert bench.sandbox.offences.all() == []


class TestSageAccounting(NameKeyedSystem):
    @pytest.fixture
    def bench(self, sage_world: SageBench) -> Iterator[SageBench]:
        sage_world.restarted()
        yield sage_world
        sage_world.sandbox.faults.clear()
        sage_world.accountant(closed_until=None)
        sage_world.close()
