"""A DaemonSet counts its templates, in an annotation that only the API writes.

Source: kubernetes v1.36, pkg/registry/apps/daemonset/strategy.go; pkg/apis/apps/v1/conversion.go
(spec.templateGeneration has no field of its own in apps/v1).
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.daemon_set import TEMPLATE_GENERATION
from kelm.effects.address import Resource
from kelm.effects.document import Document, child, strings

DAEMON_SETS: Final[Resource] = "daemonsets.apps"


def counted(old: Document | None, doc: Document) -> Document:
    """The annotations of a DaemonSet that is created, or takes the place of `old`.

    >>> counted(None, Document())
    {'deprecated.daemonset.template.generation': '1'}
    """
    given = strings(doc, "metadata", "annotations")
    if old is None:
        asked = _number(given.get(TEMPLATE_GENERATION, ""))
        return Document({**given, TEMPLATE_GENERATION: str(max(asked, 1))})
    before = _number(strings(old, "metadata", "annotations").get(TEMPLATE_GENERATION, ""))
    changed = child(old, "spec", "template") != child(doc, "spec", "template")
    return Document({**given, TEMPLATE_GENERATION: str(before + changed)})


def _number(told: str) -> int:
    return int(told) if told.isdecimal() else 0
