"""Selectors that take a value from the pod itself: `matchLabelKeys` and `mismatchLabelKeys`.

The requirement is written into the selector when the pod is made, so that the scheduler sees one
selector and nothing else.

Source: kubernetes v1.36, pkg/registry/core/pod/strategy.go
(applyMatchLabelKeysAndMismatchLabelKeys, applyMatchLabelKeys for spread constraints).
"""

from __future__ import annotations

from kelm.core.api.defaulting.fill import with_each, with_part
from kelm.core.api.validation.pods.affinity import PREFERRED, REQUIRED
from kelm.effects.document import Document, elements


def with_label_keys(spec: Document, labels: Document) -> Document:
    """The specification with every such requirement written out."""

    def term(doc: Document) -> Document:
        return _merged(_merged(doc, labels, "matchLabelKeys", "In"), labels, "mismatchLabelKeys",
                       "NotIn")  # fmt: skip

    def pods(doc: Document) -> Document:
        doc = with_each(doc, REQUIRED, term)
        return with_each(doc, PREFERRED, lambda it: with_part(it, "podAffinityTerm", term))

    def affinity(doc: Document) -> Document:
        return with_part(with_part(doc, "podAffinity", pods), "podAntiAffinity", pods)

    spec = with_part(spec, "affinity", affinity)
    return with_each(
        spec,
        "topologySpreadConstraints",
        lambda it: _merged(it, labels, "matchLabelKeys", "In"),
    )


def _merged(doc: Document, labels: Document, field: str, operator: str) -> Document:
    """One more requirement for each key that the pod has a label of."""
    selector = doc.get("labelSelector")
    keys = [key for key in elements(doc, field) if isinstance(key, str) and key in labels]
    if not keys or not isinstance(selector, Document):
        return doc
    new = tuple(Document(key=key, operator=operator, values=(labels[key],)) for key in keys)
    old = elements(selector, "matchExpressions")
    return Document(
        {**doc, "labelSelector": Document({**selector, "matchExpressions": (*old, *new)})}
    )
