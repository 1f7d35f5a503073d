"""Rules of CSIDrivers, CSINodes, CSIStorageCapacities and VolumeAttachments.

Source: kubernetes v1.36, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import (
    IMMUTABLE,
    NEGATIVE,
    Rules,
    at,
    complaints,
    has_text,
    items,
    not_negative,
    unchanged,
    whole_number,
)
from kelm.core.api.validation.labels import label_selector, printed
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import dns1123_subdomain, qualified_name
from kelm.core.api.validation.resources import quantity_at
from kelm.core.api.validation.storage.persistent_volumes import csi_driver_name, volume_spec
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kelm.effects.document import Document, Json, child, elements, strings, text

DRIVERS: Final = "csidrivers.storage.k8s.io"
NODES: Final = "csinodes.storage.k8s.io"
CAPACITIES: Final = "csistoragecapacities.storage.k8s.io"
ATTACHMENTS: Final = "volumeattachments.storage.k8s.io"
NODE_ID_LENGTH: Final = 256
METADATA_BYTES: Final = 256 * 1024
ERROR_BYTES: Final = 1024
GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
LIFECYCLES: Final = ("Persistent", "Ephemeral")
BOTH_SOURCES: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def driver_create(doc: Document) -> Violations:
    return (*metadata(doc, DRIVERS), *_driver(child(doc, "spec")))


def driver_update(old: Document, new: Document) -> Violations:
    was, spec = child(old, "spec"), child(new, "spec")
    found = [*metadata_update(old, new), *_driver(spec)]
    if was.get("attachRequired") != spec.get("attachRequired"):
        value = spec.get("attachRequired")
        found.append(invalid_value("spec.attachedRequired", value, IMMUTABLE))
    found.extend(unchanged(was, spec, "spec", "volumeLifecycleModes"))
    return tuple(found)


def _driver(spec: Document) -> Rules:
    for key, named in (
        ("attachRequired", "attachedRequired"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("storageCapacity", "storageCapacity"),
    ):
        if spec.get(key) is None:
            yield required(f"spec.{named}")
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in GROUP_POLICIES:
        yield not_supported("spec.fsGroupPolicy", policy, GROUP_POLICIES)
    yield from _token_requests(spec)
    for mode in elements(spec, "volumeLifecycleModes"):
        if mode not in LIFECYCLES:
            yield not_supported("spec.volumeLifecycleModes", mode, LIFECYCLES)
    period = whole_number(spec, "nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < 10:
        why = "must be greater than or equal to 10 seconds"
        yield invalid_value("spec.nodeAllocatableUpdatePeriodSeconds", period, why)
    in_secrets = spec.get("serviceAccountTokenInSecrets")
    if in_secrets is not None and not elements(spec, "tokenRequests"):
        why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield invalid_value("spec.serviceAccountTokenInSecrets", in_secrets, why)


def _token_requests(spec: Document) -> Rules:
    taken: set[str] = set()
    for here, request in items(spec, "spec", "tokenRequests"):
        audience = text(request, "audience")
        if audience in taken:
            yield duplicate(at(here, "audience"), audience)
            continue
        taken.add(audience)
        seconds = whole_number(request, "expirationSeconds")
        place = at(here, "expirationSeconds")
        if seconds is not None and seconds < 600:
            yield invalid_value(place, seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > 1 << 32:
            why = "may not specify a duration larger than 2^32 seconds"
            yield invalid_value(place, seconds, why)


def node_create(doc: Document) -> Violations:
    return (*metadata(doc, NODES), *_node(doc))


def node_update(old: Document, new: Document) -> Violations:
    """A driver that is registered keeps everything but how many volumes it takes."""
    changed = (
        invalid_value("spec.drivers", _driver_form(now), IMMUTABLE)
        for _, was in items(child(old, "spec"), "", "drivers")
        for _, now in items(child(new, "spec"), "", "drivers")
        if text(was, "name") == text(now, "name") and _driver_form(was) != _driver_form(now)
    )
    return (*metadata_again(old, new, NODES), *_node(new), *changed)


def _driver_form(driver: Document) -> Document:
    return Struct(
        Name=text(driver, "name"),
        NodeID=text(driver, "nodeID"),
        TopologyKeys=driver.get("topologyKeys"),
        Allocatable=None,
    )


def _node(doc: Document) -> Rules:
    taken: set[str] = set()
    for here, driver in items(child(doc, "spec"), "spec", "drivers"):
        name, node = text(driver, "name"), text(driver, "nodeID")
        yield from csi_driver_name(name, at(here, "name"))
        yield from has_text(driver, here, "nodeID")
        if len(node.encode()) > NODE_ID_LENGTH:
            why = f"must be {NODE_ID_LENGTH} characters or less"
            yield invalid_value(at(here, "nodeID"), node, why)
        yield from not_negative(child(driver, "allocatable"), at(here, "allocatable"), ("count",))
        if name in taken:
            yield duplicate(at(here, "name"), name)
        taken.add(name)
        yield from _topology_keys(elements(driver, "topologyKeys"), here)


def _topology_keys(keys: tuple[Json, ...], path: str) -> Rules:
    seen: set[Json] = set()
    for key in keys:
        if not key:
            yield required(path)
        if key in seen:
            yield duplicate(path, key)
        seen.add(key)
        yield from complaints(path, key, qualified_name(str(key)))


def capacity_create(doc: Document) -> Violations:
    return (*metadata(doc, CAPACITIES), *_capacity(doc))


def _capacity(doc: Document) -> Rules:
    yield from label_selector(child(doc, "nodeTopology"), "nodeTopology")
    name = text(doc, "storageClassName")
    yield from complaints("storageClassName", name, dns1123_subdomain(name))
    amount = quantity_at(doc, "capacity")
    if amount is not None and amount.unscaled < 0:
        yield invalid_value("capacity", str(amount), NEGATIVE)


def capacity_update(old: Document, new: Document) -> Violations:
    """What a driver was asked about stays; what it answered may change."""
    found = list(metadata_update(old, new))
    if (old.get("nodeTopology") or None) != (new.get("nodeTopology") or None):
        selector = new.get("nodeTopology")
        shown = printed(selector) if isinstance(selector, Document) else None
        found.append(invalid_value("nodeTopology", shown, IMMUTABLE))
    if text(old, "storageClassName") != text(new, "storageClassName"):
        name = text(new, "storageClassName")
        found.append(invalid_value("storageClassName", name, IMMUTABLE))
    return tuple(found)


def attachment_create(doc: Document) -> Violations:
    return (*metadata(doc, ATTACHMENTS), *_attachment(doc))


def attachment_update(old: Document, new: Document) -> Violations:
    found = (*metadata_again(old, new, ATTACHMENTS), *_attachment(new))
    if child(old, "spec") == child(new, "spec"):
        return found
    spec, source = child(new, "spec"), child(new, "spec", "source")
    shown = Struct(
        Attacher=text(spec, "attacher"),
        Source=Struct(
            PersistentVolumeName=source.get("persistentVolumeName"),
            InlineVolumeSpec=source.get("inlineVolumeSpec"),
        ),
        NodeName=text(spec, "nodeName"),
    )
    return (*found, invalid_value("spec", shown, IMMUTABLE))


def _attachment(doc: Document) -> Rules:
    spec = child(doc, "spec")
    yield from csi_driver_name(text(spec, "attacher"), "spec.attacher")
    yield from _source(child(spec, "source"))
    node = text(spec, "nodeName")
    yield from complaints("spec.nodeName", node, dns1123_subdomain(node))
    yield from _attachment_status(child(doc, "status"))
    name = child(spec, "source").get("persistentVolumeName")
    if isinstance(name, str):
        place = "spec.source.persistentVolumeName"
        yield from complaints(place, name, dns1123_subdomain(name))


def _source(source: Document) -> Rules:
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    here = "spec.source"
    if inline is None and name is None:
        yield required(here, BOTH_SOURCES)
    elif inline is not None and name is not None:
        yield forbidden(here, BOTH_SOURCES)
    elif name is not None and not name:
        why = "must specify non empty persistentVolumeName"
        yield required(f"{here}.persistentVolumeName", why)
    elif isinstance(inline, Document):
        yield from volume_spec(inline, f"{here}.inlineVolumeSpec", inline=True)


def _attachment_status(status: Document) -> Rules:
    told = strings(status, "attachmentMetadata")
    if sum(len(k.encode()) + len(v.encode()) for k, v in told.items()) > METADATA_BYTES:
        yield too_long("status.attachmentMetadata", METADATA_BYTES)
    for key in ("attachError", "detachError"):
        problem, here = child(status, key), f"status.{key}"
        if len(text(problem, "message").encode()) > ERROR_BYTES:
            yield too_long(at(here, "message"), METADATA_BYTES)
        code = whole_number(problem, "errorCode")
        if code is not None and code < 0:
            why = "must be between 0 and 2147483647, inclusive"
            yield invalid_value(at(here, "errorCode"), code, why)
