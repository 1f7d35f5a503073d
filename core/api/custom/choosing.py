"""Choosing by fields that an object has only in the version of who asks.

Where a webhook converts between versions, a field of one is none of another: objects are converted
first, and then chosen. What a selector says of metadata holds in every version, and is asked first.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/customresource_handler.go (each
version has a storage of its own, which decodes into that version before it selects).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.custom.converting import converted
from kelm.core.api.custom.definition import CustomResource
from kelm.core.api.fields import NAME, NAMESPACE, selects
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.objects.selectors.fields import FieldSelector, parse_field_selector
from kelm.effects.commands import List
from kelm.effects.document import Document, children
from kelm.effects.refusals import Refusal

EVERYWHERE: Final = (NAME, NAMESPACE)


class Choice(msgspec.Struct, frozen=True):
    """A field selector in two parts: what holds in every version, and what in one."""

    everywhere: str = ""
    own: FieldSelector = FieldSelector()


def choice_of(fields: str) -> Choice:
    """A selector's two parts; one that cannot be read is left as it is, to be refused.

    >>> choice = choice_of("metadata.name=a,spec.size!=2")
    >>> choice.everywhere, str(choice.own)
    ('metadata.name=a', 'spec.size!=2')
    """
    read = parse_field_selector(fields)
    if isinstance(read, Failure):
        return Choice(fields)
    terms = read.unwrap().terms
    kept = tuple(one for one in terms if one.field in EVERYWHERE)
    own = tuple(one for one in terms if one.field not in EVERYWHERE)
    return Choice(str(FieldSelector(kept)), FieldSelector(own))


def widened(command: List) -> List:
    """A request for all that it may mean whatever the version: not in pages, as these would be of
    objects that are not meant."""
    choice = choice_of(command.field_selector)
    if not choice.own.terms:
        return command
    return msgspec.structs.replace(
        command, field_selector=choice.everywhere, limit=0, continue_token=""
    )


def chosen_of(custom: CustomResource, listed: Document, fields: str) -> Document:
    """A list of converted objects with those that a selector means."""
    own = choice_of(fields).own
    if not own.terms or "items" not in listed:
        return listed
    items = children(listed, "items")
    kept = tuple(one for one in items if selects(custom.info.resource, own, one))
    return Document({**listed, "items": kept})


def meant(
    custom: CustomResource, docs: tuple[Document, ...], fields: str, hearing: Hearing
) -> tuple[Document, ...] | Refusal:
    """Those of some stored objects that a selector means in the version of who asks."""
    own = choice_of(fields).own
    if not own.terms:
        return docs
    shown = converted(custom, docs, hearing.api_version or custom.info.api_version, hearing)
    if isinstance(shown, Refusal):
        return shown
    resource = custom.info.resource
    return tuple(doc for doc, seen in zip(docs, shown, strict=True) if selects(resource, own, seen))
