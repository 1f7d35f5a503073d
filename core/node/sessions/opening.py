"""May a session with a container begin, and with which program?

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (GetExec, GetAttach, findContainer),
pkg/kubelet/server/server.go (getExec); containerd for the words of what cannot be started.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.guests import find_container
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.scene import inside_of
from kelm.core.node.sessions.session import Session
from kelm.core.node.shell.run import program
from kelm.core.node.shell.state import Shell

PROMPT = "\\w # "


class Unopened(msgspec.Struct, frozen=True):
    """Why a session cannot begin. code: the HTTP status with which the kubelet says so."""

    code: int
    message: str


def running_container(pod: LocalPod, container: str) -> tuple[LocalPod, int] | Unopened:
    """The container that is meant, in its pod or among its guests; it must run."""
    found = find_container(pod, container)
    if found is None or found[0].runs[found[1]].stage != "running":
        return _not_found(container)
    return found


def _not_found(container: str) -> Unopened:
    return Unopened(500, f'container not found ("{container}")')


def open_exec(
    machine: Machine,
    pod: LocalPod,
    container: str,
    command: tuple[str, ...],
    now_ms: int,
    *,
    terminal: bool = False,
) -> Session | Unopened:
    """A session in which a command runs beside a container's own program."""
    found = running_container(pod, container)
    if isinstance(found, Unopened):
        return found
    inside = inside_of(machine, *found, now_ms)
    return started(inside, command, terminal=terminal)


def open_attach(
    machine: Machine, pod: LocalPod, container: str, now_ms: int, *, terminal: bool = False
) -> Session | Unopened | None:
    """A conversation with a container's own program, None where it waits for nobody."""
    found = running_container(pod, container)
    if isinstance(found, Unopened):
        return found
    seen, index = found
    if not seen.runs[index].behaviour.waits_for_input:
        return None
    inside = inside_of(machine, seen, index, now_ms)
    words = machine.images.find(seen.recipe.containers[index].image).words(inside.launch)
    return started(inside, words, terminal=terminal)


def started(
    inside: Inside, command: tuple[str, ...], *, terminal: bool = False
) -> Session | Unopened:
    """A session with a program in it, or why there is no such program."""
    inside.terminal = terminal
    shell = Shell(inside)
    if terminal:
        shell.variables["PS1"] = PROMPT
        shell.variables["TERM"] = "xterm"
        shell.exported.add("TERM")
    process = program(shell, command) if command else None
    if process is None:
        name = command[0] if command else ""
        where = "executable file not found in $PATH"
        if "/" in name:
            where = f"stat {name}: no such file or directory"
        why = f'exec failed: unable to start container process: exec: "{name}": {where}: unknown'
        said = f'failed to start exec "{inside.uid}": OCI runtime exec failed: {why}'
        return Unopened(500, f"error executing command in container: failed to exec: {said}")
    return Session(inside, process)
