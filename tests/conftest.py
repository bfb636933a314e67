"""Fixtures that every part's tests may ask for, and which tests each worker starts with."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

import pytest

from schemas.sentences import speak

pytest_plugins = ["tests.fixtures_broker"]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """What a test made this process speak ends with it."""
    yield
    speak(None)


Group = list[pytest.Item]
KILLED = "tests/e2e/test_killed_at_random.py"
SECONDS = {KILLED: 110, "tests/e2e/test_demo_once.py": 70}
"""About how long one test lasts; any other of `tests/e2e/` some seconds."""
SOME_SECONDS = 6


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, shared out among the workers: pytest-xdist gives each worker one
    run of the list, the next run to the next (`worksteal`), and one that begins a long test last
    ends alone."""
    long = [item for item in items if item.nodeid.startswith("tests/e2e/")]
    short = [item for item in items if not item.nodeid.startswith("tests/e2e/")]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if len(items) < 100 * workers:
        return  # somebody runs a few by hand
    shares = _shared_out(_groups(long), workers)
    runs: list[Group] = []
    left, rest = len(items), iter(short)
    for place, share in enumerate(shares):
        size = left // (workers - place)
        runs.append([*share, *itertools.islice(rest, max(0, size - len(share)))])
        left -= size
    runs[-1] += rest
    items[:] = [item for run in runs for item in run]


def _groups(items: Sequence[pytest.Item]) -> list[Group]:
    """Tests of a module stay together with what they share; the killed rehearsals share nothing."""
    found: dict[str, Group] = {}
    for item in items:
        module = item.nodeid.partition("::")[0]
        found.setdefault(item.nodeid if module == KILLED else module, []).append(item)
    return sorted(found.values(), key=_seconds, reverse=True)


def _shared_out(groups: Sequence[Group], workers: int) -> list[Group]:
    """Each next group to the worker that has the least to do, the longest groups first."""
    shares: list[Group] = [[] for _ in range(workers)]
    for group in groups:
        min(shares, key=_seconds).extend(group)
    return shares


def _seconds(group: Group) -> int:
    return sum(SECONDS.get(item.nodeid.partition("::")[0], SOME_SECONDS) for item in group)
