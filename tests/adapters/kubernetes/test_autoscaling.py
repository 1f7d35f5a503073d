"""The autoscaler's Program on the platform for real clusters: metrics are read over HTTP.

The server is a simulated cluster whose own control plane has no autoscaler.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec

from kelm.adapters.apiserver.background import BackgroundServer
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.kubernetes.credentials import Source
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.simulator.cluster import Settings
from kelm.adapters.simulator.inputs import LoadOffered
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscaling
from kelm.core.runtime.queue import ControllerProgram
from kelm.effects.commands import Create
from kelm.effects.document import Document, document
from tests.core.controllers.test_horizontal_pod_autoscaler import HPAS, autoscaler, workload

AUTOSCALING = HorizontalPodAutoscaling(sync_period_ms=250)
LIMIT_S = 20


def without_autoscaler() -> ControlPlane:
    plane = ControlPlane()
    kept = tuple(one for one in plane.controllers if one.name != AUTOSCALING.name)
    return msgspec.structs.replace(plane, controllers=kept)


def test_an_autoscaler_over_http_reads_metrics_and_scales(tmp_path: Path) -> None:
    settings = Settings(nodes=2, control_plane=without_autoscaler())
    with BackgroundServer(tmp_path, settings, Speed(30.0)) as server:
        for resource, manifest in (("deployments.apps", workload()), (HPAS, autoscaler())):
            made = Create(resource, "default", document(manifest))
            server._await(lambda app, made=made: app.engine.ask(made)).outcome.unwrap()
        load = LoadOffered("deployments.apps", "default", "web", Document(cpu="400m"))
        server.inject(load)
        asyncio.run(scaling(server, str(server.kubeconfig)))
        found: Any = server.store.get(HPAS, "default/web")
        assert found["status"]["currentMetrics"][0]["resource"]["current"]["averageValue"]
        reasons = {one["reason"] for one in found["status"]["conditions"]}
        assert "ValidMetricFound" in reasons


async def scaling(server: BackgroundServer, kubeconfig: str) -> None:
    """Run the Program until the Deployment has as many replicas as its load needs."""
    async with await Wire.connect(Source(kubeconfig)) as wire:
        platform = KubernetesPlatform(wire)
        platform.start(AUTOSCALING.name, ControllerProgram(AUTOSCALING))
        end = time.monotonic() + LIMIT_S
        while replicas(server) != 8 and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await platform.close()
    assert replicas(server) == 8


def replicas(server: BackgroundServer) -> int:
    doc: Any = server.store.get("deployments.apps", "default/web")
    count: int = doc["spec"]["replicas"]
    return count
