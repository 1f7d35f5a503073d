"""Fields that no type has, and fields that come twice: refused, warned about, or ignored.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/create.go and patch.go (fieldValidation),
apimachinery/pkg/runtime/error.go (strictDecodingError).
"""

from __future__ import annotations

import msgspec

from kelm.core.api import refuse
from kelm.core.api.custom.definition import CustomVersion
from kelm.core.api.custom.objects import all_unknown
from kelm.core.api.custom.pruning import unknown_fields
from kelm.core.api.patches.strategic.rules import Place, go_text, root
from kelm.core.api.rest.options import WriteOptions
from kelm.core.api.schema.decode import decode_kind
from kelm.core.api.schema.definitions import definition_of
from kelm.core.api.validation.violation import invalid, invalid_value
from kelm.effects.document import EMPTY, Document, Json, child, text
from kelm.effects.refusals import Refusal


class Fields(msgspec.Struct, frozen=True):
    """A body with only fields that exist, and what to warn of."""

    value: Json
    warnings: tuple[str, ...] = ()

    @property
    def document(self) -> Document:
        assert isinstance(self.value, Document)
        return self.value


def checked_object(
    body: Document,
    types: tuple[str, str],
    doubts: tuple[str, ...],
    options: WriteOptions,
    custom: CustomVersion | None = None,
) -> Fields | Refusal:
    """An object's body; `types` are the version and kind under which it is read.

    Fields of a custom object are those of its schema; what is not there is pruned by the verb.

    A value of the wrong type is left to the verb, which says so in the right order.

    >>> strict = WriteOptions(field_validation="Strict")
    >>> checked_object(Document(datum=1), ("v1", "ConfigMap"), (), strict).message
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: \
unknown field "datum"'
    """
    api_version, kind = types
    found = decode_kind(body, api_version, kind)
    if found.mismatch is not None:
        return Fields(body)
    unknown = found.unknown
    if custom is not None:
        unknown = all_unknown(body, custom.schema)
    faults = _faults(unknown, doubts)
    if faults and options.field_validation == "Strict":
        version = api_version.rpartition("/")[2]
        return refuse.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: '
            f"strict decoding error: {', '.join(faults)}"
        )
    warnings = faults if options.field_validation == "Warn" else ()
    return Fields(found.document if found.unknown else body, warnings)


def _faults(unknown: tuple[str, ...], doubts: tuple[str, ...]) -> tuple[str, ...]:
    return (*(f'unknown field "{path}"' for path in unknown), *doubts)


def checked_patch(
    patch: Document,
    types: tuple[str, str],
    doubts: tuple[str, ...],
    options: WriteOptions,
    custom: CustomVersion | None = None,
) -> Fields | Refusal:
    """The body of a merge patch, whose fields are those of its object.

    Directives of strategic merge patches (`$patch`, `$setElementOrder/...`) are no fields.

    >>> patch = Document({"specs": 1, "$patch": "replace"})
    >>> checked_patch(patch, ("v1", "Pod"), (), WriteOptions())
    Fields(value={'$patch': 'replace'}, warnings=('unknown field "specs"',))
    """
    found = decode_kind(patch, *types).unknown
    if custom is not None:
        found = unknown_fields(patch, custom.schema)
    unknown = tuple(path for path in found if not _is_directive(path))
    faults = _faults(unknown, doubts)
    if faults and options.field_validation == "Strict":
        said = f"strict decoding error: {', '.join(faults)}"
        violation = invalid_value("patch", go_text(patch), said)
        return invalid("", "", "", (violation,))
    pruned = patch
    for path in unknown:
        pruned = _without(pruned, path)
    return Fields(pruned, faults if options.field_validation == "Warn" else ())


def _is_directive(path: str) -> bool:
    return any(step.startswith("$") for step in path.split("."))


def _without(doc: Document, path: str) -> Document:
    """A document without a field; fields inside of lists are left to the verb."""
    head, _, rest = path.partition(".")
    if "[" in head or head not in doc:
        return doc
    if not rest:
        return Document({key: value for key, value in doc.items() if key != head})
    inner = child(doc, head)
    pruned = _without(inner, rest)
    return doc if pruned is inner else Document({**doc, head: pruned})


def checked_json_patch(
    operations: tuple[Json, ...],
    types: tuple[str, str],
    options: WriteOptions,
    custom: CustomVersion | None = None,
) -> Fields | Refusal:
    """A JSON patch: what its operations put where no field is, they put in vain.

    >>> typo = (Document(op="add", path="/spec/replica", value=3),)
    >>> checked_json_patch(typo, ("apps/v1", "Deployment"), WriteOptions()).warnings
    ('unknown field "spec.replica"',)
    """
    place = root(definition_of(*types))
    unknown: dict[str, None] = {}
    for one in operations:
        if not isinstance(one, Document) or one.get("op") not in ("add", "replace"):
            continue
        steps = tuple(
            step.replace("~1", "/").replace("~0", "~") for step in text(one, "path").split("/")
        )
        put = _put(steps[1:], one.get("value"), place)
        if isinstance(put, Document):
            found = decode_kind(put, *types).unknown
            if custom is not None:
                found = unknown_fields(put, custom.schema)
            unknown.update(dict.fromkeys(found))
    faults = _faults(tuple(unknown), ())
    if faults and options.field_validation == "Strict":
        said = f"strict decoding error: {', '.join(faults)}"
        violation = invalid_value("patch", go_text(operations), said)
        return invalid("", "", "", (violation,))
    return Fields(operations, faults if options.field_validation == "Warn" else ())


def _put(steps: tuple[str, ...], value: Json, place: Place) -> Json:
    """An object that has nothing but this value at this place."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if place.type is not None and place.type.kind == "list":
        before = int(step) if step.isascii() and step.isdigit() and len(step) < 4 else 0
        return (*(EMPTY,) * before, _put(rest, value, place.items()))
    return Document({step: _put(rest, value, place.field(step)[1])})
