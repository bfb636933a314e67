"""Whether an answer tells what is in the books now, or what an earlier request made."""

from __future__ import annotations

import datetime as dt

import pytest

from consumers.systems._replays import SKEW_S, is_replayed

SENT_AT = dt.datetime(2026, 7, 1, 12, 0, 0, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("made_at", "replayed"),
    [
        ("2026-07-01T12:00:01Z", False),
        ("2026-07-01T05:00:01-07:00", False),
        ("2026-07-01T11:59:51Z", False),
        ("2026-07-01T11:59:49Z", True),
        ("2026-07-01T04:59:00-07:00", True),
        ("2026-07-01T11:00:00", True),
        ("2026-07-01T12:00:00", False),
        ("yesterday", True),
        ("", True),
        (None, True),
    ],
)
def test_older_than_the_request_by_more_than_clocks_differ(made_at: object, replayed: bool) -> None:
    assert SKEW_S == 10.0
    assert is_replayed(made_at, SENT_AT) is replayed
