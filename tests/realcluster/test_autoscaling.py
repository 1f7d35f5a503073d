"""kelm's autoscaler beside upstream's own, on a real API server: the same objects, the same words.

Pods are written by hand, measures are custom resources of the group metrics.k8s.io (nobody else
serves it there). Every case is played twice, in namespaces of its own: first for
kube-controller-manager, then for kelm; then statuses, events and scales are compared, and what
the API server makes of each autoscaler in version 1.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from kelm.adapters.kubernetes.credentials import Source
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.core.api.kinds.autoscaler_versions import to_version_1
from kelm.core.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscaling
from kelm.core.runtime.queue import ControllerProgram
from kelm.effects.document import document, thaw
from tests.realcluster.autoscaling_cases import CASES, DEFINITION, Case, objects
from tests.realcluster.binaries import SERVERS, cache, have
from tests.realcluster.servers import Servers, running

pytestmark = [pytest.mark.realcluster, pytest.mark.timeout(600)]
MANAGER = "kube-controller-manager"
LIMIT_S = 90
QUIET_S = 6
Doc = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    if not have(*SERVERS, MANAGER):
        pytest.skip("no API server and manager: python -m tests.realcluster build")
    with running() as started:
        yield started


class Api:
    """A user's requests."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers

    def ask(self, method: str, path: str, body: Doc | None = None) -> Doc:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self.servers.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": kind},
        )
        with urllib.request.urlopen(request, context=self.servers.tls(), timeout=20) as answer:
            found: Doc = json.load(answer)
        return found

    def set_up(self, namespace: str, case: Case) -> None:
        for method, path, body in objects(namespace, case, time.time()):
            self.ask(method, path, body)

    def autoscalers(self, namespace: str, version: str = "v2") -> list[Doc]:
        path = f"/apis/autoscaling/{version}/namespaces/{namespace}/horizontalpodautoscalers"
        items: list[Doc] = self.ask("GET", path)["items"]
        return items

    def seen(self, namespace: str, case: Case) -> Doc:
        """What came of a case, without times and the namespace's name."""
        found: Doc = {one["metadata"]["name"]: status(one) for one in self.autoscalers(namespace)}
        listed = self.ask("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
        found["events"] = sorted({(e["type"], e["reason"], e["message"]) for e in listed})
        if case.target is not None:
            found["replicas"] = self.ask("GET", case.target_path(namespace))["spec"].get("replicas")
        whole: Doc = json.loads(json.dumps(found).replace(namespace, "NAMESPACE"))
        return whole

    def rest(self, prefix: str) -> bool:
        """Wait until nothing new has been said of the autoscalers for a while; whether so."""
        seen, since = None, time.monotonic()
        end = since + LIMIT_S
        while time.monotonic() < end:
            items = self.ask("GET", "/apis/autoscaling/v2/horizontalpodautoscalers")["items"]
            listed = self.ask("GET", "/api/v1/events?limit=5000")["items"]
            said = {(e["metadata"]["namespace"], e["reason"], e["message"]) for e in listed}
            mine = [one for one in items if one["metadata"]["namespace"].startswith(prefix)]
            now = [one.get("status") for one in mine], said
            if now != seen or not all("conditions" in one["status"] for one in mine):
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > QUIET_S:
                return True
            time.sleep(0.5)
        return False


def status(autoscaler: Doc) -> Doc:
    found: Doc = dict(autoscaler.get("status", {}))
    found.pop("lastScaleTime", None)
    for condition in found.get("conditions", ()):
        condition.pop("lastTransitionTime")
    return found


def run_upstream(servers: Servers) -> None:
    flags = (
        f"--kubeconfig={servers.kubeconfig}",
        "--controllers=horizontal-pod-autoscaler-controller",
        "--leader-elect=false",
        "--horizontal-pod-autoscaler-sync-period=1s",
        "--concurrent-horizontal-pod-autoscaler-syncs=20",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--secure-port=0",
    )
    with (servers.folder / "manager.log").open("wb") as log:
        manager = subprocess.Popen((str(cache() / MANAGER), *flags), stdout=log, stderr=log)
        rested = Api(servers).rest("upstream-")
        assert rested, (servers.folder / "manager.log").read_text()[-500:]
        manager.terminate()
        manager.wait()


async def run_kelm(servers: Servers) -> None:
    async with await Wire.connect(Source(str(servers.kubeconfig))) as wire:
        platform = KubernetesPlatform(wire)
        loop = HorizontalPodAutoscaling(sync_period_ms=1_000)
        platform.start(loop.name, ControllerProgram(loop))
        assert await asyncio.to_thread(Api(servers).rest, "kelm-")
        await platform.close()


def test_the_same_objects_come_to_the_same_end(servers: Servers) -> None:
    api = Api(servers)
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.ask("POST", definitions, DEFINITION)
    time.sleep(2)
    for name, case in CASES.items():
        api.set_up(f"upstream-{name}", case)
    run_upstream(servers)
    theirs = {name: api.seen(f"upstream-{name}", case) for name, case in CASES.items()}
    for name in CASES:
        older = {one["metadata"]["name"]: one for one in api.autoscalers(f"upstream-{name}", "v1")}
        for one in api.autoscalers(f"upstream-{name}"):
            head = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
            mine: Any = thaw(to_version_1(document({**head, **one})))
            want = older[one["metadata"]["name"]]
            assert mine["spec"] == want["spec"], name
            assert mine["status"] == want["status"], name
            notes = want["metadata"].get("annotations")
            assert mine["metadata"].get("annotations") == notes, name
        path = f"/apis/autoscaling/v2/namespaces/upstream-{name}/horizontalpodautoscalers/web"
        api.ask("DELETE", path)
    for name, case in CASES.items():
        api.set_up(f"kelm-{name}", case)
    asyncio.run(run_kelm(servers))
    ours = {name: api.seen(f"kelm-{name}", case) for name, case in CASES.items()}
    different = {name: (theirs[name], ours[name]) for name in CASES if theirs[name] != ours[name]}
    assert different == {}
