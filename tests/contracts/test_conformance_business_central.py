"""Business Central against the promises of every accounting system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.sandbox.business_central import Options
from tests.contracts.conformance import NumberKeyedSystem
from tests.contracts.conformance_business_central import (
    BusinessCentralBench,
    business_central_bench,
)


@pytest.fixture(scope="module")
def business_central_world(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BusinessCentralBench]:
    """One sandbox for all of the suite; whatever bad manners it saw fail the last test, and so does
    whatever was left behind."""
    folder: Path = tmp_path_factory.mktemp("bc")
    with business_central_bench(folder) as bench:
        yield bench
        assert bench.sandbox.offences.all() == []
        assert bench.books().other == []
        assert {one["code"] for one in bench.dump()["_batches"]} == {"DEFAULT", "ENCAISS"}


class TestBusinessCentral(NumberKeyedSystem):
    @pytest.fixture
    def bench(self, business_central_world: BusinessCentralBench) -> Iterator[BusinessCentralBench]:
        business_central_world.restarted()
        yield business_central_world
        business_central_world.sandbox.faults.clear()
        business_central_world.accountant(closed_until="")
        business_central_world.options.change(vars(Options()))
        business_central_world.close()
