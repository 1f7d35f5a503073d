"""A pod's status document, from what the kubelet knows of the pod.

What is equal in many pods is one document: waiting states, running states of one second, image
ids, addresses of the node, conditions.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (generateAPIPodStatus,
convertToAPIContainerStatuses).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from kelm.core.node.containers.images import repository
from kelm.core.node.pods.conditions import pod_conditions
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Recipe
from kelm.core.node.pods.resizing import amounts, with_amounts
from kelm.core.objects.time import format_time
from kelm.effects.document import EMPTY, Document, Json


@lru_cache(maxsize=4096)
def waiting_state(reason: str, message: str = "") -> Document:
    """The state of a container that waits."""
    inner = Document(reason=reason, message=message) if message else Document(reason=reason)
    return Document(waiting=inner)


@lru_cache(maxsize=4096)
def running_state(started: str) -> Document:
    """The state of a container that runs since then."""
    return Document(running=Document(startedAt=started))


@lru_cache(maxsize=4096)
def image_id(image: str) -> str:
    """The digest under which an image is known."""
    name = repository(image)
    if "/" not in name:
        name = f"docker.io/library/{name}"
    return f"{name}@sha256:{sha256(image.encode()).hexdigest()}"


def container_id(uid: str, name: str, attempt: int) -> str:
    """The runtime's name for one run of a container."""
    return "containerd://" + sha256(f"{uid}/{name}/{attempt}".encode()).hexdigest()


def terminated_state(run: ContainerRun) -> Document:
    """The state of a container that ended."""
    fields: dict[str, Json] = {
        "exitCode": run.exit_code,
        "reason": run.exit_reason,
    }
    if run.exit_message:
        fields["message"] = run.exit_message
    if run.started_ms:
        fields["startedAt"] = format_time(run.started_ms)
        fields["finishedAt"] = format_time(run.ended_ms)
    else:
        fields["startedAt"] = fields["finishedAt"] = None
    if run.id:
        fields["containerID"] = run.id
    return Document(terminated=Document(fields))


@lru_cache(maxsize=4096)
def _fresh(name: str, image: str, reason: str, message: str) -> Document:
    return Document(
        name=name,
        state=waiting_state(reason, message),
        lastState=EMPTY,
        ready=False,
        restartCount=0,
        image=image,
        imageID="",
        started=False,
    )


def container_status(recipe: Recipe, run: ContainerRun, *, plain_init: bool) -> Document:
    """One entry of `containerStatuses` or `initContainerStatuses`."""
    stage = run.stage
    if not run.id and stage != "exited" and not run.last:
        return _fresh(recipe.name, recipe.image, run.reason, run.message)
    if stage == "running":
        state = running_state(format_time(run.started_ms))
    elif stage == "exited" and not run.reason:
        state = terminated_state(run)
    else:
        state = waiting_state(run.reason, run.message)
    fields: dict[str, Json] = {
        "name": recipe.name,
        "state": state,
        "lastState": run.last,
        "ready": run.ready or (plain_init and stage == "exited" and run.exit_code == 0),
        "restartCount": run.restarts,
        "image": recipe.image,
        "imageID": image_id(recipe.image) if run.id else "",
    }
    if run.id:
        fields["containerID"] = run.id
    fields["started"] = run.started
    if recipe.resources:
        fields.update(amounts(recipe.resources, recipe.resources))
    return Document(fields)


@lru_cache(maxsize=8192)
def host_addresses(ip: str) -> tuple[Document, ...]:
    """A node's address as `hostIPs` has it."""
    return (Document(ip=ip),)


def pod_status(pod: LocalPod, host_ip: str, pod_ip: str) -> Document:
    """The whole status."""
    recipe = pod.recipe
    count = recipe.init_count
    statuses = [
        container_status(one, run, plain_init=index < count and one.restart_policy != "Always")
        for index, (one, run) in enumerate(zip(recipe.containers, pod.runs, strict=True))
    ]
    if pod.resizing is not None:
        statuses = list(with_amounts(pod, tuple(statuses)))
    fields: dict[str, Json] = {
        "phase": pod.phase,
        "conditions": pod_conditions(pod),
        "hostIP": host_ip,
        "hostIPs": host_addresses(host_ip),
        "startTime": pod.started_text,
        "containerStatuses": tuple(statuses[count:]) if count else tuple(statuses),
    }
    if pod.generation:
        fields["observedGeneration"] = pod.generation
    if pod.qos_class is not None:
        fields["qosClass"] = pod.qos_class
    if pod_ip:
        fields["podIP"] = pod_ip
        fields["podIPs"] = (Document(ip=pod_ip),)
    if count:
        fields["initContainerStatuses"] = tuple(statuses[:count])
    if pod.guests:
        fields["ephemeralContainerStatuses"] = tuple(
            [
                Document({**container_status(one, run, plain_init=False), "ready": False})
                for one, run in zip(recipe.guests, pod.guests, strict=True)
            ]
        )
    if pod.reason:
        fields["reason"] = pod.reason
    if pod.message:
        fields["message"] = pod.message
    if pod.kept:
        fields.update(pod.kept)
    return Document(fields)
