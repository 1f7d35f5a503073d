"""A plan for one StatefulSet while it is being made: the requests of each action, and its events.

An event tells of what was done, so it goes out with the requests that follow, when those before
have answered well.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_pod_control.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import msgspec

from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.controllers.workloads.statefulset.history import Found, template_of
from kelm.core.controllers.workloads.statefulset.identity import (
    new_pod,
    ordinal_of,
    pod_name,
    repaired,
    wanted_volumes,
)
from kelm.core.controllers.workloads.statefulset.memory import COMPONENT, STATEFUL_SETS, pod_failure
from kelm.core.controllers.workloads.statefulset.step import (
    Condemn,
    Group,
    Make,
    Mend,
    Remove,
    Store,
)
from kelm.core.controllers.workloads.statefulset.storage import (
    CLAIMS,
    claims_of,
    has_its_volumes,
    has_other_controller,
    is_up_to_date,
    missing_claims,
    with_owners,
)
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.pod import Pod
from kelm.core.objects.stateful_set import DELETE, StatefulSet
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Command, Create, Delete, Patch, RecordEvent, Update
from kelm.effects.document import Document, with_value
from kelm.effects.messages import Cache


class Draft(msgspec.Struct, frozen=True):
    """Requests so far.

    events: to be recorded when the last batch has answered well.
    told, hindered: what keeps pods from being made: as it was told before, and as it is now.
    """

    one: StatefulSet
    claims: Cache
    batches: tuple[Batch, ...] = ()
    events: tuple[RecordEvent, ...] = ()
    told: frozenset[str] = frozenset()
    hindered: frozenset[str] = frozenset()

    def ask(self, commands: Iterable[Command]) -> Self:
        """Ask for these together, once all before have answered well."""
        batch = tuple(commands)
        if not batch:
            return self
        found = (*self.batches, (*self.events, *batch))
        return msgspec.structs.replace(self, batches=found, events=())

    def tell(self, *events: RecordEvent) -> Self:
        return msgspec.structs.replace(self, events=(*self.events, *events))

    def finished(self) -> tuple[Batch, ...]:
        """The batches of the plan."""
        return (*self.batches, self.events) if self.events else self.batches

    def act(self, group: Group, found: Found) -> Self:
        """Ask for what a group of actions needs, first all claims, then all pods."""
        if all(isinstance(action, Mend) and self.is_whole(action.pod) for action in group):
            # The usual case in a large set.
            return self
        draft = self
        makes = [action for action in group if isinstance(action, Make)]
        free = [make.ordinal for make in makes if not draft._hinders(make.ordinal)]
        for make in makes:
            draft = draft._hindrance(make.ordinal)
        stores = [ordinal_of(action.pod) for action in group if isinstance(action, Store)]
        draft = draft._claims_made([*free, *stores])
        kept = [action.pod for action in group if isinstance(action, Store | Condemn)]
        draft = draft.ask(update for pod in kept for update in draft._claim_updates(pod))
        draft = draft.tell(*(each for pod in kept for each in draft._conflicts(pod)))
        draft = draft._made([make for make in makes if make.ordinal in free], found)
        for action in group:
            if isinstance(action, Mend):
                # What was just done for a pending pod's claims is not seen yet.
                draft = draft._mended(action.pod, claims_too=action.pod not in kept)
        return draft._removed([action for action in group if isinstance(action, Remove)])

    def _event(self, reason: str, message: str, severity: Severity = NORMAL) -> RecordEvent:
        return event(self.one.doc, STATEFUL_SETS, COMPONENT, severity, reason, message)

    def _done(self, verb: str, name: str) -> RecordEvent:
        words = f"{verb} Pod {name} in StatefulSet {self.one.metadata.name} successful"
        return self._event(f"Successful{verb}", words)

    def _hinders(self, ordinal: int) -> list[str]:
        """What keeps the claims of a pod from being used."""
        found = (metadata(doc) for doc in claims_of(self.one, ordinal, self.claims))
        return [
            f"pvc {meta.name} is being deleted"
            for meta in found
            if meta.deletion_timestamp is not None
        ]

    def _hindrance(self, ordinal: int) -> Self:
        """Tell once what keeps a pod from being made."""
        why = self._hinders(ordinal)
        if not why:
            return self
        words = why[0] if len(why) == 1 else f"[{', '.join(why)}]"
        set_name = self.one.metadata.name
        failure = pod_failure("Create", pod_name(set_name, ordinal), set_name, words)
        known = msgspec.structs.replace(self, hindered=self.hindered | {failure.message})
        if failure.message in self.told:
            return known
        return known.tell(known._event(failure.reason, failure.message, WARNING))

    def _claims_made(self, ordinals: list[int]) -> Self:
        one = self.one
        missing = [
            (ordinal, claim)
            for ordinal in ordinals
            for claim in missing_claims(one, ordinal, self.claims)
        ]
        namespace = one.metadata.namespace
        asked = self.ask(Create(CLAIMS, namespace, claim) for _, claim in missing)
        told = (
            f"Create Claim {metadata(claim).name} Pod {pod_name(one.metadata.name, ordinal)} "
            f"in StatefulSet {one.metadata.name} success"
            for ordinal, claim in missing
        )
        return asked.tell(*(self._event("SuccessfulCreate", words) for words in told))

    def _made(self, makes: list[Make], found: Found) -> Self:
        one = self.one
        update = metadata(found.update).name
        pods = [
            new_pod(
                one,
                one.template if make.revision == update else template_of(found.current),
                make.revision,
                make.ordinal,
            )
            for make in makes
        ]
        asked = self.ask(Create("pods", one.metadata.namespace, pod) for pod in pods)
        asked = asked.ask(asked._first_owners(makes))
        return asked.tell(*(self._done("Create", metadata(pod).name) for pod in pods))

    def _first_owners(self, makes: list[Make]) -> list[Command]:
        """Give the claims of new pods their owner: those that were there, and those just made.

        Source: CreateStatefulPod, UpdatePodClaimForRetentionPolicy.
        """
        found: list[Command] = []
        for make in makes:
            pod = Document(metadata=Document(name=pod_name(self.one.metadata.name, make.ordinal)))
            found.extend(self._updates(make.ordinal, pod))
            if self.one.when_deleted == DELETE:
                found.extend(
                    self._owned_by_set(metadata(new).name)
                    for new in missing_claims(self.one, make.ordinal, self.claims)
                )
        return found

    def _owned_by_set(self, claim: str) -> Patch:
        """Make the set the owner of a claim that was just made and that nobody else can have."""
        owners = (owner_reference(self.one.doc),)
        change = Document(metadata=Document(ownerReferences=owners))
        return Patch(CLAIMS, self.one.metadata.namespace, claim, change, patch_type="strategic")

    def _out_of_date(self, ordinal: int, pod: Document) -> list[Document]:
        found = claims_of(self.one, ordinal, self.claims)
        return [doc for doc in found if not is_up_to_date(doc, self.one, metadata(pod))]

    def _updates(self, ordinal: int, pod: Document) -> list[Command]:
        """Give the claims that a pod has the owners that the policy asks for."""
        return [
            Update(
                CLAIMS,
                self.one.metadata.namespace,
                metadata(claim).name,
                with_owners(claim, self.one, pod),
            )
            for claim in self._out_of_date(ordinal, pod)
        ]

    def _claim_updates(self, pod: Pod) -> list[Command]:
        return self._updates(ordinal_of(pod), pod.doc)

    def _conflicts(self, pod: Pod) -> list[RecordEvent]:
        """Events about claims that somebody else manages."""
        return [
            self._event(
                "ConflictingController",
                f"PersistentVolumeClaim {metadata(claim).name} has a conflicting OwnerReference "
                "that acts as a manging controller, the retention policy is ignored for this claim",
                WARNING,
            )
            for claim in self._out_of_date(ordinal_of(pod), pod.doc)
            if has_other_controller(claim, self.one, pod.metadata)
        ]

    def is_whole(self, pod: Pod) -> bool:
        """Whether a serving pod has all that makes it a member."""
        if repaired(self.one, pod) is not None:
            return False
        if not self.one.claim_templates:
            return True
        ordinal = ordinal_of(pod)
        return has_its_volumes(self.one, pod) and not self._out_of_date(ordinal, pod.doc)

    def _mended(self, pod: Pod, *, claims_too: bool) -> Self:
        """Give a serving pod back what makes it a member. Source: UpdateStatefulPod."""
        changed = repaired(self.one, pod)
        draft, ordinal = self, ordinal_of(pod)
        if not has_its_volumes(self.one, pod):
            volumes = wanted_volumes(self.one, pod.spec.doc, ordinal)
            changed = with_value(changed or pod.doc, ("spec", "volumes"), volumes)
            draft = draft._claims_made([ordinal])
        commands = draft._claim_updates(pod) if claims_too else []
        if changed is not None:
            meta = pod.metadata
            commands.append(Update("pods", meta.namespace, meta.name, changed))
        if not commands:
            return draft
        draft = draft.tell(*draft._conflicts(pod)).ask(commands)
        return draft.tell(draft._done("Update", pod.metadata.name))

    def _removed(self, removes: list[Remove]) -> Self:
        name_of = self.one.metadata.name
        names = [pod_name(name_of, each.ordinal) for each in removes]
        asked = self.ask(
            Delete(
                "pods",
                self.one.metadata.namespace,
                name if each.pod is None else each.pod.metadata.name,
                uid="" if each.pod is None else each.pod.metadata.uid,
            )
            for each, name in zip(removes, names, strict=True)
        )
        return asked.tell(*(self._done("Delete", name) for name in names))
