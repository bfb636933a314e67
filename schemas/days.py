"""The days of Membri: a date there is a day in Montréal.

What comes in: a date. What goes out: the moment at which it begins, for producers and consumers
alike. Pure; the rules of the time zone come with `tzdata` where the machine has none (Windows).
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Toronto")
"""Montréal's clock, under the name that every time zone database has."""


def midnight(day: dt.date) -> dt.datetime:
    """When `day` begins in Montréal, in UTC."""
    return dt.datetime.combine(day, dt.time(), ZONE).astimezone(dt.UTC)
