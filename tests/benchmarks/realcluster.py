"""How kelm does on a real API server, beside upstream's controller manager.

    python -m tests.benchmarks.realcluster commands|lag|memory|restart|rollout|upstream [N]

commands: objects written one by one, a second. lag: from the answer to a write until the watch
shows it, with N objects there. memory: bytes of a mirrored pod. restart: from the start of the
process until every controller has nothing to do, with N pods there. rollout, upstream: a
Deployment of N pods from nothing to all ready with kelm's controllers or upstream's, with kelm's
scheduler and machines both times.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from kelm.adapters.kubernetes.credentials import Source
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.node.program import Kubelet
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.scheduler.program import Scheduler
from kelm.effects.commands import Command, Create, Patch
from kelm.effects.document import Document, document, number
from kelm.effects.program import Subscriptions, Watch
from tests.conformance.witness import Seen, Witness
from tests.conformance.worlds import deployment
from tests.realcluster.binaries import build, cache
from tests.realcluster.servers import Servers, running

FAST = Settings(qps=100_000, burst=100_000)
NODES = 20


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def config_map(place: int) -> Document:
    return document({"metadata": {"name": f"c-{place}"}, "data": {"key": f"value-{place}"}})


def pod(place: int) -> Document:
    container = {
        "name": "c",
        "image": "web:1",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "env": [{"name": "PLACE", "value": str(place)}],
    }
    return document(
        {
            "metadata": {"name": f"p-{place}", "labels": {"app": f"web-{place % 100}"}},
            "spec": {"containers": [container], "automountServiceAccountToken": False},
        }
    )


async def write(platform: KubernetesPlatform, commands: list[Command]) -> float:
    """Do these side by side; the seconds it took."""
    start = time.perf_counter()
    outcomes = await asyncio.gather(*map(platform.carrier.carry_out, commands))
    for outcome in outcomes:
        outcome.unwrap()
    return time.perf_counter() - start


async def account(platform: KubernetesPlatform) -> None:
    """Pods need the service account that no controller makes here."""
    meta = Document(name="default")
    await platform.carrier.carry_out(Create("serviceaccounts", "default", Document(metadata=meta)))


async def commands(_servers: Servers, wire: Wire, count: int) -> None:
    platform = KubernetesPlatform(wire, FAST)
    start = time.process_time()
    made: list[Command] = [
        Create("configmaps", "default", config_map(place)) for place in range(count)
    ]
    seconds = await write(platform, made)
    spent = time.process_time() - start
    print(f"{count / seconds:.0f} creations/s, {spent / count * 1e6:.0f} us CPU of kelm's each")
    await platform.close()


class Mirror(Witness, frozen=True):
    """A witness of one resource."""

    name: str = "mirror"
    resource: str = "configmaps"

    def subscriptions(self, state: Seen) -> Subscriptions:
        return Subscriptions((Watch(self.resource),))


async def lag(_servers: Servers, wire: Wire, count: int) -> None:
    meters = Meters()
    platform = KubernetesPlatform(wire, FAST, meters=meters)
    await write(
        platform, [Create("configmaps", "default", config_map(place)) for place in range(count)]
    )
    platform.start("mirror", Mirror())
    while len(platform.state("mirror").tables.get("configmaps", ())) < count:
        await asyncio.sleep(0.05)
    lags: list[float] = []
    for place in range(500):
        patch = Document(data=Document(key=f"new-{place}"))
        answer = (
            await platform.carrier.carry_out(Patch("configmaps", "default", f"c-{place}", patch))
        ).unwrap()
        start = time.perf_counter()
        revision = int(str(answer["metadata"]["resourceVersion"]))  # type: ignore[index,call-overload]
        while platform.state("mirror").tables["configmaps"].revision < revision:
            await asyncio.sleep(0)
        lags.append(time.perf_counter() - start)
    lags.sort()
    print(
        f"watch lag with {count} objects: median {lags[250] * 1e3:.2f} ms, "
        f"99 % {lags[494] * 1e3:.2f} ms"
    )
    await platform.close()


async def memory(servers: Servers, wire: Wire, count: int) -> None:
    """The pods are made by another process, whose garbage would hide what is measured."""
    other = (sys.executable, "-m", "tests.benchmarks.realcluster", "fill", str(count))
    await (await asyncio.create_subprocess_exec(*other, str(servers.kubeconfig))).wait()
    platform = KubernetesPlatform(wire, FAST)
    await platform.resources.find("pods")
    before, start = resident_bytes(), time.process_time()
    platform.start("mirror", Mirror(resource="pods"))
    while len(platform.state("mirror").tables.get("pods", ())) < count:
        await asyncio.sleep(0.05)
    spent = time.process_time() - start
    print(
        f"{(resident_bytes() - before) / count:.0f} bytes a mirrored pod of {count}, "
        f"{spent / count * 1e6:.0f} us CPU each to list"
    )
    await platform.close()


def start_all(platform: KubernetesPlatform, *, controllers: bool = True) -> None:
    if controllers:
        for controller in ControlPlane().controllers:
            platform.start(controller.name, ControllerProgram(controller))
        for program in ControlPlane().programs:
            platform.start(program.name, program)
    else:
        platform.start("default-scheduler", Scheduler())
    for place in range(1, NODES + 1):
        platform.start(f"kubelet/node-{place}", Kubelet(f"node-{place}", place))


async def deploy(platform: KubernetesPlatform, count: int) -> float:
    """A Deployment from nothing to all ready; the seconds it took."""
    start = time.perf_counter()
    doc = deployment("web", count)
    await write(platform, [Create("deployments.apps", "default", doc)])
    while True:
        await asyncio.sleep(0.05)
        found = platform.state("witness").tables["deployments.apps"].get("default/web")
        if found is not None and number(found, "status", "availableReplicas") == count:
            return time.perf_counter() - start


def one_for_all(watch: Watch) -> Watch:
    return Watch(watch.resource) if watch.field else watch


async def settled(platform: KubernetesPlatform, quiet_seconds: float = 1.0) -> float:
    """Until nobody has asked for anything but heartbeats for a while; when that began."""
    before, since = -1.0, time.perf_counter()
    while time.perf_counter() - since < quiet_seconds:
        await asyncio.sleep(0.02)
        total = sum(
            sample.value
            for metric in platform.meters.requests.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and "lease" not in sample.labels["resource"]
        )
        total += sum(
            sample.value
            for metric in platform.meters.updates.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["program"] != "kubelet"
        )
        if total != before:
            before, since = total, time.perf_counter()
    return since


async def restart(_servers: Servers, wire: Wire, count: int) -> None:
    first = KubernetesPlatform(wire, FAST, widen=one_for_all)
    first.start("witness", Witness())
    start_all(first)
    await deploy(first, count)
    await first.close()
    begin, spent = time.perf_counter(), time.process_time()
    again = KubernetesPlatform(wire, FAST, widen=one_for_all)
    start_all(again)
    steady = await settled(again) - begin
    spent = time.process_time() - spent
    print(f"restart to steady state with {count} pods: {steady:.2f} s ({spent:.2f} s CPU)")
    await again.close()


async def rollout(servers: Servers, wire: Wire, count: int) -> None:
    platform = KubernetesPlatform(wire, FAST, widen=one_for_all)
    platform.start("witness", Witness())
    start_all(platform)
    await settled(platform)
    spent, theirs = time.process_time(), cpu_seconds(servers.processes[1].pid)
    seconds = await deploy(platform, count)
    spent = time.process_time() - spent
    theirs = cpu_seconds(servers.processes[1].pid) - theirs
    print(
        f"kelm's controllers: {count} pods ready in {seconds:.1f} s "
        f"({spent:.1f} s CPU of kelm with scheduler and machines, {theirs:.1f} s of the API server)"
    )
    await platform.close()


async def upstream(servers: Servers, wire: Wire, count: int) -> None:
    build("kube-controller-manager")
    with (servers.folder / "manager.log").open("wb") as log:
        manager = subprocess.Popen(
            (
                str(cache() / "kube-controller-manager"),
                f"--kubeconfig={servers.kubeconfig}",
                "--leader-elect=false",
                f"--service-account-private-key-file={servers.folder / 'accounts.key'}",
                f"--root-ca-file={servers.folder / 'ca.crt'}",
                "--kube-api-qps=100000",
                "--kube-api-burst=100000",
                "--secure-port=0",
            ),
            stdout=log,
            stderr=log,
        )
    platform = KubernetesPlatform(wire, FAST, widen=one_for_all)
    try:
        platform.start("witness", Witness())
        start_all(platform, controllers=False)
        await asyncio.sleep(15)
        spent, theirs = time.process_time(), cpu_seconds(manager.pid)
        seconds = await deploy(platform, count)
        spent = time.process_time() - spent
        theirs = cpu_seconds(manager.pid) - theirs
        print(
            f"upstream's controllers: {count} pods ready in {seconds:.1f} s "
            f"({theirs:.1f} s CPU of theirs, {spent:.1f} s of kelm's scheduler and machines)"
        )
    finally:
        await platform.close()
        manager.terminate()
        manager.wait()


Bench = Callable[[Servers, Wire, int], Awaitable[None]]
BENCHES: dict[str, tuple[Bench, int]] = {
    "commands": (commands, 3_000),
    "lag": (lag, 10_000),
    "memory": (memory, 10_000),
    "restart": (restart, 500),
    "rollout": (rollout, 500),
    "upstream": (upstream, 500),
}


async def measure(bench: Bench, count: int) -> None:
    with running() as servers:
        async with await Wire.connect(Source(str(servers.kubeconfig))) as wire:
            await bench(servers, wire, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"  peak {peak:.0f} MB")


async def filled(kubeconfig: str, count: int) -> None:
    async with await Wire.connect(Source(kubeconfig)) as wire:
        platform = KubernetesPlatform(wire, FAST)
        await account(platform)
        made: list[Command] = [Create("pods", "default", pod(place)) for place in range(count)]
        await write(platform, made)
        await platform.close()


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        asyncio.run(filled(sys.argv[3], int(sys.argv[2])))
    else:
        chosen, default = BENCHES[sys.argv[1]]
        asyncio.run(measure(chosen, int(sys.argv[2]) if len(sys.argv) > 2 else default))
