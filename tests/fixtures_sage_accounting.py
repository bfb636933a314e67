"""The Sage books of a test file: one sandbox for the file, as it was before for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.sandbox.sage_accounting import Options
from tests.contracts.conformance_sage_accounting import ACCOUNTS, BUSINESS, SageBench, sage_bench


@pytest.fixture(scope="module")
def sage_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageBench]:
    """The sandbox of a file. Ask for `bench`."""
    with sage_bench(tmp_path_factory.mktemp("sage")) as made:
        yield made


@pytest.fixture
def bench(sage_shared: SageBench) -> Iterator[SageBench]:
    """Fails a test that offends, but for the codes that it puts in `excused`."""
    before = len(sage_shared.sandbox.offences.all())
    sage_shared.authorise()
    sage_shared.restarted()
    yield sage_shared
    new = sage_shared.sandbox.offences.all()[before:]
    left = [one for one in new if one["code"] not in sage_shared.excused]
    sage_shared.excused.clear()
    sage_shared.sandbox.faults.clear()
    sage_shared.options.change(vars(Options()))
    sage_shared.accountant(
        closed_until=None,
        accounts_start_date="2015-01-01",
        edition="ACCOUNTING",
        subscription=True,
        roles={},
        businesses=[BUSINESS],
        lead=BUSINESS,
    )
    sage_shared.accounts = ACCOUNTS
    sage_shared.values = {}
    sage_shared.close()
    assert left == []
