"""What a request is answered with: a code, a document and headers, in the form that was wanted.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/response.go and responsewriters/.
"""

from __future__ import annotations

from operator import is_

import msgspec
from returns.result import Failure

from kelm.core.api.conversion import served
from kelm.core.api.custom.structural import defaulted
from kelm.core.api.rest.address import Target
from kelm.core.api.rest.media import Media
from kelm.core.api.rest.request import Ask
from kelm.core.api.rest.tables import is_list, partial, partial_list, table_of
from kelm.core.api.rest.warnings import warnings_after, warnings_before
from kelm.core.api.verbs.patch import NOT_PATCHED
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document, children
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

DEPRECATED = {
    "endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    "componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
}


class Answer(msgspec.Struct, frozen=True):
    """An answer. `media.form` is already applied; `warnings` become Warning headers."""

    code: int
    body: Document
    media: Media = Media()
    warnings: tuple[str, ...] = ()
    retry_after_seconds: int = 0


def refused(refusal: Refusal, media: Media = Media(), warnings: tuple[str, ...] = ()) -> Answer:  # noqa: B008  # frozen
    """A refusal as an answer: its Status. Where no form was agreed on it is written for people."""
    plain = Media(media.type, indent=media.indent or refusal.reason is Reason.NOT_ACCEPTABLE)
    return Answer(refusal.code, refusal.status(), plain, warnings, refusal.retry_after_seconds)


def answer(ask: Ask, outcome: Outcome, now_ms: int, *, existed: bool) -> Answer:
    """The answer to a command; `existed` says whether its object was there before.

    >>> from returns.result import Success
    >>> from kelm.core.api.rest.address import read_address, resolve
    >>> from kelm.effects.commands import Get
    >>> target = resolve(read_address("/api/v1/namespaces/a/pods/b"))
    >>> pod = Document(apiVersion="v1", kind="Pod", metadata=Document(name="b"))
    >>> wanted = Ask(Get("pods", "a", "b"), target, Media(form="PartialObjectMetadata"))
    >>> answer(wanted, Success(pod), 0, existed=True).body["kind"]
    'PartialObjectMetadata'
    """
    warnings = (*deprecation(ask.target), *warnings_before(ask.command), *ask.warnings)
    if isinstance(outcome, Failure):
        refusal = outcome.failure()
        said = warnings[: -len(ask.warnings) or None] if refusal == NOT_PATCHED else warnings
        return refused(refusal, ask.media, said)
    body = outcome.unwrap()
    warnings = (*warnings_after(ask.command, body), *warnings)
    code = 200
    if isinstance(ask.command, Create) or (isinstance(ask.command, Update | Patch) and not existed):
        code = 201
    return Answer(code, formed(ask, body, now_ms), ask.media, warnings)


def deprecation(target: Target) -> tuple[str, ...]:
    """What to tell whoever uses an old resource."""
    said = DEPRECATED.get(target.info.resource)
    if target.custom is not None and target.custom.deprecation:
        said = target.custom.deprecation
        if said == "deprecated":
            said = f"{target.api_version} {target.info.kind} is deprecated"
    return (said,) if said is not None else ()


def formed(ask: Ask, body: Document, now_ms: int) -> Document:
    """A document in the version and form that was asked for; a Status stays what it is."""
    if body.get("kind") == "Status":
        return body
    shown = converted(ask.target, body)
    form = ask.media.form
    if form == "Table":
        resource, custom = ask.target.info.resource, ask.target.custom
        return table_of(resource, shown, now_ms, ask.include_object, custom=custom)
    if form:
        return partial_list(shown) if is_list(shown) else partial(shown)
    return shown


def converted(target: Target, body: Document) -> Document:
    """A document, or each of a list's, in the version of the request.

    What a custom object was stored without, because its schema had no default then, is filled in.
    """
    info, version = target.info, target.api_version
    if not is_list(body):
        return _filled(target, served(info, body, version))
    if body.get("apiVersion") == version and target.custom is None:
        return body
    items = children(body, "items")
    shown = tuple(_filled(target, served(info, doc, version)) for doc in items)
    if body.get("apiVersion") == version and all(map(is_, shown, items)):
        return body
    return Document({**body, "apiVersion": version, "items": shown})


def _filled(target: Target, doc: Document) -> Document:
    if target.custom is None or doc.get("kind") != target.info.kind:
        return doc
    filled = defaulted(doc, target.custom.schema)
    return filled if isinstance(filled, Document) else doc
