"""The API's addresses and operations as OpenAPI describes them.

Clients look here for the kind behind a resource (`kubectl explain`) and for the parameters that
an operation knows (`--dry-run=server` and field validation ask before they are used).

Source: kubernetes v1.36, api/openapi-spec; apiserver/pkg/endpoints/installer.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kelm.core.api.kinds.strategies import RETURNED_WHEN_DELETED
from kelm.core.api.openapi.schemas import PATCH, V3, Dialect, custom_name, full_name
from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.core.api.rest.subresources import CONNECTIONS, Subresource, subresource_of
from kelm.core.api.schema.definitions import definition_of
from kelm.effects.document import Document, Json

FORMS: Final = ("application/json", "application/vnd.kubernetes.protobuf", "application/yaml")
STREAMS: Final = (
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
)
PATCHES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_TEXT, _WHOLE, _FLAG = "string", "integer", "boolean"
_READ: Final = {
    "allowWatchBookmarks": _FLAG,
    "continue": _TEXT,
    "fieldSelector": _TEXT,
    "labelSelector": _TEXT,
    "limit": _WHOLE,
    "resourceVersion": _TEXT,
    "resourceVersionMatch": _TEXT,
    "sendInitialEvents": _FLAG,
    "timeoutSeconds": _WHOLE,
    "watch": _FLAG,
}
_WRITE: Final = {"dryRun": _TEXT, "fieldManager": _TEXT, "fieldValidation": _TEXT}
_DELETE: Final = {
    "dryRun": _TEXT,
    "gracePeriodSeconds": _WHOLE,
    "orphanDependents": _FLAG,
    "propagationPolicy": _TEXT,
}
_METHODS: Final = {
    "get": ("get", "get", {}),
    "list": ("get", "list", _READ),
    "create": ("post", "post", _WRITE),
    "update": ("put", "put", _WRITE),
    "patch": ("patch", "patch", {**_WRITE, "force": _FLAG}),
    "delete": ("delete", "delete", _DELETE),
    "deletecollection": (
        "delete",
        "deletecollection",
        {**{key: _READ[key] for key in _READ if key not in ("allowWatchBookmarks", "watch")},
         **_DELETE},
    ),
}  # fmt: skip
_WORDS: Final = {
    "get": "read",
    "list": "list",
    "create": "create",
    "update": "replace",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "deleteCollection",
}
ON_COLLECTIONS: Final = ("list", "create", "deletecollection")
ON_OBJECTS: Final = ("get", "update", "patch", "delete")


def paths_of(group: str, version: str) -> Iterator[tuple[str, Document]]:
    """Every address of a group version with its operations, in version 3's dialect."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    for info in RESOURCES.values():
        if info.group == group and version in served_versions(info):
            yield from _paths(root, info, version)


def resource_paths(info: ResourceInfo, version: str) -> Iterator[tuple[str, Document]]:
    """The addresses of one resource of a named group."""
    yield from _paths(f"/apis/{info.group}/{version}", info, version)


def _paths(root: str, info: ResourceInfo, version: str) -> Iterator[tuple[str, Document]]:
    scope = f"{root}/namespaces/{{namespace}}" if info.namespaced else root
    if info.namespaced and "list" in info.verbs:
        yield f"{root}/{info.plural}", _item(info, version, ("list",), "ForAllNamespaces")
    for verbs, end in ((ON_COLLECTIONS, ""), (ON_OBJECTS, "/{name}")):
        served = tuple(verb for verb in verbs if verb in info.verbs)
        if served:
            yield f"{scope}/{info.plural}{end}", _item(info, version, served, "", end)
    for name in sorted(info.subresources):
        sub = subresource_of(info, name)
        if sub is not None and name not in CONNECTIONS:
            path = f"{scope}/{info.plural}/{{name}}/{name}"
            yield path, _sub_item(info, version, name, sub)


def _item(
    info: ResourceInfo, version: str, verbs: tuple[str, ...], suffix: str, end: str = ""
) -> Document:
    kind = Document(group=info.group, kind=info.kind, version=version)
    schema = _schema_name(info.group, version, info.kind)
    namespaced = info.namespaced and not suffix
    operations: dict[str, Json] = {}
    for verb in verbs:
        operation_id = _operation_id(info, version, verb, suffix)
        answer = f"{schema}List" if verb == "list" else schema
        if verb == "delete" and info.resource not in RETURNED_WHEN_DELETED:
            answer = full_name("meta.v1.Status")
        method, operation = _operation(verb, kind, schema, answer, operation_id)
        operations[method] = _tagged(info, version, operation)
    shared = [_path_parameter("name")] if end else []
    shared += [_path_parameter("namespace")] if namespaced else []
    operations["parameters"] = (*shared, _parameter("pretty", _TEXT))
    return Document(operations)


def _sub_item(info: ResourceInfo, version: str, name: str, sub: Subresource) -> Document:
    group, sub_version, kind_name = info.group, version, sub.kind or info.kind
    if sub.api_version:
        group, _, sub_version = sub.api_version.rpartition("/")
    kind = Document(group=group, kind=kind_name, version=sub_version)
    schema = _schema_name(group, sub_version, kind_name)
    operations: dict[str, Json] = {}
    for verb in sub.verbs:
        operation_id = _operation_id(info, version, verb, name.capitalize())
        method, operation = _operation(verb, kind, schema, schema, operation_id)
        operations[method] = _tagged(info, version, operation)
    shared = [_path_parameter("name")]
    shared += [_path_parameter("namespace")] if info.namespaced else []
    operations["parameters"] = (*shared, _parameter("pretty", _TEXT))
    return Document(operations)


def _schema_name(group: str, version: str, kind: str) -> str:
    definition = definition_of(f"{group}/{version}" if group else version, kind)
    return full_name(definition.name) if definition else custom_name(group, version, kind)


def group_word(group: str) -> str:
    """What operations and tags call a group.

    >>> group_word(""), group_word("apps"), group_word("rbac.authorization.k8s.io")
    ('core', 'apps', 'rbacAuthorization')
    >>> group_word("stable.example.com")
    'stableExampleCom'
    """
    first, *rest = (group.removesuffix(".k8s.io") or "core").split(".")
    return "".join((first, *(part.capitalize() for part in rest)))


def _operation_id(info: ResourceInfo, version: str, verb: str, suffix: str) -> str:
    tag = group_word(info.group)
    group = f"{tag[0].upper()}{tag[1:]}"
    scope = "Namespaced" if info.namespaced and suffix != "ForAllNamespaces" else ""
    word = _WORDS[verb]
    if word == "deleteCollection":
        return f"delete{group}{version.capitalize()}Collection{scope}{info.kind}{suffix}"
    return f"{word}{group}{version.capitalize()}{scope}{info.kind}{suffix}"


def _tagged(info: ResourceInfo, version: str, operation: Document) -> Document:
    return Document({"tags": (f"{group_word(info.group)}_{version}",), **operation})


def _operation(
    verb: str, kind: Document, schema: str, answer: str, operation_id: str
) -> tuple[str, Document]:
    method, action, query = _METHODS[verb]
    found: dict[str, Json] = {"operationId": operation_id}
    if query:
        found["parameters"] = tuple(_parameter(name, query[name]) for name in sorted(query))
    body = _body(verb, schema)
    if body is not None:
        found["requestBody"] = body
    if verb == "deletecollection":
        answer = full_name("meta.v1.Status")
    found["responses"] = _responses(verb, answer)
    found["x-kubernetes-action"] = action
    found["x-kubernetes-group-version-kind"] = kind
    return method, Document(found)


def _responses(verb: str, schema: str) -> Document:
    forms = (*FORMS, *STREAMS) if verb == "list" else FORMS
    content = _content(forms, schema)
    codes = {"create": ("200", "201", "202"), "update": ("200", "201"), "patch": ("200", "201")}
    codes["delete"] = ("200", "202")
    answers: dict[str, Json] = {
        code: Document(description="", content=content) for code in codes.get(verb, ("200",))
    }
    return Document({**answers, "401": Document(description="Unauthorized")})


def _content(forms: tuple[str, ...], schema: str, dialect: Dialect = V3) -> Document:
    inner = Document(schema=dialect.reference(schema))
    return Document(dict.fromkeys(forms, inner))


def _body(verb: str, schema: str) -> Document | None:
    if verb in ("create", "update"):
        return Document(content=_content(("*/*",), schema), required=True)
    if verb == "patch":
        return Document(content=_content(PATCHES, PATCH), required=True)
    if verb in ("delete", "deletecollection"):
        return Document(content=_content(("*/*",), full_name("meta.v1.DeleteOptions")))
    return None


def _parameter(name: str, kind: str) -> Document:
    schema = Document(type=kind, uniqueItems=True)
    return Document({"in": "query", "name": name, "schema": schema})


def _path_parameter(name: str) -> Document:
    schema = Document(type=_TEXT, uniqueItems=True)
    return Document({"in": "path", "name": name, "required": True, "schema": schema})
