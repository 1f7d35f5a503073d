"""A command line as the whole life of a container, worked out when it starts.

The program runs in a time of its own, from the container's start on, as fast as it goes: what it
writes, when it ends and how, how it answers SIGTERM, what it leaves in its files. A loop that is
seen to repeat itself goes on for ever; one that counts on and on is followed for a while and then
only known to run.

A shell or a tool is process 1 of its container and has no handler for SIGTERM unless it sets a
trap, so it ends only by SIGKILL: a real cluster waits for the whole grace period too. A command
that no small system has is taken for a server that runs for ever: the better guess of the two.
"""

from __future__ import annotations

from typing import Any, Final

from kelm.core.network.names import look_up
from kelm.core.network.policies import NOTHING
from kelm.core.network.proxy import Network
from kelm.core.network.resolver import RESOLVER_FILES, Resolver, resolver_of
from kelm.core.node.containers.behaviour import NEVER_MS, Behaviour, Line, Write
from kelm.core.node.containers.launch import Launch
from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import Directory, Entry, File, Trouble
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch, Process, Read, Resolve, Round, Say, Sleep
from kelm.core.node.shell.run import program, run_text
from kelm.core.node.shell.state import Shell
from kelm.core.store.small_map import SmallMap

MOST_STEPS: Final = 20_000
MOST_ROUNDS: Final = 400
NOWHERE: Final = ("10.96.0.1",)


def lifetime(launch: Launch, words: tuple[str, ...]) -> Behaviour | None:
    """How a container with this command line behaves, None where that cannot be told.

    >>> lifetime(Launch("busybox"), ("sh", "-c", "echo hi; sleep 5; exit 1")).exit_ms
    5000
    >>> lifetime(Launch("nginx"), ("nginx", "-g", "daemon off;")) is None
    True
    """
    inside = launch.look() if launch.look is not None else _bare(launch)
    inside.guesses = True
    shell = Shell(inside)
    process = program(shell, words)
    if process is None:
        return None
    life = _Life(inside, reads=launch.reads_input)
    life.run(process)
    stop_ms, stop_code = _handler(shell, inside)
    return life.behaviour(stop_ms, stop_code)


def _bare(launch: Launch) -> Inside:
    base: dict[str, Entry] = {"/tmp": Directory(0o1777), "/dev": Directory(), "/etc": Directory()}
    base["/dev/termination-log"] = File(b"", 0o666)
    return Inside(launch, Disk(SmallMap(), f"root/{launch.container}", base), 0, 0)


def _handler(shell: Shell, inside: Inside) -> tuple[int | None, int]:
    """How the program ends after SIGTERM."""
    text = shell.traps.get("TERM")
    if not text:
        return None, 0
    shell.flow = ""
    after = _Life(inside, reads=False)
    after.run(run_text(shell, text))
    if shell.flow != "exit" or after.at_ms >= NEVER_MS:
        return None, 0
    return after.at_ms, shell.status & 255


class _Names:
    """What names have when a container starts; one that is not known yet is taken to come.

    A script may look up the same names over and over: it is remembered what they had, as long as
    the files that say how to look them up stay as they are.
    """

    def __init__(self, inside: Inside) -> None:
        self._services = inside.services
        self._disk = inside.disk
        self._files: object = None
        self._resolver = Resolver()
        self._known: dict[Resolve, tuple[str, tuple[str, ...]]] = {}

    def look_up(self, asked: Resolve) -> tuple[str, tuple[str, ...]]:
        if self._services is None:
            return asked.name, NOWHERE
        files = [self._disk.read(path) for path in RESOLVER_FILES]
        if files != self._files:
            self._files, self._known = files, {}
            self._resolver = resolver_of(self._disk)
        if asked not in self._known:
            network = Network(self._services, NOTHING, NOTHING, NOTHING)
            full, found = look_up(network, asked.name, self._resolver, asked.record)
            self._known[asked] = (full, found) if found else (asked.name, NOWHERE)
        return self._known[asked]


class _Life:
    """A program on its way."""

    def __init__(self, inside: Inside, *, reads: bool) -> None:
        self.inside = inside
        self.names = _Names(inside)
        self.reads = reads
        self.at_ms = 0
        self.code = 0
        self.lines: list[Line] = []
        self.writes: list[Write] = []
        self.waits = False
        self._partial = b""
        self._rounds = 0
        self._round: tuple[object, int, int] | None = None

    def run(self, process: Process) -> None:
        """Follow the program to its end, or to where it goes on for ever."""
        reply: Any = None
        for _ in range(MOST_STEPS):
            try:
                effect = process.send(reply)
            except StopIteration as end:
                self.code = end.value & 255
                self._take_over()
                return
            reply = None
            if isinstance(effect, Say):
                self._say(effect.data)
            elif isinstance(effect, Sleep):
                self._take_over()
                self._pass(effect.for_ms)
            elif isinstance(effect, Round):
                self._begin_round(effect.memory)
            elif isinstance(effect, Read):
                self.waits = self.reads
                reply = b""
            elif isinstance(effect, Fetch):
                reply = HttpResponse(headers=())
            elif isinstance(effect, Resolve):
                reply = self.names.look_up(effect)
            if self.at_ms >= NEVER_MS or self.waits:
                break
        self._take_over()
        self.at_ms = NEVER_MS
        process.close()

    def _pass(self, for_ms: int) -> None:
        self.at_ms = min(self.at_ms + for_ms, NEVER_MS)
        self.inside.now_ms = self.inside.started_ms + self.at_ms

    def _say(self, data: bytes) -> None:
        *whole, self._partial = (self._partial + data).split(b"\n")
        self.lines += [Line(self.at_ms, line.decode("utf-8", "replace")) for line in whole]

    def _take_over(self) -> None:
        self.writes += [Write(self.at_ms, change) for change in self.inside.disk.taken()]

    def _begin_round(self, memory: object) -> None:
        """A loop begins again: has it been here before, in just this state?"""
        self._rounds += 1
        before, self._round = self._round, (memory, self.at_ms, len(self.lines))
        if before is None:
            return
        if self.at_ms == before[1]:
            self._pass(1)
        if before[0] == memory and self._repeats(before[1], before[2]):
            every_ms = self.at_ms - before[1]
            again = [Line(line.at_ms, line.text, every_ms) for line in self.lines[before[2] :]]
            self.lines[before[2] :] = again
            self.at_ms = NEVER_MS
        elif self._rounds > MOST_ROUNDS:
            self.at_ms = NEVER_MS

    def _repeats(self, from_ms: int, first: int) -> bool:
        """Whether the last round said what the one before it said; a first one must come twice."""
        said = [line.text for line in self.lines[first:]]
        earlier = [line.text for line in self.lines[first - len(said) : first]]
        return not said or earlier == said or self._rounds == 2

    def behaviour(self, stop_ms: int | None, stop_code: int) -> Behaviour:
        for_ever = self.at_ms >= NEVER_MS
        if self._partial and not for_ever:
            self.lines.append(Line(self.at_ms, self._partial.decode("utf-8", "replace")))
        return Behaviour(
            exit_ms=None if for_ever else self.at_ms,
            exit_code=self.code,
            stop_ms=stop_ms,
            stop_code=stop_code,
            lines=tuple(self.lines),
            ports=None if self.inside.guessed else (),
            understood=not self.inside.guessed,
            message="" if for_ever else self._message(),
            writes=tuple(self.writes),
            waits_for_input=self.waits,
        )

    def _message(self) -> str:
        """What the program leaves for whoever asks why it ended.

        Source: kubernetes v1.36, pkg/kubelet/kuberuntime/kuberuntime_container.go
        (getTerminationMessage): at most 4 KiB of the file, or the log's last 2 KiB or 80 lines.
        """
        data = self.inside.disk.read(self.inside.message_path)
        if not isinstance(data, Trouble) and data:
            return data[:4_096].decode("utf-8", "replace")
        if not self.inside.message_from_log or self.code == 0:
            return ""
        tail = self.lines[-80:]
        text = "".join(f"{line.text}\n" for line in tail)
        text = text[:-1] if self._partial else text
        return text.encode()[-2_048:].decode("utf-8", "replace")
