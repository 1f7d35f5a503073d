"""Custom objects in another version: relabelled, or converted by their definition's webhook.

A webhook is shown an object without its resourceVersion, so that the same question has the same
answer whatever else is written meanwhile; of the metadata that comes back only labels and
annotations count, as upstream has it. Each object is a call of its own.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go,
nop_converter.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from returns.result import Failure, Result, Success

from kelm.core.api import refuse
from kelm.core.api.custom.definition import CustomResource
from kelm.core.api.validation.violation import quoted
from kelm.core.api.webhooks.answers import replied_document
from kelm.core.api.webhooks.hearing import (
    Heard,
    Hearing,
    NotReached,
    Question,
    Unheard,
    unheard,
)
from kelm.effects.document import Document, child, children, elements, text, without
from kelm.effects.refusals import Refusal

TIMEOUT_S: Final = 30
"""How long upstream's client waits for a conversion webhook."""
NOBODY: Final = NotReached("dial tcp: connect: connection refused")


def converted(
    custom: CustomResource, docs: Iterable[Document], api_version: str, hearing: Hearing | None
) -> tuple[Document, ...] | Refusal:
    """Objects of one resource in a version; what is in it already stays as it is."""
    found: list[Document] = []
    missing: list[Question] = []
    for doc in docs:
        answer = _converted(custom, doc, api_version, hearing)
        if isinstance(answer, Unheard):
            missing.extend(answer.questions)
        elif isinstance(answer, Refusal):
            return answer
        else:
            found.append(answer)
    return unheard(*missing) if missing else tuple(found)


def convert(
    custom: CustomResource, doc: Document, api_version: str, hearing: Hearing | None
) -> Document | Refusal:
    """The same for one object."""
    found = converted(custom, (doc,), api_version, hearing)
    return found if isinstance(found, Refusal) else found[0]


def presented(
    custom: CustomResource, answer: Document, api_version: str, hearing: Hearing | None
) -> Document | Refusal:
    """An answer, an object or a list of them, in a version; what is something else stays."""
    kind = answer.get("kind")
    if kind == custom.info.kind:
        return convert(custom, answer, api_version, hearing)
    if "items" not in answer:
        return answer
    items = converted(custom, children(answer, "items"), api_version, hearing)
    if isinstance(items, Refusal):
        return items
    return Document({**answer, "apiVersion": api_version, "items": items})


def _converted(
    custom: CustomResource, doc: Document, api_version: str, hearing: Hearing | None
) -> Document | Refusal:
    if text(doc, "apiVersion") == api_version:
        return doc
    if not custom.calls_out:
        return Document({**doc, "apiVersion": api_version})
    failed = f"conversion webhook for {text(doc, 'apiVersion')}, Kind={custom.info.kind}"
    question = _question(custom, doc, api_version)
    if isinstance(question, str):
        return refuse.failed(question)
    if hearing is None:
        return refuse.failed(f"{failed} failed: {replied_document(question, NOBODY)}")
    heard = hearing.find(question)
    if heard is None:
        return unheard(question)
    answer = _answered(heard[1])
    if isinstance(answer, Failure):
        return refuse.failed(f"{failed} failed: {answer.failure()}")
    return _restored(failed, doc, answer.unwrap(), api_version)


def _question(custom: CustomResource, doc: Document, api_version: str) -> Question | str:
    webhook = child(custom.conversion, "webhook")
    known = ("v1", "v1beta1")
    versions = elements(webhook, "conversionReviewVersions")
    version = next((one for one in versions if one in known), None)
    if version is None:
        return "no supported conversion review versions"
    shown = without(doc, ("metadata", "resourceVersion"))
    review = Document(
        kind="ConversionReview",
        apiVersion=f"apiextensions.k8s.io/{version}",
        request=Document(desiredAPIVersion=api_version, objects=(shown,)),
    )
    name = f"conversion_webhook_for_{custom.info.resource}"
    return Question("converting", name, child(webhook, "clientConfig"), TIMEOUT_S, review)


def _answered(heard: Heard) -> Result[tuple[Document, ...], str]:
    """The objects in a reply, or why there are none."""
    body = replied_document(heard.question, heard.reply)
    if isinstance(body, str):
        return Failure(body)
    if heard.question.review["apiVersion"] == "apiextensions.k8s.io/v1":
        if body.get("kind") != "ConversionReview" or body.get("apiVersion") != (
            "apiextensions.k8s.io/v1"
        ):
            got = f"{body.get('apiVersion')}, Kind={body.get('kind')}"
            wanted = "apiextensions.k8s.io/v1, Kind=ConversionReview"
            return Failure(f"expected webhook response of {wanted}, got {got}")
        uid = text(body, "response", "uid")
        if "response" in body and uid != heard.uid:
            return Failure(f"expected response.uid={quoted(heard.uid)}, got {quoted(uid)}")
    if "response" not in body:
        return Failure("no response provided")
    status = text(body, "response", "result", "status")
    if status != "Success":
        said = text(body, "response", "result", "message")
        return Failure(said or f"response.result.status was '{status}', not 'Success'")
    return Success(children(body, "response", "convertedObjects"))


def _restored(
    failed: str, doc: Document, found: tuple[Document, ...], api_version: str
) -> Document | Refusal:
    """A converted object with the metadata that it had; or what is wrong with it."""
    if len(found) != 1:
        return refuse.failed(f"{failed} returned {len(found)} objects, expected 1")
    new = found[0]
    fault = _fault(doc, new, api_version)
    if fault:
        return refuse.failed(f"{failed} returned invalid {fault}")
    meta = dict(child(doc, "metadata"))
    for field in ("labels", "annotations"):
        value = child(new, "metadata").get(field)
        if isinstance(value, Document):
            meta[field] = value
        else:
            meta.pop(field, None)
    return Document({**new, "metadata": Document(meta)})


def _fault(doc: Document, new: Document, api_version: str) -> str:
    """Why a converted object cannot be the given one."""
    version, kind = text(new, "apiVersion"), text(new, "kind")
    if version != api_version:
        why = f"invalid groupVersion (expected {api_version}, received {version})"
        return f"object at index 0: {why}"
    if kind != text(doc, "kind"):
        return f"object at index 0: invalid kind (expected {text(doc, 'kind')}, received {kind})"
    if not isinstance(new.get("metadata"), Document):
        return "metadata: missing metadata in converted object"
    for field, called in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        was, now = text(doc, "metadata", field), text(new, "metadata", field)
        if was != now:
            return f"object: must have the same {called}: {was} != {now}"
    return ""
