"""Fixtures that every part's tests may ask for, and which tests start first."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.fixtures_broker"]

LONGEST_FIRST = (
    "tests/e2e/test_killed_at_random.py",
    "tests/e2e/test_demo_once.py",
    "tests/e2e/",
)
"""What takes longest, the beginning of its path: started last, one worker would end alone."""


def _rank(item: pytest.Item) -> int:
    """0 for what starts first."""
    places = (n for n, path in enumerate(LONGEST_FIRST) if item.nodeid.startswith(path))
    return next(places, len(LONGEST_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)  # stable: modules stay together, with what they share
