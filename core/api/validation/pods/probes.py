"""Rules of probes and lifecycle hooks.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validateProbe,
validateHandler, validateLifecycle).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import (
    Rules,
    at,
    choice,
    complaints,
    has_text,
    items,
    not_negative,
    port_number_or_name,
    whole_number,
)
from kelm.core.api.validation.names import http_header_name
from kelm.core.api.validation.violation import (
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, text

PROBE_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
HOOK_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
PROBE_NUMBERS: Final = (
    "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
    "failureThreshold",
)  # fmt: skip
WINDOWS_SIGNALS: Final = ("SIGKILL", "SIGTERM")
_PLAIN_SIGNALS: Final = """
    ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT
    STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX
"""
SIGNALS: Final = tuple(
    sorted(
        [f"SIG{name}" for name in _PLAIN_SIGNALS.split()]
        + [f"SIGRTMIN+{number}" for number in range(1, 16)]
        + [f"SIGRTMAX-{number}" for number in range(1, 15)]
    )
)


def handler(doc: Document, path: str, kinds: tuple[str, ...], grace: int) -> Rules:
    """Exactly one way to ask, and that one well formed."""
    found = 0
    for kind in kinds:
        if not isinstance(doc.get(kind), Document):
            continue
        here = at(path, kind)
        found += 1
        if found > 1:
            yield forbidden(here, "may not specify more than 1 handler type")
            continue
        yield from _action(kind, child(doc, kind), here, grace)
    if not found:
        yield required(path, "must specify a handler type")


def _action(kind: str, action: Document, path: str, grace: int) -> Rules:
    if kind == "exec":
        if not elements(action, "command"):
            yield required(at(path, "command"))
    elif kind == "httpGet":
        yield from _http_get(action, path)
    elif kind == "sleep":
        seconds = whole_number(action, "seconds") or 0
        if not 0 <= seconds <= grace:
            why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield invalid_value(path, seconds, why)
    else:
        yield from port_number_or_name(action, path, "port")


def _http_get(action: Document, path: str) -> Rules:
    yield from has_text(action, path, "path")
    yield from port_number_or_name(action, path, "port")
    yield from choice(action, path, "scheme", ("HTTP", "HTTPS"))
    for _, header in items(action, path, "httpHeaders"):
        name = text(header, "name")
        yield from complaints(at(path, "httpHeaders"), name, http_header_name(name))


def _probe(container: Document, path: str, key: str, grace: int) -> Rules:
    probe = child(container, key)
    here = at(path, key)
    yield from handler(probe, here, PROBE_HANDLERS, grace)
    yield from not_negative(probe, here, PROBE_NUMBERS)
    seconds = whole_number(probe, "terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        why = "must be greater than 0"
        yield invalid_value(at(here, "terminationGracePeriodSeconds"), seconds, why)
    if key == "readinessProbe":
        if seconds is not None:
            why = "must not be set for readinessProbes"
            yield invalid_value(at(here, "terminationGracePeriodSeconds"), seconds, why)
    elif (whole_number(probe, "successThreshold") or 0) != 1:
        threshold = whole_number(probe, "successThreshold") or 0
        yield invalid_value(at(here, "successThreshold"), threshold, "must be 1")


def probes(container: Document, path: str, grace: int) -> Rules:
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(key), Document):
            yield from _probe(container, path, key, grace)


def lifecycle(container: Document, path: str, grace: int, os_name: str) -> Rules:
    hooks, here = child(container, "lifecycle"), at(path, "lifecycle")
    for key in ("postStart", "preStop"):
        if isinstance(hooks.get(key), Document):
            yield from handler(child(hooks, key), at(here, key), HOOK_HANDLERS, grace)
    if hooks.get("stopSignal") is not None:
        yield from _stop_signal(text(hooks, "stopSignal"), at(here, "stopSignal"), os_name)


def _stop_signal(signal: str, path: str, os_name: str) -> Rules:
    if not os_name:
        yield forbidden(path, "may not be set for containers with empty `spec.os.name`")
    elif os_name == "windows" and signal not in WINDOWS_SIGNALS:
        yield not_supported(path, signal, WINDOWS_SIGNALS)
    elif signal not in SIGNALS:
        yield not_supported(path, signal, SIGNALS)
