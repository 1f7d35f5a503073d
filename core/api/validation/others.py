"""Rules of policies, quotas and claims.

Source: kubernetes v1.36, pkg/apis/{policy,core}/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import (
    IMMUTABLE,
    Rules,
    at,
    choice,
    items,
    not_over_100_percent,
    positive_int_or_percent,
)
from kelm.core.api.validation.labels import label_selector, printed
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.pods.volumes import claim_spec
from kelm.core.api.validation.quota_scopes import scopes
from kelm.core.api.validation.resources import (
    STANDARD_RESOURCES,
    amount,
    is_huge_page,
    quantity_at,
    resource_name,
)
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    forbidden,
    invalid_value,
    required,
)
from kelm.effects.document import Document, child, elements, text

QUOTA_RESOURCES: Final = STANDARD_RESOURCES
LIMIT_TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")


def disruption_budget_create(doc: Document) -> Violations:
    return (*metadata(doc, "poddisruptionbudgets.policy"), *_disruption_budget(doc))


def disruption_budget_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_disruption_budget(new))


def _disruption_budget(doc: Document) -> Rules:
    spec = child(doc, "spec")
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        selector = spec.get("selector")
        value = Struct(
            MinAvailable=least,
            Selector=printed(selector) if isinstance(selector, Document) else None,
            MaxUnavailable=most,
            UnhealthyPodEvictionPolicy=spec.get("unhealthyPodEvictionPolicy"),
        )
        yield invalid_value("spec", value, "minAvailable and maxUnavailable cannot be both set")
    for key in ("minAvailable", "maxUnavailable"):
        if spec.get(key) is not None:
            yield from positive_int_or_percent(spec, "spec", key)
            yield from not_over_100_percent(spec, "spec", key)
    yield from label_selector(child(spec, "selector"), "spec.selector")
    policies = ("AlwaysAllow", "IfHealthyBudget")
    yield from choice(spec, "spec", "unhealthyPodEvictionPolicy", policies, needed=False)


def resource_quota_create(doc: Document) -> Violations:
    return (*metadata(doc, "resourcequotas"), *_resource_quota(doc))


def resource_quota_update(old: Document, new: Document) -> Violations:
    found = (*metadata_update(old, new), *_resource_quota(new))
    was, now = (elements(doc, "spec", "scopes") for doc in (old, new))
    if set(was) == set(now):
        return found
    return (*found, invalid_value("spec.scopes", now, IMMUTABLE))


def _resource_quota(doc: Document) -> Rules:
    hard = child(doc, "spec", "hard")
    for name in sorted(hard):
        path = f"spec.hard[{name}]"
        yield from resource_name(name, path)
        if "/" not in name and not _is_quota_resource(name):
            yield invalid_value(path, name, "must be a standard resource for quota")
        yield from amount(name, hard, path)
    yield from scopes(child(doc, "spec"))


def _is_quota_resource(name: str) -> bool:
    return name in QUOTA_RESOURCES or is_huge_page(name) or name.startswith("requests.hugepages-")


def limit_range_create(doc: Document) -> Violations:
    return (*metadata(doc, "limitranges"), *_limit_range(doc))


def limit_range_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_limit_range(new))


def _limit_range(doc: Document) -> Rules:
    seen: set[str] = set()
    for here, item in items(child(doc, "spec"), "spec", "limits"):
        kind = text(item, "type")
        if not kind:
            yield required(at(here, "type"))
        if kind in seen:
            yield invalid_value(at(here, "type"), kind, "duplicate limit type")
        seen.add(kind)
        yield from _limit_item(item, here)


def _limit_item(item: Document, path: str) -> Rules:
    parts = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
    names = sorted({name for key in parts for name in child(item, key)})
    for key in parts[:2]:
        for name in sorted(child(item, key)):
            yield from resource_name(name, f"{at(path, key)}[{name}]")
    if text(item, "type") == "Pod":
        for key in ("default", "defaultRequest"):
            if child(item, key):
                why = "may not be specified when `type` is 'Pod'"
                yield forbidden(at(path, key), why)
    for name in names:
        yield from _limit_order(item, name, path)


_ORDER: Final = (
    ("min", "max", "min", "min value {} is greater than max value {}"),
    ("min", "defaultRequest", "defaultRequest",
     "min value {} is greater than default request value {}"),
    ("defaultRequest", "max", "defaultRequest",
     "default request value {} is greater than max value {}"),
    ("defaultRequest", "default", "defaultRequest",
     "default request value {} is greater than default limit value {}"),
    ("min", "default", "default", "min value {} is greater than default value {}"),
    ("default", "max", "default", "default value {} is greater than max value {}"),
)  # fmt: skip
"""Which amount may not be larger than which, whose field is blamed, and how."""


def _limit_order(item: Document, name: str, path: str) -> Rules:
    for less, more, blamed, words in _ORDER:
        low, high = quantity_at(child(item, less), name), quantity_at(child(item, more), name)
        if low is None or high is None or low.compare(high) <= 0:
            continue
        # Upstream blames a default and shows what it is held against.
        shown = low if blamed == less or blamed == "default" else high
        if (less, blamed) == ("default", "default"):
            shown = high
        yield invalid_value(f"{at(path, blamed)}[{name}]", str(shown), words.format(low, high))


def claim_create(doc: Document) -> Violations:
    resource = "persistentvolumeclaims"
    return (*metadata(doc, resource), *claim_spec(child(doc, "spec"), "spec"))


def claim_update(old: Document, new: Document) -> Violations:
    """A claim, once bound, may only ask for more room; before that for nothing else.

    Source: validation.go, ValidatePersistentVolumeClaimUpdate.
    """
    found = tuple(metadata_update(old, new))
    before, after = child(old, "spec"), child(new, "spec")
    movable = ["volumeName"] if not text(before, "volumeName") else []
    if text(new, "status", "phase") == "Bound":
        movable += ["resources", "volumeAttributesClassName"]
    kept = [key for key in sorted({*before, *after}) if key not in movable]
    if any(before.get(key) != after.get(key) for key in kept):
        why = (
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        found = (*found, forbidden("spec", why))
    had = quantity_at(child(before, "resources", "requests"), "storage")
    wants = quantity_at(child(after, "resources", "requests"), "storage")
    has = quantity_at(child(old, "status", "capacity"), "storage")
    if (
        had is not None
        and wants is not None
        and wants.compare(had) < 0
        and (has is None or wants.compare(has) <= 0)
    ):
        why = "field can not be less than status.capacity"
        found = (*found, forbidden("spec.resources.requests.storage", why))
    return found
