"""Python's cyclic collector, kept out of the loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep Python's cyclic collector out of the loop: it walks every young vector whole.

    Immutable values hold no cycles, so nothing is lost; what was on before is on afterwards. Being
    switched on again would cost a walk over all that is new (20 us a pod): it is declared old
    instead, and looked at when everything old is.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
