"""The environment of a container that a kubelet starts, and the paths that are made from it.

What the pod itself says is there, what the node adds to it (addresses, what it has to give), and
the ConfigMaps, Secrets and Services that the node has heard of.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables, makeMounts),
pkg/kubelet/container/helpers.go (ExpandContainerVolumeMounts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from returns.result import Result, Success

from kelm.core.node.containers.env import Surroundings, environment
from kelm.core.node.containers.expansion import expand, names_in
from kelm.core.node.host.machine import pod_ip
from kelm.core.node.pods.local import NO_VARIABLES, LocalPod
from kelm.core.node.pods.recipe import Recipe
from kelm.core.node.pods.sources import lookup_in, services_in
from kelm.core.node.turn import Turn
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, children, text

Variables: TypeAlias = "SmallMap[str, str]"


def container_environment(turn: Turn, pod: LocalPod, recipe: Recipe) -> Result[Variables, str]:
    """The variables that a container is started with, or why it cannot be created."""
    if not recipe.has_env:
        return Success(NO_VARIABLES)
    spec, sources = pod.recipe.spec, turn.sources
    doc = Document(
        metadata=Document(
            name=pod.name,
            namespace=pod.namespace,
            uid=pod.uid,
            labels=pod.labels,
            annotations=pod.annotations,
        ),
        spec=Document({"enableServiceLinks": True, **spec}),
        status=_addresses(turn, pod),
    )
    around = Surroundings(
        services_in(sources, pod.namespace),
        lookup_in(sources, pod.namespace),
        turn.machine.offered,
    )
    return environment(doc, _container(spec, recipe.name), around).map(SmallMap)


def _addresses(turn: Turn, pod: LocalPod) -> Document:
    host = turn.machine.host_ip
    own = host if pod.recipe.host_network else pod_ip(turn.machine.index, pod.address)
    return Document(
        hostIP=host, hostIPs=(Document(ip=host),), podIP=own, podIPs=(Document(ip=own),)
    )


def _container(spec: Document, name: str) -> Document:
    for field in ("containers", "initContainers"):
        for container in children(spec, field):
            if text(container, "name") == name:
                return container
    return Document()


def sub_path_fault(expressions: tuple[str, ...], variables: Mapping[str, str]) -> str:
    """Why a container's mounts cannot be made from its variables, "" if they can.

    >>> sub_path_fault(("$(A)/$(B)",), {"B": "b"})
    'missing value for A'
    >>> sub_path_fault(("$(A)",), {"A": "/tmp"})
    'error SubPath `/tmp` must not be an absolute path'
    """
    for expression in expressions:
        lacking = sorted({name for name in names_in(expression) if not variables.get(name)})
        if lacking:
            return f"missing value for {', '.join(lacking)}"
        path = expand(expression, variables)
        if path.startswith("/"):
            return f"error SubPath `{path}` must not be an absolute path"
        if ".." in path.split("/"):
            return f"unable to provision SubPath `{path}`: must not contain '..'"
    return ""
