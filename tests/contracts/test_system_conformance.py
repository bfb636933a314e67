"""Every accounting system against the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.conformance import SystemConformance
from tests.contracts.conformance_qbo import QuickBooksBench, quickbooks_bench
from tests.contracts.conformance_reference import ReferenceBench, reference_system


class TestReferenceThatReplaysKeys(SystemConformance):
    @pytest.fixture
    def bench(self) -> ReferenceBench:
        return ReferenceBench(reference_system(replays=True))


class TestReferenceThatDoesNotReplayKeys(SystemConformance):
    @pytest.fixture
    def bench(self) -> ReferenceBench:
        return ReferenceBench(reference_system(replays=False))


@pytest.fixture(scope="module")
def quickbooks_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickBooksBench]:
    """One sandbox for all of the suite; whatever bad manners it saw fail the last test."""
    folder: Path = tmp_path_factory.mktemp("qbo")
    with quickbooks_bench(folder) as bench:
        yield bench
        assert bench.sandbox.offences.all() == []


class TestQuickBooksOnline(SystemConformance):
    @pytest.fixture
    def bench(self, quickbooks_world: QuickBooksBench) -> Iterator[QuickBooksBench]:
        quickbooks_world.restarted()
        yield quickbooks_world
        quickbooks_world.sandbox.faults.clear()
        quickbooks_world.accountant(BookCloseDate=None)
        quickbooks_world.close()
