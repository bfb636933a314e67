"""Many things, so many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`, drawn one after the other."""
    drawn = iter(items)
    while chunk := list(islice(drawn, size)):
        yield chunk
