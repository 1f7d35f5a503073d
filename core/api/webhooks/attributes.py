"""A request as admission sees it, and as a webhook is shown it.

Source: kubernetes v1.36, apiserver/pkg/admission/attributes.go,
plugin/webhook/request/admissionreview.go.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from kelm.core.api.conversion import served
from kelm.core.api.custom.converting import convert
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.rest.subresources import subresource_of
from kelm.core.api.webhooks.hearing import Hearing
from kelm.effects.document import EMPTY, Document, Json
from kelm.effects.refusals import Refusal

Operation: TypeAlias = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


class Attributes(msgspec.Struct, frozen=True):
    """What is asked. `object` and `old` are in the stored version, None where there is none.

    namespace: a Namespace's own name, for requests about a Namespace.
    name: as the request has it: "" where the object asks for a fresh one.
    """

    operation: Operation
    info: ResourceInfo
    namespace: str
    name: str
    object: Document | None
    old: Document | None = None
    subresource: str = ""


def attributes(
    operation: Operation,
    info: ResourceInfo,
    place: tuple[str, str],
    now: Document | None,
    old: Document | None = None,
    subresource: str = "",
) -> Attributes:
    """The attributes of a request at a place: its namespace and name."""
    namespace, name = place
    if info.resource == "namespaces":
        namespace = name
    return Attributes(operation, info, namespace, name, now, old, subresource)


def kind_of(asked: Attributes, version: str) -> Document:
    """The kind that such a request carries, in a version of the resource."""
    info = asked.info
    sub = subresource_of(info, asked.subresource) if asked.subresource else None
    if sub is not None and sub.kind:
        group, _, version = (sub.api_version or "v1").rpartition("/")
        return Document(group=group, version=version, kind=sub.kind)
    return Document(group=info.group, version=version, kind=info.kind)


def _resource(asked: Attributes, version: str) -> Document:
    return Document(group=asked.info.group, version=version, resource=asked.info.plural)


def review(
    hearing: Hearing, asked: Attributes, matched: str, requested: str, version: str
) -> Document | Refusal:
    """The AdmissionReview without its uid.

    matched: the version in which the webhook wants the object. requested: the request's own.
    version: of the review.
    """
    now = converted(hearing, asked, asked.object, matched)
    if isinstance(now, Refusal):
        return now
    old = converted(hearing, asked, asked.old, matched)
    if isinstance(old, Refusal):
        return old
    fields: dict[str, Json] = {
        "kind": kind_of(asked, matched),
        "resource": _resource(asked, matched),
        "requestKind": kind_of(asked, requested),
        "requestResource": _resource(asked, requested),
    }
    if asked.subresource:
        fields["subResource"] = asked.subresource
        fields["requestSubResource"] = asked.subresource
    places = (("name", asked.name), ("namespace", asked.namespace))
    fields |= {key: value for key, value in places if value}
    fields["operation"] = asked.operation
    fields["userInfo"] = hearing.user.info
    fields["object"] = now
    fields["oldObject"] = old
    fields["dryRun"] = hearing.dry_run
    fields["options"] = _options(asked.operation, hearing.options)
    return Document(
        kind="AdmissionReview",
        apiVersion=f"admission.k8s.io/{version}",
        request=Document(fields),
    )


def _options(operation: Operation, options: Document) -> Document | None:
    """The request's options; what creates an object by updating or applying it has a creator's."""
    if operation == "CREATE" and options:
        kept = {key: value for key, value in options.items() if key != "force"}
        return Document({**kept, "kind": "CreateOptions"})
    return options or None


def shown(asked: Attributes, doc: Document | None, version: str) -> Document | None:
    """An object in a version of its resource."""
    if doc is None:
        return None
    info = asked.info
    return served(info, doc, f"{info.group}/{version}" if info.group else version)


def converted(
    hearing: Hearing, asked: Attributes, doc: Document | None, version: str
) -> Document | Refusal | None:
    """The same, by the definition's webhook where one converts between the versions."""
    custom = hearing.converting
    if doc is None or custom is None or doc.get("kind") != custom.info.kind:
        return shown(asked, doc, version)
    return convert(custom, doc, f"{asked.info.group}/{version}", hearing)


def with_uid(review_: Document, uid: str) -> Document:
    """A review as it is sent.

    >>> with_uid(Document(kind="AdmissionReview", request=Document(name="a")), "u")["request"]
    {'uid': 'u', 'name': 'a'}
    """
    request = review_.get("request")
    request = request if isinstance(request, Document) else EMPTY
    return Document({**review_, "request": Document({"uid": uid, **request})})
