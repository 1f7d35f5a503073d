"""The volume claims of a StatefulSet's pods, and who owns them.

A claim outlives its pod, so that the next pod of the same name finds its data. Whether it outlives
the set, or a pod that is scaled away, is the retention policy's to say; the garbage collector
carries that out, by the owner that a claim is given here: the set (it goes with the set), a pod
that is being scaled away (it goes with that pod), or nobody.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set_utils.go, stateful_pod_control.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.controllers.workloads.statefulset.identity import (
    claim_name,
    ordinal_of,
    parent_and_ordinal,
)
from kelm.core.objects.meta import Metadata, OwnerReference, metadata, owner_reference
from kelm.core.objects.pod import Pod
from kelm.core.objects.stateful_set import DELETE, RETAIN, StatefulSet
from kelm.effects.address import Key, key_of
from kelm.effects.document import (
    Document,
    child,
    children,
    strings,
    text,
    with_value,
    without,
)
from kelm.effects.messages import Cache

CLAIMS = "persistentvolumeclaims"
_SET = ("apps/v1", "StatefulSet")
_POD = ("v1", "Pod")


def claim_keys(one: StatefulSet, ordinal: int) -> Iterator[Key]:
    """The keys of the claims of the pod with an ordinal, in the order of their templates."""
    meta = one.metadata
    for template in one.claim_templates:
        name = claim_name(text(template, "metadata", "name"), meta.name, ordinal)
        yield key_of(meta.namespace, name)


def claims_of(one: StatefulSet, ordinal: int, claims: Cache) -> Iterator[Document]:
    """The claims of a pod that there are."""
    for key in claim_keys(one, ordinal):
        found = claims.get(key)
        if found is not None:
            yield found


def missing_claims(one: StatefulSet, ordinal: int, claims: Cache) -> tuple[Document, ...]:
    """The claims of a pod that there are not yet, as they are to be created.

    Source: getPersistentVolumeClaims.
    """
    keys = claim_keys(one, ordinal)
    return tuple(
        _new_claim(one, template, key.rpartition("/")[2])
        for template, key in zip(one.claim_templates, keys, strict=True)
        if claims.get(key) is None
    )


def _new_claim(one: StatefulSet, template: Document, name: str) -> Document:
    chosen = strings(child(one.doc, "spec"), "selector", "matchLabels")
    labels = Document({**strings(template, "metadata", "labels"), **chosen})
    meta = Document({**child(template, "metadata"), "name": name, "labels": labels})
    claim = Document({**template, "metadata": meta})
    return without(claim, ("status",))


def may_be_claim_of(claim_key: Key, one: StatefulSet) -> bool:
    """Whether a claim with this key may belong to a pod of the set, by its name."""
    namespace, _, name = claim_key.rpartition("/")
    parent, ordinal = parent_and_ordinal(name)
    if namespace != one.metadata.namespace or ordinal < 0:
        return False
    wanted = (
        f"{text(each, 'metadata', 'name')}-{one.metadata.name}" for each in one.claim_templates
    )
    return parent in wanted


def is_up_to_date(claim: Document, one: StatefulSet, pod: Metadata) -> bool:
    """Whether a claim has the owners that the policy asks for, or is not to be touched.

    Source: isClaimOwnerUpToDate.
    """
    owners = metadata(claim).owner_references
    if _is_stale(owners, _SET, one.metadata) or _is_stale(owners, _POD, pod):
        return True
    uids = {owner.uid for owner in owners}
    ours = {one.metadata.uid, pod.uid}
    if has_other_controller(claim, one, pod):
        return not uids & ours
    if any(owner.uid in ours and not owner.controller for owner in owners):
        return False
    return uids & ours == _wanted_owners(one, pod)


def _wanted_owners(one: StatefulSet, pod: Metadata) -> set[str]:
    condemned = not one.has(parent_and_ordinal(pod.name)[1])
    if one.when_scaled == DELETE and condemned:
        return {pod.uid}
    return {one.metadata.uid} if one.when_deleted == DELETE else set()


def has_other_controller(claim: Document, one: StatefulSet, pod: Metadata) -> bool:
    """Whether somebody else manages a claim for which the set has a policy.

    Source: hasUnexpectedController.
    """
    if one.when_scaled == one.when_deleted == RETAIN:
        return False
    for owner in metadata(claim).owner_references:
        if _names(owner, _SET, one.metadata):
            if owner.uid != one.metadata.uid:
                return True
        elif _names(owner, _POD, pod):
            if owner.uid != pod.uid:
                return True
        elif owner.controller:
            return True
    return False


def with_owners(claim: Document, one: StatefulSet, pod: Document) -> Document:
    """A claim with the owners that the policy asks for.

    Source: updateClaimOwnerRefForSetAndPod.
    """
    pod_meta = metadata(pod)
    references = children(claim, "metadata", "ownerReferences")
    views = metadata(claim).owner_references
    kept = [
        reference
        for reference, owner in zip(references, views, strict=True)
        if not _names(owner, _SET, one.metadata) and not _names(owner, _POD, pod_meta)
    ]
    if not has_other_controller(claim, one, pod_meta):
        wanted = _wanted_owners(one, pod_meta)
        present = {text(reference, "uid") for reference in kept}
        for owner, kind in ((one.doc, _SET), (pod, _POD)):
            uid = metadata(owner).uid
            if uid in wanted and uid not in present:
                typed = Document({**owner, "apiVersion": kind[0], "kind": kind[1]})
                kept.append(owner_reference(typed))
    return with_value(claim, ("metadata", "ownerReferences"), tuple(kept))


def claims_are_stale(one: StatefulSet, pod_name: str, pod_uid: str, claims: Cache) -> bool:
    """Whether a claim still belongs to an earlier pod of this name, with which it has to go.

    Source: PodClaimIsStale.
    """
    if one.when_scaled == RETAIN:
        return False
    pod = Metadata(name=pod_name, uid=pod_uid)
    ordinal = parent_and_ordinal(pod_name)[1]
    return any(
        _is_stale(metadata(claim).owner_references, _POD, pod)
        for claim in claims_of(one, ordinal, claims)
    )


def _names(owner: OwnerReference, kind: tuple[str, str], meta: Metadata) -> bool:
    return (owner.api_version, owner.kind, owner.name) == (*kind, meta.name)


def _is_stale(owners: tuple[OwnerReference, ...], kind: tuple[str, str], meta: Metadata) -> bool:
    """Whether the first owner of this kind and name is another than this one."""
    for owner in owners:
        if _names(owner, kind, meta):
            return owner.uid != meta.uid
    return False


def has_its_volumes(one: StatefulSet, pod: Pod) -> bool:
    """Whether a pod's volumes are those of its claims. Source: storageMatches."""
    ordinal = ordinal_of(pod)
    found = {
        text(each, "name"): text(each, "persistentVolumeClaim", "claimName")
        for each in children(pod.spec.doc, "volumes")
    }
    names = (text(template, "metadata", "name") for template in one.claim_templates)
    return all(found.get(name) == claim_name(name, one.metadata.name, ordinal) for name in names)
