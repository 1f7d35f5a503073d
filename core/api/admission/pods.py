"""A new pod: limits, account, priority, tolerations, in the order of upstream's plugins.

What comes out depends on the specification, the service account, the priority class and the
namespace's limits. It is worked out once and kept with the specification, so that a thousand
pods of one template share one admitted specification.

Source: kubernetes v1.36, plugin/pkg/admission; pkg/registry/core/pod/strategy.go for what the
pod itself decides (PrepareForCreate).
"""

from __future__ import annotations

from operator import is_
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api import refuse
from kelm.core.api.admission.context import Context
from kelm.core.api.admission.label_keys import with_label_keys
from kelm.core.api.admission.limit_ranger import ANNOTATION, pod_faults, with_defaults
from kelm.core.api.admission.priority import class_of, with_priority
from kelm.core.api.admission.runtime_class import runtime_class_of, with_runtime_class
from kelm.core.api.admission.service_account import account_name, with_account
from kelm.core.api.admission.tolerations import with_default_tolerations
from kelm.core.api.defaulting.pod import pod_spec
from kelm.core.api.known import known
from kelm.core.api.resources import RESOURCES
from kelm.effects.document import EMPTY, Document, child, number, text
from kelm.effects.refusals import Refusal

MIRROR: Final = "kubernetes.io/config.mirror"


class Terms(msgspec.Struct, frozen=True):
    """What a pod's admission depends on beside the pod."""

    account: Document
    priority_class: Document
    limit_ranges: tuple[Document, ...]
    runtime_class: Document = EMPTY

    def same_as(self, other: Terms) -> bool:
        """Whether these are the very same documents."""
        return (
            self.account is other.account
            and self.priority_class is other.priority_class
            and self.runtime_class is other.runtime_class
            and _same(self.limit_ranges, other.limit_ranges)
        )


def _same(left: tuple[Document, ...], right: tuple[Document, ...]) -> bool:
    if not left and not right:
        return True
    return len(left) == len(right) and all(map(is_, left, right))


class Decision(msgspec.Struct, frozen=True):
    """What admission made of a specification, or why it refused, and a note for people."""

    terms: Terms
    spec: Document | None
    note: str = ""
    why_not: str = ""
    takes_labels: bool = False
    """Whether selectors in it take values of the pod's labels."""


def admit_pod(pod: Document, context: Context) -> Result[Document, Refusal]:
    """Complete a new pod, or refuse it."""
    meta, spec = child(pod, "metadata"), child(pod, "spec")
    if "annotations" in meta and MIRROR in child(meta, "annotations"):
        return Success(pod)
    terms = _terms(text(meta, "namespace"), spec, context)
    if isinstance(terms, str):
        return Failure(_forbidden(meta, terms))
    decision = _decided(spec, terms)
    if decision.spec is None:
        return Failure(_forbidden(meta, decision.why_not))
    admitted = decision.spec
    if decision.takes_labels:
        admitted = with_label_keys(admitted, child(meta, "labels"))
    if decision.note:
        notes = Document({**child(meta, "annotations"), ANNOTATION: decision.note})
        meta = Document({**meta, "annotations": notes})
    return Success(Document({**pod, "metadata": meta, "spec": admitted}))


def _forbidden(meta: Document, why: str) -> Refusal:
    name = text(meta, "name") or text(meta, "generateName")
    return refuse.forbidden(RESOURCES["pods"], name, why)


def _terms(namespace: str, spec: Document, context: Context) -> Terms | str:
    """What the pod's admission depends on, or what of it is missing."""
    name = account_name(spec)
    account = context.tables.table("serviceaccounts").get(f"{namespace}/{name}")
    if account is None:
        missing = f'serviceaccount "{name}" not found'
        return f"error looking up service account {namespace}/{name}: {missing}"
    priority_class = class_of(spec, context)
    if priority_class is None:
        return f"no PriorityClass with name {text(spec, 'priorityClassName')} was found"
    runtime_class = runtime_class_of(spec, context)
    if runtime_class is None:
        return f'pod rejected: RuntimeClass "{text(spec, "runtimeClassName")}" not found'
    ranges = context.tables.table("limitranges")
    found = tuple(ranges.select("namespace", namespace)) if len(ranges) else ()
    return Terms(account, priority_class, found, runtime_class)


def _decided(spec: Document, terms: Terms) -> Decision:
    seen = known(spec)
    for decision in seen.admitted or ():
        if isinstance(decision, Decision) and decision.terms.same_as(terms):
            return decision
    decision = _decide(spec, terms)
    spec.derived = msgspec.structs.replace(known(spec), admitted=(decision,))
    return decision


def _decide(spec: Document, terms: Terms) -> Decision:
    new, note = with_defaults(spec, terms.limit_ranges)
    new = with_account(new, terms.account)
    prioritised = with_priority(new, terms.priority_class)
    if isinstance(prioritised, str):
        return Decision(terms, None, why_not=prioritised)
    placed = with_runtime_class(with_default_tolerations(prioritised), terms.runtime_class)
    if isinstance(placed, str):
        return Decision(terms, None, why_not=placed)
    new = placed
    faults = pod_faults(new, terms.limit_ranges)
    if faults:
        listed = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        return Decision(terms, None, why_not=listed)
    if number(new, "terminationGracePeriodSeconds") < 0:
        new = Document({**new, "terminationGracePeriodSeconds": 1})
    takes_labels = "affinity" in new or "topologySpreadConstraints" in new
    return Decision(terms, pod_spec(new), note, takes_labels=takes_labels)
