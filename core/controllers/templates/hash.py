"""The hash of a pod template: name and label of a ReplicaSet, label of a DaemonSet's pods.

Two templates have one hash exactly when upstream says so, to the letter: a cluster's
ReplicaSets keep their names when kelm takes over, and the other way round. Walking a template
costs about a millisecond, so the number is kept with the document; a repeated question costs
nothing, and so does a collision count.

Source: kubernetes v1.36, pkg/controller/controller_utils.go, ComputeHash.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.templates.dump import dump_template
from kelm.core.objects.names import fnv1a_32, hash_suffix
from kelm.effects.document import Document


class _Hashed(msgspec.Struct, frozen=True, gc=False):
    value: int


def template_hash(template: Document, collision_count: int | None = None) -> str:
    """The hash of a PodTemplateSpec as it stands in names and labels.

    `collision_count` is the owner's `status.collisionCount`: where it is set, 0 included, it is
    hashed too. The template is taken as it is: defaulted, without `pod-template-hash`.

    >>> template_hash(Document()), template_hash(Document(), 0)
    ('85748b7f68', '777dfcd544')
    """
    value = template_fnv(template)
    if collision_count is not None:
        value = fnv1a_32((collision_count & 0xFFFFFFFF).to_bytes(8, "little"), value)
    return hash_suffix(value)


def template_fnv(template: Document) -> int:
    """The 32-bit hash of a template's text, computed once per document."""
    try:
        kept = template.derived
    except AttributeError:
        kept = None
    if type(kept) is _Hashed:
        return kept.value
    value = fnv1a_32(dump_template(template).encode())
    template.derived = _Hashed(value)
    return value
