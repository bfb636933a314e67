"""The Sage 300 books of a test file: one sandbox for the file, clean for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.conformance_sage_300 import Sage300Bench, sage_300_bench
from tests.integration.sage_300_books import clean


@pytest.fixture(scope="module")
def sage_300_shared() -> Iterator[Sage300Bench]:
    """The sandbox of a file. Ask for `bench`."""
    with sage_300_bench() as made:
        yield made


@pytest.fixture
def bench(sage_300_shared: Sage300Bench) -> Iterator[Sage300Bench]:
    with clean(sage_300_shared) as made:
        yield made
