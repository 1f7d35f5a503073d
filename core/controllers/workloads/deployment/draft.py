"""A plan for one Deployment while it is being made.

Upstream makes its requests one after another inside one sync and returns at the first that fails.
A draft collects the same requests in the same order, each in a batch of its own. It also knows
which of them cannot succeed: a sync holds the objects as they were when it began, so a second
write of one that it has changed meanwhile is refused as a conflict. Upstream sends it all the same
and tries again; a draft ends there, and the change that the first write makes calls for the next
look. So the sequence of changes that an object goes through is upstream's.

Two kinds of repeated writes do succeed upstream, because the answer of the first was kept: those
of a ReplicaSet that the same step has changed. These are patches here, since the new
resourceVersion is known to nobody yet.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (scaleReplicaSet).
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.controllers.shared.events import NORMAL, Severity, event
from kelm.core.controllers.workloads.deployment import revisions
from kelm.core.objects.workloads import (
    Deployment,
    DeploymentStatus,
    ReplicaSet,
    deployment,
)
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Command, Create, Delete, Patch, RecordEvent, Update
from kelm.effects.document import Document, Json, with_value

DEPLOYMENTS = "deployments.apps"
REPLICA_SETS = "replicasets.apps"
COMPONENT = "deployment-controller"


class Draft(msgspec.Struct, frozen=True):
    """Requests so far, and what they have done to the objects at hand.

    deployment: as it is after its write, if there was one.
    events: to be recorded when the last batch has answered well.
    kept: names of ReplicaSets that were written and whose new version is at hand.
    stale: names of ReplicaSets that were patched; writing them now ends the draft.
    ended: nothing more is asked for.
    again_ms: when to look again, whatever happens.
    attempt: which batches may fail without ending the plan, see `Plan`.
    """

    deployment: Deployment
    batches: tuple[Batch, ...] = ()
    events: tuple[RecordEvent, ...] = ()
    written: bool = False
    kept: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    ended: bool = False
    again_ms: int | None = None
    attempt: tuple[int, int] = (0, 0)

    def ask(self, *commands: Command) -> Self:
        """Ask for these together, once all before have answered well."""
        if self.ended or not commands:
            return self
        batch: Batch = (*self.events, *commands)
        return msgspec.structs.replace(self, batches=(*self.batches, batch), events=())

    def tell(self, reason: str, message: str, severity: Severity = NORMAL) -> Self:
        """Record an event about the Deployment, once all before have answered well."""
        if self.ended:
            return self
        doc = self.deployment.doc
        told = event(doc, DEPLOYMENTS, COMPONENT, severity, reason, message)
        return msgspec.structs.replace(self, events=(*self.events, told))

    def end(self) -> Self:
        return msgspec.structs.replace(self, ended=True)

    def attempted(self, since: Self) -> Self:
        """Let what was asked for since a draft fail, its events with it, and the plan go on."""
        if len(self.batches) == len(since.batches):
            return self
        batches = self.finished()
        attempt = len(since.batches), len(batches)
        return msgspec.structs.replace(
            self, batches=batches, events=(), ended=since.ended, attempt=attempt
        )

    def finished(self) -> tuple[Batch, ...]:
        """The batches of the plan."""
        return (*self.batches, self.events) if self.events else self.batches

    def write(self, status: DeploymentStatus, revision: str | None = None) -> Self:
        """Write the Deployment's status, and with it the revision of its template."""
        if self.written:
            return self.end()
        doc = Document({**self.deployment.doc, "status": status.document()})
        if revision is not None:
            doc = _annotated(doc, revision)
        meta = self.deployment.metadata
        request = Update(DEPLOYMENTS, meta.namespace, meta.name, doc, subresource="status")
        asked = self.ask(request)
        return msgspec.structs.replace(asked, deployment=deployment(doc), written=True)

    def create(self, new: Document) -> Self:
        """Create a ReplicaSet."""
        return self.ask(Create(REPLICA_SETS, self.deployment.metadata.namespace, new))

    def update(self, one: ReplicaSet, doc: Document) -> Self:
        """Replace a ReplicaSet; its new version is at hand for what follows."""
        meta = one.metadata
        if meta.name in self.stale:
            return self.end()
        asked = self.ask(Update(REPLICA_SETS, meta.namespace, meta.name, doc))
        return msgspec.structs.replace(asked, kept=self.kept | {meta.name})

    def adopted(self, commands: tuple[Patch, ...]) -> Self:
        """Adopt and release ReplicaSets; those at hand are old from now on."""
        names = frozenset(command.name for command in commands)
        return msgspec.structs.replace(self.ask(*commands), stale=self.stale | names)

    def scale(self, one: ReplicaSet, size: int, before: int | None = None) -> Self:
        """Give a ReplicaSet a size, and the annotations that say what it was scaled for.

        before: its size where this draft has changed it already.

        Source: sync.go, scaleReplicaSet.
        """
        was = one.replicas if before is None else before
        wanted = revisions.wanted_replicas(self.deployment)
        given = revisions.annotations_of(one)
        annotated = all(given.get(key) == value for key, value in wanted.items())
        if size == was and annotated:
            return self
        asked = self._resize(one, size, wanted)
        if size == was:
            return asked
        direction = "up" if size > was else "down"
        name = one.metadata.name
        words = f"Scaled {direction} replica set {name} from {was} to {size}"
        return asked.tell("ScalingReplicaSet", words)

    def _resize(self, one: ReplicaSet, size: int, wanted: dict[str, str]) -> Self:
        meta = one.metadata
        if meta.name in self.kept:
            change = Document(
                metadata=Document(annotations=Document(wanted)), spec=Document(replicas=size)
            )
            return self.ask(Patch(REPLICA_SETS, meta.namespace, meta.name, change))
        given = revisions.annotations_of(one)
        doc = with_value(one.doc, ("spec", "replicas"), size)
        doc = with_value(doc, ("metadata", "annotations"), Document({**given, **wanted}))
        return self.update(one, doc)

    def forget(self, one: ReplicaSet) -> Self:
        """Delete a ReplicaSet that only history remembers."""
        meta = one.metadata
        return self.ask(Delete(REPLICA_SETS, meta.namespace, meta.name, uid=meta.uid))


def _annotated(doc: Document, revision: str) -> Document:
    given = doc.get("metadata")
    meta = given if isinstance(given, Document) else Document()
    old = meta.get("annotations")
    found: dict[str, Json] = dict(old) if isinstance(old, Document) else {}
    found[revisions.REVISION] = revision
    return with_value(doc, ("metadata", "annotations"), Document(found))
