"""The Business Central books of a test file: one sandbox for the file, clean for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.conformance_business_central import (
    BusinessCentralBench,
    business_central_bench,
)
from tests.integration.bc_records import clean


@pytest.fixture(scope="module")
def business_central_shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BusinessCentralBench]:
    """The sandbox of a file. Ask for `bench`."""
    with business_central_bench(tmp_path_factory.mktemp("bc")) as made:
        yield made


@pytest.fixture
def bench(
    business_central_shared: BusinessCentralBench, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BusinessCentralBench]:
    with clean(business_central_shared) as made:
        yield made
        monkeypatch.undo()  # what a test put between the sandbox and its requests
