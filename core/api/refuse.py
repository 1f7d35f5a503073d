"""The refusals of the API in upstream's words.

Refusals name the resource (`deployments.apps "web" not found`) and carry its plural name and group
in `details`; only Invalid names the kind, which is `validation.violation.invalid`.

Source: kubernetes v1.36, apimachinery/pkg/api/errors/errors.go; apiserver/pkg/storage/errors.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.resources import ResourceInfo
from kelm.effects.refusals import Cause, Reason, Refusal

MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)

KEPT_UNDER: Final = {
    "endpoints": "services/endpoints",
    "services": "services/specs",
    "nodes": "minions",
    "replicationcontrollers": "controllers",
    "ingresses.networking.k8s.io": "ingress",
    "apiservices.apiregistration.k8s.io": "apiregistration.k8s.io/apiservices",
    "customresourcedefinitions.apiextensions.k8s.io": (
        "apiextensions.k8s.io/customresourcedefinitions"
    ),
}
"""Where storage keeps what is not kept under its plural name."""


def quoted(text: str) -> str:
    r"""A text between quotes, as Go's %q writes it.

    >>> print(quoted('a "b"\n\0ü'))
    "a \"b\"\n\x00ü"
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(letter: str) -> str:
    if letter in '\\"':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    if letter in _SHORT:
        return _SHORT[letter]
    code = ord(letter)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_SHORT: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def not_found(info: ResourceInfo, name: str) -> Refusal:
    """There is no object of this name."""
    message = f"{info.resource} {quoted(name)} not found"
    return Refusal(Reason.NOT_FOUND, message, name=name, group=info.group, kind=info.plural)


def no_such_resource() -> Refusal:
    """There is no resource of this name at all."""
    said = "the server could not find the requested resource"
    return Refusal(Reason.NOT_FOUND, said, detailed=True)


def already_exists(info: ResourceInfo, name: str, *, being_deleted: bool = False) -> Refusal:
    """The name is taken, perhaps by an object that is on its way out."""
    message = f'{info.resource} "{name}" already exists'
    if being_deleted:
        message = f"object is being deleted: {message}"
    return Refusal(Reason.ALREADY_EXISTS, message, name=name, group=info.group, kind=info.plural)


def conflict(info: ResourceInfo, name: str, why: str) -> Refusal:
    """The object is not what the request takes it for."""
    message = f'Operation cannot be fulfilled on {info.resource} "{name}": {why}'
    return Refusal(Reason.CONFLICT, message, name=name, group=info.group, kind=info.plural)


def conflict_of_kind(info: ResourceInfo, name: str, why: str) -> Refusal:
    """A conflict that upstream words with the kind: preconditions of a deletion."""
    message = f'Operation cannot be fulfilled on {info.qualified_kind} "{name}": {why}'
    return Refusal(Reason.CONFLICT, message, name=name, group=info.group, kind=info.kind)


def modified(info: ResourceInfo, name: str) -> Refusal:
    """The request was made from an old version of the object."""
    return conflict(info, name, MODIFIED)


def wrong_uid(info: ResourceInfo, key: str, name: str, asked: str, stored: str) -> Refusal:
    """The request means a namesake of the stored object.

    Source: apiserver/pkg/storage/interfaces.go, Preconditions.Check.
    """
    path = f"/registry/{KEPT_UNDER.get(info.resource, info.plural)}/{key}"
    why = (
        f"StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {asked}, "
        f"UID in object meta: {stored}"
    )
    return conflict(info, name, why)


def bad_request(message: str) -> Refusal:
    return Refusal(Reason.BAD_REQUEST, message)


def forbidden(info: ResourceInfo, name: str, why: str, causes: tuple[Cause, ...] = ()) -> Refusal:
    """The request is understood and not allowed."""
    named = f' "{name}"' if name else ""
    message = f"{info.resource}{named} is forbidden: {why}"
    return Refusal(
        Reason.FORBIDDEN, message, name=name, group=info.group, kind=info.plural, causes=causes
    )


def method_not_allowed() -> Refusal:
    said = "the server does not allow this method on the requested resource"
    return Refusal(Reason.METHOD_NOT_ALLOWED, said, detailed=True)


def failed(message: str) -> Refusal:
    """An error that upstream gives no reason for: code 500."""
    return Refusal(Reason.UNKNOWN, message)
