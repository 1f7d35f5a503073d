"""From a Service to its pods, and from a pod that changed to the Services concerned.

Both ways go through an index: pods by the first label that a selector asks for, Services by the
first label of their selector. A pod's change costs a few look-ups, however many Services there are.

Source: kubernetes v1.36, endpointslice/util/controller_utils.go (GetServicesToUpdateOnPodChange,
podEndpointsChanged). Differs: that a pod has ended counts as a change, so that no address stays
listed for want of a reason to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import status_of
from kelm.core.objects.service import Service, service
from kelm.effects.address import Key
from kelm.effects.document import EMPTY, Document, Json, child
from kelm.effects.messages import Cache, Change


def selected_pods(pods: Cache, one: Service) -> Iterator[Document]:
    """The pods that a Service selects, in the order of the index."""
    if one.selector is None:
        return
    (key, value), *rest = one.selector.equal
    namespace = one.metadata.namespace
    filed = pods.select("label", f"{namespace}/{key}={value}")
    if not rest:
        yield from filed
        return
    for doc in filed:
        labels = child(doc, "metadata", "labels")
        if all(labels.get(key) == value for key, value in rest):
            yield doc


def selects(one: Service, doc: Document) -> bool:
    """Whether a Service selects this pod."""
    meta = metadata(doc)
    return (
        one.selector is not None
        and meta.namespace == one.metadata.namespace
        and one.selector.matches(meta.labels or {})
    )


def services_of_pod(services: Cache, doc: Document) -> Iterator[Key]:
    """The keys of the Services that select a pod."""
    meta = metadata(doc)
    labels = meta.labels or {}
    for key, value in labels.items():
        for found in services.select("selector", f"{meta.namespace}/{key}={value}"):
            one = service(found)
            if one.selector is not None and one.selector.matches(labels):
                yield one.metadata.key


def services_of_change(services: Cache, change: Change) -> Iterable[Key]:
    """The keys of the Services whose endpoints a pod's change may concern.

    Most changes come before a pod has an address, when no Service lists it yet.
    """
    old, new = change.old, change.new
    was = old is not None and status_of(old).listed
    now = new is not None and status_of(new).listed
    if not (was or now):
        return ()
    if old is not None and new is not None and _same_labels(old, new):
        return () if was and now and _same_endpoint(old, new) else services_of_pod(services, new)
    keys: dict[Key, None] = {}
    if was and old is not None:
        keys.update(dict.fromkeys(services_of_pod(services, old)))
    if now and new is not None:
        keys.update(dict.fromkeys(services_of_pod(services, new)))
    return keys


def _same_labels(old: Document, new: Document) -> bool:
    before, after = child(old, "metadata"), child(new, "metadata")
    return (before.get("labels") or EMPTY) == (after.get("labels") or EMPTY)


def _same_endpoint(old: Document, new: Document) -> bool:
    """Whether two versions of a listed pod make the same endpoint, whatever its Service."""
    before, after = status_of(old), status_of(new)
    was, now = metadata(old), metadata(new)
    return (
        before.ready == after.ready
        and before.addresses == after.addresses
        and was.uid == now.uid
        and was.deletion_timestamp == now.deletion_timestamp
        and _place(old) == _place(new)
    )


def _place(doc: Document) -> tuple[Json, ...]:
    """What of a pod's specification an endpoint tells."""
    spec = child(doc, "spec")
    return spec.get("nodeName"), spec.get("hostname"), spec.get("subdomain")
