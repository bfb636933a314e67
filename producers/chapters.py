"""The chapters of this configuration, and which of them a record belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.chapters import ChapterSettings


@dataclass(frozen=True)
class Chapter:
    """A chapter with books of its own. `id` is Membri's, `slug` ours."""

    id: str
    name: str
    slug: str
    system: str
    settings: ChapterSettings = field(default_factory=ChapterSettings)


class UnknownChapter(Exception):
    """A record says no chapter, and there are several it could belong to."""


class Chapters:
    """Membri may have more chapters than are configured: their records are not ours to touch."""

    def __init__(self, chapters: Sequence[Chapter]) -> None:
        if not chapters:
            raise ValueError("at least one chapter is needed")
        self.all = tuple(chapters)
        self._by_id = {chapter.id: chapter for chapter in chapters}

    def get(self, chapter_id: str) -> Chapter | None:
        return self._by_id.get(chapter_id)

    def resolve(self, *candidates: str) -> Chapter | None:
        """The chapter named first among ids of which some may be empty; None when that one is not
        configured. Without any name, the only configured one; UnknownChapter when there are more.
        """
        for chapter_id in candidates:
            if chapter_id:
                return self._by_id.get(chapter_id)
        if len(self.all) > 1:
            raise UnknownChapter
        return self.all[0]
