"""How to point at something: a resource's name, an object's key, a request's number."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

Resource: TypeAlias = str
"""Plural name and group as kubectl writes it: `pods`, `deployments.apps`."""

Key: TypeAlias = str
"""`namespace/name`, or `name` for what has no namespace."""

Uid: TypeAlias = str
RequestId: TypeAlias = int


class ObjectRef(msgspec.Struct, frozen=True, order=True, gc=False):
    """One object, by name; `uid` says which of its namesakes, "" means whichever lives now."""

    resource: Resource
    namespace: str
    name: str
    uid: Uid = ""

    @property
    def key(self) -> Key:
        return key_of(self.namespace, self.name)


def key_of(namespace: str, name: str) -> Key:
    """The key of an object in a table.

    >>> key_of("default", "web"), key_of("", "node-1")
    ('default/web', 'node-1')
    """
    return f"{namespace}/{name}" if namespace else name


def split_key(key: Key) -> tuple[str, str]:
    """Namespace and name of a key.

    >>> split_key("default/web"), split_key("node-1")
    (('default', 'web'), ('', 'node-1'))
    """
    namespace, slash, name = key.rpartition("/")
    return (namespace, name) if slash else ("", key)
