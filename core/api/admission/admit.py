"""What the API changes in a new object, or why it lets none in, in the order of its plugins.

Between defaulting and validation. The request's namespace is in `metadata.namespace` by now; the
name may still be missing where the object asks for a fresh one. Whether the namespace is there
and takes new content is the server's question.

Source: kubernetes v1.36, pkg/kubeapiserver/options/plugins.go (the order) and plugin/pkg/admission.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from returns.result import Failure, Result, Success

from kelm.core.api import refuse
from kelm.core.api.admission.context import Context
from kelm.core.api.admission.limit_ranger import claim_faults
from kelm.core.api.admission.nodes import tainted_not_ready
from kelm.core.api.admission.pods import admit_pod
from kelm.core.api.admission.tolerations import with_default_tolerations
from kelm.core.api.resources import RESOURCES
from kelm.core.objects.pod_resources import amounts
from kelm.core.objects.signing_requests import API_CLIENT, SIGNING_REQUESTS, parse
from kelm.core.objects.storage import CLAIMS, CLASSES, claim
from kelm.effects.address import Resource
from kelm.effects.document import Document, Json, child, elements, text
from kelm.effects.refusals import Refusal

Admitted: TypeAlias = Result[Document, Refusal]
Plugin: TypeAlias = Callable[[Document, Context], Admitted]

DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"


def _admit_node(node: Document, _context: Context) -> Admitted:
    return Success(tainted_not_ready(node))


def _admit_claim(claim: Document, context: Context) -> Admitted:
    """A claim is kept while pods use it, and gets the default class and its namespace's limits.

    Source: plugin/pkg/admission/storage (storageobjectinuseprotection, setdefault).
    """
    meta = child(claim, "metadata")
    ranges = tuple(context.tables.table("limitranges").select("namespace", text(meta, "namespace")))
    faults = claim_faults(claim, ranges)
    if faults:
        listed = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        info = RESOURCES["persistentvolumeclaims"]
        return Failure(refuse.forbidden(info, text(meta, "name"), listed))
    return Success(_protected(_with_class(claim, context), "kubernetes.io/pvc-protection"))


def _admit_volume(volume: Document, _context: Context) -> Admitted:
    return Success(_protected(volume, "kubernetes.io/pv-protection"))


def _admit_attributes(doc: Document, _context: Context) -> Admitted:
    return Success(_protected(doc, "kubernetes.io/vac-protection"))


def _admit_signing_request(doc: Document, _context: Context) -> Admitted:
    """Nobody may ask for a certificate of the cluster's masters.

    Source: plugin/pkg/admission/certificates/subjectrestriction.
    """
    if text(doc, "spec", "signerName") != API_CLIENT:
        return Success(doc)
    info, name = RESOURCES[SIGNING_REQUESTS], text(doc, "metadata", "name")
    wanted = parse(text(doc, "spec", "request"))
    if isinstance(wanted, Failure):
        why = f"failed to parse CSR: {wanted.failure()}"
        return Failure(refuse.forbidden(info, name, why))
    if "system:masters" not in wanted.unwrap().organizations:
        return Success(doc)
    why = f"use of {API_CLIENT} signer with system:masters group is not allowed"
    return Failure(refuse.forbidden(info, name, why))


def _protected(doc: Document, finalizer: str) -> Document:
    meta = child(doc, "metadata")
    held = elements(meta, "finalizers")
    if finalizer in held:
        return doc
    return Document({**doc, "metadata": Document({**meta, "finalizers": (*held, finalizer)})})


def _with_class(claim: Document, context: Context) -> Document:
    spec: dict[str, Json] = dict(child(claim, "spec"))
    if spec.get("storageClassName") is not None:
        return claim
    for found in context.tables.table("storageclasses.storage.k8s.io").objects():
        if text(found, "metadata", "annotations", DEFAULT_CLASS) == "true":
            spec["storageClassName"] = text(found, "metadata", "name")
            return Document({**claim, "spec": Document(spec)})
    return claim


PLUGINS: Final[dict[Resource, Plugin]] = {
    "pods": admit_pod,
    "nodes": _admit_node,
    "persistentvolumeclaims": _admit_claim,
    "persistentvolumes": _admit_volume,
    "volumeattributesclasses.storage.k8s.io": _admit_attributes,
    SIGNING_REQUESTS: _admit_signing_request,
}
"""What happens to a resource's new objects."""


def refused_update(
    resource: Resource, old: Document, new: Document, context: Context
) -> Refusal | None:
    """Why an object may not change like this, None where it may.

    Source: plugin/pkg/admission/storage/persistentvolume/resize/admission.go.
    """
    if resource != CLAIMS or not _asks_for_more(old, new):
        return None
    info, name = RESOURCES[CLAIMS], text(new, "metadata", "name")
    if text(old, "status", "phase") != "Bound":
        why = "Only bound persistent volume claims can be expanded"
        return refuse.forbidden(info, name, why)
    found = context.tables.table(CLASSES).get(claim(new).storage_class)
    if found is not None and found.get("allowVolumeExpansion") is True:
        return None
    why = (
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the "
        "pvc must support resize"
    )
    return refuse.forbidden(info, name, why)


def _asks_for_more(old: Document, new: Document) -> bool:
    """Whether a claim is to be larger than it was asked for until now."""
    if old.get("spec") == new.get("spec"):
        return False
    before, after = (
        amounts(child(doc, "spec", "resources", "requests")).get("storage") for doc in (old, new)
    )
    return after is not None and (before is None or after.compare(before) > 0)


def admit_create(resource: Resource, doc: Document, context: Context) -> Admitted:
    """Admit a new object, completed, or refuse it."""
    plugin = PLUGINS.get(resource)
    return Success(doc) if plugin is None else plugin(doc, context)


def admit_update(resource: Resource, old: Document, doc: Document) -> Document:
    """Complete an object that is to replace another.

    A pod cannot lose the tolerations of lost nodes by an update that leaves them out, nor the
    priority that it was given.

    Source: plugin/pkg/admission/{defaulttolerationseconds,priority}.
    """
    spec = doc.get("spec")
    if resource != "pods" or spec is old.get("spec") or not isinstance(spec, Document):
        return doc
    completed = with_default_tolerations(spec)
    had = child(old, "spec")
    lost = {
        key: had[key]
        for key in ("priority", "preemptionPolicy")
        if key in had and completed.get(key) is None
    }
    completed = Document({**completed, **lost}) if lost else completed
    return doc if completed is spec else Document({**doc, "spec": completed})
