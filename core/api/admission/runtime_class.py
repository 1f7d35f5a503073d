"""A pod with a runtime class: what it costs more, and where it may run.

Source: kubernetes v1.36, plugin/pkg/admission/runtimeclass/admission.go,
pkg/util/tolerations/tolerations.go (MergeTolerations).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.admission.context import Context
from kelm.core.objects.pod_resources import amounts
from kelm.effects.document import EMPTY, Document, child, children, number, strings, text

CLASSES: Final = "runtimeclasses.node.k8s.io"


def runtime_class_of(spec: Document, context: Context) -> Document | None:
    """The runtime class that a pod names, empty where it names none, None where there is none."""
    name = text(spec, "runtimeClassName")
    return context.tables.table(CLASSES).get(name) if name else EMPTY


def with_runtime_class(spec: Document, runtime_class: Document) -> Document | str:
    """A specification with what its runtime class adds, or why the two do not go together.

    >>> kata = Document(overhead=Document(podFixed=Document(cpu="250m")))
    >>> with_runtime_class(Document(runtimeClassName="kata"), kata)["overhead"]
    {'cpu': '250m'}
    >>> with_runtime_class(Document(overhead=Document(cpu="1")), EMPTY)
    'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'
    """
    fixed, own = child(runtime_class, "overhead", "podFixed"), child(spec, "overhead")
    if "overhead" in runtime_class:
        if own and amounts(own) != amounts(fixed):
            return "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        spec = Document({**spec, "overhead": fixed})
    elif "overhead" in spec:
        return "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    if "scheduling" not in runtime_class:
        return spec
    return _placed(spec, child(runtime_class, "scheduling"))


def _placed(spec: Document, scheduling: Document) -> Document | str:
    own, wanted = strings(spec, "nodeSelector"), strings(scheduling, "nodeSelector")
    for key in sorted(wanted):
        if own.get(key, wanted[key]) != wanted[key]:
            theirs = f"runtimeClass.scheduling.nodeSelector[{key}] = {wanted[key]}"
            return f"conflict: {theirs}; pod.spec.nodeSelector[{key}] = {own[key]}"
    placed = dict(spec)
    if own or wanted:
        placed["nodeSelector"] = Document({**own, **wanted})
    merged = _merged(
        (*children(spec, "tolerations"), *children(scheduling, "tolerations")),
    )
    if merged:
        placed["tolerations"] = merged
    return Document(placed)


def _merged(tolerations: tuple[Document, ...]) -> tuple[Document, ...]:
    """Tolerations without those that another one covers; of equal ones the first stays."""
    kept: list[Document] = []
    for index, one in enumerate(tolerations):
        later = (other for other in tolerations[index + 1 :] if other != one)
        if not any(_covers(other, one) for other in (*kept, *later)):
            kept.append(one)
    return tuple(kept)


def _covers(whole: Document, part: Document) -> bool:
    """Whether a toleration tolerates all that another one does, for as long."""
    if whole == part:
        return True
    exists = text(whole, "operator") == "Exists"
    if text(part, "key") != text(whole, "key") and (text(whole, "key") or not exists):
        return False
    if text(whole, "effect") not in ("", text(part, "effect")):
        return False
    if text(whole, "effect") == "NoExecute" and "tolerationSeconds" in whole:
        limit = number(whole, "tolerationSeconds")
        if "tolerationSeconds" not in part or number(part, "tolerationSeconds") > limit:
            return False
    if exists:
        return True
    equal = text(part, "operator", default="Equal") == "Equal"
    return equal and text(whole, "value") == text(part, "value")
