"""Bad days: whatever happens between kelm and the API server, the cluster converges, and nothing
was done twice."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kelm.adapters.kubernetes.credentials import Access
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.core.node.program import Kubelet
from kelm.core.objects.pod import pod
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store.table import Table
from kelm.effects.commands import Create, Delete, Requests
from kelm.effects.document import Document
from kelm.effects.laws import Step, broken_laws
from kelm.effects.messages import Message, Observed
from kelm.effects.program import Subscriptions, Watch
from tests.conformance.worlds import PLANE, deployment
from tests.realcluster.binaries import SERVERS, have
from tests.realcluster.fault_proxy import REQUEST_FAULTS, WATCH_FAULTS, FaultProxy
from tests.realcluster.servers import Servers, running

pytestmark = pytest.mark.realcluster
STORM = os.environ.get("KELM_PROFILE") == "storm"
PATIENT = Settings(
    qps=1_000,
    burst=1_000,
    deadline_ms=3_000,
    silence_ms=2_000,
    lag_ms=1_500,
    first_backoff_ms=50,
    longest_backoff_ms=500,
)
REPLICAS = 4
numbers = itertools.count(1)


class Births:
    """A Program that keeps every pod and ReplicaSet that ever was, seen without the proxy."""

    name = "births"

    def init(self) -> tuple[dict[str, Any], Requests]:
        return {"born": set(), "tables": {}}, ()

    def subscriptions(self, _state: dict[str, Any]) -> Subscriptions:
        return Subscriptions((Watch("pods"), Watch("replicasets.apps"), Watch("deployments.apps")))

    def update(self, state: dict[str, Any], message: Message) -> tuple[dict[str, Any], Requests]:
        if isinstance(message, Observed):
            state["tables"][message.resource] = message.cache
            docs = [change.new for change in message.changes]
            for doc in docs or list(message.cache.objects()):
                if doc is not None:
                    meta = doc["metadata"]
                    assert isinstance(meta, Document)
                    state["born"].add((message.resource, meta["namespace"], meta["uid"]))
        return state, ()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    if not have(*SERVERS):
        pytest.skip("no API server: python -m tests.realcluster build")
    with running() as started:
        yield started


async def storm(
    servers: Servers,
    requests: list[str],
    watches: list[str],
    only: tuple[str, str] = ("", ""),
) -> None:
    lives: dict[str, list[Step]] = {}

    def observe(name: str, step: Step) -> None:
        lives.setdefault(name, []).append(step)

    where = f"storm-{next(numbers)}"
    direct = Access(servers.url, servers.tls())
    faults = FaultProxy(servers.url, servers.tls())
    async with faults.serving() as proxy, Wire(direct) as plain, Wire(Access(proxy.url)) as bad:
        proxy.only = only
        proxy.load((), watches)
        watcher = KubernetesPlatform(plain, PATIENT)
        platform = KubernetesPlatform(bad, PATIENT, observer=observe)
        try:
            watcher.start("births", Births())
            await watcher.carrier.carry_out(
                Create("namespaces", "", Document(metadata=Document(name=where)))
            )
            for controller in PLANE.controllers:
                platform.start(controller.name, ControllerProgram(controller))
            for program in PLANE.programs:
                platform.start(program.name, program)
            for number in (1, 2):
                platform.start(f"kubelet/node-{number}", Kubelet(f"node-{number}", number))
            await asyncio.sleep(0.3)
            proxy.load(requests, proxy.watches_left)
            web = deployment("web", REPLICAS)
            made = await watcher.carrier.carry_out(Create("deployments.apps", where, web))
            made.unwrap()
            await settles(watcher, platform, proxy, where)
            born = [one for one in watcher.state("births")["born"] if one[1] == where]
            pods = [one for one in born if one[0] == "pods"]
            sets = [one for one in born if one[0] == "replicasets.apps"]
            assert len(pods) == REPLICAS, f"{len(pods)} pods were made; {proxy.happened}"
            assert len(sets) == 1, f"{len(sets)} ReplicaSets were made; {proxy.happened}"
            for name, life in lives.items():
                assert broken_laws(tuple(life)) == (), name
            gone = Delete("namespaces", "", where)
            await watcher.carrier.carry_out(gone)
        finally:
            await platform.close()
            await watcher.close()


async def settles(
    watcher: KubernetesPlatform, platform: KubernetesPlatform, proxy: FaultProxy, where: str
) -> None:
    end = asyncio.get_running_loop().time() + 90
    while True:
        await asyncio.sleep(0.05)
        if platform.failed.done():
            platform.failed.result()
        table = watcher.state("births")["tables"].get("pods", Table("pods"))
        here = [pod(doc) for doc in table.select("namespace", where)]
        if len(here) == REPLICAS and all(each.ready for each in here):
            await asyncio.sleep(0.5)
            return
        left = end - asyncio.get_running_loop().time()
        if left < 60:
            proxy.clear()
        assert left > 0, f"{len(here)} pods after the storm; {proxy.happened}"


def faults_pass(servers: Servers) -> None:
    @settings(
        max_examples=25 if STORM else 3,
        deadline=None,
        derandomize=not STORM,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(st.sampled_from(REQUEST_FAULTS), min_size=20, max_size=80),
        st.lists(st.sampled_from(WATCH_FAULTS), min_size=10, max_size=60),
    )
    def one(requests: list[str], watches: list[str]) -> None:
        asyncio.run(storm(servers, requests, watches))

    one()


@pytest.mark.timeout(1_800 if STORM else 400)
def test_after_any_storm_the_cluster_converges_and_nothing_was_done_twice(
    servers: Servers,
) -> None:
    faults_pass(servers)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("fault", ["lost answer", "500 after"])
def test_answers_that_are_lost_after_the_work_was_done(servers: Servers, fault: str) -> None:
    """The first pod is made, nobody hears of it, and the watch tells of it late."""
    asyncio.run(storm(servers, [fault], ["late"] * 100, only=("POST", "/pods")))
