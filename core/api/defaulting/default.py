"""What the API fills in, by resource.

`default` answers with the same document where there is nothing to fill in, and shares every part
that it does not touch; a pod template's specification is filled in once however many pods are
made from it (`kelm.core.api.known`).

Source: kubernetes v1.36, pkg/apis/*/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.effects.address import Resource
from kelm.effects.document import Document

Defaulter = Callable[[Document], Document]

DEFAULTERS: Final[dict[Resource, Defaulter]] = {}
"""The defaults of every resource that has any."""


def default(resource: Resource, doc: Document) -> Document:
    """Fill in what a manifest leaves to the API."""
    defaulter = DEFAULTERS.get(resource)
    return doc if defaulter is None else defaulter(doc)
