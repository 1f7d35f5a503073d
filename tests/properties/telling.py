"""Tell a story when what must be true of it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import note

from tests.properties.story import Story


@contextmanager
def telling(story: Story) -> Iterator[Story]:
    """Add to a failure what happened and how to have it happen again."""
    try:
        yield story
    except BaseException:
        note(story.told())
        raise
