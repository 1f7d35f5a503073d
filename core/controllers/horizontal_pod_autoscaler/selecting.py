"""Whose pods an autoscaler's target has, and whether another autoscaler has them as well.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (validateAndParseSelector,
hpasControllingPodsUnderSelector).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from returns.result import Failure

from kelm.core.controllers.horizontal_pod_autoscaler.pods import Pods, selected
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.selectors.text import parse_selector
from kelm.core.runtime.controller import Sync
from kelm.core.store.hash_map import HashMap
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
    others = set(_others(sync, namespace, pods))
    if others:
        keys = " ".join(sorted([sync.key, *others]))
        error = f"pods by selector {text} are controlled by multiple HPAs: [{keys}]"
        return Unusable("AmbiguousSelector", error, "AmbiguousSelector", error, selector)
    return Chosen(selector, pods)


def _others(sync: Sync, namespace: str, pods: Pods) -> Iterable[Key]:
    """The other autoscalers of a namespace whose selectors choose one of these pods."""
    known = sync.shared
    if not isinstance(known, Known):
        return
    for one in pods:
        labels = one.metadata.labels or {}
        for place in (f"{namespace}/", *(f"{namespace}/{k}={v}" for k, v in labels.items())):
            for key, selector in known.by_label.get(place) or ():
                if key != sync.key and selector.matches(labels):
                    yield key


class Known(msgspec.Struct, frozen=True):
    """Which pods all autoscalers had when they were looked at last, by a label of those pods."""

    by_label: HashMap[str, tuple[tuple[Key, Selector], ...]] = HashMap()

    def moved(self, key: Key, old: Selector, new: Selector) -> Known:
        """The same where one autoscaler has other pods than before.

        >>> from kelm.core.objects.selectors.labels import NOTHING, of_labels
        >>> web = of_labels({"app": "web"})
        >>> one = Known().moved("n/a", NOTHING, web)
        >>> dict(one.by_label.items())["n/app=web"][0][0], one.moved("n/a", web, NOTHING) == Known()
        ('n/a', True)
        """
        by_label = self.by_label
        if not old.nothing:
            place = _place(key, old)
            left = tuple(one for one in by_label.get(place) or () if one[0] != key)
            by_label = by_label.put(place, left) if left else by_label.remove(place)
        if not new.nothing:
            place = _place(key, new)
            by_label = by_label.put(place, (*(by_label.get(place) or ()), (key, new)))
        return Known(by_label)


def _place(key: Key, selector: Selector) -> str:
    namespace, _ = split_key(key)
    label, value = selector.equal[0] if selector.equal else ("", "")
    return f"{namespace}/{label}={value}" if label else f"{namespace}/"


def shared(sync: Sync, before: Selector, after: Selector) -> Known | None:
    """What to remember for all autoscalers together; None where that does not change."""
    if before == after:
        return None
    known = sync.shared if isinstance(sync.shared, Known) else Known()
    return known.moved(sync.key, before, after)
