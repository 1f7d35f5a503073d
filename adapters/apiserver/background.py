"""A served cluster in a thread of this process, for tests and notebooks.

    with BackgroundServer(folder) as server:
        subprocess.run(["kubectl", "get", "nodes"], env={"KUBECONFIG": str(server.kubeconfig)})
        server.advance(300_000)

The cluster belongs to the server's thread: ask it over HTTP, or through the methods here.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec

from kelm.adapters.apiserver import kubeconfig
from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.identity.certificates import certificates
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.apiserver.server import Serving, Stop, now_settings, serve
from kelm.adapters.simulator.cluster import Settings
from kelm.adapters.simulator.inputs import Fault
from kelm.core.api.authorization.decide import Mode
from kelm.core.store.store import Store

T = TypeVar("T")
PATIENCE_S: Final = 30.0


class BackgroundServer:
    """One cluster behind the Kubernetes API. `folder` holds its certificates and kubeconfig."""

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        speed: Speed | None = None,
        *,
        name: str = "kelm",
        mode: Mode = "AlwaysAllow",
    ) -> None:
        self.kubeconfig = folder / f"{name}.kubeconfig"
        self.server = ""
        self.token = secrets.token_urlsafe(16)
        self.authority = folder / "ca.crt"
        self._name = name
        self._serving = Serving(
            now_settings(settings or Settings()),
            certificates(folder),
            self.token,
            speed or Speed(skips=True),
            mode=mode,
        )
        self._ready: Future[tuple[App, asyncio.AbstractEventLoop, Stop]] = Future()
        self._thread = threading.Thread(target=self._run, name=f"kelm {name}", daemon=True)

    def _run(self) -> None:
        def ready(server: str, app: App, stop: Stop) -> None:
            self.server = server
            authority = self.authority.read_bytes()
            config = kubeconfig.entry(self._name, server, authority, self.token)
            kubeconfig.write(self.kubeconfig, config)
            self._ready.set_result((app, asyncio.get_running_loop(), stop))

        try:
            serve(self._serving, ready)
        except BaseException as problem:
            if not self._ready.done():
                self._ready.set_exception(problem)
            raise

    def start(self) -> BackgroundServer:
        """Serve; returns once requests are taken.

        Raises:
            OSError: the files cannot be written, or no port is free.
        """
        self._thread.start()
        self._ready.result(PATIENCE_S)
        return self

    def stop(self) -> None:
        """End the server; it does not come back."""
        if self._thread.is_alive():
            _, loop, stop = self._ready.result(PATIENCE_S)
            loop.call_soon_threadsafe(stop)
            self._thread.join(PATIENCE_S)

    def __enter__(self) -> BackgroundServer:
        return self.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def advance(self, span_ms: int) -> None:
        """Let a span of cluster time pass at once."""
        self._await(lambda app: app.engine.advance(span_ms))

    def inject(self, fault: Fault) -> None:
        """Have a fault happen now."""
        self._do(lambda app: app.engine.inject(fault))

    @property
    def store(self) -> Store:
        """Everything that is stored now: a value, which any thread may keep and read."""
        return self._do(lambda app: app.engine.cluster.store)

    def settled(self) -> bool:
        """Whether everything is as it was asked for."""
        return self._do(lambda app: app.engine.cluster.settled())

    def settle(self, within_ms: int = 600_000, step_ms: int = 1_000) -> bool:
        """Let cluster time pass until everything is as it was asked for; whether it is."""
        for _ in range(0, within_ms, step_ms):
            if self.settled():
                return True
            self.advance(step_ms)
        return self.settled()

    def _do(self, action: Callable[[App], T]) -> T:
        async def done(app: App) -> T:
            return action(app)

        return self._await(done)

    def _await(self, action: Callable[[App], Coroutine[Any, Any, T]]) -> T:
        app, loop, _ = self._ready.result(PATIENCE_S)
        return asyncio.run_coroutine_threadsafe(action(app), loop).result()


def options(**given: object) -> Settings:
    """Settings of a served cluster, by name.

    >>> options(nodes=1).nodes
    1
    """
    return msgspec.structs.replace(Settings(), **given)
