"""Where a resource's objects are kept: events are one store under two groups."""

from __future__ import annotations

from typing import Final

from kelm.core.api.resources import ResourceInfo
from kelm.effects.address import Resource

KEPT_AS: Final[dict[Resource, Resource]] = {"events.events.k8s.io": "events"}


def stored_resource(info: ResourceInfo) -> Resource:
    """The resource under which objects are kept.

    >>> from kelm.core.api.resources import RESOURCES
    >>> stored_resource(RESOURCES["events.events.k8s.io"])
    'events'
    """
    return KEPT_AS.get(info.resource, info.resource)
