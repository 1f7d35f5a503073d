"""A command as one HTTP request: method, path, query, body. Pure, so it can be tested as data.

Source: kubernetes v1.36, client-go/rest/request.go; apimachinery/pkg/apis/meta/v1/types.go
(DeleteOptions, ListOptions); api/policy/v1 (Eviction); api/core/v1 (Binding).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from kelm.adapters.kubernetes.served import Served
from kelm.effects.commands import (
    Bind,
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Get,
    List,
    Patch,
    Update,
)
from kelm.effects.document import Document, Json, text, with_value

Query: TypeAlias = tuple[tuple[str, str], ...]
Draw: TypeAlias = Callable[[int], str]
"""A random suffix of so many letters."""

JSON: Final = "application/json"
PATCH_TYPES: Final = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
LONGEST_GENERATED_BASE: Final = 58
SUFFIX_LETTERS: Final = 5
SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, nothing that looks like another.

Source: apimachinery/pkg/util/rand/rand.go."""


class Call(msgspec.Struct, frozen=True):
    """One HTTP request.

    repeatable: doing it twice is the same as doing it once, and the second answer is true, too.
    named_here: the object's name was drawn by us, so that AlreadyExists in answer to a repeated
        request can only mean that the first one was done.
    """

    method: str
    path: str
    query: Query = ()
    body: Json = None
    content_type: str = JSON
    repeatable: bool = False
    named_here: bool = False


def resource_of(command: Command) -> str:
    """The resource whose path a command needs."""
    return "pods" if isinstance(command, Bind | Evict) else getattr(command, "resource", "")


def call_of(command: Command, served: Served, draw: Draw) -> Call:
    """The request that carries out a command.

    Raises:
        TypeError: for a command that is no API request (machines, events).
    """
    if isinstance(command, Create):
        return _create(command, served, draw)
    if isinstance(command, Update):
        path = served.path(command.namespace, command.name, command.subresource)
        return Call("PUT", path, _dry(command.dry_run), _whole(command.object, served))
    if isinstance(command, Patch):
        return _patch(command, served)
    if isinstance(command, Delete):
        path = served.path(command.namespace, command.name)
        return Call("DELETE", path, (), _delete_options(command), repeatable=bool(command.uid))
    if isinstance(command, DeleteCollection):
        selected = _selectors(command.label_selector, command.field_selector)
        body = _delete_options(command)
        return Call("DELETE", served.path(command.namespace), selected, body)
    return _rest(command, served)


def _rest(command: Command, served: Served) -> Call:
    if isinstance(command, Get):
        path = served.path(command.namespace, command.name, command.subresource)
        return Call("GET", path, repeatable=True)
    if isinstance(command, List):
        more = (
            ("limit", str(command.limit) if command.limit else ""),
            ("continue", command.continue_token),
            ("resourceVersion", command.resource_version),
        )
        query = _selectors(command.label_selector, command.field_selector)
        query += tuple(pair for pair in more if pair[1])
        return Call("GET", served.path(command.namespace), query, repeatable=True)
    if isinstance(command, Bind):
        path = served.path(command.namespace, command.name, "binding")
        return Call("POST", path, (), _binding(command))
    if isinstance(command, Evict):
        path = served.path(command.namespace, command.name, "eviction")
        return Call("POST", path, (), _eviction(command))
    raise TypeError(f"{type(command).__name__} is no request to an API server")


def _create(command: Create, served: Served, draw: Draw) -> Call:
    body = _whole(command.object, served)
    base = text(body, "metadata", "generateName")
    named_here = bool(base) and not text(body, "metadata", "name") and not command.subresource
    if named_here:
        name = base[:LONGEST_GENERATED_BASE] + draw(SUFFIX_LETTERS)
        body = with_value(body, ("metadata", "name"), name)
    path = served.path(command.namespace, command.name, command.subresource)
    return Call("POST", path, _dry(command.dry_run), body, JSON, named_here, named_here)


def _patch(command: Patch, served: Served) -> Call:
    query = _dry(command.dry_run)
    if command.field_manager:
        query += (("fieldManager", command.field_manager),)
    if command.force:
        query += (("force", "true"),)
    path = served.path(command.namespace, command.name, command.subresource)
    content_type = PATCH_TYPES[command.patch_type]
    applies = command.patch_type == "apply"
    return Call("PATCH", path, query, command.patch, content_type, repeatable=applies)


def _whole(doc: Document, served: Served) -> Document:
    """The object with its kind, which lists leave out."""
    if "kind" in doc and "apiVersion" in doc:
        return doc
    return Document({"apiVersion": served.api_version, "kind": served.kind, **doc})


def _dry(dry_run: bool) -> Query:
    return (("dryRun", "All"),) if dry_run else ()


def _selectors(labels: str, fields: str) -> Query:
    pairs = (("labelSelector", labels), ("fieldSelector", fields))
    return tuple(pair for pair in pairs if pair[1])


def _delete_options(command: Delete | DeleteCollection) -> Document:
    fields: dict[str, Json] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if command.grace_period_seconds is not None:
        fields["gracePeriodSeconds"] = command.grace_period_seconds
    if command.propagation_policy:
        fields["propagationPolicy"] = command.propagation_policy
    if command.dry_run:
        fields["dryRun"] = ("All",)
    if isinstance(command, Delete):
        pairs = (("uid", command.uid), ("resourceVersion", command.resource_version))
        preconditions = {key: value for key, value in pairs if value}
        if preconditions:
            fields["preconditions"] = Document(preconditions)
    return Document(fields)


def _binding(command: Bind) -> Document:
    meta = Document(namespace=command.namespace, name=command.name, uid=command.uid)
    target = Document(apiVersion="v1", kind="Node", name=command.node)
    return Document(apiVersion="v1", kind="Binding", metadata=meta, target=target)


def _eviction(command: Evict) -> Document:
    options: dict[str, Json] = {}
    if command.uid:
        options["preconditions"] = Document(uid=command.uid)
    if command.grace_period_seconds is not None:
        options["gracePeriodSeconds"] = command.grace_period_seconds
    fields: dict[str, Json] = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": Document(namespace=command.namespace, name=command.name),
    }
    if options:
        fields["deleteOptions"] = Document(options)
    return Document(fields)
