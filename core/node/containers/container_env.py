"""The environment of a container that a kubelet starts.

What the pod itself says is there: literal values, downward fields, its resources. Variables of
Services and of missing ConfigMaps and Secrets are not: no image program has asked for them yet.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables).
"""

from __future__ import annotations

from returns.result import Failure

from kelm.core.node.containers.env import Surroundings, environment
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.recipe import Recipe
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, children, text


def container_environment(pod: LocalPod, recipe: Recipe) -> SmallMap[str, str]:
    """The variables that a container is started with."""
    spec = pod.recipe.spec
    metadata = Document(
        name=pod.name,
        namespace=pod.namespace,
        uid=pod.uid,
        labels=pod.labels,
        annotations=pod.annotations,
    )
    doc = Document(
        metadata=metadata,
        spec=Document({"enableServiceLinks": False, **spec}),
        status=pod.written or Document(),
    )
    for field in ("containers", "initContainers"):
        for container in children(spec, field):
            if text(container, "name") == recipe.name:
                found = environment(doc, container, Surroundings())
                return SmallMap({} if isinstance(found, Failure) else found.unwrap())
    return SmallMap()
