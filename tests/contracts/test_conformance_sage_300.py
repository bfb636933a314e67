"""Sage 300 against the promises of every accounting system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.sandbox.sage_300 import Options
from tests.contracts.conformance import NumberKeyedSystem
from tests.contracts.conformance_sage_300 import USER, Sage300Bench, sage_300_bench


@pytest.fixture(scope="module")
def sage_300_world() -> Iterator[Sage300Bench]:
    """One sandbox for all of the suite; whatever bad manners it saw fail the last test, and so does
    whatever was left behind."""
    with sage_300_bench() as bench:
        yield bench
        assert bench.sandbox.offences.all() == []
        assert bench.books().other == []


class TestSage300(NumberKeyedSystem):
    @pytest.fixture
    def bench(self, sage_300_world: Sage300Bench) -> Iterator[Sage300Bench]:
        sage_300_world.restarted()
        yield sage_300_world
        sage_300_world.sandbox.faults.clear()
        sage_300_world.accountant(closed_until=None)
        sage_300_world.accountant(users=[USER])
        sage_300_world.options.change(vars(Options()))
        sage_300_world.close()
