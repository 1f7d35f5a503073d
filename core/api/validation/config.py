"""Rules of ConfigMaps, Secrets and ServiceAccounts.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateConfigMap,
ValidateSecret) and pkg/registry/core/secret/strategy.go.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from typing import Final

import msgspec

from kelm.core.api.validation.fields import IMMUTABLE, Rules, complaints
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import config_map_key
from kelm.core.api.validation.violation import (
    Violations,
    forbidden,
    invalid_value,
    required,
    too_long,
)
from kelm.effects.document import Document, child, strings, text

LARGEST_BYTES: Final = 1_048_576
FROZEN: Final = "field is immutable when `immutable` is set"
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
REDACTED: Final = "<secret contents redacted>"
NEEDED_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
JSON_KEYS: Final = frozenset({".dockercfg", ".dockerconfigjson"})


def config_map_create(doc: Document) -> Violations:
    return (*metadata(doc, "configmaps"), *_config_map(doc))


def config_map_update(old: Document, new: Document) -> Violations:
    found = (*metadata_update(old, new), *_kept(old, new, ("data", "binaryData")))
    return (*found, *_config_map(new))


def _config_map(doc: Document) -> Rules:
    data, binary = child(doc, "data"), child(doc, "binaryData")
    size = 0
    for key in sorted(data):
        yield from complaints(f"data[{key}]", key, config_map_key(key))
        if key in binary:
            yield invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(str(data[key]).encode())
    for key in sorted(binary):
        yield from complaints(f"binaryData[{key}]", key, config_map_key(key))
        size += len(decoded(str(binary[key])))
    if size > LARGEST_BYTES:
        # Upstream's path is the empty name, which prints as a pair of brackets.
        yield too_long("[]", LARGEST_BYTES)


def _kept(old: Document, new: Document, keys: tuple[str, ...]) -> Rules:
    """What was made immutable stays as it is."""
    if old.get("immutable") is not True:
        return
    if new.get("immutable") is not True:
        yield forbidden("immutable", FROZEN)
    for key in keys:
        if child(old, key) != child(new, key):
            yield forbidden(key, FROZEN)


def decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Error, ValueError):
        return b""


def secret_create(doc: Document) -> Violations:
    return (*metadata(doc, "secrets"), *_secret(doc))


def secret_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    if text(old, "type") != text(new, "type"):
        found = (*found, invalid_value("type", text(new, "type"), IMMUTABLE))
    return (*found, *_kept(old, new, ("data",)), *_secret(new))


def _secret(doc: Document) -> Rules:
    data, kind = child(doc, "data"), text(doc, "type")
    size = 0
    for key in sorted(data):
        yield from complaints(f"data[{key}]", key, config_map_key(key))
        size += len(decoded(str(data[key])))
    if size > LARGEST_BYTES:
        yield too_long("data", LARGEST_BYTES)
    if kind == "kubernetes.io/service-account-token":
        if not strings(doc, "metadata", "annotations").get(ACCOUNT_NAME):
            yield required(f"metadata.annotations[{ACCOUNT_NAME}]")
    elif kind == "kubernetes.io/basic-auth":
        if not {"username", "password"} & data.keys():
            yield required("data[username]")
            yield required("data[password]")
    else:
        yield from _needed(data, NEEDED_KEYS.get(kind, ()))


def _needed(data: Document, keys: tuple[str, ...]) -> Rules:
    for key in keys:
        if key not in data:
            yield required(f"data[{key}]")
        elif key in JSON_KEYS:
            fault = _json_fault(decoded(str(data[key])))
            if fault:
                yield invalid_value(f"data[{key}]", REDACTED, fault)


def _json_fault(content: bytes) -> str:
    """What Go's parser says to content that is no JSON object."""
    try:
        value = msgspec.json.decode(content)
    except msgspec.DecodeError:
        first = content.strip()[:1].decode("latin-1")
        if not first:
            return "unexpected end of JSON input"
        return f"invalid character '{first}' looking for beginning of value"
    is_object = isinstance(value, dict)
    return (
        "" if is_object else "json: cannot unmarshal into Go value of type map[string]interface {}"
    )


def service_account_create(doc: Document) -> Violations:
    return tuple(metadata(doc, "serviceaccounts"))
