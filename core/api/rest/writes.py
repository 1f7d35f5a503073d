"""Requests that write, as commands: what their bodies and options come to.

A body is validated here as far as its fields go: unknown and repeated ones are refused, warned
about or ignored, as the request asks, and in any case not kept.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/{create,update,patch,delete}.go,
handlers/fieldmanager; apimachinery/pkg/runtime/error.go (strict decoding errors).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.conversion import stored
from kelm.core.api.rest.address import Target
from kelm.core.api.rest.deletion import read_delete_options
from kelm.core.api.rest.fields import Fields, checked_json_patch, checked_object, checked_patch
from kelm.core.api.rest.json_body import Parsed, summary
from kelm.core.api.rest.media import JSON, PROTOBUF, YAML, Media, negotiate, unsupported_body
from kelm.core.api.rest.options import WriteOptions, read_list_options, read_write_options
from kelm.core.api.rest.request import (
    MAX_BODY_BYTES,
    Ask,
    HttpRequest,
    IssueToken,
    Plan,
    Review,
)
from kelm.core.api.rest.subresources import subresource_of
from kelm.core.api.stored import stored_resource
from kelm.effects.commands import (
    Create,
    Delete,
    DeleteCollection,
    Patch,
    PatchType,
    Update,
)
from kelm.effects.document import Document
from kelm.effects.refusals import Reason, Refusal

replace = msgspec.structs.replace

MOST_OPERATIONS: Final = 10_000
PATCH_TYPES: Final[dict[str, PatchType]] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
BODY_TYPES: Final = (JSON, YAML, PROTOBUF, "")
REVIEWS: Final = frozenset(
    {
        "selfsubjectreviews.authentication.k8s.io",
        "tokenreviews.authentication.k8s.io",
        "localsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
        "subjectaccessreviews.authorization.k8s.io",
    }
)


def planned(target: Target, request: HttpRequest, media: Media, verb: str) -> Plan | Refusal:
    """The command of a request that writes."""
    if len(request.raw) > MAX_BODY_BYTES:
        return too_large()
    if verb == "patch":
        return _patch(target, request, media)
    if request.content_type not in BODY_TYPES:
        return unsupported_body()
    if verb in ("delete", "deletecollection"):
        return _delete(target, request, media, verb)
    return _write(target, request, media, verb)


def too_large() -> Refusal:
    """The refusal of a body that is longer than may be."""
    why = f"Request entity too large: limit is {MAX_BODY_BYTES}"
    return Refusal(Reason.REQUEST_ENTITY_TOO_LARGE, why)


def _write(target: Target, request: HttpRequest, media: Media, verb: str) -> Plan | Refusal:
    kind = "CreateOptions" if verb == "create" else "UpdateOptions"
    options = read_write_options(request.query, kind)
    if isinstance(options, Refusal):
        return options
    body = _object(target, request)
    if isinstance(body, Refusal):
        return body
    if target.info.resource in REVIEWS:
        plain = negotiate(request.accept, plain=True) if media.form else media
        if isinstance(plain, Refusal):
            return plain
        return Review(target, body, plain, options.field_manager or request.manager)
    custom = None if target.subresource == "scale" else target.custom
    found = checked_object(body, _types(target, body), request.body.doubts, options, custom)
    if isinstance(found, Refusal):
        return found
    if target.subresource == "token":
        return IssueToken(target, found.document, media, found.warnings)
    manager = options.field_manager or request.manager
    command = _command(target, found.document, options, verb, manager)
    return Ask(command, target, media, found.warnings)


def _object(target: Target, request: HttpRequest) -> Document | Refusal:
    """The object in a body."""
    parsed = request.body
    if not parsed.fault and isinstance(parsed.value, Document):
        return parsed.value
    kind = target.info.kind
    sub = subresource_of(target.info, target.subresource) if target.subresource else None
    kind = sub.kind or kind if sub is not None else kind
    fault = parsed.fault or _no_object(parsed.value)
    why = f"couldn't get version/kind; json parse error: {fault}"
    return refuse.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): {why} "
        f"({summary(request.raw)})"
    )


def _no_object(value: object) -> str:
    word = "string" if isinstance(value, str) else "number"
    word = "array" if isinstance(value, tuple) else "bool" if isinstance(value, bool) else word
    fields = 'APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,'
    return f'json: cannot unmarshal {word} into Go value of type struct {{ {fields}omitempty\\"" }}'


def _types(target: Target, body: Document) -> tuple[str, str]:
    """The version and kind under which a body is read."""
    sub = subresource_of(target.info, target.subresource) if target.subresource else None
    kind, api_version = target.info.kind, target.api_version
    if sub is not None and sub.kind:
        kind, api_version = sub.kind, sub.api_version or "v1"
    return str(body.get("apiVersion") or api_version), str(body.get("kind") or kind)


def _command(
    target: Target, body: Document, options: WriteOptions, verb: str, manager: str
) -> Create | Update:
    dry_run = options.dry_run
    resource, namespace = stored_resource(target.info), target.namespace
    if not target.subresource or target.subresource == "status":
        body = stored(target.info, body, target.api_version)
    if verb == "create":
        return Create(resource, namespace, body, target.subresource, target.name, dry_run, manager)
    return Update(resource, namespace, target.name, body, target.subresource, dry_run, manager)


def _patch(target: Target, request: HttpRequest, media: Media) -> Plan | Refusal:
    patch_type = PATCH_TYPES.get(request.content_type)
    if patch_type is None or (target.info.versions and patch_type == "strategic"):
        return Refusal(Reason.UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type", detailed=True)
    options = read_write_options(request.query, "PatchOptions")
    if isinstance(options, Refusal):
        return options
    parsed = request.body
    if parsed.fault:
        if patch_type == "apply":
            why = f"error decoding YAML: error converting YAML to JSON: {parsed.fault}"
            return refuse.bad_request(why)
        return refuse.bad_request(f"error decoding patch: {parsed.fault}")
    checked: Fields | Refusal = Fields(parsed.value)
    kind, custom = (target.api_version, target.info.kind), target.custom
    if target.subresource == "scale":
        kind, custom = ("autoscaling/v1", "Scale"), None
    if patch_type in ("merge", "strategic") and isinstance(parsed.value, Document):
        checked = checked_patch(parsed.value, kind, parsed.doubts, options, custom)
    elif patch_type == "json" and isinstance(parsed.value, tuple):
        if len(parsed.value) > MOST_OPERATIONS:
            return _too_many(len(parsed.value))
        checked = checked_json_patch(parsed.value, kind, options, custom)
    elif patch_type == "apply":
        checked = _checked_apply(parsed, options)
    if isinstance(checked, Refusal):
        return checked
    command = Patch(
        stored_resource(target.info),
        target.namespace,
        target.name,
        checked.value,
        patch_type,
        target.subresource,
        options.field_manager or ("" if patch_type == "apply" else request.manager),
        options.force,
        options.dry_run,
    )
    return Ask(command, target, media, checked.warnings)


def _too_many(operations: int) -> Refusal:
    """Source: handlers/patch.go, applyJSPatch."""
    said = f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}"
    why = f"Request entity too large: {said}, got {operations}"
    return Refusal(Reason.REQUEST_ENTITY_TOO_LARGE, why)


def _checked_apply(parsed: Parsed, options: WriteOptions) -> Fields | Refusal:
    """An applied configuration, whose keys may come twice unless somebody minds.

    Source: handlers/patch.go, applyPatcher.
    """
    said = f"error converting YAML to JSON: {parsed.repeated}" if parsed.repeated else ""
    if said and options.field_validation == "Strict":
        return refuse.bad_request(f"error strict decoding YAML: {said}")
    return Fields(parsed.value, (said,) if said and options.field_validation == "Warn" else ())


def _delete(target: Target, request: HttpRequest, media: Media, verb: str) -> Plan | Refusal:
    parsed = request.body
    if request.raw.strip() and (parsed.fault or not isinstance(parsed.value, Document)):
        found = _object(target, request)
        assert isinstance(found, Refusal)
        return replace(found, message=found.message.replace(target.info.kind, "DeleteOptions", 1))
    body = parsed.value if isinstance(parsed.value, Document) else None
    options = read_delete_options(request.query, body)
    if isinstance(options, Refusal):
        return options
    resource, namespace = stored_resource(target.info), target.namespace
    if verb == "delete":
        return Ask(
            Delete(
                resource,
                namespace,
                target.name,
                options.uid,
                options.resource_version,
                options.grace_period_seconds,
                options.propagation_policy,  # type: ignore[arg-type]  # one of the known
                options.dry_run,
            ),
            target,
            media,
        )
    listed = read_list_options(request.query)
    if isinstance(listed, Refusal):
        return listed
    return Ask(
        DeleteCollection(
            resource,
            namespace,
            listed.label_selector,
            listed.field_selector,
            options.grace_period_seconds,
            options.propagation_policy,  # type: ignore[arg-type]  # one of the known
            options.dry_run,
        ),
        target,
        media,
    )
