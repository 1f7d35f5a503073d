"""The OpenAPI documents: version 2 as a whole, version 3 a group version at a time.

Source: kubernetes v1.36, `/openapi/v2`, `/openapi/v3`, `/openapi/v3/apis/GROUP/VERSION`.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha512
from typing import Final

from kelm.core.api.custom.definition import CustomResource
from kelm.core.api.openapi.customs import custom_paths, custom_schemas
from kelm.core.api.openapi.paths import paths_of
from kelm.core.api.openapi.schemas import (
    V2,
    V3,
    Dialect,
    full_name,
    kinds_of,
    list_schema,
    schema_of,
    special,
    types_below,
)
from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.core.api.rest import discovery
from kelm.core.api.rest.subresources import subresource_of
from kelm.core.api.rest.version import VERSION
from kelm.core.api.schema.definitions import definition_of, kubernetes
from kelm.effects.document import Document, Json, child, children

INFO: Final = Document(title="Kubernetes", version="v1.36.2")
_SECURITY: Final = Document(
    {"BearerToken": Document({"type": "apiKey", "in": "header", "name": "authorization"})}
)
_COMMON: Final = (
    "meta.v1.Status",
    "meta.v1.DeleteOptions",
    "meta.v1.APIResourceList",
    "meta.v1.WatchEvent",
)


def group_versions(infos: discovery.Infos = discovery.BUILT_IN) -> tuple[tuple[str, str], ...]:
    """Every group version that is served, the core group as ""."""
    named = (
        (group, version)
        for group in discovery.groups(infos)
        for version in discovery.versions(group, infos)
    )
    return (*(("", version) for version in discovery.versions("")), *named)


def index(
    infos: discovery.Infos = discovery.BUILT_IN, customs: tuple[CustomResource, ...] = ()
) -> Document:
    """`/openapi/v3`: where the documents are, each with what tells it from its other versions.

    >>> child(index(), "paths", "apis/apps/v1")["serverRelativeURL"][:30]
    '/openapi/v3/apis/apps/v1?hash='
    """
    paths: dict[str, Json] = {}
    for group, version in group_versions(infos):
        page = _page(group, version)
        url = f"/openapi/v3/{page}?hash={mark(page, customs)}"
        paths[page] = Document(serverRelativeURL=url)
    return Document(paths=Document(paths))


def mark(page: str, customs: tuple[CustomResource, ...] = ()) -> str:
    """What tells a document from its other versions.

    Those of the built-in kinds are the same as long as the version of Kubernetes is.
    """
    defined = [
        (custom.info.resource, version.name, version.schema)
        for custom in customs
        for version in custom.versions
        if page in ("v2", _page(custom.info.group, version.name))
    ]
    told = json.dumps([page, VERSION["gitVersion"], defined])
    return sha512(told.encode()).hexdigest().upper()


def _page(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


@lru_cache(maxsize=64)
def version_3(page: str) -> Document | None:
    """A group version's document by its page (`apis/apps/v1`), None where there is none."""
    found = next((one for one in group_versions() if _page(*one) == page), None)
    if found is None:
        return None
    group, version = found
    infos = _served(group, version)
    names = set(_COMMON)
    for info in infos:
        names |= _names(info, version)
    schemas = {**special(V3), **_schemas(types_below(names), V3)}
    for info in infos:
        schemas.update(_list_of(info, version, V3))
    return Document(
        openapi="3.0.0",
        info=INFO,
        paths=Document(dict(sorted(paths_of(group, version)))),
        components=Document(
            schemas=Document(dict(sorted(schemas.items()))), securitySchemes=_SECURITY
        ),
    )


def custom_version_3(page: str, customs: tuple[CustomResource, ...]) -> Document | None:
    """The document of a group version of custom resources, None where there is none."""
    paths: dict[str, Json] = {}
    schemas: dict[str, Json] = {**special(V3), **_schemas(types_below(set(_COMMON)), V3)}
    for custom in customs:
        for version in custom.info.versions:
            if _page(custom.info.group, version) == page:
                paths.update(custom_paths(custom, version))
                schemas.update(custom_schemas(custom, V3, version))
    if not paths:
        return None
    schemas.update(_schemas(types_below({"meta.v1.ObjectMeta", "meta.v1.ListMeta"}), V3))
    return Document(
        openapi="3.0.0",
        info=INFO,
        paths=Document(dict(sorted(paths.items()))),
        components=Document(schemas=Document(dict(sorted(schemas.items())))),
    )


def _served(group: str, version: str) -> list[ResourceInfo]:
    return [
        info
        for info in RESOURCES.values()
        if info.group == group and version in served_versions(info)
    ]


def _names(info: ResourceInfo, version: str) -> set[str]:
    """The definitions of a resource's kind and of those of its subresources."""
    own = f"{info.group}/{version}" if info.group else version
    kinds = [(own, info.kind)]
    for name in info.subresources:
        sub = subresource_of(info, name)
        if sub is not None and sub.kind:
            kinds.append((sub.api_version or own, sub.kind))
    found = (definition_of(api_version, kind) for api_version, kind in kinds)
    return {definition.name for definition in found if definition is not None}


def _schemas(names: set[str], dialect: Dialect) -> dict[str, Json]:
    known = kubernetes()
    return {
        full_name(name): schema_of(known[name], dialect, kinds_of(known[name]))
        for name in sorted(names)
    }


def _list_of(info: ResourceInfo, version: str, dialect: Dialect) -> dict[str, Json]:
    definition = definition_of(f"{info.group}/{version}" if info.group else version, info.kind)
    if definition is None or "list" not in info.verbs:
        return {}
    item = full_name(definition.name)
    return {f"{item}List": list_schema(info.kind, item, info.group, version, dialect)}


def version_2(customs: tuple[CustomResource, ...] = ()) -> Document:
    """`/openapi/v2`: all types and addresses, those of custom resources among them."""
    built_in = _built_in_version_2()
    if not customs:
        return built_in
    paths = dict(child(built_in, "paths"))
    schemas = dict(child(built_in, "definitions"))
    for custom in customs:
        paths.update({path: _older(item) for path, item in custom_paths(custom)})
        schemas.update(custom_schemas(custom, V2))
    return Document(
        {
            **built_in,
            "paths": Document(sorted(paths.items())),
            "definitions": Document(sorted(schemas.items())),
        }
    )


@lru_cache(maxsize=1)
def _built_in_version_2() -> Document:
    schemas = {**special(V2), **_schemas(set(kubernetes()), V2)}
    paths: dict[str, Json] = {}
    for group, version in group_versions():
        for info in _served(group, version):
            schemas.update(_list_of(info, version, V2))
        paths.update({path: _older(item) for path, item in paths_of(group, version)})
    return Document(
        swagger="2.0",
        info=INFO,
        paths=Document(dict(sorted(paths.items()))),
        definitions=Document(dict(sorted(schemas.items()))),
        securityDefinitions=_SECURITY,
    )


def _older(item: Document) -> Document:
    """An address's operations as version 2 has them."""
    found: dict[str, Json] = {}
    for method, operation in item.items():
        if method == "parameters":
            found[method] = tuple(_older_parameter(one) for one in children(item, "parameters"))
        elif isinstance(operation, Document):
            found[method] = _older_operation(operation)
    return Document(found)


def _older_parameter(parameter: Document) -> Document:
    rest = {key: value for key, value in parameter.items() if key != "schema"}
    return Document({**rest, **child(parameter, "schema")})


def _older_operation(operation: Document) -> Document:
    parameters: list[Json] = [_older_parameter(one) for one in children(operation, "parameters")]
    body = child(operation, "requestBody")
    if body:
        parameters.insert(
            0,
            Document(
                {
                    "in": "body",
                    "name": "body",
                    "required": "required" in body,
                    "schema": _inner(body),
                }
            ),
        )
    answers = {
        code: Document(description="OK" if code != "401" else "Unauthorized", **_schema(answer))
        for code, answer in child(operation, "responses").items()
        if isinstance(answer, Document)
    }
    kept = {
        key: value
        for key, value in operation.items()
        if key not in ("parameters", "requestBody", "responses")
    }
    return Document(
        {
            **kept,
            "consumes": ("*/*",),
            "produces": ("application/json", "application/yaml"),
            "schemes": ("https",),
            "parameters": tuple(parameters),
            "responses": Document(answers),
        }
    )


def _schema(answer: Document) -> dict[str, Json]:
    return {"schema": _inner(answer)} if "content" in answer else {}


def _inner(holder: Document) -> Document:
    """The schema of the first form of a body, referring as version 2 does."""
    content = child(holder, "content")
    schema = child(content, next(iter(content)), "schema")
    name = str(schema.get("$ref")).rpartition("/")[2]
    return V2.reference(name)
