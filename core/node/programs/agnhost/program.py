"""agnhost as an image: which subcommand a container was started with, and what that does.

Source: kubernetes v1.36, test/images/agnhost/agnhost.go, Dockerfile (the entry point).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.node.containers.behaviour import FOR_EVER, Behaviour, Line
from kelm.core.node.containers.image import Image
from kelm.core.node.containers.launch import Launch
from kelm.core.node.files.entries import Directory, Entry, File
from kelm.core.node.programs.agnhost.client import CLIENTS, typed
from kelm.core.node.programs.agnhost.grpc_health import GRPC_HEALTH
from kelm.core.node.programs.agnhost.guestbook import GUESTBOOK
from kelm.core.node.programs.agnhost.issuer_discovery import discover_issuer
from kelm.core.node.programs.agnhost.logs_generator import generate_logs
from kelm.core.node.programs.agnhost.mounttest import mount_test
from kelm.core.node.programs.agnhost.netexec import NETEXEC
from kelm.core.node.programs.agnhost.nettest import NETTEST
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
    "nettest": NETTEST,
    "liveness": LIVENESS,
    "serve-hostname": SERVE_HOSTNAME,
    "test-webserver": TEST_WEBSERVER,
    "porter": PORTER_SERVER,
    "fake-gitserver": FAKE_GIT,
    "guestbook": GUESTBOOK,
    "grpc-health-checking": GRPC_HEALTH,
    "webhook": WEBHOOK,
    "crd-conversion-webhook": CONVERSION,
}
"""The subcommands that serve HTTP."""
_TYPED: Final = typed(SERVERS)
TOOLS: Final = SmallMap(dict.fromkeys(BINARIES, _TYPED))
"""What it is called by."""
CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nbG9jYWxob3N0\n-----END CERTIFICATE-----\n"
KEY: Final = "-----BEGIN PRIVATE KEY-----\nbG9jYWxob3N0\n-----END PRIVATE KEY-----\n"
FILES: Final[SmallMap[str, Entry]] = SmallMap(
    {
        "/agnhost": File(b"\x7fELF", 0o755),
        "/localhost.crt": File(CERTIFICATE.encode()),
        "/localhost.key": File(KEY.encode()),
    }
)
"""What lies beside it; the certificate is none."""
ALPINE: Final = File(b'NAME="Alpine Linux"\nID=alpine\nPRETTY_NAME="Alpine Linux v3.23"\n')


def picture(name: str) -> SmallMap[str, Entry]:
    """The files of an image that shows this picture."""
    return SmallMap(
        {
            **FILES,
            "/data.json": File(f'{{\n  "image": "{name}.jpg"\n}}\n'.encode()),
            f"/{name}.jpg": File(b"\xff\xd8\xff\xd9"),
            "/etc": Directory(),
            "/etc/os-release": ALPINE,
        }
    )


def words_of(launch: Launch, otherwise: str = "pause") -> tuple[str, ...]:
    """The whole command line: the image's entry point is /agnhost, its command `pause`.

    >>> words_of(Launch("agnhost")), words_of(Launch("agnhost", ("sh",), ("-c", "true")))
    (('/agnhost', 'pause'), ('sh', '-c', 'true'))
    """
    if launch.command:
        return (*launch.command, *launch.args)
    return ("/agnhost", *(launch.args or (otherwise,)))


def agnhost(otherwise: str, files: SmallMap[str, Entry]) -> Image:
    """An image with agnhost in it; `otherwise` is what it does where it is told nothing."""

    def words(launch: Launch) -> tuple[str, ...]:
        return words_of(launch, otherwise)

    def run(launch: Launch) -> Behaviour:
        """How a container behaves. Nothing about this image is unknown."""
        return msgspec.structs.replace(behaviour(launch, words(launch)), understood=True)

    def handle(inside: Inside, request: HttpRequest) -> Answering:
        """Answer as the subcommand that runs."""
        said = words(inside.launch)
        server = SERVERS.get((*said[1:], "")[0]) if said[0] in BINARIES else None
        if server is None:
            return text_response("404 page not found\n", 404)
        return server.handle(inside, request)

    return Image(run, handle=handle, words=words, files=files, tools=TOOLS)


def behaviour(launch: Launch, words: tuple[str, ...]) -> Behaviour:
    """How a container with this command line behaves.

    >>> behaviour(Launch("agnhost"), ("/agnhost", "netexec", "--udp-port=-1")).ports
    (8080,)
    """
    if words[0] not in BINARIES:
        return lifetime(launch, words) or FOR_EVER
    name, rest = (*words[1:], "")[0], words[2:]
    if name == "pause":
        return Behaviour(ports=(), stop_code=2, lines=(Line(0, "Paused"),))
    if name == "entrypoint-tester":
        return Behaviour(exit_ms=0, lines=(Line(0, f"[{' '.join(words)}]"),))
    if name == "logs-generator":
        return generate_logs(rest)
    if name == "test-service-account-issuer-discovery" and launch.look is not None:
        return discover_issuer(launch.look(), rest)
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


AGNHOST: Final = agnhost("pause", FILES)
NAUTILUS: Final = agnhost("test-webserver", picture("nautilus"))
KITTEN: Final = agnhost("test-webserver", picture("kitten"))
