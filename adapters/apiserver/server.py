"""Serving: the cluster, its API and its clock in one event loop behind TLS on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn

from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.http.protocol import HttpProtocol
from kelm.adapters.apiserver.identity.authentication import Tokens
from kelm.adapters.apiserver.identity.certificates import (
    FRONT_PROXY,
    Certificates,
    FrontProxy,
    front_proxy,
    signing_key,
)
from kelm.adapters.apiserver.identity.client_certificates import NO_CHECK_TIME
from kelm.adapters.apiserver.journal import Journal
from kelm.adapters.apiserver.pace import Speed
from kelm.adapters.simulator.authority import Authority
from kelm.adapters.simulator.cluster import Cluster, Settings
from kelm.adapters.simulator.collector import settled_collector
from kelm.core.api.aggregation.trusted import authentication_of
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.authorization.roles import first_roles
from kelm.core.api.bootstrap import API_SERVER
from kelm.core.controllers.access.legacy_tokens import LegacyTokenCleaner, LegacyTokenTracking
from kelm.core.controllers.api.api_services import ApiServices
from kelm.core.controllers.api.flow_control import FlowControl
from kelm.effects.commands import Create, by

HOST: Final = "127.0.0.1"
BACKLOG: Final = 4_096
GRACE_S: Final = 2
HANG_UP_S: Final = 0.05
KEPT_FACTS: Final = 20_000
SERVED: Final = (ApiServices(), FlowControl(), LegacyTokenTracking(), LegacyTokenCleaner())
"""Loops that make sense only where requests come over HTTP."""


class Serving(msgspec.Struct, frozen=True):
    """What to serve and how.

    port: 0 takes any that is free, at first `last_port`.
    journal: where everything is written down, None for nowhere. durable: whether that is waited
    for until the disk has it.
    """

    settings: Settings
    certificates: Certificates
    token: str
    speed: Speed = Speed()
    port: int = 0
    last_port: int = 0
    mode: Mode = "AlwaysAllow"
    journal: Path | None = None
    durable: bool = False


def now_settings(settings: Settings) -> Settings:
    """Settings of a cluster that starts now, and whose history nobody asked to keep."""
    start_ms = int(time.time() * 1_000)
    return msgspec.structs.replace(
        settings, start_ms=start_ms, keep_history=False, field_owners=True
    )


Stop = Callable[[], None]
Ready = Callable[[str, App, Stop], None]


def serve(serving: Serving, ready: Ready) -> None:
    """Serve until told to stop.

    `ready` is called once requests are taken: with the address, and with what ends the server.

    Raises:
        OSError: the port is taken.
        JournalError: the journal cannot be used.
        BadKey: tokens cannot be signed with the key that the cluster's home has.
    """
    listening = _listen(serving.port, serving.last_port)
    address = f"{HOST}:{listening.getsockname()[1]}"
    journal = None if serving.journal is None else Journal(serving.journal, durable=serving.durable)
    proxy = front_proxy(serving.certificates.authority.parent)
    cluster = _cluster(_with_keys(serving), journal, _believed(serving.certificates, proxy))
    cluster.tell(KEPT_FACTS)
    tokens = Tokens(serving.token, signing_key(_token_key(serving.certificates)))
    app = App(Engine(cluster, serving.speed, journal), tokens, address, serving.mode)
    app.engine.others.identity = (proxy.certificate, proxy.key)
    server = _Server(_config(app, serving.certificates))
    server.on_started = lambda: ready(f"https://{address}", app, server.stop)
    try:
        with settled_collector():
            server.run(sockets=[listening])
    finally:
        if journal is not None:
            journal.close()


def _token_key(files: Certificates) -> Path:
    return files.key.with_name("sa.key")


def _with_keys(serving: Serving) -> Settings:
    """The settings of a cluster that signs with its own keys what its controllers have signed."""
    files, settings = serving.certificates, serving.settings
    authority = Authority(
        signing_key(_token_key(files)),
        files.authority_key.read_bytes(),
        files.authority.read_bytes(),
    )
    plane = settings.control_plane.with_authority(authority).with_controller(*SERVED)
    return msgspec.structs.replace(settings, control_plane=plane)


def _believed(files: Certificates, proxy: FrontProxy) -> Create:
    authorities = files.authority.read_text(), proxy.authority.read_text()
    return authentication_of(*authorities, FRONT_PROXY)


def _cluster(settings: Settings, journal: Journal | None, believed: Create) -> Cluster:
    """The cluster that a journal has, or a new one, written down before it is served."""
    saved = None if journal is None else journal.read()
    if saved is not None:
        start_ms = max(settings.start_ms, saved.now_ms)
        return Cluster(msgspec.structs.replace(settings, start_ms=start_ms), saved)
    cluster = Cluster(settings)
    for command in (*first_roles(), believed):
        cluster.ask(by(command, API_SERVER)).unwrap()
    if journal is not None:
        journal.write(cluster)
    return cluster


def _listen(port: int, last_port: int) -> socket.socket:
    try:
        return _bound(port or last_port)
    except OSError:
        if port:
            raise
        return _bound(0)


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _config(app: App, certificates: Certificates) -> uvicorn.Config:
    application: Any = app
    config = uvicorn.Config(
        application,
        ssl_certfile=certificates.certificate,
        ssl_keyfile=certificates.key,
        ssl_ca_certs=str(certificates.authority),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
        log_level="warning",
        access_log=False,
        lifespan="off",
        http=HttpProtocol,
        ws="websockets-sansio",
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        proxy_headers=False,
        date_header=True,
    )
    config.load()
    assert config.ssl is not None
    config.ssl.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return config


class _Server(uvicorn.Server):
    """A server that runs the cluster's clock beside itself."""

    on_started: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        app: Any = self.config.app
        app.certified = self._certificate_of
        self.driver = asyncio.get_running_loop().create_task(app.engine.run())
        self.driver.add_done_callback(self._driver_ended)
        self.on_started()

    def _certificate_of(self, client: object) -> dict[str, Any] | None:
        """What the client at an address has shown of itself."""
        for one in self.server_state.connections:
            if getattr(one, "client", None) == client and one.transport is not None:
                return one.transport.get_extra_info("peercert") or None
        return None

    def _driver_ended(self, driver: asyncio.Task[None]) -> None:
        if not driver.cancelled():
            self.should_exit = True
            driver.result()

    def stop(self) -> None:
        """End the server from within its loop."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.driver.cancel()
        app: Any = self.config.app
        app.streams.end()
        await app.engine.close()
        hanging_up = asyncio.create_task(self._hang_up())
        await super().shutdown(sockets)
        hanging_up.cancel()

    async def _hang_up(self) -> None:
        """Close what is idle without waiting for the other side to agree.

        A TLS connection is closed by both sides, and a client that keeps a pool of them and does
        not look would hold the server up for half a minute.
        """
        idle: frozenset[int] = frozenset()
        while True:
            quiet = [one for one in self.server_state.connections if _is_quiet(one)]
            for one in quiet:
                if id(one) in idle and one.transport is not None:
                    one.transport.abort()
            idle = frozenset(map(id, quiet))
            await asyncio.sleep(HANG_UP_S)


def _is_quiet(connection: Any) -> bool:
    """Whether a connection has nothing more to send."""
    cycle, transport = connection.cycle, connection.transport
    answered = cycle is None or cycle.response_complete
    return bool(answered and (transport is None or not transport.get_write_buffer_size()))
