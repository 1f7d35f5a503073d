"""What happens to an object whose owners are alive, gone, or waiting for it to go.

An object lives as long as one of its owners does, and then loses its references to the others.
With no living owner it is deleted: in the foreground if an owner waits for it and it has
dependents of its own, else as its own finalizers say.

Source: kubernetes v1.36, pkg/controller/garbagecollector/garbagecollector.go,
attemptToDeleteItem.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from kelm.effects.commands import Propagation

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


class OwnerState(StrEnum):
    """How an owner reference stands.

    SOLID: the owner lives. DANGLING: there is no such object. WAITING: the owner is being deleted
    in the foreground.
    """

    SOLID = "solid"
    DANGLING = "dangling"
    WAITING = "waiting"


class Keep(msgspec.Struct, frozen=True, gc=False):
    """Leave the object alone, but drop the owner references at these places."""

    dropped: tuple[int, ...] = ()


class Collect(msgspec.Struct, frozen=True, gc=False):
    """Delete the object."""

    propagation_policy: Propagation


def classify(
    owners: tuple[OwnerState, ...], *, has_dependents: bool, finalizers: tuple[str, ...]
) -> Keep | Collect:
    """Decide about one object by the states of its owner references, in their order.

    >>> solid, gone, waiting = OwnerState.SOLID, OwnerState.DANGLING, OwnerState.WAITING
    >>> classify((solid, gone), has_dependents=False, finalizers=())
    Keep(dropped=(1,))
    >>> classify((waiting,), has_dependents=True, finalizers=())
    Collect(propagation_policy='Foreground')
    """
    if not owners:
        return Keep()
    if OwnerState.SOLID in owners:
        places = enumerate(owners)
        return Keep(tuple(place for place, state in places if state is not OwnerState.SOLID))
    if OwnerState.WAITING in owners and has_dependents:
        return Collect("Foreground")
    if ORPHAN in finalizers:
        return Collect("Orphan")
    return Collect("Foreground" if FOREGROUND in finalizers else "Background")
