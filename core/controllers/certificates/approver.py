"""Certificates with which kubelets talk to the API are approved when roles allow the asking.

Who asks for the certificate of the node that it is needs the permission `selfnodeclient`, who asks
for that of any node `nodeclient`. The rules of roles are read as the API server reads them; what is
not allowed is looked at again when a role or a binding changes.

Source: kubernetes v1.36, pkg/controller/certificates/approver/sarapprove.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.authorization.decide import TABLES, Mode, decide, grants
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.controllers.certificates.kubelets import fault_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.signing_requests import KUBELET_CLIENT, SIGNING_REQUESTS, Wanted, parse
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Update
from kelm.effects.document import Document, child, children, elements, text, with_value
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

SELF: Final = (
    "selfnodeclient",
    "Auto approving self kubelet client certificate after SubjectAccessReview.",
)
ANY: Final = (
    "nodeclient",
    "Auto approving kubelet client certificate after SubjectAccessReview.",
)


class Believed(msgspec.Struct, frozen=True):
    """What is believed of roles, in the form in which decisions read them."""

    caches: Caches

    def table(self, resource: Resource) -> Cache:
        return self.caches[resource]

    def get(self, resource: Resource, key: Key) -> Document | None:
        return self.caches[resource].get(key)


class CertificateApprover(msgspec.Struct, frozen=True):
    """The controller; its keys are requests. `mode` is the API server's."""

    mode: Mode = "AlwaysAllow"
    name: str = "csrapproving"
    watches: tuple[Watch, ...] = (Watch(SIGNING_REQUESTS), *(Watch(each) for each in TABLES))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == SIGNING_REQUESTS:
            return (change.key,) if change.new is not None else ()
        return self.every_key(caches)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        found = caches[SIGNING_REQUESTS].objects()
        return [metadata(doc).key for doc in found if _is_open(doc)]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[SIGNING_REQUESTS].get(sync.key)
        if doc is None or not _is_open(doc):
            return Plan()
        wanted = parse(text(doc, "spec", "request"))
        if isinstance(wanted, Failure):
            return Plan()
        known = grants(Believed(sync.caches)) if self.mode == "RBAC" else ()
        for permission, message in _recognized(doc, wanted.unwrap()):
            if decide(self.mode, known, _question(doc, permission)).allowed:
                return _approved(doc, message)
        return Plan()

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _is_open(doc: Document) -> bool:
    """Whether nobody has said anything about a kubelet's request yet."""
    if text(doc, "spec", "signerName") != KUBELET_CLIENT or text(doc, "status", "certificate"):
        return False
    told = (text(one, "type") for one in children(doc, "status", "conditions"))
    return not any(kind in ("Approved", "Denied") for kind in told)


def _recognized(doc: Document, wanted: Wanted) -> list[tuple[str, str]]:
    """What a request may be, each with its permission and the words of its approval."""
    spec = child(doc, "spec")
    if fault_of(KUBELET_CLIENT, wanted, tuple(map(str, elements(spec, "usages")))):
        return []
    own = text(spec, "username") == wanted.common_name
    return [SELF, ANY] if own else [ANY]


def _question(doc: Document, permission: str) -> Question:
    spec = child(doc, "spec")
    return Question(
        "create",
        "certificates.k8s.io",
        "certificatesigningrequests",
        permission,
        user=text(spec, "username"),
        groups=tuple(map(str, elements(spec, "groups"))),
    )


def _approved(doc: Document, message: str) -> Plan:
    condition = Document(type="Approved", status="True", reason="AutoApproved", message=message)
    conditions = (*children(doc, "status", "conditions"), condition)
    new = with_value(doc, ("status", "conditions"), conditions)
    name = metadata(doc).name
    return Plan(((Update(SIGNING_REQUESTS, "", name, new, subresource="approval"),),))
