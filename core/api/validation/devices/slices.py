"""Rules of ResourceSlices, which say what devices there are, and of DeviceClasses.

Source: kubernetes v1.36, pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.api.validation.devices import claims, names
from kelm.core.api.validation.fields import IMMUTABLE, Rules, at, choice, items, whole_number
from kelm.core.api.validation.labels import label_name
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1123_label
from kelm.core.api.validation.pods.affinity import node_selector
from kelm.core.api.validation.resources import is_extended
from kelm.core.api.validation.violation import (
    Violations,
    invalid_value,
    required,
    too_long,
)
from kelm.effects.document import Document, child, children, text

CLASSES: Final = "deviceclasses.resource.k8s.io"
SLICES: Final = "resourceslices.resource.k8s.io"
MOST_DEVICES, MOST_ADVANCED_DEVICES, MOST_COUNTER_SETS = 128, 64, 8
MOST_FACTS: Final = 32
VALUE_LENGTH: Final = 64
PLACES: Final = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
VALUES: Final = ("int", "bool", "string", "version")
VERSION: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)


def class_create(doc: Document) -> Violations:
    return (*metadata(doc, CLASSES), *_class(doc))


def class_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_class(new))


def _class(doc: Document) -> Rules:
    spec = child(doc, "spec")
    yield from claims.selectors(spec, "spec")
    for where, config in items(spec, "spec", "config"):
        yield from claims.configuration(config, where)
    name = text(spec, "extendedResourceName")
    if name and not is_extended(name):
        detail = "must be a valid extended resource name"
        yield invalid_value("spec.extendedResourceName", name, detail)


def slice_create(doc: Document) -> Violations:
    return (*metadata(doc, SLICES), *_slice(child(doc, "spec")))


def slice_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_slice(child(new, "spec")), *_same_pool(old, new))


def _same_pool(old: Document, new: Document) -> Rules:
    """What a slice says of may change, and not whose it is."""
    before, after = child(old, "spec"), child(new, "spec")
    for path in (("pool", "name"), ("driver",), ("nodeName",)):
        was, is_now = text(before, *path), text(after, *path)
        if was != is_now:
            yield invalid_value(".".join(("spec", *path)), is_now, IMMUTABLE)


def _slice(spec: Document) -> Rules:
    yield from names.driver("spec.driver", text(spec, "driver"))
    pool = child(spec, "pool")
    yield from names.pool("spec.pool.name", text(pool, "name"))
    count, generation = (
        whole_number(pool, "resourceSliceCount") or 0,
        whole_number(pool, "generation") or 0,
    )
    if count <= 0:
        yield invalid_value("spec.pool.resourceSliceCount", count, "must be greater than zero")
    if generation < 0:
        detail = "must be greater than or equal to zero"
        yield invalid_value("spec.pool.generation", generation, detail)
    listed = "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`"
    yield from _place(spec, "spec", PLACES, f"exactly one of {listed} is required")
    if "sharedCounters" in spec and "devices" in spec:
        detail = "only one of `sharedCounters` or `devices` is allowed"
        yield invalid_value("spec", "", detail)
    advanced = any(
        "taints" in one or "consumesCounters" in one for one in children(spec, "devices")
    )
    most = MOST_ADVANCED_DEVICES if advanced else MOST_DEVICES
    apart = spec.get("perDeviceNodeSelection") is True

    def device(one: Document, path: str) -> Rules:
        yield from _device(one, path)
        yield from _place_of_device(one, path, apart=apart)

    yield from names.once_each(spec, "spec", "devices", most, device)
    yield from names.once_each(spec, "spec", "sharedCounters", MOST_COUNTER_SETS, _counters)


def _place(doc: Document, path: str, keys: tuple[str, ...], detail: str) -> Rules:
    """Which nodes something is for, said in one way."""
    told = []
    for key in keys:
        value = doc.get(key)
        if value is None:
            continue
        if value is False:
            yield invalid_value(at(path, key), value, "must be either unset or set to true")
        elif value == "":
            why = "must be either unset or set to a non-empty string"
            yield invalid_value(at(path, key), value, why)
        else:
            told.append(f"`{key}`")
        if isinstance(value, Document):
            yield from node_selector(value, at(path, key))
            if path == "spec" and len(children(value, "nodeSelectorTerms")) != 1:
                terms = value.get("nodeSelectorTerms")
                where = f"{at(path, key)}.nodeSelectorTerms"
                yield invalid_value(where, terms, "must have exactly one node selector term")
    if not told:
        yield required(path, detail)
    elif len(told) > 1:
        given = f"{{{', '.join(told)}}}"
        yield invalid_value(path, given, f"{detail}, but multiple fields are set")


def _place_of_device(one: Document, path: str, *, apart: bool) -> Rules:
    where = ("nodeName", "nodeSelector", "allNodes")
    when = "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
    if apart:
        detail = f"exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when {when}"
        yield from _place(one, path, where, detail)
    elif any(key in one for key in where):
        detail = f"`nodeName`, `nodeSelector` and `allNodes` can only be set if {when}"
        yield invalid_value(path, None, detail)


def _device(one: Document, path: str) -> Rules:
    yield from names.named(one, path, "name", dns1123_label)
    attributes, capacity = child(one, "attributes"), child(one, "capacity")
    facts = len(attributes) + len(capacity)
    if facts > MOST_FACTS:
        detail = f"the total number of attributes and capacities must not exceed {MOST_FACTS}"
        yield invalid_value(path, facts, detail)
    for name in sorted(attributes):
        where = f"{at(path, 'attributes')}[{name}]"
        yield from names.qualified(where, name)
        yield from _attribute(child(attributes, name), where)
    for name in sorted(capacity):
        where = f"{at(path, 'capacity')}[{name}]"
        yield from names.qualified(where, name)
        shared = one.get("allowMultipleAllocations") is True
        if "requestPolicy" in child(capacity, name) and not shared:
            yield invalid_value(
                at(where, "requestPolicy"), None, "allowMultipleAllocations must be true"
            )
    for where, taint in items(one, path, "taints"):
        yield from label_name(taint, where, "key")
        yield from choice(taint, where, "effect", ("NoExecute", "NoSchedule", "None"))
    for where, consumed in items(one, path, "consumesCounters"):
        yield from names.named(consumed, where, "counterSet", dns1123_label)
        if not child(consumed, "counters"):
            yield required(at(where, "counters"))


def _attribute(attribute: Document, path: str) -> Rules:
    told = [key for key in VALUES if key in attribute]
    if len(told) != 1:
        value = attribute if told else ""
        yield invalid_value(path, value, "exactly one value must be specified")
        return
    key, value = told[0], text(attribute, told[0])
    if key == "version" and not VERSION.fullmatch(value):
        detail = "must be a string compatible with semver.org spec 2.0.0"
        yield invalid_value(at(path, key), value, detail)
    if key in ("string", "version") and len(value) > VALUE_LENGTH:
        yield too_long(at(path, key), VALUE_LENGTH)


def _counters(one: Document, path: str) -> Rules:
    yield from names.named(one, path, "name", dns1123_label)
    if not child(one, "counters"):
        yield required(at(path, "counters"))
