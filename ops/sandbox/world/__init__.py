"""A deterministic association: what Membri holds, what the books held, and what the end must be."""

from ops.sandbox.world.build import DEFAULT_SYSTEMS, Chapter, World, build, chapters, large
from ops.sandbox.world.expected import Expected

__all__ = ["DEFAULT_SYSTEMS", "Chapter", "Expected", "World", "build", "chapters", "large"]
