"""Commands that a kubelet runs in a container: exec probes, and hooks.

They run in the same shell as `kubectl exec`, in a time of their own that begins when they do.

Source: kubernetes v1.36, pkg/probe/exec/exec.go, cri-client/pkg/remote_runtime.go (ExecSync).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.probes import PASSED, Finding
from kelm.core.node.files.entries import Change
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.programs.answering import holds_until, reached
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch, Process, Read, Resolve, Round, Say, Sleep
from kelm.core.node.programs.scene import inside_of
from kelm.core.node.shell.run import FOR_EVER_MS, program
from kelm.core.node.shell.state import Shell

MOST_OUTPUT: Final = 10 * 1_024
MOST_STEPS: Final = 20_000
NO_SUCH_PROGRAM: Final = (
    'rpc error: code = Unknown desc = failed to exec in container: failed to start exec "{0}": OCI '
    'runtime exec failed: exec failed: unable to start container process: exec: "{1}": '
    "{2}: unknown"
)


class Ended(msgspec.Struct, frozen=True):
    """What came of a command. code: None where it did not end in time. took_ms: how long it ran.

    believed: it met what is not known here, so that nobody can tell what it would have done.
    """

    code: int | None
    output: str
    took_ms: int
    until_ms: int
    changes: tuple[Change, ...]
    believed: bool


def run_command(
    machine: Machine,
    pod: LocalPod,
    index: int,
    command: tuple[str, ...],
    now_ms: int,
    timeout_ms: int = NEVER_MS,
) -> Ended | None:
    """Run a command to its end, or until it has taken too long; None: there is no such program."""
    inside = inside_of(machine, pod, index, now_ms)
    inside.guesses = not pod.runs[index].behaviour.understood
    process = program(Shell(inside), command) if command else None
    if process is None:
        return None
    run = _Run(machine, pod, pod.recipe.containers[index].name, inside, now_ms)
    code = run.to_its_end(process, timeout_ms)
    until_ms = min(run.until_ms, holds_until(pod, inside))
    believed = inside.guessed or (inside.guesses and inside.disk.missed and code != 0)
    output = run.output[:MOST_OUTPUT].decode("utf-8", "replace")
    return Ended(code, output, run.took_ms, until_ms, inside.disk.changes, believed)


class _Run:
    """A command on its way."""

    def __init__(
        self, machine: Machine, pod: LocalPod, container: str, inside: Inside, now_ms: int
    ) -> None:
        self.machine, self.pod, self.container, self.inside = machine, pod, container, inside
        self.now_ms, self.took_ms, self.until_ms = now_ms, 0, NEVER_MS
        self.output = b""

    def to_its_end(self, process: Process, timeout_ms: int) -> int | None:
        reply: Any = None
        for _ in range(MOST_STEPS):
            try:
                effect = process.send(reply)
            except StopIteration as end:
                return int(end.value) & 255
            reply = None
            if isinstance(effect, Say):
                self.output += effect.data
            elif isinstance(effect, Read):
                reply = b""
            elif isinstance(effect, Fetch):
                reply = self._fetched(effect)
            elif isinstance(effect, Resolve):
                reply = (effect.name, ())
            elif isinstance(effect, Sleep) and effect.for_ms >= FOR_EVER_MS and self._guessing():
                continue
            elif isinstance(effect, Sleep):
                self.took_ms += effect.for_ms
                self.inside.now_ms = self.now_ms + self.took_ms
            elif isinstance(effect, Round) and not self.took_ms:
                continue
            if self.took_ms > timeout_ms:
                break
        process.close()
        self.took_ms = min(self.took_ms, timeout_ms)
        return None

    def _guessing(self) -> bool:
        """Whether this is a program that is not known: it is believed to end, at once and well."""
        return self.inside.guessed

    def _fetched(self, fetch: Fetch) -> object:
        address = self.inside.pod_ip
        name = self.container
        told = reached(self.machine, self.pod, name, address, fetch, self.now_ms)
        self.until_ms = min(self.until_ms, told.until_ms)
        if isinstance(told.reply, HttpResponse):
            self.took_ms += told.reply.after_ms
        return told.reply


def exec_probe(
    machine: Machine,
    pod: LocalPod,
    index: int,
    command: tuple[str, ...],
    now_ms: int,
    timeout_ms: int,
) -> Finding:
    """An exec probe: exit code 0 passes.

    What an image that nobody described has in its files and programs is not known; a command that
    asks for that is believed to succeed.
    """
    ended = run_command(machine, pod, index, command, now_ms, timeout_ms)
    if ended is None:
        if not pod.runs[index].behaviour.understood:
            return PASSED
        name = command[0] if command else ""
        return Finding("errored", no_such_program(pod.uid, name))
    if ended.believed or ended.code == 0:
        return Finding("passed", "", ended.until_ms, ended.changes)
    text = ended.output
    if ended.code is None:
        words = " ".join(command)
        text = f'command timed out: "{words}" timed out after {timeout_ms // 1_000}s'
    return Finding("failed", text, ended.until_ms, ended.changes)


def no_such_program(uid: str, name: str) -> str:
    """What a runtime says of a command whose program is not there."""
    where = "executable file not found in $PATH"
    if "/" in name:
        where = f"stat {name}: no such file or directory"
    return NO_SUCH_PROGRAM.format(uid, name, where)
