"""Server-side apply as a request: who applies, to what, and what comes of it.

What is not there is created. Merging and owning are `patches/server_side_apply.py`.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/patch.go (applyPatcher),
apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidatePatchOptions).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.custom.objects import unknown
from kelm.core.api.custom.places import place_of
from kelm.core.api.custom.writing import in_version
from kelm.core.api.patches.apply.managers import Manager
from kelm.core.api.patches.server_side_apply import apply, conflict_refusal, typed_patch_fault
from kelm.core.api.patches.strategic.rules import Place, Refused
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.schema.decode import decode_kind
from kelm.core.api.validation.violation import forbidden, invalid, required, too_long
from kelm.core.api.verbs.create import create
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Answer, Call, Written, misnamed, typed
from kelm.core.api.verbs.update import replace
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import Patch
from kelm.effects.document import Document, elements
from kelm.effects.refusals import Refusal

LONGEST_MANAGER: Final = 128


def wrong_options(command: Patch) -> Refusal | None:
    """Why nothing can be patched like this."""
    violations = []
    if command.patch_type == "apply" and not command.field_manager:
        violations.append(required("fieldManager", "is required for apply patch"))
    if command.patch_type != "apply" and command.force:
        violations.append(forbidden("force", "may not be specified for non-apply patch"))
    if len(command.field_manager.encode()) > LONGEST_MANAGER:
        violations.append(too_long("fieldManager", LONGEST_MANAGER))
    return invalid("PatchOptions", "meta.k8s.io", "", violations) if violations else None


def apply_patch(store: Store, info: ResourceInfo, command: Patch, call: Call) -> Written:
    """Apply a configuration to an object, or make the object."""
    key = key_of(command.namespace, command.name)
    live = store.get(info.resource, key)
    wanted = _configuration(store, info, command)
    if isinstance(wanted, Refusal):
        return store, wanted
    place = place_of(store, info, str(wanted["apiVersion"]), str(wanted["kind"]))
    seen = None if live is None else in_version(store, info, live, call.hearing)
    if isinstance(seen, Refusal):
        return store, seen
    new = _applied(seen, wanted, command, call, place)
    if isinstance(new, Refusal):
        return store, new
    if new is seen:
        return store, new if live is None else live
    wrong = misnamed(command.namespace, command.name, new)
    if wrong is not None:
        return store, wrong
    call = msgspec.structs.replace(call, owners=elements(new, "metadata", "managedFields"))
    if live is None:
        return create(store, info, command.namespace, new, call)
    return replace(store, info, key, live, new, call, command.subresource)


def _configuration(store: Store, info: ResourceInfo, command: Patch) -> Answer:
    """What is to be applied, with its kind; it names no owners and only fields that exist."""
    body = command.patch
    if not isinstance(body, Document):
        return refuse.bad_request("error decoding YAML: an object is expected")
    if metadata_of(body).get("managedFields"):
        return refuse.bad_request("metadata.managedFields must be nil")
    wanted = typed(info, body)
    if isinstance(wanted, Refusal):
        return wanted
    decoded = decode_kind(wanted, str(wanted["apiVersion"]), str(wanted["kind"]))
    if info.versions:
        decoded = msgspec.structs.replace(decoded, unknown=unknown(store, info, wanted))
    fault = typed_patch_fault(wanted, decoded)
    return refuse.failed(fault) if fault else decoded.document


def _applied(
    live: Document | None, wanted: Document, command: Patch, call: Call, place: Place
) -> Answer:
    api_version = str(wanted["apiVersion"])
    manager = Manager(command.field_manager, "Apply", api_version, command.subresource)
    now_ms = call.now_ms
    try:
        found = apply(live, wanted, manager, None, now_ms, force=command.force, place=place)
    except Refused as refused:
        return refuse.failed(str(refused))
    return conflict_refusal(found.failure()) if isinstance(found, Failure) else found.unwrap()
