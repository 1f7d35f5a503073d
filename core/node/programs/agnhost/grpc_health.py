"""agnhost grpc-health-checking: says over gRPC whether it is well, and can be told not to be.

What it was told is in a file of its container, so that it is gone with the container.

Source: kubernetes v1.36, test/images/agnhost/grpc-health-checking/grpc-health-checking.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.programs.agnhost.server import Flags, Server, number_of
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.grpc import NOT_FOUND, asked_service, error_response, health_response
from kelm.core.node.programs.http import Answering, HttpRequest, text_response
from kelm.core.node.programs.inside import Inside

FORCED: Final = "/tmp/grpc-health"
NO_PAGE: Final = text_response("404 page not found\n", 404)
PAGES: Final = {"/make-not-serving": "NOT_SERVING", "/make-serving": "SERVING"}
DEFAULT_PORT: Final = 5_000
DEFAULT_HTTP_PORT: Final = 8_080


def numbers(flags: Flags) -> tuple[int, int]:
    """The port for gRPC, and the one for who tells it how it is."""
    grpc = number_of(flags.get("port", ""), DEFAULT_PORT)
    return grpc, number_of(flags.get("http-port", ""), DEFAULT_HTTP_PORT)


def ports(flags: Flags, _variables: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """Both."""
    return tuple(("TCP", port) for port in numbers(flags))


def handle(inside: Inside, request: HttpRequest) -> Answering:
    """Answer on either port."""
    flags, _ = read_flags((*inside.launch.command, *inside.launch.args))
    grpc, _http = numbers(flags)
    if request.port != grpc:
        told = PAGES.get(request.path)
        if told is None:
            return NO_PAGE
        inside.disk.write(FORCED, told.encode())
        return text_response(f"{inside.age_ms / 1_000:g}s")
    service = asked_service(request)
    if service is None:
        return NO_PAGE
    if service != flags.get("service", ""):
        return error_response(NOT_FOUND, "unknown service")
    return health_response(_status(inside, number_of(flags.get("delay-unhealthy-sec", ""), -1)))


def _status(inside: Inside, delay_s: int) -> str:
    if inside.disk.read(FORCED) == b"NOT_SERVING":
        return "NOT_SERVING"
    late = delay_s >= 0 and inside.has_run_for(delay_s * 1_000)
    return "NOT_SERVING" if late else "SERVING"


GRPC_HEALTH: Final = Server(ports, handle)
