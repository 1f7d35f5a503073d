"""gRPC's health check as an HTTP request and its answer.

A program that serves it finds by `asked_service` what is asked and answers by `health_response`.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md (grpc.health.v1),
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (framing, trailers).
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.programs.http import HttpRequest, HttpResponse

PATH: Final = "/grpc.health.v1.Health/Check"
TYPE: Final = (("Content-Type", "application/grpc"),)
STATUSES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
NOT_FOUND: Final = 5
CODES: Final = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)
"""The names of the codes, by number."""


def health_request(port: int, service: str = "", client_ip: str = "127.0.0.1") -> HttpRequest:
    """The request of a client that asks whether a service is well, "" for the whole server."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return HttpRequest(
        "POST", PATH, headers=TYPE, body=_framed(message), port=port, client_ip=client_ip
    )


def asked_service(request: HttpRequest) -> str | None:
    """The service that a request asks for, None where it is no health check.

    >>> asked_service(health_request(5000, "shop")), asked_service(HttpRequest())
    ('shop', None)
    """
    if request.path != PATH or request.header("Content-Type") != "application/grpc":
        return None
    message = request.body[5:]
    if message[:1] != b"\x0a":
        return ""
    length, start = _read_varint(message, 1)
    return message[start : start + length].decode("utf-8", "replace")


def health_response(status: str) -> HttpResponse:
    """A server's answer: `SERVING` or `NOT_SERVING`.

    >>> health_of(health_response("NOT_SERVING"))
    ('NOT_SERVING', '')
    """
    message = bytes((8, STATUSES.index(status)))
    return HttpResponse(200, _framed(message), (*TYPE, ("grpc-status", "0")))


def error_response(code: int, message: str) -> HttpResponse:
    """An answer that says with a code of gRPC's why there is none.

    >>> health_of(error_response(NOT_FOUND, "unknown service"))
    ('', 'rpc error: code = NotFound desc = unknown service')
    """
    return HttpResponse(200, b"", (*TYPE, ("grpc-status", str(code)), ("grpc-message", message)))


def health_of(response: HttpResponse) -> tuple[str, str] | None:
    """The status in an answer and the error in it, None where it does not speak gRPC."""
    code = response.header("grpc-status")
    if not code.isdigit():
        return None
    if code != "0":
        name = CODES[int(code)] if int(code) < len(CODES) else f"Code({code})"
        return "", f"rpc error: code = {name} desc = {response.header('grpc-message')}"
    number, _ = _read_varint(response.body[5:], 1) if response.body[5:] else (0, 0)
    return STATUSES[number] if number < len(STATUSES) else str(number), ""


def _framed(message: bytes) -> bytes:
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes((*found, number))


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """A number and where it ends."""
    number = shift = 0
    for index in range(start, len(data)):
        number |= (data[index] & 127) << shift
        shift += 7
        if data[index] < 128:
            return number, index + 1
    return number, len(data)
