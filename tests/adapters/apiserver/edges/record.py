"""Write what a real API server answers at each edge: recorded.jsonl; its flows: flows.json.

    python -m tests.adapters.apiserver.edges.record

Needs what `python -m tests.realcluster build` has made.
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any, Final

from tests.adapters.apiserver.edges.bodies import EDGES
from tests.adapters.apiserver.edges.wire import Side, play_all
from tests.realcluster.servers import Servers, running

RECORDED: Final = Path(__file__).with_name("recorded.jsonl")
FLOWS: Final = Path(__file__).with_name("flows.json")
NAMESPACE: Final = "/api/v1/namespaces/default"
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
FLOW_CONTROL: Final = "/apis/flowcontrol.apiserver.k8s.io/v1"
PLURALS: Final = ("prioritylevelconfigurations", "flowschemas")
EDGE_MAP: Final = {"metadata": {"name": "edge"}, "data": {"a": "b"}}
BINDING: Final = {
    "metadata": {"name": "edge"},
    "roleRef": {"apiGroup": RBAC[6:-3], "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "ServiceAccount", "name": "edge", "namespace": "default"}],
}
ASKED_TOKEN: Final = {
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "TokenRequest",
    "spec": {"expirationSeconds": 3600},
}


class Admin:
    """Somebody who may do everything, and speaks JSON."""

    def __init__(self, url: str, context: ssl.SSLContext, token: str = "") -> None:
        self._url, self._context, self._token = url, context, token

    def ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json", "User-Agent": "Python-urllib/3"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self._context, timeout=30) as reply:
            return json.load(reply)


def prepared(admin: Admin) -> tuple[str, dict[str, str]]:
    """Make what the edges are asked about: the token of who asks, and the flows by uid."""
    admin.ask("POST", f"{NAMESPACE}/configmaps", EDGE_MAP)
    admin.ask("POST", f"{NAMESPACE}/serviceaccounts", {"metadata": {"name": "edge"}})
    admin.ask("POST", f"{RBAC}/clusterrolebindings", BINDING)
    token = admin.ask("POST", f"{NAMESPACE}/serviceaccounts/edge/token", ASKED_TOKEN)
    found = {plural: admin.ask("GET", f"{FLOW_CONTROL}/{plural}")["items"] for plural in PLURALS}
    known = (one["metadata"] for items in found.values() for one in items)
    return token["status"]["token"], {one["uid"]: one["name"] for one in known}


def make_flows(admin: Admin) -> None:
    """Make the flows of a real server that are not there."""
    for plural, bodies in json.loads(FLOWS.read_text()).items():
        there = admin.ask("GET", f"{FLOW_CONTROL}/{plural}")["items"]
        names = {one["metadata"]["name"] for one in there}
        for body in bodies:
            if body["metadata"]["name"] not in names:
                admin.ask("POST", f"{FLOW_CONTROL}/{plural}", body)


def record_flows(admin: Admin) -> None:
    found = {
        plural: [
            {"metadata": {"name": one["metadata"]["name"]}, "spec": one["spec"]}
            for one in admin.ask("GET", f"{FLOW_CONTROL}/{plural}")["items"]
        ]
        for plural in PLURALS
    }
    FLOWS.write_text(json.dumps(found, indent=1) + "\n")


def record(servers: Servers) -> None:
    admin = Admin(servers.url, servers.tls())
    record_flows(admin)
    token, flows = prepared(admin)
    context = ssl.create_default_context(cafile=str(servers.folder / "ca.crt"))
    found = play_all(Side(context, servers.port, token, flows), EDGES, {})
    lines = (json.dumps({"edge": name, **answers}) for name, answers in found.items())
    RECORDED.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    with running() as real:
        record(real)
