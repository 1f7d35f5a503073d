"""What the scheduler has heard of objects that are neither pods nor nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kelm.effects.document import Document
from kelm.effects.messages import Cache


class Heard(msgspec.Struct, frozen=True):
    """The caches, by resource; of a resource that has none, no object is known."""

    caches: Mapping[str, Cache]

    def get(self, resource: str, key: str) -> Document | None:
        cache = self.caches.get(resource)
        return None if cache is None else cache.get(key)

    def objects(self, resource: str) -> Iterator[Document]:
        cache = self.caches.get(resource)
        return iter(()) if cache is None else cache.objects()
