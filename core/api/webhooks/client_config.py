"""Where a webhook is: a URL, or a Service of the cluster; and what is wrong with either.

Source: kubernetes v1.36, apiserver/pkg/util/webhook/validation.go and client.go.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final

import msgspec

from kelm.core.api.validation.fields import Rules, at
from kelm.core.api.validation.names import dns1123_subdomain, port_number
from kelm.core.api.validation.violation import invalid_value, required
from kelm.effects.document import Document, child, number, text

FORM: Final = "; desired format: https://host[/path]"
DEFAULT_PORT: Final = 443
_URL: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?://(?:(?P<user>[^/?#]*)@)?(?P<host>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)


_PEM: Final = re.compile(
    r"-----BEGIN (?P<kind>[^-\n]+)-----\n.*?\n-----END (?P=kind)-----\n?", re.DOTALL
)


class Url(msgspec.Struct, frozen=True):
    """The parts of a URL; absent ones are empty."""

    scheme: str
    user: str
    host: str
    path: str
    query: str
    fragment: str


def parsed(url: str) -> Url:
    """A URL's parts.

    >>> parsed("https://ann@hooks.io:8443/deny?x#y")
    Url(scheme='https', user='ann', host='hooks.io:8443', path='/deny', query='x', fragment='y')
    """
    found = _URL.fullmatch(url)
    parts = found.groupdict("") if found is not None else {}
    names = ("scheme", "user", "host", "path", "query", "fragment")
    return Url(*(parts.get(name, "") for name in names))


def address_of(client: Document) -> str:
    """The URL that a client config means, as refusals name it.

    >>> from kelm.effects.document import document
    >>> address_of(document({"service": {"name": "w", "namespace": "ops", "path": "/deny"}}))
    'https://w.ops.svc:443/deny'
    """
    service = client.get("service")
    if not isinstance(service, Document):
        return text(client, "url")
    port = number(service, "port") or DEFAULT_PORT
    path = text(service, "path")
    host = f"{text(service, 'name')}.{text(service, 'namespace')}.svc"
    return f"https://{host}:{port}{path if path.startswith('/') else f'/{path}'}"


def client_config(doc: Document, path: str, *, said: str = "") -> Rules:
    """What is wrong with a client config: it names a URL or a Service, and one that can be."""
    url, service = doc.get("url"), doc.get("service")
    if (url is None) == (service is None):
        yield required(path, said or "exactly one of url or service is required")
    elif isinstance(url, str):
        yield from _url(url, at(path, "url"))
    else:
        yield from _service(child(doc, "service"), at(path, "service"))


def ca_bundle(bundle: str, path: str) -> Rules:
    """What is wrong with certificates that are to be trusted, in base64; none are fine.

    Source: client-go/transport/transport.go, rootCertPool.
    """
    if not bundle:
        return
    try:
        pem = b64decode(bundle).decode("latin-1")
    except ValueError:
        return
    why = _trust_fault(pem)
    if why:
        yield invalid_value(path, bundle, f"unable to load root certificates: {why}")


def _trust_fault(pem: str) -> str:
    """Why there is no certificate in a text; nothing where there is one."""
    blocks = list(_PEM.finditer(pem))
    certificates = [one.group() for one in blocks if one["kind"] == "CERTIFICATE"]
    if any(map(_is_certificate, certificates)):
        return ""
    if certificates:
        return "failed to parse certificate: x509: malformed certificate"
    if blocks and not pem[blocks[-1].end() :]:
        return "no valid certificate authority data seen"
    return "unable to parse bytes as PEM block"


def _is_certificate(pem: str) -> bool:
    from cryptography import x509

    try:
        x509.load_pem_x509_certificate(pem.encode("latin-1"))
    except ValueError:
        return False
    return True


def _url(url: str, path: str) -> Rules:
    found = parsed(url)
    if found.scheme.lower() != "https":
        why = f"'https' is the only allowed URL scheme{FORM}"
        yield invalid_value(path, found.scheme.lower(), why)
    if not found.host:
        yield invalid_value(path, "", f"host must be specified{FORM}")
    if found.user:
        yield invalid_value(path, found.user, "user information is not permitted in the URL")
    if found.fragment:
        yield invalid_value(path, found.fragment, "fragments are not permitted in the URL")
    if found.query:
        yield invalid_value(path, found.query, "query parameters are not permitted in the URL")


def _service(doc: Document, path: str) -> Rules:
    """Upstream hands its check the name as namespace and the namespace as name: so do we."""
    if not text(doc, "namespace"):
        yield required(at(path, "name"))
    if not text(doc, "name"):
        yield required(at(path, "namespace"))
    port = number(doc, "port")
    wrong = port_number(port)
    if wrong:
        yield invalid_value(at(path, "port"), port, f"port is not valid: {', '.join(wrong)}")
    yield from _path(text(doc, "path"), at(path, "path"))


def _path(value: str, path: str) -> Rules:
    if value in ("", "/"):
        return
    if value == "//":
        yield invalid_value(path, value, "segment[0] may not be empty")
        return
    if not value.startswith("/"):
        yield invalid_value(path, value, "must start with a '/'")
    for index, step in enumerate(value[1:].removesuffix("/").split("/")):
        if not step:
            yield invalid_value(path, value, f"segment[{index}] may not be empty")
            continue
        for complaint in dns1123_subdomain(step):
            yield invalid_value(path, value, f"segment[{index}]: {complaint}")
