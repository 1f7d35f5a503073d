"""Which IP families a Service has.

Source: kubernetes v1.36, pkg/registry/core/service/storage/alloc.go, initIPFamilyFields.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import Ranges, family
from kelm.core.api.validation.violation import Violation, invalid_value
from kelm.effects.document import Document, child, elements, text

OTHER: Final = {"IPv4": "IPv6", "IPv6": "IPv4"}
SINGLE, PREFER_DUAL, REQUIRE_DUAL = "SingleStack", "PreferDualStack", "RequireDualStack"


def with_families(spec: Document, ranges: Ranges) -> Document | Violation:
    """The specification with its IP families and their policy, or what is wrong with them."""
    configured = tuple(dict.fromkeys(family(cidr) for cidr in ranges.service_cidrs))
    policy = text(spec, "ipFamilyPolicy")
    families = _of_addresses(spec, configured)
    if isinstance(families, Violation):
        return families
    if text(spec, "clusterIP") == "None" and not child(spec, "selector"):
        return _selectorless(spec, families or configured[:1], policy)
    if policy == REQUIRE_DUAL and len(configured) < 2:
        why = "this cluster is not configured for dual-stack services"
        return invalid_value("spec.ipFamilyPolicy", policy, why)
    for index, one in enumerate(families):
        if one not in configured:
            path = f"spec.ipFamilies[{index}]"
            return invalid_value(path, one, "not configured on this cluster")
    families = families or configured[:1]
    wants_two = policy in (PREFER_DUAL, REQUIRE_DUAL)
    if wants_two and len(families) < 2 <= len(configured):
        families = (*families, OTHER[families[0]])
    return _with(spec, families, policy or SINGLE)


def _of_addresses(spec: Document, configured: tuple[str, ...]) -> tuple[str, ...] | Violation:
    """The families that are named, or that the named addresses are of."""
    families = tuple(str(item) for item in elements(spec, "ipFamilies"))
    for index, address in enumerate(str(item) for item in elements(spec, "clusterIPs")):
        if address == "None":
            break
        if index < len(families):
            continue
        found = family(address)
        if found not in configured:
            path = f"spec.clusterIPs[{index}]"
            return invalid_value(path, address, f"{found} is not configured on this cluster")
        families = (*families, found)
    return families


def _selectorless(spec: Document, families: tuple[str, ...], policy: str) -> Document:
    """Nobody routes to it, so it may have both families wherever it is."""
    if len(families) < 2 and policy != SINGLE:
        families = (*families, OTHER[families[0]])
    return _with(spec, families, policy or REQUIRE_DUAL)


def _with(spec: Document, families: tuple[str, ...], policy: str) -> Document:
    if spec.get("ipFamilies") == families and spec.get("ipFamilyPolicy") == policy:
        return spec
    return Document({**spec, "ipFamilies": families, "ipFamilyPolicy": policy})
