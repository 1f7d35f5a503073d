"""agnhost as an image: which subcommand a container was started with, and what that does.

Source: kubernetes v1.36, test/images/agnhost/agnhost.go, Dockerfile (the entry point).
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.containers.behaviour import FOR_EVER, Behaviour, Line
from kelm.core.node.containers.image import Image
from kelm.core.node.containers.launch import Launch
from kelm.core.node.programs.agnhost.client import CLIENTS, typed
from kelm.core.node.programs.agnhost.guestbook import GUESTBOOK
from kelm.core.node.programs.agnhost.logs_generator import generate_logs
from kelm.core.node.programs.agnhost.mounttest import mount_test
from kelm.core.node.programs.agnhost.netexec import NETEXEC
from kelm.core.node.programs.agnhost.server import Server
from kelm.core.node.programs.agnhost.small import (
    FAKE_GIT,
    LIVENESS,
    PORTER_SERVER,
    SERVE_HOSTNAME,
    TEST_WEBSERVER,
)
from kelm.core.node.programs.agnhost.webhooks import CONVERSION, WEBHOOK
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.http import Answering, HttpRequest, text_response
from kelm.core.node.programs.inside import Inside
from kelm.core.node.shell.lifetime import lifetime
from kelm.core.store.small_map import SmallMap

BINARIES: Final = ("/agnhost", "agnhost", "/agnhost-2", "agnhost-2")
SERVERS: Final[dict[str, Server]] = {
    "netexec": NETEXEC,
    "liveness": LIVENESS,
    "serve-hostname": SERVE_HOSTNAME,
    "test-webserver": TEST_WEBSERVER,
    "porter": PORTER_SERVER,
    "fake-gitserver": FAKE_GIT,
    "guestbook": GUESTBOOK,
    "webhook": WEBHOOK,
    "crd-conversion-webhook": CONVERSION,
}
"""The subcommands that serve HTTP."""


def words_of(launch: Launch) -> tuple[str, ...]:
    """The whole command line: the image's entry point is /agnhost, its command `pause`.

    >>> words_of(Launch("agnhost")), words_of(Launch("agnhost", ("sh",), ("-c", "true")))
    (('/agnhost', 'pause'), ('sh', '-c', 'true'))
    """
    if launch.command:
        return (*launch.command, *launch.args)
    return ("/agnhost", *(launch.args or ("pause",)))


def run(launch: Launch) -> Behaviour:
    """How a container with this command line behaves."""
    words = words_of(launch)
    if words[0] not in BINARIES:
        return lifetime(launch, words) or FOR_EVER
    name, rest = (*words[1:], "")[0], words[2:]
    if name == "pause":
        return Behaviour(ports=(), stop_code=2, lines=(Line(0, "Paused"),))
    if name == "entrypoint-tester":
        return Behaviour(exit_ms=0, lines=(Line(0, f"[{' '.join(words)}]"),))
    if name == "logs-generator":
        return generate_logs(rest)
    if name == "mounttest" and launch.look is not None:
        return mount_test(launch.look(), rest)
    if name in CLIENTS:
        return lifetime(launch, words) or FOR_EVER
    server = SERVERS.get(name)
    if server is None:
        return FOR_EVER
    flags, _ = read_flags(rest, server.switches)
    listens = server.ports(flags, dict(launch.env))
    return Behaviour(
        ports=tuple(port for protocol, port in listens if protocol == "TCP"),
        more_ports=tuple(one for one in listens if one[0] != "TCP"),
        stop_ms=server.stop_ms,
        stop_code=server.stop_code,
    )


def handle(inside: Inside, request: HttpRequest) -> Answering:
    """Answer as the subcommand that runs."""
    words = words_of(inside.launch)
    server = SERVERS.get((*words[1:], "")[0]) if words[0] in BINARIES else None
    if server is None:
        return text_response("404 page not found\n", 404)
    return server.handle(inside, request)


_TYPED: Final = typed(SERVERS)
AGNHOST: Final = Image(
    run, handle=handle, words=words_of, tools=SmallMap(dict.fromkeys(BINARIES, _TYPED))
)
