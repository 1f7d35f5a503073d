"""What a look-up and a change of a large map cost: `HashMap` beside `pyrsistent.pmap`.

    python -m tests.benchmarks.maps [ENTRIES]

See docs/decisions/0005-hash-map.md.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable

from pyrsistent import pmap

from kelm.core.store.hash_map import HashMap


def grown_pmap(keys: list[str]) -> object:
    found = pmap()
    for number, key in enumerate(keys):
        found = found.set(key, number)
    return found


def grown_hash_map(keys: list[str]) -> object:
    found: HashMap[str, int] = HashMap()
    for number, key in enumerate(keys):
        found = found.put(key, number)
    return found


def measure(name: str, keys: list[str], grow: Callable[[list[str]], object]) -> None:
    start = time.process_time()
    found = grow(keys)
    put_us = (time.process_time() - start) / len(keys) * 1e6
    get = found.get  # type: ignore[attr-defined]
    start = time.process_time()
    for key in keys:
        get(key)
    get_us = (time.process_time() - start) / len(keys) * 1e6
    del found, get
    tracemalloc.start()
    kept = grow(keys)
    size = tracemalloc.get_traced_memory()[0] / len(keys)
    tracemalloc.stop()
    del kept
    print(f"{name}: {put_us:.2f} us a change, {get_us:.2f} us a look-up, {size:.0f} bytes an entry")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    names = [f"default/web-{number}-abcde" for number in range(count)]
    measure("pmap", names, grown_pmap)
    measure("HashMap", names, grown_hash_map)
