"""ValidatingAdmissionPolicies are told what their expressions have against the types they meet.

Each generation of a policy is checked once, with the definitions of custom resources as they are
then: a definition that comes later changes nothing.

Source: kubernetes v1.36, pkg/controller/validatingadmissionpolicystatus.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.api.custom.definition import DEFINITIONS, custom_resource
from kelm.core.api.policies.registered import VALIDATING
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch
from kelm.effects.document import Document, number
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

MANAGER = "validatingadmissionpolicy-status-controller"


class ValidatingAdmissionPolicyStatus(msgspec.Struct, frozen=True):
    """The controller; its keys are policies."""

    name: str = MANAGER
    watches: tuple[Watch, ...] = (Watch(VALIDATING), Watch(DEFINITIONS))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return [change.key] if resource == VALIDATING else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).name for doc in caches[VALIDATING].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        policy = sync.caches[VALIDATING].get(sync.key)
        if policy is None:
            return Plan()
        generation = number(policy, "metadata", "generation")
        if generation <= number(policy, "status", "observedGeneration"):
            return Plan()
        wanted = Document(
            apiVersion=policy["apiVersion"],
            kind=policy["kind"],
            metadata=Document(name=sync.key),
            status=Document(
                observedGeneration=generation, typeChecking=_type_checking(policy, sync.caches)
            ),
        )
        apply = Patch(VALIDATING, "", sync.key, wanted, "apply", "status", MANAGER, force=True)
        return Plan(((apply,),))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _type_checking(policy: Document, caches: Caches) -> Document:
    """What checking a policy has found. Expressions are loaded when there is one."""
    from kelm.core.api.policies.type_checking import expression_warnings

    definitions = sorted(caches[DEFINITIONS].objects(), key=lambda doc: metadata(doc).name)
    customs = (custom_resource(one) for one in definitions)
    found = expression_warnings(policy, tuple(one for one in customs if one is not None))
    return Document(expressionWarnings=found) if found else Document()
