"""Commands, messages and inputs to JSON and back: one object each, named by its class.

`{"command": "Create", "resource": "pods", ...}`. Reading is strict: an unknown class or field is
an error that names it, because a trace that is read wrongly would replay something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from returns.result import Failure, Result, Success

from kelm.effects import commands
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command
from kelm.effects.document import Document, Json, document, freeze

T = TypeVar("T", bound=msgspec.Struct)

COMMANDS: Mapping[str, type[msgspec.Struct]] = {
    kind.__name__: kind
    for kind in (
        commands.Create,
        commands.Update,
        commands.Patch,
        commands.Delete,
        commands.DeleteCollection,
        commands.Get,
        commands.List,
        commands.Bind,
        commands.Evict,
        commands.ReadMetrics,
        commands.RecordEvent,
        commands.LaunchInstance,
        commands.TerminateInstance,
        commands.SignToken,
        commands.SignCertificate,
        commands.Send,
    )
}


def to_json(command: Command) -> Document:
    """A command as a JSON object; fields that have their default are left out.

    >>> to_json(commands.Get("pods", "default", "web-1"))
    {'command': 'Get', 'resource': 'pods', 'namespace': 'default', 'name': 'web-1'}
    """
    return encode(command, "command")


def encode(record: msgspec.Struct, tag: str) -> Document:
    """A flat record as a JSON object under its class's name."""
    fields: dict[str, Json] = {tag: type(record).__name__}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if field.required or value != field.default:
            fields[field.name] = _plain(value)
    return Document(fields)


def _plain(value: object) -> Json:
    if isinstance(value, msgspec.Struct):
        return document({f.name: getattr(value, f.name) for f in msgspec.structs.fields(value)})
    return freeze(value)


def from_json(value: Mapping[str, object]) -> Result[Command, str]:
    """Read what `to_json` wrote.

    >>> command = commands.Delete("pods", "default", "web-1", uid="u-1")
    >>> from_json(to_json(command)).unwrap() == command
    True
    >>> from_json({"command": "Explode"}).failure()
    'no command is called "Explode"'
    """
    return decode(value, "command", COMMANDS)  # type: ignore[arg-type]


def decode(value: Mapping[str, object], tag: str, kinds: Mapping[str, type[T]]) -> Result[T, str]:
    """Read a record that `encode` wrote, as one of these classes."""
    name = value.get(tag)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        return Failure(f'no {tag} is called "{name}"')
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    given = {key: item for key, item in value.items() if key != tag}
    unknown = sorted(set(given) - set(known))
    if unknown:
        return Failure(f'{name} has no field "{unknown[0]}"; it has {", ".join(sorted(known))}')
    missing = sorted(key for key, field in known.items() if field.required and key not in given)
    if missing:
        return Failure(f'{name} lacks its field "{missing[0]}"')
    return Success(kind(**{key: _rich(known[key].type, item) for key, item in given.items()}))


def _rich(kind: object, value: object) -> object:
    if kind is ObjectRef and isinstance(value, Mapping):
        return msgspec.convert(dict(value), ObjectRef)
    if isinstance(kind, type) and issubclass(kind, str) and kind is not str:
        return kind(value)
    return freeze(value)
