"""Words for a field that no type has: strict decoding's, and what was probably meant.

Source: kubernetes v1.36, apimachinery/pkg/runtime/serializer/json (strict decoding errors). The
suggestion is kelm's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from kelm.core.api.schema.decode import decode
from kelm.core.api.schema.definitions import Definition, definition_of, kubernetes
from kelm.effects.document import Document, text

_INDEX = re.compile(r"\[[^]]*\]")


def strict_error(doc: Document) -> str:
    """Why strict decoding refuses a document, "" where every field is known.

    A kind that is not built in has no fields to compare with and is never refused.

    >>> from kelm.effects.document import document
    >>> web = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replics": 3}}
    >>> strict_error(document(web))
    'strict decoding error: unknown field "spec.replics" (did you mean "replicas"?)'
    """
    definition = definition_of(text(doc, "apiVersion"), text(doc, "kind"))
    if definition is None:
        return ""
    unknown = decode(doc, definition, keep_unknown=True).unknown
    told = [f'unknown field "{path}"{_meant(definition, path)}' for path in unknown]
    return f"strict decoding error: {', '.join(told)}" if told else ""


def _meant(definition: Definition, path: str) -> str:
    *above, word = _INDEX.sub("", path).split(".")
    close = get_close_matches(word, _fields(definition, above), n=1, cutoff=0.7)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _fields(definition: Definition, above: Iterable[str]) -> tuple[str, ...]:
    """The fields that there are at a place; nothing below a map, whose keys are free."""
    here: Definition | None = definition
    for name in above:
        field = here.fields.get(name) if here is not None else None
        if field is None:
            return ()
        kind = field.type.element if field.type.kind == "list" else field.type
        here = kubernetes().get(kind.name) if kind is not None else None
    return tuple(here.fields) if here is not None else ()
