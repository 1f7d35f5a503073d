"""What the API changes in a new object, or why it lets none in, in the order of its plugins.

Between defaulting and validation. The request's namespace is in `metadata.namespace` by now; the
name may still be missing where the object asks for a fresh one.

Source: kubernetes v1.36, pkg/kubeapiserver/options/plugins.go (the order) and plugin/pkg/admission.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from returns.result import Result, Success

from kelm.core.api.admission.context import Context
from kelm.effects.address import Resource
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

Admitted: TypeAlias = Result[Document, Refusal]
Plugin: TypeAlias = Callable[[Document, Context], Admitted]

PLUGINS: Final[dict[Resource, tuple[Plugin, ...]]] = {}
"""What happens to a resource's new objects, in order."""


def admit_create(resource: Resource, doc: Document, context: Context) -> Admitted:
    """Admit a new object, completed, or refuse it."""
    admitted: Admitted = Success(doc)
    for plugin in PLUGINS.get(resource, ()):
        admitted = admitted.bind(lambda new, plugin=plugin: plugin(new, context))  # type: ignore[misc]
    return admitted
