"""The types of the API: which fields a kind has and how lists of them merge.

The data is one text for all 140 kinds (`data_*.py`, generated), a type per paragraph:

    core.v1.PodSpec containers:[]core.v1.Container:!:map=name:merge=name nodeName:str ...

First the type's name, `=group/version/Kind` where it is a kind, `~` where the whole type is one
value to server-side apply; then its fields. A field is a name, a type, and flags: `!` the field
is required, `map=key,...`, `set`, `atomic` or `granular` how server-side apply sees a list or map,
`merge=key` or `merge` how a strategic merge patch does, `retainKeys` and `replace` likewise.
Types are str, bool, i32, i64, num, b64 (bytes), time, micro (time in microseconds), qty
(quantity), intstr (number or text), any, `[]T` a list, `{}T` a map, or another type's name.
`str(v1.DNSPolicy)` is text whose type has a name of its own in Go; `any(T)` is anything,
where objects are of a type.

Nothing is read before it is asked for: importing this module costs nothing.

Source: kubernetes v1.36, api/openapi-spec/swagger.json (x-kubernetes-* extensions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import msgspec

from kelm.core.api.schema import (
    data_cluster,
    data_core_a_n,
    data_core_o_z,
    data_meta,
    data_network_storage,
    data_workloads,
)

_TYPE = re.compile(r"(\[\]|\{\})?([^(]+)(?:\((.+)\))?")
_LIST_TYPES = ("map", "set", "atomic", "granular")
_SCALARS = frozenset(
    ["str", "bool", "i32", "i64", "num", "b64", "time", "micro", "qty", "intstr", "any"]
)


class Type(msgspec.Struct, frozen=True, gc=False):
    """A field's type: a scalar's word, "list", "map" or "object".

    `name` is an object's definition, or what Go calls a text; `element` is what a list or map
    holds.
    """

    kind: str
    name: str = ""
    element: Type | None = None


class Field(msgspec.Struct, frozen=True, gc=False):
    """One field. `list_type` is "" or how server-side apply sees it: "map", "set", "atomic", ..."""

    type: Type
    required: bool = False
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    merge_key: str = ""
    strategy: str = ""
    retain_keys: bool = False


class Definition(msgspec.Struct, frozen=True, gc=False):
    """An object's type. `kind` is "group/version/Kind" where it is one of the API's kinds."""

    name: str
    fields: dict[str, Field]
    kind: str = ""
    atomic: bool = False


Definitions: TypeAlias = Mapping[str, Definition]


def parse_definitions(data: str) -> dict[str, Definition]:
    """Read paragraphs of the data's words.

    >>> web = parse_definitions("Web =v1/Web port:i32:! names:[]str:set:merge")["Web"]
    >>> web.fields["port"].required, web.fields["names"].strategy
    (True, 'merge')
    """
    paragraphs = data.strip().replace("\n ", " ").splitlines()
    return {one.name: one for one in map(_definition, paragraphs)}


def _definition(paragraph: str) -> Definition:
    name, *words = paragraph.split()
    kind = next((word[1:] for word in words if word[0] == "="), "")
    fields = dict(_field(word) for word in words if word[0] not in "=~")
    return Definition(name, fields, kind, "~" in words)


def _field(word: str) -> tuple[str, Field]:
    name, type_text, *flags = word.split(":")
    given = dict(flag.partition("=")[::2] for flag in flags)
    list_type = next((flag for flag in _LIST_TYPES if flag in given), "")
    strategy = next((flag for flag in ("merge", "replace") if flag in given), "")
    keys = given.get("map", "")
    return name, Field(
        type=_type(type_text),
        required="!" in given,
        list_type=list_type,
        list_keys=tuple(keys.split(",")) if keys else (),
        merge_key=given.get("merge", ""),
        strategy=strategy,
        retain_keys="retainKeys" in given,
    )


@lru_cache(maxsize=2048)
def _type(text: str) -> Type:
    match = _TYPE.fullmatch(text)
    assert match is not None, text
    if match[1]:
        return Type("list" if match[1] == "[]" else "map", element=_type(text[2:]))
    return Type(match[2], match[3] or "") if match[2] in _SCALARS else Type("object", match[2])


@lru_cache(maxsize=1)
def kubernetes() -> dict[str, Definition]:
    """All types of the API, by name such as `apps.v1.Deployment`. Not to be changed."""
    modules = (
        data_core_a_n,
        data_core_o_z,
        data_workloads,
        data_network_storage,
        data_cluster,
        data_meta,
    )
    return parse_definitions("\n".join(module.DATA.strip() for module in modules))


@lru_cache(maxsize=1)
def _names_by_kind() -> dict[str, str]:
    return {one.kind: one.name for one in kubernetes().values() if one.kind}


def definition_of(api_version: str, kind: str) -> Definition | None:
    """The definition of a kind; None for a kind that is not built in.

    >>> definition_of("apps/v1", "Deployment").name
    'apps.v1.Deployment'
    """
    name = _names_by_kind().get(f"{api_version}/{kind}")
    return kubernetes()[name] if name else None
