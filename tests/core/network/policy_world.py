"""A small world of pods, machines and somebody outside, and policies as plain documents."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from kelm.core.network.policies import Connection, Party, verdict
from kelm.core.store.small_map import SmallMap
from kelm.core.store.table import Table, put
from kelm.effects.document import document

Doc = dict[str, Any]
NAMESPACES = {name: {"ns": name, "kubernetes.io/metadata.name": name} for name in "xyz"}
PORTS = (("TCP", "http", 80), ("TCP", "more", 81), ("UDP", "dns", 80))
OTHER_PORTS = (("TCP", "http", 81), ("UDP", "more", 81))
"""The same names for other ports, as the pod z/c has them."""


def a_pod(namespace: str, name: str, number: int) -> Party:
    """A pod of a grid; the pods of a namespace are on one machine each."""
    labels = SmallMap({"pod": name, "even": str(number % 2 == 0)})
    address = f"10.0.{'xyz'.index(namespace)}.{number}"
    node = f"node-{'xyz'.index(namespace)}"
    ports = OTHER_PORTS if (namespace, name) == ("z", "c") else PORTS
    return Party(address, f"{namespace}/{name}", namespace, labels, node, ports)


PODS = {
    f"{namespace}/{name}": a_pod(namespace, name, number)
    for namespace, (number, name) in product("xyz", enumerate("abc", 1))
}
MACHINES = {
    f"node-{number}": Party(f"172.18.0.{number}", node=f"node-{number}") for number in (0, 1)
}
OUTSIDE = Party("192.0.2.7")
EVERYBODY = (*PODS.values(), *MACHINES.values(), OUTSIDE)


def policy(namespace: str, name: str = "policy", **spec: Any) -> Doc:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": {}, **spec}}


def table(resource: str, docs: Iterable[Doc]) -> Table:
    found = Table(resource)
    for revision, doc in enumerate(docs, 1):
        meta = doc["metadata"]
        key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        found = put(found, key, document(doc), revision)
    return found


SPACES = table(
    "namespaces",
    [{"metadata": {"name": name, "labels": labels}} for name, labels in NAMESPACES.items()],
)


def lets(
    policies: Iterable[Doc] | Table, client: Party, server: Party, port: int, protocol: str
) -> bool:
    stored = policies if isinstance(policies, Table) else table("networkpolicies", policies)
    return not verdict(stored, SPACES, Connection(client, server, port, protocol))
