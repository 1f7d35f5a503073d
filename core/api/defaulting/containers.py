"""Defaults of containers: probes, ports, how often to pull an image.

Source: kubernetes v1.36, pkg/apis/core/v1/defaults.go (SetDefaults_Container, SetDefaults_Probe)
and pkg/util/parsers/parsers.go; the grammar of image names is that of the distribution project.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from kelm.core.api.defaulting.fill import absent, filled, through, with_each, with_made, with_part
from kelm.effects.document import EMPTY, Document, child, text

PROBE_DEFAULTS: Final = (
    ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
)  # fmt: skip

_NAME_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_NAME_PART}(?:/{_NAME_PART})*(?::(\w[\w.-]{{0,127}}))?(?:@({_DIGEST}))?"
)


@lru_cache(maxsize=4096)
def image_tag(image: str) -> str:
    """The tag of an image, `latest` where it names neither tag nor digest, "" if it is no image.

    >>> [image_tag(image) for image in ("nginx", "nginx:1.27", "host:5000/web", "No Image")]
    ['latest', '1.27', 'latest', '']
    """
    match = _IMAGE.fullmatch(image)
    if match is None or re.fullmatch("[a-f0-9]{64}", image):
        return ""
    return match[1] or ("" if match[2] else "latest")


def pull_policy(image: str) -> str:
    """How often to pull an image whose manifest does not say."""
    return "Always" if image_tag(image) == "latest" else "IfNotPresent"


def _http_get(action: Document) -> Document:
    return filled(action, (("path", "/"), ("scheme", "HTTP")))


def _grpc(action: Document) -> Document:
    return action if action.get("service") is not None else Document({**action, "service": ""})


def _probe(probe: Document) -> Document:
    zeroless = {key: value for key, value in probe.items() if value != 0 or value is False}
    known = probe if len(zeroless) == len(probe) else Document(zeroless)
    full = filled(known, PROBE_DEFAULTS)
    return with_part(with_part(full, "httpGet", _http_get), "grpc", _grpc)


def _lifecycle(lifecycle: Document) -> Document:
    def handler(hook: Document) -> Document:
        return with_part(hook, "httpGet", _http_get)

    return with_part(with_part(lifecycle, "postStart", handler), "preStop", handler)


def _env(variable: Document) -> Document:
    def source(value_from: Document) -> Document:
        filled_ref = with_part(value_from, "fieldRef", field_ref)
        return with_part(filled_ref, "fileKeyRef", lambda ref: filled(ref, (("optional", False),)))

    return with_part(variable, "valueFrom", source)


def field_ref(reference: Document) -> Document:
    return filled(reference, (("apiVersion", "v1"),))


def container(doc: Document) -> Document:
    """A container of a template or of a pod."""
    full = filled(
        doc,
        (
            ("terminationMessagePath", "/dev/termination-log"),
            ("terminationMessagePolicy", "File"),
            ("resources", EMPTY),
        ),
    )
    if absent(full, "imagePullPolicy"):
        full = Document({**full, "imagePullPolicy": pull_policy(text(full, "image"))})
    return through(
        full,
        (
            lambda it: with_each(it, "ports", _port),
            lambda it: with_each(it, "env", _env),
            lambda it: with_part(it, "lifecycle", _lifecycle),
            lambda it: with_part(it, "livenessProbe", _probe),
            lambda it: with_part(it, "readinessProbe", _probe),
            lambda it: with_part(it, "startupProbe", _probe),
        ),
    )


def _port(port: Document) -> Document:
    return filled(port, (("protocol", "TCP"),))


def requests_from_limits(doc: Document) -> Document:
    """A pod's container asks for what it is limited to, where it does not say.

    Not so in templates: there the author may yet see what they wrote.
    """

    def resources(both: Document) -> Document:
        limits = child(both, "limits")
        if not limits or limits.keys() <= child(both, "requests").keys():
            return both
        return with_made(both, "requests", lambda asked: filled(asked, limits.items()))

    return with_part(doc, "resources", resources)


def host_ports(doc: Document) -> Document:
    """A container on the host's network uses the ports it names."""

    def same_port(port: Document) -> Document:
        if port.get("hostPort") or not port.get("containerPort"):
            return port
        return Document({**port, "hostPort": port["containerPort"]})

    return with_each(doc, "ports", same_port)
