"""What is already known of a part of a document: its defaulted form and its violations.

Pods of one template share the template's specification as one document. Filling it in and
judging it are pure functions of that document, so their results are kept with it, in
`Document.derived`: the first pod pays, the others find the answer. Losing what is known costs
time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from kelm.effects.document import Document

Use: TypeAlias = Literal["template", "pod"]
"""Where a pod's specification stands: in a workload's template, or in a pod."""


class Known(msgspec.Struct, frozen=True):
    """Results by use. A document that is its own default says so with True: no cycle."""

    template: Document | bool = False
    pod: Document | bool = False
    template_violations: tuple[object, ...] | None = None
    pod_violations: tuple[object, ...] | None = None
    admitted: tuple[object, ...] | None = None
    first_status: Document | None = None


NOTHING = Known()


def known(doc: Document) -> Known:
    try:
        found = doc.derived
    except AttributeError:
        return NOTHING
    return found if type(found) is Known else NOTHING


def defaulted(doc: Document, use: Use, fill: Callable[[Document], Document]) -> Document:
    """`fill(doc)`, worked out once a document.

    >>> once = Document(a=1)
    >>> first = defaulted(once, "pod", lambda doc: Document({**doc, "b": 2}))
    >>> defaulted(once, "pod", lambda doc: doc) is first, defaulted(first, "pod", dict) is first
    (True, True)
    """
    seen = known(doc)
    found = seen.pod if use == "pod" else seen.template
    if found is True:
        return doc
    if isinstance(found, Document):
        return found
    full = fill(doc)
    if full is not doc:
        _learn_default(doc, use, full)
    _learn_default(full, use, True)
    return full


def _learn_default(doc: Document, use: Use, result: Document | bool) -> None:
    if use == "pod":
        doc.derived = msgspec.structs.replace(known(doc), pod=result)
    else:
        doc.derived = msgspec.structs.replace(known(doc), template=result)
