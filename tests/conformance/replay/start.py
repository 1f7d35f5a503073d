"""How a replay begins, and what is compared at its end."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from pyrsistent import pmap

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import handle
from kelm.core.controllers.api.resource_quota import ResourceQuotaController
from kelm.core.controllers.batch.cron_job.controller import CronJobController
from kelm.core.controllers.batch.job.controller import JobController
from kelm.core.controllers.batch.job.orphans import JobOrphans
from kelm.core.controllers.batch.ttl_after_finished import TTLAfterFinished
from kelm.core.controllers.deletion.garbage_collector.program import GarbageCollectorProgram
from kelm.core.controllers.workloads.deployment.controller import DeploymentController
from kelm.core.controllers.workloads.replicaset.controller import (
    REPLICATION_CONTROLLERS,
    ReplicaSetController,
)
from kelm.effects.commands import Create, List
from kelm.effects.document import document, thaw
from tests.conformance.replay.collecting import started
from tests.conformance.replay.likeness import RANDOM, Rename, without_chance
from tests.conformance.replay.loops import Loop
from tests.conformance.replay.recording import ZERO_MS, Object, Trace, entries, start_offset
from tests.conformance.replay.replay import QUIET_S, Replay, State
from tests.conformance.replay.world import World, execute

NUMBER = re.compile(r"<\d+>")
ADDRESS = re.compile(r"<podip:[^\"]*?>(?=\")")
LOOPS = (
    Loop(DeploymentController(), ("Deployment", "ReplicaSet")),
    Loop(ReplicaSetController(), ("ReplicaSet", "Pod")),
    Loop(REPLICATION_CONTROLLERS, ("ReplicationController", "Pod")),
    Loop(CronJobController(), ("CronJob", "Job")),
    Loop(JobController(), ("Job", "Pod")),
    Loop(JobOrphans(), ("Pod",)),
    Loop(TTLAfterFinished(), ("Job",)),
    Loop(ResourceQuotaController(), ("ResourceQuota",)),
)


def begin(trace: Trace, quiet_s: float = QUIET_S, late_s: int = 0) -> tuple[Replay, State]:
    """A replay of a recording, and the cluster before its first entry.

    late_s: by how many seconds all recorded times were put off.
    """
    whole = tuple(entries(trace))
    told_apart = (one for one in whole if one.kind != "Event")
    history = tuple(one._replace(number=number) for number, one in enumerate(told_apart))
    world = World(new_server(now_ms=ZERO_MS - 60_000), offset=start_offset(history, -0.5 - late_s))
    named = {one["name"] for one in trace["nodes"]}
    world = msgspec.structs.replace(world, names=pmap(_addresses(trace)))
    for node in trace["nodes"]:
        world = _made(world, "nodes", "", _node(node))
    for namespace in dict.fromkeys(one.namespace for one in history):
        if namespace:
            world = _made(world, "namespaces", "", {"metadata": {"name": namespace}})
            account = {"metadata": {"name": "default"}}
            world = _made(world, "serviceaccounts", namespace, account)
    assert len(named) == len(trace["nodes"])
    running = pmap({"garbage-collector": started(GarbageCollectorProgram())})
    return Replay(trace, history, LOOPS, quiet_s), State(world, running=running)


def _made(world: World, resource: str, namespace: str, body: Object) -> World:
    done = execute(world, Create(resource, namespace, document(body)), -60.0)
    done.outcome.unwrap()
    return done.world


def _node(node: Object) -> Object:
    labels = node["labels"]
    return {
        "metadata": {"name": node["name"], "labels": labels},
        "spec": {"taints": node["taints"]},
        "status": {"allocatable": node["allocatable"], "capacity": node["allocatable"]},
    }


def _addresses(trace: Trace) -> dict[str, str]:
    """An address of ours for every recorded pod's."""
    found = dict.fromkeys(ADDRESS.findall(json.dumps(trace["history"])))
    return {f"10.244.{100 + n // 100}.{100 + n % 100}": one for n, one in enumerate(found)}


Told = tuple[str, str, str, str]
COMBINED = "(combined from similar events): "


def counted(told: Iterable[Told]) -> Counter[Told]:
    """How many events there are of each kind; those of refused requests count once.

    How often such a request is tried again, each time under another name, is a matter of time.
    """
    found = Counter(told)
    for one in [one for one in found if RANDOM in one[-1]]:
        del found[one]
        found[(*one[:3], one[3].removeprefix(COMBINED))] = 1
    return found


def recorded_events(trace: Trace) -> list[Told]:
    """The events of a recording as they were last, those of components that take part here."""
    last = {one.place: one.object for one in entries(trace) if one.kind == "Event"}
    return sorted(_told(event, str) for event in last.values() if _ours(event))


def _ours(event: Object) -> bool:
    return event.get("source") in {loop.controller.name for loop in LOOPS}


def _told(event: Object, rename: Rename) -> Told:
    """What an event says. Which of the pods that were made at once comes first is open."""
    message = without_chance(NUMBER.sub("<n>", rename(event["message"])))
    return rename(event["involvedObject"]["name"]), event["type"], event["reason"], message


def events(world: World) -> list[Told]:
    """The events that ours have told, with recorded names."""
    listed: Any = thaw(handle(world.api, List("events"), 0)[1].unwrap())
    return sorted(_told(event, world.rename) for event in listed["items"])
