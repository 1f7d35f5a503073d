"""A mapping of any size, as a value: a vector of small dicts, found by the hash of the key.

`pyrsistent.pmap` is the same idea written in Python down to the last step: a look-up is four calls
and a change a dozen. Here both are one step in a `PVector` and one in a `dict`, the two of them in
C, which makes a look-up five times and a change six times cheaper (`python -m
tests.benchmarks.maps`). Why it matters: docs/decisions/0005-hash-map.md.

Walking it follows the hashes, which differ from run to run: walk it sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

K = TypeVar("K")
V = TypeVar("V")

CROWD = 5
"""How many entries a bucket has on average before there are twice as many buckets."""
FIRST_SIZE = 8
_NONE: Mapping[object, object] = {}


class HashMap(msgspec.Struct, Generic[K, V], frozen=True, eq=False):
    """A mapping that cannot be changed; `put` and `remove` give a new one.

    Buckets are plain dicts that nobody changes once they are in the vector; there are a power of
    two of them, and `mask` is one less.

    >>> one = HashMap().put("a", 1)
    >>> two = one.put("b", 2).remove("a")
    >>> one.get("a"), two.get("a"), dict(two), len(two)
    (1, None, {'b': 2}, 1)
    """

    size: int = 0
    mask: int = FIRST_SIZE - 1
    buckets: PVector[Mapping[K, V]] = pvector([_NONE] * FIRST_SIZE)  # type: ignore[list-item]

    def get(self, key: K) -> V | None:
        """The value of a key, None where there is none."""
        return self.buckets[hash(key) & self.mask].get(key)

    def __getitem__(self, key: K) -> V:
        return self.buckets[hash(key) & self.mask][key]

    def __contains__(self, key: object) -> bool:
        return key in self.buckets[hash(key) & self.mask]

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return self.size > 0

    def __iter__(self) -> Iterator[K]:
        for bucket in self.buckets:
            yield from bucket

    def keys(self) -> Iterable[K]:
        """All keys, in no promised order."""
        return iter(self)

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries, in no promised order."""
        for bucket in self.buckets:
            yield from bucket.items()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, HashMap) and dict(self.items()) == dict(other.items())

    def put(self, key: K, value: V) -> HashMap[K, V]:
        """A map with this entry."""
        place = hash(key) & self.mask
        old = self.buckets[place]
        changed = self.buckets.set(place, {**old, key: value})
        if key in old:
            return HashMap(self.size, self.mask, changed)
        grown: HashMap[K, V] = HashMap(self.size + 1, self.mask, changed)
        return _spread(grown) if grown.size > CROWD * (self.mask + 1) else grown

    def remove(self, key: K) -> HashMap[K, V]:
        """A map without this entry; the same map if there is none."""
        place = hash(key) & self.mask
        old = self.buckets[place]
        if key not in old:
            return self
        left = {other: value for other, value in old.items() if other != key}
        return HashMap(self.size - 1, self.mask, self.buckets.set(place, left))


def hash_map(entries: Iterable[tuple[K, V]]) -> HashMap[K, V]:
    """A map of these entries; of two with one key the later.

    >>> hash_map([("a", 1), ("b", 2)]) == HashMap().put("b", 2).put("a", 1)
    True
    """
    given = dict(entries)
    count = FIRST_SIZE
    while len(given) > CROWD * count:
        count *= 4
    return _filed(given, count)


def _spread(crowded: HashMap[K, V]) -> HashMap[K, V]:
    """The same entries in four times as many buckets."""
    return _filed(dict(crowded.items()), 4 * (crowded.mask + 1))


def _filed(entries: Mapping[K, V], count: int) -> HashMap[K, V]:
    buckets: list[dict[K, V]] = [{} for _ in range(count)]
    for key, value in entries.items():
        buckets[hash(key) & count - 1][key] = value
    shared: list[Mapping[K, V]] = [bucket or _NONE for bucket in buckets]  # type: ignore[misc]
    return HashMap(len(entries), count - 1, pvector(shared))
