"""Tokens of service accounts in Secrets that nobody uses any more: marked as invalid, then deleted.

Since when uses are written down stands in a ConfigMap; the day of its last use stands on a Secret.
A Secret that was made for an account automatically (the account lists it), that no pod mounts and
that was not used for a year, is marked; a year later it goes. Whoever takes the mark off may use
it again. Secrets that somebody made by hand stay.

Source: kubernetes v1.36, pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go,
pkg/controlplane/controller/legacytokentracking/controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from kelm.core.api.tokens.legacy import DAY_MS, INVALID_SINCE, LAST_USED, day, day_ms, labelled
from kelm.core.controllers.access.service_account_tokens import NAME, TOKEN_TYPE, UID
from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import Document, child, children, text, with_values
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

NAMESPACE: Final = "kube-system"
TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
YEAR_MS: Final = 365 * DAY_MS
CREATED_AGAIN_MS: Final = 30 * 60_000
"""A ConfigMap that somebody deletes again and again is not made more often."""
OTHERS_WERE_FASTER: Final = frozenset({Reason.NOT_FOUND, Reason.CONFLICT, Reason.ALREADY_EXISTS})


class LegacyTokenTracking(msgspec.Struct, frozen=True):
    """Keeps the ConfigMap that says since when uses are written down."""

    name: str = "legacy-token-tracking-controller"
    watches: tuple[Watch, ...] = (Watch("configmaps", field="metadata.name", value=TRACKING),)
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.key == key_of(NAMESPACE, TRACKING) else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (key_of(NAMESPACE, TRACKING),)

    def reconcile(self, sync: Sync) -> Plan:
        """The memory is when the ConfigMap was made last."""
        found, made_ms = sync.caches["configmaps"].get(sync.key), sync.memory
        today = Document(since=day(sync.now_ms))
        if found is None:
            if isinstance(made_ms, int) and sync.now_ms < made_ms + CREATED_AGAIN_MS:
                return Plan(memory=made_ms, again_at_ms=made_ms + CREATED_AGAIN_MS)
            meta = Document(name=TRACKING, namespace=NAMESPACE)
            body = Document(apiVersion="v1", kind="ConfigMap", metadata=meta, data=today)
            create = Create("configmaps", NAMESPACE, body)
            return Plan(((create,),), sync.now_ms, tolerated=OTHERS_WERE_FASTER)
        if day_ms(text(found, "data", "since")) is not None:
            return Plan(memory=made_ms)
        repaired = with_values(found, [("data", Document({**child(found, "data"), **today}))])
        update = Update("configmaps", NAMESPACE, TRACKING, repaired)
        return Plan(((update,),), made_ms, tolerated=OTHERS_WERE_FASTER)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """What was not made is not counted as made."""
        return None if isinstance(command, Create) else sync.memory


class LegacyTokenCleaner(msgspec.Struct, frozen=True):
    """Looks at all Secrets with tokens once a day.

    unused_ms: for how long one must not have been used, and then be marked.
    """

    unused_ms: int = YEAR_MS
    every_ms: int = DAY_MS
    name: str = "legacy-serviceaccount-token-cleaner-controller"
    watches: tuple[Watch, ...] = (
        Watch("secrets"),
        Watch("serviceaccounts"),
        Watch("pods"),
        Watch("configmaps", field="metadata.name", value=TRACKING),
    )
    workers: int = 1

    def watches_now(self, caches: Caches) -> tuple[Watch, ...]:
        """Pods and accounts matter only where there are such Secrets at all."""
        secrets, *others, tracking = self.watches
        found = caches.get("secrets")
        known = found is not None and any(_is_token(doc) for doc in found.objects())
        return (secrets, *others, tracking) if known else (secrets, tracking)

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (TRACKING,)

    def reconcile(self, sync: Sync) -> Plan:
        tracking = sync.caches["configmaps"].get(key_of(NAMESPACE, TRACKING))
        since_ms = day_ms(text(tracking, "data", "since")) if tracking is not None else None
        again_ms = sync.now_ms + self.every_ms
        if since_ms is None or sync.now_ms < since_ms + DAY_MS + self.unused_ms:
            return Plan(again_at_ms=again_ms)
        commands = tuple(self._for_unused(sync))
        batches = (commands,) if commands else ()
        return Plan(batches, again_at_ms=again_ms, tolerated=OTHERS_WERE_FASTER)

    def _for_unused(self, sync: Sync) -> Iterator[Command]:
        mounted: dict[str, frozenset[str]] = {}
        before_ms = sync.now_ms - self.unused_ms
        for secret in sync.caches["secrets"].objects():
            meta = metadata(secret)
            if not self._is_old(secret, before_ms) or not _is_listed(sync.caches, secret):
                continue
            if meta.namespace not in mounted:
                mounted[meta.namespace] = mounted_secrets(sync.caches["pods"], meta.namespace)
            if meta.name in mounted[meta.namespace]:
                continue
            marked = (meta.labels or {}).get(INVALID_SINCE, "")
            if day_ms(marked) is None:
                yield labelled(meta, INVALID_SINCE, day(sync.now_ms))
            elif marked < day(before_ms):
                version = meta.resource_version
                yield Delete("secrets", meta.namespace, meta.name, resource_version=version)

    @staticmethod
    def _is_old(secret: Document, before_ms: int) -> bool:
        """Whether a Secret is one with a token that was there, and last used, before a time."""
        meta = metadata(secret)
        if not _is_token(secret) or meta.deletion_timestamp:
            return False
        if not meta.creation_timestamp or parse_time(meta.creation_timestamp) >= before_ms:
            return False
        noted = (meta.labels or {}).get(LAST_USED)
        return noted is None or (day_ms(noted) is not None and noted < day(before_ms))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _is_token(secret: Document) -> bool:
    return secret.get("type") == TOKEN_TYPE


def _is_listed(caches: Caches, secret: Document) -> bool:
    """Whether the account that a Secret is for lists it: then it was made automatically."""
    meta, noted = metadata(secret), annotations_of(secret)
    account = caches["serviceaccounts"].get(key_of(meta.namespace, noted.get(NAME, "")))
    if account is None or noted.get(UID, "") not in ("", metadata(account).uid):
        return False
    return any(text(one, "name") == meta.name for one in children(account, "secrets"))


def mounted_secrets(pods: Cache, namespace: str) -> frozenset[str]:
    """The names of all Secrets that a namespace's pods refer to.

    Source: pkg/api/v1/pod/util.go (VisitPodSecretNames).
    """
    return frozenset(
        name
        for pod in pods.select("namespace", namespace)
        for name in secret_names(child(pod, "spec"))
    )


def secret_names(spec: Document) -> Iterator[str]:
    """The Secrets that a pod's specification names.

    >>> volume = Document(name="v", secret=Document(secretName="a"))
    >>> pull = Document(name="b")
    >>> sorted(secret_names(Document(volumes=(volume,), imagePullSecrets=(pull,))))
    ['a', 'b']
    """
    yield from filter(None, _named(spec))


def _named(spec: Document) -> Iterator[str]:
    for one in children(spec, "imagePullSecrets"):
        yield text(one, "name")
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in children(spec, field):
            yield from (text(one, "secretRef", "name") for one in children(container, "envFrom"))
            for one in children(container, "env"):
                yield text(one, "valueFrom", "secretKeyRef", "name")
    for volume in children(spec, "volumes"):
        yield text(volume, "secret", "secretName")
        yield text(volume, "azureFile", "secretName")
        for one in children(volume, "projected", "sources"):
            yield text(one, "secret", "name")
        for source in volume.values():
            if isinstance(source, Document):
                for reference in ("secretRef", "nodePublishSecretRef"):
                    yield text(source, reference, "name")
