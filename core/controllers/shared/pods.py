"""Pods as their controllers see them: whose they are, since when they serve, what they are made of.

Whether a pod is active, terminating or ready is part of its view (`core.objects.pod.Pod`). What
depends on the time, on an owner or on a template is here; in which order pods are deleted is in
`deletion_order.py`.

Source: kubernetes v1.36, pkg/controller/controller_utils.go; pkg/api/v1/pod/util.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kelm.core.api.validation.names import dns1123_subdomain
from kelm.core.objects.meta import OwnerReference, metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.time import parse_time
from kelm.effects.address import Uid
from kelm.effects.document import Document, Json, child
from kelm.effects.messages import Cache, Change


def is_another_kinds(change: Change, kind: str) -> bool:
    """Whether a pod's change cannot concern controllers of a kind: it is and was of another.

    Most pods are: this is asked of every change of every pod, before anything else.
    """
    new, old = change.new, change.old
    if new is not None:
        owner = metadata(new).controller
        if owner is None or owner.kind == kind:
            return False
    if old is not None:
        owner = metadata(old).controller
        return owner is None or owner.kind != kind
    return True


def ready_since_ms(one: Pod) -> int | None:
    """Since when a pod has been ready; None while it is not, or where nobody wrote the time."""
    if not one.ready:
        return None
    condition = one.status.condition("Ready")
    since = condition.last_transition_time if condition else None
    return parse_time(since) if since else None


def is_available(one: Pod, min_ready_seconds: int, now_ms: int) -> bool:
    """Whether a pod has been ready for long enough to be relied upon.

    Source: pkg/api/v1/pod/util.go, IsPodAvailable.
    """
    if not one.ready or min_ready_seconds == 0:
        return one.ready
    since = ready_since_ms(one)
    return since is not None and since + min_ready_seconds * 1_000 <= now_ms


def next_availability_ms(pods: Iterable[Pod], min_ready_seconds: int, now_ms: int) -> int | None:
    """When the next ready pod becomes available; None where none is on its way.

    Source: controller_utils.go, FindMinNextPodAvailabilityCheck.
    """
    if min_ready_seconds <= 0:
        return None
    times = (ready_since_ms(one) for one in pods if one.ready)
    due = (since + min_ready_seconds * 1_000 for since in times if since is not None)
    return min((at_ms for at_ms in due if at_ms > now_ms), default=None)


def is_claimed(one: Pod, owner_uid: Uid, selector: Selector) -> bool:
    """Whether a pod belongs to an owner: by its controller reference and by its labels.

    Source: controller_utils.go, FilterClaimedPods.
    """
    controller = one.metadata.controller
    return (
        controller is not None
        and controller.uid == owner_uid
        and selector.matches(one.metadata.labels or {})
    )


def is_controlled_by(one: Pod, owner: OwnerReference) -> bool:
    """Whether a pod's controller reference names this kind, name and uid."""
    controller = one.metadata.controller
    return controller is not None and (controller.kind, controller.name, controller.uid) == (
        owner.kind,
        owner.name,
        owner.uid,
    )


def pods_of(
    cache: Cache, namespace: str, owner: OwnerReference, *, orphans: bool = False
) -> Iterator[Pod]:
    """The pods of a namespace that name this controller; with `orphans` also those with none.

    Source: controller_utils.go, FilterPodsByOwner.
    """
    owned = (pod(doc) for doc in cache.select("owner", owner.uid))
    yield from (
        one for one in owned if one.metadata.namespace == namespace and is_controlled_by(one, owner)
    )
    if orphans:
        yield from (pod(doc) for doc in cache.select("orphan", namespace))


def generate_name_of(parent: str) -> str:
    """How the names of an owner's pods begin: its name and a dash, where that may be a name.

    Source: controller_utils.go, getPodsPrefix; apimachinery/pkg/api/validation/generic.go.

    >>> generate_name_of("web-5d9f"), generate_name_of("UPPER")
    ('web-5d9f-', 'UPPER')
    """
    prefix = f"{parent}-"
    # A dash may not end a name but may end its beginning: ask with a letter in its place.
    return prefix if not dns1123_subdomain(f"{prefix[:-2]}a") else parent


def pod_from_template(parent: str, template: Document, controller: Document) -> Document:
    """A pod as its controller asks for it; all pods of a template share its spec and labels.

    Source: controller_utils.go, GetPodFromTemplate.
    """
    given = child(template, "metadata")
    metadata: dict[str, Json] = {
        name: given[name] for name in ("labels", "annotations", "finalizers") if given.get(name)
    }
    metadata["generateName"] = generate_name_of(parent)
    metadata["ownerReferences"] = (controller,)
    return Document(
        apiVersion="v1",
        kind="Pod",
        metadata=Document(metadata),
        spec=child(template, "spec"),
    )
