"""Patch: an update whose object is made from the stored one.

A patch that names no version is applied to whatever is stored; it never conflicts.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.custom.writing import in_version
from kelm.core.api.patches.json_patch import apply_json_patch
from kelm.core.api.patches.merge_patch import merge_documents
from kelm.core.api.patches.strategic.rules import go_text
from kelm.core.api.patches.strategic_merge import apply_strategic_patch
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.schema.decode import decode_kind
from kelm.core.api.schema.definitions import definition_of
from kelm.core.api.subresources.scale import read_scale, update_scale
from kelm.core.api.validation.violation import invalid, invalid_value
from kelm.core.api.verbs.apply import apply_patch, wrong_options
from kelm.core.api.verbs.request import Answer, Call, Written, misnamed
from kelm.core.api.verbs.update import replace
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Patch
from kelm.effects.document import Document, Json
from kelm.effects.refusals import Reason, Refusal

REJECTED: Final = "the server rejected our request due to an error in our request"
NOT_PATCHED: Final = Refusal(Reason.INVALID, REJECTED)
"""The refusal of a JSON patch that cannot be applied: nobody has looked at what it would put."""


def patch(store: Store, info: ResourceInfo, command: Patch, call: Call) -> Written:
    """Change parts of an object, or of one of its subresources."""
    wrong = wrong_options(command)
    if wrong is not None:
        return store, wrong
    if command.patch_type == "apply":
        return apply_patch(store, info, command, call)
    old = store.get(info.resource, key_of(command.namespace, command.name))
    if old is None:
        return store, refuse.not_found(info, command.name)
    if command.subresource == "scale":
        shown = read_scale(store, info, old)
        scale = shown if isinstance(shown, Refusal) else patched(info, shown, command)
        if isinstance(scale, Refusal):
            return store, scale
        return update_scale(store, info, command.namespace, command.name, scale, call)
    seen = in_version(store, info, old, call.hearing)
    if isinstance(seen, Refusal):
        return store, seen
    new = patched(info, seen, command)
    if isinstance(new, Refusal):
        return store, new
    new = typed(seen, new, command, from_outside=bool(call.manager))
    if isinstance(new, Refusal):
        return store, new
    wrong = misnamed(command.namespace, command.name, new)
    if wrong is not None:
        return store, wrong
    key = key_of(command.namespace, command.name)
    return replace(store, info, key, old, new, call, command.subresource)


def typed(old: Document, new: Document, command: Patch, *, from_outside: bool) -> Answer:
    """What a patch has made as its kind has it, or the refusal of a value of the wrong type.

    Fields that the kind does not have go where JSON patches come from outside; the cluster's own
    processes, which own nothing, write none.

    Source: handlers/patch.go, applyPatchToCurrentObject: it names no object.
    """
    pruned = from_outside and command.patch_type == "json"
    if command.subresource and not pruned:
        return new
    decoded = decode_kind(new, str(old["apiVersion"]), str(old["kind"]), old)
    found = None if command.subresource else decoded.mismatch
    if found is None:
        return decoded.document if pruned else new
    strategic = command.patch_type == "strategic"
    value = go_text(command.patch) if strategic else msgspec.json.encode(new).decode()
    said = found.converter if strategic else found.decoder
    return invalid("", "", "", (invalid_value("patch", value, said),))


def patched(info: ResourceInfo, doc: Document, command: Patch) -> Answer:
    """The object that a patch makes of another."""
    body = command.patch
    if command.patch_type == "json":
        return _json_patched(doc, body)
    if not isinstance(body, Document):
        found = _go_word(body)
        return refuse.bad_request(
            f"error decoding patch: json: cannot unmarshal {found} into Go value of type "
            "map[string]interface {}"
        )
    if command.patch_type == "merge":
        return merge_documents(doc, body)
    if command.patch_type != "strategic":
        return refuse.bad_request(f"patches of type {command.patch_type} are not known")
    definition = definition_of(str(doc.get("apiVersion")), str(doc.get("kind")))
    done = apply_strategic_patch(doc, body, definition)
    return refuse.failed(done.failure()) if isinstance(done, Failure) else done.unwrap()


def _json_patched(doc: Document, body: Json) -> Answer:
    if not isinstance(body, tuple):
        return refuse.bad_request(
            f"error decoding patch: json: cannot unmarshal {_go_word(body)} into Go value of type "
            "[]handlers.jsonPatchOp"
        )
    done = apply_json_patch(doc, body)
    return NOT_PATCHED if isinstance(done, Failure) else done.unwrap()


def _go_word(value: Json) -> str:
    """What Go calls the type of a JSON value."""
    if isinstance(value, Document):
        return "object"
    if isinstance(value, tuple):
        return "array"
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"
