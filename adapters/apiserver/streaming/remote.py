"""Running a session: its program, the client's streams, and the cluster's clock.

The program runs in the present moment of the cluster; what it writes goes to its pod at once, and
when it sleeps the session waits until the cluster's time has come that far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kelm.adapters.apiserver.streaming.channels import (
    STDERR,
    STDIN,
    STDOUT,
    Channels,
)
from kelm.adapters.simulator.calls import calling
from kelm.adapters.simulator.inputs import FilesChanged
from kelm.core.api.rest.connections.remote_command import (
    CommandOptions,
    ended_status,
    failed_status,
)
from kelm.core.network.calls import Calls, source_in
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.program import Kubelet
from kelm.core.node.programs.process import Fetch, Resolve
from kelm.core.node.programs.scene import files_now
from kelm.core.node.sessions.opening import Unopened, open_exec, running_container
from kelm.core.node.sessions.session import Session
from kelm.core.node.sessions.terminal import Terminal, on_screen
from kelm.effects.address import Key

if TYPE_CHECKING:
    from kelm.adapters.apiserver.engine import Engine

LOOK_AGAIN_S: Final = 0.05
KILLED: Final = 137

Opening = Callable[[Kubelet, LocalPod, int], "Session | Unopened"]


async def execute(
    engine: Engine, key: Key, container: str, options: CommandOptions, channels: Channels
) -> None:
    """Run a command in a container."""

    def opening(machine: Kubelet, pod: LocalPod, now_ms: int) -> Session | Unopened:
        return open_exec(machine, pod, container, options.command, now_ms, terminal=options.tty)

    code = await converse(engine, key, opening, options, channels)
    if code is not None:
        await channels.tell(ended_status(code))
    await channels.close()


async def converse(
    engine: Engine, key: Key, opening: Opening, options: CommandOptions, channels: Channels
) -> int | None:
    """Run a session to its end; its exit code, None where the client went or nothing began."""
    engine.settle()
    found = calling.local_pod(engine.cluster, key)
    opened = (
        Unopened(404, "pod does not exist") if found is None else opening(*found, engine.now_ms)
    )
    if isinstance(opened, Unopened):
        why = opened.message
        why = why if "executing" in why else f"unable to upgrade connection: {why}"
        await channels.tell(failed_status(why))
        return None
    return await _Conversation(engine, key, opened, options, channels).run()


class _Conversation:
    def __init__(
        self,
        engine: Engine,
        key: Key,
        session: Session,
        options: CommandOptions,
        channels: Channels,
    ) -> None:
        self.engine = engine
        self.key = key
        self.session = session
        self.options = options
        self.channels = channels
        self.terminal = Terminal() if options.tty else None
        self.came = asyncio.Event()
        self.gone = False
        self.echo = b""
        if not options.stdin:
            session.end_input()

    async def run(self) -> int | None:
        listener = asyncio.ensure_future(self._listen())
        try:
            while self.session.code is None and not self.gone:
                if not await self._turn():
                    self.session.interrupt(9)
                    return KILLED
                if self.session.code is None and not self.session.busy:
                    await self._pause()
                else:
                    await asyncio.sleep(0)
            await self._echo()
            return None if self.gone else self.session.code
        finally:
            listener.cancel()

    async def _turn(self) -> bool:
        """Let the program go on; whether its container is still there."""
        engine, session = self.engine, self.session
        engine.settle()
        found = calling.local_pod(engine.cluster, self.key)
        if found is None or found[1].uid != session.inside.uid:
            return False
        machine, pod = found
        place = running_container(pod, session.inside.launch.container)
        if isinstance(place, Unopened):
            return False
        files = files_now(machine, *place, session.inside.disk.mounts, engine.now_ms)
        calls = Calls(calling.world_of(engine.cluster), engine.now_ms)
        source = source_in(session.inside)

        def ask(effect: Fetch | Resolve) -> object:
            return calls.respond(source, effect)

        said, changes = session.go_on(engine.now_ms, files, ask)
        if changes:
            engine.inject(FilesChanged(pod.namespace, pod.name, pod.uid, changes))
        calling.remember(engine.cluster, calls)
        for written in calls.changes:
            namespace, _, name = written.pod.partition("/")
            engine.inject(FilesChanged(namespace, name, written.uid, written.changes))
        engine.settle()
        await self._echo()
        for one in said:
            await self._show(one.fd, one.data)
        return True

    async def _echo(self) -> None:
        """Show what was typed."""
        if self.echo:
            shown, self.echo = self.echo, b""
            await self.channels.send(STDOUT, shown)

    async def _show(self, fd: int, data: bytes) -> None:
        if self.terminal is not None:
            await self.channels.send(STDOUT, on_screen(data))
        elif fd == STDERR and self.options.stderr:
            await self.channels.send(STDERR, data)
        elif fd == STDOUT and self.options.stdout:
            await self.channels.send(STDOUT, data)

    async def _listen(self) -> None:
        """Take what the client sends."""
        while True:
            received = await self.channels.receive()
            if received is None:
                self.gone = True
                self.came.set()
                return
            channel, data = received
            if channel != STDIN or not self.options.stdin:
                continue
            if not data:
                self.session.end_input()
            elif self.terminal is None:
                self.session.feed(data)
            else:
                self._typed(self.terminal, data)
            self.came.set()

    def _typed(self, terminal: Terminal, data: bytes) -> None:
        self.echo += terminal.typed(data)
        for line in terminal.lines:
            self.session.feed(line)
        terminal.lines.clear()
        if terminal.ended:
            self.session.end_input()
        if terminal.interrupted:
            terminal.interrupted = False
            if self.session.wake_ms > self.engine.now_ms:
                self.session.interrupt()

    async def _pause(self) -> None:
        """Wait for input, or until the program goes on by itself."""
        await self._echo()
        try:
            await asyncio.wait_for(self.came.wait(), LOOK_AGAIN_S)
        except TimeoutError:
            return
        self.came.clear()
