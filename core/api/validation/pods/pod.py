"""Rules of pods: new ones, changed ones, and templates of pods.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidatePodCreate,
ValidatePodUpdate, ValidatePodStatusUpdate, ValidatePodTemplateSpec).
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.api.known import Use
from kelm.core.api.validation.fields import Rules, at
from kelm.core.api.validation.labels import label_map
from kelm.core.api.validation.metadata import annotation_map, annotation_of, metadata
from kelm.core.api.validation.pods.security import annotations_match, security_annotations
from kelm.core.api.validation.pods.spec import pod_spec_violations
from kelm.core.api.validation.violation import Violations, forbidden, invalid_value, under
from kelm.effects.document import Document, child, elements, text

MIRROR: Final = "kubernetes.io/config.mirror"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_COST = re.compile(r"0|-?[1-9][0-9]*|-0+[0-9]*")


def pod_create(doc: Document) -> Violations:
    """What is wrong with a new pod."""
    meta, spec = child(doc, "metadata"), child(doc, "spec")
    found = (*metadata(doc, "pods"), *_annotations(meta, spec, "metadata"))
    wrong = pod_spec_violations(spec, "pod")
    late = tuple(_on_create(meta, spec))
    return (*found, *under("spec", wrong), *late) if found or wrong or late else ()


def _on_create(meta: Document, spec: Document) -> Rules:
    if elements(spec, "ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if text(spec, "nodeName") and elements(spec, "schedulingGates"):
        why = "cannot be set until all schedulingGates have been cleared"
        yield forbidden("spec.nodeName", why)
    if "annotations" in meta:
        yield from annotations_match(meta, spec, "spec")


def _annotations(meta: Document, spec: Document, path: str) -> Rules:
    """Annotations that mean something to pods.

    Source: validation.go, ValidatePodSpecificAnnotations.
    """
    if "annotations" not in meta:
        return
    mirror, cost = annotation_of(meta, MIRROR), annotation_of(meta, DELETION_COST)
    if mirror is not None and not text(spec, "nodeName"):
        why = "must set spec.nodeName if mirror pod annotation is set"
        yield invalid_value(f"{at(path, 'annotations')}[{MIRROR}]", mirror, why)
    if cost is not None and not is_deletion_cost(cost):
        place = f"{at(path, 'annotations')}[{DELETION_COST}]"
        yield invalid_value(place, cost, "must be a 32bit integer")
    yield from security_annotations(meta, spec, path)


def is_deletion_cost(text: str) -> bool:
    """Whether an annotation says what deleting a pod costs: 32 bits, no plus, no leading zero.

    >>> [is_deletion_cost(text) for text in ("-100", "0", "+1", "01", "3000000000")]
    [True, True, False, False, False]
    """
    return _COST.fullmatch(text) is not None and -(2**31) <= int(text) < 2**31


def template_metadata(template: Document, path: str) -> Rules:
    """What is wrong with the labels and annotations of a pod template."""
    meta = child(template, "metadata")
    yield from label_map(meta, path, "labels")
    yield from annotation_map(meta, path)
    yield from _annotations(meta, child(template, "spec"), path)


def template_violations(template: Document, path: str) -> Rules:
    """What is wrong with a pod template.

    Source: validation.go, ValidatePodTemplateSpec.
    """
    meta, spec = child(template, "metadata"), child(template, "spec")
    yield from template_metadata(template, path)
    yield from under(at(path, "spec"), _template_spec(spec))
    yield from annotations_match(meta, spec, at(path, "spec"))
    if elements(spec, "ephemeralContainers"):
        why = "ephemeral containers not allowed in pod template"
        yield forbidden(at(path, "spec.ephemeralContainers"), why)


def _template_spec(spec: Document) -> Violations:
    use: Use = "template"
    return pod_spec_violations(spec, use)
