"""What a pod takes of its node while its containers are resized in place.

What is asked for, what the node has granted and what the container runs with may be three
different amounts: the largest counts. A resize that the node can never do counts for nothing.

Source: kubernetes v1.36, component-helpers/resource/helpers.go (AggregateContainerRequests,
determineEffectiveRequests).
"""

from __future__ import annotations

from kelm.core.objects.quantity import parse_quantity
from kelm.effects.document import Document, Json, child, children, text

STATUSES = ("containerStatuses", "initContainerStatuses")


def tells(doc: Document) -> bool:
    """Whether a pod's status may say anything of amounts: asked of every change of a pod."""
    status = doc.get("status")
    if not isinstance(status, Document):
        return False
    if "resources" in status or "initContainerStatuses" in status:
        return True
    containers = status.get("containerStatuses")
    for one in containers if isinstance(containers, tuple) else ():
        if isinstance(one, Document) and "resources" in one:
            return True
    return False


def told(doc: Document) -> tuple[Json, ...]:
    """What a pod's status says of amounts; empty where it says nothing.

    >>> told(Document(status=Document(containerStatuses=(Document(name="c"),))))
    ()
    """
    status = doc.get("status")
    if not isinstance(status, Document):
        return ()
    sources = [status, *children(status, "containerStatuses")]
    if "initContainerStatuses" in status:
        sources.extend(children(status, "initContainerStatuses"))
    found: list[Json] = []
    for one in sources:
        if "resources" in one:
            found.extend((one.get("name"), one["resources"], one.get("allocatedResources")))
    return (*found, _is_infeasible(status)) if found else ()


def as_granted(doc: Document) -> Document:
    """A pod's spec with the requests that count; the spec itself where they are the same."""
    spec, status = child(doc, "spec"), child(doc, "status")
    hopeless = _is_infeasible(status)
    known = {text(one, "name"): one for part in STATUSES for one in children(status, part)}
    news: dict[str, Json] = {}
    for part in ("containers", "initContainers"):
        containers = children(spec, part)
        counted = tuple(
            _granted(one, known.get(text(one, "name")), hopeless)
            if part == "containers" or text(one, "restartPolicy") == "Always"
            else one
            for one in containers
        )
        if any(new is not old for new, old in zip(counted, containers, strict=True)):
            news[part] = counted
    if "resources" in status:
        whole = _granted(spec, status, hopeless)
        if whole is not spec:
            news["resources"] = whole.get("resources")
    return Document({**spec, **news}) if news else spec


def _granted(wants: Document, has: Document | None, hopeless: bool) -> Document:
    """A container (or the pod as a whole) with the largest of its requests."""
    if has is None or "resources" not in has:
        return wants
    asked = child(wants, "resources", "requests")
    sources = [child(has, "resources", "requests"), child(has, "allocatedResources")]
    if not hopeless:
        sources.insert(0, asked)
    largest: dict[str, Json] = {}
    for source in sources:
        for name, value in source.items():
            if name not in largest or _size(value) > _size(largest[name]):
                largest[name] = value
    if largest == asked:
        return wants
    resources = Document({**child(wants, "resources"), "requests": Document(largest)})
    return Document({**wants, "resources": resources})


def _size(value: Json) -> int:
    """An amount in thousandths, to compare."""
    return parse_quantity(value).at_scale(-3)  # type: ignore[arg-type]


def _is_infeasible(status: Document) -> bool:
    """Whether the node has said that it can never do what is asked."""
    for condition in children(status, "conditions"):
        if text(condition, "type") == "PodResizePending":
            return text(condition, "reason") == "Infeasible"
    return False
