"""ClusterRoles with an aggregation rule have the rules of those that its selectors choose.

Rules are applied: those that a role had from somebody else stay where there is nothing to gather.

Source: kubernetes v1.36, pkg/controller/clusterroleaggregation.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.api.authorization.decide import CLUSTER_ROLES
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch
from kelm.effects.document import Document, Json, children, elements
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

MANAGER = "clusterrole-aggregation-controller"


class ClusterRoleAggregation(msgspec.Struct, frozen=True):
    """The controller; its keys are roles. Any change of a role may be one of all that gather."""

    name: str = MANAGER
    watches: tuple[Watch, ...] = (Watch(CLUSTER_ROLES),)
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return self.every_key(caches)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        found = caches[CLUSTER_ROLES].objects()
        return [metadata(doc).name for doc in found if "aggregationRule" in doc]

    def reconcile(self, sync: Sync) -> Plan:
        roles = sync.caches[CLUSTER_ROLES]
        role = roles.get(sync.key)
        if role is None or role.get("aggregationRule") is None:
            return Plan()
        rules = gathered(role, roles)
        if rules == elements(role, "rules"):
            return Plan()
        fields: dict[str, Json] = {
            "apiVersion": role["apiVersion"],
            "kind": role["kind"],
            "metadata": Document(name=sync.key),
        }
        wanted = Document({**fields, "rules": rules} if rules else fields)
        apply = Patch(
            CLUSTER_ROLES, "", sync.key, wanted, "apply", field_manager=MANAGER, force=True
        )
        return Plan(((apply,),))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def gathered(role: Document, roles: Cache) -> tuple[Json, ...]:
    """The rules of the roles that one chooses, by selector and name, each rule once."""
    name, found = metadata(role).name, list[Json]()
    for one in children(role, "aggregationRule", "clusterRoleSelectors"):
        selector = selector_of(one)
        chosen = (
            doc
            for doc in roles.objects()
            if metadata(doc).name != name and selector.matches(labels_of(doc))
        )
        for doc in sorted(chosen, key=lambda doc: metadata(doc).name):
            for rule in elements(doc, "rules"):
                if rule not in found:
                    found.append(rule)
    return tuple(found)
