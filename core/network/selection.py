"""From a Service to its pods, and from a pod that changed to the Services concerned.

Both ways go through an index: pods by the first label that a selector asks for, Services by the
first label of their selector. A pod's change costs a few look-ups, however many Services there are.

Source: kubernetes v1.36, endpointslice/util/controller_utils.go (GetServicesToUpdateOnPodChange,
podEndpointsChanged). Differs: that a pod has ended counts as a change, so that no address stays
listed for want of a reason to look.
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.network.membership import addresses_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.objects.service import Service, service
from kelm.effects.address import Key
from kelm.effects.document import Document, child
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


def services_of_change(services: Cache, change: Change) -> Iterator[Key]:
    """The keys of the Services whose endpoints a pod's change may concern."""
    before = None if change.old is None else pod(change.old)
    after = None if change.new is None else pod(change.new)
    if before is not None and after is not None and _same_labels(before, after):
        if not _same_endpoint(before, after):
            yield from services_of_pod(services, after.doc)
        return
    for one in (before, after):
        if one is not None and is_listed(one):
            yield from services_of_pod(services, one.doc)


def is_listed(one: Pod) -> bool:
    """Whether some Service may list this pod: it has an address and has not ended."""
    status = one.status
    return status.phase not in ENDED and (bool(status.pod_ip) or bool(addresses_of(one)))


def _same_labels(old: Pod, new: Pod) -> bool:
    if old.metadata is new.metadata:
        return True
    return (old.metadata.labels or {}) == (new.metadata.labels or {})


def _same_endpoint(old: Pod, new: Pod) -> bool:
    """Whether two versions of a pod make the same endpoint, whatever Service it stands behind."""
    if old.status is not new.status:
        listed = is_listed(new)
        if is_listed(old) != listed:
            return False
        if listed and (old.ready != new.ready or addresses_of(old) != addresses_of(new)):
            return False
    elif not is_listed(new):
        return True
    return (
        old.metadata.uid == new.metadata.uid
        and old.metadata.deletion_timestamp == new.metadata.deletion_timestamp
        and old.spec.node_name == new.spec.node_name
        and _names(old) == _names(new)
    )


def _names(one: Pod) -> tuple[object, object]:
    return one.spec.doc.get("hostname"), one.spec.doc.get("subdomain")
