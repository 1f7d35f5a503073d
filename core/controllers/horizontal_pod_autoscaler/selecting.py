"""Whose pods an autoscaler's target has, and whether another autoscaler has them as well.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (validateAndParseSelector,
hpasControllingPodsUnderSelector).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from returns.result import Failure

from kelm.core.controllers.horizontal_pod_autoscaler.memory import Memory
from kelm.core.controllers.horizontal_pod_autoscaler.pods import Pods, selected
from kelm.core.controllers.horizontal_pod_autoscaler.spec import HPAS
from kelm.core.objects.meta import metadata
from kelm.core.objects.selector_text import parse_selector
from kelm.core.objects.selectors import Selector
from kelm.core.runtime.controller import Sync
from kelm.effects.address import Key, split_key


class Chosen(msgspec.Struct, frozen=True):
    """The target's selector and pods."""

    selector: Selector
    pods: Pods


class Unusable(msgspec.Struct, frozen=True):
    """Why the selector is of no use: an event's reason, a condition's reason, what each says."""

    event: str
    error: str
    reason: str
    message: str
    selector: Selector | None = None


def chosen(sync: Sync, text: str) -> Chosen | Unusable:
    """The pods of a selector's text, if they are this autoscaler's alone."""
    if not text:
        missing = "the HPA target's scale is missing a selector"
        return Unusable("SelectorRequired", "selector is required", "InvalidSelector", missing)
    read = parse_selector(text)
    if isinstance(read, Failure):
        why = "couldn't convert selector into a corresponding internal selector object"
        error = f"{why}: {read.failure()}"
        return Unusable("InvalidSelector", error, "InvalidSelector", error)
    selector, (namespace, _) = read.unwrap(), split_key(sync.key)
    pods = selected(sync.caches, namespace, selector)
    others = sorted(_others(sync, namespace, pods)) if pods else []
    if others:
        keys = " ".join(sorted([sync.key, *others]))
        error = f"pods by selector {text} are controlled by multiple HPAs: [{keys}]"
        return Unusable("AmbiguousSelector", error, "AmbiguousSelector", error, selector)
    return Chosen(selector, pods)


def _others(sync: Sync, namespace: str, pods: Pods) -> Iterable[Key]:
    """The other autoscalers of a namespace whose selectors choose one of these pods."""
    labels = [one.metadata.labels or {} for one in pods]
    for doc in sync.caches[HPAS].select("namespace", namespace):
        key = metadata(doc).key
        memory = sync.memories.get(key)
        if key == sync.key or not isinstance(memory, Memory):
            continue
        if any(memory.selector.matches(one) for one in labels):
            yield key
