"""What every active namespace is given: a default service account and the cluster's root CA.

Both come back when somebody deletes them; the CA's data also when somebody changes it.

Source: kubernetes v1.36, pkg/controller/serviceaccount/serviceaccounts_controller.go;
pkg/controller/certificates/rootcacertpublisher/publisher.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of, split_key
from kelm.effects.commands import Command, Create, Update
from kelm.effects.document import Document, child, text, with_values
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
)
_ANNOTATION = "kubernetes.io/description"
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBOzCB4qADAgECAgEBMAoGCCqGSM49BAMCMBUxEzARBgNVBAMMCmt1YmVybmV0
ZXMwHhcNMjUxMjMxMDAwMDAwWhcNMzUxMjI5MDAwMDAwWjAVMRMwEQYDVQQDDApr
dWJlcm5ldGVzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9KnmwHiiGkH6Cx5n
yZT6lInIhYvcKb4q9+K+++QF1VwCYyxWApwGOqeXJwZSpulEq4tN8DG7C58sD4p4
7/7JO6MjMCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwCgYIKoZI
zj0EAwIDSAAwRQIhANInmCC4uV3NmQ19/nRshhCyJDWb+Gn2qQgtNjsaZWfCAiAW
gg8ylmplIlGGhBG+/Lrt/hmSRuBOrdk0pdptb1w8lA==
-----END CERTIFICATE-----
"""
"""Of the authority of a simulated cluster: real, and worth nothing."""
_SOMEBODY_WAS_FASTER = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND, Reason.FORBIDDEN})
"""Forbidden: the namespace began to terminate."""


def _active(caches: Caches, namespace: Key) -> bool:
    doc = caches["namespaces"].get(namespace)
    if doc is None or metadata(doc).deletion_timestamp:
        return False
    return text(doc, "status", "phase") in ("", "Active")


def _touched(resource: Resource, change: Change, name: str) -> Iterable[Key]:
    """The namespace that a change is about: its own, or that of the object of this name."""
    if resource == "namespaces":
        return (change.key,) if change.new is not None else ()
    namespace, changed = split_key(change.key)
    return (namespace,) if changed == name else ()


def _namespaces(caches: Caches) -> Iterable[Key]:
    return (text(doc, "metadata", "name") for doc in caches["namespaces"].objects())


class ServiceAccounts(msgspec.Struct, frozen=True):
    """The service account controller; its keys are namespaces."""

    accounts: tuple[str, ...] = ("default",)
    name: str = "serviceaccount-controller"
    watches: tuple[Watch, ...] = (Watch("namespaces"), Watch("serviceaccounts"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        for account in self.accounts:
            yield from _touched(resource, change, account)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return _namespaces(caches)

    def reconcile(self, sync: Sync) -> Plan:
        if not _active(sync.caches, sync.key):
            return Plan()
        present = sync.caches["serviceaccounts"]
        missing = tuple(
            Create("serviceaccounts", sync.key, _service_account(sync.key, account))
            for account in self.accounts
            if present.get(key_of(sync.key, account)) is None
        )
        return Plan((missing,) if missing else (), tolerated=_SOMEBODY_WAS_FASTER)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _service_account(namespace: str, name: str) -> Document:
    return Document(
        apiVersion="v1",
        kind="ServiceAccount",
        metadata=Document(name=name, namespace=namespace),
    )


class RootCA(msgspec.Struct, frozen=True):
    """The publisher of the root CA; its keys are namespaces."""

    certificate: str = CERTIFICATE
    name: str = "root-ca-certificate-publisher-controller"
    watches: tuple[Watch, ...] = (Watch("namespaces"), Watch("configmaps"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return _touched(resource, change, ROOT_CA)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return _namespaces(caches)

    def reconcile(self, sync: Sync) -> Plan:
        if not _active(sync.caches, sync.key):
            return Plan()
        wanted = Document({"ca.crt": self.certificate})
        present = sync.caches["configmaps"].get(key_of(sync.key, ROOT_CA))
        if present is None:
            create = Create("configmaps", sync.key, _config_map(sync.key, wanted))
            return Plan(((create,),), tolerated=_SOMEBODY_WAS_FASTER)
        annotations = child(present, "metadata", "annotations")
        if present.get("data") == wanted and annotations.get(_ANNOTATION):
            return Plan()
        described = Document({**annotations, _ANNOTATION: _DESCRIPTION})
        meta = with_values(child(present, "metadata"), [("annotations", described)])
        repaired = with_values(present, [("metadata", meta), ("data", wanted)])
        return Plan(((Update("configmaps", sync.key, ROOT_CA, repaired),),))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _config_map(namespace: str, data: Document) -> Document:
    annotations = Document({_ANNOTATION: _DESCRIPTION})
    return Document(
        apiVersion="v1",
        kind="ConfigMap",
        metadata=Document(name=ROOT_CA, namespace=namespace, annotations=annotations),
        data=data,
    )
