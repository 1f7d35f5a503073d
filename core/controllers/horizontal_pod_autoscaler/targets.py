"""What an autoscaler scales: the resource that its reference names.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler);
apimachinery/pkg/api/meta/errors.go, runtime/schema/group_version.go (the errors).
"""

from __future__ import annotations

from kelm.core.api.resources import RESOURCES
from kelm.core.controllers.shared.kinds import CUSTOM_DEFINITIONS
from kelm.core.runtime.controller import Caches
from kelm.effects.address import Resource
from kelm.effects.document import text

_BUILT_IN = {(info.group, info.kind): info.resource for info in RESOURCES.values()}


def resource_of_kind(caches: Caches, api_version: str, kind: str) -> Resource | None:
    """The resource of a kind, whatever version of its group was named; None where there is none."""
    group = api_version.rpartition("/")[0]
    known = _BUILT_IN.get((group, kind))
    if known is not None or CUSTOM_DEFINITIONS not in caches:
        return known
    for definition in caches[CUSTOM_DEFINITIONS].objects():
        named = (text(definition, "spec", "group"), text(definition, "spec", "names", "kind"))
        if named == (group, kind):
            return f"{text(definition, 'spec', 'names', 'plural')}.{group}"
    return None


def scaled(caches: Caches, api_version: str, kind: str) -> tuple[Resource, str]:
    """The resource that a reference names, and "" or what is wrong with it.

    >>> scaled({}, "apps/v1", "Deployment")
    ('deployments.apps', '')
    >>> scaled({}, "a/b/c", "Deployment")[1], scaled({}, "apps/v1", "Zoo")[1]
    ('unexpected GroupVersion string: a/b/c', 'no matches for kind "Zoo" in group "apps"')
    """
    if api_version.count("/") > 1:
        return "", f"unexpected GroupVersion string: {api_version}"
    resource = resource_of_kind(caches, api_version, kind)
    if resource is None:
        group = api_version.rpartition("/")[0]
        return "", f'no matches for kind "{kind}" in group "{group}"'
    return resource, ""
