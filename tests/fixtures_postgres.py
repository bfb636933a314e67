"""One private PostgreSQL server for a test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres_server import PrivatePostgres, private_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """One server for the run; ask it for a database of your own. Leave it running."""
    with private_postgres() as server:
        yield server
