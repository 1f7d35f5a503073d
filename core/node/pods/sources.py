"""What a node looks up for its pods: ConfigMaps, Secrets and Services.

A kubelet hears of them only once it runs a pod that asks for them; most never do.

Source: kubernetes v1.36, pkg/kubelet/configmap, pkg/kubelet/secret (managers that watch what
pods refer to), pkg/kubelet/kubelet_pods.go (getServiceEnvVarMap).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from kelm.core.node.containers.env import Kind, Lookup
from kelm.core.objects.storage import CLAIMS, DRIVERS, VOLUMES
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Resource
from kelm.effects.document import Document, children, text
from kelm.effects.messages import Cache
from kelm.effects.program import Watch

CONFIG_MAPS: Final = "configmaps"
SECRETS: Final = "secrets"
SERVICES: Final = "services"
ROOT_CERTIFICATE: Final = "kube-root-ca.crt"
DISK_SOURCES: Final = (CLAIMS, VOLUMES, DRIVERS)
"""What the volumes of claims are known by."""
MASTER: Final = "default"
"""The namespace whose Service `kubernetes` every container finds in its environment."""
_ENVIRONMENT: Final = re.compile(r"\b(env|printenv|export)\b|_SERVICE_|_PORT")
_LOOK_UP: Final = re.compile(r"\b(dig|nslookup|getent)\b")

Sources: TypeAlias = "SmallMap[Resource, Cache]"
"""What has been heard of each resource."""
NO_SOURCES: Sources = SmallMap()


def sources_of(container: Document, words: Iterable[str]) -> tuple[Resource, ...]:
    """The resources that a container's environment is made from.

    words: its command and arguments; who looks neither at the environment nor up a name needs
        no Services.

    >>> sources_of(Document(envFrom=(Document(secretRef=Document(name="a")),)), ())
    ('secrets',)
    >>> sources_of(Document(), ("sh", "-c", "env"))
    ('services',)
    """
    found: list[Resource] = []
    named = list(children(container, "envFrom"))
    named += [
        source
        for variable in children(container, "env")
        if isinstance(source := variable.get("valueFrom"), Document)
    ]
    for resource, fields in (
        (CONFIG_MAPS, ("configMapRef", "configMapKeyRef")),
        (SECRETS, ("secretRef", "secretKeyRef")),
    ):
        if any(field in one for one in named for field in fields):
            found.append(resource)
    if any(_ENVIRONMENT.search(word) or _LOOK_UP.search(word) for word in words):
        found.append(SERVICES)
    return tuple(found)


def volume_sources(spec: Document) -> tuple[Resource, ...]:
    """The resources that a pod's volumes are made from, but for the certificate that every pod has.

    >>> volume_sources(Document(volumes=(Document(name="v", secret=Document()),)))
    ('secrets',)
    """
    found: list[Resource] = []
    for volume in children(spec, "volumes"):
        projected = children(volume, "projected", "sources")
        for source in (volume, *projected):
            config = source.get("configMap")
            if isinstance(config, Document) and config.get("name") != ROOT_CERTIFICATE:
                found.append(CONFIG_MAPS)
            if isinstance(source.get("secret"), Document):
                found.append(SECRETS)
    return tuple(dict.fromkeys(found))


def claims_of(spec: Document) -> tuple[tuple[str, str], ...]:
    """The volumes that containers mount which stand for claims, with the claims' names.

    The name is "" where the pod brings the claim along.

    >>> from kelm.effects.document import document
    >>> mount = [{"name": "c", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]
    >>> data = {"name": "data", "persistentVolumeClaim": {"claimName": "files"}}
    >>> claims_of(document({"containers": mount, "volumes": [data, {**data, "name": "idle"}]}))
    (('data', 'files'),)
    """
    claimed = {
        text(one, "name"): text(one, "persistentVolumeClaim", "claimName")
        for one in children(spec, "volumes")
        if "persistentVolumeClaim" in one or "ephemeral" in one
    }
    if not claimed:
        return ()
    used = {
        text(mount, "name")
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in children(spec, field)
        for kind in ("volumeMounts", "volumeDevices")
        for mount in children(container, kind)
    }
    return tuple((name, claim) for name, claim in claimed.items() if name in used)


def with_watches(watches: tuple[Watch, ...], wanted: Iterable[Resource]) -> tuple[Watch, ...]:
    """The watches of a kubelet that has to hear of these resources, too."""
    known = {watch.resource for watch in watches}
    return watches + tuple([Watch(one) for one in wanted if one not in known])


def lookup_in(sources: Sources, namespace: str) -> Lookup:
    """How a container's environment finds ConfigMaps and Secrets of its pod's namespace."""

    def find(kind: Kind, name: str) -> Document | None:
        cache = sources.get(kind)
        return None if cache is None else cache.get(f"{namespace}/{name}")

    return find


def services_in(sources: Sources, namespace: str) -> tuple[Document, ...]:
    """The Services that a container may find in its environment."""
    cache = sources.get(SERVICES)
    if cache is None:
        return ()
    here = tuple(cache.select("namespace", namespace))
    master = cache.get(f"{MASTER}/kubernetes")
    return here if namespace == MASTER or master is None else (*here, master)
