"""What users and machines did in a recording: they are played, not decided.

Requests of users are sent as they were recorded. What the fake kubelets and the scheduler wrote is
known by its form: the status of a pod, its node, the end of a pod that was on its way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from returns.result import Failure

from kelm.effects.address import key_of
from kelm.effects.commands import Bind, Command, Create, Delete, Update
from kelm.effects.document import Document, document, text, thaw
from tests.conformance.replay.recording import Entry
from tests.conformance.replay.world import RESOURCE_OF, Done, World
from tests.core.api.transcripts import command_of, target

Action = dict[str, Any]


def command_of_step(step: Action, world: World) -> Command | None:
    """A recorded request as a command to our API; None for what is done to a machine."""
    request = step["do"]
    if "method" not in request:
        return None
    path = world.real_name(request["path"])
    where = target(path)
    assert where is not None, path
    body = world.real(request.get("body"))
    command = command_of(request["method"], where, body, request.get("contentType", ""))
    assert command is not None, request
    return command


def status_of(command: Command, done: Done) -> int:
    """The HTTP status that our answer would have."""
    if isinstance(done.outcome, Failure):
        return done.outcome.failure().code
    return 201 if isinstance(command, Create) else 200


def machine_writes(world: World, entry: Entry) -> Iterator[Command]:
    """What a kubelet or the scheduler may have asked for when this was recorded."""
    resource = RESOURCE_OF.get(entry.kind, "")
    name = world.real_name(entry.name)
    stored = world.api.store.get(resource, key_of(entry.namespace, name))
    if entry.kind != "Pod" or stored is None:
        return
    uid = text(stored, "metadata", "uid")
    if entry.type == "DELETED":
        yield Delete("pods", entry.namespace, name, uid=uid, grace_period_seconds=0)
        return
    assert entry.old is not None
    changed = {key for key in entry.object if entry.object.get(key) != entry.old.get(key)}
    node = entry.object.get("spec", {}).get("nodeName", "")
    if node and not entry.old["spec"].get("nodeName"):
        yield Bind(entry.namespace, name, uid, node)
    elif changed == {"status"}:
        whole: Any = thaw(stored)
        whole["status"] = world.real(entry.object["status"])
        whole["metadata"].pop("resourceVersion", None)
        doc: Document = document(whole)
        yield Update("pods", entry.namespace, name, doc, subresource="status")
    elif entry.object["metadata"].get("deletionGracePeriodSeconds") == 0:
        yield Delete("pods", entry.namespace, name, uid=uid, grace_period_seconds=0)
