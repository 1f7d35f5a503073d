"""Rules of StorageClasses and VolumeAttributesClasses.

Source: kubernetes v1.36, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, items, unchanged
from kelm.core.api.validation.labels import label_name
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import qualified_name
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kelm.effects.document import Document, Json, elements, strings, text

CLASSES: Final = "storageclasses.storage.k8s.io"
ATTRIBUTES: Final = "volumeattributesclasses.storage.k8s.io"
MOST_PARAMETERS: Final = 512
PARAMETERS_BYTES: Final = 256 * 1024
BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")
KEPT_FIELDS: Final = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")


def class_create(doc: Document) -> Violations:
    return (*metadata(doc, CLASSES), *_class(doc))


def class_update(old: Document, new: Document) -> Violations:
    """Topologies, mount options and whether volumes may grow are all that may change."""
    again = metadata_again(old, new, CLASSES)
    kept = (
        one
        for key in KEPT_FIELDS
        for one in unchanged(old, new, "", key, empty="" if key == "provisioner" else None)
    )
    return (*again, *_class(new), *metadata_update(old, new), *kept)


def _class(doc: Document) -> Rules:
    yield from driver(doc, "provisioner")
    yield from parameters(doc)
    policy, mode = text(doc, "reclaimPolicy"), text(doc, "volumeBindingMode")
    if policy and policy not in ("Delete", "Retain"):
        yield not_supported("reclaimPolicy", policy, ("Delete", "Retain"))
    if mode not in BINDING_MODES:
        yield not_supported("volumeBindingMode", mode, BINDING_MODES)
    # Upstream compares with as many empty terms as there are terms, too.
    seen: list[dict[str, frozenset[Json]]] = [{} for _ in elements(doc, "allowedTopologies")]
    for here, term in items(doc, "", "allowedTopologies"):
        yield from _topology(term, here)
        wanted = {
            text(one, "key"): frozenset(elements(one, "values"))
            for _, one in items(term, here, "matchLabelExpressions")
        }
        for _ in range(seen.count(wanted)):
            yield duplicate(at(here, "matchLabelExpressions"), "")
        seen.append(wanted)


def _topology(term: Document, path: str) -> Rules:
    keys: set[str] = set()
    for here, wanted in items(term, path, "matchLabelExpressions"):
        values, taken = elements(wanted, "values"), set()
        if not values:
            yield required(at(here, "values"))
        for index, value in enumerate(values):
            if value in taken:
                yield duplicate(f"{at(here, 'values')}[{index}]", value)
            taken.add(value)
        yield from label_name(wanted, here, "key")
        key = text(wanted, "key")
        if key in keys:
            yield duplicate(at(here, "key"), key)
        keys.add(key)


def driver(doc: Document, key: str) -> Rules:
    """Who makes volumes: a qualified name in any case."""
    name = text(doc, key)
    if not name:
        yield required(key)
    else:
        yield from complaints(key, name.lower(), qualified_name(name.lower()))


def parameters(doc: Document, *, needed: bool = False) -> Rules:
    """What a driver is told: bounded in number and size."""
    found = strings(doc, "parameters")
    if len(found) > MOST_PARAMETERS:
        yield too_long("parameters", MOST_PARAMETERS)
        return
    if "" in found:
        yield invalid_value("parameters", "", "field can not be empty.")
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > (
        PARAMETERS_BYTES
    ):
        yield too_long("parameters", PARAMETERS_BYTES)
    if needed and not found:
        yield required("parameters", "must contain at least one key/value pair")


def attributes_create(doc: Document) -> Violations:
    return (*metadata(doc, ATTRIBUTES), *_attributes(doc))


def attributes_update(old: Document, new: Document) -> Violations:
    """Neither the driver nor what it is told changes.

    >>> old = Document(driverName="d", parameters=Document(a="1"))
    >>> new = Document(driverName="e", parameters=Document(a="1"))
    >>> attributes_update(old, new)[0].text
    'driverName: Forbidden: updates to driverName are forbidden.'
    """
    changed = (
        forbidden(key, f"updates to {key} are forbidden.")
        for key in ("driverName", "parameters")
        if (old.get(key) or None) != (new.get(key) or None)
    )
    return (
        *metadata_update(old, new),
        *changed,
        *metadata_again(old, new, ATTRIBUTES),
        *_attributes(new),
    )


def _attributes(doc: Document) -> Rules:
    yield from driver(doc, "driverName")
    yield from parameters(doc, needed=True)
