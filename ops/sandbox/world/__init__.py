"""A deterministic association: what Membri holds, what the books held, and what the end must be."""

from ops.sandbox.world.build import CHAPTERS, Chapter, World, build, large
from ops.sandbox.world.expected import Expected

__all__ = ["CHAPTERS", "Chapter", "Expected", "World", "build", "large"]
