"""The QuickBooks books of a test file: one sandbox for the file, clean for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.conformance_qbo import QuickBooksBench, quickbooks_bench
from tests.integration.qbo_books import clean


@pytest.fixture(scope="module")
def qbo_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickBooksBench]:
    """The sandbox of a file. Ask for `bench`."""
    with quickbooks_bench(tmp_path_factory.mktemp("qbo")) as made:
        yield made


@pytest.fixture
def bench(qbo_shared: QuickBooksBench) -> Iterator[QuickBooksBench]:
    with clean(qbo_shared) as made:
        yield made
