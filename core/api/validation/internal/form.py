"""A pod's specification as an API server holds it: every field there, named and ordered as in Go.

Upstream shows such structures where something may not change: a job's template as a whole, a pod's
specification as the lines in which it differs.

Source: kubernetes v1.36, pkg/apis/core/types.go, pkg/apis/core/v1/conversion.go
(Convert_v1_PodSpec_To_core_PodSpec).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

from kelm.core.api.validation.internal.types import DATA
from kelm.core.api.validation.violation import Struct
from kelm.effects.document import EMPTY, Document, Json

Field: TypeAlias = "tuple[str, str, str]"
POD_SPEC: Final = "PodSpec"
OF_THE_HOST: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Fields of a specification that an API server keeps with its security context."""
_ZEROS: Final[dict[str, Json]] = {"s": "", "b": False, "i": 0, "p": 0, "q": "0", "n": None}


@lru_cache(maxsize=1)
def _types() -> dict[str, tuple[Field, ...]]:
    paragraphs = (one.split() for one in DATA.strip().replace("\n ", " ").splitlines())
    return {name: tuple(map(_field, words)) for name, *words in paragraphs}


def _field(word: str) -> Field:
    go, kind, *named = word.split(":")
    return go, kind, named[0] if named else go[0].lower() + go[1:]


def pod_spec_form(spec: Document) -> Document:
    """A pod's specification in Go's form.

    >>> pod_spec_form(Document(nodeName="n", hostPID=True))["SecurityContext"]["HostPID"]
    True
    >>> list(pod_spec_form(EMPTY))[:3]
    ['Volumes', 'InitContainers', 'Containers']
    """
    host = {key: spec[key] for key in OF_THE_HOST if key in spec}
    context = spec.get("securityContext")
    if host or isinstance(context, Document):
        whole = Document({**(context if isinstance(context, Document) else EMPTY), **host})
        spec = Document({**spec, "securityContext": whole})
    return _struct(POD_SPEC, spec)


def form(name: str, doc: Document) -> Document:
    """Another type in Go's form: `types.py` names those there are.

    >>> form("SecretReference", Document(name="a"))
    {'Name': 'a', 'Namespace': ''}
    """
    return _struct(name, doc)


def _struct(name: str, doc: Document) -> Document:
    return Struct({go: _shown(kind, doc.get(key)) for go, kind, key in _types()[name]})


def _shown(kind: str, value: Json) -> Json:
    if kind in _ZEROS:
        return _ZEROS[kind] if value is None else value
    if kind.startswith("[]"):
        if not isinstance(value, tuple):
            return None
        return tuple(_struct(kind[2:], one) for one in value if isinstance(one, Document))
    if kind.startswith("*"):
        return _struct(kind[1:], value) if isinstance(value, Document) else None
    return _struct(kind, value if isinstance(value, Document) else EMPTY)
