"""Rules of RuntimeClasses.

Source: kubernetes v1.36, pkg/apis/node/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, complaints, items, unchanged
from kelm.core.api.validation.internal.form import form
from kelm.core.api.validation.labels import label_map
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1123_label
from kelm.core.api.validation.pods.scheduling import tolerations
from kelm.core.api.validation.resources import asked_and_limited
from kelm.core.api.validation.violation import Violations, duplicate, required
from kelm.effects.document import Document, child, text

CLASSES: Final = "runtimeclasses.node.k8s.io"
TOLERATION_KEYS: Final = ("key", "operator", "value", "effect")


def class_create(doc: Document) -> Violations:
    return (*metadata(doc, CLASSES), *_class(doc))


def class_update(old: Document, new: Document) -> Violations:
    """Only what a class costs and where it may run can change: what is new is not judged."""
    return (*metadata_update(old, new), *unchanged(old, new, "", "handler"))


def _class(doc: Document) -> Rules:
    handler = text(doc, "handler")
    if handler:
        yield from complaints("handler", handler, dns1123_label(handler))
    else:
        yield required("handler")
    overhead = child(doc, "overhead", "podFixed")
    yield from asked_and_limited(Document(limits=overhead), "overhead")
    scheduling = child(doc, "scheduling")
    yield from label_map(scheduling, "scheduling", "nodeSelector")
    yield from tolerations(scheduling, "scheduling")
    seen: set[tuple[str, ...]] = set()
    for here, toleration in items(scheduling, "scheduling", "tolerations"):
        key = tuple(text(toleration, name) for name in TOLERATION_KEYS)
        if key in seen:
            yield duplicate(here, form("Toleration", toleration))
        seen.add(key)
