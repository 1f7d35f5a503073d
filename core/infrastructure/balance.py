"""In which zone the next machine starts, and which machine goes.

Zones are kept level: a machine starts where the pool has fewest, and goes where it has most. Ties
go to the zone named first, and to the oldest machine.

Source: Amazon EC2 Auto Scaling user guide, "Availability Zone rebalancing" and "Default termination
policy" (with one launch template, its later rules come down to age).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kelm.core.infrastructure.instances import Instance


def census(zones: Sequence[str], placed: Sequence[str]) -> dict[str, int]:
    """How many machines each of the pool's zones has."""
    counts = dict.fromkeys(zones, 0)
    for zone in placed:
        if zone in counts:
            counts[zone] += 1
    return counts


def zone_to_launch(counts: Mapping[str, int], closed: Collection[str]) -> str | None:
    """The emptiest zone that takes machines, None where none does.

    >>> zone_to_launch({"a": 2, "b": 1, "c": 1}, closed={"b"})
    'c'
    """
    open_zones = [zone for zone in counts if zone not in closed]
    return min(open_zones, key=lambda zone: counts[zone], default=None)


def machine_to_terminate(machines: Sequence[Instance], zones: Sequence[str]) -> Instance | None:
    """The oldest machine of the fullest zone; first of all those in no zone of the pool.

    machines: oldest first.
    """
    strangers = [one for one in machines if one.zone not in zones]
    if strangers:
        return strangers[0]
    counts = census(zones, [one.zone for one in machines])
    return max(machines, key=lambda one: counts[one.zone], default=None)


def is_lopsided(counts: Mapping[str, int], closed: Collection[str]) -> bool:
    """Whether moving one machine to another zone would level the zones."""
    open_counts = [count for zone, count in counts.items() if zone not in closed]
    return bool(open_counts) and max(counts.values()) - min(open_counts) >= 2
