"""An operator written with kopf: every Shop gets a Deployment with as many replicas as counters."""

from __future__ import annotations

from typing import Any

import kopf
from kubernetes import client, config


@kopf.on.startup()
def login(settings: kopf.OperatorSettings, **_: Any) -> None:
    config.load_kube_config()
    settings.posting.enabled = True
    settings.persistence.finalizer = "shops.example.com/kopf"


@kopf.on.create("shops")
def opened(spec: Any, name: str, namespace: str, **_: Any) -> dict[str, str]:
    labels = {"shop": name}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name="till", image="nginx")]),
    )
    selector = client.V1LabelSelector(match_labels=labels)
    wanted = client.V1DeploymentSpec(
        replicas=spec["counters"], selector=selector, template=template
    )
    body: Any = client.ApiClient().sanitize_for_serialization(
        client.V1Deployment(
            api_version="apps/v1",
            kind="Deployment",
            metadata=client.V1ObjectMeta(name=name),
            spec=wanted,
        )
    )
    kopf.adopt(body)
    client.AppsV1Api().create_namespaced_deployment(namespace, body)
    return {"deployment": name}


@kopf.on.field("shops", field="spec.counters")
def resized(old: Any, new: Any, name: str, namespace: str, **_: Any) -> None:
    if old is not None:
        client.AppsV1Api().patch_namespaced_deployment_scale(
            name, namespace, {"spec": {"replicas": new}}
        )


@kopf.on.delete("shops")
def closed(**_: Any) -> None:
    """Nothing is left to do: the Deployment is owned, and collected. The finalizer must go."""
