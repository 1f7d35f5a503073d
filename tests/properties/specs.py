"""Small clusters for the properties: Deployments of every kind behind Services."""

from __future__ import annotations

from typing import Any

import msgspec

from kelm.effects.address import ObjectRef

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
NODES = 3


class Spec(msgspec.Struct, frozen=True):
    """What a Deployment of a world is made of. `surge` None: it is one that recreates."""

    name: str = "web"
    namespace: str = "default"
    replicas: int = 3
    surge: int | str | None = "25%"
    unavailable: int | str = "25%"
    min_ready_seconds: int = 0
    deadline_seconds: int = 600
    history_limit: int = 10
    pre_stop_seconds: int = 0

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("deployments.apps", self.namespace, self.name)

    def deployment(self) -> dict[str, Any]:
        strategy: dict[str, Any] = {"type": "Recreate"}
        if self.surge is not None:
            rolling = {"maxSurge": self.surge, "maxUnavailable": self.unavailable}
            strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
        labels = {"app": self.name}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "replicas": self.replicas,
                "minReadySeconds": self.min_ready_seconds,
                "progressDeadlineSeconds": self.deadline_seconds,
                "revisionHistoryLimit": self.history_limit,
                "strategy": strategy,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [self.container()]},
                },
            },
        }

    def container(self) -> dict[str, Any]:
        container: dict[str, Any] = {"name": "c", "image": "nginx:1"}
        if self.pre_stop_seconds:
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": self.pre_stop_seconds}}}
        return container

    def service(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"selector": {"app": self.name}, "ports": [{"port": 80}]},
        }


class World(msgspec.Struct, frozen=True):
    """What a story starts from; with its deeds it decides everything."""

    specs: tuple[Spec, ...] = (Spec(),)
    seed: int = 0
    order: str = "fifo"
    nodes: int = NODES

    def manifests(self) -> tuple[dict[str, Any], ...]:
        shop = (SHOP,) if any(spec.namespace == "shop" for spec in self.specs) else ()
        pairs = ((spec.deployment(), spec.service()) for spec in self.specs)
        return (*shop, *(manifest for pair in pairs for manifest in pair))
