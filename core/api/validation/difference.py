"""Two documents as lines, and what differs between them.

Source: kubernetes v1.36, apimachinery/pkg/util/diff: a unified diff of indented JSON with three
lines of context and no header.
"""

from __future__ import annotations

from difflib import unified_diff

from kelm.core.api.validation.violation import Struct, in_go
from kelm.effects.document import Document, Json


def difference(old: Document, new: Document) -> str:
    """The lines in which two documents differ, with their surroundings.

    >>> print(difference(Document(a=1, b=2), Document(a=1, b=3)), end="")
    @@ -1,4 +1,4 @@
     {
      "a": 1,
    - "b": 2
    + "b": 3
     }
    """
    lines = list(unified_diff(_lines(old), _lines(new), lineterm="", n=3))[2:]
    return "".join(f"{line}\n" for line in lines)


def _lines(doc: Document) -> list[str]:
    return "".join(_written(doc, "")).split("\n")


def _written(value: Json, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, Document) and value:
        keys = list(value) if isinstance(value, Struct) else sorted(value)
        parts = [f"{inner}{in_go(key)}: {_written(value[key], inner)}" for key in keys]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, tuple) and value:
        parts = [inner + _written(item, inner) for item in value]
        return "[\n" + ",\n".join(parts) + f"\n{indent}]"
    return in_go(value)
