"""FlowSchemas and priority levels: the API server's own are kept, and each schema is told whether
its level exists.

Source: kubernetes v1.36, pkg/registry/flowcontrol/rest/storage_flowcontrol.go (once a minute),
apiserver/pkg/util/flowcontrol/apf_controller.go (presyncFlowSchemaStatus).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.conditions import with_condition
from kelm.core.api.flow_control.first import (
    ANNOTATION,
    FIRST,
    LEVELS,
    PRODUCER,
    SCHEMAS,
    making,
    put_right,
)
from kelm.core.api.validation.violation import quoted
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Delete, Patch, Update
from kelm.effects.document import Document, child, strings, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

CONSUMER: Final = "api-priority-and-fairness-config-consumer-v1"
EXPECTED: Final = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND, Reason.CONFLICT})
LOOK_AFTER_MS: Final = 60_000


class FlowControl(msgspec.Struct, frozen=True):
    """The controller. A key is a resource and a name; `dangling/NAME` is a schema's condition."""

    name: str = "flow-control"
    watches: tuple[Watch, ...] = (Watch(LEVELS), Watch(SCHEMAS))
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == SCHEMAS:
            return (f"dangling/{change.key}",)
        if change.old is not None and change.new is not None:
            return ()
        return tuple(
            f"dangling/{text(one, 'metadata', 'name')}"
            for one in caches[SCHEMAS].objects()
            if text(one, "spec", "priorityLevelConfiguration", "name") == change.key
        )

    def dirty_later(
        self, _caches: Caches, resource: Resource, change: Change, now_ms: int
    ) -> tuple[Iterable[Key], int]:
        """What was changed is looked at when the next minute begins, as upstream does."""
        return (f"{resource}/{change.key}",), LOOK_AFTER_MS - now_ms % LOOK_AFTER_MS

    def every_key(self, caches: Caches) -> Iterable[Key]:
        present = (
            (resource, text(one, "metadata", "name"))
            for resource in (LEVELS, SCHEMAS)
            for one in caches[resource].objects()
        )
        owned = (f"{resource}/{name}" for resource, name in (*FIRST, *present))
        told = (f"dangling/{text(one, 'metadata', 'name')}" for one in caches[SCHEMAS].objects())
        return tuple(dict.fromkeys((*owned, *told)))

    def reconcile(self, sync: Sync) -> Plan:
        resource, _, name = sync.key.partition("/")
        if resource == "dangling":
            return _told(sync, name)
        current = sync.caches[resource].get(name)
        if (resource, name) not in FIRST:
            return _unwanted(resource, name, current)
        if current is None:
            return Plan(((making(resource, name),),), tolerated=EXPECTED)
        right = put_right(resource, current)
        if right is None:
            return Plan()
        update = Update(resource, "", name, right, field_manager=PRODUCER)
        return Plan(((update,),), tolerated=EXPECTED)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _unwanted(resource: Resource, name: str, current: Document | None) -> Plan:
    """What says that it is the API server's own, and is not any more."""
    if current is None:
        return Plan()
    if strings(current, "metadata", "annotations").get(ANNOTATION) != "true":
        return Plan()
    delete = Delete(resource, "", name, text(current, "metadata", "uid"))
    return Plan(((delete,),), tolerated=EXPECTED)


def _told(sync: Sync, name: str) -> Plan:
    schema = sync.caches[SCHEMAS].get(name)
    if schema is None:
        return Plan()
    level = text(schema, "spec", "priorityLevelConfiguration", "name")
    dangling = sync.caches[LEVELS].get(level) is None
    known = "but there is no such object" if dangling else "and it exists"
    condition = Document(
        type="Dangling",
        status="True" if dangling else "False",
        lastTransitionTime=format_time(sync.now_ms),
        reason="NotFound" if dangling else "Found",
        message=(
            "This FlowSchema references the PriorityLevelConfiguration object named "
            f"{quoted(level)} {known}"
        ),
    )
    before = child(schema, "status")
    after = with_condition(before, condition)
    if after is before:
        return Plan()
    patch = Document(status=Document(conditions=after["conditions"]))
    write = Patch(SCHEMAS, "", name, patch, "merge", "status", CONSUMER)
    return Plan(((write,),), tolerated=EXPECTED)
