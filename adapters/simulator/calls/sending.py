"""Requests that kubelets send for their pods' hooks, carried out on the simulated network."""

from __future__ import annotations

from typing import Final

from returns.result import Failure, Success

from kelm.adapters.simulator.authority import SIGNING_COMMANDS
from kelm.adapters.simulator.calls.calling import changed_files, pod_in, world_in
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import MACHINE_COMMANDS, Machines
from kelm.adapters.simulator.measuring import METRIC_COMMANDS, Local
from kelm.core.network.calls import Calls, Source, source_in
from kelm.core.node.pods.guests import find_container
from kelm.core.node.programs.elsewhere import answer_of, fetch_of
from kelm.core.node.programs.scene import inside_of
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Send
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

LOCAL_COMMANDS: Final = MACHINE_COMMANDS | SIGNING_COMMANDS | METRIC_COMMANDS | {Send}
"""What a simulated cluster carries out that is no request to its API."""


def beside(machines: Machines, others: Local) -> Local:
    """Who sends requests, and has `others` do everything else."""

    def local(simulator: Simulator, command: Command) -> Outcome:
        if isinstance(command, Send):
            return sent(simulator, machines, command)
        return others(simulator, command)

    return local


def sent(simulator: Simulator, machines: Machines, command: Send) -> Outcome:
    """What comes back of a request, or why there is nobody who could send it."""
    source = _source(simulator, command)
    if source is None:
        return Failure(Refusal(Reason.NOT_FOUND, f"pod {command.pod.name} is on no machine"))
    calls = Calls(world_in(simulator, machines, machines.sessions), simulator.now_ms)
    reply = calls.fetch(source, fetch_of(command))
    machines.sessions = calls.sessions
    for change in changed_files(calls):
        simulator.happen(simulator.now_ms, change)
    return Success(answer_of(reply))


def _source(simulator: Simulator, command: Send) -> Source | None:
    found = pod_in(simulator, key_of(command.pod.namespace, command.pod.name))
    if found is None or found[1].uid != command.pod.uid:
        return None
    machine, pod = found
    if not command.container:
        return Source(ip=machine.host_ip, node=machine.node)
    container = find_container(pod, command.container)
    if container is None:
        return None
    return source_in(inside_of(machine, *container, simulator.now_ms))
