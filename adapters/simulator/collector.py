"""Python's cyclic collector, kept out of the loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (50_000, 20, 50)
"""How many new objects a server makes between the collector's walks."""


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


@contextmanager
def settled_collector() -> Iterator[None]:
    """While a server runs, the collector does not look again at what was made before, and seldom.

    Afterwards all is as it was: in a process that goes on, such as one that runs tests, a heap that
    stayed frozen would be counted whole whenever a cluster runs.
    """
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:
            gc.unfreeze()
