"""What a pod's claims for devices need: to be made, to be told to the pod, to be reserved for it.

Source: kubernetes v1.36, pkg/controller/resourceclaim/controller.go (syncPod, handleClaim).
"""

from __future__ import annotations

from kelm.core.controllers.shared.events import WARNING, event
from kelm.core.objects.devices import (
    CLAIMS,
    MOST_CONSUMERS,
    POD_CLAIM,
    TEMPLATES,
    claim_name,
    consumer,
    is_made_for,
    is_reserved_for,
)
from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.objects.pod import pod
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Create, Patch, Update
from kelm.effects.document import Document, Json, child, children, elements, text

COMPONENT = "resource_claim"
NAME_BASE = 57
"""How long the part of a made claim's name is that is not drawn."""


def reconcile_pod(sync: Sync, key: str) -> Plan:
    """Decide about the claims of one pod.

    A claim is made in one look and told to the pod in the next, when it is seen.
    """
    doc = sync.caches["pods"].get(key)
    if doc is None or metadata(doc).deletion_timestamp is not None:
        return Plan()
    made: list[Command] = []
    names: dict[str, str] = {}
    failures: list[str] = []
    for entry in children(doc, "spec", "resourceClaims"):
        template = text(entry, "resourceClaimTemplateName")
        name = claim_name(doc, entry)
        if not template or name is None or _is_there(sync.caches, doc, name):
            continue
        found = _made_before(sync.caches, doc, text(entry, "name"))
        if found is not None:
            names[text(entry, "name")] = metadata(found).name
            continue
        source = sync.caches[TEMPLATES].get(key_of(metadata(doc).namespace, template))
        if source is None:
            missing = f'resourceclaimtemplate.resource.k8s.io "{template}" not found'
            told = f'resource claim template "{template}": {missing}'
            failures.append(f"PodResourceClaim {text(entry, 'name')}: {told}")
            break
        made.append(made_from(source, doc, text(entry, "name")))
    batches: list[tuple[Command, ...]] = [tuple(made)] if made else []
    if names:
        batches.append((_told(doc, names),))
    batches.extend((command,) for command in _reserved(sync.caches, doc))
    return _with_failures(sync, doc, batches, failures)


def _with_failures(
    sync: Sync, doc: Document, batches: list[tuple[Command, ...]], failures: list[str]
) -> Plan:
    """The plan, with an event of what is in the way where it was not told before."""
    if not failures:
        return Plan(tuple(batches))
    if sync.memory != failures[0]:
        reason = "FailedResourceClaimCreation"
        told = event(doc, "pods", COMPONENT, WARNING, reason, failures[0])
        batches.append((told,))
    return Plan(tuple(batches), memory=failures[0])


def _is_there(caches: Caches, doc: Document, name: str) -> bool:
    """Whether the claim that a pod was told of is there, and its own."""
    claim = caches[CLAIMS].get(key_of(metadata(doc).namespace, name)) if name else None
    return claim is not None and is_made_for(claim, doc)


def _made_before(caches: Caches, doc: Document, name: str) -> Document | None:
    """The claim that was made for one of a pod's claims, and that it was not told of."""
    for claim in caches[CLAIMS].select("ownedBy", metadata(doc).uid):
        going = metadata(claim).deletion_timestamp is not None
        if annotations_of(claim).get(POD_CLAIM) == name and is_made_for(claim, doc) and not going:
            return claim
    return None


def name_base(pod_name: str, name: str) -> str:
    """What the name of a made claim begins with.

    >>> name_base("web-0", "gpu"), len(name_base("p" * 60, "c" * 60))
    ('web-0-gpu-', 57)
    """
    whole = f"{pod_name}-{name}-"
    if len(whole) <= NAME_BASE:
        return whole
    kept = (part[: len(part) * NAME_BASE // len(whole)] for part in (pod_name, name))
    return "-".join(kept)


def made_from(template: Document, doc: Document, name: str) -> Create:
    """A claim for one pod, as a template says."""
    meta, given = metadata(doc), child(template, "spec", "metadata")
    annotations = Document({**child(given, "annotations"), POD_CLAIM: name})
    head: dict[str, Json] = {
        "generateName": name_base(meta.name, name),
        "namespace": meta.namespace,
        "annotations": annotations,
        "ownerReferences": (
            Document(apiVersion="v1", kind="Pod", name=meta.name, uid=meta.uid, controller=True),
        ),
    }
    if "labels" in given:
        head["labels"] = given["labels"]
    claim = Document(
        apiVersion="resource.k8s.io/v1",
        kind="ResourceClaim",
        metadata=Document(head),
        spec=child(template, "spec", "spec"),
    )
    return Create(CLAIMS, meta.namespace, claim)


def _told(doc: Document, names: dict[str, str]) -> Patch:
    """Tell a pod the names of claims that were made for it."""
    meta = metadata(doc)
    statuses = tuple(Document(name=name, resourceClaimName=claim) for name, claim in names.items())
    patch = Document(
        metadata=Document(uid=meta.uid), status=Document(resourceClaimStatuses=statuses)
    )
    return Patch("pods", meta.namespace, meta.name, patch, "strategic", subresource="status")


def _reserved(caches: Caches, doc: Document) -> list[Update]:
    """Reserve allocated claims for a pod that got its node without a scheduler."""
    if not pod(doc).spec.node_name:
        return []
    found = []
    for entry in children(doc, "spec", "resourceClaims"):
        name = claim_name(doc, entry)
        key = key_of(metadata(doc).namespace, name or "")
        claim = caches[CLAIMS].get(key) if name else None
        if claim is None or ("resourceClaimName" not in entry and not is_made_for(claim, doc)):
            continue
        users = elements(claim, "status", "reservedFor")
        allocated = bool(child(claim, "status", "allocation"))
        if allocated and not is_reserved_for(claim, doc) and len(users) < MOST_CONSUMERS:
            status = Document({**child(claim, "status"), "reservedFor": (*users, consumer(doc))})
            meta = metadata(claim)
            body = Document({**claim, "status": status})
            found.append(Update(CLAIMS, meta.namespace, meta.name, body, subresource="status"))
    return found
